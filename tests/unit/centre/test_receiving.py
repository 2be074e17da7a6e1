"""What goes wrong between relay and desk: nothing is lost, nothing comes twice, nothing holds up the rest."""

import secrets
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fieldapp.domain.screening import Identity
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.devices import DeviceState
from fieldapp.services.desk.inbox import NotOpenedYet, UnknownRow
from fieldapp.services.desk.inbox_rows import RowKind
from fieldapp.services.desk.judging import PageJudge
from fieldapp.services.network import Network
from fieldapp.vault import StorageFailed
from sync.answers import Refusal
from sync.chain import Gap
from sync.errors import RelayRefused
from sync.primitives import BoxKeyPair, SigningKey
from sync.protocol import QUARTER, MsgType, Withheld
from sync.receipts import ReceiptKind
from tests.unit.centre.desk import NOW, Device, World, in_world, kinds, parts, screening, seal_record


async def one_screening(device: Device, alias: str = "heron basalt", **more: Any) -> bytes:
    (sealed,) = seal_record(device, screening(alias), **more)
    await device.drop(sealed.envelope)
    return sealed.hash


def aliases(world: World) -> list[str]:
    return sorted(row.alias for row in world.centre.inbox.rows().rows)


ODD = {
    "offline": (None, Network.OFFLINE),
    "portal": (httpx.Response(200, content=b"<html>", headers={"Content-Type": "text/html"}), Network.PORTAL),
    "redirect": (httpx.Response(302, headers={"Location": "/"}), Network.PORTAL),
    "login": (httpx.Response(511), Network.PORTAL),
    "fault": (httpx.Response(500), Network.ONLINE),
    "truncated": (
        httpx.Response(200, content=b"FSP1\0\0\1\0", headers={"Content-Type": "application/octet-stream"}),
        Network.ONLINE,
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_network_stores_nothing_and_loses_nothing(tmp_path: Path, name: str) -> None:
    answer, network = ODD[name]

    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device)
        if answer is None:
            world.network.off()
        else:
            world.network.answer = lambda request: answer if "/v1/box/" in request.url.path else None
        for _ in range(3):
            await world.centre.receiving.once()
            assert world.centre.receiving.network is network
            assert world.centre.receiving.problem
        assert aliases(world) == []
        world.network.on()
        await world.centre.receiving.once()
        assert aliases(world) == ["heron basalt"]
        assert world.centre.receiving.problem == ""

    in_world(tmp_path, body)


def test_a_cut_between_storing_and_the_relays_cursor_delivers_once(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device)
        world.network.refuse("/cursor")
        await world.centre.receiving.once()
        assert aliases(world) == ["heron basalt"]
        await world.restart()
        world.network.on()
        await world.centre.receiving.once()
        assert aliases(world) == ["heron basalt"]
        assert world.network.requests.count(f"POST /v1/box/{device.answer.box}/cursor") == 2  # type: ignore[union-attr]
        assert kinds(await device.hear()) == [ReceiptKind.RECEIVED]

    in_world(tmp_path, body)


def test_a_cut_before_storing_tells_the_relay_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device)
        with monkeypatch.context() as patch:
            patch.setattr(DeskBook, "_commit", _full)
            await world.centre.receiving.once()
        assert "could not write" in world.centre.receiving.problem
        assert aliases(world) == []
        assert not any("/cursor" in request for request in world.network.requests)
        await world.centre.receiving.once()
        assert aliases(world) == ["heron basalt"]

    def _full(*_: object) -> None:
        raise StorageFailed("made up")

    in_world(tmp_path, body)


