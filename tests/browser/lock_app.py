"""The smallest app with a lock: a lock screen, an unlocked screen, and the kit's presence between them."""

import asyncio

import flet as ft

from fieldapp.kit import buttons, fields, layout, text
from fieldapp.kit.boundary import component, guard_session
from fieldapp.kit.interface import Interface
from fieldapp.kit.presence import LiveSessions, Presence

LIVE = LiveSessions()
ALL: list["State"] = []
SECRET = "made-up secret of the unlocked screen"


class State(Interface):
    """Whether the made-up vault of this session is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open = False
        self.typed = ""
        self.ticks = 0
        self.ticking: asyncio.Task[None] | None = None
        self.presence: Presence

    async def forget(self) -> None:
        self.open = False

    def type(self, event: ft.Event[ft.TextField]) -> None:
        self.typed = str(event.data)

    async def unlock(self) -> None:
        self.open = True
        self.presence.opened()
        self.ticking = asyncio.create_task(self.tick())

    async def tick(self) -> None:
        """Keep sending, so that some message is always on its way when the connection ends."""
        while self.open:
            await asyncio.sleep(0.005)
            self.ticks += 1


@component
def lock_screen(state: State) -> ft.View:
    return layout.screen(
        state,
        "/",
        [
            text.question(state, "Notebook"),
            fields.password_field(state, "Passphrase", state.typed, state.type),
        ],
        bottom=[buttons.primary_button(state, "Open", state.unlock, identifier="unlock")],
        unlocked=False,
    )


@component
def open_screen(state: State) -> ft.View:
    return layout.screen(
        state, "/", [text.question(state, SECRET), text.body(state, str(state.ticks))], title="Open"
    )


@component
def root(state: State) -> list[ft.View]:
    return [open_screen(state) if state.open else lock_screen(state)]  # type: ignore[list-item]


async def main(page: ft.Page) -> None:
    """Start a session, locked."""
    state = State()
    ALL.append(state)
    guard_session(page, state)
    state.attach(page)
    state.presence = Presence(page, state, state.forget)
    await LIVE.claim("vault", state.presence)
    page.render_views(root, state)


def answer(question: str) -> str:
    """Tell how many sessions there were, how many are open, and how many Flet still keeps.

    "hidden" tells whether the newest has heard that it cannot be seen.
    """
    from flet_web.fastapi import app_manager

    if question == "hidden":
        return str(ALL[-1].presence._hidden_at is not None)
    kept = len(app_manager._FletAppManager__sessions)
    return f"{len(ALL)} {sum(state.open for state in ALL)} {kept}"
