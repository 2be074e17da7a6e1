"""Serve a Flet app to a browser on this very machine, and to nobody else.

Flet's own web server binds every interface, accepts any Origin and Host, allows any origin to read its
answers and publishes its routes. Here it stands behind `LoopbackGuard`:

1. The socket is bound to 127.0.0.1 only, on a free port.
2. The printed address carries a launch key of 256 bits that works **once**. It is exchanged for a separate random
   session value in a cookie (HttpOnly, SameSite=Strict), so the address in a browser's history, a process
   list or a terminal's scroll-back is worth nothing afterwards. `Served.new_url` makes another address; the
   browser that opens it takes over, and the cookie of the one before is void.
3. Every request needs the exact Host; a WebSocket needs the exact Origin as well. Cookies are shared
   between ports of one host, so the cookie's name carries the port. It does not carry the app's: browsers list it.
4. A content security policy lets the browser talk to this server only. Answers are never cached.
5. The start page loads `OWN_SCRIPT` before Flet's client: it has the veil drawn in a page that is being hidden.

Sources: the attack probes of ``tests/browser/test_guard.py``; RFC 6455 section 10.2 (Origin); RFC 6265bis.
"""

import asyncio
import contextlib
import hashlib
import http.cookies
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import flet as ft
import uvicorn
from flet_web.fastapi import app as flet_web_app
from flet_web.fastapi import app_manager

from fieldapp.assets import assets_dir

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

HOST: Final = "127.0.0.1"
LAUNCH_PARAMETER: Final = "k"
SOCKET_PATH: Final = "/ws"
SECONDS_TO_STOP: Final = 2
LARGEST_MESSAGE: Final = 64 * 1024 * 1024
"""Bytes of one message of the browser: a chosen photo comes in one."""

REFUSED_PATHS: Final = ("/docs", "/redoc", "/openapi.json", "/oauth_callback", "/upload")
"""Endpoints of Flet and FastAPI that this app has no use for."""

FONT_PATHS: Final = {
    "/assets/fonts/notosansarabic/": "/fonts/noto-sans-arabic-400.woff2",
    "/assets/fonts/notosansethiopic/": "/fonts/noto-sans-ethiopic-400.woff2",
}
"""Where the client looks for the fonts of scripts that Roboto lacks, and the files we have."""

OWN_SCRIPT: Final = b'<script src="/leaving.js"></script>'
"""See ``assets/web/leaving.js``."""

FLET_OVERRIDES: Final = (
    "FLET_ASSETS_DIR",
    "FLET_OAUTH_CALLBACK_HANDLER_ENDPOINT",
    "FLET_UPLOAD_DIR",
    "FLET_UPLOAD_HANDLER_ENDPOINT",
    "FLET_WEBSOCKET_HANDLER_ENDPOINT",
    "FLET_WEB_NO_CDN",
    "FLET_WEB_PATH",
)
"""Environment variables that would move Flet's endpoints and folders or let it load from outside."""


def content_security_policy(port: int, *, capture: bool = False, sound: bool = False) -> str:
    """Return the policy under which Flet's client runs and can reach nothing but this server.

    The inline scripts are Flet's own start page; the client draws with WebAssembly in a worker. With `capture` it may
    read back the pictures that it took: they are addresses within the page (``blob:``), never on the network. With
    `sound` it may play what stands in an address itself (``data:``), and nothing that would have to be fetched.
    """
    pictures = " blob:" if capture else ""
    sounds = ("media-src data:",) if sound else ()
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' ws://{HOST}:{port}{pictures}",
            *sounds,
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "form-action 'none'",
        )
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class LaunchKeys:
    """The one unused launch key and the one valid session value, both kept as hashes only."""

    def __init__(self) -> None:
        self._launch: bytes | None = None
        self._session: bytes | None = None

    def new(self) -> str:
        """Return a fresh launch key; an earlier unused one no longer works."""
        key = secrets.token_urlsafe(32)
        self._launch = _digest(key)
        return key

    def exchange(self, key: str) -> str | None:
        """Use up the launch `key` and return a new session value, or None if it is wrong or used."""
        if self._launch is None or not secrets.compare_digest(self._launch, _digest(key)):
            return None
        self._launch = None
        session = secrets.token_urlsafe(32)
        self._session = _digest(session)
        return session

    def admits(self, session: str) -> bool:
        """Return whether `session` is the valid session value."""
        return self._session is not None and secrets.compare_digest(self._session, _digest(session))


