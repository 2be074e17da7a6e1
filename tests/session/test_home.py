"""Home: what is unfinished or due comes first, and nothing of it stays after locking."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, Screening
from fieldapp.services.filed import Stage
from fieldapp.services.filing import Damaged
from fieldapp.services.settings import Settings, Work
from fieldapp.ui.state import Screen
from fieldapp.vault.errors import VaultFull
from tests.session.field_harness import Field, StillClock, open_field

pytestmark = pytest.mark.anyio


async def begun(app: Field) -> Screening:
    return await app.state.open.screenings.begin(Mode.OFFICER, language="en")


async def test_the_greeting_follows_the_clock_on_the_wall(tmp_path: Path) -> None:
    greetings = {}
    for hour in (6, 13, 19, 23):
        clock = StillClock(datetime(2026, 12, 1, hour, 0))
        async with open_field(tmp_path / str(hour), clock=clock) as app:
            greetings[hour] = app.screen.texts()[0]
    assert greetings == {6: "Good morning", 13: "Good afternoon", 19: "Good evening", 23: "Good evening"}


async def test_a_new_screening_is_a_saved_draft_in_the_order_of_the_worker(tmp_path: Path) -> None:
    async with open_field(tmp_path, Settings(work=Work.OUTREACH)) as app:
        await app.press("new-screening")
        (draft,) = app.state.open.screenings.unfinished
        assert draft.mode is Mode.OUTREACH
        assert app.state.place.screen is Screen.OPENING
        app.state.home()
        await app.screen.settle()
        await app.press("other-order")
        assert {d.mode for d in app.state.open.screenings.unfinished} == {Mode.OFFICER, Mode.OUTREACH}


async def test_an_unfinished_screening_is_offered_and_resumed_where_it_was(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        draft = await begun(app)
        await app.state.open.screenings.save(draft.with_position("s05"))
        app.state.open.book.changes.ring()
        await app.screen.settle()
        assert "Resume the screening of 14:05?" in app.screen.texts()
        assert draft.alias in app.screen.texts()
        await app.press(f"resume-{draft.id.hex()[:8]}")
        assert app.state.screening == draft.with_position("s05")
        assert (app.state.place.screen, app.state.place.about) == (Screen.QUESTION, "S05")


async def test_a_discarded_screening_can_be_taken_back(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        draft = await begun(app)
        app.state.open.book.changes.ring()
        await app.screen.settle()
        await app.press(f"discard-{draft.id.hex()[:8]}")
        assert list(app.state.open.screenings.unfinished) == []
        await app.press("undo")
        assert list(app.state.open.screenings.unfinished) == [draft]
        assert "undo" not in app.screen.identifiers()


async def test_a_kept_record_is_offered_when_its_date_came(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        choice = FinishChoice(FinishKind.KEEP_UNTIL, until=date(2026, 12, 3))
        draft = await app.state.open.screenings.begin(Mode.OUTREACH, language="en")
        record = await app.state.open.screenings.finish(draft, choice)
        await app.rest()
        send = f"send-{record.record_id.hex()[:8]}"
        assert send not in app.screen.identifiers()
        app.clock.at += timedelta(days=2)
        app.state.open.book.changes.ring()
        await app.screen.settle()
        await app.press(send)
        released = app.state.open.book.record(record.record_id)
        assert released is not None
        assert app.state.open.book.stage(released) is Stage.LOCAL


async def test_the_status_line_counts_what_waits(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        assert "Nothing waits." in app.screen.texts()
        draft = await begun(app)
        await app.state.open.screenings.finish(draft, FinishChoice(FinishKind.SEND))
        await app.rest()
        assert "1 waiting, safe on this device." in app.screen.texts()


async def test_enrolling_can_wait(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        assert "enrol" in app.screen.identifiers()
        await app.press("enrol-later")
        assert "enrol" not in app.screen.identifiers()


async def test_records_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        app.state.open.book.damaged.append(Damaged(6))
        app.state.open.book.changes.ring()
        await app.screen.settle()
        assert any("cannot be read" in words for words in app.screen.texts())


async def test_officers_find_what_they_sent_and_outreach_its_cases(tmp_path: Path) -> None:
    async with open_field(tmp_path / "officer") as app:
        assert {"outbox"} == {"outbox", "cases"} & set(app.screen.identifiers())
    async with open_field(tmp_path / "outreach", Settings(work=Work.OUTREACH)) as app:
        assert {"cases"} == {"outbox", "cases"} & set(app.screen.identifiers())


async def test_after_locking_nothing_of_home_is_left(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        draft = await begun(app)
        app.state.open.book.changes.ring()
        await app.screen.settle()
        await app.press("cover")
        assert draft.alias not in " ".join(app.screen.texts())
        assert app.state.notebook is None
        assert app.state.places[-1].screen is Screen.LOCK


async def test_a_lock_while_a_screening_begins_leaves_nothing_of_it_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path) as app:
        screenings = app.state.open.screenings
        begin = screenings.begin

        async def begin_and_lock(mode: Mode, *, language: str) -> Screening:
            draft = await begin(mode, language=language)
            await app.state.presence.lock()
            return draft

        monkeypatch.setattr(screenings, "begin", begin_and_lock)
        await app.press("new-screening")
        assert app.state.screening is None
        assert app.state.place.screen is Screen.LOCK


async def test_a_screening_that_cannot_begin_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path) as app:

        async def full(*_: object, **__: object) -> Screening:
            raise VaultFull("made up")

        monkeypatch.setattr(app.state.open.screenings, "begin", full)
        await app.press("new-screening")
        assert "There is no room left." in app.screen.texts()
        assert app.state.place.screen is Screen.HOME
