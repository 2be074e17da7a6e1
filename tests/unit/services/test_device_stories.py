"""More of how other systems lost or leaked records, played on a device; `docs/failure-stories.md` lists every story."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Identity, Mode
from fieldapp.services.covering import Covering
from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.listening import News
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from fieldapp.vault.errors import StorageFailed
from fieldapp.vault.store import CellStore
from sync.client import CentreClient, RelayClient
from sync.downstream import Message
from sync.protocol import DAY, MsgType
from sync.receipts import ReceiptKind
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio

CANARY = "Madeup Canary Name"
ROUNDS = 500 if os.environ.get("FIELDAPP_LONG") else 12


class Disk:
    """The vault's files, which refuse the write number `at` from now on, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = 0
        self._write = CellStore.write
        monkeypatch.setattr(CellStore, "write", lambda store, *blobs: self._next(store, blobs))

    def _next(self, store: CellStore, blobs: tuple[object, ...]) -> None:
        self.at -= 1
        if self.at == 0:
            raise StorageFailed("made-up fault")
        self._write(store, *blobs)  # type: ignore[arg-type]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


async def reopened(gate: Gate) -> Notebook:
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    return notebook


async def test_story_1_a_crash_while_finishing_leaves_a_draft_or_a_sealed_record_and_never_both(
    notebook: Notebook, gate: Gate, disk: Disk, tmp_path: Path
) -> None:
    for at in (1, 2, 3):
        draft = await notebook.screenings.begin(Mode.OFFICER, language="en")
        draft = draft.with_answer("G1", Answer.YES).with_identity(Identity(name=CANARY))
        await notebook.screenings.save(draft)
        disk.at = at
        with contextlib.suppress(StorageFailed):
            await notebook.screenings.finish(draft, FinishChoice(FinishKind.SEND))
        disk.at = 0
        notebook = await reopened(gate)
        drafts = {one.id for one in notebook.screenings.unfinished}
        sealed = {entry.record_id for entry, _ in notebook.book.on_the_way}
        filed = {record.record_id for record in notebook.book.filed}
        assert (draft.id in drafts) is not (draft.id in filed)
        assert (draft.id in sealed) is (draft.id in filed)
        assert not any(CANARY.encode() in entry.envelope for entry, _ in notebook.book.on_the_way)
    await gate.lock()
    assert not any(CANARY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_story_6_a_record_is_not_with_the_centre_until_every_part_is_opened(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    first, second = await centre.pull(desk)
    await desk.post(3, centre.receipt([first], ReceiptKind.OPENED))
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    held = notebook.book.record(record.record_id)
    assert held
    assert held.content
    await desk.post(3, centre.receipt([second], ReceiptKind.OPENED))
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.OPENED


async def test_story_21_the_cursor_is_never_ahead_of_what_it_stands_for(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient, disk: Disk, clock: FixedClock
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    await desk.post(3, centre.receipt(await centre.pull(desk), ReceiptKind.OPENED))
    assert notebook.book.membership
    said = Message(clock.now(), "Intake", "made-up text").to_bytes()
    await desk.post(3, centre.downstream(MsgType.MESSAGE, said, notebook.book.membership.prekeys.current))
    before = notebook.book.membership.cursor
    disk.at = 1  # data and cursor are one write: neither is there
    await notebook.delivery.once()
    notebook = await reopened(gate)
    assert notebook.book.membership
    assert notebook.book.membership.cursor == before
    assert (notebook.book.stage(record), len(notebook.messages.all)) == (Stage.STORED, 0)
    await notebook.delivery.once()
    assert (notebook.book.stage(record), len(notebook.messages.all)) == (Stage.OPENED, 1)
    assert notebook.book.membership.cursor != before
    # The other order: the data is there, and the cursor is put back.
    await notebook.book.hear("", News())
    await notebook.delivery.once()
    assert len(notebook.messages.all) == 1


async def test_story_24_whatever_write_fails_the_queue_drains_and_nothing_is_sent_for_ever(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient, disk: Disk, clock: FixedClock
) -> None:
    for number in range(ROUNDS):
        record = await screen(notebook)
        disk.at = number % 6 + 1
        await notebook.delivery.once()
        disk.at = 0
        if number % 3 == 0:
            notebook = await reopened(gate)
        clock.advance(60)
        await notebook.delivery.once()
        assert notebook.book.stage(record) >= Stage.STORED
        if number % 4 == 3:
            await desk.post(3, centre.receipt(await centre.pull(desk), ReceiptKind.OPENED))
            await notebook.delivery.once()
            assert notebook.book.on_the_way == ()
            refill = await centre.tokens(desk, 20)
            await notebook.book.hear(notebook.book.membership.cursor, News(drop_tokens=list(refill)))  # type: ignore[union-attr]
    arrived = await centre.pull(desk)
    assert sorted({one.header.seq for one in arrived}) == list(range(1, 2 * ROUNDS + 1))


async def test_story_25_fifty_failures_exhaust_nothing_also_among_covers(
    tmp_path: Path, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    draws = iter(range(10**6))
    chance: Callable[[int], int] = lambda limit: next(draws) * 7919 % limit  # noqa: E731
    gate = Gate(
        tmp_path / "hidden",
        NoKeystore(),
        clock,
        SystemIds(),
        lambda url: RelayClient(url, transport=network),
        calibrated=lambda: FLOOR,
        covering=Covering(chance),
    )
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk, 100))
    record = await screen(notebook)
    network.instead = lambda _: httpx.Response(500, json={"error": "internal"})
    for _ in range(50):
        await notebook.delivery.once()
        clock.advance(DAY // 2)
    assert notebook.book.tokens_left >= 12
    network.on()
    for _ in range(3):
        await notebook.delivery.once()
        clock.advance(DAY // 2)
    assert notebook.book.stage(record) is Stage.STORED
    await gate.shut()