class LoopbackGuard:
    """ASGI middleware that lets only the launched browser through to `app`; see the module's docstring."""

    def __init__(
        self, app: AsgiApp, port: int, keys: LaunchKeys, *, capture: bool = False, sound: bool = False
    ) -> None:
        self._app = app
        self._keys = keys
        self._host = f"{HOST}:{port}"
        self._origin = f"http://{HOST}:{port}"
        self._cookie = f"session-{port}"
        self._headers = _secure_headers(port, capture=capture, sound=sound)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request or WebSocket; any other scope is ignored."""
        if scope["type"] == "http":
            await self._http(scope, receive, self._with_headers(send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        if not self._same_site(headers):
            await _answer(send, 403)
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405)
        elif (key := _launch_key(scope)) is not None:
            await self._launch(key, scope, headers, send)
        elif not self._admitted(headers):
            await _answer(send, 403)
        elif scope["path"].startswith(REFUSED_PATHS):
            await _answer(send, 404)
        else:
            await self._app(_with_own_fonts(scope), receive, _with_own_script(send))

    async def _launch(self, key: str, scope: Scope, headers: dict[str, str], send: Send) -> None:
        session = self._keys.exchange(key) if scope["method"] == "GET" else None
        if session is not None:
            cookie = f"{self._cookie}={session}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, 303, (b"location", b"/"), (b"set-cookie", cookie.encode()))
        elif self._admitted(headers):
            # The same browser opened its used address again (a bookmark, a restored tab).
            await _answer(send, 303, (b"location", b"/"))
        else:
            await _answer(send, 403)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        if (
            scope["path"] != SOCKET_PATH
            or headers.get("origin") != self._origin
            or not self._same_site(headers)
            or not self._admitted(headers)
        ):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
            return
        await self._app(scope, receive, _until_gone(send))

    def _same_site(self, headers: dict[str, str]) -> bool:
        return (
            headers.get("host") == self._host
            and headers.get("origin", self._origin) == self._origin
            and headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        )

    def _admitted(self, headers: dict[str, str]) -> bool:
        try:
            jar = http.cookies.SimpleCookie(headers.get("cookie", ""))
        except http.cookies.CookieError:
            return False
        morsel = jar.get(self._cookie)
        return morsel is not None and self._keys.admits(morsel.value)

    def _with_headers(self, send: Send) -> Send:
        ours = {name for name, _ in self._headers}

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    (name, value)
                    for name, value in message.get("headers", ())
                    if name.lower() not in ours and not name.lower().startswith(b"access-control-")
                ]
                message = {**message, "headers": [*kept, *self._headers]}
            await send(message)

        return send_guarded


def _secure_headers(port: int, *, capture: bool, sound: bool) -> list[tuple[bytes, bytes]]:
    own = b"(self)" if capture else b"()"
    return [
        (b"content-security-policy", content_security_policy(port, capture=capture, sound=sound).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", b"camera=%b, geolocation=(), microphone=%b, clipboard-read=()" % (own, own)),
    ]


def _headers(scope: Scope) -> dict[str, str]:
    """Return the request's headers; of a repeated one nothing, because two Hosts or Origins are an attack."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _launch_key(scope: Scope) -> str | None:
    name, _, value = scope["query_string"].decode("latin-1").partition("=")
    return value if scope["path"] == "/" and name == LAUNCH_PARAMETER else None


def _with_own_fonts(scope: Scope) -> Scope:
    for asked, ours in FONT_PATHS.items():
        if scope["path"].startswith(asked):
            return {**scope, "path": ours, "raw_path": ours.encode()}
    return scope


