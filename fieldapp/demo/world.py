"""`fieldapp demo`: a relay, a centre's desk and an enrolled phone on this machine, with made-up cases.

One process, one loop, four servers on free ports of 127.0.0.1: the relay, the desk, the field app, and a page that
shows the way and has a switch for the phone's network. All parts are the real ones; only the cases are made up, the
passphrases are printed, and key derivation runs at its floor so that nobody waits.
"""

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import flet as ft
import httpx

from fieldapp.assets import default_law
from fieldapp.bootstrap import check_folder, open_browser, prepare, served, stop_signal
from fieldapp.demo.cases import CASES, finish, follow, screen
from fieldapp.demo.page import Door, NetworkSwitch, demo_page
from fieldapp.desk.app import desk_app
from fieldapp.desk.gate import DeskGate
from fieldapp.errors import InputError
from fieldapp.services.covering import Covering
from fieldapp.services.desk.centre import Centre, create_centre
from fieldapp.services.desk.ceremony import CentrePlan
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemClock, SystemIds
from fieldapp.ui.app import field_app
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from sync.directory import Phone, Relay
from sync.relay.app import create_app, register_centre
from sync.relay.server import serving
from sync.relay.settings import RelaySettings

FIELD_PASSPHRASE: Final = "harbour lantern willow copper stone"  # noqa: S105 - printed for every visitor
DESK_PASSPHRASE: Final = "meadow granite signal orchard flint"  # noqa: S105 - printed for every visitor
PORT_FILE: Final = "relay-port"
PHONES: Final = (
    Phone("centre", "Made-up centre", "000 00 00 01"),
    Phone("duty", "Made-up duty line", "000 00 00 02"),
)


class SwitchedTransport(httpx.AsyncBaseTransport):
    """The phone's way to the relay, as long as the switch is on."""

    def __init__(self, network: NetworkSwitch) -> None:
        self._network = network
        self._wire = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, or fail as a phone without a network does."""
        if not self._network.on:
            raise httpx.ConnectError("the demo's network is off")
        return await self._wire.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()


@dataclass(frozen=True, slots=True)
class World:
    """What the demo is made of."""

    folder: Path
    relay_url: str
    network: NetworkSwitch
    gate: Gate


def run_demo(keep: Path | None, *, browser: bool) -> None:
    """Run the demo until Ctrl-C; the data go away unless `keep` names a folder."""
    prepare()
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="demo-")))
        check_folder(folder, "--keep")
        asyncio.run(_run(folder, browser=browser))


async def _run(folder: Path, *, browser: bool) -> None:
    async with stop_signal() as stopped, _relay(folder) as relay_url:
        world = _world(folder, relay_url)
        if world.gate.is_new:
            await furnish(world)
        async with _apps(world) as page_url:
            if browser:
                open_browser(page_url)
            await stopped.wait()


def _world(folder: Path, relay_url: str) -> World:
    network = NetworkSwitch()

    def relays(relay: Relay) -> RelayClient:
        return RelayClient(relay, transport=SwitchedTransport(network))

    gate = Gate(
        folder / "phone",
        NoKeystore(),
        SystemClock(),
        SystemIds(),
        relays,
        calibrated=lambda: FLOOR,
        covering=Covering(),
    )
    return World(folder, relay_url, network, gate)


@contextlib.asynccontextmanager
async def _relay(folder: Path) -> AsyncIterator[str]:
    with _bound(folder / PORT_FILE) as bound:
        host = f"127.0.0.1:{bound.getsockname()[1]}"
        app = create_app(RelaySettings(str(folder / "relay.db"), frozenset({host}), requests_per_minute=0))
        async with serving(app, bound):
            yield f"http://{host}"


@contextlib.contextmanager
def _bound(remembered: Path) -> Iterator[socket.socket]:
    """Bind the relay's port: the same one for kept data, because the signed directory names it."""
    port = int(remembered.read_text()) if remembered.exists() else 0
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(("127.0.0.1", port))
        except OSError as error:
            raise InputError(f"--keep: port {port} of the kept data is in use: {error.strerror}.") from None
        remembered.write_text(str(bound.getsockname()[1]))
        yield bound


