"""How one person can be reached safely: the rules of a case, which hold for 14 days."""

from collections.abc import Callable, Sequence
from functools import partial

import flet as ft

from fieldapp.domain.contact import Channel, CheckIn, SeenBy
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE
from fieldapp.domain.unfinished import OpenRules, line_of, note_of
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, primary_button
from fieldapp.kit.fields import note_field, password_field, text_field, typed
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Handler
from fieldapp.kit.layout import section
from fieldapp.kit.names import channel_words, seen_by_words
from fieldapp.kit.notices import empty_state, status_line
from fieldapp.services.case_file import Case
from fieldapp.ui.parts.contact_log import wall_time
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.keeping import Edit, use_kept
from fieldapp.ui.parts.rules_edit import (
    KeptRules,
    begun_rules,
    save_rules,
    times_of,
    with_contact,
    with_rules,
    with_times,
    with_who_acts,
)
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.parts.unfinished import discard_of, not_saved_notice
from fieldapp.ui.parts.window_editor import window_editor
from fieldapp.ui.state import FieldState, Screen

CHECK_IN_HOURS = (24, 48, 72, 168)


@component
def rules_screen(state: FieldState) -> ft.View:
    """Edit the rules of the case that the place names.

    The case keeps its rules until *Save*; every tap and every letter before is written to the vault, and home offers
    back what was not saved.
    """
    about = state.about(Screen.RULES)
    case = state.open.contacts.case(about) if isinstance(about, bytes) else None
    if case is None:
        t = state.t
        gone = empty_state(
            state, ft.Icons.PEOPLE_OUTLINED, t("Not here any more"), t("This case was removed.")
        )
        return framed(state, [gone])
    return _editor(state, case)


def _editor(state: FieldState, case: Case) -> ft.View:
    t, trying = state.t, use_trying(state)
    unfinished = state.open.unfinished
    resumed = use_once(lambda: unfinished.rules_of(case.id))
    kept: KeptRules = use_kept(state, lambda: resumed or begun_rules(state, case), unfinished.save, trying)

    async def save() -> None:
        notebook = state.open
        await save_rules(state, case, kept.latest)
        if state.notebook is notebook:
            state.back()

    return framed(
        state,
        [
            *([not_saved_notice(state, resumed)] if resumed else []),
            section(state, t("How"), _how(state, kept)),
            section(state, t("When"), [_windows(state, kept, safe=True), _windows(state, kept, safe=False)]),
            section(state, t("If someone else answers"), _someone_else(state, kept)),
            section(state, t("Agreed words"), _agreed_words(state, kept)),
            section(state, t("If nothing is heard"), _check_in(state, kept)),
            *trying.shown(),
        ],
        title=t("Contact rules"),
        actions=[_discard(state, resumed, trying)] if resumed else [],
        bottom=[
            status_line(
                state,
                ft.Icons.EVENT_OUTLINED,
                t("They hold for 14 days. After that: do not call, ask the centre."),
            ),
            primary_button(state, t("Save the rules"), trying.once(save), identifier="rules-save"),
        ],
    )


def _discard(state: FieldState, resumed: OpenRules, trying: Trying) -> ft.Control:
    discard = discard_of(state, resumed)

    async def discard_and_leave() -> None:
        notebook = state.open
        await discard()
        if state.notebook is notebook:
            undo = state.undo
            state.back()
            state.undo = undo

    words = state.t("Discard these changes")
    return icon_button(
        state, ft.Icons.DELETE_OUTLINED, words, trying.once(discard_and_leave), identifier="rules-discard"
    )


