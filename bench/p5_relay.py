"""P5: 10,000 drops of 4 KiB from 200 simulated devices, and one desk's pull of all of them.

Ours is the relay as it runs: single-use tokens, idempotency, quota, durable before it answers (many drops may share one
commit), a signed request with a fresh nonce for each page. The floor stores and gives out the same bytes and checks
nothing, one POST = one commit. Both run in a process of their own under the same server.

PouchDB, which the goal also names, is `bench.p5_peers`; Etebase could not be installed (see bench/README.md).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from bench.relay_load import SIZE, MadeUpCentre, Wire, served, wires
from bench.relay_served import PAGE_HEAD
from sync.primitives import random_bytes

DEVICES: Final = 200
DROPS: Final = 10_000
PART: Final = 1000
"""Drops in one operation; ten of ours and ten of the floor's take turns, so that both see the same machine."""
_ITEM: Final = 16 + SIZE

Drop = Callable[[Wire, bytes], Awaitable[None]]


def bench(*, short: bool = False) -> Bench:
    """Return P5; short: few drops."""
    devices, part = (5, 20) if short else (DEVICES, PART)
    return Bench(
        "P5",
        f"{part} drops of 4 KiB from {devices} devices",
        Goal(ratio=1.7),
        (
            Cell("Starlette, SQLite, one POST = one commit", Kind.FLOOR, _Dropping(devices, part).floor),
            Cell("the relay", Kind.OURS, _Dropping(devices, part).ours),
        ),
        repeats=2 if short else DROPS // PART,
    )


def bench_pull(*, short: bool = False) -> Bench:
    """Return P5p: the pull; short: few items."""
    count = 250 if short else DROPS
    return Bench(
        "P5p",
        f"one desk pulls {count} envelopes of 4 KiB",
        Goal(ratio=1.5),
        (
            Cell("Starlette, SQLite, pages of 200", Kind.FLOOR, _Pulling(count).floor),
            Cell("the relay", Kind.OURS, _Pulling(count).ours),
        ),
        repeats=1 if short else 5,
    )


class _Dropping:
    def __init__(self, devices: int, part: int) -> None:
        self._devices = devices
        self._part = part

    @asynccontextmanager
    async def ours(self, directory: Path) -> AsyncIterator[Operation]:
        database = str(directory / "relay.db")
        centre = await MadeUpCentre.register(database, DROPS)
        async with served("relay", database) as port, wires([port], self._devices) as connections:
            sent: list[bytes] = []
            yield lambda: self._once(connections, centre.drop, sent)
            require(sorted(await centre.pull(connections[0])) == sorted(sent), "not what was dropped")

    @asynccontextmanager
    async def floor(self, directory: Path) -> AsyncIterator[Operation]:
        async def drop(wire: Wire, body: bytes) -> None:
            await wire.call("POST", "/drop", body=body)

        database = str(directory / "floor.db")
        async with served("floor", database) as port, wires([port], self._devices) as connections:
            sent: list[bytes] = []
            yield lambda: self._once(connections, drop, sent)
            require(sorted(await _pull_floor(connections[0])) == sorted(sent), "not what was dropped")

    async def _once(self, connections: Sequence[Wire], drop: Drop, sent: list[bytes]) -> Sample:
        bodies = [random_bytes(SIZE) for _ in range(self._part)]
        sent += bodies

        async def device(number: int) -> None:
            for body in bodies[number :: self._devices]:
                await drop(connections[number], body)

        start = time.perf_counter()
        await asyncio.gather(*(device(number) for number in range(self._devices)))
        return Sample(time.perf_counter() - start)


class _Pulling:
    def __init__(self, count: int) -> None:
        self._count = count

    @asynccontextmanager
    async def ours(self, directory: Path) -> AsyncIterator[Operation]:
        database = str(directory / "relay.db")
        centre = await MadeUpCentre.register(database, self._count)
        async with served("relay", database) as port, wires([port], DEVICES) as connections:
            sent = await self._fill(connections, centre.drop)
            yield lambda: self._once(centre.pull, connections[0], sent)

    @asynccontextmanager
    async def floor(self, directory: Path) -> AsyncIterator[Operation]:
        async def drop(wire: Wire, body: bytes) -> None:
            await wire.call("POST", "/drop", body=body)

        async with (
            served("floor", str(directory / "floor.db")) as port,
            wires([port], DEVICES) as connections,
        ):
            sent = await self._fill(connections, drop)
            yield lambda: self._once(_pull_floor, connections[0], sent)

    async def _fill(self, connections: Sequence[Wire], drop: Drop) -> list[bytes]:
        bodies = [random_bytes(SIZE) for _ in range(self._count)]

        async def device(number: int) -> None:
            for body in bodies[number::DEVICES]:
                await drop(connections[number], body)

        await asyncio.gather(*(device(number) for number in range(DEVICES)))
        return sorted(bodies)

    async def _once(
        self, pull: Callable[[Wire], Awaitable[list[bytes]]], wire: Wire, sent: list[bytes]
    ) -> Sample:
        start = time.perf_counter()
        pulled = await pull(wire)
        seconds = time.perf_counter() - start
        require(sorted(pulled) == sent, "not what was dropped")
        return Sample(seconds)


async def _pull_floor(wire: Wire) -> list[bytes]:
    bodies: list[bytes] = []
    while True:
        page = await wire.call("GET", f"/box?after={len(bodies)}")
        (count,) = PAGE_HEAD.unpack_from(page)
        if not count:
            return bodies
        starts = range(PAGE_HEAD.size + 16, PAGE_HEAD.size + count * _ITEM, _ITEM)
        bodies += [page[start : start + SIZE] for start in starts]
