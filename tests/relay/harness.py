"""A relay in-process on a real database, with one or more made-up centres that can sign."""

import asyncio
import base64
import secrets
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from nacl.signing import SigningKey
from sqlalchemy import select
from sqlalchemy.engine import Connection
from starlette.applications import Starlette

from sync.protocol import DAY
from sync.relay.access import Services
from sync.relay.app import create_app, register_centre
from sync.relay.auth import signed_bytes
from sync.relay.limits import quarter_number, token_hash
from sync.relay.schema import metadata
from sync.relay.settings import RelaySettings

HOST = "relay.example.invalid"
START = 20_000 * DAY + 43_210.0


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run one asynchronous test."""
    asyncio.run(coroutine)


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def envelope(size: int = 4096) -> bytes:
    return secrets.token_bytes(size)


class FakeClock:
    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += days * DAY


@dataclass
class PageView:
    more: bool
    cursor: str
    items: list[tuple[str, int, bytes]]

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, _, body in self.items]


def parse_page(content: bytes) -> PageView:
    """An independent reader of the page format in the module text of sync.relay.app."""
    magic, flags, zero, count, cursor = struct.unpack_from("<4sBBH16s", content)
    assert (magic, zero) == (b"FSP1", 0)
    assert flags in (0, 1)
    offset, items = 24, []
    for _ in range(count):
        item_id, day, length = struct.unpack_from("<16sII", content, offset)
        offset += 24
        items.append((item_id.hex(), day, content[offset : offset + length]))
        offset += length
    assert offset == len(content)
    return PageView(bool(flags), cursor.hex(), items)


@dataclass
class Desk:
    """A signing client of the relay."""

    client: httpx.AsyncClient
    host: str = HOST
    key: SigningKey = field(default_factory=SigningKey.generate)

    @property
    def public(self) -> bytes:
        return bytes(self.key.verify_key)

    async def nonce(self) -> str:
        answer = await self.client.post("/v1/nonce")
        assert answer.status_code == 200
        nonce: str = answer.json()["nonce"]
        return nonce

    def header(
        self, method: str, target: str, body: bytes, nonce: str, host: str | None = None
    ) -> dict[str, str]:
        signature = self.key.sign(signed_bytes(method, host or self.host, target, body, nonce)).signature
        return {"Authorization": f"Centre {self.public.hex()}.{nonce}.{b64(signature)}"}

    async def send(self, method: str, target: str, body: bytes = b"", json: Any = None) -> httpx.Response:
        if json is not None:
            import json as codec

            body = codec.dumps(json).encode()
        headers = self.header(method, target, body, await self.nonce())
        return await self.client.request(method, target, content=body, headers=headers)

    async def page(self, box: str, after: str = "", limit: int = 200) -> PageView:
        query = f"?after={after}&limit={limit}" if after else f"?limit={limit}"
        answer = await self.send("GET", f"/v1/box/{box}{query}")
        assert answer.status_code == 200, answer.text
        return parse_page(answer.content)

    async def commit(self, box: str, cursor: str) -> int:
        return (await self.send("POST", f"/v1/box/{box}/cursor", json={"cursor": cursor})).status_code


@dataclass
class Centre:
    """A centre with a first desk that holds its centre key and reads one box."""

    desk: Desk
    centre_id: bytes
    box: str
    others: list[tuple[Desk, list[str]]] = field(default_factory=list)

    @property
    def box_bytes(self) -> bytes:
        return bytes.fromhex(self.box)

    async def save_desks(self) -> httpx.Response:
        entries = [{"key": self.desk.public.hex(), "role": "centre", "boxes": [self.box]}]
        entries += [{"key": d.public.hex(), "role": "desk", "boxes": boxes} for d, boxes in self.others]
        return await self.desk.send("PUT", "/v1/desks", json={"desks": entries})

    async def tokens(self, count: int) -> list[bytes]:
        made = [secrets.token_bytes(32) for _ in range(count)]
        for start in range(0, count, 512):
            hashes = [token_hash(token).hex() for token in made[start : start + 512]]
            answer = await self.desk.send("POST", "/v1/tokens", json={"drop": hashes})
            assert answer.status_code == 200, answer.text
        return made

    async def read_token(self, now: float) -> dict[str, str]:
        token = secrets.token_bytes(32)
        entry = {"hash": token_hash(token).hex(), "quarter": quarter_number(now)}
        assert (await self.desk.send("POST", "/v1/tokens", json={"read": [entry]})).status_code == 200
        return {"Authorization": f"Read {b64(token)}"}


@dataclass
class Relay:
    app: Starlette
    client: httpx.AsyncClient
    clock: FakeClock
    database: str

    @property
    def path(self) -> Path:
        """The SQLite file."""
        assert "://" not in self.database
        return Path(self.database)

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    async def drop(self, box: str, token: bytes, body: bytes) -> httpx.Response:
        return await self.client.post(
            f"/v1/drop/{box}", content=body, headers={"Authorization": f"Drop {b64(token)}"}
        )

    async def centre(self) -> Centre:
        desk = Desk(self.client)
        made = Centre(desk, secrets.token_bytes(16), secrets.token_hex(16))
        await register_centre(self.database, made.centre_id, desk.public, "Made-up centre")
        assert (await made.save_desks()).status_code == 200
        return made

    async def rows(self) -> list[tuple[str, Any]]:
        """Every value in the database, with the name of its table."""

        def read(connection: Connection) -> list[tuple[str, Any]]:
            return [
                (table.name, value)
                for table in metadata.sorted_tables
                for row in connection.execute(select(table))
                for value in row
            ]

        return await self.services.database.read(read)

    async def stored(self) -> bytes:
        """What whoever takes the database finds: SQLite's files as they are, of PostgreSQL every value."""
        if "://" not in self.database:
            return b"".join(file.read_bytes() for file in self.path.parent.glob(self.path.name + "*"))
        values = [value for _, value in await self.rows()]
        return b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


@asynccontextmanager
async def relay(
    database: Path | str, clock: FakeClock | None = None, **settings: Any
) -> AsyncIterator[Relay]:
    """Give a relay on a database file or URL; it can be opened again after the block."""
    clock = clock or FakeClock()
    options = {"maintenance_seconds": 3600.0, "requests_per_minute": 0} | settings
    app = create_app(RelaySettings(str(database), frozenset({HOST}), **options), clock=clock)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app=app)
        client = httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}")
        await stack.enter_async_context(client)
        yield Relay(app, client, clock, str(database))
