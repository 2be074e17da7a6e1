"""The servers of P5 and P8, each in a process of its own: ``python -m bench.relay_served floor|relay DATABASE``.

Prints the port; ends when standard input does. The floor is the least that keeps an envelope: Starlette, one insert and
one commit for each POST, SQLite as durable as the relay's, nothing checked.
"""

import asyncio
import socket
import sqlite3
import struct
import sys
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync.protocol import MAX_PAGE
from sync.relay.app import create_app
from sync.relay.server import serving
from sync.relay.settings import RelaySettings

HOST = "relay.example.invalid"
PAGE_HEAD = struct.Struct("<I")
"""Number of items in a page of the floor; each is 16 bytes of id and an envelope of 4 KiB."""


def floor(path: str) -> Starlette:
    """Return the bare floor on a SQLite file."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("CREATE TABLE IF NOT EXISTS item (position INTEGER PRIMARY KEY, id BLOB, body BLOB)")

    async def drop(request: Request) -> Response:
        body = await request.body()
        database.execute("INSERT INTO item (id, body) VALUES (randomblob(16), ?)", (body,))
        return Response(b'{"id":"00000000000000000000000000000000"}', 201, media_type="application/json")

    async def page(request: Request) -> Response:
        after = int(request.query_params["after"])
        query = "SELECT id, body FROM item WHERE position > ? ORDER BY position LIMIT ?"
        rows = database.execute(query, (after, MAX_PAGE)).fetchall()
        parts = [PAGE_HEAD.pack(len(rows)), *(part for row in rows for part in row)]
        return Response(b"".join(parts), media_type="application/octet-stream")

    return Starlette(routes=[Route("/drop", drop, methods=["POST"]), Route("/box", page)])


async def run(name: str, database: str) -> None:
    """Serve until standard input ends."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    settings = RelaySettings(database, frozenset({HOST}), requests_per_minute=0, maintenance_seconds=3600)
    app = create_app(settings, clock=time.time) if name == "relay" else floor(database)
    async with serving(app, bound):
        print(bound.getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2]))
