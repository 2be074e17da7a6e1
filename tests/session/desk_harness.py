"""The desk in-process with a real relay, a device that the test plays, and a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from fieldapp.desk.app import desk_app
from fieldapp.desk.gate import DeskGate
from fieldapp.desk.state import DeskState, Screen
from fieldapp.services.desk.centre import Centre
from fieldapp.services.desk.ceremony import KeyCeremony
from fieldapp.vault import FLOOR
from sync.client import CentreClient
from sync.primitives import SigningKey
from sync.relay.app import register_centre
from tests.fakes.fake_flet import FakeSession, walk
from tests.relay.harness import FakeClock, Relay, relay
from tests.unit.centre.desk import NOW, PASSPHRASE, DeskClock, Device, Switch, World, founded

WIDE = 1360


@dataclass
class Desk:
    """A running desk: `screen` is what a person sees and does, `state` what the session holds."""

    screen: FakeSession
    gate: DeskGate
    relay: Relay
    clock: FakeClock
    network: Switch
    folder: Path

    @property
    def state(self) -> DeskState:
        """Return the session's state, as its components hold it."""
        held = (getattr(control, "args", ()) for control in walk(self.screen.page.views))
        return next(arg for args in held for arg in args if isinstance(arg, DeskState))

    @property
    def centre(self) -> Centre:
        """Return the open centre."""
        return self.state.open

    def at(self, screen: Screen) -> bool:
        """Tell whether this place is shown."""
        return self.state.place.screen is screen

    async def press(self, *names: str) -> None:
        """Press one thing after the other and wait until storage is done with each."""
        for name in names:
            await self.screen.press(name)
            await self.rest()

    async def rest(self) -> None:
        """Wait until the storage thread has nothing to do and the screen shows it."""
        await asyncio.sleep(0.03)
        await self.screen.settle()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds and the screen shows it."""
        await self.screen.wait_for(condition)
        await self.screen.settle()

    async def unlock(self, passphrase: str = PASSPHRASE) -> None:
        """Type `passphrase` on the lock screen and open."""
        await self.screen.fill("Passphrase", passphrase)
        await self.screen.press("unlock")
        await self.rest()

    async def lock(self) -> None:
        """Let the desk lock by itself."""
        await self.state.presence.lock()
        await self.rest()

    async def register(self) -> None:
        """Do what the operator of the relay does, and let the desk publish."""
        centre = self.centre
        await register_centre(str(self.relay.path), centre.centre_id, centre.desk_key, "Made-up centre")
        await self.pull()

    async def pull(self) -> None:
        """Look at the relay once."""
        await self.centre.receiving.once()
        await self.rest()

    async def device(self, name: str = "Made-up phone", agency: str = "police") -> Device:
        """Enrol a device that the test plays."""
        centre = self.centre
        no_ceremony = KeyCeremony((), removable=True, centre_id=b"", desk_key=b"")
        world = World(self.relay, self.clock, self.network, centre, no_ceremony, self.folder)
        return await world.device(name, agency)

    async def arrive(self, device: Device, *envelopes: bytes) -> None:
        """Send envelopes from `device` and let the desk pull them."""
        await device.drop(*envelopes)
        await self.pull()

    def row(self, alias: str) -> str:
        """Return the test identifier of the row with this alias."""
        (row,) = [row for row in self.state.page.rows if row.alias == alias]
        return f"row-{row.key.hex()[:8]}"

    async def read(self, alias: str) -> None:
        """Choose a record and open it."""
        await self.press(self.row(alias), "open-record")

    @property
    def said(self) -> str:
        """Return every text on the screen as one."""
        return "\n".join(self.screen.texts())


@asynccontextmanager
async def desk(path: Path, *, width: float = WIDE, dark: bool = False) -> AsyncIterator[Desk]:
    """Run a desk on an empty folder: its first screen is the first start."""
    clock = FakeClock(NOW)
    async with relay(path / "relay.db", clock) as served:
        network = Switch(served.app)

        def client(url: str, key: SigningKey) -> CentreClient:
            return CentreClient(url, key, transport=network)

        folder = path / "desk"
        gate = DeskGate(folder, clock=DeskClock(clock), client=client, parameters=FLOOR, cells=1024)
        try:
            async with FakeSession(desk_app(gate), width=width, height=800, dark=dark) as screen:
                yield Desk(screen, gate, served, clock, network, folder)
        finally:
            await gate.shut()


@asynccontextmanager
async def open_desk(path: Path, *, width: float = WIDE, dark: bool = False) -> AsyncIterator[Desk]:
    """Run a desk whose centre is published, at its inbox; `founded` must have run before the test's event loop."""
    template, _ = founded()
    copytree(template, path, dirs_exist_ok=True)
    async with desk(path, width=width, dark=dark) as app:
        await app.unlock()
        yield app
