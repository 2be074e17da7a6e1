"""A desk on an empty folder with a relay in the same process; the test types lines that play everyone else."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import flet as ft

from fieldapp.desk.app import desk_app
from fieldapp.desk.gate import DeskGate
from fieldapp.domain.contact import Outcome
from fieldapp.services.desk.ceremony import KeyCeremony
from fieldapp.services.keeping import put_back_report
from fieldapp.vault import FLOOR
from sync import enrolment as protocol
from sync.client import CentreClient, RelayClient
from sync.code import EnrolmentCode
from sync.primitives import SigningKey
from sync.protocol import DAY, GAP_ALERT_AFTER, MsgType, Withheld
from sync.relay.app import register_centre
from tests.fakes import desk_cases
from tests.relay.harness import FakeClock, Relay, relay
from tests.unit.centre.desk import ADDRESS, NOW, DeskClock, Device, Switch, World, seal_record


class Stage:
    """Everything around the desk: relay, operator, devices."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="made-up-desk-"))
        self.clock = FakeClock(NOW)
        self.stack = AsyncExitStack()
        self.served: Relay
        self.network: Switch
        self.gate: DeskGate
        self.main: Callable[[ft.Page], object] | None = None

    async def start(self) -> None:
        self.served = await self.stack.enter_async_context(relay(self.folder / "relay.db", self.clock))
        self.network = Switch(self.served.app)

        def client(url: str, key: SigningKey) -> CentreClient:
            return CentreClient(url, key, transport=self.network)

        self.gate = DeskGate(
            self.folder / "desk", clock=DeskClock(self.clock), client=client, parameters=FLOOR, cells=1024
        )
        self.main = desk_app(self.gate)

    async def register(self) -> None:
        """Play the operator of the relay."""
        centre = self.gate.centre
        assert centre
        await register_centre(str(self.served.path), centre.centre_id, centre.desk_key, "Made-up centre")
        centre.receiving.wake()

    async def cases(self) -> None:
        """Play two devices that send something of every kind."""
        centre, local = self.gate.centre, self.gate.clock.local()
        assert centre
        ceremony = KeyCeremony((), removable=True, centre_id=b"", desk_key=b"")
        world = World(self.served, self.clock, self.network, centre, ceremony, self.folder)
        phone = await world.device("Made-up phone 1", "police")
        tablet = await world.device("Made-up tablet 2", "welfare")
        await phone.drop(
            *desk_cases.envelopes(phone, desk_cases.full("willow", NOW - 600, local), Withheld.TOWN_HALL),
            *desk_cases.envelopes(phone, desk_cases.quiet("pebble", NOW - 7200)),
            desk_cases.contact_envelope(phone, "harbour", NOW - 900, Outcome.DISTRESS_WORD),
            desk_cases.unreadable_envelope(phone),
        )
        await tablet.drop(
            *desk_cases.envelopes(tablet, desk_cases.raised("cedar", NOW - 30 * 3600)),
            *desk_cases.envelopes(tablet, desk_cases.raised("marble", NOW - 80 * 3600)),
            desk_cases.contact_envelope(tablet, "linnet", NOW - 1800, Outcome.NO_ANSWER),
        )
        centre.receiving.wake()

    async def wrongs(self) -> None:
        """Play devices that are not in order: a gap of three days, a rollback, other readers, files put back."""
        centre = self.gate.centre
        assert centre
        ceremony = KeyCeremony((), removable=True, centre_id=b"", desk_key=b"")
        world = World(self.served, self.clock, self.network, centre, ceremony, self.folder)
        lost = await world.device("Made-up phone 5", "police")
        desk_cases.envelopes(lost, desk_cases.quiet("lost", NOW - 9000))
        await lost.drop(*desk_cases.envelopes(lost, desk_cases.quiet("found", NOW - 8000)))
        back = await world.device("Made-up tablet 6", "welfare")
        await back.drop(*desk_cases.envelopes(back, desk_cases.quiet("one", NOW - 7000)))
        copy = back.seq, back.prev
        await back.drop(*desk_cases.envelopes(back, desk_cases.quiet("two", NOW - 6000)))
        await back.drop(*desk_cases.envelopes(back, desk_cases.quiet("three", NOW - 5000)))
        back.seq, back.prev = copy
        await back.drop(*desk_cases.envelopes(back, desk_cases.raised("two again", NOW - 4000)))
        odd = await world.device("Made-up phone 7", "youth")
        made = desk_cases.quiet("other readers", NOW - 3000)
        await odd.drop(seal_record(odd, made, roles=("intake",))[0].envelope)
        older = await world.device("Made-up phone 8", "police")
        report = put_back_report(older.device_id, NOW - 2000)
        await older.drop(older.seal(MsgType.DEVICE_REPORT, bytes(16), report).envelope)
        await centre.receiving.once()
        self.clock.now += GAP_ALERT_AFTER
        centre.receiving.wake()

    async def hello(self) -> None:
        """Play a device whose worker typed the code that the desk shows."""
        enrolment = self.gate.enrolment
        assert enrolment
        device = Device(RelayClient(ADDRESS, transport=Switch(self.served.app)), self.clock)
        code = EnrolmentCode.parse(enrolment.qr_text)
        hello = protocol.Hello.make(device.signing.public, device.prekeys.current)
        await device.client.put_enrolment(protocol.enrol_id(code), "up", protocol.seal_hello(code, hello))


_STAGE = Stage()
_STARTING = asyncio.Lock()
_TASKS: set[asyncio.Task[None]] = set()


async def main(page: ft.Page) -> None:
    """Show the desk; the relay starts with the first window."""
    async with _STARTING:
        if _STAGE.main is None:
            await _STAGE.start()
    assert _STAGE.main
    result = _STAGE.main(page)
    if isinstance(result, Awaitable):
        await result


def answer(line: str) -> str:
    """Play somebody: ``register``, ``cases``, ``wrongs``, ``hello``; ``off`` and ``on`` cut the network and mend it.

    After ``later``, four months have gone by.
    """
    if line in ("off", "on"):
        getattr(_STAGE.network, line)()
        return "done"
    if line == "later":
        _STAGE.clock.now += 130 * DAY
        return "done"
    play: Callable[[], Awaitable[None]] = getattr(_STAGE, line)
    task: asyncio.Task[None] = asyncio.ensure_future(play())
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    return "begun"
