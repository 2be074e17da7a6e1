"""P5c: push and pull again made-up records of about 3 KB, encrypted at both ends, against a peer that people use.

The peer is PouchDB with crypto-pouch against express-pouchdb: one client that pushes in batches of 200. Ours seals every
record to three roles and the registrar, drops it with a token of its own from one of ten devices, pulls and opens it. The
packages are never part of this repository: `npm install --prefix DIR pouchdb crypto-pouch express-pouchdb`, then
FIELDAPP_BENCH_NODE=DIR. Without them, or without node, it is skipped. All of it stays on 127.0.0.1.
"""

import asyncio
import json
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from bench.p4_envelope import made_pair
from bench.relay_load import MadeUpCentre, served, wires

RECORDS: Final = 500
DEVICES: Final = 10
DRIVER: Final = Path(__file__).parent / "peers" / "pouchdb.js"
PACKAGES: Final = ("pouchdb", "crypto-pouch", "express-pouchdb")


def packages() -> Path | None:
    """Return the folder in which node finds the peer's packages, None without node or without one of them."""
    named = os.environ.get("FIELDAPP_BENCH_NODE", "")
    folder = Path(named)
    there = bool(named) and all((folder / "node_modules" / name).is_dir() for name in PACKAGES)
    return folder.resolve() if there and shutil.which("node") else None


def bench(*, short: bool = False) -> Bench | None:
    """Return P5c, None when the peer is not installed; short: few records."""
    folder, count = packages(), 20 if short else RECORDS
    if folder is None:
        return None
    return Bench(
        "P5c",
        f"push {count} encrypted records and pull them again",
        Goal(ratio=1.0),
        (
            Cell("PouchDB, crypto-pouch, express-pouchdb", Kind.FLOOR, _PouchDB(folder, count).cell),
            Cell("sealed, dropped, pulled, opened", Kind.OURS, _Ours(count).cell),
        ),
        repeats=1,
    )


class _PouchDB:
    def __init__(self, packages: Path, count: int) -> None:
        self._packages = packages
        self._count = count

    @asynccontextmanager
    async def cell(self, directory: Path) -> AsyncIterator[Operation]:
        store = directory / "server"
        store.mkdir()
        server = await self._node("serve", str(store))
        require(server.stdin is not None and server.stdout is not None, "no pipes")
        try:
            port = (await server.stdout.readline()).decode().strip()  # type: ignore[union-attr]
            yield lambda: self._once(port, directory)
        finally:
            server.stdin.close()  # type: ignore[union-attr]
            await server.wait()

    async def _once(self, port: str, directory: Path) -> Sample:
        client = await self._node("run", port, str(directory), str(self._count))
        said, _ = await client.communicate()
        require(client.returncode == 0, "the peer did not do its work")
        parts = {name: float(seconds) for name, seconds in json.loads(said).items()}
        return Sample(sum(parts.values()), parts)

    async def _node(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            "node", str(DRIVER), *arguments, stdin=pipe, stdout=pipe, cwd=self._packages
        )


class _Ours:
    def __init__(self, count: int) -> None:
        self._count = count

    @asynccontextmanager
    async def cell(self, directory: Path) -> AsyncIterator[Operation]:
        database = str(directory / "relay.db")
        centre = await MadeUpCentre.register(database, self._count)
        pair = made_pair()
        async with served("relay", database) as port, wires([port], DEVICES) as connections:

            async def once() -> Sample:
                start = time.perf_counter()

                async def device(number: int) -> None:
                    for _ in range(number, self._count, DEVICES):
                        await centre.drop(connections[number], pair.seal())

                await asyncio.gather(*(device(number) for number in range(DEVICES)))
                pushed = time.perf_counter()
                envelopes = await centre.pull(connections[0])
                for envelope in envelopes:
                    pair.receive(envelope)
                pulled = time.perf_counter()
                require(len(envelopes) == self._count, "not all came back")
                return Sample(pulled - start, {"push": pushed - start, "pull": pulled - pushed})

            yield once
