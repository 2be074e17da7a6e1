"""Cases: the number is hidden when it is not safe, rules are edited without loss, removing can be taken back."""

from datetime import datetime, timedelta
from pathlib import Path

import flet as ft
import pytest

from fieldapp.domain.contact import (
    Channel,
    CheckIn,
    ContactRules,
    SafeContact,
    SafeWindow,
    SeenBy,
    Tie,
    Window,
)
from fieldapp.kit.times import minutes_of
from fieldapp.services.case_file import Case
from fieldapp.services.filed import What
from fieldapp.services.settings import Settings, Work
from fieldapp.ui.screens import cases
from fieldapp.ui.state import Screen
from tests.fakes.fake_flet import held_text
from tests.session.field_harness import TUESDAY_AFTERNOON, Field, open_field

pytestmark = pytest.mark.anyio

OUTREACH = Settings(work=Work.OUTREACH)
NUMBER, CODE, DISTRESS = "0 made-up number", "made-up code", "made-up distress"
AFTERNOONS = tuple(SafeWindow(Window(day, 13 * 60, 17 * 60)) for day in range(7))
RULES = ContactRules(
    TUESDAY_AFTERNOON,
    safe=AFTERNOONS,
    who_may_answer="made-up aunt",
    what_to_say="made-up words",
    cover_story="made-up story",
    code_word=CODE,
    distress_word=DISTRESS,
    check_in=CheckIn(24, "made-up duty"),
)


async def shown_case(app: Field, rules: ContactRules = RULES) -> Case:
    contacts = app.state.open.contacts
    case = await contacts.open_case(app.state.open.book.ids.new_id(), "made up")
    case = await contacts.set_rules(case, SafeContact(rules, Channel.CALL, NUMBER, SeenBy.FAMILY))
    app.state.go(Screen.CASE, case.id)
    await app.screen.settle()
    return case


def in_the_tree(app: Field) -> str:
    """Everything that the client holds of the screen, also what no eye sees."""
    return held_text(app.screen.page.views)


