"""From every screen: after locking nothing of a record is on the screen, in the tree or in the log."""

import contextlib
import logging
from pathlib import Path

import flet as ft
import pytest

from fieldapp.domain.contact import Channel, ContactRules, SafeContact, SafeWindow, SeenBy, Window
from fieldapp.domain.screening import FinishChoice, FinishKind, Identity, Mode
from fieldapp.domain.unfinished import Hours, LogStep, OpenContact, OpenRules
from fieldapp.services.case_file import Case
from fieldapp.services.filed import Filed
from fieldapp.ui.state import Screen
from tests.fakes.fake_flet import held_text
from tests.session.field_harness import TUESDAY_AFTERNOON, Field, open_field

pytestmark = pytest.mark.anyio

CANARY = "made-up canary"
RULES = ContactRules(
    TUESDAY_AFTERNOON,
    safe=tuple(SafeWindow(Window(day, 0, 1440)) for day in range(7)),
    who_may_answer=CANARY,
    what_to_say=CANARY,
    cover_story=CANARY,
    code_word=CANARY,
    distress_word=CANARY,
)
LOG, EDIT = b"l" * 16, b"e" * 16
PLACES = (
    Screen.HOME,
    Screen.ENROL,
    Screen.SETTINGS,
    Screen.MESSAGES,
    Screen.PASSPHRASE,
    Screen.ABOUT,
    Screen.OUTBOX,
    Screen.RECORD,
    Screen.CASES,
    Screen.CASE,
    Screen.RULES,
    Screen.CONTACT,
)


BEFORE_THE_LOCK = {Screen.FIRST_START, Screen.LOCK, Screen.NOTES, Screen.NOTE}
NEEDS_A_PHONE = {Screen.PIN}
"""Shown where a centre allows a PIN; `test_pin` covers it."""
SHOW_WHAT_IS_TYPED = {
    Screen.CASE,
    Screen.CONTACT,
    Screen.ENROL,
    Screen.FORCED_WORD,
    Screen.OPENING,
    Screen.PASSPHRASE,
    Screen.RAISE,
    Screen.RECOVER,
    Screen.RULES,
    Screen.SAFE_CONTACT,
    Screen.WHO,
    Screen.WITHHOLD,
}
"""Where the canary is held before it is covered: else nothing would be shown by its being gone."""


async def filled(app: Field) -> tuple[Filed, Case]:
    """Put the canary wherever a person can be named: a draft, a record, the rules of a case, and what is half typed."""
    notebook = app.state.open
    draft = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    await notebook.screenings.save(draft.with_identity(Identity(name=CANARY)))
    done = (await notebook.screenings.begin(Mode.OUTREACH, language="en")).with_identity(
        Identity(name=CANARY)
    )
    record = await notebook.screenings.finish(done, FinishChoice(FinishKind.SEND))
    case = await notebook.contacts.open_case(bytes(16), "alias of the case")
    contact = SafeContact(RULES, Channel.CALL, CANARY, SeenBy.NOBODY)
    case = await notebook.contacts.set_rules(case, contact)
    log = OpenContact(LOG, case.id, 0, LogStep.NEXT, time=CANARY, note=CANARY, reason=CANARY)
    await notebook.unfinished.save(log)
    hours = Hours(frozenset({1}), CANARY, CANARY)
    await notebook.unfinished.save(OpenRules(EDIT, case.id, 0, contact, CANARY, hours, hours))
    return record, case


async def show(app: Field, place: Screen, record: Filed, case: Case) -> None:
    app.state.home()
    draft = app.state.open.screenings.unfinished[0]
    app.state.screening = draft
    app.state.reach = case.contact if place is Screen.DONE else None
    question = draft.order[0]
    about: dict[Screen, bytes | str] = {
        Screen.RECORD: record.record_id,
        Screen.DONE: record.record_id,
        Screen.CONTACT: LOG,
        Screen.QUESTION: question,
        Screen.SHOW: question,
        Screen.FORCED_WORD: "second",
        Screen.SHEET: "",
        Screen.RECOVER: CANARY,
    }
    app.state.go(place, about.get(place, case.id))
    await app.screen.settle()


