"""Running the relay under uvicorn, alone or inside a loop that runs other servers too.

Time limits of a connection: the head of a request within HEAD_SECONDS of its first byte (or of the connection), its
body as `sync.relay.web.read_body` says, silence between two requests at most KEEP_ALIVE_SECONDS. A client that reads
slowly is the business of the TLS proxy in front, which takes a whole answer off the relay at once.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: Final = 20.0
KEEP_ALIVE_SECONDS: Final = 20
MAX_HEAD: Final = 16 * 1024
"""Request line and headers; a request of ours has about 300 bytes."""
MAX_CONNECTIONS: Final = 1000
"""Of one process; beyond it a request is answered 503 at once."""
LOCAL_PROXY: Final = ("127.0.0.1",)

_SHUTDOWN_SECONDS: Final = 10


class RelayStartError(Exception):
    """The server stopped before it was ready: a busy port, or a database that cannot be opened."""


def server_config(
    app: Starlette, *, proxies: Sequence[str] = LOCAL_PROXY, head_seconds: float = HEAD_SECONDS
) -> uvicorn.Config:
    """Return the uvicorn configuration: no access log, no Server or Date header, no WebSocket.

    X-Forwarded-For is believed only from the addresses or networks in `proxies`, where the TLS proxy is, and only the
    rate limit looks at it.
    """
    return uvicorn.Config(
        app,
        http=_patient_protocol(head_seconds),
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD,
    )


def _patient_protocol(head_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol with the one time limit that it lacks: for the head of a request."""

    class PatientProtocol(H11Protocol):
        """Ends a connection on which no whole request head came in time, however steadily its bytes drip."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._head_timer = self.loop.call_later(head_seconds, transport.abort)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._stop_timer()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(head_seconds, self.transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def _stop_timer(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return PatientProtocol


def answer_at_once(bound: socket.socket) -> None:
    """Let connections of a listening socket send small answers without waiting.

    asyncio does this only for sockets that name their protocol. Without it the body of an answer waits until the
    client has acknowledged its head, which clients put off for about 40 ms.
    """
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


@contextlib.asynccontextmanager
async def serving(
    app: Starlette, bound: socket.socket, *, head_seconds: float = HEAD_SECONDS
) -> AsyncIterator[None]:
    """Serve `app` on an already bound socket while the block runs; signals are left to the caller.

    Raise RelayStartError when it does not come up.
    """
    answer_at_once(bound)
    server = uvicorn.Server(server_config(app, head_seconds=head_seconds))
    # uvicorn would take over SIGINT, which belongs to whoever runs the loop.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(_serve(server, bound))
    try:
        while not server.started:
            if task.done():
                raise RelayStartError
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


async def _serve(server: uvicorn.Server, bound: socket.socket) -> None:
    # uvicorn ends a failed start with sys.exit, which would end the whole loop.
    with contextlib.suppress(SystemExit):
        await server.serve(sockets=[bound])
