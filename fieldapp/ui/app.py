"""One session of the field app: error handler first, then state, presence, and the map of screens."""

import locale
from collections.abc import Awaitable, Callable
from typing import Final

import flet as ft

from fieldapp.domain.law import Law
from fieldapp.kit.boundary import component, drawn_once, guard_session
from fieldapp.kit.i18n import best_language
from fieldapp.kit.interface import bound
from fieldapp.kit.presence import LiveSessions, Presence
from fieldapp.services.gate import Gate
from fieldapp.ui.routes import SCREENS
from fieldapp.ui.state import FieldState

TITLE: Final = "Notebook"
"""What a window or a task list shows: nothing of the app's purpose."""


def field_app(gate: Gate, law: Law) -> Callable[[ft.Page], Awaitable[None]]:
    """Return Flet's `main` for one device. One vault has one live session: a new one locks and ends the older."""
    live = LiveSessions()

    async def main(page: ft.Page) -> None:
        state = FieldState(gate, law, language=_system_language())
        guard_session(page, state)
        page.title = TITLE
        state.attach(page)
        state.presence = Presence(page, state, state.forget)
        await live.claim("notebook", state.presence)
        await gate.pad.read()
        page.on_view_pop = bound(state.press_arrow, state.back)
        page.on_locale_change = _follow(state)
        page.render_views(app_screen, state)
        gate.send_while_locked()

    return main


@component
def app_screen(state: FieldState) -> list[ft.View]:
    """Draw the present place above an empty one, so that the system's back gesture has something to pop."""
    _ = state.beat
    view = drawn_once(SCREENS[state.place.screen])(state)
    below = ft.View(route="/", bgcolor=state.theme.palette.paper)
    return [below, view] if len(state.places) > 1 else [view]  # type: ignore[list-item]


def _follow(state: FieldState) -> Callable[[ft.LocaleChangeEvent], None]:
    """Speak the device's language until somebody chose one: Flet names it only in an event, and not always."""

    def changed(event: ft.LocaleChangeEvent) -> None:
        if state.gate.is_new and state.language == _system_language():
            state.set_language(best_language([spoken.language_code for spoken in event.locales]))

    return changed


def _system_language() -> str:
    """The language of the system that runs the app, which on a desktop is the one in front of the worker."""
    tag, _ = locale.getlocale()
    return best_language([tag] if tag else [])
