"""One session of the desk: error handler first, then state, presence, and the map of screens."""

import locale
from collections.abc import Callable
from typing import Final

import flet as ft

from fieldapp.desk.gate import DeskGate
from fieldapp.desk.routes import SCREENS
from fieldapp.desk.state import DeskState
from fieldapp.kit.boundary import component, drawn_once, guard_session
from fieldapp.kit.i18n import best_language
from fieldapp.kit.interface import bound
from fieldapp.kit.presence import LiveSessions, Presence

TITLE: Final = "Notebook"
"""What a window or a task list shows: nothing of the app's purpose."""


def desk_app(gate: DeskGate) -> Callable[[ft.Page], object]:
    """Return Flet's `main` for one desk. One vault has one live session: a new one locks and ends the older."""
    live = LiveSessions()

    async def main(page: ft.Page) -> None:
        state = DeskState(gate, language=_system_language())
        guard_session(page, state)
        page.title = TITLE
        state.attach(page)
        state.presence = Presence(page, state, state.forget)
        await live.claim("desk", state.presence)
        if gate.settings is not None:
            state.apply(gate.settings)
        page.on_view_pop = bound(state.press_arrow, state.back)
        page.render_views(desk_screen, state)

    return main


@component
def desk_screen(state: DeskState) -> list[ft.View]:
    """Draw the present place above an empty one, so that the system's back gesture has something to pop."""
    _ = state.beat
    view = drawn_once(SCREENS[state.place.screen])(state)
    below = ft.View(route="/", bgcolor=state.theme.palette.paper)
    return [below, view] if len(state.places) > 1 else [view]  # type: ignore[list-item]


def _system_language() -> str:
    tag, _ = locale.getlocale()
    return best_language([tag] if tag else [])