def test_one_corrupt_of_two_hundred_leaves_the_others(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        device.tokens += (await _more_tokens(world))[:200]
        for number in range(200):
            (sealed,) = seal_record(device, screening(f"record {number:03}", now=False))
            envelope = sealed.envelope
            if number == 77:
                envelope = envelope[:-1] + bytes((envelope[-1] ^ 1,))  # the header is whole, the body is not
            await device.drop(envelope)
        await world.centre.receiving.once()
        first = world.centre.inbox.rows()
        assert (first.total, first.pages, len(first.rows)) == (200, 2, 100)
        assert first.rows[0].kind is RowKind.UNREADABLE
        assert first.rows[0].reason == "body_hash"
        second = world.centre.inbox.rows(1)
        shown = {row.alias for row in (*first.rows, *second.rows)} - {""}
        assert shown == {f"record {n:03}" for n in range(200) if n != 77}
        (kept,) = world.centre.quarantine.rows()
        assert kept.proven
        assert (kept.reason, kept.device, kept.seq) == ("body_hash", "Made-up phone", 78)
        assert world.centre.devices.rows()[0].gaps == (Gap(78, 78),)
        with pytest.raises(UnknownRow):
            await world.centre.inbox.open(first.rows[0].key)
        await world.centre.inbox.acknowledge(first.rows[0].key)
        assert world.centre.inbox.rows().rows[0].kind is RowKind.SCREENING

    in_world(tmp_path, body)


async def _more_tokens(world: World) -> list[bytes]:
    """Take tokens out of the centre's pool by enrolling devices that nobody uses."""
    tokens: list[bytes] = []
    for number in range(4):
        tokens += (await world.device(f"Made-up spare {number}")).tokens
    return tokens


def test_a_record_for_a_lost_key_is_kept_and_the_others_flow(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        lost = BoxKeyPair.generate().public
        (headless,) = seal_record(device, screening("lost key"), recipients=[lost])
        (stranger,) = seal_record(
            device, screening("stranger"), recipients=[lost], registrar=BoxKeyPair.generate().public
        )
        await device.drop(headless.envelope, stranger.envelope)
        await one_screening(device, "after it")
        await world.centre.receiving.once()
        assert aliases(world) == ["", "after it"]
        assert world.centre.inbox.rows().rows[0].reason == "no_body_key"
        rows = world.centre.quarantine.rows()
        assert [(row.reason, row.proven) for row in rows] == [("no_body_key", True), ("not_for_us", False)]
        assert world.centre.quarantine.counted == {"not_for_us": 1}
        assert world.centre.quarantine.original(rows[0].hash) == headless.envelope
        assert world.centre.quarantine.original(rows[1].hash) == stranger.envelope
        await world.restart()
        await world.centre.receiving.once()
        assert world.centre.quarantine.rows() == rows
        assert world.centre.quarantine.counted == {"not_for_us": 1}

    in_world(tmp_path, body)


def test_what_a_lost_certificate_made_unknown_is_read_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device)
        with monkeypatch.context() as patch:
            patch.setattr(PageJudge, "_certificate", lambda _self, _device_id: None)
            await world.centre.receiving.once()
        assert world.centre.quarantine.counted == {"unknown_sender": 1}
        assert aliases(world) == []
        await world.restart()
        await world.centre.receiving.once()
        assert aliases(world) == ["heron basalt"]
        assert world.centre.quarantine.rows() == ()
        assert kinds(await device.hear()) == [ReceiptKind.RECEIVED]

    in_world(tmp_path, body)


def test_forged_and_foreign_arrivals_are_only_counted(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        forger = SigningKey.generate()
        other = secrets.token_bytes(16)
        before = device.seq, device.prev
        sealed = []
        for changes in (
            {"key": forger},
            {"sender_id": other},
            {"centre_id": other},
        ):
            device.seq, device.prev = before
            sealed += seal_record(device, screening(), **changes)
        device.seq, device.prev = before
        sealed.append(device.seal(MsgType.RECEIPT, other, b'{"items":[],"v":1}'))
        device.seq, device.prev = before
        await device.drop(*(s.envelope for s in sealed))
        await one_screening(device)
        await world.centre.receiving.once()
        assert aliases(world) == ["heron basalt"]
        assert world.centre.quarantine.counted == {
            "signature": 1,
            "unknown_sender": 1,
            "foreign_centre": 1,
            "type_not_allowed": 1,
        }
        assert kinds(await device.hear()) == [ReceiptKind.RECEIVED]

    in_world(tmp_path, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"flags": Withheld.POLICE, "roles": ("intake", "police")},
        {"roles": ("intake",)},
        {"dir_hash": b"\x5b" * 32},
        {"dir_version": 7},
    ],
    ids=["withheld but sealed to the police", "police left out unasked", "split view", "unknown version"],
)
def test_a_record_for_others_than_the_rules_say_is_quarantined(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device, "against the rules", **changes)
        await one_screening(device, "withheld", flags=Withheld.POLICE)
        await world.centre.receiving.once()
        first, second = world.centre.inbox.rows().rows
        assert (first.kind, first.reason) == (RowKind.UNREADABLE, "recipients")
        assert (second.alias, second.withheld) == ("withheld", ("police",))
        assert world.centre.devices.rows()[0].gaps == ()

    in_world(tmp_path, body)


