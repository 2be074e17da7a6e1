"""Running the relay under uvicorn, alone or inside a loop that runs other servers too."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette

_KEEP_ALIVE_SECONDS = 20
_SHUTDOWN_SECONDS = 10


class RelayStartError(Exception):
    """The server stopped before it was ready: a busy port, or a database that cannot be opened."""


def server_config(app: Starlette) -> uvicorn.Config:
    """Return the uvicorn configuration: no access log, no Server or Date header, no WebSocket.

    X-Forwarded-For is believed only from a TLS proxy on this same host, and only the rate limit looks at it.
    """
    return uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


@contextlib.asynccontextmanager
async def serving(app: Starlette, bound: socket.socket) -> AsyncIterator[None]:
    """Serve `app` on an already bound socket while the block runs; signals are left to the caller.

    Raise RelayStartError when it does not come up.
    """
    server = uvicorn.Server(server_config(app))
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
