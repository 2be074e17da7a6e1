"""From a finished screening to OPENED, over a real relay, with everything that goes wrong on the way."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace

import anyio
import httpx
import pytest

from fieldapp.domain.screening import (
    Agency,
)
from fieldapp.services.delivery import Delivery
from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.listening import News
from fieldapp.services.network import Network
from fieldapp.services.notebook import Notebook
from fieldapp.services.sealing import NoDropToken
from sync.answers import Refusal
from sync.client import CentreClient, RelayClient
from sync.code import EnrolmentCode
from sync.directory import Relay
from sync.protocol import DAY, MsgType, Withheld
from sync.receipts import ReceiptKind
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, URL, Switchable, screen

pytestmark = pytest.mark.anyio


async def post(centre: ScriptedCentre, desk: CentreClient, *kinds: ReceiptKind) -> None:
    arrived = await centre.pull(desk)
    for kind in kinds:
        await desk.post(3, centre.receipt(arrived, kind))


async def test_a_screening_goes_from_sealed_to_opened_and_leaves_only_a_stub(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    assert notebook.book.stage(record) is Stage.SEALED
    await notebook.delivery.once()
    assert notebook.delivery.network is Network.ONLINE
    assert notebook.book.stage(record) is Stage.STORED

    arrived = await centre.pull(desk)
    assert [a.header.msg_type for a in arrived] == [MsgType.SCREENING, MsgType.IDENTITY]
    assert [a.header.seq for a in arrived] == [1, 2]
    assert arrived[1].header.prev_hash == arrived[0].opened.hash
    assert arrived[0].body["result"]["band"] == record.band == "NOW"
    assert "Madeup" not in str(arrived[0].body)
    assert arrived[1].body["name"] == "Madeup Person"

    await post(centre, desk, ReceiptKind.RECEIVED)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.RECEIVED
    await post(centre, desk, ReceiptKind.OPENED, ReceiptKind.ACTED)
    await notebook.delivery.once()
    stub = notebook.book.record(record.record_id)
    assert stub
    assert notebook.book.stage(stub) is Stage.OPENED
    assert stub.content is None
    assert stub.opened_at
    assert stub.acted_at
    assert notebook.book.on_the_way == ()


async def test_records_made_before_enrolment_are_sealed_right_after_it_in_their_order(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    notebook = gate.notebook
    assert notebook
    first = await screen(notebook)
    clock.advance(60)
    second = await screen(notebook)
    assert notebook.book.stage(first) is Stage.LOCAL
    code = EnrolmentCode.generate(centre.root.centre_id, "https://relay.example")
    from sync.enrolment import enrol_id

    await desk.open_enrolment(enrol_id(code))
    digits = await notebook.enrolling.begin("-".join(code.typed()), "relay.example")
    assert not await notebook.enrolling.finish()
    assert await centre.answer(desk, code) == digits
    assert await notebook.enrolling.finish()
    assert notebook.delivery.waiting == 2
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    assert [a.header.record_id for a in arrived] == [first.record_id] * 2 + [second.record_id] * 2


async def test_what_must_not_be_seen_by_the_police_is_sealed_without_them(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    await screen(notebook, withhold=frozenset({Agency.POLICE}))
    await notebook.delivery.once()
    for arrived in await centre.pull(desk):
        assert arrived.header.flags == Withheld.POLICE
        assert len(arrived.opened.opened) == 2  # registrar and intake: the police slot is not there


ODD_ANSWERS = {
    "no network": None,
    "login page": httpx.Response(200, html="<html>Welcome, please log in</html>"),
    "redirect": httpx.Response(302, headers={"location": "https://portal.example"}),
    "network login required": httpx.Response(511, text="log in"),
    "server fault": httpx.Response(500, json={"error": "internal"}),
    "success without a body": httpx.Response(201),
    "success cut short": httpx.Response(
        201, content=b'{"id":"00', headers={"content-type": "application/json"}
    ),
    "success of something else": httpx.Response(200, json={"ok": True}),
    "portal that refuses": httpx.Response(403, text="Forbidden by your provider"),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
async def test_no_odd_answer_marks_a_record_as_stored_and_all_drains_afterwards(
    name: str,
    notebook: Notebook,
    network: Switchable,
    centre: ScriptedCentre,
    desk: CentreClient,
    clock: FixedClock,
) -> None:
    record = await screen(notebook)
    answer = ODD_ANSWERS[name]
    if answer is None:
        network.off()
    else:
        network.instead = lambda _: answer
    left = notebook.book.tokens_left
    for _ in range(3):
        await notebook.delivery.once()
        clock.advance(DAY)
    assert notebook.book.stage(record) is Stage.SEALED
    assert notebook.book.tokens_left == left
    network.on()
    clock.advance(-3 * DAY)
    await notebook.delivery.once()
    clock.advance(DAY)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    assert len(await centre.pull(desk)) == 2


async def test_fifty_failures_then_success_delivers_the_same_bytes(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    record = await screen(notebook)
    network.instead = lambda _: httpx.Response(500, json={"error": "internal"})
    for _ in range(50):
        await notebook.delivery.once()
        clock.advance(DAY)
    network.on()
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    offered = {body for call, body in network.requests if call.startswith("POST /v1/drop")}
    assert len(offered) == 2


async def test_an_answer_lost_after_the_relays_commit_makes_one_record(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    record = await screen(notebook)

    def lose(request: httpx.Request) -> None:
        raise httpx.ReadError("cut after the commit")

    network.after = lose
    for _ in range(10):
        await notebook.delivery.once()
        clock.advance(60)
    assert notebook.book.stage(record) is Stage.SEALED
    network.after = None
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    assert len(await centre.pull(desk)) == 2


async def test_a_relay_without_room_says_so_and_gets_the_same_bytes_after_the_time_it_named(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    record = await screen(notebook)
    left = notebook.book.tokens_left
    full = httpx.Response(507, json={"error": "full"}, headers={"Retry-After": "600"})
    network.instead = lambda _: full
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.SEALED
    assert notebook.book.last_reason(record) == Refusal.FULL
    # A second envelope is not carried there in vain.
    assert len([call for call, _ in network.requests if call.startswith("POST /v1/drop")]) == 1
    before = len(network.requests)
    network.on()
    clock.advance(599)
    await notebook.delivery.once()
    assert not [call for call, _ in network.requests[before:] if call.startswith("POST /v1/drop")]
    clock.advance(302)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    assert notebook.book.tokens_left == left
    assert len(await centre.pull(desk)) == 2


async def test_a_busy_relay_is_left_alone_until_send_now(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    busy = httpx.Response(429, json={"error": "slow_down"}, headers={"Retry-After": "3600"})
    network.instead = lambda _: busy
    await notebook.delivery.once()
    asked = len(network.requests)
    network.on()
    await notebook.delivery.once()
    assert len(network.requests) == asked
    assert notebook.book.last_reason(record) == Refusal.BUSY
    await notebook.delivery.send_now()
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    assert len(await centre.pull(desk)) == 2


async def test_the_pin_of_the_newest_directory_holds_for_what_waits(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    await screen(notebook)
    trust = notebook.book.trust
    assert trust
    asked: list[Relay] = []

    def relays(relay: Relay) -> RelayClient:
        asked.append(relay)
        return RelayClient(relay, transport=network)

    moved = Relay("https://moved.example", "ab" * 32)
    for relay in (Relay(URL, "cd" * 32), moved):
        newer = replace(trust, directory=replace(trust.directory, relay=relay))
        await notebook.book.save_trust(newer)
        await Delivery(notebook.book, relays, notebook.contacts.take).once()
    # Sealed without a pin: the same address takes the new pin, and what waits moves along with the centre.
    assert asked == [Relay(URL, "cd" * 32), moved]


async def test_an_impostor_is_shown_like_a_portal_and_costs_no_record_anything(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    left = notebook.book.tokens_left

    def wrong_key(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("handshake") from ssl.SSLCertVerificationError(1, "made up")

    network.instead = wrong_key
    await notebook.delivery.once()
    assert notebook.delivery.network is Network.PORTAL
    assert notebook.book.last_reason(record) == Refusal.IMPOSTOR
    assert {meta.attempts for _, meta in notebook.book.on_the_way} == {0}
    network.on()
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    assert notebook.book.tokens_left == left


async def test_one_record_that_is_refused_does_not_block_the_next(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    bad = await screen(notebook)
    good = await screen(notebook)
    refused = {
        meta.drop_token for entry, meta in notebook.book.on_the_way if entry.record_id == bad.record_id
    }

    import base64

    def refuse(request: httpx.Request) -> httpx.Response:
        token = request.headers.get("authorization", "").removeprefix("Drop ")
        if base64.urlsafe_b64decode(token + "==") in refused:
            return httpx.Response(400, json={"error": "bad_request"})
        return httpx.Response(201, json={"id": "00" * 16})

    network.instead = refuse
    await notebook.delivery.once()
    assert notebook.book.stage(good) is Stage.STORED
    assert notebook.book.stage(bad) is Stage.SEALED
    assert notebook.book.last_reason(bad) == "bad_request"


async def test_a_token_that_the_relay_does_not_know_is_replaced_and_the_bytes_stay(
    gate: Gate, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    notebook = gate.notebook
    assert notebook
    unknown = (b"x" * 32, b"y" * 32)
    await notebook.book.join(centre.member(), centre.trust, (*unknown, *await centre.tokens(desk, 4)))
    record = await screen(notebook)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.SEALED
    clock.advance(DAY)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    bodies = [body for call, body in network.requests if call.startswith("POST /v1/drop")]
    assert len(bodies) == 4
    assert len(set(bodies)) == 2


async def test_without_tokens_a_record_stays_says_so_and_goes_when_tokens_come(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    notebook = gate.notebook
    assert notebook
    await notebook.book.join(centre.member(), centre.trust, ())
    record = await screen(notebook)
    assert notebook.book.stage(record) is Stage.LOCAL
    assert isinstance(notebook.book.blocked[record.record_id], NoDropToken)
    await notebook.book.hear("", News(drop_tokens=list(await centre.tokens(desk, 4))))
    await notebook.book.seal_waiting()
    sealed = notebook.book.record(record.record_id)
    assert sealed
    assert notebook.book.stage(sealed) is Stage.SEALED


async def test_only_a_true_proof_of_opening_erases(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED, proof=b"f" * 32))
    await notebook.delivery.once()
    forged = notebook.book.record(record.record_id)
    assert forged
    assert forged.content is not None
    assert notebook.book.stage(forged) is Stage.STORED
    await desk.post(3, centre.receipt(arrived[:1], ReceiptKind.OPENED))
    await notebook.delivery.once()
    half = notebook.book.record(record.record_id)
    assert half
    assert half.content is not None, "one part is not opened yet"


async def test_locking_and_unlocking_in_the_middle_changes_nothing(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await gate.lock()
    assert notebook.book.filed == ()
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    assert again.book.damaged == []
    assert again.book.stage(again.book.filed[0]) is Stage.SEALED
    await again.delivery.once()
    await post(centre, desk, ReceiptKind.OPENED)
    await again.delivery.once()
    assert again.book.filed[0].record_id == record.record_id
    assert again.book.stage(again.book.filed[0]) is Stage.OPENED


async def test_two_uploads_share_no_credential(notebook: Notebook, network: Switchable) -> None:
    seen: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        if "/drop/" in request.url.path:
            seen.append(request.headers["authorization"])
            assert "cookie" not in request.headers
        return httpx.Response(201, json={"id": "00" * 16})

    network.instead = note
    await screen(notebook)
    await screen(notebook)
    await notebook.delivery.once()
    assert len(seen) == len(set(seen)) == 4


async def test_what_nobody_opened_in_30_days_is_offered_again_with_the_same_bytes_and_a_fresh_token(
    notebook: Notebook, network: Switchable, clock: FixedClock
) -> None:
    await screen(notebook)
    offers: list[tuple[str, bytes]] = []

    async def offer() -> None:
        def note(request: httpx.Request) -> httpx.Response:
            if "/drop/" in request.url.path:
                offers.append((request.headers["authorization"], request.content))
            return httpx.Response(201, json={"id": "00" * 16})

        network.instead = note
        await notebook.delivery.once()

    await offer()
    await offer()
    assert len(offers) == 2
    clock.advance(31 * DAY)
    await offer()
    assert len(offers) == 4
    assert {body for _, body in offers[:2]} == {body for _, body in offers[2:]}
    assert len({token for token, _ in offers}) == 4


async def until(notebook: Notebook, condition: Callable[[], bool]) -> None:
    """Wait until a change of the notebook makes `condition` true."""
    rang = asyncio.Event()
    unsubscribe = notebook.book.changes.subscribe(rang.set)
    with anyio.fail_after(20):
        while not condition():
            await rang.wait()
            rang.clear()
    unsubscribe()


async def test_finishing_sends_at_once_and_does_not_wait_for_the_next_look(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldapp.services.delivery.PAUSE", 3600)
    monkeypatch.setattr("fieldapp.services.delivery.IDLE_PAUSE", 3600)
    notebook.delivery.start()
    await until(notebook, lambda: notebook.delivery.network is Network.ONLINE)
    record = await screen(notebook)
    await until(notebook, lambda: notebook.book.stage(record) is Stage.STORED)


async def test_stopping_in_the_moment_of_a_bell_ends_the_loop(notebook: Notebook) -> None:
    for _ in range(20):
        notebook.delivery.start()
        await until(notebook, lambda: notebook.delivery.network is Network.ONLINE)
        await asyncio.sleep(0)
        notebook.delivery.wake()
        with anyio.fail_after(20):
            await notebook.delivery.stop()
        notebook.delivery._connections.network = Network.UNKNOWN
