"""What was begun about a case: written at once, there after a lock, and gone in the transaction that files it."""

import asyncio
import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from fieldapp.domain.contact import Channel, ContactRules, Direction, Outcome, SafeContact, SafeWindow, Window
from fieldapp.domain.unfinished import Hours, LogStep, OpenContact, OpenRules
from fieldapp.errors import ContactError
from fieldapp.services.case_file import Case, Entry
from fieldapp.services.filed import What
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.notebook import Notebook
from fieldapp.vault.errors import StorageFailed
from fieldapp.vault.vault import Vault
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE

pytestmark = pytest.mark.anyio

HOUR = 3600


@pytest.fixture
def notebook(gate: Gate) -> Notebook:
    assert gate.notebook
    return gate.notebook


async def case_of(notebook: Notebook, clock: FixedClock) -> Case:
    """A case that may be contacted for half an hour from now."""
    now = clock.local()
    minute = now.hour * 60 + now.minute
    rules = ContactRules(
        now.replace(second=0), safe=(SafeWindow(Window(now.weekday(), minute, minute + 30)),)
    )
    return await notebook.contacts.open_case(
        b"c" * 16, "made up", SafeContact(rules, Channel.CALL, "0 made up")
    )


def log_of(case: Case, clock: FixedClock) -> OpenContact:
    return OpenContact(
        b"l" * 16, case.id, clock.now(), LogStep.NEXT, outcome=Outcome.NO_ANSWER, note="made-up note"
    )


def edit_of(case: Case, clock: FixedClock) -> OpenRules:
    rules = ContactRules(clock.local().replace(second=0), cover_story="made-up story")
    return OpenRules(
        b"e" * 16,
        case.id,
        clock.now(),
        SafeContact(rules),
        who_acts="made-up aunt",
        safe_hours=Hours(frozenset({1, 6}), "8:", "", week_only=True),
    )


async def again(gate: Gate) -> Notebook:
    await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    return notebook