async def type_everywhere(app: Field) -> None:
    """Type the canary into every field that the screen has, one after the other, without leaving any."""
    for label in [str(field.label) for field in app.screen.find(ft.TextField)]:
        with contextlib.suppress(AssertionError):  # a field may go with what was typed in another one
            await app.screen.fill(label, CANARY)


@pytest.mark.usefixtures("held_argon2id")
async def test_leaving_or_covering_any_screen_leaves_nothing_of_it_nor_of_what_was_typed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fieldapp")
    async with open_field(tmp_path) as app:
        record, case = await filled(app)
        screen, held = app.screen, set()
        secrets = [CANARY, record.alias, case.alias, app.state.open.screenings.unfinished[0].alias]

        def left() -> list[str]:
            said = held_text(screen.page.views) + str(b"".join(screen.client.sent[since:]))
            return [secret for secret in secrets if secret in said]

        for place in sorted(set(Screen) - BEFORE_THE_LOCK - NEEDS_A_PHONE):
            await show(app, place, record, case)
            await type_everywhere(app)
            assert (app.state.place.screen, bool(screen.texts())) == (place, True)
            held |= {place} if CANARY in held_text(screen.page.views) else set()
            since = len(screen.client.sent)
            for away in (ft.AppLifecycleState.INACTIVE, ft.AppLifecycleState.HIDE):
                await screen.lifecycle(away)
                assert (screen.texts(), left()) == ([], []), (place, away)
            await screen.lifecycle(ft.AppLifecycleState.RESUME)
            assert (app.state.place.screen, bool(screen.texts())) == (place, True)
            since = len(screen.client.sent)
            await app.press("cover")
            assert (app.state.place.screen, left()) == (Screen.LOCK, []), place
            await app.unlock()
        assert held == SHOW_WHAT_IS_TYPED
        assert caplog.records == []


@pytest.mark.parametrize("end", ["inactive", "hide", "disconnect", "cover", "escape"])
async def test_behind_the_notes_nothing_of_a_record_is_held(
    tmp_path: Path, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fieldapp")
    async with open_field(tmp_path) as app:
        record, case = await filled(app)
        await app.gate.front.choose()
        secrets = [CANARY, record.alias, case.alias, app.state.open.screenings.unfinished[0].alias]
        await show(app, Screen.RULES, record, case)
        screen = app.screen
        assert CANARY in held_text(screen.page.views)
        state, sent = app.state, len(screen.client.sent)
        if end == "inactive":
            await screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        elif end == "hide":
            await screen.lifecycle(ft.AppLifecycleState.HIDE)
        elif end == "disconnect":
            await screen.disconnect()
        elif end == "cover":
            await app.press("cover")
        else:
            await screen.key("Escape")
        await app.rest()
        held = held_text(screen.page.views) + str(b"".join(screen.client.sent[sent:]))
        assert [secret for secret in secrets if secret in held] == []
        if end in ("inactive", "hide"):  # the lock has not fallen: the same place is there again
            assert screen.texts() == []
            await screen.lifecycle(ft.AppLifecycleState.RESUME)
            assert state.place.screen is Screen.RULES
            assert CANARY in held_text(screen.page.views)
        else:
            assert (state.place.screen, state.notebook) == (Screen.NOTES, None)
        assert caplog.records == []


async def test_no_list_shows_a_name_a_number_or_an_agreed_word(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        record, case = await filled(app)
        for place in set(PLACES) - {Screen.CASE, Screen.RULES, Screen.CONTACT}:
            await show(app, place, record, case)
            assert CANARY not in " ".join(app.screen.texts())
        app.state.home()
        await app.screen.settle()
        await app.press("log-contact")
        assert "With whom?" in app.screen.texts()
        assert CANARY not in " ".join(app.screen.texts())
