"""Hiding how much is sent and when: covers, sizes, tokens, moments. Everything is seen from the network's side."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.bootstrap import field_gate
from fieldapp.config import Config
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.covering import IDLE_LEAST, IDLE_MORE, MOST_DROPS, Covering
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.keeping import MAX_COVERS, TOKENS_FOR_RECORDS
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import CentreClient, RelayClient
from sync.outbox import MAX_DELAY
from sync.protocol import DAY, ENVELOPE_SIZES, USER_AGENT, MsgType
from sync.receipts import ReceiptKind
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio


class Chance:
    """Like `secrets.randbelow`, but counted: every draw in turn, so that a test sees every number of drops."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, limit: int) -> int:
        self.drawn += 1
        return self.drawn * 7919 % limit


class Watcher:
    """Whoever sees the network: heads and lengths of all requests, sync by sync."""

    def __init__(self, network: Switchable) -> None:
        self._inner = network.inner
        self.syncs: list[list[httpx.Request]] = [[]]
        self.fails: Callable[[httpx.Request], bool] = lambda _: False
        network.inner = self  # type: ignore[assignment]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.syncs[-1].append(request)
        if self.fails(request):
            raise httpx.ConnectError("made-up cut")
        return await self._inner.handle_async_request(request)

    def next(self) -> None:
        self.syncs.append([])

    @property
    def drops(self) -> list[list[httpx.Request]]:
        return [[r for r in sync if "/drop/" in r.url.path] for sync in self.syncs]

    @property
    def requests(self) -> list[httpx.Request]:
        return [request for sync in self.syncs for request in sync]


@pytest.fixture
async def hidden(
    tmp_path: Path, network: Switchable, clock: FixedClock, centre: ScriptedCentre, desk: CentreClient
) -> Notebook:
    """An enrolled device that covers what it sends."""
    gate = Gate(
        tmp_path / "hidden",
        NoKeystore(),
        clock,
        SystemIds(),
        lambda url: RelayClient(url, transport=network),
        calibrated=lambda: FLOOR,
        covering=Covering(Chance()),
    )
    await gate.create(PASSPHRASE, Settings())
    assert gate.notebook
    await gate.notebook.delivery.stop()
    await gate.notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk, 200))
    return gate.notebook


async def quiet(notebook: Notebook) -> Filed:
    """Finish a screening that fires no rule: it is not urgent."""
    screening = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    return await notebook.screenings.finish(screening, FinishChoice(FinishKind.SEND))


async def answered(notebook: Notebook, centre: ScriptedCentre, desk: CentreClient) -> None:
    """Let the centre open all that has arrived, and the device hear it."""
    arrived = [centre_open(centre, envelope) for envelope in await all_of(centre, desk)]
    await desk.post(3, centre.receipt(arrived, ReceiptKind.OPENED))
    await notebook.delivery.once()


def centre_open(centre: ScriptedCentre, envelope: bytes) -> object:
    from tests.fakes.centre import Arrived

    opened = centre.reader.open_header(envelope)
    centre.newest_prekey[opened.header.sender_id] = opened.header.next_prekey
    return Arrived(opened, {})


async def all_of(centre: ScriptedCentre, desk: CentreClient) -> list[bytes]:
    found, cursor, more = [], "", True
    while more:
        page = await desk.box(centre.box, cursor)
        found += page.envelopes
        cursor, more = page.cursor, page.more
    return found


