"""A throw-away centre that goes once through a whole exchange, and leaves nothing behind.

Register, drop, pull, commit, and see that the envelope is gone: what a device and a desk do, over HTTP, against the
database in use. It shows what no single check shows, for example a proxy that changes the Host header.
"""

import json
import secrets
from typing import Final

import httpx
from sqlalchemy import delete, select
from sqlalchemy.engine import Connection

from sync.protocol import (
    BOX_ID_SIZE,
    CENTRE_ID_SIZE,
    DROP_SCHEME,
    ENVELOPE_SIZES,
    ITEM_ID_SIZE,
    TOKEN_SIZE,
)
from sync.relay.auth import RequestKey, encode_bytes, nonce_hash
from sync.relay.centres import add_centre
from sync.relay.database import Database
from sync.relay.forms import PAGE_HEAD, PAGE_ITEM
from sync.relay.limits import token_hash
from sync.relay.schema import centre, metadata, stream, used_nonce

NAME: Final = "self-test of fieldapp-relay check"
"""The throw-away centre's label. What a killed check left is found by it."""


class SelfTestError(Exception):
    """The exchange did not go as it must; the message says at which step, in plain words."""


async def exchange(client: httpx.AsyncClient, database: Database) -> None:
    """Go once through everything with `client`, whose relay uses `database`; raise SelfTestError."""
    test = _Exchange(client)
    await database.write(_forget)
    await database.write(add_centre, test.centre_id, test.key.public, NAME)
    try:
        await test.run()
    finally:
        await database.write(_forget, test.nonces)


class _Exchange:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self.centre_id = secrets.token_bytes(CENTRE_ID_SIZE)
        self.key = RequestKey()
        self.nonces: list[str] = []
        self._client = client
        self._host = client.build_request("GET", "/").headers["host"].lower()
        self._box = secrets.token_hex(BOX_ID_SIZE)

    async def run(self) -> None:
        token, envelope = secrets.token_bytes(TOKEN_SIZE), secrets.token_bytes(ENVELOPE_SIZES[1])
        desks = [{"key": self.key.public.hex(), "role": "centre", "boxes": [self._box]}]
        await self._signed("register a desk", "PUT", "/v1/desks", {"desks": desks})
        await self._signed("register a token", "POST", "/v1/tokens", {"drop": [token_hash(token).hex()]})
        headers = {"Authorization": f"{DROP_SCHEME} {encode_bytes(token)}"}
        dropped = await self._send("drop", "POST", f"/v1/drop/{self._box}", envelope, headers)
        if dropped.status_code != 201:
            raise SelfTestError(f"drop: answered {dropped.status_code}")
        page = await self._signed("pull", "GET", f"/v1/box/{self._box}?limit=10")
        _, _, _, cursor = PAGE_HEAD.unpack_from(page)
        if page[PAGE_HEAD.size + PAGE_ITEM.size :] != envelope:
            raise SelfTestError("pull: the envelope did not come back as it was dropped")
        await self._signed("commit", "POST", f"/v1/box/{self._box}/cursor", {"cursor": cursor.hex()})
        left = await self._signed("pull again", "GET", f"/v1/box/{self._box}?after={cursor.hex()}")
        if len(left) != PAGE_HEAD.size or len(cursor) != ITEM_ID_SIZE:
            raise SelfTestError("pull again: the envelope is still there")

    async def _signed(self, step: str, method: str, target: str, value: object = None) -> bytes:
        body = json.dumps(value).encode() if value is not None else b""
        answer = await self._send(step, "POST", "/v1/nonce")
        try:
            nonce = str(answer.json()["nonce"])
        except (ValueError, KeyError, TypeError):
            raise SelfTestError(f"{step}: no nonce, answered {answer.status_code}") from None
        self.nonces.append(nonce)
        credentials = self.key.credentials(method, self._host, target, body, nonce)
        answer = await self._send(step, method, target, body, {"Authorization": credentials})
        if answer.status_code == 401:
            raise SelfTestError(f"{step}: refused; is {self._host} a --public-host, and the Host passed on?")
        if answer.status_code not in (200, 201):
            raise SelfTestError(f"{step}: answered {answer.status_code}")
        return answer.content

    async def _send(
        self, step: str, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return await self._client.request(method, target, content=body or None, headers=headers)
        except httpx.HTTPError as error:
            raise SelfTestError(f"{step}: no answer ({type(error).__name__})") from None


def _forget(connection: Connection, nonces: list[str] | None = None) -> None:
    """Delete every throw-away centre with all that belongs to it, and these used nonces."""
    mine = select(centre.c.centre_id).where(centre.c.name == NAME).scalar_subquery()
    streams = select(stream.c.stream_id).where(stream.c.centre_id.in_(mine)).scalar_subquery()
    for table in reversed(metadata.sorted_tables):
        if "stream_id" in table.c and table is not stream:
            connection.execute(delete(table).where(table.c.stream_id.in_(streams)))
        elif "centre_id" in table.c:
            connection.execute(delete(table).where(table.c.centre_id.in_(mine)))
    hashes = [nonce_hash(nonce) for nonce in nonces or ()]
    connection.execute(delete(used_nonce).where(used_nonce.c.nonce_hash.in_(hashes)))
