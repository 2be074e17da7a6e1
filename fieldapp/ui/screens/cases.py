"""My cases: whom this worker is in touch with, by alias, and when contact is safe.

In a time that is not safe the number is not shown at all: the next safe moment stands in its place.
"""

import flet as ft

from fieldapp.domain.contact import AlarmCause, ContactAlarm, ContactRules, SafeContact, SafeWindow
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, primary_button, secondary_button
from fieldapp.kit.hooks import use_redraw_every
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, fact, list_row, section
from fieldapp.kit.names import channel_words, permission_words, seen_by_words
from fieldapp.kit.notices import Level, Urgency, empty_state, level_panel, notice
from fieldapp.kit.reveal import hold_to_reveal
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.text import question as large
from fieldapp.kit.times import day_words, local_time, moment_words, past_words
from fieldapp.services.case_file import Case
from fieldapp.ui.parts.distress import distress_card
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.from_centre import from_centre
from fieldapp.ui.parts.names import band_words
from fieldapp.ui.parts.numbers import number_card
from fieldapp.ui.parts.records import record_row
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.parts.window_editor import grouped, window_words
from fieldapp.ui.state import FieldState, Screen, Undo

MOST_HISTORY = 20
PAGE = 50
"""Rows shown at once: Flet builds every row."""
SECONDS_BETWEEN_LOOKS = 10
"""A number must not stay on the screen when its safe time ends."""


@component
def cases_screen(state: FieldState) -> ft.View:
    """List the cases, the newest first."""
    t = state.t
    shown, set_shown = ft.use_state(PAGE)
    trying = use_trying(state)
    use_redraw_every(SECONDS_BETWEEN_LOOKS)
    cases = state.open.contacts.cases
    more = secondary_button(state, t("Show more"), lambda: set_shown(shown + PAGE), identifier="more")
    empty = empty_state(
        state,
        ft.Icons.PEOPLE_OUTLINED,
        t("No cases yet"),
        t("A case begins with a screening, or here. It has two random words for a name."),
    )

    async def begin() -> None:
        case = await new_case(state)
        state.go(Screen.CASE, case.id)

    return framed(
        state,
        [
            *trying.shown(),
            *(_case_row(state, case) for case in cases[:shown]),
            *([more] if len(cases) > shown else []),
            *([] if cases else [empty]),
        ],
        title=t("My cases"),
        bottom=[primary_button(state, t("New case"), trying.once(begin), identifier="case-new")],
    )


async def new_case(state: FieldState) -> Case:
    """Begin a case with a free alias; VaultError."""
    notebook = state.open
    return await notebook.contacts.open_case(notebook.book.ids.new_id(), notebook.screenings.new_alias())


def safe_moment_words(state: FieldState, case: Case) -> str:
    """Say in a few words whether a case may be contacted, or when next."""
    t, now = state.t, state.open.book.clock.local()
    contact = state.open.contacts.state(case)
    if contact.may_call:
        return t("Contact is safe now.")
    if contact.next_safe:
        return t("Not now. Safe {moment}.", moment=moment_words(t, contact.next_safe, now))
    return t("Do not call.")


def _case_row(state: FieldState, case: Case) -> ft.Control:
    t, now = state.t, state.open.book.clock.local()
    history = state.open.contacts.history(case.id)
    last = past_words(t, local_time(history[0].at), now) if history else ""
    return list_row(
        state,
        isolate(case.alias),
        safe_moment_words(state, case),
        trailing=t("Alarm") if state.open.contacts.alarm(case) else "",
        trailing_detail=last,
        on_click=bound(state.go, Screen.CASE, case.id),
        identifier=f"case-{case.id.hex()[:8]}",
    )


@component
def case_screen(state: FieldState) -> ft.View:
    """Show one case: alarm, whether contact is safe and how, what to say, what was logged."""
    t, trying = state.t, use_trying(state)
    use_redraw_every(SECONDS_BETWEEN_LOOKS)
    about = state.about(Screen.CASE)
    case = state.open.contacts.case(about) if isinstance(about, bytes) else None
    if case is None:
        gone = empty_state(
            state, ft.Icons.PEOPLE_OUTLINED, t("Not here any more"), t("This case was removed.")
        )
        return framed(state, [gone])
    alarm = state.open.contacts.alarm(case)
    history = state.open.contacts.history(case.id)[:MOST_HISTORY]
    return framed(
        state,
        [
            heading(state, isolate(case.alias)),
            *trying.shown(),
            *(alarm_parts(state, alarm) if alarm else []),
            _permission(state, case),
            *from_centre(state, case, trying),
            *(_reach(state, case, case.contact) if case.contact else []),
            *(_words(state, case.contact.rules) if case.contact else []),
            *(_when(state, case.contact.rules) if case.contact else []),
            *(
                [section(state, t("What was logged"), [record_row(state, r) for r in history])]
                if history
                else []
            ),
        ],
        title=t("Case"),
        actions=[_remove(state, case, trying)],
        bottom=[
            secondary_button(
                state,
                t("Change the rules") if case.contact else t("Add contact rules"),
                bound(state.go, Screen.RULES, case.id),
                identifier="case-rules",
            ),
            primary_button(
                state, t("Log a contact"), bound(state.go, Screen.CONTACT, case.id), identifier="case-log"
            ),
        ],
    )


