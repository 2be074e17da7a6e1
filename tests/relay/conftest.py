"""Every test that speaks of the store runs on a SQLite file and on a real PostgreSQL."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.postgres import PostgresServer, postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for all tests of this process."""
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty schema of its own: cheaper than a database, and as separate."""
    yield from _schema(postgres_server)


@pytest.fixture
def second_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Another empty schema."""
    yield from _schema(postgres_server)


def _schema(postgres_server: PostgresServer) -> Iterator[str]:
    schema = f"test_{secrets.token_hex(8)}"
    postgres_server.execute(f"CREATE SCHEMA {schema}")
    yield postgres_server.url(schema=schema)
    postgres_server.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What an operator gives the relay as its database: a file, or a URL."""
    if request.param == "sqlite":
        return str(tmp_path / "relay.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@dataclass
class Copies:
    """A database, and a copy of it as it is now: what a backup of a relay that stands still gives."""

    database: str
    copy: Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Copies]:
    if request.param == "sqlite":
        path, other = tmp_path / "relay.db", tmp_path / "copy.db"
        yield Copies(str(path), lambda: str(shutil.copy(path, other)))
        return
    server = request.getfixturevalue("postgres_server")
    names = [f"relay_{secrets.token_hex(8)}" for _ in range(2)]
    yield Copies(server.create(names[0]), lambda: str(server.create(names[1], names[0])))
    for name in names:
        server.drop(name)
