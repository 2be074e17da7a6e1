"""A real server on 127.0.0.1: bodies that are slow or too long, kept connections, death, the command line."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy.engine import Connection

from sync.relay.__main__ import _bind, main
from sync.relay.app import create_app, register_centre
from sync.relay.database import Database
from sync.relay.server import HEAD_SECONDS, RelayStartError, serving
from sync.relay.settings import RelaySettings
from sync.relay.web import Edge, json_response
from tests.relay.harness import Centre, Desk, b64, envelope, run


def _bound() -> tuple[socket.socket, str]:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound, f"127.0.0.1:{bound.getsockname()[1]}"


async def _centre(client: httpx.AsyncClient, database: Path, host: str) -> Centre:
    centre = Centre(Desk(client, host), secrets.token_bytes(16), secrets.token_hex(16))
    await register_centre(str(database), centre.centre_id, centre.desk.public, "Made-up centre")
    assert (await centre.save_desks()).status_code == 200
    return centre


@asynccontextmanager
async def _served(
    database: Path, head_seconds: float = HEAD_SECONDS, **settings: Any
) -> AsyncIterator[tuple[Centre, str]]:
    bound, host = _bound()
    options = {"requests_per_minute": 0} | settings
    app = create_app(RelaySettings(str(database), frozenset({host}), **options))
    async with (
        serving(app, bound, head_seconds=head_seconds),
        httpx.AsyncClient(base_url=f"http://{host}") as client,
    ):
        yield await _centre(client, database, host), host


async def _raw(host: str, sent: bytes) -> bytes:
    """Send bytes, keep the connection open, return everything until the server closes it."""
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


def _head(box: str, token: bytes, length: str) -> bytes:
    lines = (f"POST /v1/drop/{box} HTTP/1.1", "Host: x", f"Authorization: Drop {b64(token)}", length, "", "")
    return "\r\n".join(lines).encode()


def test_slow_and_oversized_bodies_are_cut_and_the_token_stays_good(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _served(tmp_path / "relay.db", body_idle_seconds=0.3, body_total_seconds=5) as (
            centre,
            host,
        ):
            (token,) = await centre.tokens(1)
            slow = await _raw(host, _head(centre.box, token, "Content-Length: 4096") + bytes(100))
            assert slow.startswith(b"HTTP/1.1 408")
            long = await _raw(host, _head(centre.box, token, "Content-Length: 65537") + bytes(10))
            assert long.startswith(b"HTTP/1.1 413")
            chunks = b"4000\r\n" + bytes(0x4000) + b"\r\n"
            endless = await _raw(host, _head(centre.box, token, "Transfer-Encoding: chunked") + chunks * 5)
            assert endless.startswith(b"HTTP/1.1 413")
            unknown = _head(centre.box, secrets.token_bytes(32), "Content-Length: 4096")
            assert (await _raw(host, unknown)).startswith(b"HTTP/1.1 403")
            for answer in (slow, long, endless):
                head = answer.partition(b"\r\n\r\n")[0].lower()
                assert b"\r\ndate:" not in head
                assert b"\r\nserver:" not in head
                assert b"connection: close" in head
            headers = {"Authorization": f"Drop {b64(token)}"}
            url = f"/v1/drop/{centre.box}"
            good = await centre.desk.client.post(url, content=envelope(), headers=headers)
            assert good.status_code == 201

    run(scenario())


def test_a_body_that_drips_is_cut_after_the_whole_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _served(tmp_path / "relay.db", body_idle_seconds=5, body_total_seconds=0.5) as (
            centre,
            host,
        ):
            (token,) = await centre.tokens(1)
            name, port = host.split(":")
            reader, writer = await asyncio.open_connection(name, int(port))
            writer.write(_head(centre.box, token, "Content-Length: 4096"))
            answer = asyncio.create_task(reader.read())
            for _ in range(200):
                if answer.done():
                    break
                writer.write(b"x")
                await asyncio.sleep(0.05)
            # A byte that arrives after the end is answered by a reset, which may overtake the words.
            with contextlib.suppress(ConnectionResetError):
                assert (await answer).startswith(b"HTTP/1.1 408")
            assert answer.done()
            writer.close()

    run(scenario())


def test_a_head_that_never_ends_is_cut_however_steadily_it_drips(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _served(tmp_path / "relay.db", head_seconds=1) as (_, host):
            name, port = host.split(":")
            whole = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
            for first in (b"", whole):  # on a new connection, and after a request that was served
                reader, writer = await asyncio.open_connection(name, int(port))
                if first:
                    writer.write(first)
                    await reader.readuntil(b'{"status":"ok"}')
                closed = asyncio.create_task(reader.read())
                sent = b"GET /v1/health HTTP/1.1\r\nX-Made-Up: "
                for _ in range(400):
                    if closed.done():
                        break
                    writer.write(sent)
                    sent = b"x"
                    await asyncio.sleep(0.05)
                assert closed.done()
                with suppress(ConnectionError):
                    assert await closed == b""
                writer.close()
            silent, writer = await asyncio.open_connection(name, int(port))
            with suppress(ConnectionError):
                assert await asyncio.wait_for(silent.read(), 20) == b""
            writer.close()
            assert (await _raw(host, b"GET /" + b"x" * 40_000)).startswith(b"HTTP/1.1 400")

    run(scenario())


def test_a_body_that_nobody_reads_ends_the_connection(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _served(tmp_path / "relay.db") as (_, host):
            for head in (b"GET /v1/health", b"POST /v1/nonce"):
                endless = head + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                answer = await _raw(host, endless)  # returns because the server closes
                assert answer.startswith(b"HTTP/1.1 200")
                assert b"connection: close" in answer

    run(scenario())


def test_one_connection_serves_many_drops(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with _served(tmp_path / "relay.db") as (centre, host):
            tokens = await centre.tokens(5)
            name, port = host.split(":")
            reader, writer = await asyncio.open_connection(name, int(port))
            for token in tokens:
                writer.write(_head(centre.box, token, "Content-Length: 4096") + envelope())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                assert head.startswith(b"HTTP/1.1 201")
                await reader.readexactly(len(b'{"id":""}') + 32)
            writer.close()
            assert len((await centre.desk.page(centre.box)).items) == 5

    run(scenario())


def test_a_server_without_a_usable_database_does_not_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        bound, host = _bound()
        app = create_app(RelaySettings(str(tmp_path), frozenset({host})))
        with pytest.raises(RelayStartError):
            async with serving(app, bound):
                pass

    run(scenario())


def _start(database: Path, host: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sync.relay", "--database", str(database), "--port", host.split(":")[1]]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(300):
        try:
            if httpx.get(f"http://{host}/v1/health").status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.05)
    process.kill()
    raise AssertionError("the relay did not start")


def _free_host() -> str:
    bound, host = _bound()
    bound.close()
    return host


def test_kill_in_the_middle_of_drops_loses_no_acknowledged_item_and_doubles_none(tmp_path: Path) -> None:
    """Failure stories 3, 4 and 24: the server dies, answers get lost, devices repeat."""
    database, host = tmp_path / "relay.db", _free_host()
    rounds = 20 if os.environ.get("FIELDAPP_LONG") else 2
    acknowledged: dict[bytes, str] = {}
    bodies: dict[bytes, bytes] = {}
    enough = asyncio.Event()

    async def device(client: httpx.AsyncClient, centre: Centre, tokens: list[bytes]) -> None:
        for token in tokens:
            headers = {"Authorization": f"Drop {b64(token)}"}
            try:
                answer = await client.post(f"/v1/drop/{centre.box}", content=bodies[token], headers=headers)
            except httpx.TransportError:
                return
            assert answer.status_code in (200, 201)
            assert acknowledged.setdefault(token, answer.json()["id"]) == answer.json()["id"]
            if len(acknowledged) >= len(bodies) - 150:
                enough.set()

    async def scenario() -> None:
        process = _start(database, host)
        try:
            async with httpx.AsyncClient(base_url=f"http://{host}") as client:
                centre = await _centre(client, database, host)
            for _ in range(rounds):
                async with httpx.AsyncClient(base_url=f"http://{host}", timeout=20) as client:
                    centre.desk.client = client
                    tokens = await centre.tokens(200)
                    bodies.update({token: envelope() for token in tokens})
                    enough.clear()
                    work = [asyncio.create_task(device(client, centre, tokens[n::20])) for n in range(20)]
                    await asyncio.wait_for(enough.wait(), 60)
                    process.send_signal(signal.SIGKILL)
                    await asyncio.gather(*work)
                    process.wait()
                assert len(acknowledged) < len(bodies)
                process = _start(database, host)
            async with httpx.AsyncClient(base_url=f"http://{host}", timeout=20) as client:
                centre.desk.client = client
                all_tokens = list(bodies)
                await asyncio.gather(*(device(client, centre, all_tokens[n::20]) for n in range(20)))
                stored, cursor = [], ""
                while True:
                    page = await centre.desk.page(centre.box, cursor)
                    stored += page.items
                    cursor = page.cursor
                    if not page.more:
                        break
            assert len(acknowledged) == len(bodies)
            assert {item_id: body for item_id, _, body in stored} == {
                acknowledged[token]: body for token, body in bodies.items()
            }
            assert len(stored) == len(bodies)
        finally:
            process.kill()
            process.wait()

    run(scenario())


def test_the_command_registers_a_centre(tmp_path: Path) -> None:
    database, key = tmp_path / "relay.db", "ab" * 32
    arguments = [
        "centre",
        "add",
        "--database",
        str(database),
        "--centre",
        "cd" * 16,
        "--key",
        key,
        "--name",
        "X",
    ]
    for _ in range(2):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    with sqlite3.connect(database) as opened:
        assert opened.execute("SELECT key, is_centre FROM desk").fetchall() == [(bytes.fromhex(key), 1)]
    arguments[5] = "ef" * 16
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--port", "0"],
        ["--port", "x"],
        ["--database", "mysql://x/y"],
        ["--database", "/nonexistent/folder/relay.db"],
        ["--database", "."],
        ["--host", "not a host"],
        ["nonsense"],
        ["centre", "add"],
        ["centre", "add", "--centre", "zz", "--key", "00", "--name", "x"],
    ],
)
def test_wrong_options_give_one_line_and_exit_code_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("fieldapp-relay: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


def test_a_file_that_is_no_database_and_a_busy_port_give_one_line(tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_bytes(b"not a database, but somebody's notes" * 200)
    bound, host = _bound()
    bound.listen()
    for arguments in (
        ["--database", str(wrong), "--port", _free_host().split(":")[1]],
        ["--port", host.split(":")[1]],
    ):
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.stderr
    assert wrong.read_bytes().startswith(b"not a database")
    bound.close()


def test_every_connection_is_durable_and_erases_what_it_deletes(tmp_path: Path) -> None:
    async def scenario() -> None:
        database = Database(str(tmp_path / "relay.db"))
        await database.open()
        wanted = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}

        def settings(connection: Connection) -> dict[str, Any]:
            return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}

        assert await database.read(settings) == wanted
        assert await database.note(settings) == wanted | {"synchronous": 1}
        assert await database.write(settings) == wanted
        await database.close()

    run(scenario())


def test_no_handler_sees_an_address(tmp_path: Path) -> None:
    async def scenario() -> None:
        seen: list[object] = []

        async def handler(scope: Any, _receive: Any, send: Any) -> None:
            seen.append(scope["client"])
            await json_response({})(scope, _receive, send)

        transport = httpx.ASGITransport(app=Edge(handler, None), client=("203.0.113.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            assert (await client.get("/")).status_code == 200
        assert seen == [None]

    run(scenario())


def test_small_answers_do_not_wait_for_the_clients_acknowledgement(tmp_path: Path) -> None:
    async def scenario() -> None:
        bound, host = _bound()
        app = create_app(RelaySettings(str(tmp_path / "relay.db"), frozenset({host})))
        async with serving(app, bound):
            assert bound.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(scenario())
    with _bind("127.0.0.1", 0) as listening:
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_forwarded_address_counts_only_when_the_proxy_names_it(tmp_path: Path) -> None:
    """The limit is for each client behind the proxy, and no client can talk its way out of it."""

    async def scenario() -> None:
        async with _served(tmp_path / "relay.db", requests_per_minute=2) as (centre, _):
            client = centre.desk.client  # from 127.0.0.1, where the proxy is

            async def ask(forwarded: str) -> int:
                headers = {"X-Forwarded-For": forwarded}
                return (await client.get("/v1/health", headers=headers)).status_code

            assert [await ask("203.0.113.9") for _ in range(3)] == [200, 200, 429]
            assert await ask("198.51.100.1") == 200
            # What the client claimed stands before what the proxy saw, and counts for nothing.
            assert await ask("192.0.2.77, 203.0.113.9") == 429

    run(scenario())
