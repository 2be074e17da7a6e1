"""What is sealed still reaches the centre: while locked, behind a second notebook, and after a wipe."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from fieldapp.domain.screening import FinishChoice, FinishKind
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from fieldapp.services.sealing import entry as entry_of
from fieldapp.system import SystemIds
from fieldapp.vault import (
    FLOOR,
    Keystore,
    KeystoreUnavailable,
    NoKeystore,
    OutboxFile,
    SlotKind,
    WrongPassphrase,
    WrongRecoveryCode,
    new_code,
)
from fieldapp.vault.keystore import OUTBOX_KEY
from sync import outbox
from sync.client import CentreClient, RelayClient
from sync.outbox import OutboxMeta, OutboxState
from sync.protocol import MsgType
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.fakes.keystore import MemoryKeystore
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen
from tests.unit.services.test_attachments import begun, document

pytestmark = pytest.mark.anyio

SECOND = "harmless sextant walnut copper ninety"
WIPE = "goodbye marble anchor violet thirty"


async def _device(
    folder: Path, keystore: Keystore, network: Switchable, clock: FixedClock
) -> AsyncIterator[Gate]:
    from fieldapp.services.settings import Settings

    gate = Gate(
        folder,
        keystore,
        clock,
        SystemIds(),
        lambda relay: RelayClient(relay, transport=network, monotonic=clock.now),
        calibrated=lambda: FLOOR,
        locked_sending=True,
    )
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    yield gate
    await gate.shut()


@pytest.fixture
async def gate(tmp_path: Path, network: Switchable, clock: FixedClock) -> AsyncIterator[Gate]:
    async for gate in _device(tmp_path / "device", NoKeystore(), network, clock):
        yield gate


def states(gate: Gate) -> list[OutboxState]:
    with OutboxFile.open(gate.shelf.folder, bytes(32)) as box:
        return [OutboxMeta.from_bytes(entry.meta).state for entry in box.entries()]


async def waiting(notebook: Notebook, network: Switchable, clock: FixedClock) -> int:
    """File a record while there is no network; returns how many envelopes it is."""
    network.off()
    await screen(notebook)
    network.on()
    clock.advance(3600)
    return len(notebook.book.on_the_way)


async def test_what_waits_is_sent_while_locked_and_the_notebook_knows_it(
    gate: Gate,
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    network: Switchable,
    clock: FixedClock,
) -> None:
    count = await waiting(notebook, network, clock)
    await gate.lock()
    assert gate._sender
    network.off()
    assert await gate._sender.once() == 0
    network.on()
    assert await gate._sender.once() == count
    assert await gate._sender.once() == 0
    assert set(states(gate)) == {OutboxState.STORED}
    assert MsgType.SCREENING in [one.header.msg_type for one in await centre.pull(desk)]
    opened = await gate.unlock(PASSPHRASE)
    assert gate._sender._task is None
    assert {meta.state for _, meta in opened.book.on_the_way} == {OutboxState.STORED}
    assert opened.delivery.waiting == 0


@pytest.mark.parametrize("how", ["wipe", "erase", "second"])
async def test_after_a_wipe_nothing_opens_and_the_sealed_outbox_still_drains(
    how: str,
    gate: Gate,
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    network: Switchable,
    clock: FixedClock,
) -> None:
    await notebook.book.set_word(SlotKind.OPEN, PASSPHRASE, SECOND)
    await notebook.book.set_word(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, SECOND)
    count = await waiting(notebook, network, clock)
    if how == "erase":
        await notebook.book.erase()
    before = len(network.requests)
    second = await gate.unlock({"wipe": WIPE, "erase": PASSPHRASE, "second": SECOND}[how])
    assert second.book.is_second
    assert (second.book.filed, second.book.on_the_way, second.book.damaged) == ((), (), [])
    await second.delivery.once()
    await second.delivery.send_now()
    assert len(network.requests) == before, "a second notebook touches no network"
    assert gate._sender
    assert gate._sender._task, "the sender goes on behind it"
    assert await gate._sender.once() == count
    assert MsgType.SCREENING in [one.header.msg_type for one in await centre.pull(desk)]
    await gate.lock()
    for word in (PASSPHRASE, SECOND):
        if how == "wipe":
            with pytest.raises(WrongPassphrase):
                await gate.unlock(word)


async def test_a_relay_that_refuses_or_is_silent_costs_no_record(
    gate: Gate,
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    network: Switchable,
    clock: FixedClock,
) -> None:
    count = await waiting(notebook, network, clock)
    await gate.lock()
    assert gate._sender
    for status in (500, 403, 404):
        network.instead = lambda request, status=status: httpx.Response(status)
        assert await gate._sender.once() == 0
        clock.advance(8 * 3600)
    assert set(states(gate)) == {OutboxState.SEALED}
    network.on()
    assert await gate._sender.once() == count


async def test_a_gate_that_does_not_send_while_locked_has_no_sender(
    tmp_path: Path, clock: FixedClock
) -> None:
    gate = Gate(tmp_path, NoKeystore(), clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR)
    gate.send_while_locked()
    assert gate._sender is None
    await gate.shut()


async def test_what_somebody_else_wrote_down_meanwhile_is_not_written_over(
    gate: Gate, notebook: Notebook, network: Switchable, clock: FixedClock
) -> None:
    """Another window opened the notebook between the offer and its note, heard a receipt, and locked again."""
    count = await waiting(notebook, network, clock)
    await gate.lock()

    def heard(_request: httpx.Request) -> None:
        with OutboxFile.open(gate.shelf.folder, bytes(32)) as box:
            for entry in box.entries():
                meta = OutboxMeta.from_bytes(entry.meta)
                if meta.state is OutboxState.SEALED:
                    later = outbox._forward(outbox.stored(meta, clock.now()), OutboxState.OPENED)
                    box.update(entry_of(entry.entry_id, entry.record_id, later, entry.envelope))

    network.after = heard
    assert gate._sender
    assert 0 < await gate._sender.once() <= count
    assert set(states(gate)) == {OutboxState.OPENED}


async def test_a_token_that_the_relay_does_not_know_costs_no_hours_after_the_unlock(
    gate: Gate, notebook: Notebook, network: Switchable, clock: FixedClock
) -> None:
    """A new token needs the notebook: a night of refusals must not make the record wait once that is open."""
    await waiting(notebook, network, clock)
    await gate.lock()
    assert gate._sender
    network.instead = lambda request: httpx.Response(
        403, json={"error": "forbidden"}, headers={"content-type": "application/json"}
    )
    for _ in range(6):
        assert await gate._sender.once() == 0
        asked = len(network.requests)
        assert await gate._sender.once() == 0
        assert len(network.requests) == asked, "not asked again at once"
        clock.advance(3600)
    assert asked >= 6
    with OutboxFile.open(gate.shelf.folder, bytes(32)) as box:
        metas = [OutboxMeta.from_bytes(entry.meta) for entry in box.entries()]
    assert {meta.last_reason for meta in metas} == {"unknown_token"}
    assert {meta.attempts for meta in metas} == {0}
    assert all(outbox.is_due(meta, clock.now()) for meta in metas)


async def test_a_relay_that_is_silent_holds_up_nothing_that_is_for_another_one(
    gate: Gate, notebook: Notebook, network: Switchable, clock: FixedClock
) -> None:
    network.off()
    for _ in range(3):
        await screen(notebook)
    network.on()
    clock.advance(3600)
    await gate.lock()
    with OutboxFile.open(gate.shelf.folder, bytes(32)) as box:
        entries = box.entries()
        assert len(entries) >= 6
        for entry in entries[:5]:
            moved = outbox.moved(OutboxMeta.from_bytes(entry.meta), "https://gone.example", "", clock.now())
            box.update(entry_of(entry.entry_id, entry.record_id, moved, entry.envelope))
    inner = network.inner

    class Half(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.host == "gone.example":
                raise httpx.ConnectError("gone")
            return await inner.handle_async_request(request)

    network.inner = Half()
    assert gate._sender
    assert await gate._sender.once() > 0


async def test_a_recovery_that_fails_leaves_the_sender_at_work(gate: Gate, notebook: Notebook) -> None:
    await gate.lock()
    assert gate._sender
    with pytest.raises(WrongRecoveryCode):
        await gate.recover(new_code(), "copper walnut sextant ninety harmless")
    assert gate._sender._task


async def test_erasing_seals_the_pieces_of_files_first(
    gate: Gate, notebook: Notebook, network: Switchable
) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(6))
    network.off()
    await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    count = len(notebook.book.on_the_way)
    await notebook.book.erase()
    await gate.lock()
    assert len(states(gate)) == count + 6


async def test_nothing_that_goes_wrong_in_sealing_stops_an_erasure(
    gate: Gate, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a fault in this program")

    await screen(notebook)
    monkeypatch.setattr(notebook.book, "_waits", fails)
    monkeypatch.setattr(notebook.book, "_due_for_sealing", fails)
    await notebook.book.erase()
    opened = await gate.unlock(PASSPHRASE)
    assert opened.book.is_second
    assert opened.book.filed == ()


async def test_who_erases_and_puts_the_device_away_has_erased(
    gate: Gate, notebook: Notebook, network: Switchable
) -> None:
    """Locking comes while what is finished is still being sealed."""
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(6))
    network.off()
    await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    erasing = asyncio.create_task(notebook.book.erase())
    await asyncio.sleep(0)
    await gate.lock()
    await asyncio.gather(erasing, return_exceptions=True)
    assert (await gate.unlock(PASSPHRASE)).book.is_second


NEW = "another made up sextant walnut copper ninety"


@pytest.fixture
async def guarded(tmp_path: Path, network: Switchable, clock: FixedClock) -> AsyncIterator[Gate]:
    """The same device with a key store: the outbox key is a secret, and not zeros."""
    async for gate in _device(tmp_path / "guarded", MemoryKeystore(), network, clock):
        yield gate


@pytest.mark.parametrize("lost", ["the passphrase", "the device secret", "everything", "an answer"])
async def test_story_13_what_is_sealed_reaches_the_centre_whatever_was_lost(
    lost: str,
    guarded: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
    network: Switchable,
    clock: FixedClock,
) -> None:
    """At once while the key store has the outbox key, else as soon as the sheet has opened the notebook."""
    gate, keystore, code = guarded, guarded.shelf.keystore, new_code()
    assert isinstance(keystore, MemoryKeystore)
    assert gate.notebook
    await gate.notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    await gate.notebook.book.set_recovery(PASSPHRASE, code)
    count = await waiting(gate.notebook, network, clock)
    await gate.lock()
    before = {path.name: path.read_bytes() for path in gate.shelf.folder.iterdir()}
    if lost == "the device secret":
        del keystore.values["ds"]
    elif lost == "everything":
        keystore.values.clear()
    keystore.broken = lost == "an answer"
    assert gate._sender
    if lost == "the passphrase":
        with pytest.raises(WrongPassphrase):
            await gate.unlock(NEW)
    else:
        with pytest.raises(KeystoreUnavailable):
            await gate.unlock(PASSPHRASE)
        assert {path.name: path.read_bytes() for path in gate.shelf.folder.iterdir()} == before
    at_once = lost in ("the passphrase", "the device secret")
    assert await gate.sends_locked() is at_once
    assert await gate._sender.once() == (count if at_once else 0)
    opened = await gate.recover(code, NEW)
    await opened.delivery.stop()
    if lost == "everything":
        await gate.lock()
        assert await gate._sender.once() == count, "the notebook gave the key store its key back"
    elif lost == "an answer":
        await opened.delivery.once()
    assert MsgType.SCREENING in [one.header.msg_type for one in await centre.pull(desk)]


async def test_nothing_hangs_on_the_error_of_a_sheet_that_needs_the_key_store(
    guarded: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    """A screen keeps the error that it shows; what was typed must not stay in memory with it."""
    keystore, sheet = guarded.shelf.keystore, new_code()
    assert isinstance(keystore, MemoryKeystore)
    assert guarded.notebook
    await guarded.notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    await guarded.notebook.book.set_word(SlotKind.OPEN, PASSPHRASE, SECOND)
    await (await guarded.unlock(SECOND)).book.set_recovery(SECOND, sheet)
    await guarded.lock()
    keystore.broken = True
    with pytest.raises(KeystoreUnavailable) as caught:
        await guarded.recover(sheet, NEW)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("head_start", range(6))
async def test_what_comes_while_the_app_ends_opens_nothing_and_begins_no_sending(
    guarded: Gate, head_start: int
) -> None:
    """A window that goes locks once more, one that comes asks for the sender, an unlock may be on its way."""
    await guarded.lock()
    ends = asyncio.create_task(guarded.shut())
    for _ in range(head_start):
        await asyncio.sleep(0)
    guarded.send_while_locked()
    late = await asyncio.gather(guarded.lock(), guarded.unlock(PASSPHRASE), return_exceptions=True)
    await ends
    assert late[0] is None
    assert guarded.notebook is None
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "locked sender"]
    OutboxFile.open(guarded.shelf.folder, guarded.shelf.keystore.get(OUTBOX_KEY) or b"").close()
