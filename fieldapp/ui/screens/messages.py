"""Messages from the centre: read here, inside the unlocked app, and nowhere else."""

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, secondary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card
from fieldapp.kit.notices import Urgency, empty_state, notice
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.times import local_time, past_words
from fieldapp.services.messages import Letter
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState, Screen, Undo

PAGE = 20
"""Messages shown at once: Flet builds every row."""


@component
def messages_screen(state: FieldState) -> ft.View:
    """List the messages, the newest first; each stays until the worker removes it."""
    t, trying = state.t, use_trying(state)
    shown, set_shown = ft.use_state(PAGE)
    letters = state.open.messages.all
    empty = empty_state(
        state,
        ft.Icons.MAIL_OUTLINED,
        t("No messages"),
        t("What the centre writes to you stands here, and only here. No notification ever shows it."),
    )
    more = secondary_button(state, t("Show more"), lambda: set_shown(shown + PAGE), identifier="more")
    return framed(
        state,
        [
            *trying.shown(),
            *unreadable_notice(state),
            *(_letter(state, letter, trying) for letter in letters[:shown]),
            *([more] if len(letters) > shown else []),
            *([] if letters else [empty]),
        ],
        title=t("Messages"),
    )


def unreadable_notice(state: FieldState) -> list[ft.Control]:
    """Say that the centre sent something that this program does not understand."""
    odd = state.open.book.orders.odd
    if not odd:
        return []
    words = state.tn(
        "{n} message of the centre cannot be read by this version of the app. Call the centre.",
        "{n} messages of the centre cannot be read by this version of the app. Call the centre.",
        odd,
    )
    return [notice(state, words, urgency=Urgency.WARNING)]


def _letter(state: FieldState, letter: Letter, trying: Trying) -> ft.Control:
    t, theme, book = state.t, state.theme, state.open.book
    when = past_words(t, local_time(letter.at), book.clock.local())
    who = ", ".join(isolate(name) for name in (letter.role, letter.desk) if name)
    tag = letter.id.hex()[:8]
    record = book.record(letter.about) if letter.about else None

    async def remove() -> None:
        removed = await state.open.messages.remove(letter)
        state.undo = Undo(t("The message was removed."), bound(state.open.messages.restore, removed))

    title = heading(state, who) if not letter.read_at else body(state, who, strong=True)
    title.expand = True
    gone = icon_button(
        state, ft.Icons.DELETE_OUTLINED, t("Remove"), trying.of(remove), identifier=f"remove-{tag}"
    )
    mark = secondary_button(
        state,
        t("I have read it"),
        trying.of(state.open.messages.mark_read, letter),
        icon=ft.Icons.CHECK_ROUNDED,
        identifier=f"read-{tag}",
    )
    about = secondary_button(
        state,
        t("About {alias}", alias=isolate(record.alias)) if record else "",
        bound(state.go, Screen.RECORD, letter.about),
        identifier=f"about-{tag}",
    )
    state_words = t("{time}, read", time=when) if letter.read_at else t("{time}, new", time=when)
    return ft.Container(
        card(
            state,
            [
                ft.Row([title, gone], spacing=theme.gap, vertical_alignment=ft.CrossAxisAlignment.CENTER),
                quiet(state, state_words),
                body(state, isolate(letter.text)),
                *([about] if record else []),
                *([] if letter.read_at else [mark]),
            ],
        ),
        key=f"letter-{tag}",
    )
