"""The edge of the relay: rate limit, uniform headers and errors, and bodies that are cut at the limit."""

import asyncio
import json
import logging
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync.protocol import REPLAY_NONCE
from sync.relay.database import StoreUnavailableError
from sync.relay.limits import RateLimiter
from sync.relay.settings import RelaySettings

_log = logging.getLogger("fieldapp.relay")

_CODES: Final = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    410: "cursor_unknown",
    413: "too_large",
    429: "slow_down",
    500: "internal",
    503: "unavailable",
    507: "full",
}
_RETRY_SECONDS: Final = 5
_OFFERED: Final = "next_nonce"
_CLOSE: Final = (b"connection", b"close")
_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Refusal(HTTPException):
    """An answer that is not a success: a status, and one word that is the same for every cause of it."""

    def __init__(self, status: int, retry_after: int = 0) -> None:
        super().__init__(status, headers={"Retry-After": str(retry_after)} if retry_after else None)


def json_response(value: dict[str, object], status: int = 200) -> Response:
    """Return a small JSON answer."""
    return Response(json.dumps(value, separators=(",", ":")), status, media_type="application/json")


def bytes_response(body: bytes, headers: dict[str, str] | None = None) -> Response:
    """Return an answer of raw bytes."""
    return Response(body, 200, headers=headers, media_type="application/octet-stream")


async def refusal_response(request: Request, error: Exception) -> Response:
    """Turn a refusal, or a routing error of Starlette, into the uniform answer."""
    status, headers = 500, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
    response = json_response({"error": _CODES.get(status, "bad_request")}, status)
    response.headers.update(headers or {})
    return response


async def read_body(request: Request, limit: int, settings: RelaySettings) -> bytes:
    """Return the whole body.

    Raise Refusal 413 as soon as it announces or exceeds `limit`, 408 when it stalls or takes too long.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:10]) > limit:
        raise Refusal(413)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + settings.body_total_seconds
    body = bytearray()
    try:
        async with asyncio.timeout_at(min(deadline, loop.time() + settings.body_idle_seconds)) as timeout:
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise Refusal(413)
                timeout.reschedule(min(deadline, loop.time() + settings.body_idle_seconds))
    except TimeoutError:
        raise Refusal(408) from None
    except ClientDisconnect:
        raise Refusal(400) from None
    return bytes(body)


def offer_nonce(request: Request, nonce: str) -> None:
    """Let the answer to `request` carry the nonce of its signer's next one, so that it need not ask for it."""
    request.scope.setdefault("state", {})[_OFFERED] = nonce


class _Unread:
    """Tells whether a request announced a body that nobody has read to its end: its connection serves no other."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        self.waits = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        self._receive = receive

    async def receive(self) -> Message:
        message = await self._receive()
        self.waits = self.waits and bool(message.get("more_body", False))
        return message


class Edge:
    """ASGI middleware around everything: nobody behind it sees a client's address.

    It counts the request against the address prefix, removes the address, adds the uniform headers, and turns
    what escaped the handlers into 503 or 500 without a trace of it in the answer.
    """

    def __init__(self, app: ASGIApp, limiter: RateLimiter | None) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        scope["client"] = None
        started = False
        body = _Unread(scope, receive)

        async def send_uniform(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                # Whether a refused body was read must not show: it would tell a known token from an unknown one.
                ends = body.waits or (message["status"] >= 400 and scope["method"] not in ("GET", "HEAD"))
                offered = scope.get("state", {}).get(_OFFERED)
                nonce = [(REPLAY_NONCE.encode(), offered.encode())] if offered else []
                message["headers"] = [*message["headers"], *_HEADERS, *nonce, *([_CLOSE] if ends else [])]
            await send(message)

        try:
            wait = self._limiter.retry_after(client[0] if client else "") if self._limiter else 0
            if wait:
                raise Refusal(429, wait)
            await self._app(scope, body.receive, send_uniform)
        except Exception as error:
            if not isinstance(error, Refusal | StoreUnavailableError):
                _log.error("unexpected %s", type(error).__name__)
            if not started:
                if isinstance(error, StoreUnavailableError):
                    error = Refusal(503, _RETRY_SECONDS)
                response = await refusal_response(Request(scope), error)
                await response(scope, receive, send_uniform)
