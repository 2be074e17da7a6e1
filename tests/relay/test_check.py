"""`fieldapp-relay check`: every fault is one clear line, nothing stays behind, and the exit code says how bad it is."""

import asyncio
import json
import secrets
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from sync.relay import check as check_module
from sync.relay.__main__ import main
from sync.relay.app import create_app
from sync.relay.centres import add_centre
from sync.relay.check import Checked, Finding, Level, check
from sync.relay.database import Database
from sync.relay.selftest import NAME
from sync.relay.server import LOCAL_PROXY, serving
from sync.relay.settings import RelaySettings
from tests.relay.harness import FakeClock, envelope, relay, run

PUBLIC = "relay.example"


def checked(database: object, **changes: Any) -> Checked:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    bound.close()
    settings = RelaySettings(str(database), frozenset({changes.pop("public", PUBLIC)}))
    return Checked(settings, **{"host": "127.0.0.1", "port": port, "proxies": LOCAL_PROXY} | changes)


def worst(findings: list[Finding]) -> dict[str, Level]:
    found: dict[str, Level] = {}
    for finding in findings:
        assert finding.text == finding.text.strip()
        assert "\n" not in finding.text
        found[finding.check] = max(finding.level, found.get(finding.check, Level.OK))
    return found


async def made(database: object) -> None:
    store = Database(str(database))
    await store.open()
    await store.close()


def test_a_good_relay_has_nothing_but_ok_and_the_round_leaves_nothing(database: str) -> None:
    async def scenario() -> None:
        async with relay(database, FakeClock(1_900_000_000.0)) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            await r.drop(centre.box, token, envelope())
            before = await r.rows()
            findings = await check(checked(database), r.clock)
            assert set(worst(findings).values()) == {Level.OK}, findings
            assert {"database", "exchange", "clock", "address", "proxy", "port"} <= set(worst(findings))
            assert await r.rows() == before

    run(scenario())


def test_what_a_killed_check_left_goes_with_the_next_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with relay(tmp_path / "relay.db") as r:
            await r.centre()
            before = await r.rows()
            left = (secrets.token_bytes(16), secrets.token_bytes(32), NAME)
            await r.services.database.write(add_centre, *left)
            assert await r.rows() != before
            await check(checked(tmp_path / "relay.db"), r.clock)
            assert await r.rows() == before

    run(scenario())


def test_before_the_first_start_everything_is_tried_beside_the_place_of_the_database(tmp_path: Path) -> None:
    async def scenario() -> None:
        found = worst(await check(checked(tmp_path / "relay.db")))
        assert found["database"] is Level.WARNING
        assert found["exchange"] is Level.OK
        assert list(tmp_path.iterdir()) == []
        assert worst(await check(checked(tmp_path / "none" / "relay.db")))["exchange"] is Level.ERROR

    run(scenario())


def test_a_database_that_cannot_serve_is_said_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        rubbish = tmp_path / "rubbish.db"
        rubbish.write_bytes(b"not a database" * 500)
        assert worst(await check(checked(rubbish)))["database"] is Level.ERROR
        unreachable = checked("postgresql://made_up@127.0.0.1:1/none")
        assert worst(await check(unreachable))["database"] is Level.ERROR
        for version, level in ((10**6, Level.ERROR), (1, Level.WARNING)):
            path = tmp_path / f"{version}.db"
            await made(path)
            with closing(sqlite3.connect(path)) as opened:
                opened.execute("UPDATE schema_version SET version = ?", (version,))
                opened.commit()
            found = await check(checked(path))
            assert worst(found)["database"] is level
            assert "exchange" not in worst(found)
            with closing(sqlite3.connect(path)) as opened:
                assert opened.execute("SELECT version FROM schema_version").fetchall() == [(version,)]

    run(scenario())


