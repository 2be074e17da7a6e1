"""P8: the relay on PostgreSQL, with several processes, and with many envelopes stored.

P8 compares the latency of drops and of pages with N stored envelopes and four processes against the same with 10,000;
N is 50,000 unless the environment variable FIELDAPP_BENCH_STORED says 1000000 (which takes about 6 GB for a while).
P8t compares the time that a number of drops takes with one process against two and four.

The server is the one of the tests, with PostgreSQL's own settings except for shared_buffers; it waits for the disk.
"""

import asyncio
import os
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from bench.relay_load import SIZE, MadeUpCentre, Wire, served, wires
from sync.primitives import random_bytes
from tests.fakes.postgres import PostgresServer, postgres

SETTINGS: Final[Mapping[str, str]] = {"shared_buffers": "256MB"}
BASE: Final = 10_000
DEVICES: Final = 50
PART: Final = 500
REPEATS: Final = 6
PAGES: Final = 20


def bench(*, short: bool = False) -> Bench:
    """Return P8; short: hardly anything stored, one process."""
    base, stored = (300, 600) if short else (BASE, int(os.environ.get("FIELDAPP_BENCH_STORED", "50000")))
    small, large = (_Stored(count, 1 if short else 4, 40 if short else PART) for count in (base, stored))
    return Bench(
        "P8",
        f"drops (median seconds of one) with {stored} envelopes stored on PostgreSQL",
        Goal(ratio=1.5),
        (
            Cell(f"{base} stored", Kind.FLOOR, small.latency),
            Cell(f"{stored} stored", Kind.OURS, large.latency),
        ),
        repeats=1 if short else REPEATS,
    )


def bench_processes(*, short: bool = False) -> Bench:
    """Return P8t: throughput with one, two and four processes; short: with one and two."""
    stored, part = (300, 40) if short else (BASE, PART)
    one, two, four = (_Stored(stored, processes, part) for processes in (1, 2, 4))
    more = [] if short else [Cell("4 processes", Kind.PEER, four.throughput)]
    return Bench(
        "P8t",
        f"{part} drops from {DEVICES} devices on PostgreSQL, by processes",
        Goal(ratio=1.0),
        (
            Cell("1 process", Kind.FLOOR, one.throughput),
            Cell("2 processes", Kind.OURS, two.throughput),
            *more,
        ),
        repeats=1 if short else REPEATS,
    )


@dataclass(frozen=True, slots=True)
class _Running:
    server: PostgresServer
    centre: MadeUpCentre
    connections: list[Wire]
    stored: int
    sent: list[bytes]


class _Stored:
    """One PostgreSQL with a number of envelopes in one box, and a number of relay processes."""

    def __init__(self, stored: int, processes: int, part: int) -> None:
        self._stored = stored
        self._processes = processes
        self._part = part

    @asynccontextmanager
    async def latency(self, _directory: Path) -> AsyncIterator[Operation]:
        async with self._running() as running:
            yield lambda: self._latency(running)
            await self._check(running)

    @asynccontextmanager
    async def throughput(self, _directory: Path) -> AsyncIterator[Operation]:
        async with self._running() as running:
            yield lambda: self._throughput(running)
            await self._check(running)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[_Running]:
        async with AsyncExitStack() as stack:
            server = stack.enter_context(postgres(SETTINGS))
            url = server.url()
            centre = await MadeUpCentre.register(url, (REPEATS + 1) * self._part)
            _fill(server, centre.box, self._stored)
            ports = [await stack.enter_async_context(served("relay", url)) for _ in range(self._processes)]
            connections = await stack.enter_async_context(wires(ports, DEVICES))
            running = _Running(server, centre, connections, self._stored, [])
            await self._throughput(running)  # warm: plans, caches, connections
            yield running

    async def _drops(self, running: _Running, devices: int) -> list[float]:
        """Drop one part from so many devices at a time; return the seconds of each drop."""
        bodies = [random_bytes(SIZE) for _ in range(self._part)]
        seconds: list[float] = []

        async def device(number: int) -> None:
            for body in bodies[number::devices]:
                start = time.perf_counter()
                await running.centre.drop(running.connections[number], body)
                seconds.append(time.perf_counter() - start)

        await asyncio.gather(*(device(number) for number in range(devices)))
        running.sent.extend(bodies)
        return seconds

    async def _throughput(self, running: _Running) -> Sample:
        start = time.perf_counter()
        await self._drops(running, DEVICES)
        return Sample(time.perf_counter() - start)

    async def _latency(self, running: _Running) -> Sample:
        """Few at a time, so that it is the database that is measured and not a queue."""
        drops = await self._drops(running, 4)
        pages = [await self._page(running) for _ in range(PAGES)]
        return Sample(
            statistics.median(drops),
            {
                "drop, p99": _p99(drops),
                "page of 200, median": statistics.median(pages),
                "page of 200, p99": _p99(pages),
            },
        )

    async def _page(self, running: _Running) -> float:
        """Read one page somewhere in the middle."""
        position = secrets.randbelow(max(1, self._stored - 400)) + 1
        query = f"SELECT encode(item_id, 'hex') FROM item WHERE position = {position} AND size = {SIZE}"
        ((after,),) = running.server.execute(query)
        wire = running.connections[secrets.randbelow(len(running.connections))]
        start = time.perf_counter()
        bodies, _, _ = await running.centre.page(wire, str(after))
        seconds = time.perf_counter() - start
        require(len(bodies) == 200, "not a full page")
        return seconds

    async def _check(self, running: _Running) -> None:
        """Nothing lost, nothing doubled, in the order of one stream."""
        query = "SELECT count(*), count(DISTINCT body), max(position) FROM item WHERE position > "
        (found,) = running.server.execute(f"{query}{running.stored}")
        count = len(running.sent)
        require(found == (count, count, running.stored + count), "not what was dropped")


def _fill(server: PostgresServer, box: bytes, count: int) -> None:
    """Store envelopes without the relay: all with the same bytes, as large on the disk as real ones."""
    stream = f"(SELECT stream_id FROM stream WHERE name = '\\x{box.hex()}')"
    body = f"'\\x{random_bytes(SIZE).hex()}'::bytea"
    server.execute(
        "INSERT INTO item (stream_id, position, item_id, day, size, body)"
        f" SELECT {stream}, n, uuid_send(gen_random_uuid()), (extract(epoch FROM now()) / 86400)::int, {SIZE}, {body}"
        f" FROM generate_series(1, {count}) AS n"
    )
    server.execute(
        f"UPDATE stream SET last_position = {count}, stored_items = 0, stored_bytes = 0 WHERE stream_id = {stream}"
    )
    server.execute("VACUUM ANALYZE item")


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.99 * len(values)))]
