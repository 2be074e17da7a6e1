"""How the person can be reached safely: forty seconds, all optional, one tap to skip."""

from dataclasses import replace
from datetime import datetime

import flet as ft

from fieldapp.domain.contact import Channel, ContactRules, SafeContact, SeenBy
from fieldapp.domain.screening import Screening
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, clean_text
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import note_field, text_field
from fieldapp.kit.interface import bound
from fieldapp.kit.text import quiet
from fieldapp.kit.windows import NEVER, SAFE, chosen_never, chosen_safe, window_options
from fieldapp.ui.parts.screening import open_screening, step_screen, use_draft_text
from fieldapp.ui.parts.screening_steps import move
from fieldapp.ui.state import FieldState, Place, Screen


@component
def safe_contact_screen(state: FieldState) -> ft.View:
    """Channel, who else sees it, when, the cover story, and one person of trust."""
    screening, t = open_screening(state), state.t
    contact = screening.safe_contact or SafeContact(ContactRules(_now(state)))
    number, on_number = use_draft_text(
        state, contact.number, lambda s, text: _with(state, s, number=_line(text))
    )
    trusted, on_trusted = use_draft_text(
        state, contact.contact_person, lambda s, text: _with(state, s, contact_person=_line(text))
    )
    story, on_story = use_draft_text(
        state, contact.rules.cover_story, lambda s, text: _with_rules(state, s, cover_story=clean_text(text))
    )
    return step_screen(
        state,
        [
            quiet(state, t("How can this person be reached safely? Ask the person, everything is optional.")),
            _channel(state, contact),
            text_field(
                state,
                t("Number or address"),
                number,
                on_number,
                max_length=MAX_LINE,
                keyboard=ft.KeyboardType.VISIBLE_PASSWORD,
            ),
            _seen_by(state, contact),
            _safe_windows(state, contact),
            _never_windows(state, contact),
            note_field(
                state,
                t("What did the family think this visit was?"),
                story,
                on_story,
                helper=t("The cover story. Whoever calls will keep to it."),
                max_length=MAX_NOTE,
                lines=1,
            ),
            text_field(
                state,
                t("One person they trust"),
                trusted,
                on_trusted,
                helper=t("Name and number, if the person wants."),
                max_length=MAX_LINE,
            ),
        ],
        title=t("Safe contact"),
        bottom=[
            primary_button(
                state,
                t("Next") if screening.safe_contact else t("Skip"),
                bound(move, state, Place(Screen.WITHHOLD)),
                identifier="contact-next",
            )
        ],
    )


def _now(state: FieldState) -> datetime:
    return state.open.book.clock.local().replace(second=0, microsecond=0)


def _line(text: str) -> str:
    return clean_text(text).strip()


def _with(state: FieldState, screening: Screening, **changes: object) -> Screening:
    """Change how the person is reached; rules count from their last change, and nothing at all is None again."""
    now = _now(state)
    before = screening.safe_contact or SafeContact(ContactRules(now))
    contact = replace(before, **changes)  # type: ignore[arg-type]
    contact = replace(contact, rules=replace(contact.rules, made_at=now))
    empty = contact == SafeContact(ContactRules(now))
    return screening.with_safe_contact(None if empty else contact)


def _with_rules(state: FieldState, screening: Screening, **changes: object) -> Screening:
    before = screening.safe_contact.rules if screening.safe_contact else ContactRules(_now(state))
    return _with(state, screening, rules=replace(before, **changes))  # type: ignore[arg-type]


def _channel(state: FieldState, contact: SafeContact) -> ft.Control:
    t = state.t

    async def choose(key: str) -> None:
        channel = None if key == contact.channel else Channel(key)
        await state.change(lambda s: _with(state, s, channel=channel))

    options = [
        Option(Channel.CALL, t("Call")),
        Option(Channel.SMS, t("Text message")),
        Option(Channel.CHAT, t("Chat")),
        Option(Channel.EMAIL, t("Email")),
        Option(Channel.IN_PERSON, t("In person")),
        Option(Channel.OTHER, t("Another way")),
    ]
    chosen = frozenset([str(contact.channel)] if contact.channel else [])
    return chips(state, t("How?"), options, chosen, choose, identifier="channel")


def _seen_by(state: FieldState, contact: SafeContact) -> ft.Control:
    t = state.t

    async def choose(key: str) -> None:
        await state.change(lambda s: _with(state, s, seen_by=SeenBy(key)))

    options = [
        Option(SeenBy.NOBODY, t("Nobody")),
        Option(SeenBy.PARTNER, t("Partner")),
        Option(SeenBy.FAMILY, t("Family")),
        Option(SeenBy.OTHERS, t("Others")),
        Option(SeenBy.UNKNOWN, t("Unknown")),
    ]
    chosen = frozenset({str(contact.seen_by)})
    return chips(state, t("Who else sees that device?"), options, chosen, choose, identifier="seen-by")


def _safe_windows(state: FieldState, contact: SafeContact) -> ft.Control:
    chosen = chosen_safe(contact.rules.safe)

    async def choose(key: str) -> None:
        windows = SAFE[key].safe
        rest = tuple(w for w in contact.rules.safe if w not in windows)
        new = rest if key in chosen else (*rest, *windows)
        await state.change(lambda s: _with_rules(state, s, safe=new))

    options = window_options(state.t, SAFE)
    return chips(state, state.t("Safe times"), options, chosen, choose, identifier="safe")


def _never_windows(state: FieldState, contact: SafeContact) -> ft.Control:
    chosen = chosen_never(contact.rules.never)

    async def choose(key: str) -> None:
        windows = NEVER[key].windows
        rest = tuple(w for w in contact.rules.never if w not in windows)
        new = rest if key in chosen else (*rest, *windows)
        await state.change(lambda s: _with_rules(state, s, never=new))

    options = window_options(state.t, NEVER)
    return chips(state, state.t("Never"), options, chosen, choose, identifier="never")
