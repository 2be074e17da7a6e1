"""`fieldapp-relay check`: what an operator wants to know before centres depend on this relay.

Every finding is one plain line. It may be run beside a relay that serves; it changes no schema and leaves no row.
"""

import ipaddress
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import IntEnum
from pathlib import Path
from typing import Final

import httpx
from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from sync.relay.app import create_app
from sync.relay.database import Database, StoreUnavailableError
from sync.relay.limits import Clock, day_number
from sync.relay.migrations import VERSION, stored_version
from sync.relay.schema import item
from sync.relay.selftest import SelfTestError, exchange
from sync.relay.settings import RelaySettings, database_url

LOW_DISK: Final = 1024**3
NO_DISK: Final = 100 * 1024**2
MAX_CLOCK_ERROR: Final = 120
"""Seconds between this clock and the TLS proxy's."""

_EARLIEST: Final = 1_767_225_600
"""2026-01-01: before this program was written no clock is right."""
_LATEST: Final = 4_102_444_800
"""2100-01-01."""
_OUTSIDER: Final = "203.0.113.9"
_CLAIMED: Final = "198.51.100.1"
_TIMEOUT: Final = 20.0


class Level(IntEnum):
    """How bad a finding is; the worst one is the exit code."""

    OK = 0
    WARNING = 1
    """The relay serves, but somebody should look at this."""
    ERROR = 2
    """The relay cannot serve, or not safely."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: which check, how bad, and what was found."""

    check: str
    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be checked: the relay's settings, and where it listens or would listen.

    `public_url` is the address that clients use, "" to leave it out.
    """

    settings: RelaySettings
    host: str
    port: int
    proxies: Sequence[str]
    public_url: str = ""


async def check(checked: Checked, clock: Clock = time.time) -> list[Finding]:
    """Run every check; faults are findings, never exceptions."""
    findings = [_listening(checked), await _port(checked), await _proxy_headers(checked), _clock(clock())]
    settings = checked.settings
    file = _sqlite_file(settings.database)
    if file:
        findings.append(_disk(file.parent))
    if file and not file.exists():
        findings.append(
            Finding("database", Level.WARNING, f"{file} is not there yet, the first start makes it")
        )
        return [*findings, await _exchange_in(file.parent, checked, clock)]
    database = Database(settings.database)
    try:
        state = await _database(database, clock())
        findings += state
        if all(finding.level is Level.OK for finding in state):
            findings.append(await _exchange_here(checked, database, clock))
            if checked.public_url:
                findings += await _public(checked, database, clock)
    finally:
        await database.close()
    return findings


def _sqlite_file(database: str) -> Path | None:
    url = database_url(database)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _listening(checked: Checked) -> Finding:
    try:
        loopback = ipaddress.ip_address(checked.host).is_loopback
    except ValueError:
        loopback = checked.host == "localhost"
    if not loopback:
        text = f"{checked.host} can be reached past the TLS proxy: see that only the proxy gets there"
        return Finding("address", Level.WARNING, text)
    if checked.settings.public_hosts == {f"{checked.host}:{checked.port}"}:
        return Finding("address", Level.WARNING, "no --public-host: only clients on this machine are served")
    return Finding("address", Level.OK, f"listens on {checked.host}, reached only through the proxy")


async def _port(checked: Checked) -> Finding:
    family = socket.AF_INET6 if ":" in checked.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((checked.host, checked.port))
        except OSError as error:
            reason = error.strerror
        else:
            return Finding("port", Level.OK, f"port {checked.port} is free")
    name = f"[{checked.host}]" if ":" in checked.host else checked.host
    try:
        async with _client(f"http://{name}:{checked.port}") as client:
            answer = await client.get("/v1/health")
        if answer.json() == {"status": "ok"}:
            return Finding("port", Level.OK, f"a relay answers on port {checked.port}")
    except (httpx.HTTPError, ValueError):
        pass
    return Finding("port", Level.ERROR, f"cannot listen on {checked.host}:{checked.port}: {reason}")


async def _proxy_headers(checked: Checked) -> Finding:
    """Send a made-up X-Forwarded-For through what the server uses, from an address that is nobody's proxy."""
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", _CLAIMED.encode())]
    scope: Scope = {"type": "http", "scheme": "http", "client": (_OUTSIDER, 1), "headers": headers}
    guard = ProxyHeadersMiddleware(app, trusted_hosts=list(checked.proxies))  # type: ignore[arg-type]
    await guard(scope, None, None)  # type: ignore[arg-type]
    if seen != [_OUTSIDER]:
        return Finding(
            "proxy", Level.ERROR, "X-Forwarded-For is believed from anywhere: anyone can evade the limits"
        )
    return Finding("proxy", Level.OK, f"X-Forwarded-For is believed from {', '.join(checked.proxies)} only")


