"""Logging a contact: few taps, the distress card at once, a reason when the number was hidden."""

from datetime import timedelta
from pathlib import Path

import flet as ft
import pytest

from fieldapp.domain.contact import (
    Channel,
    CheckIn,
    ContactRules,
    Outcome,
    SafeContact,
    SafeWindow,
    SeenBy,
    Window,
)
from fieldapp.services.case_file import Case
from fieldapp.services.filed import Filed, What
from fieldapp.services.settings import Settings, Work
from fieldapp.ui.state import Screen
from tests.fakes.fake_flet import walk
from tests.session.field_harness import TUESDAY_AFTERNOON, Field, open_field

pytestmark = pytest.mark.anyio

OUTREACH = Settings(work=Work.OUTREACH)
EVERY_AFTERNOON = tuple(SafeWindow(Window(day, 13 * 60, 17 * 60)) for day in range(7))
MOST_TAPS = 12


async def case_of(app: Field, *, safe: bool = True, check_in: CheckIn | None = None) -> Case:
    contacts = app.state.open.contacts
    case = await contacts.open_case(app.state.open.book.ids.new_id(), "made up")
    windows = EVERY_AFTERNOON if safe else (SafeWindow(Window(0, 60, 120)),)
    rules = ContactRules(TUESDAY_AFTERNOON, safe=windows, check_in=check_in)
    return await contacts.set_rules(case, SafeContact(rules, Channel.CHAT, "0 made up", SeenBy.FAMILY))


def tag(case: Case) -> str:
    return case.id.hex()[:8]


def contacts_of(app: Field, case: Case) -> list[Filed]:
    return [r for r in app.state.open.contacts.history(case.id) if r.what is What.CONTACT]


async def test_a_routine_contact_needs_at_most_twelve_taps(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        taps = [
            "log-contact",
            f"log-{tag(case)}",
            "outcome-reached_safe",
            "log-next",
            "next-tomorrow",
            "log-save",
        ]
        every_choice = [
            *taps[:2],
            "direction-in",
            *taps[2:3],
            "channel-call",
            "seen-by-nobody",
            *taps[3:],
            "log-done",
        ]
        assert len(every_choice) <= MOST_TAPS
        await app.press(*taps)
        assert "Saved" in app.screen.texts()
        (record,) = contacts_of(app, case)
        assert record.content is not None
        assert record.content["channel"] == "chat"
        assert record.content["seen_by"] == "family"
        app.clock.at += timedelta(minutes=1)
        await app.press("log-done", *every_choice)
        assert app.state.place.screen is Screen.HOME
        latest = contacts_of(app, case)[0].content
        assert latest is not None
        assert (latest["direction"], latest["channel"], latest["seen_by"]) == ("in", "call", "nobody")
        assert latest["next_safe"] == "2026-12-02T14:06"


async def test_somebody_new_gets_a_case_with_an_alias(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        await app.press("log-contact", "log-new", "outcome-no_answer", "log-next", "reason-first", "log-save")
        (case,) = app.state.open.contacts.cases
        assert len(case.alias.split()) == 2
        (record,) = contacts_of(app, case)
        assert record.content is not None
        assert record.content["reason"] == "First contact, no rules yet"


async def test_a_hidden_number_asks_for_a_reason_unless_the_person_made_contact(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app, safe=False)
        to_save = ["log-contact", f"log-{tag(case)}", "outcome-no_answer", "log-next"]
        await app.press(*to_save)
        assert "Why was contact made although it was not a safe time?" in app.screen.texts()
        with pytest.raises(AssertionError, match="0 things to press"):
            await app.press("log-save")
        await app.screen.fill("Or another reason", "made-up reason")
        await app.press("log-save", "log-done")
        assert len(contacts_of(app, case)) == 1
        await app.press(*to_save[:2], "direction-in", *to_save[2:])
        assert "Why was contact made although it was not a safe time?" not in app.screen.texts()
        await app.press("log-save")
        assert len(contacts_of(app, case)) == 2


async def test_a_tap_on_the_direction_leaves_the_outcomes_where_they_are(tmp_path: Path) -> None:
    """A second tap may be on its way: it is lost when its button is drawn anew, and meets another one if they move."""

    def outcomes() -> list[tuple[str, int]]:
        marks = (part for part in walk(app.screen.page.views) if isinstance(part, ft.Semantics))
        return [
            (str(m.identifier), m.content._i)
            for m in marks
            if str(m.identifier).startswith("outcome-") and m.content
        ]

    def above() -> list[str]:
        shown = app.screen.texts()
        return shown[: shown.index("What happened?")]

    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app, safe=False)
        await app.press("log-contact", f"log-{tag(case)}")
        before, text_before = outcomes(), above()
        assert len(before) == len(Outcome)
        await app.press("direction-in")
        assert outcomes() == before
        assert above() == text_before


async def test_a_distress_word_shows_its_card_before_anything_else(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app, safe=False)
        await app.press("log-contact", f"log-{tag(case)}", "outcome-distress_word")
        shown = app.screen.texts()
        for words in (
            "High",
            "Act now",
            "Keep the cover story.",
            "End the call calmly. Do not call back.",
            "101",
        ):
            assert words in shown
        assert contacts_of(app, case) == []
        await app.press("log-save")
        (record,) = contacts_of(app, case)
        assert (record.outcome, record.level, record.band) == (Outcome.DISTRESS_WORD.value, "HIGH", "NOW")
        assert "Keep the cover story." in app.screen.texts()


async def test_a_tap_on_distress_by_mistake_can_be_taken_back(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press(
            "log-contact", f"log-{tag(case)}", "outcome-distress_word", "back", "outcome-no_answer"
        )
        await app.press("log-next", "log-save")
        (record,) = contacts_of(app, case)
        assert record.level == ""


async def test_someone_else_twice_is_an_alarm_on_the_screen(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        for _ in range(2):
            app.clock.at += timedelta(minutes=1)
            await app.press(
                "log-contact", f"log-{tag(case)}", "outcome-someone_else_answered", "log-next", "log-save"
            )
            shown = app.screen.texts()
            await app.press("log-done")
        assert "Someone else answered twice in a row." in shown
        assert "Act within 24 hours" in shown


async def test_a_typed_time_is_taken_and_checked_against_the_rules(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case)}", "outcome-reached_safe", "log-next")
        await app.screen.fill("Or at another time", "8.30")
        assert "By the rules this is not a safe time." in app.screen.texts()
        await app.screen.fill("Or at another time", "1430")
        assert "By the rules this is not a safe time." not in app.screen.texts()
        await app.press("day-2", "log-save")
        (record,) = contacts_of(app, case)
        assert record.content is not None
        assert record.content["next_safe"] == "2026-12-03T14:30"


async def test_a_second_tap_on_save_files_nothing_twice(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case)}", "outcome-no_answer", "log-next")
        save = app.screen.pressable("log-save")
        handler = save._i
        first = app.screen.session.dispatch_event(handler, "click", None)
        second = app.screen.session.dispatch_event(handler, "click", None)
        await first
        await second
        await app.rest()
        assert len(contacts_of(app, case)) == 1
