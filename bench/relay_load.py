"""What P5 and P8 share: relay processes, a made-up centre with tokens, devices and a desk that speak plain HTTP.

The client is as bare as can be, prepared bytes on kept connections, so that it costs both sides the same and little.
"""

import asyncio
import base64
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from sqlalchemy.engine import Connection

from bench.harness import require
from bench.relay_served import HOST
from sync.answers import parse_page
from sync.primitives import SigningKey, blake, random_bytes
from sync.protocol import REPLAY_NONCE, TAG_REQUEST
from sync.relay.app import register_centre
from sync.relay.centres import DeskEntry, Signer, change_tokens, replace_desks
from sync.relay.database import Database
from sync.relay.limits import token_hash

SIZE: Final = 4096
_LONGEST_IDLE: Final = 5.0


@asynccontextmanager
async def served(name: str, database: str) -> AsyncIterator[int]:
    """Run one server of `bench.relay_served` while the block runs; gives its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.relay_served",
        name,
        database,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )
    require(process.stdin is not None and process.stdout is not None, "no pipes")
    try:
        yield int(await process.stdout.readline())  # type: ignore[union-attr]
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        await process.wait()


class Wire:
    """One kept connection; it is opened again before the server closes it for having been idle."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0
        self.nonce = ""
        """For the next signed request, brought by the last answer; "" where there was none."""

    async def call(self, method: str, target: str, authorization: str = "", body: bytes = b"") -> bytes:
        """Send one request and return the body of its answer; stop the bench unless that is 200 or 201."""
        reader, writer = await self._open()
        head = f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n"
        if authorization:
            head += f"Authorization: {authorization}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        told = await reader.readuntil(b"\r\n\r\n")
        self.nonce = told.partition(f"{REPLAY_NONCE}: ".encode())[2].partition(b"\r\n")[0].decode()
        answer = told.lower()
        length = int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        content = await reader.readexactly(length)
        require(answer[9:12] in (b"200", b"201"), f"the server said {answer[9:12]!r}")
        return content

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        now = time.monotonic()
        if self._streams is None or now - self._used > _LONGEST_IDLE:
            await self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        self._used = now
        return self._streams

    async def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            with suppress(OSError):
                await self._streams[1].wait_closed()


@asynccontextmanager
async def wires(ports: Sequence[int], count: int) -> AsyncIterator[list[Wire]]:
    """Give `count` connections, spread evenly over the servers at `ports`."""
    async with AsyncExitStack() as stack:
        made = [Wire(ports[number % len(ports)]) for number in range(count)]
        for wire in made:
            stack.push_async_callback(wire.close)
        yield made


@dataclass(frozen=True, slots=True)
class MadeUpCentre:
    """A centre with one desk, one box and unused drop tokens."""

    key: SigningKey
    box: bytes
    tokens: list[bytes]

    @classmethod
    async def register(cls, database: str, tokens: int) -> Self:
        """Register it, with `tokens` drop tokens."""
        made = cls(SigningKey.generate(), random_bytes(16), [random_bytes(32) for _ in range(tokens)])
        centre_id = random_bytes(16)
        await register_centre(database, centre_id, made.key.public, "Made-up centre")

        def fill(connection: Connection) -> None:
            desk = DeskEntry(made.key.public, True, frozenset({made.box}))
            replace_desks(connection, Signer(made.key.public, centre_id, True), [desk])
            for start in range(0, tokens, 512):
                hashes = [token_hash(token) for token in made.tokens[start : start + 512]]
                change_tokens(connection, centre_id, hashes, {}, ())

        store = Database(database)
        await store.write(fill)
        await store.close()
        return made

    async def drop(self, wire: Wire, body: bytes) -> None:
        """Drop one envelope with the next token."""
        token = base64.urlsafe_b64encode(self.tokens.pop()).rstrip(b"=").decode()
        await wire.call("POST", f"/v1/drop/{self.box.hex()}", f"Drop {token}", body)

    async def page(self, wire: Wire, after: str) -> tuple[list[bytes], str, bool]:
        """Read one page as a desk does, with the nonce that the page before brought.

        Returns bodies, cursor, and whether more is there.
        """
        target = f"/v1/box/{self.box.hex()}" + (f"?after={after}" if after else "")
        nonce = wire.nonce or (await wire.call("POST", "/v1/nonce"))[10:-2].decode()
        lines = ("GET", HOST, target, blake(b"fs body", b"").hex(), nonce)
        signature = base64.urlsafe_b64encode(self.key.sign(TAG_REQUEST, "\n".join(lines).encode()))
        header = f"Centre {self.key.public.hex()}.{nonce}.{signature.rstrip(b'=').decode()}"
        page = parse_page(await wire.call("GET", target, header))
        return page.envelopes, page.cursor, page.more

    async def pull(self, wire: Wire) -> list[bytes]:
        """Read everything."""
        bodies: list[bytes] = []
        cursor, more = "", True
        while more:
            page, cursor, more = await self.page(wire, cursor)
            bodies += page
        return bodies