async def test_every_sync_drops_one_to_four_envelopes_with_content_and_without(
    hidden: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    watcher = Watcher(network)
    with_content = set()
    for number in range(24):
        if number % 3 == 0:
            await (screen(hidden) if number % 2 else quiet(hidden))
            with_content.add(len(watcher.syncs))
        await hidden.delivery.once()
        if number % 5 == 4:
            await answered(hidden, centre, desk)
        watcher.next()
        clock.advance(IDLE_LEAST + IDLE_MORE + MAX_DELAY)
    counts = [len(drops) for drops in watcher.drops if drops]
    assert len(counts) >= 20
    assert set(counts) <= {1, 2, 3, 4}
    assert len(set(counts)) > 1, "the number says nothing when it is drawn"
    without = [len(d) for n, d in enumerate(watcher.drops) if d and n not in with_content]
    assert without, "syncs come without content too"
    assert hidden.delivery.waiting == 0


async def test_bodies_of_a_long_mixed_session_have_three_lengths_one_head_and_no_credential_twice(
    hidden: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    watcher = Watcher(network)
    for number in range(20):
        await (screen(hidden) if number % 4 == 1 else quiet(hidden))
        watcher.fails = (lambda r: "/drop/" in r.url.path) if number % 7 == 3 else (lambda _: False)
        await hidden.delivery.once()
        if number % 5 == 4:
            await answered(hidden, centre, desk)
        clock.advance(MAX_DELAY if number % 2 else DAY)
    posts = [request for request in watcher.requests if request.content]
    assert {len(request.content) for request in posts} <= set(ENVELOPE_SIZES.values())
    assert {len(request.content) for request in posts} > {4096}
    heads = {
        tuple(
            sorted((k, v) for k, v in request.headers.items() if k not in ("authorization", "content-length"))
        )
        for request in watcher.requests
    }
    assert len(heads) == 1, "one head for all: nothing tells installations or kinds of content apart"
    assert ("user-agent", USER_AGENT) in heads.pop()
    used: dict[str, set[bytes]] = {}
    for drops in watcher.drops:
        for request in drops:
            used.setdefault(request.headers["authorization"], set()).add(request.content)
    assert all(len(bodies) == 1 for bodies in used.values()), "no token for two envelopes"
    bodies = [body for bodies in used.values() for body in bodies]
    assert len(set(bodies)) == len(bodies), "no envelope under two tokens"
    shards = {r.url.path for r in watcher.requests if "/shard/" in r.url.path}
    assert shards == {"/v1/shard/3"}
    assert not any("/item/" in r.url.path for r in watcher.requests), (
        "a device takes its whole shard, not items"
    )


async def test_covers_are_members_of_the_chain_and_nothing_that_a_person_sees(
    hidden: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    for _ in range(4):
        await screen(hidden)
        await hidden.delivery.once()
        clock.advance(IDLE_LEAST + IDLE_MORE + MAX_DELAY)
    opened = sorted(
        (centre.reader.open_header(envelope) for envelope in await all_of(centre, desk)),
        key=lambda one: one.header.seq,
    )
    assert [one.header.seq for one in opened] == list(range(1, len(opened) + 1))
    assert all(b.header.prev_hash == a.hash for a, b in pairwise(opened))
    covers = [one for one in opened if one.header.msg_type is MsgType.COVER]
    assert covers
    assert hidden.book.covers == len(covers)
    assert len(hidden.book.filed) == 4
    assert hidden.delivery.waiting == 0
    await answered(hidden, centre, desk)
    left = {meta.env_hash for _, meta in hidden.book.on_the_way}
    assert not left & {one.hash for one in covers}, "they are acknowledged and erased like all others"


async def test_a_cover_never_goes_before_a_record_and_none_follows_when_the_relay_is_silent(
    hidden: Notebook, network: Switchable, clock: FixedClock
) -> None:
    await hidden.book.seal_covers([1, 1, 2])
    urgent = await screen(hidden)
    watcher = Watcher(network)
    watcher.fails = lambda request: "/drop/" in request.url.path
    sealed = hidden.book.covers
    await hidden.delivery.once()
    envelopes = {entry.envelope for entry, _ in hidden.book.on_the_way if entry.record_id == urgent.record_id}
    assert watcher.drops[0][0].content in envelopes
    assert hidden.book.covers == sealed, "no number of the chain is spent where nothing arrives"
    watcher.fails = lambda _: False
    watcher.next()
    clock.advance(60)
    await hidden.delivery.once()
    assert hidden.book.stage(urgent) is Stage.STORED
    assert {r.content for r in watcher.drops[-1][:2]} == envelopes


async def test_covers_that_wait_never_hold_up_a_record_that_is_not_urgent_either(
    hidden: Notebook, network: Switchable, clock: FixedClock
) -> None:
    await hidden.book.seal_covers([1, 1, 1, 1, 1, 1])
    record = await quiet(hidden)
    clock.advance(MAX_DELAY)
    watcher = Watcher(network)
    await hidden.delivery.once()
    (envelope,) = {e.envelope for e, _ in hidden.book.on_the_way if e.record_id == record.record_id}
    assert watcher.drops[0][0].content == envelope
    assert hidden.book.stage(record) is Stage.STORED


async def test_a_record_that_is_not_urgent_waits_up_to_half_an_hour_and_send_now_does_not(
    hidden: Notebook, clock: FixedClock
) -> None:
    record = await quiet(hidden)
    waits = {meta.next_try - clock.now() for entry, meta in hidden.book.on_the_way}
    assert len(waits) == 1, "parts of one record go together"
    assert 0 < waits.pop() <= MAX_DELAY
    await hidden.delivery.once()
    assert hidden.book.stage(record) is Stage.SEALED
    await hidden.delivery.send_now()
    await hidden.delivery.once()
    assert hidden.book.stage(record) is Stage.STORED


async def test_more_than_four_urgent_envelopes_go_in_the_next_sync_at_once(hidden: Notebook) -> None:
    records = [await screen(hidden) for _ in range(3)]
    await hidden.delivery.once()
    assert hidden.delivery._pause() == 2
    await hidden.delivery.once()
    assert {hidden.book.stage(record) for record in records} == {Stage.STORED}
    assert hidden.delivery._pause() > 2


async def test_covers_leave_tokens_for_records_and_room_in_the_outbox(
    hidden: Notebook, clock: FixedClock
) -> None:
    for _ in range(100):
        await hidden.book.seal_covers([1, 1, 1, 1])
    assert hidden.book.covers == MAX_COVERS
    for _ in range(hidden.book.tokens_left):
        await hidden.book.seal_covers([1])
    while hidden.book.tokens_left > TOKENS_FOR_RECORDS + 1:
        await screen(hidden)
    assert await hidden.book.seal_covers([1, 1]) in (0, 1)
    assert hidden.book.tokens_left >= TOKENS_FOR_RECORDS


async def test_a_device_without_covering_sends_what_is_due_and_nothing_else(
    notebook: Notebook, network: Switchable, clock: FixedClock
) -> None:
    watcher = Watcher(network)
    await notebook.delivery.once()
    clock.advance(DAY)
    await notebook.delivery.once()
    assert watcher.drops == [[]]


@given(st.integers(0, 100), st.integers(0, 2**32))
def test_the_number_of_drops_is_one_to_four_and_never_less_than_what_is_due(due: int, seed: int) -> None:
    drops = Covering(lambda limit: seed % limit).drops(due)
    assert min(due, MOST_DROPS) <= drops <= MOST_DROPS
    assert drops >= 1


@given(st.integers(0, 2**33), st.integers(0, 2**33), st.integers(0, 2**32))
def test_a_clock_that_jumps_back_never_silences_covers_for_longer_than_their_wait(
    before: int, after: int, seed: int
) -> None:
    covering = Covering(lambda limit: seed % limit)
    covering.synced(before)
    covering.is_time(after)
    assert covering.next_sync is not None
    assert covering.next_sync - after <= IDLE_LEAST + IDLE_MORE


def test_the_app_that_people_run_covers_what_it_sends(tmp_path: Path) -> None:
    assert field_gate(Config(tmp_path))._covering is not None