def test_a_gap_holds_nothing_back_and_closes_when_the_rest_arrives(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        late = seal_record(device, screening("late"))[0]
        await one_screening(device, "early")
        await world.centre.receiving.once()
        assert aliases(world) == ["early"]
        (row,) = world.centre.devices.rows()
        assert (row.highest_seq, row.gaps) == (2, (Gap(1, 1),))
        await device.drop(late.envelope)
        await world.centre.receiving.once()
        assert aliases(world) == ["early", "late"]
        assert world.centre.devices.rows()[0].gaps == ()

    in_world(tmp_path, body)


def test_two_envelopes_of_one_number_mark_the_device(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        before = device.seq, device.prev
        first = seal_record(device, screening("first"))[0]
        device.seq, device.prev = before
        second = seal_record(device, screening("second"))[0]
        await device.drop(first.envelope, second.envelope)
        await world.centre.receiving.once()
        unreadable, row = world.centre.inbox.rows().rows
        assert (unreadable.reason, row.alias, row.suspect) == ("fork", "first", True)
        assert world.centre.devices.rows()[0].state is DeviceState.FORKED
        assert kinds(await device.hear()) == [ReceiptKind.RECEIVED]

    in_world(tmp_path, body)


def test_what_is_offered_again_is_acknowledged_again_and_stored_once(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        sealed = seal_record(device, screening())[0]
        for _ in range(3):
            await device.drop(sealed.envelope)
            await world.centre.receiving.once()
        assert aliases(world) == ["heron basalt"]
        items = await device.hear()
        assert kinds(items) == [ReceiptKind.RECEIVED] * 3
        assert {item.env_hash for item in items} == {sealed.hash}

    in_world(tmp_path, body)


def test_a_restored_relay_is_read_from_its_beginning(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device, "before")
        world.network.refuse("/cursor")
        await world.centre.receiving.once()
        world.network.on()
        book = world.centre._book
        await book.write([replace(book.progress, cursor="ab" * 16)])
        await one_screening(device, "after")
        await world.centre.receiving.once()
        assert aliases(world) == ["after", "before"]
        assert world.centre.receiving.problem == ""

    in_world(tmp_path, body)


def test_receipts_survive_fifty_failures_and_a_restart(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device)
        world.network.refuse("/v1/shard/")
        for _ in range(25):
            await world.centre.receiving.once()
        await world.restart()
        for _ in range(25):
            await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        await world.centre.inbox.open(row.key)
        assert await device.hear() == []
        world.network.on()
        await world.centre.receiving.once()
        assert kinds(await device.hear()) == [ReceiptKind.RECEIVED, ReceiptKind.OPENED]
        assert [header.seq for header in device.heard] == [1, 2]

    in_world(tmp_path, body)


def test_only_what_a_person_opened_can_be_acted_on(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        with pytest.raises(NotOpenedYet):
            await world.centre.inbox.acknowledge(row.key)
        for _ in range(2):
            await world.centre.inbox.open(row.key)
        for _ in range(2):
            await world.centre.inbox.acknowledge(row.key)
        await world.centre.receiving.once()
        wanted = [ReceiptKind.RECEIVED, ReceiptKind.OPENED, ReceiptKind.ACTED]
        assert kinds(await device.hear()) == wanted

    in_world(tmp_path, body)


def test_another_device_cannot_add_to_a_record(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        victim, intruder = await world.device("Made-up one"), await world.device("Made-up two")
        made = screening("heron basalt")
        await victim.drop(seal_record(victim, made)[0].envelope)
        forged = seal_record(intruder, replace(made, alias="forged", identity=Identity("Forged Name")))
        await intruder.drop(*(s.envelope for s in forged))
        await world.centre.receiving.once()
        rows = {row.alias: row for row in world.centre.inbox.rows().rows}
        assert rows.keys() == {"heron basalt", "forged"}
        assert (await world.centre.inbox.open(rows["heron basalt"].key)).identity is None

    in_world(tmp_path, body)


def test_a_body_that_names_another_record_is_quarantined(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        (sealed,) = [device.seal(kind, secrets.token_bytes(16), data) for kind, data in parts(screening())]
        await device.drop(sealed.envelope)
        await world.centre.receiving.once()
        assert [row.reason for row in world.centre.inbox.rows().rows] == ["schema"]

    in_world(tmp_path, body)


def test_a_device_gets_new_tokens_before_it_runs_out(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        batch = len(device.tokens)
        for _ in range(batch // 2 + 1):
            await device.drop(device.seal(MsgType.COVER, bytes(16), b"").envelope)
        await world.centre.receiving.once()
        await device.hear()
        assert len(device.tokens) == batch - (batch // 2 + 1) + batch
        await device.drop(device.seal(MsgType.COVER, bytes(16), b"").envelope)
        await world.centre.receiving.once()
        assert aliases(world) == []
        assert world.centre.devices.rows()[0].highest_seq == batch // 2 + 2

    in_world(tmp_path, body)


def test_what_is_in_quarantine_keeps_its_first_arrival(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        (sealed,) = seal_record(device, screening())
        corrupt = sealed.envelope[:-1] + bytes((sealed.envelope[-1] ^ 1,))
        arrivals = set()
        for _ in range(2):
            await device.drop(corrupt)
            await world.centre.receiving.once()
            arrivals |= {row.arrived_at for row in world.centre.quarantine.rows()}
            world.clock.pass_days(1)
        assert len(arrivals) == len(world.centre.quarantine.rows()) == 1
        assert await device.hear() == []
        await device.drop(sealed.envelope)
        await world.centre.receiving.once()
        assert aliases(world) == ["", "heron basalt"]

    in_world(tmp_path, body)


def test_a_relay_that_lost_its_newest_state_gets_it_back(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await one_screening(device, "before the loss")
        await world.centre.receiving.once()
        with closing(sqlite3.connect(world.relay.path)) as database:
            for table in ("item", "drop_token", "read_token", "directory"):
                database.execute(f"DELETE FROM {table}")
            database.commit()
        spent = list(device.tokens)
        with pytest.raises(RelayRefused, match=Refusal.UNKNOWN_TOKEN):
            await one_screening(device, "refused")
        device.tokens = spent
        await world.centre.receiving.once()
        assert world.centre.receiving.problem == ""
        await one_screening(device, "after the loss")
        await world.centre.receiving.once()
        assert aliases(world) == ["after the loss", "before the loss"]
        assert kinds(await device.hear())[-1] is ReceiptKind.RECEIVED
        assert await device.client.directory(device.read_tokens[NOW // QUARTER])

    in_world(tmp_path, body)
