"""Drafts and finished screenings: saved at every answer, offered back, never both draft and filed."""

from datetime import date

import pytest

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.errors import FieldappError, ScreeningError
from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.vault import StorageFailed
from fieldapp.vault.store import CellStore
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE

pytestmark = pytest.mark.anyio
SEND = FinishChoice(FinishKind.SEND)


async def reopened(gate: Gate):
    await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    return notebook


async def test_every_answer_survives_a_lock_with_the_place_to_come_back_to(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    screening = await notebook.screenings.begin(Mode.OUTREACH, language="fr")
    screening = screening.with_answer("S04", Answer.YES).with_followup("S04t", "now").with_position("s04")
    await notebook.screenings.save(screening)
    again = await reopened(gate)
    assert again.screenings.unfinished == (screening,)


async def test_a_finished_screening_is_no_draft_and_cannot_be_saved_again(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    record = await notebook.screenings.finish(screening, SEND)
    assert notebook.screenings.unfinished == ()
    again = await reopened(gate)
    assert again.screenings.unfinished == ()
    assert [r.record_id for r in again.screenings.finished] == [record.record_id]
    with pytest.raises(FieldappError):
        await again.screenings.save(screening.finished(1, SEND, ("a", "b")))


async def test_a_save_that_fails_leaves_the_former_draft_and_says_so(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = gate.notebook
    assert notebook
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")

    def full(*_: object, **__: object) -> None:
        raise StorageFailed("no space")

    monkeypatch.setattr(CellStore, "write", full)
    with pytest.raises(StorageFailed):
        await notebook.screenings.save(screening.with_answer("S04", Answer.YES))
    with pytest.raises(StorageFailed):
        await notebook.screenings.finish(screening, SEND)
    assert notebook.screenings.draft(screening.id) == screening
    assert notebook.book.filed == ()
    monkeypatch.undo()
    again = await reopened(gate)
    assert again.screenings.unfinished == (screening,)
    assert again.book.filed == ()


async def test_discarding_can_be_taken_back(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    gone = await notebook.screenings.discard(screening.id)
    assert notebook.screenings.unfinished == ()
    await notebook.screenings.save(gone)
    again = await reopened(gate)
    assert again.screenings.unfinished == (screening,)


async def test_a_record_that_is_kept_is_not_sealed_until_it_is_released(
    gate: Gate, clock: FixedClock
) -> None:
    notebook = gate.notebook
    assert notebook
    screening = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    until = FinishChoice(FinishKind.KEEP_UNTIL, date(2026, 12, 24))
    record = await notebook.screenings.finish(screening, until)
    assert notebook.book.stage(record) is Stage.KEPT
    assert await notebook.book.seal_waiting() == 0
    released = await notebook.screenings.release(record.record_id, SEND)
    assert notebook.book.stage(released) is Stage.LOCAL


async def test_an_officer_cannot_keep_or_hide(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    with pytest.raises(ScreeningError):
        await notebook.screenings.finish(screening, FinishChoice(FinishKind.ADVICE_WITHOUT_IDENTITY))
    assert notebook.screenings.draft(screening.id) == screening


async def test_a_draft_that_cannot_be_read_is_listed_and_the_others_open(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    good = await notebook.screenings.begin(Mode.OFFICER, language="en")
    await notebook.book.commit(lambda tx: tx.put(b"b" * 16, Kind.DRAFT, b'{"v":99}'))
    again = await reopened(gate)
    assert again.screenings.unfinished == (good,)
    assert [damaged.kind for damaged in again.book.damaged] == [Kind.DRAFT]
    assert again.book.stored(Kind.DRAFT)[b"b" * 16] == {"v": 99}, "it is kept as it is"


async def test_aliases_differ(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    drafts = [await notebook.screenings.begin(Mode.OFFICER, language="en") for _ in range(20)]
    assert len({draft.alias for draft in drafts}) == 20
