"""Locks, cancelled tasks and double calls at the worst moment: nothing is sealed twice, nothing stays open."""

import asyncio
import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.membership import Standing
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.vault.errors import StorageFailed, VaultLocked
from sync.client import CentreClient
from sync.code import EnrolmentCode
from sync.enrolment import enrol_id
from tests.fakes.centre import ScriptedCentre
from tests.unit.services.conftest import PASSPHRASE, URL, Switchable, screen

pytestmark = pytest.mark.anyio


def failing(error: Exception, after: int) -> Callable[..., Any]:
    """Patch for `CellStore.write`: works `after` times, then raises."""
    from fieldapp.vault.store import CellStore

    real, calls = CellStore.write, iter(range(10**9))

    def write(self: CellStore, *args: Any) -> None:
        if next(calls) >= after:
            raise error
        real(self, *args)

    return write


async def ready_to_finish(notebook: Notebook, centre: ScriptedCentre, desk: CentreClient) -> None:
    code = EnrolmentCode.generate(centre.root.centre_id, URL)
    await desk.open_enrolment(enrol_id(code))
    await notebook.enrolling.begin("-".join(code.typed()), "relay.example")
    await centre.answer(desk, code)


@pytest.mark.parametrize("written", [0, 1, 2])
async def test_an_enrolment_that_fails_half_way_and_is_repeated_uses_no_number_twice(
    written: int,
    gate: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notebook = gate.notebook
    assert notebook
    for _ in range(3):
        await screen(notebook)
    await ready_to_finish(notebook, centre, desk)
    with monkeypatch.context() as patched:
        patched.setattr(
            "fieldapp.vault.store.CellStore.write", failing(StorageFailed("made-up full disk"), written)
        )
        try:
            await notebook.enrolling.finish()
        except StorageFailed:
            assert written == 0, "once it is a member, the rest is tried again later"
    for _ in range(3):
        assert await notebook.enrolling.finish()
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    assert [a.header.seq for a in arrived] == [1, 2, 3, 4, 5, 6]
    assert len({a.opened.hash for a in arrived}) == 6
    assert notebook.enrolling.standing is Standing.ENROLLED


async def test_joining_twice_does_not_begin_the_chain_again(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    notebook = gate.notebook
    assert notebook
    member, tokens = centre.member(), await centre.tokens(desk)
    await notebook.book.join(member, centre.trust, tokens)
    await screen(notebook)
    await notebook.book.join(member, centre.trust, tokens)
    await screen(notebook)
    assert [meta.seq for _, meta in notebook.book.on_the_way] == [1, 2, 3, 4]
    assert len({meta.drop_token for _, meta in notebook.book.on_the_way}) == 4


async def test_two_looks_at_once_enrol_once(gate: Gate, centre: ScriptedCentre, desk: CentreClient) -> None:
    notebook = gate.notebook
    assert notebook
    await screen(notebook)
    await ready_to_finish(notebook, centre, desk)
    assert await asyncio.gather(notebook.enrolling.finish(), notebook.enrolling.finish()) == [True, True]
    assert [meta.seq for _, meta in notebook.book.on_the_way] == [1, 2]


async def test_what_was_not_sealed_at_enrolment_is_sealed_after_the_next_unlock(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = gate.notebook
    assert notebook
    await screen(notebook)
    tokens = await centre.tokens(desk)
    with monkeypatch.context() as patched:
        patched.setattr("fieldapp.vault.store.CellStore.write", failing(StorageFailed("full"), 1))
        await notebook.book.join(centre.member(), centre.trust, tokens)
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    await again.delivery.once()
    assert [again.book.stage(r) for r in again.book.filed] == [Stage.STORED]


async def test_two_reasons_to_seal_at_once_seal_once(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient
) -> None:
    notebook = gate.notebook
    assert notebook
    await notebook.book.join(centre.member(), centre.trust, ())
    await screen(notebook)
    tokens = await centre.tokens(desk)
    notebook.book._tokens = tokens
    await asyncio.gather(*(notebook.book.seal_waiting() for _ in range(3)))
    assert [meta.seq for _, meta in notebook.book.on_the_way] == [1, 2]
    assert notebook.book.tokens_left == len(tokens) - 2


async def test_finishing_twice_at_once_files_once(notebook: Notebook) -> None:
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    choice = FinishChoice(FinishKind.SEND)
    first, second = await asyncio.gather(
        notebook.screenings.finish(screening, choice), notebook.screenings.finish(screening, choice)
    )
    assert first == second
    assert [meta.seq for _, meta in notebook.book.on_the_way] == [1]


async def test_releasing_twice_at_once_seals_once(notebook: Notebook) -> None:
    screening = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    kept = FinishChoice(FinishKind.KEEP_UNTIL, until=date(2026, 12, 24))
    record = await notebook.screenings.finish(screening, kept)
    assert notebook.book.on_the_way == ()
    send = FinishChoice(FinishKind.SEND)
    await asyncio.gather(*(notebook.screenings.release(record.record_id, send) for _ in range(3)))
    assert [meta.seq for _, meta in notebook.book.on_the_way] == [1]


@pytest.mark.parametrize("ticks", [1, 2, 3, 5, 8, 13])
async def test_a_cancelled_lock_still_locks(notebook: Notebook, gate: Gate, ticks: int) -> None:
    await screen(notebook)
    notebook.delivery.start()
    task = asyncio.create_task(gate.lock())
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    again = await gate.unlock(PASSPHRASE)
    assert again.book.filed
    assert notebook.book.filed == ()


async def test_a_cancelled_unlock_leaves_nothing_open(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    await gate.lock()
    begun, go_on = threading.Event(), threading.Event()
    from fieldapp.vault import UnlockAttempt

    real = UnlockAttempt.finish

    def slow(self: UnlockAttempt, stretched: bytes, now: int, **how: bool) -> object:
        begun.set()
        go_on.wait(10)
        return real(self, stretched, now, **how)

    with monkeypatch.context() as patched:
        patched.setattr(UnlockAttempt, "finish", slow)
        task = asyncio.create_task(gate.unlock(PASSPHRASE))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(task, return_exceptions=True)
    await gate.lock()
    assert gate.notebook is None
    await gate.unlock(PASSPHRASE)


async def test_two_unlocks_at_once_leave_one_open_notebook(gate: Gate) -> None:
    first, second = await asyncio.gather(gate.unlock(PASSPHRASE), gate.unlock(PASSPHRASE))
    assert gate.notebook is second
    with pytest.raises(VaultLocked):
        await first.screenings.begin(Mode.OFFICER, language="en")
    await second.screenings.begin(Mode.OFFICER, language="en")


async def test_a_fault_in_the_loop_neither_ends_the_sending_nor_the_lock(
    notebook: Notebook,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = await screen(notebook)
    real, calls = notebook.delivery.once, iter(range(100))

    async def once() -> None:
        if next(calls) == 0:
            raise ZeroDivisionError("a fault that nobody foresaw")
        await real()

    monkeypatch.setattr(notebook.delivery, "once", once)
    notebook.delivery.start()
    for _ in range(500):
        notebook.delivery.wake()
        await asyncio.sleep(0.01)
        if notebook.book.stage(record) is Stage.STORED:
            break
    assert notebook.book.stage(record) is Stage.STORED
    await gate.lock()
    await gate.unlock(PASSPHRASE)


async def test_a_lock_while_saving_finishing_and_sending_loses_nothing_that_was_confirmed(
    notebook: Notebook,
    gate: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
) -> None:
    confirmed: list[bytes] = []
    enough = asyncio.Event()

    async def work() -> None:
        while True:
            confirmed.append((await screen(notebook)).record_id)
            if len(confirmed) == 3:
                enough.set()

    tasks = [asyncio.create_task(work()), asyncio.create_task(notebook.delivery.once())]
    await enough.wait()
    await gate.lock()
    await asyncio.gather(*tasks, return_exceptions=True)
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    assert set(confirmed) <= {r.record_id for r in again.book.filed}
    seqs = [part.env_hash for r in again.book.filed for part in r.parts]
    assert len(seqs) == len(set(seqs))
    await again.delivery.once()
    arrived = await centre.pull(desk)
    assert sorted(a.header.seq for a in arrived) == list(range(1, len(arrived) + 1))


async def test_nothing_that_was_recorded_is_left_in_a_locked_notebook(notebook: Notebook, gate: Gate) -> None:
    screening = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    await notebook.contacts.open_case(b"c" * 16, "made up alias")
    await gate.lock()
    assert notebook.screenings.unfinished == ()
    assert notebook.screenings.draft(screening.id) is None
    assert notebook.contacts.cases == ()
    assert notebook.book.tokens_left == 0


async def test_settings_that_cannot_be_written_do_not_undo_a_set_up_device(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, network: Switchable
) -> None:
    from fieldapp.services.filing import Book

    folder = gate.shelf.folder
    (folder / "v.hdr").rename(folder / "old.hdr")
    (folder / "v.db").unlink()
    (folder / "v.box").unlink()
    await gate.lock()

    async def refuse(self: Book, settings: Settings) -> None:
        raise StorageFailed("made-up full disk")

    with monkeypatch.context() as patched:
        patched.setattr(Book, "save_settings", refuse)
        made = await gate.create(PASSPHRASE, Settings(language="nl"))
    assert gate.notebook is made
    await gate.lock()
    await gate.unlock(PASSPHRASE)
