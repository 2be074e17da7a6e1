"""The frame of an unlocked screen: back, cover, and what was just done and can be taken back."""

import inspect
from collections.abc import Sequence

import flet as ft

from fieldapp.kit import layout
from fieldapp.kit.buttons import icon_button, quiet_button
from fieldapp.kit.fields import typed
from fieldapp.kit.interface import Handler
from fieldapp.kit.text import body
from fieldapp.ui.state import FieldState, Undo

__all__ = ["ROUTE", "framed", "quiet_switch", "typed", "undo_bar"]

ROUTE = "/notebook"
"""Every place has the same route: nothing of where the worker is can be read in a browser's history."""


def framed(
    state: FieldState,
    content: Sequence[ft.Control],
    *,
    title: str = "",
    on_back: Handler | None = None,
    actions: Sequence[ft.Control] = (),
    bottom: Sequence[ft.Control] = (),
) -> ft.View:
    """Return an unlocked screen; without `on_back` the arrow returns to the place before, if there is one."""
    if on_back is None and len(state.places) > 1:
        on_back = state.back
    undo = [undo_bar(state, state.undo)] if state.undo else []
    return layout.screen(
        state, ROUTE, content, title=title, on_back=on_back, actions=actions, bottom=[*undo, *bottom]
    )


def quiet_switch(state: FieldState) -> ft.Control:
    """Return the button that begins quiet mode (`docs/adr/0046`), or ends it."""
    t = state.t

    def switch() -> None:
        state.quiet = not state.quiet

    icon = ft.Icons.TEXT_INCREASE_ROUNDED if state.quiet else ft.Icons.TEXT_DECREASE_ROUNDED
    name = t("Show everything as usual") if state.quiet else t("Small neutral words, dimmed")
    return icon_button(state, icon, name, switch, identifier="quiet")


def undo_bar(state: FieldState, undo: Undo) -> ft.Control:
    """Return what was just done, with the way to take it back."""
    theme = state.theme

    async def take_back() -> None:
        state.undo = None
        result = undo.take_back()
        if inspect.isawaitable(result):
            await result

    words = body(state, undo.words)
    words.expand = True
    return ft.Container(
        ft.Row(
            [words, quiet_button(state, state.t("Undo"), take_back, identifier="undo")], spacing=theme.gap
        ),
        bgcolor=theme.palette.accent.soft,
        border_radius=theme.radius,
        padding=ft.Padding.only(left=theme.gap + theme.tight),
    )
