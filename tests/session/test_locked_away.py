"""From every screen: after locking nothing of a record is on the screen, in the tree or in the log."""

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
    about = {Screen.RECORD: record.record_id, Screen.CONTACT: LOG}
    app.state.go(place, about.get(place, case.id))
    await app.screen.settle()


async def test_locking_leaves_nothing_of_any_screen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "fieldapp")
    async with open_field(tmp_path) as app:
        record, case = await filled(app)
        aliases = [record.alias, case.alias, app.state.open.screenings.unfinished[0].alias]
        shown = 0
        for place in PLACES:
            await show(app, place, record, case)
            shown += place in (Screen.CONTACT, Screen.RULES) and CANARY in held_text(app.screen.page.views)
            await app.press("cover")
            assert app.state.place.screen is Screen.LOCK
            left = held_text(app.screen.page.views)
            assert [secret for secret in (CANARY, *aliases) if secret in left] == []
            await app.unlock()
        assert shown == 2, "what is half typed was on the screen"
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