def _with_own_script(send: Send) -> Send:
    """Put our script into a page of HTML, at its very beginning: it must stand before what Flet's client asks for."""
    start: Message = {}
    page = bytearray()

    async def send_page(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            held = dict(message.get("headers", ()))
            start = message if held.get(b"content-type", b"").startswith(b"text/html") else {}
        if not start:
            await send(message)
        elif message["type"] == "http.response.body":
            page.extend(message.get("body", b""))
            if not message.get("more_body", False):
                whole = bytes(page).replace(b"<head>", b"<head>" + OWN_SCRIPT, 1)
                others = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                length = [(b"content-length", str(len(whole)).encode())] if whole else []
                await send({**start, "headers": [*others, *length]})
                await send({**message, "body": whole})

    return send_page


def _until_gone(send: Send) -> Send:
    """Stop sending silently once the client is gone.

    Flet lets the error of a send at close escape, and then never marks the session as disconnected: a reload
    would leave an unlocked session behind. Without the error, the disconnect is always seen.
    """
    gone = False

    async def send_while_there(message: Message) -> None:
        nonlocal gone
        if gone:
            return
        try:
            await send(message)
        except (OSError, RuntimeError):
            gone = True

    return send_while_there


async def _answer(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b""})


@dataclass(slots=True)
class Served:
    """A running app. `url` opens it once; `stop` ends it and frees the port."""

    port: int
    url: str = field(repr=False)
    _keys: LaunchKeys = field(repr=False)
    _server: uvicorn.Server = field(repr=False)
    _task: asyncio.Task[None] = field(repr=False)

    @property
    def origin(self) -> str:
        """The address without a key, such as ``http://127.0.0.1:8123``."""
        return f"http://{HOST}:{self.port}"

    def new_url(self) -> str:
        """Return another address that opens the app once, for a browser that was closed or a used link."""
        self.url = _launch_url(self.port, self._keys)
        return self.url

    async def stop(self) -> None:
        """Close every connection and wait until the server has ended."""
        self._server.should_exit = True
        try:
            await self._task
        finally:
            await _release_flet()


def _launch_url(port: int, keys: LaunchKeys) -> str:
    return f"http://{HOST}:{port}/?{LAUNCH_PARAMETER}={keys.new()}"


def bind(port: int = 0) -> socket.socket:
    """Return a listening socket on 127.0.0.1 and `port`; 0 takes a free one.

    Raises:
        OSError: the port is in use.

    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        bound.listen()
    except OSError:
        bound.close()
        raise
    return bound


async def serve(
    main: Callable[[ft.Page], Any],
    port: int = 0,
    *,
    name: str = "Notebook",
    capture: bool = False,
    sound: bool = False,
) -> Served:
    """Serve the Flet app `main` on 127.0.0.1 within the running loop, and return at once.

    Several apps can run in one process. No signal is captured: who composes the process does that. `name` is
    what the browser's tab shows before the app has started; keep it neutral. With `capture` the page may ask its user
    for the camera and the microphone, with `sound` play what it was given.

    Raises:
        OSError: `port` is in use.

    """
    listening = bind(port)
    port = listening.getsockname()[1]
    for variable in FLET_OVERRIDES:
        os.environ.pop(variable, None)
    keys = LaunchKeys()
    web = str(assets_dir() / "web")
    flet_app = flet_web_app(main, assets_dir=web, no_cdn=True, app_name=name, app_description=name)
    config = uvicorn.Config(
        LoopbackGuard(flet_app, port, keys, capture=capture, sound=sound),
        # Flet's lifespan would end the sessions of every other app in this process.
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SECONDS_TO_STOP,
        ws_max_size=LARGEST_MESSAGE,
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    await _hold_flet()
    # The socket listens already: a browser that comes before the server has started waits a moment.
    task = asyncio.create_task(server.serve(sockets=[listening]))
    return Served(port, _launch_url(port, keys), keys, server, task)


_flet_users = 0


async def _hold_flet() -> None:
    """Start Flet's session manager with the first app; it is one for the whole process."""
    global _flet_users
    _flet_users += 1
    await app_manager.start()


async def _release_flet() -> None:
    """Stop it with the last one: its shutdown deletes the start pages of all apps."""
    global _flet_users
    _flet_users -= 1
    if _flet_users == 0:
        await app_manager.shutdown()