async def test_both_kinds_are_there_again_after_a_lock(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    case = await case_of(notebook, clock)
    log, edit = log_of(case, clock), edit_of(case, clock)
    await notebook.unfinished.save(log)
    await notebook.unfinished.save(edit)
    notebook = await again(gate)
    assert notebook.unfinished.contacts == (log,)
    assert notebook.unfinished.rules_of(case.id) == edit
    assert notebook.contacts.history(case.id) == ()
    assert notebook.book.damaged == []


async def test_a_lock_right_after_the_last_letter_does_not_lose_it(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    case = await case_of(notebook, clock)
    log = log_of(case, clock)
    texts = ["m", "ma", "mad", "made", "made up"]
    saves = [asyncio.ensure_future(notebook.unfinished.save(replace(log, note=text))) for text in texts]
    await asyncio.sleep(0)  # every save has begun, none has ended
    notebook = await again(gate)
    await asyncio.gather(*saves)
    assert [one.note for one in notebook.unfinished.contacts] == ["made up"]


async def test_letters_that_wait_for_a_slow_disk_become_one_write(
    notebook: Notebook, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await case_of(notebook, clock)
    log, written = log_of(case, clock), []
    commit = Vault._commit

    def counted(self: Vault, files: object, root: object, tx: object, now: int) -> None:
        written.append(not tx.records.is_empty())  # type: ignore[attr-defined]
        commit(self, files, root, tx, now)  # type: ignore[arg-type]

    monkeypatch.setattr(Vault, "_commit", counted)
    letters = "made-up note that is typed in one go"
    saves = (notebook.unfinished.save(replace(log, note=letters[:n])) for n in range(1, len(letters)))
    await asyncio.gather(*saves, notebook.unfinished.save(replace(log, note=letters)))
    assert 1 <= sum(written) < len(letters)
    assert notebook.unfinished.contacts[0].note == letters


async def test_what_is_said_to_be_saved_is_saved_also_after_a_failure(
    notebook: Notebook, gate: Gate, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await case_of(notebook, clock)
    log, commit, calls = log_of(case, clock), Vault._commit, itertools.count()

    def fails_once(self: Vault, *args: object) -> None:
        if next(calls) == 0:
            raise StorageFailed("made-up failure")
        commit(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Vault, "_commit", fails_once)
    first = notebook.unfinished.save(replace(log, note="one"))
    results = await asyncio.gather(
        first, notebook.unfinished.save(replace(log, note="two")), return_exceptions=True
    )
    assert isinstance(results[0], StorageFailed)
    assert results[1] is None
    notebook = await again(gate)
    assert [one.note for one in notebook.unfinished.contacts] == ["two"]


async def test_filing_takes_the_place_of_the_log_in_one_transaction(
    notebook: Notebook, gate: Gate, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await case_of(notebook, clock)
    log = log_of(case, clock)
    await notebook.unfinished.save(log)
    seen: list[tuple[int, ...]] = []
    commit = Vault._commit

    def watched(self: Vault, *args: object) -> None:
        commit(self, *args)  # type: ignore[arg-type]
        seen.append(tuple(r.kind for r in self.records() if r.record_id == log.id))

    monkeypatch.setattr(Vault, "_commit", watched)
    record, _ = await notebook.contacts.log(case, Entry(Outcome.NO_ANSWER, note=log.note), begun=log)
    assert seen == [(Kind.FILED,)]
    assert record.record_id == log.id
    assert notebook.unfinished.contacts == ()
    await notebook.unfinished.save(replace(log, note="a late letter"))
    await notebook.unfinished.discard(log)
    notebook = await again(gate)
    assert notebook.unfinished.contacts == ()
    assert [r.record_id for r in notebook.contacts.history(case.id)] == [log.id]


async def test_saving_rules_takes_the_place_of_the_changes(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    case = await case_of(notebook, clock)
    edit = edit_of(case, clock)
    await notebook.unfinished.save(edit)
    await notebook.contacts.set_rules(case, edit.contact, begun=edit)
    assert notebook.unfinished.rules == ()
    notebook = await again(gate)
    assert notebook.unfinished.rules == ()
    assert [(r.record_id, r.what) for r in notebook.contacts.history(case.id)] == [(edit.id, What.RULES)]


async def test_a_contact_that_is_saved_late_was_when_its_log_was_begun(
    notebook: Notebook, clock: FixedClock
) -> None:
    case = await case_of(notebook, clock)
    log, begun_at = log_of(case, clock), clock.now()
    clock.advance(5 * HOUR)
    with pytest.raises(ContactError):
        await notebook.contacts.log(case, Entry(Outcome.NO_ANSWER))  # now it is no safe time
    record, _ = await notebook.contacts.log(case, Entry(Outcome.NO_ANSWER), begun=log)
    assert record.at == begun_at
    assert record.content is not None
    assert record.content["at"] == begun_at


async def test_what_is_discarded_is_gone_from_the_disk_and_can_be_taken_back(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    case = await case_of(notebook, clock)
    log = log_of(case, clock)
    await notebook.unfinished.discard(log)  # nothing was written yet
    await notebook.unfinished.save(log)
    await notebook.unfinished.discard(log)
    notebook = await again(gate)
    assert notebook.book.stored(Kind.UNFINISHED) == {}
    await notebook.unfinished.save(log)
    assert notebook.unfinished.contact(log.id) == log


async def test_a_case_is_removed_and_put_back_with_what_is_open_about_it(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    case = await case_of(notebook, clock)
    log, edit = log_of(case, clock), edit_of(case, clock)
    other = replace(log, id=b"o" * 16, case_id=b"d" * 16)
    for begun in (log, edit, other):
        await notebook.unfinished.save(begun)
    removed = await notebook.contacts.close_case(case)
    assert set(notebook.book.stored(Kind.UNFINISHED)) == {other.id}
    await notebook.contacts.restore(removed)
    notebook = await again(gate)
    assert set(notebook.unfinished.about(case.id)) == {log, edit}


async def test_one_that_cannot_be_read_is_told_and_hides_no_other(
    notebook: Notebook, gate: Gate, clock: FixedClock
) -> None:
    log = log_of(await case_of(notebook, clock), clock)
    await notebook.unfinished.save(log)
    await notebook.book.commit(lambda tx: tx.put(b"b" * 16, Kind.UNFINISHED, b'{"v":99}'))
    notebook = await again(gate)
    assert notebook.unfinished.contacts == (log,)
    assert [damaged.kind for damaged in notebook.book.damaged] == [Kind.UNFINISHED]


async def test_locking_forgets_it(notebook: Notebook, gate: Gate, clock: FixedClock) -> None:
    await notebook.unfinished.save(log_of(await case_of(notebook, clock), clock))
    await gate.lock()
    assert notebook.unfinished.contacts == ()


def test_a_next_moment_that_has_passed_is_none_when_the_log_is_resumed() -> None:
    now = datetime(2026, 12, 1, 14, 5)
    log = OpenContact(bytes(16), bytes(16), 0, direction=Direction.IN)
    agreed = replace(log, next_safe=now + timedelta(minutes=1), day=now.date(), time="14:06")
    assert agreed.resumed(now) == agreed
    assert agreed.resumed(now + timedelta(minutes=1)) == log
    half_typed = replace(log, day=now.date(), time="14:")
    assert half_typed.resumed(now) == half_typed
    assert half_typed.resumed(now + timedelta(days=1)) == log