@contextlib.asynccontextmanager
async def _apps(world: World) -> AsyncIterator[str]:
    """Serve desk, phone and page; yields the page's address."""
    desk_gate = DeskGate(world.folder / "desk", parameters=FLOOR)
    async with contextlib.AsyncExitStack() as stack:
        desk = await stack.enter_async_context(served(desk_app(desk_gate), 0, desk_gate.shut, sound=True))
        phone = await stack.enter_async_context(
            served(field_app(world.gate, default_law()), 0, world.gate.shut, capture=True)
        )
        doors = (
            Door(
                "Phone",
                "The field app of a made-up officer",
                FIELD_PASSPHRASE,
                ft.Icons.SMARTPHONE_ROUNDED,
                phone.new_url,
            ),
            Door(
                "Desk", "The made-up centre", DESK_PASSPHRASE, ft.Icons.DESKTOP_WINDOWS_OUTLINED, desk.new_url
            ),
        )
        page = demo_page(doors, world.network, lambda: _wake(world))
        served_page = await stack.enter_async_context(served(page, 0, _nothing))
        _print_doors(served_page.url, phone.url, desk.url)
        yield served_page.url


def _print_doors(page: str, phone: str, desk: str) -> None:
    lines = (
        "Everything is made up. Ctrl-C ends the demo.",
        "Start here, with a switch for the phone's network:",
        f"  {page}",
        "Or open one app directly; each address works once:",
        f"  phone  {phone}",
        f"         passphrase: {FIELD_PASSPHRASE}",
        f"  desk   {desk}",
        f"         passphrase: {DESK_PASSPHRASE}",
    )
    print("\n".join(lines), flush=True)  # noqa: T201


def _wake(world: World) -> None:
    if world.network.on and world.gate.notebook:
        world.gate.notebook.delivery.wake()


async def _nothing() -> None:
    """The page has nothing to lock."""


# --- Made-up data ------------------------------------------------------------------------------------------


async def furnish(world: World) -> None:
    """Make the centre, enrol the phone by the real exchange, and fill both with made-up cases."""
    plan = CentrePlan("Made-up centre", world.relay_url, phones=PHONES)
    centre, ceremony = await create_centre(
        world.folder / "desk", DESK_PASSPHRASE, plan, parameters=FLOOR, cells=1024
    )
    try:
        await register_centre(
            str(world.folder / "relay.db"), ceremony.centre_id, ceremony.desk_key, "Made-up centre"
        )
        await centre.receiving.once()
        notebook = await world.gate.create(FIELD_PASSPHRASE, Settings(work=Work.OUTREACH))
        await notebook.delivery.stop()
        await _enrol(centre, notebook)
        await _fill(centre, notebook)
    finally:
        await centre.lock()
        await world.gate.lock()


async def _enrol(centre: Centre, notebook: Notebook) -> None:
    enrolment = await centre.devices.begin("Made-up phone", "police", Work.OFFICER)
    shown = await notebook.enrolling.begin(enrolment.qr_text)
    await centre.devices.poll(enrolment)
    if shown != enrolment.digits:
        raise RuntimeError("the digits differ")
    await centre.devices.confirm(enrolment)
    await notebook.enrolling.finish()


async def _fill(centre: Centre, notebook: Notebook) -> None:
    """Send the made-up cases; the second one is followed by contacts, and one is opened at the desk."""
    screenings = [await screen(notebook, case) for case in CASES]
    for screening in screenings:
        await finish(notebook, screening)
    await follow(notebook, screenings[1], SystemClock())
    await notebook.delivery.send_now()
    await notebook.delivery.once()
    await centre.receiving.once()
    least = centre.inbox.rows().rows[-1]
    await centre.inbox.open(least.key)
    await centre.inbox.acknowledge(least.key)
    await centre.receiving.once()
    await notebook.delivery.once()