def _clock(now: float) -> Finding:
    if not _EARLIEST <= now <= _LATEST:
        return Finding("clock", Level.ERROR, "the clock is not set: deletion after 45 days would go wrong")
    return Finding("clock", Level.OK, "the clock is plausible")


def _disk(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding("disk", Level.ERROR, f"{folder} cannot be read: {error.strerror}")
    level = Level.ERROR if free < NO_DISK else Level.WARNING if free < LOW_DISK else Level.OK
    return Finding("disk", level, f"{free // 1024**2} MiB free in {folder}")


async def _database(database: Database, now: float) -> list[Finding]:
    try:
        version = await database.read(stored_version)
        if version == VERSION:
            newest = await database.read(_newest_day)
            await database.write(_touch)
    except StoreUnavailableError:
        return [Finding("database", Level.ERROR, "it cannot be reached, read or written")]
    if version > VERSION:
        return [Finding("database", Level.ERROR, "it was made by a newer version of the relay")]
    if version < VERSION:
        return [Finding("database", Level.WARNING, "the next start brings its tables up to date")]
    findings = [Finding("database", Level.OK, f"it can be read and written, schema {VERSION}")]
    if newest > day_number(now) + 1:
        text = "the database holds items from the future: this clock or another one is wrong"
        findings.append(Finding("clock", Level.ERROR, text))
    return findings


def _newest_day(connection: Connection) -> int:
    return connection.execute(select(func.max(item.c.day))).scalar() or 0


def _touch(connection: Connection) -> None:
    """Take the writer's place and write nothing: fails where the database is read-only."""
    connection.execute(item.delete().where(item.c.day < 0))


async def _exchange_here(checked: Checked, database: Database, clock: Clock) -> Finding:
    async with _in_process(checked.settings, clock) as client:
        return await _exchanged("exchange", client, database)


async def _exchange_in(folder: Path, checked: Checked, clock: Clock) -> Finding:
    """Try everything in a database that is thrown away, where the real one will be."""
    try:
        with tempfile.TemporaryDirectory(prefix=".fieldapp-relay-check-", dir=folder) as directory:
            trial = replace(checked.settings, database=str(Path(directory) / "trial.db"))
            database = Database(trial.database)
            try:
                async with _in_process(trial, clock) as client:
                    return await _exchanged("exchange", client, database)
            finally:
                await database.close()
    except (OSError, StoreUnavailableError):
        return Finding("exchange", Level.ERROR, f"nothing can be written in {folder}")


@asynccontextmanager
async def _in_process(settings: RelaySettings, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(replace(settings, metrics_file=""), clock=clock)
    host = min(settings.public_hosts)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{host}") as client,
    ):
        yield client


async def _exchanged(name: str, client: httpx.AsyncClient, database: Database) -> Finding:
    try:
        await exchange(client, database)
    except SelfTestError as error:
        return Finding(name, Level.ERROR, str(error))
    except StoreUnavailableError:
        return Finding(name, Level.ERROR, "the database failed in the middle")
    return Finding(name, Level.OK, "an envelope was dropped, pulled, committed and deleted")


async def _public(checked: Checked, database: Database, clock: Clock) -> list[Finding]:
    if not checked.public_url.startswith("https://"):
        return [Finding("public", Level.ERROR, "clients use https only")]
    async with _client(checked.public_url) as client:
        try:
            answer = await client.get("/v1/health")
            healthy = answer.status_code == 200 and answer.json() == {"status": "ok"}
        except httpx.HTTPError as error:
            text = f"{checked.public_url} does not answer ({type(error).__name__})"
            return [Finding("public", Level.ERROR, text)]
        except ValueError:
            healthy = False
        if not healthy:
            return [Finding("public", Level.ERROR, f"something else answers at {checked.public_url}")]
        findings = [Finding("public", Level.OK, f"{checked.public_url} answers")]
        findings += _proxy_clock(answer.headers.get("date", ""), clock())
        return [*findings, await _exchanged("public exchange", client, database)]


def _proxy_clock(date: str, now: float) -> list[Finding]:
    try:
        error = abs(parsedate_to_datetime(date).timestamp() - now)
    except ValueError:
        return []
    if error <= MAX_CLOCK_ERROR:
        return []
    return [Finding("clock", Level.WARNING, f"this clock and the proxy's differ by {int(error)} seconds")]


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, follow_redirects=False)