def _how(state: FieldState, kept: KeptRules) -> Sequence[ft.Control]:
    t, contact = state.t, kept.value.contact
    return [
        chips(
            state,
            t("How to reach them?"),
            [Option(channel, channel_words(t, channel)) for channel in Channel],
            frozenset({str(contact.channel)}),
            lambda key: kept.keep(
                with_contact(state, channel=None if key == contact.channel else Channel(key))
            ),
            identifier="channel",
        ),
        text_field(
            state,
            t("Number or address"),
            contact.number,
            _line(kept, partial(with_contact, state), "number"),
            max_length=MAX_LINE,
        ),
        chips(
            state,
            t("Who else sees that device?"),
            [Option(seen, seen_by_words(t, seen)) for seen in SeenBy],
            frozenset({str(contact.seen_by)}),
            lambda key: kept.keep(with_contact(state, seen_by=SeenBy(key))),
            identifier="seen-by",
        ),
        _messages(state, kept),
        text_field(
            state,
            t("One person they trust"),
            contact.contact_person,
            _line(kept, partial(with_contact, state), "contact_person"),
            helper=t("Name and number, if the person wants."),
            max_length=MAX_LINE,
        ),
    ]


def _messages(state: FieldState, kept: KeptRules) -> ft.Control:
    t, rules = state.t, kept.value.contact.rules
    allowed = {"voicemail": rules.voicemail, "sms": rules.sms}
    options = [Option("voicemail", t("Voicemail")), Option("sms", t("Text messages"))]
    return chips(
        state,
        t("May a message be left? Nothing chosen means no."),
        options,
        frozenset(key for key, yes in allowed.items() if yes),
        lambda key: kept.keep(with_rules(state, **{key: not allowed[key]})),
        identifier="leave",
    )


def _windows(state: FieldState, kept: KeptRules, *, safe: bool) -> ft.Control:
    return window_editor(
        state,
        times_of(kept.value, safe=safe),
        wall_time(state).date(),
        lambda change: kept.keep(with_times(state, change, safe=safe)),
        lambda change: kept.show(with_times(state, change, safe=safe)),
        safe=safe,
    )


def _someone_else(state: FieldState, kept: KeptRules) -> Sequence[ft.Control]:
    t, rules, edit = state.t, kept.value.contact.rules, partial(with_rules, state)
    notes = [
        (t("What to say then"), "what_to_say", rules.what_to_say),
        (t("Cover story"), "cover_story", rules.cover_story),
    ]
    return [
        text_field(
            state,
            t("Who may answer"),
            rules.who_may_answer,
            _line(kept, edit, "who_may_answer"),
            max_length=MAX_LINE,
        ),
        *(
            note_field(state, label, value, _line(kept, edit, name, note_of), max_length=MAX_NOTE, lines=1)
            for label, name, value in notes
        ),
    ]


def _agreed_words(state: FieldState, kept: KeptRules) -> Sequence[ft.Control]:
    t, rules, edit = state.t, kept.value.contact.rules, partial(with_rules, state)
    return [
        password_field(
            state,
            t("Code word"),
            rules.code_word,
            _line(kept, edit, "code_word"),
            helper=t("Whoever says it is the person, or someone they trust."),
        ),
        password_field(
            state,
            t("Distress word"),
            rules.distress_word,
            _line(kept, edit, "distress_word"),
            helper=t("Whoever says it needs help now."),
        ),
    ]


def _check_in(state: FieldState, kept: KeptRules) -> Sequence[ft.Control]:
    t, tn, rules = state.t, state.tn, kept.value.contact.rules
    hours = [
        Option(str(h), tn("{n} hour", "{n} hours", h) if h < 72 else tn("{n} day", "{n} days", h // 24))
        for h in CHECK_IN_HOURS
    ]
    who = text_field(
        state,
        t("Who acts then, and how"),
        kept.value.who_acts,
        typed(lambda text: kept.show(with_who_acts(state, line_of(text)))),
        max_length=MAX_LINE,
    )
    return [
        chips(
            state,
            t("Act after"),
            [Option("none", t("No check-in")), *hours],
            frozenset({str(rules.check_in.after_hours) if rules.check_in else "none"}),
            lambda key: kept.keep(
                with_rules(state, check_in=CheckIn(int(key), "") if key != "none" else None)
            ),
            identifier="check-in",
        ),
        *([who] if rules.check_in else []),
    ]


def _line(
    kept: KeptRules,
    edit: Callable[..., Edit[OpenRules]],
    name: str,
    clean: Callable[[str], str] = line_of,
) -> Handler:
    """Return the handler of a field that keeps what is typed as `name`."""
    return typed(lambda text: kept.show(edit(**{name: clean(text)})))
