"""A relay, a device and a member of a role that want to hurt a desk: what they cannot fill, forge, hide or delay."""

import asyncio
import secrets
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from shutil import copytree, rmtree

import httpx
import pytest

from fieldapp.services.desk.alerts import AlertKind
from fieldapp.services.desk.devices import DeviceState
from fieldapp.services.desk.inbox import NotExaminable
from fieldapp.services.desk.judging import PageJudge
from fieldapp.services.settings import Work
from sync import enrolment as protocol
from sync.chain import Gap
from sync.code import EnrolmentCode
from sync.envelope import NONCE_B_OFFSET, Reader, Sealed
from sync.keys import LivePrekey
from sync.primitives import aead_seal
from sync.protocol import BODY_CAPACITY, BODY_OFFSET, GAP_ALERT_AFTER, OUTER_SIZE, MsgType
from tests.unit.centre.desk import World, in_world, parts, screening, seal_record
from tests.unit.centre.test_alerts import arrive, seal
from tests.unit.centre.test_standing import heard, sign

FORKS = (AlertKind.FORK, AlertKind.ROLLBACK)


def altered(envelope: bytes) -> bytes:
    """Return a copy with another body: all that somebody without keys can exchange and still be quarantined."""
    return envelope[:-16] + secrets.token_bytes(16)


async def take(world: World, *envelopes: bytes) -> None:
    """Let envelopes reach the desk as a relay that makes up items would hand them out."""
    book = world.centre._book
    judged = PageJudge(book).judge(envelopes)
    await book.write(judged.records)


def members_keys(world: World) -> list[LivePrekey]:
    return [prekey for keys in world.centre._book.role_keys for prekey in keys.ring.live()]


def other_body(world: World, sealed: Sealed, body: bytes) -> bytes:
    """Exchange the body as somebody who may read it can: under the same keys, behind the same signature."""
    opened = Reader(members_keys(world)).open_header(sealed.envelope)
    assert opened.k_b
    outer = sealed.envelope[:OUTER_SIZE]
    size = BODY_CAPACITY[outer[6]]
    padded = len(body).to_bytes(4, "little") + body.ljust(size, b"\0")
    nonce = outer[NONCE_B_OFFSET : NONCE_B_OFFSET + 24]
    return sealed.envelope[:BODY_OFFSET] + aead_seal(opened.k_b, nonce, padded, outer)


