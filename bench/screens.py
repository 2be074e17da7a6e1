"""The interface under the stopwatch: sessions of the app in this process, and the moment when a screen was sent.

What counts as visible in this process is the message to the client that holds the wanted words or identifier, encoded
as on the wire. What Flutter does with it is measured in a browser (`bench.p3_tap`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import flet as ft

from fieldapp.assets import default_law
from fieldapp.services.gate import Gate
from fieldapp.ui.app import field_app
from fieldapp.ui.state import FieldState
from tests.fakes.fake_flet import FakeSession, walk

PATIENCE: Final = 20
"""Seconds until a screen that does not come stops the bench."""


class Watched(list[bytes]):
    """The messages to a client; notes when the first one came that holds some bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._wanted = b""
        self._seen: asyncio.Future[float] | None = None

    def expect(self, wanted: str) -> asyncio.Future[float]:
        """Return a future with the time (`perf_counter`) of the first message from now on that holds `wanted`."""
        self._wanted = wanted.encode()
        self._seen = asyncio.get_running_loop().create_future()
        return self._seen

    def append(self, message: bytes) -> None:
        """Take a message; only the latest is kept."""
        if self._seen and not self._seen.done() and self._wanted in message:
            self._seen.set_result(time.perf_counter())
        self[:] = [message]


@asynccontextmanager
async def session(main: Callable[[ft.Page], object]) -> AsyncIterator[tuple[FakeSession, Watched]]:
    """Run an app in this process, with its messages under watch."""
    async with FakeSession(main) as screen:
        screen.client.sent = watched = Watched()
        yield screen, watched


@asynccontextmanager
async def app(gate: Gate) -> AsyncIterator[tuple[FakeSession, Watched]]:
    """Run the field app in this process."""
    async with session(field_app(gate, default_law())) as running:
        yield running


def state_of(page: ft.Page) -> FieldState:
    """Return the state that the components of a running field app hold."""
    held = (getattr(control, "args", ()) for control in walk(page.views))
    return next(arg for args in held for arg in args if isinstance(arg, FieldState))


async def press(screen: FakeSession, watched: Watched, identifier: str, wanted: str) -> float:
    """Press a part and return the seconds until `wanted` was sent to the client."""
    control = screen.pressable(identifier)
    seen = watched.expect(wanted)
    start = time.perf_counter()
    await screen.session.dispatch_event(control._i, "click", None)
    return await asyncio.wait_for(seen, PATIENCE) - start
