"""The relay's HTTP interface.

Ids, keys and hashes are lower-case hex; tokens, nonces and signatures are base64url without padding; integers in
binary answers are little-endian. Boxes, items and enrolments have ids of 16 bytes, tokens have 32 bytes, and
the relay is told only H("fs token", token). A quarter is the whole number of 13-week periods since 1970-01-01.
*signed* means the Authorization header of `sync.relay.auth`; *centre* that the key must have the role centre.

| call | credential | request body | success |
|---|---|---|---|
| GET /v1/health | - | - | 200 {"status":"ok"} |
| POST /v1/nonce | - | - | 200 {"nonce":"<64 base64url characters>"}, good once, for 60 s |
| POST /v1/drop/{box} | Drop token | one envelope: 4096, 16384 or 65536 bytes | 201 {"id":hex}; 200 with the \
same id for the same token, box and body |
| GET /v1/box/{box}?after=&limit= | signed, a box of this desk | - | 200 page; `limit` 1 to 200 (default) |
| GET /v1/item/{id} | signed, in a box of this desk | - | 200 the envelope |
| POST /v1/box/{box}/cursor | signed, a box of this desk | {"cursor":hex} | 200 {"cursor":hex} |
| GET /v1/shard/{0..15}?after= | Read token of this quarter | - | 200 page |
| POST /v1/shard/{0..15} | signed | one envelope | 201 {"id":hex} |
| POST /v1/tokens | signed | {"drop":[hash,..],"read":[{"hash":hash,"quarter":int},..],"withdraw":[hash,..]}, \
each optional, at most 512 in all | 200 {"new":int}; hashes already there stay as they are |
| PUT /v1/desks | signed, centre | {"desks":[{"key":hex,"role":"centre" or "desk","boxes":[hex,..]},..]}: the \
whole list, with the signer in it as centre | 200 {"desks":int} |
| PUT /v1/dir/{v} | signed, centre | 1 byte to 1 MiB, opaque | 201 {"version":v}; 200 for the same bytes |
| GET /v1/dir/{v or latest} | signed, or Read token of this quarter or the 3 before | - | 200 the bytes; ETag "v" |
| POST /v1/enrol/{id}/open | signed | - | 201 {"open":true}; 200 when open already, which prolongs nothing |
| POST /v1/enrol/{id}/{up or down} | - | exactly 16384 bytes | 201 {"stored":true}; 200 for the same bytes |
| GET /v1/enrol/{id}/{up or down} | - | - | 200 the bytes |

A *page* is application/octet-stream:

    0   4  "FSP1"
    4   1  flags: bit 0 = more items follow
    5   1  zero
    6   2  number of items n
    8  16  cursor: give it as `after` to get what follows, and to POST cursor once all of this is committed
    24 ..  n times: item id 16 | day number u32 (days since 1970-01-01) | length u32 | envelope

No `after`, or an `after` of zeros, starts at the beginning; an empty page repeats the cursor that was given. A page
ends before 4 MiB of envelopes. An item that is committed later never stands before a cursor already handed out.

Every other answer is {"error":"<word>"}: 400 bad_request (size, form), 401 unauthorized (any fault of a
signed request: take a new nonce and try once more), 403 forbidden (unknown token, or a box that is not the
token's centre's), 404 not_found (also: foreign box or item, enrolment not open or empty), 405 method_not_allowed,
408 timeout, 409 conflict (token used for something else, other bytes written before, version or cursor going back,
a desk list without its signer), 410 cursor_unknown (deleted long ago, or the relay was restored: start from the
beginning), 413 too_large, 429 slow_down, 503 unavailable and 507 full (the centre's quota is used up, the token is
still good; all three with Retry-After in seconds), 500 internal. The connection is closed
after an error to a request that is not GET, and after any answer to a request whose body was not read to its end.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from sync.relay import handlers
from sync.relay.access import Services
from sync.relay.auth import Nonces
from sync.relay.centres import add_centre
from sync.relay.database import Database
from sync.relay.drops import Drops
from sync.relay.limits import Clock, RateLimiter
from sync.relay.maintenance import Maintenance
from sync.relay.metrics import Counting, Metrics
from sync.relay.restores import begin_again
from sync.relay.settings import RelaySettings
from sync.relay.web import Edge, refusal_response

ROUTES = (
    Route("/v1/health", handlers.health, methods=["GET"]),
    Route("/v1/nonce", handlers.nonce, methods=["POST"]),
    Route("/v1/drop/{box}", handlers.drop, methods=["POST"]),
    Route("/v1/box/{box}", handlers.box_page, methods=["GET"]),
    Route("/v1/box/{box}/cursor", handlers.move_cursor, methods=["POST"]),
    Route("/v1/item/{id}", handlers.item, methods=["GET"]),
    Route("/v1/shard/{s}", handlers.shard_page, methods=["GET"]),
    Route("/v1/shard/{s}", handlers.shard_put, methods=["POST"]),
    Route("/v1/tokens", handlers.tokens, methods=["POST"]),
    Route("/v1/desks", handlers.desks, methods=["PUT"]),
    Route("/v1/dir/{v}", handlers.directory_put, methods=["PUT"]),
    Route("/v1/dir/{v}", handlers.directory_get, methods=["GET"]),
    Route("/v1/enrol/{id}/open", handlers.enrol_open, methods=["POST"]),
    Route("/v1/enrol/{id}/{dir}", handlers.enrol_put, methods=["POST"]),
    Route("/v1/enrol/{id}/{dir}", handlers.enrol_get, methods=["GET"]),
)


def create_app(settings: RelaySettings, *, clock: Clock = time.time) -> Starlette:
    """Return the relay as an ASGI application; its lifespan opens and closes the database.

    Raise SettingsError for a database that cannot be served. While the lifespan runs, `app.state.services` holds
    the parts, for tests and for the demo.
    """
    database = Database(settings.database)
    metrics = Metrics(clock) if settings.metrics_file else None
    services = Services(
        settings=settings,
        clock=clock,
        database=database,
        nonces=Nonces(database, clock),
        drops=Drops(database, clock, settings.quota),
        maintenance=Maintenance(database, clock),
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            await database.open()
            await services.nonces.open()
            rounds = [asyncio.create_task(services.maintenance.run(settings.maintenance_seconds))]
            if metrics:
                file = Path(settings.metrics_file)
                rounds.append(asyncio.create_task(metrics.run(file, settings.maintenance_seconds)))
            app.state.services = services
            try:
                yield
            finally:
                for task in rounds:
                    task.cancel()
                await asyncio.gather(*rounds, return_exceptions=True)
                await services.drops.drain()
        finally:
            await database.close()

    limiter = RateLimiter(settings.requests_per_minute, clock) if settings.requests_per_minute else None
    middleware = [Middleware(Edge, limiter=limiter)]
    if metrics:
        middleware.insert(0, Middleware(Counting, metrics=metrics))
    return Starlette(
        routes=ROUTES,
        middleware=middleware,
        exception_handlers={HTTPException: refusal_response},
        lifespan=lifespan,
    )


async def declare_restored(database: str) -> int:
    """Tell all clients of a relay that `database` (file or URL) was restored from a copy; return the number of centres.

    It works before the relay starts and while it runs; doing it without need only costs time. See
    `sync.relay.restores`. Raise StoreUnavailableError, SchemaTooNewError or SettingsError.
    """
    store = Database(database)
    try:
        await store.open()
        return await store.write(begin_again)
    finally:
        await store.close()


async def register_centre(database: str, centre_id: bytes, key: bytes, name: str) -> None:
    """Register a centre, or one more centre key (Ed25519, 32 bytes) of it, in `database` (file or URL).

    This is what the operator does with `fieldapp-relay centre add`, and the demo and tests in-process; it works
    before the relay starts and while it runs. Raise CentreConflictError, StoreUnavailableError or SettingsError.
    """
    store = Database(database)
    try:
        await store.open()
        await store.write(add_centre, centre_id, key, name)
    finally:
        await store.close()