async def test_in_a_safe_time_the_number_shows_while_it_is_held(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        await shown_case(app)
        assert "Contact is safe now." in app.screen.texts()
        assert {"case-number", "case-code", "case-distress"} <= set(app.screen.identifiers())
        assert NUMBER not in in_the_tree(app)
        (holder,) = [
            mark
            for mark in app.screen.find(ft.Semantics, identifier="case-number")
            if mark.on_tap is not None
        ]
        await app.screen.fire(holder, "tap")
        assert NUMBER in app.screen.texts()


async def test_outside_safe_times_the_number_is_not_there_but_the_next_moment_is(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await shown_case(app)
        app.clock.at = datetime(2026, 12, 1, 20, 0)
        app.state.swap(Screen.CASE, case.id)
        app.state.open.book.changes.ring()
        await app.screen.settle()
        assert "tomorrow 13:00" in app.screen.texts()
        assert "case-number" not in app.screen.identifiers()
        assert NUMBER not in in_the_tree(app)


async def test_a_number_does_not_outstay_its_safe_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "SECONDS_BETWEEN_LOOKS", 0.02)
    async with open_field(tmp_path, OUTREACH) as app:
        await shown_case(app)
        assert "case-number" in app.screen.identifiers()
        app.clock.at = datetime(2026, 12, 1, 17, 0)
        await app.screen.wait_for(lambda: "case-number" not in app.screen.identifiers())


async def test_rules_older_than_fourteen_days_mean_ask_the_centre(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        await shown_case(app)
        app.clock.at += timedelta(days=14)
        app.state.open.book.changes.ring()
        await app.screen.settle()
        assert any("older than 14 days. Ask the centre." in words for words in app.screen.texts())
        assert "case-number" not in app.screen.identifiers()


async def test_silence_beyond_the_check_in_is_an_alarm(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        await shown_case(app)
        assert "The agreed check-in is overdue." not in app.screen.texts()
        app.clock.at += timedelta(hours=25)
        app.state.open.book.changes.ring()
        await app.screen.settle()
        assert "The agreed check-in is overdue." in app.screen.texts()
        app.state.home()
        app.state.go(Screen.CASES)
        await app.screen.settle()
        assert "Alarm" in app.screen.texts()


async def test_every_rule_is_kept_and_filed_for_the_centre(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        await app.press("cases", "case-new", "case-rules", "channel-chat", "seen-by-partner", "leave-sms")
        for label, words in {
            "Number or address": NUMBER,
            "One person they trust": "made-up friend",
            "Who may answer": "made-up aunt",
            "What to say then": "made-up words",
            "Cover story": "made-up story",
            "Code word": CODE,
            "Distress word": DISTRESS,
        }.items():
            await app.screen.fill(label, words)
        await app.press("safe-school", "never-nights", "safe-other", "safe-day-2", "safe-day-4")
        await app.screen.fill("From", "9")
        await app.screen.fill("To", "10.30")
        await app.press("tie-work", "holds-week", "safe-add", "check-in-48")
        await app.screen.fill("Who acts then, and how", "made-up duty")
        await app.press("rules-save")
        (case,) = app.state.open.contacts.cases
        contact = case.contact
        assert contact is not None
        assert (contact.channel, contact.seen_by, contact.number) == (Channel.CHAT, SeenBy.PARTNER, NUMBER)
        rules = contact.rules
        until = TUESDAY_AFTERNOON.date() + timedelta(days=7)
        own = [SafeWindow(Window(day, 540, 630), until, Tie.WORK) for day in (2, 4)]
        assert list(rules.safe[5:]) == own
        assert {window.tie for window in rules.safe[:5]} == {Tie.SCHOOL}
        assert len(rules.never) == 7
        assert (rules.code_word, rules.distress_word, rules.sms, rules.voicemail) == (
            CODE,
            DISTRESS,
            True,
            False,
        )
        assert rules.check_in == CheckIn(48, "made-up duty")
        assert [r.what for r in app.state.open.contacts.history(case.id)] == [What.RULES]
        assert app.state.place.screen is Screen.CASE


async def test_quick_taps_on_presets_all_count(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await shown_case(app)
        app.state.go(Screen.RULES, case.id)
        await app.screen.settle()
        taps = [app.screen.pressable(name)._i for name in ("safe-mornings", "safe-weekend", "never-nights")]
        for tap in taps:
            await app.screen.session.dispatch_event(tap, "click", None)
        await app.screen.settle()
        await app.press("rules-save")
        changed = app.state.open.contacts.case(case.id)
        assert changed is not None
        assert changed.contact is not None
        assert len(changed.contact.rules.safe) == len(AFTERNOONS) + 5 + 2
        assert len(changed.contact.rules.never) == 7


async def test_own_hours_need_days_and_times_that_exist(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await shown_case(app)
        app.state.go(Screen.RULES, case.id)
        await app.screen.settle()
        await app.press("safe-other")
        await app.screen.fill("From", "29:00")
        await app.screen.fill("To", "10:00")
        await app.press("safe-add")
        (start,) = app.screen.find(ft.TextField, label="From")
        assert start.error == "Type a time such as 8:30."
        assert "Choose at least one day." in app.screen.texts()


async def test_a_removed_case_can_be_taken_back(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        await app.press("cases")
        case = await shown_case(app)
        await app.press("case-remove")
        assert app.state.place.screen is Screen.CASES
        assert "No cases yet" in app.screen.texts()
        await app.press("undo")
        assert app.state.open.contacts.case(case.id) == case


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("8", 480),
        ("8:30", 510),
        ("08.30", 510),
        ("0830", 510),
        ("24:00", 1440),
        ("25", None),
        ("8:75", None),
        ("", None),
        ("noon", None),
    ],
)
def test_times_are_read_forgivingly(text: str, minutes: int | None) -> None:
    assert minutes_of(text) == minutes