def test_altered_copies_of_one_signed_envelope_take_one_place_and_the_true_one_is_still_read(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        (sealed,) = seal_record(device, screening("the true one"))
        room = world.centre._book.room
        await take(world, *(altered(sealed.envelope) for _ in range(30)))
        await world.restart()
        await take(world, *(altered(sealed.envelope) for _ in range(30)))
        assert [row.reason for row in world.centre.quarantine.rows()] == ["body_hash"]
        assert room - world.centre._book.room < 8
        await arrive(world, device, sealed.envelope)
        await take(world, altered(sealed.envelope))
        assert "the true one" in {row.alias for row in world.centre.inbox.rows().rows}
        assert len(world.centre.quarantine.rows()) == 1
        # The next envelope of the same device has a place of its own.
        await take(world, *(altered(seal(device, "another")) for _ in range(2)))
        assert len(world.centre.quarantine.rows()) == 3

    in_world(tmp_path, body)


def test_of_a_withdrawn_device_altered_copies_never_push_out_what_it_signed(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, seal(device, "first"))
        await world.centre.devices.revoke(device.device_id)
        (sealed,) = seal_record(device, screening("evidence"))
        await take(world, *(altered(sealed.envelope) for _ in range(20)))
        await take(world, sealed.envelope, altered(sealed.envelope))
        rows = world.centre.quarantine.rows()
        assert len(rows) == 2
        assert sealed.hash in {row.hash for row in rows}
        assert world.centre.inbox.examine(sealed.hash).row.alias == "evidence"

    in_world(tmp_path, body)


def test_a_member_cannot_put_words_into_the_mouth_of_a_withdrawn_device(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, seal(device, "first"))
        await world.centre.devices.revoke(device.device_id)
        made = screening("what it said")
        (sealed,) = seal_record(device, made)
        ((_, words),) = parts(replace(made, alias="never said"))
        forged = other_body(world, sealed, words)
        await arrive(world, device, forged)
        (row,) = world.centre.quarantine.rows()
        with pytest.raises(NotExaminable):
            world.centre.inbox.examine(row.hash)

    in_world(tmp_path, body)


def test_a_record_that_is_held_back_while_covers_pass_is_an_alert_after_72_hours(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, seal(device, "first"))
        seal(device, "held back by the relay")
        start = world.clock.now
        for _ in range(20):
            await arrive(world, device, device.seal(MsgType.COVER, secrets.token_bytes(16), b"").envelope)
            assert world.centre.alerts.page().alerts == ()
            world.clock.now += 3 * 3600
        world.clock.now = start + GAP_ALERT_AFTER - 1
        assert world.centre.alerts.page().alerts == ()
        world.clock.now += 1
        await world.restart()
        (alert,) = world.centre.alerts.page().alerts
        assert (alert.kind, alert.gap, alert.since) == (AlertKind.GAP, Gap(2, 2), int(start))

    in_world(tmp_path, body)


def test_a_device_that_jumps_ahead_in_its_numbers_is_not_given_tokens_for_ever(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        device.seq, device.prev = 10**6, b"p" * 32
        await arrive(world, device, seal(device, "from far ahead"))
        for _ in range(4):
            await world.centre.receiving.once()
        batch = world.centre.tokens.batch
        assert len(world.centre._book.issued[device.device_id].hashes) == 2 * batch
        await device.hear()
        assert len(device.tokens) == 2 * batch - 1

    in_world(tmp_path, body)


def test_a_record_opens_at_once_while_the_relay_is_slow(tmp_path: Path) -> None:
    """Whatever the desk is asking the relay for: what was committed can be read."""

    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, seal(device, "read me now"))
        (row,) = world.centre.inbox.rows().rows
        reached, go_on = asyncio.Event(), asyncio.Event()
        inner = world.network._inner

        class Slow(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                reached.set()
                await go_on.wait()
                return await inner.handle_async_request(request)

        async def publish() -> None:
            await world.centre.publishing.publish(again=True)

        async def give() -> None:
            await world.centre.tokens.give(device.device_id)

        async def admit() -> None:
            await world.centre.devices.confirm(enrolment)

        enrolment = await world.centre.devices.begin("Made-up second phone", "police", Work.OFFICER)
        code = EnrolmentCode.parse(enrolment.qr_text)
        hello = protocol.seal_hello(code, protocol.Hello.make(device.signing.public, device.prekeys.current))
        await device.client.put_enrolment(protocol.enrol_id(code), "up", hello)
        assert await world.centre.devices.poll(enrolment)

        for slow in (give, publish, admit):
            await world.centre._book.write([replace(world.centre._book.pool, drop=())])
            world.network._inner = Slow()  # type: ignore[assignment]
            reached.clear()
            go_on.clear()
            waiting = asyncio.create_task(slow())
            await reached.wait()
            opened = await asyncio.wait_for(world.centre.inbox.open(row.key), 5)
            assert opened.row.alias == "read me now"
            go_on.set()
            await waiting
        assert len(world.centre.devices.rows()) == 2

    in_world(tmp_path, body)


def test_a_desk_put_back_to_an_older_copy_takes_in_what_it_published_and_raises_no_false_alarm(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, seal(device, "before"))
        await world.centre.lock()
        copytree(world.folder, tmp_path / "copy")
        await world.restart()
        for _ in range(3):
            await sign(world)
            device.trust = await heard(world, device)
        await world.centre.lock()
        rmtree(world.folder)
        copytree(tmp_path / "copy", world.folder)
        await device.drop(seal(device, "by the newest directory"))
        await world.restart()
        assert world.centre._book.trust.version == 1
        await world.centre.receiving.once()
        assert world.centre.receiving.problem == ""
        assert sorted(trust.version for trust in world.centre._book.published) == [1, 2, 3, 4]
        assert {row.alias for row in world.centre.inbox.rows().rows} == {"before", "by the newest directory"}
        assert world.centre.split_views == ()
        assert world.centre.alerts.page().alerts == ()
        await sign(world)  # the key holders' vaults, which have signed version 4, sign the next one
        assert (await heard(world, device)).version == 5

    in_world(tmp_path, body)


def test_a_relay_with_an_older_or_no_directory_puts_a_desk_back_to_nothing(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        old = await world.centre._client.published_directory()
        await sign(world)
        await world.restart()
        served = {
            "old": httpx.Response(200, content=old, headers={"Content-Type": "application/octet-stream"})
        }
        served["none"] = httpx.Response(404, json={"error": "not_found"})
        for answer in served.values():
            world.network.answer = lambda request, a=answer: a if "/v1/dir/" in request.url.path else None
            await world.centre.publishing.catch_up()
            assert world.centre._book.trust.version == 2
        # One that fails over it keeps no record from us.
        device = await world.device()
        world.network.refuse("/v1/dir/")
        await world.restart()
        await arrive(world, device, seal(device, "all the same"))
        assert {row.alias for row in world.centre.inbox.rows().rows} == {"all the same"}

    in_world(tmp_path, body)


def test_a_fork_is_told_and_both_versions_stay_whatever_comes_first_and_whenever_the_desk_restarts(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        orders = list(permutations(range(4)))[::3]
        sent: dict[bytes, list[Sealed]] = {}
        for number, _ in enumerate(orders):
            device = await world.device(f"Made-up phone {number}")
            first = seal_record(device, screening("1", now=False))[0]
            copy = replace(device)
            second = seal_record(device, screening("2", now=False))[0]
            other = seal_record(copy, screening("2 of the copy", now=False))[0]
            third = seal_record(device, screening("3", now=False))[0]
            sent[device.device_id] = [first, second, other, third]
        for step in range(4):
            await take(
                world,
                *(four[order[step]].envelope for four, order in zip(sent.values(), orders, strict=True)),
            )
            if step in (0, 2):
                await world.restart()
        book = world.centre._book
        alerts = world.centre.alerts.page().alerts
        assert {alert.device_id for alert in alerts if alert.kind in FORKS} == sent.keys()
        for device_id, four in sent.items():
            assert all(book.arrival(sealed.hash) for sealed in four), "both versions are kept"
            device_row = world.centre.devices.row(device_id)
            assert device_row
            assert device_row.state is DeviceState.FORKED
            told = {
                mark.hash for mark in map(book.arrival, (s.hash for s in four)) if mark and not mark.reason
            }
            assert len(told & {four[1].hash, four[2].hash}) == 1, "one of the two stands in the chain"

    in_world(tmp_path, body)
