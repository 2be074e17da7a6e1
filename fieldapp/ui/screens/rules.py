"""How one person can be reached safely: the rules of a case, which hold for 14 days."""

from collections.abc import Callable
from dataclasses import replace

import flet as ft

from fieldapp.domain.contact import Channel, CheckIn, ContactRules, SafeContact, SafeWindow, SeenBy, Window
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, clean_text
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import note_field, password_field, text_field
from fieldapp.kit.layout import section
from fieldapp.kit.names import channel_words, seen_by_words
from fieldapp.kit.notices import empty_state, status_line
from fieldapp.services.contacts import Case
from fieldapp.ui.parts.frame import framed, typed
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.parts.window_editor import window_editor
from fieldapp.ui.state import FieldState, Screen

CHECK_IN_HOURS = (24, 48, 72, 168)


@component
def rules_screen(state: FieldState) -> ft.View:
    """Edit the rules of the case that the place names; nothing is changed before *Save*."""
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
    now = state.open.book.clock.local().replace(second=0, microsecond=0)
    contact, set_contact = ft.use_state(case.contact or SafeContact(ContactRules(now)))
    who_acts, set_who_acts = ft.use_state(contact.rules.check_in.who_acts if contact.rules.check_in else "")

    def change(**changes: object) -> None:
        set_contact(lambda now: replace(now, **changes))

    def edit_rules(edit: Callable[[ContactRules], ContactRules]) -> None:
        set_contact(lambda now: replace(now, rules=edit(now.rules)))

    def change_rules(**changes: object) -> None:
        edit_rules(lambda now: replace(now, **changes))  # type: ignore[arg-type]

    async def save() -> None:
        check_in = contact.rules.check_in
        rules = replace(
            contact.rules,
            made_at=now,
            check_in=replace(check_in, who_acts=clean_text(who_acts)) if check_in else None,
        )
        await state.open.contacts.set_rules(case, replace(contact, rules=rules))
        state.open.delivery.wake()
        state.back()

    def line(
        name: str, label: str, value: str, *, helper: str | None = None, of_rules: bool = True
    ) -> ft.Control:
        keep = change_rules if of_rules else change
        changed = typed(lambda text: keep(**{name: clean_text(text)}))
        return text_field(state, label, value, changed, helper=helper, max_length=MAX_LINE)

    def note(name: str, label: str, value: str) -> ft.Control:
        changed = typed(lambda text: change_rules(**{name: clean_text(text)}))
        return note_field(state, label, value, changed, max_length=MAX_NOTE, lines=1)

    def secret(name: str, label: str, value: str, helper: str) -> ft.Control:
        changed = typed(lambda text: change_rules(**{name: clean_text(text)}))
        return password_field(state, label, value, changed, helper=helper)

    rules = contact.rules
    return framed(
        state,
        [
            section(
                state,
                t("How"),
                [
                    chips(
                        state,
                        t("How to reach them?"),
                        [Option(channel, channel_words(t, channel)) for channel in Channel],
                        frozenset({str(contact.channel)}),
                        lambda key: change(channel=None if key == contact.channel else Channel(key)),
                        identifier="channel",
                    ),
                    line("number", t("Number or address"), contact.number, of_rules=False),
                    chips(
                        state,
                        t("Who else sees that device?"),
                        [Option(seen, seen_by_words(t, seen)) for seen in SeenBy],
                        frozenset({str(contact.seen_by)}),
                        lambda key: change(seen_by=SeenBy(key)),
                        identifier="seen-by",
                    ),
                    _messages(state, rules, change_rules),
                    line(
                        "contact_person",
                        t("One person they trust"),
                        contact.contact_person,
                        helper=t("Name and number, if the person wants."),
                        of_rules=False,
                    ),
                ],
            ),
            section(
                state,
                t("When"),
                [
                    window_editor(
                        state,
                        rules.safe,
                        now.date(),
                        lambda edit: edit_rules(lambda r: replace(r, safe=edit(r.safe))),
                        safe=True,
                    ),
                    window_editor(
                        state,
                        _as_safe(rules),
                        now.date(),
                        lambda edit: edit_rules(lambda r: replace(r, never=_never(edit(_as_safe(r))))),
                        safe=False,
                    ),
                ],
            ),
            section(
                state,
                t("If someone else answers"),
                [
                    line("who_may_answer", t("Who may answer"), rules.who_may_answer),
                    note("what_to_say", t("What to say then"), rules.what_to_say),
                    note("cover_story", t("Cover story"), rules.cover_story),
                ],
            ),
            section(
                state,
                t("Agreed words"),
                [
                    secret(
                        "code_word",
                        t("Code word"),
                        rules.code_word,
                        t("Whoever says it is the person, or someone they trust."),
                    ),
                    secret(
                        "distress_word",
                        t("Distress word"),
                        rules.distress_word,
                        t("Whoever says it needs help now."),
                    ),
                ],
            ),
            _check_in(state, rules, change_rules, who_acts, set_who_acts),
            *trying.shown(),
        ],
        title=t("Contact rules"),
        bottom=[
            status_line(
                state,
                ft.Icons.EVENT_OUTLINED,
                t("They hold for 14 days. After that: do not call, ask the centre."),
            ),
            primary_button(state, t("Save the rules"), trying.once(save), identifier="rules-save"),
        ],
    )


Change = Callable[..., None]
"""Changes fields of the rules that are being edited."""


def _messages(state: FieldState, rules: ContactRules, change: Change) -> ft.Control:
    t = state.t
    allowed = {"voicemail": rules.voicemail, "sms": rules.sms}
    options = [Option("voicemail", t("Voicemail")), Option("sms", t("Text messages"))]
    return chips(
        state,
        t("May a message be left? Nothing chosen means no."),
        options,
        frozenset(key for key, yes in allowed.items() if yes),
        lambda key: change(**{key: not allowed[key]}),
        identifier="leave",
    )


def _check_in(
    state: FieldState, rules: ContactRules, change: Change, who_acts: str, set_who_acts: Callable[[str], None]
) -> ft.Control:
    t, tn = state.t, state.tn

    def choose(key: str) -> None:
        change(check_in=CheckIn(int(key), "") if key != "none" else None)

    hours = [
        Option(str(h), tn("{n} hour", "{n} hours", h) if h < 72 else _days(state, h)) for h in CHECK_IN_HOURS
    ]
    chosen = str(rules.check_in.after_hours) if rules.check_in else "none"
    options = [Option("none", t("No check-in")), *hours]
    who = text_field(state, t("Who acts then, and how"), who_acts, typed(set_who_acts), max_length=MAX_LINE)
    return section(
        state,
        t("If nothing is heard"),
        [
            chips(state, t("Act after"), options, frozenset({chosen}), choose, identifier="check-in"),
            *([who] if rules.check_in else []),
        ],
    )


def _days(state: FieldState, hours: int) -> str:
    return state.tn("{n} day", "{n} days", hours // 24)


def _as_safe(rules: ContactRules) -> tuple[SafeWindow, ...]:
    return tuple(SafeWindow(window) for window in rules.never)


def _never(windows: tuple[SafeWindow, ...]) -> tuple[Window, ...]:
    return tuple(window.window for window in windows)
