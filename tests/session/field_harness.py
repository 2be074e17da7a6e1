"""The field app in-process on an empty folder: a fast vault, a clock that the test moves, and no relay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from fieldapp.assets import default_law
from fieldapp.services.connections import RelayFactory
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.ui.app import field_app
from fieldapp.ui.state import FieldState
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from tests.fakes.fake_flet import FakeSession, walk

PASSPHRASE = "made up canoe lantern gravel sixty"
TUESDAY_AFTERNOON = datetime(2026, 12, 1, 14, 5)


class StillClock:
    """A clock that stands at a wall time until the test sets another."""

    def __init__(self, at: datetime = TUESDAY_AFTERNOON) -> None:
        self.at = at

    def now(self) -> int:
        """Return the time in epoch seconds."""
        return int(self.at.timestamp())

    def local(self) -> datetime:
        """Return the wall time."""
        return self.at


def no_network(url: str) -> RelayClient:
    """Make a client that never reaches a relay."""

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network in this test")

    return RelayClient(url, transport=httpx.MockTransport(unreachable))


@dataclass
class Field:
    """A running app: `screen` is what a person sees and does, `state` what the session holds."""

    screen: FakeSession
    gate: Gate
    clock: StillClock

    @property
    def state(self) -> FieldState:
        """Return the session's state, as its components hold it."""
        held = (getattr(control, "args", ()) for control in walk(self.screen.page.views))
        return next(arg for args in held for arg in args if isinstance(arg, FieldState))

    async def press(self, *names: str) -> None:
        """Press one thing after the other and wait until storage is done with each."""
        for name in names:
            await self.screen.press(name)
            await self.rest()

    async def rest(self) -> None:
        """Wait until the storage thread has nothing to do and the screen shows it."""
        await asyncio.sleep(0.03)  # what a tap started in the background comes to its first write
        await self.gate._worker.run(lambda: None)  # the thread takes its work in order
        await self.screen.settle()

    async def unlock(self, passphrase: str = PASSPHRASE) -> None:
        """Type `passphrase` on the lock screen and open."""
        await self.screen.fill("Passphrase", passphrase)
        await self.screen.press("unlock")
        await self.rest()


@asynccontextmanager
async def field(
    directory: Path, *, relays: RelayFactory = no_network, clock: StillClock | None = None
) -> AsyncIterator[Field]:
    """Run the app on `directory`: its first screen is the first start, or the lock screen."""
    clock = clock or StillClock()
    gate = Gate(directory, NoKeystore(), clock, SystemIds(), relays, calibrated=lambda: FLOOR)
    try:
        async with FakeSession(field_app(gate, default_law())) as screen:
            yield Field(screen, gate, clock)
    finally:
        await gate.shut()


@asynccontextmanager
async def open_field(
    directory: Path,
    settings: Settings | None = None,
    *,
    relays: RelayFactory = no_network,
    clock: StillClock | None = None,
) -> AsyncIterator[Field]:
    """Run the app with a device that is set up and unlocked: its first screen is home."""
    async with field(directory, relays=relays, clock=clock) as app:
        await app.state.create(PASSPHRASE, settings or Settings())
        await app.screen.settle()
        yield app
