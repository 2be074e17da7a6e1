"""The server is closed: attack probes against the loopback guard, each of which Flet alone would answer."""

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import flet as ft
import httpx
import msgpack  # type: ignore[import-untyped]
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from fieldapp import bootstrap, desk_bootstrap
from fieldapp.config import Config
from fieldapp.host.loopback import (
    FONT_PATHS,
    LaunchKeys,
    LoopbackGuard,
    Message,
    Receive,
    Scope,
    Send,
    Served,
    bind,
    serve,
)

pytestmark = pytest.mark.anyio


def main(page: ft.Page) -> None:
    page.add(ft.Text("made-up content"))


@asynccontextmanager
async def served(*, capture: bool = False, sound: bool = False) -> AsyncIterator[Served]:
    app = await serve(main, capture=capture, sound=sound)
    try:
        yield app
    finally:
        await app.stop()


@asynccontextmanager
async def launched(app: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A client that has used the printed address, as the person's own browser does."""
    async with httpx.AsyncClient(base_url=app.origin, follow_redirects=True) as client:
        answer = await client.get(app.url)
        assert answer.status_code == 200
        assert str(answer.url) == app.origin + "/"
        yield client


def cookie_header(client: httpx.AsyncClient) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


def socket_url(app: Served, path: str = "/ws") -> str:
    return app.origin.replace("http", "ws") + path


async def refused(app: Served, headers: dict[str, str], origin: str | None, path: str = "/ws") -> int:
    """Return the status with which a WebSocket is refused.

    Raises:
        AssertionError: it was accepted.

    """
    try:
        connection = await connect(
            socket_url(app, path),
            origin=origin,  # type: ignore[arg-type]
            additional_headers=headers,
        )
    except InvalidStatus as error:
        return error.response.status_code
    await connection.close()
    raise AssertionError("the socket was accepted")


async def test_the_launched_browser_is_served() -> None:
    async with served() as app, launched(app) as client:
        page = await client.get("/")
        manifest = await client.get("/manifest.json")
        assert "<title>Notebook</title>" in page.text
        assert manifest.json()["name"] == manifest.json()["description"] == "Notebook"
        assert (await client.get("/home/some/screen")).status_code == 200
        connection: ClientConnection
        async with connect(
            socket_url(app),
            origin=app.origin,  # type: ignore[arg-type]
            additional_headers=cookie_header(client),
        ) as connection:
            hello = {"session_id": "", "page_name": "", "page": {"route": "/", "width": 412, "height": 915}}
            await connection.send(b"\x00" + msgpack.packb([1, hello]))
            answer = await connection.recv()
            assert isinstance(answer, bytes)


async def test_without_the_cookie_nothing_is_served() -> None:
    async with served() as app, httpx.AsyncClient(base_url=app.origin) as stranger:
        for path in ("/", "/main.dart.js", "/index.html", "/fonts/noto-sans-arabic-400.woff2"):
            answer = await stranger.get(path)
            assert answer.status_code == 403
            assert answer.content == b""


async def test_a_wrong_or_used_launch_key_opens_nothing() -> None:
    async with served() as app:
        used = app.url
        async with httpx.AsyncClient() as stranger:
            assert (await stranger.get(app.origin + "/?k=" + "A" * 43)).status_code == 403
            assert (await stranger.get(app.origin + "/?k=")).status_code == 403
            assert (await stranger.get(app.origin + "/?k=%C3%A9")).status_code == 403
        async with launched(app) as client:
            async with httpx.AsyncClient() as stranger:
                assert (await stranger.get(used)).status_code == 403
                assert "set-cookie" not in (await stranger.get(used)).headers
            again = await client.get(used)
            assert again.status_code == 200, "the person's own browser may open its used address again"


async def test_the_start_page_names_no_app_and_loads_our_script_before_any_other() -> None:
    async with served() as app, launched(app) as client:
        page = (await client.get("/")).text
        assert re.findall(r'<script[^>]*?src="([^"]+)"', page)[:2] == ["/leaving.js", "python.js"]
        assert page.index("/leaving.js") < page.index("<script>")
        assert page.rstrip().endswith("</html>"), "whole, although it is longer than Flet said"
        for words in (page, (await client.get("/manifest.json")).text):
            assert not re.search("fieldapp|screening|outreach|police|violence", words, re.IGNORECASE)
        script = await client.get("/leaving.js")
        assert (script.status_code, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")


async def test_the_launch_key_is_not_the_cookie() -> None:
    async with served() as app:
        key = app.url.split("=")[1]
        cookies = {f"session-{app.port}": key}
        async with httpx.AsyncClient(base_url=app.origin, cookies=cookies) as stranger:
            assert (await stranger.get("/")).status_code == 403
        async with httpx.AsyncClient() as client:
            answer = await client.get(app.url)
            cookie = answer.headers["set-cookie"]
            assert answer.status_code == 303
            assert answer.headers["location"] == "/"
            assert key not in cookie
            assert cookie.startswith(f"session-{app.port}="), "a browser lists it: it must not name the app"
            assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


async def test_a_head_request_does_not_use_the_key_up() -> None:
    """Link previews and virus scanners look at an address before the person's browser opens it."""
    async with served() as app:
        async with httpx.AsyncClient() as stranger:
            assert (await stranger.head(app.url)).status_code == 403
        async with launched(app):
            pass


async def test_a_new_address_works_once_and_takes_over() -> None:
    async with served() as app, launched(app) as first:
        app.new_url()
        assert (await first.get("/")).status_code == 200, "printing an address changes nothing yet"
        async with launched(app) as second:
            assert (await second.get("/")).status_code == 200
            assert (await first.get("/")).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", "[::1]", ""])
async def test_a_foreign_host_is_refused(host: str) -> None:
    """DNS rebinding: a foreign name that resolves to this machine."""
    async with served() as app, launched(app) as client:
        assert (await client.get("/", headers={"Host": host})).status_code in (400, 403)
        headers = {**cookie_header(client), "Host": host}
        with pytest.raises(Exception):  # noqa: B017  (a refusal or two Host headers, never a socket)
            await connect(
                socket_url(app),
                origin=app.origin,  # type: ignore[arg-type]
                additional_headers=headers,
            )


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
async def test_a_foreign_origin_is_refused(origin: str) -> None:
    async with served() as app, launched(app) as client:
        assert (await client.get("/", headers={"Origin": origin})).status_code == 403
        assert await refused(app, cookie_header(client), origin) == 403


async def test_a_socket_needs_an_origin_a_cookie_and_the_right_path() -> None:
    async with served() as app, launched(app) as client:
        cookie = cookie_header(client)
        assert await refused(app, cookie, None) == 403
        assert await refused(app, {}, app.origin) == 403
        assert await refused(app, {"Cookie": f"session-{app.port}=wrong"}, app.origin) == 403
        assert await refused(app, {"Cookie": '=;;;"'}, app.origin) == 403
        assert await refused(app, cookie, app.origin, "/other") == 403


async def test_another_sites_page_may_not_load_ours() -> None:
    async with served() as app, launched(app) as client:
        for site in ("cross-site", "same-site"):
            answer = await client.get("/", headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403


async def test_endpoints_without_a_use_are_refused() -> None:
    async with served() as app, launched(app) as client:
        for path in (
            "/docs",
            "/redoc",
            "/openapi.json",
            "/oauth_callback",
            "/upload",
            "/docs/oauth2-redirect",
        ):
            assert (await client.get(path)).status_code == 404
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            assert (await client.request(method, "/")).status_code == 405


async def test_answers_carry_the_headers_of_a_closed_house() -> None:
    async with served() as app, launched(app) as client, httpx.AsyncClient() as stranger:
        for answer in (
            await client.get("/", headers={"Origin": app.origin}),
            await client.get("/main.dart.js"),
            await client.get("/missing.png"),
            await stranger.get(app.origin),
        ):
            headers = answer.headers
            assert "access-control-allow-origin" not in headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; ")
            assert f"connect-src 'self' ws://127.0.0.1:{app.port};" in policy
            assert "http:" not in policy
            assert "https:" not in policy
            assert "*" not in policy
            assert (
                headers["permissions-policy"] == "camera=(), geolocation=(), microphone=(), clipboard-read=()"
            )


async def test_only_the_field_app_may_ask_for_camera_and_microphone_and_for_nothing_else() -> None:
    async with served(capture=True) as app, launched(app) as client:
        headers = (await client.get("/")).headers
        assert headers["permissions-policy"] == (
            "camera=(self), geolocation=(), microphone=(self), clipboard-read=()"
        )
        assert f"connect-src 'self' ws://127.0.0.1:{app.port} blob:;" in headers["content-security-policy"]


async def test_only_an_app_with_sound_may_play_and_only_what_it_was_given() -> None:
    async with served() as app, launched(app) as client:
        assert "media-src" not in (await client.get("/")).headers["content-security-policy"]
    async with served(sound=True) as app, launched(app) as client:
        policy = (await client.get("/")).headers["content-security-policy"].split("; ")
        assert [line for line in policy if line.startswith("media-src")] == ["media-src data:"]
        assert policy[0] == "default-src 'none'"


def test_the_desk_has_sound_and_the_field_app_has_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, bool]] = []

    async def not_served(*_: object, **how: bool) -> None:
        asked.append(how)

    config = Config(data_dir=tmp_path / "data", port=0, browser=False)
    for module, run in ((bootstrap, bootstrap.run_field), (desk_bootstrap, desk_bootstrap.run_desk)):
        monkeypatch.setattr(module, "prepare", lambda: None)
        monkeypatch.setattr(module, "serve_until_stopped", not_served)
        run(config)
    assert asked == [{"capture": True}, {"sound": True}]


async def test_own_fonts_are_served_where_the_client_looks() -> None:
    async with served() as app, launched(app) as client:
        for asked in FONT_PATHS:
            answer = await client.get(asked + "v28/any-name.woff2")
            assert answer.status_code == 200
            assert answer.content[:4] == b"wOF2"


async def test_only_this_machine_can_connect() -> None:
    bound = bind()
    try:
        assert bound.getsockname()[0] == "127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            bind(bound.getsockname()[1])
        # Another address of the loopback network shows whether the socket listens on every interface.
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", bound.getsockname()[1]), timeout=2)
    finally:
        bound.close()


async def test_two_apps_live_in_one_process_and_one_may_end() -> None:
    async with served() as first:
        async with served() as second, launched(first) as one, launched(second) as two:
            assert (await one.get("/")).status_code == 200
            assert (await two.get("/")).status_code == 200
            # Cookies are shared between ports: that of one app must not open the other.
            swapped = httpx.AsyncClient(base_url=second.origin, cookies=dict(one.cookies))
            async with swapped:
                assert (await swapped.get("/")).status_code == 403
        first.new_url()
        async with launched(first) as one:
            assert "Notebook" in (await one.get("/")).text, "the start page outlives the other app's end"


async def test_environment_variables_do_not_open_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLET_WEB_NO_CDN", "false")
    monkeypatch.setenv("FLET_ASSETS_DIR", "/")
    monkeypatch.setenv("FLET_UPLOAD_DIR", "/tmp")
    async with served() as app, launched(app) as client:
        assert "noCdn: true" in (await client.get("/")).text.replace("noCdn=true", "noCdn: true")
        assert (await client.get("/etc/passwd.txt")).status_code == 404


async def test_a_send_to_a_client_that_is_gone_does_not_hide_the_disconnect() -> None:
    """Flet's send loop would die of it, and never tell the app that the connection is lost."""
    keys = LaunchKeys()
    session = keys.exchange(keys.new())
    sends: list[str] = []

    async def talkative(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(3):
            await send({"type": "websocket.send", "bytes": b""})
        sends.append("ended by itself")

    async def gone(message: Message) -> None:
        sends.append("tried")
        raise OSError

    async def receive() -> Message:
        return {"type": "websocket.disconnect"}

    headers = {"host": "127.0.0.1:80", "origin": "http://127.0.0.1:80", "cookie": f"session-80={session}"}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "websocket", "path": "/ws", "headers": raw}
    await LoopbackGuard(talkative, 80, keys)(scope, receive, gone)
    assert sends == ["tried", "ended by itself"]


def test_a_key_is_compared_whole_and_kept_as_a_hash() -> None:
    keys = LaunchKeys()
    assert keys.exchange("") is None
    assert not keys.admits("")
    key = keys.new()
    assert keys.exchange(key[:-1]) is None
    session = keys.exchange(key)
    assert session is not None
    assert keys.admits(session)
    assert keys.exchange(key) is None
    assert key not in repr(vars(keys))
    assert session not in repr(vars(keys))
