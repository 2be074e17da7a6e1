"""What a relay, a desk or a clock can do to a device: nothing is lost, nothing is believed without proof."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.network import Network
from fieldapp.services.notebook import Notebook
from sync.client import CentreClient
from sync.enrolment import ReadToken
from sync.keys import DevicePrekeys
from sync.primitives import SigningKey
from sync.protocol import DAY
from sync.receipts import ReceiptKind
from sync.tokens import TokenRefill
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import START, FixedClock
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio


async def test_a_prekey_announced_while_the_device_listens_is_not_forgotten(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    await screen(notebook)
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    await desk.post(3, centre.receipt(arrived, ReceiptKind.RECEIVED))
    clock.advance(2 * DAY)  # the next envelope announces a new prekey
    loop, inner = asyncio.get_running_loop(), network.inner
    filed: list[asyncio.Task[object]] = []

    class WhileListening(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            if "/shard/" in request.url.path and not filed:
                filed.append(loop.create_task(screen(notebook)))
                await filed[0]
            return response

    network.inner = WhileListening()
    await notebook.delivery.once()
    network.inner = inner
    member = notebook.book.membership
    assert member
    assert filed
    assert member.cursor
    clock.advance(DAY // 2)
    await notebook.delivery.once()
    await centre.pull(desk)
    assert member.prekeys.current == centre.newest_prekey[member.device_id]
    late = await centre.pull(desk)
    await desk.post(3, centre.receipt(late, ReceiptKind.OPENED))
    await notebook.delivery.once()
    assert {notebook.book.stage(r) for r in notebook.book.filed} == {Stage.OPENED}


async def test_offering_again_without_a_network_costs_one_token_and_not_one_a_minute(
    notebook: Notebook, network: Switchable, clock: FixedClock
) -> None:
    await screen(notebook)
    await notebook.delivery.once()
    left = notebook.book.tokens_left
    clock.advance(31 * DAY)
    network.off()
    for _ in range(20):
        await notebook.delivery.once()
        clock.advance(60)
    assert notebook.book.tokens_left >= left - 2
    network.on()
    await notebook.delivery.once()
    assert {notebook.book.stage(r) for r in notebook.book.filed} == {Stage.STORED}
    assert notebook.book.tokens_left == left - 2


async def test_without_a_fresh_token_nothing_is_offered_again_and_nothing_is_called_stored_anew(
    gate: Gate, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    notebook = gate.notebook
    assert notebook
    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk, 2))
    await screen(notebook)
    await notebook.delivery.once()
    clock.advance(31 * DAY)
    before = notebook.book.on_the_way
    network.requests.clear()
    await notebook.delivery.once()
    assert not [call for call, _ in network.requests if "/drop/" in call]
    assert notebook.book.on_the_way == before


async def test_a_token_is_never_used_for_two_envelopes(
    gate: Gate, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    """Records are finished while the relay refuses the tokens of others."""
    notebook = gate.notebook
    assert notebook
    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk, 60))
    used: dict[str, set[bytes]] = {}

    def refuse(request: httpx.Request) -> httpx.Response:
        if "/drop/" in request.url.path:
            used.setdefault(request.headers["authorization"], set()).add(request.content)
        return httpx.Response(403, json={"error": "forbidden"})

    network.instead = refuse
    for _ in range(4):
        await asyncio.gather(screen(notebook), notebook.delivery.once(), screen(notebook))
    await notebook.delivery.send_now()
    await notebook.delivery.once()
    assert all(len(bodies) == 1 for bodies in used.values())
    held = [meta.drop_token for _, meta in notebook.book.on_the_way]
    assert len(set(held)) == len(held)
    assert not set(held) & set(notebook.book._tokens)


async def test_what_was_sealed_for_a_relay_that_the_centre_has_left_goes_to_the_new_one(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    old, odd, good = [await screen(notebook) for _ in range(3)]
    for entry, _ in notebook.book.on_the_way:
        if entry.record_id == old.record_id:
            gone = "https://gone.example"
            await notebook.book.change_meta(entry.entry_id, lambda m, gone=gone: replace(m, relay=gone))
        if entry.record_id == odd.record_id:
            await notebook.book.change_meta(entry.entry_id, lambda m: replace(m, relay="no address"))
    inner = network.inner

    class OneIsGone(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "gone.example":
                raise httpx.ConnectError("gone")
            return await inner.handle_async_request(request)

    network.inner = OneIsGone()
    await notebook.delivery.once()
    assert {notebook.book.stage(record) for record in (good, old, odd)} == {Stage.STORED}
    assert len(await centre.pull(desk)) == 6
    assert notebook.delivery.network is Network.ONLINE
    member = notebook.book.membership
    assert member
    assert notebook.delivery._pulling.directory_seen, "and the centre was heard"


@pytest.mark.parametrize("status", [404, 500])
async def test_a_relay_without_the_directory_still_brings_receipts(
    status: int, notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    await desk.post(3, centre.receipt(await centre.pull(desk), ReceiptKind.RECEIVED))
    notebook.delivery._pulling.directory_seen = 0
    inner = network.inner

    class NoDirectory(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "/dir/" in request.url.path:
                return httpx.Response(status, json={"error": "not_found"})
            return await inner.handle_async_request(request)

    network.inner = NoDirectory()
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.RECEIVED


@pytest.mark.parametrize("answer", ["always more", "always unknown"])
async def test_a_relay_that_says_the_same_for_ever_does_not_keep_the_device_busy(
    answer: str, notebook: Notebook, network: Switchable
) -> None:
    await notebook.delivery.once()
    page = b"FSP1\x01\x00\x00\x00" + bytes(16)
    calls: list[str] = []

    def same(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        if len(calls) > 20:
            raise AssertionError("it asks for ever")
        if "/shard/" not in request.url.path:
            return httpx.Response(404, json={"error": "not_found"})
        if answer == "always more":
            return httpx.Response(200, content=page, headers={"content-type": "application/octet-stream"})
        return httpx.Response(410, json={"error": "cursor_unknown"})

    network.instead = same
    await notebook.delivery.once()
    assert calls


async def test_receipts_and_tokens_count_in_any_order_and_once(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    """A relay that reorders, or a desk that was put back, sends a lower number after a higher one."""
    record = await screen(notebook)
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    later = centre.receipt(arrived, ReceiptKind.RECEIVED, seq=9)
    earlier = centre.receipt(arrived, ReceiptKind.OPENED, seq=4)
    left = notebook.book.tokens_left
    fresh = await centre.tokens(desk, 5)
    refill = centre.tokens_for(notebook, TokenRefill(fresh, (), centre.now), seq=3)
    for envelope in (later, earlier, refill, refill[:100], refill):
        if len(envelope) == len(refill):
            await desk.post(3, envelope)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.OPENED
    assert notebook.book.tokens_left == left + 5
    await desk.post(3, refill)
    await notebook.delivery.once()
    assert notebook.book.tokens_left == left + 5


async def test_two_hundred_envelopes_for_others_hide_nothing(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    member = notebook.book.membership
    assert member
    mine = centre.newest_prekey[member.device_id]
    centre.newest_prekey[member.device_id] = DevicePrekeys.generate(START).current
    for _ in range(30):
        await desk.post(3, centre.receipt(arrived, ReceiptKind.RECEIVED))
    centre.newest_prekey[member.device_id] = mine
    await desk.post(3, centre.receipt(arrived, ReceiptKind.RECEIVED))
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.RECEIVED


async def test_a_new_desk_is_heard_although_the_device_still_holds_the_old_directory(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()  # the directory of today was looked at
    arrived = await centre.pull(desk)
    new = SigningKey.generate()
    await desk.put_directory(2, centre.with_another_desk(b"n" * 16, new))
    await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED, desk=(b"n" * 16, new)))
    await notebook.delivery.once()
    assert notebook.book.trust
    assert notebook.book.trust.version == 2
    assert notebook.book.stage(record) is Stage.OPENED


async def test_a_desk_that_nobody_signed_for_is_not_believed(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    stranger = SigningKey.generate()
    for desk_id in (b"s" * 16, centre.desk_id):
        await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED, desk=(desk_id, stranger)))
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED


async def test_acted_is_believed_only_with_the_proof_also_when_the_envelope_is_gone(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED))
    await notebook.delivery.once()
    assert notebook.book.on_the_way == ()

    async def acted_at(proof: bytes | None) -> int:
        await desk.post(3, centre.receipt(arrived, ReceiptKind.ACTED, proof=proof))
        await notebook.delivery.once()
        stub = notebook.book.record(record.record_id)
        assert stub
        return stub.acted_at

    assert await acted_at(b"f" * 32) == 0
    assert await acted_at(None) == centre.now


async def test_two_desks_must_open_where_the_policy_says_so(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    notebook = gate.notebook
    assert notebook
    second = SigningKey.generate()
    centre.with_another_desk(b"n" * 16, second)
    policy = replace(centre.directory.policy, opened_by=2)
    trust = replace(centre.trust, directory=replace(centre.directory, policy=policy))
    await notebook.book.join(centre.member(), trust, await centre.tokens(desk))
    record = await screen(notebook)
    notebook.delivery._pulling.directory_seen = notebook.book.clock.now()
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    for _ in range(2):
        await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED))
        await notebook.delivery.once()
        assert notebook.book.stage(record) is Stage.RECEIVED
    await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED, desk=(b"n" * 16, second)))
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.OPENED


@pytest.mark.parametrize("at", [0, START - 400 * DAY, 2_145_916_800])
async def test_a_clock_in_another_year_neither_stops_sending_nor_hearing(
    at: int, notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    member = notebook.book.membership
    assert member
    quarters = {quarter + 1: bytes([quarter % 251]) * 32 for quarter in member.read_tokens}
    refill = TokenRefill((), tuple(ReadToken(q, token) for q, token in quarters.items()), centre.now)
    await desk.post(3, centre.tokens_for(notebook, refill))
    await notebook.delivery.once()
    record = await screen(notebook)
    notebook.book.clock = FixedClock(at)  # the relay keeps its own
    second = await screen(notebook)
    for _ in range(3):
        await notebook.delivery.once()
        notebook.book.clock.at += 3600
    assert notebook.book.stage(record) is notebook.book.stage(second) is Stage.STORED
    await desk.post(3, centre.receipt(await centre.pull(desk), ReceiptKind.OPENED))
    await notebook.delivery.once()
    assert notebook.book.stage(record) is notebook.book.stage(second) is Stage.OPENED


async def test_a_directory_that_cannot_be_trusted_is_told_and_changes_nothing(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre
) -> None:
    await notebook.delivery.once()
    before, rejected = notebook.book.trust, notebook.delivery.rejected_directory
    assert rejected is None
    other = ScriptedCentre(centre.relay_url, centre.now)
    inner = network.inner

    class OtherDirectory(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if "/dir/" in request.url.path:
                kind = {"content-type": "application/octet-stream"}
                return httpx.Response(200, content=other.blob, headers=kind)
            return await inner.handle_async_request(request)

    network.inner = OtherDirectory()
    notebook.delivery._pulling.directory_seen = 0
    await notebook.delivery.once()
    assert notebook.delivery.rejected_directory is not None
    assert notebook.book.trust is before


async def test_what_was_heard_is_on_the_disk_with_its_cursor(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    fresh = await centre.tokens(desk, 7)
    left = notebook.book.tokens_left
    refill = centre.tokens_for(notebook, TokenRefill(fresh, (), centre.now))
    await desk.post(3, refill)
    await notebook.delivery.once()
    cursor = notebook.book.membership and notebook.book.membership.cursor
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    assert again.book.membership
    assert again.book.membership.cursor == cursor
    assert again.book.tokens_left == left + 7
    await desk.post(3, refill)
    await again.delivery.once()
    assert again.book.tokens_left == left + 7


@pytest.mark.parametrize("answer", ["portal", "busy"])
async def test_a_login_page_or_a_busy_relay_is_asked_once_and_costs_no_record_anything(
    answer: str, notebook: Notebook, network: Switchable, clock: FixedClock
) -> None:
    for _ in range(3):
        await screen(notebook)
    await notebook.delivery.send_now()
    network.requests.clear()
    busy = httpx.Response(503, json={"error": "busy"}, headers={"retry-after": "1"})
    portal = httpx.Response(200, html="<html>please log in</html>")
    network.instead = lambda _: portal if answer == "portal" else busy
    await notebook.delivery.once()
    assert len(network.requests) == 1
    assert notebook.delivery.network is (Network.PORTAL if answer == "portal" else Network.ONLINE)
    assert {(meta.attempts, meta.next_try) for _, meta in notebook.book.on_the_way} == {(0, 0)}
    network.on()
    await notebook.delivery.send_now()  # the second that the busy relay asked for is over
    await notebook.delivery.once()
    assert {notebook.book.stage(r) for r in notebook.book.filed} == {Stage.STORED}


async def test_a_policy_to_keep_for_days_keeps_the_content_of_what_was_opened(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    notebook = gate.notebook
    assert notebook
    directory = replace(centre.directory, policy=replace(centre.directory.policy, keep=2))
    await notebook.book.join(
        centre.member(), replace(centre.trust, directory=directory), await centre.tokens(desk)
    )
    notebook.delivery._pulling.directory_seen = clock.now()
    record = await screen(notebook)
    await notebook.delivery.once()
    await desk.post(3, centre.receipt(await centre.pull(desk), ReceiptKind.OPENED))
    await notebook.delivery.once()
    kept = notebook.book.record(record.record_id)
    assert kept
    assert kept.opened_at
    assert kept.content is not None