def test_a_clock_that_is_wrong_is_seen(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = tmp_path / "relay.db"
        await made(path)
        assert worst(await check(checked(path), lambda: 0.0))["clock"] is Level.ERROR
        async with relay(path) as r:
            r.clock.now = 2_000_000_000.0
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            await r.drop(centre.box, token, envelope())
        assert worst(await check(checked(path), lambda: 1_900_000_000.0))["clock"] is Level.ERROR
        assert worst(await check(checked(path), lambda: 2_000_000_000.0))["clock"] is Level.OK

    run(scenario())


def test_addresses_ports_proxies_and_disks_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        path = tmp_path / "relay.db"
        for changes, name, level in (
            ({"host": "0.0.0.0"}, "address", Level.WARNING),
            ({"proxies": ("*",)}, "proxy", Level.ERROR),
            ({"proxies": ("0.0.0.0/0",)}, "proxy", Level.ERROR),
            ({"proxies": ("10.1.2.3",)}, "proxy", Level.OK),
        ):
            assert worst(await check(checked(path, **changes)))[name] is level, changes
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            monkeypatch.setattr(check_module, "_TIMEOUT", 0.2)
            found = await check(checked(path, port=taken.getsockname()[1]))
            assert worst(found)["port"] is Level.ERROR
        for limit, level in (("LOW_DISK", Level.WARNING), ("NO_DISK", Level.ERROR)):
            monkeypatch.setattr(check_module, limit, 10**18)
            assert worst(await check(checked(path)))["disk"] is level

    run(scenario())


@asynccontextmanager
async def behind_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> AsyncIterator[Checked]:
    """A running relay, and a TLS proxy in front of it that passes everything on as it is."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    inner = socket.socket()
    inner.bind(("127.0.0.1", 0))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(*inner.getsockname())
        await asyncio.gather(copy(reader, forth), copy(back, writer), return_exceptions=True)

    async with await asyncio.start_server(proxy, "127.0.0.1", 0, ssl=tls) as listening:
        public = f"localhost:{listening.sockets[0].getsockname()[1]}"
        app = create_app(RelaySettings(database, frozenset({public})))
        async with serving(app, inner):
            found = checked(database, public=public, port=inner.getsockname()[1])
            yield Checked(found.settings, found.host, found.port, found.proxies, f"https://{public}")


def test_the_whole_way_through_the_tls_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        database = str(tmp_path / "relay.db")
        async with behind_tls(tmp_path, monkeypatch, database) as good:
            findings = await check(good)
            assert worst(findings) == dict.fromkeys(worst(findings), Level.OK), findings
            assert {"public", "public exchange"} <= set(worst(findings))
            assert "a relay answers" in str(findings)
            settings = RelaySettings(database, frozenset({"another.example"}))
            elsewhere = Checked(settings, good.host, good.port, good.proxies, "https://localhost:1")
            assert worst(await check(elsewhere))["public"] is Level.ERROR
            plain = Checked(settings, good.host, good.port, good.proxies, f"http://localhost:{good.port}")
            assert worst(await check(plain))["public"] is Level.ERROR
        async with behind_tls(tmp_path, monkeypatch, database) as good:
            # The relay behind the address was told another public name than the one in the address.
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
            moved = good.public_url.replace("localhost", "127.0.0.1")
            wrong = Checked(good.settings, good.host, good.port, good.proxies, moved)
            assert worst(await check(wrong))["public"] is Level.ERROR

    run(scenario())


def test_a_proxy_that_changes_the_host_is_found(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with relay(tmp_path / "relay.db") as r:
            r.client.base_url = "https://changed.example"  # type: ignore[assignment]
            found = await check_module._exchanged("public exchange", r.client, r.services.database)
            assert found.level is Level.ERROR
            assert "--public-host" in found.text

    run(scenario())


def test_the_command_prints_lines_or_json_and_its_exit_code(tmp_path: Path) -> None:
    database = ["--database", str(tmp_path / "relay.db"), "--port", "1"]
    lines = CliRunner().invoke(main, [*database, "--public-host", PUBLIC, "check"])
    assert lines.exit_code in (1, 2), lines.output  # a port below 1024 may or may not be ours
    assert any(line.startswith("warning  database: ") for line in lines.output.splitlines())
    result = CliRunner().invoke(main, [*database, "--proxy", "*", "check", "--json"])
    assert result.exit_code == 2
    value = json.loads(result.output)
    assert value["exit_code"] == 2
    assert {"check", "level", "text"} == set(value["findings"][0])
