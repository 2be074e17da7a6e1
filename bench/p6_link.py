"""P6: one screening over a link of 50 kbit/s with 500 ms round trip and 3 % loss, from "send now" to STORED.

Everything is real but the link: a finished screening in an unlocked device, its delivery and client, TLS 1.3, the relay
on SQLite. What is compared is time against a floor on the same link: the same envelopes written to a TLS connection, one
byte back for each. Beside it, counted: round trips after TLS (requests on one connection), and the bytes that crossed
the link, without the TLS handshake, against the envelopes' own.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx
import trustme
from starlette.types import ASGIApp, Receive, Scope, Send

from bench import made_up
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from bench.link import Link, shaped
from fieldapp.domain.screening import FinishChoice, FinishKind
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from sync.relay.app import create_app
from sync.relay.server import serving
from sync.relay.settings import RelaySettings
from sync.transport import tls_context
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock

MOST_ROUND_TRIPS: Final = 2
MOST_BYTES: Final = 1.15
"""The goals of what is counted, for one screening."""
HOST: Final = "relay.example"
_HURRY: Final = 25.0


def bench(*, short: bool = False) -> Bench:
    """Return P6; short: the link is 25 times faster in everything."""
    hurry = _HURRY if short else 1.0
    return Bench(
        "P6",
        "one screening over a bad mobile link",
        Goal(ratio=1.15),
        (
            Cell("the envelopes over bare TLS", Kind.FLOOR, partial(_floor, hurry)),
            Cell("Delivery, from send now to STORED", Kind.OURS, partial(_ours, hurry)),
        ),
        repeats=1 if short else 3,
    )


@dataclass(slots=True)
class _Place:
    """The relay behind TLS behind the link, and how many requests it saw."""

    link: Link
    tls: ssl.SSLContext
    requests: int = 0


@asynccontextmanager
async def _floor(hurry: float, directory: Path) -> AsyncIterator[Operation]:
    """Write what a device would send, wait for one byte after each envelope."""
    async with _device(hurry, directory) as (place, notebook):
        _, sizes = await _file(notebook)

        async def acknowledge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, OSError):
                for size in sizes:
                    await reader.readexactly(size)
                    writer.write(b"\1")
                await reader.read()
            writer.close()

        async with await asyncio.start_server(acknowledge, "127.0.0.1", 0, ssl=place.tls) as server:
            link = Link(hurry=hurry)
            async with shaped(link, server.sockets[0].getsockname()[1]):

                async def send() -> Sample:
                    context = tls_context()
                    start = time.perf_counter()
                    reader, writer = await asyncio.open_connection(HOST, link.port, ssl=context)
                    for size in sizes:
                        writer.write(bytes(size))
                        await reader.readexactly(1)
                    seconds = time.perf_counter() - start
                    writer.close()
                    return Sample(seconds * hurry)

                yield send


@asynccontextmanager
async def _ours(hurry: float, directory: Path) -> AsyncIterator[Operation]:
    async with _device(hurry, directory) as (place, notebook):

        async def deliver() -> Sample:
            handshake = await _handshake_bytes(place)
            await notebook.delivery.stop()  # the next pass makes its own connection, as when an app is opened
            record, sizes = await _file(notebook)
            await notebook.delivery.send_now()
            requests, crossed, connections = place.requests, place.link.crossed, place.link.connections
            start = time.perf_counter()
            await notebook.delivery.once()
            seconds = time.perf_counter() - start
            require(notebook.book.stage(record) is Stage.STORED, "the screening is not stored")
            require(place.link.connections == connections + 1, "the envelopes did not share a connection")
            trips = place.requests - requests
            ratio = (place.link.crossed - crossed - handshake) / sum(sizes)
            counts = {"envelopes": len(sizes), "round trips after TLS": trips, "bytes / envelope": ratio}
            return Sample(seconds * hurry, counts=counts)

        yield deliver


async def _file(notebook: Notebook) -> tuple[Filed, list[int]]:
    """Finish one more screening; return it, and the lengths of its envelopes."""
    known = {entry.entry_id for entry, _ in notebook.book.on_the_way}
    record = await notebook.screenings.finish(made_up.answered(), FinishChoice(FinishKind.SEND))
    waiting = [entry for entry, _ in notebook.book.on_the_way if entry.entry_id not in known]
    require(bool(waiting), "nothing was sealed")
    return record, [len(entry.envelope) for entry in waiting]


async def _handshake_bytes(place: _Place) -> int:
    """Return what TLS alone costs: the first request on a connection minus the second."""
    client = RelayClient(f"https://{HOST}:{place.link.port}")
    crossed = []
    for _ in range(2):
        before = place.link.crossed
        require(await client.healthy(), "the relay does not answer over the link")
        crossed.append(place.link.crossed - before)
    await client.aclose()
    return crossed[0] - crossed[1]


@asynccontextmanager
async def _device(hurry: float, directory: Path) -> AsyncIterator[tuple[_Place, Notebook]]:
    """Give an enrolled device, and its relay behind TLS behind the link."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    place = _Place(Link(hurry=hurry), _server_tls())
    async with AsyncExitStack() as stack:
        stack.enter_context(_believing(directory))
        proxy = partial(_pass_on, port=bound.getsockname()[1])
        tls = await stack.enter_async_context(
            await asyncio.start_server(proxy, "127.0.0.1", 0, ssl=place.tls)
        )
        await stack.enter_async_context(shaped(place.link, tls.sockets[0].getsockname()[1]))
        host = f"{HOST}:{place.link.port}"
        clock = FixedClock()
        database = directory / "relay.db"
        app = create_app(RelaySettings(str(database), frozenset({host})), clock=clock.now)
        app.add_middleware(_Counted, place=place)
        await stack.enter_async_context(serving(app, bound))
        centre = await ScriptedCentre(f"https://{host}", clock.now()).register(database)
        desk = centre.client(httpx.ASGITransport(app))
        await centre.publish(desk)
        gate = Gate(
            directory / "device", NoKeystore(), clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR
        )
        notebook = await gate.create(made_up.PASSPHRASE, Settings())
        stack.push_async_callback(gate.shut)
        await notebook.delivery.stop()
        # Without a read token a pass sends and hears nothing, which is what is measured.
        member = replace(centre.member(), read_tokens={})
        await notebook.book.join(member, centre.trust, await centre.tokens(desk))
        await desk.aclose()
        yield place, notebook


class _Counted:
    """ASGI middleware: counts requests, each of which is one round trip of a connection that is open already."""

    def __init__(self, app: ASGIApp, place: _Place) -> None:
        self._app = app
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._place.requests += scope["type"] == "http"
        await self._app(scope, receive, send)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, port: int) -> None:
    """Be the TLS proxy: what was decrypted goes on to the relay, and back."""
    back, forth = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                target.write(data)
        target.close()

    with suppress(asyncio.CancelledError):
        await asyncio.gather(copy(reader, forth), copy(back, writer))


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def _server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # sent whenever the server likes, they would blur the count of bytes
    _authority().issue_cert(HOST).configure_cert(context)
    return context


@contextmanager
def _believing(directory: Path) -> Iterator[None]:
    """Let clients find the relay's name on this machine, and believe the made-up authority."""
    bundle = directory / "authority.pem"
    bundle.write_bytes(_authority().cert_pem.bytes())
    resolve = socket.getaddrinfo

    def here(host: object, *args: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host in (HOST, HOST.encode()) else host, *args, **options)  # type: ignore[arg-type]

    with patch("sync.transport.certifi.where", lambda: str(bundle)), patch("socket.getaddrinfo", here):
        yield
