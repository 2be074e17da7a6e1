"""The end: what happens with the record is chosen, said in plain words, and done in one transaction."""

from dataclasses import replace
from datetime import date, timedelta

import flet as ft

from fieldapp.domain.judgement import MAX_REASON, MIN_REASON, reason_of
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, OpenFinish, Screening
from fieldapp.errors import ScreeningError
from fieldapp.kit.answer_bar import Option, chips, choice_list
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import note_field
from fieldapp.kit.interface import Handler
from fieldapp.kit.layout import card, screen
from fieldapp.kit.notices import status_line
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.services.filed import Filed
from fieldapp.ui.parts.files import files_part, left_behind
from fieldapp.ui.parts.frame import ROUTE
from fieldapp.ui.parts.screening import open_screening, step_screen, use_draft_text
from fieldapp.ui.parts.screening_steps import begin
from fieldapp.ui.parts.sending import finish_screening, send_button, where_it_is, wish_notices
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import FieldState, Screen

_KEEP_DAYS = (7, 14, 28)
"""How long outreach may keep a record before it decides again."""


@component
def finish_screen(state: FieldState) -> ft.View:
    """Outreach chooses one of four; an officer sends. After observing, only neutral words are shown."""
    screening, t = open_screening(state), state.t
    begun = screening.open_finish or OpenFinish()
    why, on_why = use_draft_text(state, begun.reason, lambda s, text: _with(s, reason=reason_of(text)))
    trying = use_trying(state)
    if screening.mode is Mode.OFFICER:
        return step_screen(
            state,
            [*trying.shown(), *_files(state, screening)],
            title=t("Finish"),
            bottom=[*_wish(state, screening), send_button(state, trying)],
        )

    async def choose(key: str) -> None:
        await state.change(lambda s: _with(s, kind=FinishKind(key)))

    today = state.open.book.clock.local().date()
    choice = _choice(begun.kind, today + timedelta(days=begun.days), why)
    done = trying.once(finish_screening, state, choice) if choice else None
    return step_screen(
        state,
        [
            *trying.shown(),
            *_wish(state, screening),
            choice_list(state, _kinds(state, screening), begun.kind, choose, identifier="finish"),
            *([_keep_until(state, begun.days)] if begun.kind is FinishKind.KEEP_UNTIL else []),
            *([_reason(state, why, on_why)] if begun.kind is FinishKind.SEND_WITHOUT_CONSENT else []),
            *(left_behind(state, screening.id) if begun.kind is FinishKind.ADVICE_WITHOUT_IDENTITY else []),
            *_files(state, screening),
        ],
        title=t("Finish"),
        bottom=[
            quiet(state, t("Afterwards you can add, but not change.")),
            primary_button(state, t("Finish"), done, identifier="finish-done"),
        ],
    )


def _with(screening: Screening, **changes: object) -> Screening:
    """Keep what is chosen so far in the draft."""
    begun = screening.open_finish or OpenFinish()
    return screening.with_open_finish(replace(begun, **changes))  # type: ignore[arg-type]


def _files(state: FieldState, screening: Screening) -> list[ft.Control]:
    """Offer to add files, unless somebody looks on."""
    return [] if screening.observing else [files_part(state, screening.id)]


def _wish(state: FieldState, screening: Screening) -> list[ft.Control]:
    return [] if screening.observing else wish_notices(state, screening)


def _choice(kind: FinishKind | None, until: date, why: str) -> FinishChoice | None:
    """Return the choice once it is complete."""
    if kind is None:
        return None
    keep = until if kind is FinishKind.KEEP_UNTIL else None
    reason = reason_of(why).strip() if kind is FinishKind.SEND_WITHOUT_CONSENT else ""
    try:
        return FinishChoice(kind, keep, reason)
    except ScreeningError:
        return None


def _kinds(state: FieldState, screening: Screening) -> list[Option]:
    t = state.t
    if screening.observing:
        words = {
            FinishKind.SEND: (t("Send"), ""),
            FinishKind.ADVICE_WITHOUT_IDENTITY: (t("Ask for advice"), ""),
            FinishKind.KEEP_UNTIL: (t("Keep"), ""),
            FinishKind.SEND_WITHOUT_CONSENT: (t("Send with a reason"), ""),
        }
    else:
        words = {
            FinishKind.SEND: (t("Send"), t("Everything goes to the centre, for a plan with the person.")),
            FinishKind.ADVICE_WITHOUT_IDENTITY: (
                t("Ask for advice without identity"),
                t("Who it is and how to reach them stay on this device."),
            ),
            FinishKind.KEEP_UNTIL: (
                t("Keep it until a date"),
                t("Nothing is sent. You are asked again on that day."),
            ),
            FinishKind.SEND_WITHOUT_CONSENT: (
                t("Send without consent"),
                t("Only for serious danger. The centre sees your reason."),
            ),
        }
    return [Option(kind, title, detail) for kind, (title, detail) in words.items()]


def _keep_until(state: FieldState, days: int) -> ft.Control:
    tn = state.tn
    options = [Option(str(n), tn("In {n} week", "In {n} weeks", n // 7)) for n in _KEEP_DAYS]

    async def choose(key: str) -> None:
        await state.change(lambda s: _with(s, days=int(key)))

    return chips(state, state.t("Until when?"), options, frozenset({str(days)}), choose, identifier="keep")


def _reason(state: FieldState, why: str, on_why: Handler) -> ft.Control:
    return note_field(
        state,
        state.t("Why?"),
        why,
        on_why,
        helper=state.t("At least {n} characters.", n=MIN_REASON),
        max_length=MAX_REASON,
        lines=2,
    )


@component
def done_screen(state: FieldState) -> ft.View:
    """Where the record is now, and two words by which a colleague can continue."""
    t, trying = state.t, use_trying(state)
    about = state.about(Screen.DONE)
    record = state.open.book.record(about) if isinstance(about, bytes) else None
    if record is None:
        return screen(state, ROUTE, [], on_back=state.home)
    return screen(
        state,
        ROUTE,
        [
            large(state, t("Finished")),
            status_line(state, ft.Icons.LOCK_OUTLINED, where_it_is(state, record)),
            _handover(state, record),
            *trying.shown(),
        ],
        bottom=[
            secondary_button(
                state, t("New screening"), trying.once(begin, state), identifier="new-screening"
            ),
            secondary_button(
                state,
                t("Log a contact for this case"),
                trying.once(_log_contact, state, record),
                identifier="log-contact",
            ),
            primary_button(state, t("To the start"), state.home, identifier="home"),
        ],
    )


def _handover(state: FieldState, record: Filed) -> ft.Control:
    t = state.t
    words: list[ft.Control] = [quiet(state, t("Handover words")), large(state, " ".join(record.handover))]
    if state.quiet:
        return card(state, words)
    return card(
        state,
        [
            *words,
            body(
                state,
                t(
                    "A colleague who continues this contact types these two words. They say nothing "
                    "about the person."
                ),
            ),
        ],
    )


async def _log_contact(state: FieldState, record: Filed) -> None:
    """Open the case of this screening, with how the person can be reached, and log a contact in it."""
    notebook = state.open
    case = notebook.contacts.case(record.case_id)
    if case is None:
        case = await notebook.contacts.open_case(record.case_id, record.alias, state.reach)
    if state.notebook is notebook:
        state.home()
        state.go(Screen.CONTACT, case.id)