def alarm_parts(state: FieldState, alarm: ContactAlarm) -> list[ft.Control]:
    """Show an alarm: its level, why, and what to do now."""
    t = state.t
    causes = {
        AlarmCause.DISTRESS_WORD: t("The distress word was said."),
        AlarmCause.SOMEONE_ELSE_TWICE: t("Someone else answered twice in a row."),
        AlarmCause.MISSED_CHECK_IN: t("The agreed check-in is overdue."),
    }
    level = Level(alarm.level.code.lower())
    panel = level_panel(state, level, band_words(t, alarm.band.code), causes[alarm.cause])
    if alarm.cause is AlarmCause.DISTRESS_WORD:
        return [panel, distress_card(state)]
    return [
        panel,
        body(state, t("Call the centre before you try again.")),
        number_card(state),
    ]


def _permission(state: FieldState, case: Case) -> ft.Control:
    t, now = state.t, state.open.book.clock.local()
    contact = state.open.contacts.state(case)
    if contact.may_call:
        return notice(state, t("Contact is safe now."), icon=ft.Icons.CHECK_CIRCLE_OUTLINED)
    why = notice(state, permission_words(t, contact.permission), urgency=Urgency.WARNING)
    if contact.next_safe is None:
        return why
    moment = moment_words(t, contact.next_safe, now)
    return ft.Column(
        [why, card(state, [quiet(state, t("Next safe time")), large(state, moment)])],
        spacing=state.theme.gap,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _reach(state: FieldState, case: Case, contact: SafeContact) -> list[ft.Control]:
    t = state.t
    parts: list[ft.Control] = []
    if contact.channel:
        parts.append(fact(state, t("How to reach them?"), channel_words(t, contact.channel)))
    parts.append(fact(state, t("Who else sees that device?"), seen_by_words(t, contact.seen_by)))
    rules = contact.rules
    parts.append(fact(state, t("Voicemail"), t("allowed") if rules.voicemail else t("never")))
    parts.append(fact(state, t("Text messages"), t("allowed") if rules.sms else t("never")))
    secrets = [
        (t("Number or address"), contact.number, "case-number"),
        (t("One person they trust"), contact.contact_person, "case-trusted"),
    ]
    may_call = state.open.contacts.state(case).may_call
    held: list[ft.Control] = [
        hold_to_reveal(state, label, secret, identifier=name)
        for label, secret, name in secrets
        if secret and may_call
    ]
    return [section(state, t("How"), [card(state, parts), *held])]


def _words(state: FieldState, rules: ContactRules) -> list[ft.Control]:
    t = state.t
    plain = [
        (t("Who may answer"), rules.who_may_answer),
        (t("What to say then"), rules.what_to_say),
        (t("Cover story"), rules.cover_story),
    ]
    said: list[ft.Control] = [
        ft.Column([quiet(state, label), body(state, isolate(text))], spacing=0)
        for label, text in plain
        if text
    ]
    agreed = [
        (t("Code word"), rules.code_word, "case-code"),
        (t("Distress word"), rules.distress_word, "case-distress"),
    ]
    held: list[ft.Control] = [
        hold_to_reveal(state, label, word, identifier=name) for label, word, name in agreed if word
    ]
    parts = [*([card(state, said)] if said else []), *held]
    return [section(state, t("If someone else answers"), parts)] if parts else []


def _when(state: FieldState, rules: ContactRules) -> list[ft.Control]:
    t, now = state.t, state.open.book.clock.local()
    kinds = [(t("Safe"), rules.safe), (t("Never"), tuple(SafeWindow(window) for window in rules.never))]
    lines = [
        (label, "\n".join(window_words(t, group) for group in grouped(windows)))
        for label, windows in kinds
        if windows
    ]
    if rules.check_in:
        silence = state.tn("{n} hour without news", "{n} hours without news", rules.check_in.after_hours)
        lines.append((silence, rules.check_in.who_acts or t("call the centre")))
    lines.append((t("The rules hold until"), day_words(t, rules.expires_at.date(), now.date())))
    rows: list[ft.Control] = [
        ft.Column([quiet(state, label), body(state, words)], spacing=0) for label, words in lines
    ]
    return [section(state, t("When"), [card(state, rows)])]


def _remove(state: FieldState, case: Case, trying: Trying) -> ft.Control:
    t = state.t

    async def remove() -> None:
        contacts = state.open.contacts
        closed = await contacts.close_case(case)
        state.back()
        state.undo = Undo(t("The case was removed from this device."), bound(contacts.restore, closed))

    return icon_button(
        state, ft.Icons.DELETE_OUTLINED, t("Remove this case"), trying.once(remove), identifier="case-remove"
    )
