"""Change how the person of a case can be reached safely, and send it to the device that works on the case."""

from collections.abc import Callable
from dataclasses import replace

import flet as ft

from fieldapp.codec import parse_safe_contact_body
from fieldapp.desk.parts.frame import framed
from fieldapp.desk.parts.inbox_list import row_name
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import trouble_notice
from fieldapp.domain.contact import Channel, ContactRules, SafeContact, SafeWindow, SeenBy
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, clean_text
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import note_field, text_field, typed
from fieldapp.kit.layout import section
from fieldapp.kit.names import channel_words, seen_by_words
from fieldapp.kit.notices import notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.trying import use_trying
from fieldapp.kit.windows import NEVER, SAFE, chosen_never, chosen_safe, window_options
from fieldapp.services.desk.telling import Reach


@component
def case_rules_screen(state: DeskState) -> ft.View:
    """Edit the rules of the record that the place names; nothing is sent before *Send*."""
    about = state.place.about
    named = state.open.inbox.case_of(about) if isinstance(about, bytes) else None
    if named is None or not isinstance(about, bytes):
        return framed(state, Pane(state.t("Contact rules"), [], on_back=state.back))
    return _editor(state, about, state.open.telling.reach(*named))


def _editor(state: DeskState, key: bytes, reach: Reach) -> ft.View:
    t, trying = state.t, use_trying(state, trouble_notice)
    now = state.gate.clock.local().replace(second=0, microsecond=0)
    contact, set_contact = ft.use_state(present(reach) or SafeContact(ContactRules(now)))
    rules = contact.rules

    def change(**changes: object) -> None:
        set_contact(lambda held: replace(held, **changes))

    def change_rules(**changes: object) -> None:
        set_contact(lambda held: replace(held, rules=replace(held.rules, **changes)))

    def line(name: str, label: str, value: str, *, of_rules: bool = True) -> ft.Control:
        keep = change_rules if of_rules else change
        return text_field(
            state, label, value, typed(lambda text: keep(**{name: clean_text(text)})), max_length=MAX_LINE
        )

    async def send() -> None:
        fresh = replace(contact, rules=replace(contact.rules, made_at=now))
        await state.open.telling.change_rules(reach, fresh)
        state.back()

    row = state.row(key)
    name = row_name(t, row) if row else t("Contact rules")
    hint = t(
        "The device shows them at its next contact. If its worker has changed them meanwhile, both are shown there, and "
        "the more careful ones count until the worker chooses."
    )
    allowed = {"voicemail": rules.voicemail, "sms": rules.sms}
    content = [
        notice(state, hint),
        *trying.shown(),
        section(
            state,
            t("How"),
            [
                chips(
                    state,
                    t("How to reach them?"),
                    [Option(channel, channel_words(t, channel)) for channel in Channel],
                    frozenset({str(contact.channel)}),
                    lambda chosen: change(channel=None if chosen == contact.channel else Channel(chosen)),
                    identifier="channel",
                ),
                line("number", t("Number or address"), contact.number, of_rules=False),
                chips(
                    state,
                    t("Who else sees that device?"),
                    [Option(seen, seen_by_words(t, seen)) for seen in SeenBy],
                    frozenset({str(contact.seen_by)}),
                    lambda chosen: change(seen_by=SeenBy(chosen)),
                    identifier="seen-by",
                ),
                chips(
                    state,
                    t("May a message be left? Nothing chosen means no."),
                    [Option("voicemail", t("Voicemail")), Option("sms", t("Text messages"))],
                    frozenset(kind for kind, yes in allowed.items() if yes),
                    lambda kind: change_rules(**{kind: not allowed[kind]}),
                    identifier="leave",
                ),
            ],
        ),
        section(state, t("When"), _windows(state, rules, change_rules)),
        section(
            state,
            t("If someone else answers"),
            [
                line("who_may_answer", t("Who may answer"), rules.who_may_answer),
                note_field(
                    state,
                    t("What to say then"),
                    rules.what_to_say,
                    typed(lambda text: change_rules(what_to_say=clean_text(text))),
                    max_length=MAX_NOTE,
                    lines=1,
                ),
            ],
        ),
    ]
    button = primary_button(
        state,
        t("Send to the device"),
        trying.once(send),
        icon=ft.Icons.SEND_ROUNDED,
        identifier="send-rules",
    )
    title = t("Contact rules of {name}", name=name)
    return framed(state, Pane(title, content, on_back=state.back, bottom=[button]))


def present(reach: Reach) -> SafeContact | None:
    """Return the rules to begin with: the worker's last ones, or what this desk sent when none have arrived."""
    if reach.seen is not None or reach.sent is None:
        return reach.seen
    return parse_safe_contact_body(reach.sent.contact)[1]


def _windows(state: DeskState, rules: ContactRules, change: Callable[..., None]) -> list[ft.Control]:
    """Quick choices of hours; hours of another kind that the worker has set stay as they are."""
    t = state.t
    safe, never = chosen_safe(rules.safe), chosen_never(rules.never)

    def toggle_safe(key: str) -> None:
        preset = SAFE[key].safe
        kept = tuple(window for window in rules.safe if window not in preset)
        change(safe=kept if key in safe else _joined(rules.safe, preset))

    def toggle_never(key: str) -> None:
        preset = NEVER[key].windows
        kept = tuple(window for window in rules.never if window not in preset)
        more = tuple(window for window in preset if window not in rules.never)
        change(never=kept if key in never else (*rules.never, *more))

    return [
        chips(state, t("Safe times"), window_options(t, SAFE), safe, toggle_safe, identifier="safe"),
        chips(
            state,
            t("Never at these times"),
            window_options(t, NEVER),
            never,
            toggle_never,
            identifier="never",
        ),
    ]


def _joined(windows: tuple[SafeWindow, ...], more: tuple[SafeWindow, ...]) -> tuple[SafeWindow, ...]:
    return (*windows, *(window for window in more if window not in windows))
