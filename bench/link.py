"""A bad mobile link between two ports of this machine: slow, far away, and losing something now and then.

TCP hides a loss as a pause, so that is what a loss is here: one segment of so many comes a whole round trip later, and
everything behind it waits. Which ones is counted, not drawn, so two runs see the same link. A `hurry` above 1 makes
every time shorter by that factor, for a short form that measures nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

SEGMENT: Final = 1460
"""Bytes of TCP's payload in an Ethernet frame."""


@dataclass(slots=True)
class Link:
    """What a link is like, and what has crossed it (bytes up and down, connections)."""

    bytes_per_second: float = 50_000 / 8
    round_trip: float = 0.5
    one_lost_of: int = 33
    hurry: float = 1.0
    port: int = 0
    up: int = 0
    down: int = 0
    connections: int = 0

    @property
    def crossed(self) -> int:
        """Bytes in both directions."""
        return self.up + self.down


class _Direction:
    """One way of one connection: segments leave one after the other and arrive in order."""

    def __init__(self, link: Link, out: asyncio.StreamWriter) -> None:
        self._link = link
        self._out = out
        self._free_at = 0.0
        self._arrives_at = 0.0
        self._count = 0
        self._arriving: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    def send(self, data: bytes) -> None:
        now, link = asyncio.get_running_loop().time(), self._link
        for start in range(0, len(data), SEGMENT):
            segment = data[start : start + SEGMENT]
            self._count += 1
            self._free_at = max(self._free_at, now) + len(segment) / link.bytes_per_second / link.hurry
            lost = self._count % link.one_lost_of == 0
            arrives = self._free_at + (0.5 + lost) * link.round_trip / link.hurry
            self._arrives_at = max(self._arrives_at, arrives)
            self._arriving.put_nowait((self._arrives_at, segment))

    def end(self) -> None:
        self._arriving.put_nowait((self._arrives_at, b""))

    async def deliver(self) -> None:
        while True:
            at, segment = await self._arriving.get()
            await asyncio.sleep(at - asyncio.get_running_loop().time())
            if not segment:
                break
            self._out.write(segment)
        with suppress(OSError):
            self._out.write_eof()


@asynccontextmanager
async def shaped(link: Link, port: int) -> AsyncIterator[None]:
    """Listen on 127.0.0.1 at `link.port` (chosen here) and pass everything on to `port` as the link does."""

    async def carry(reader: asyncio.StreamReader, direction: _Direction, name: str) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                setattr(link, name, getattr(link, name) + len(data))
                direction.send(data)
        direction.end()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link.connections += 1
        await asyncio.sleep(link.round_trip / link.hurry)  # the handshake of TCP
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        up, down = _Direction(link, forth), _Direction(link, writer)
        with suppress(asyncio.CancelledError):  # the bench is over, and nothing waits for what is on its way
            await asyncio.gather(
                carry(reader, up, "up"), carry(back, down, "down"), up.deliver(), down.deliver()
            )
        writer.close()
        forth.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        link.port = server.sockets[0].getsockname()[1]
        yield
