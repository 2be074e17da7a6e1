"""Databases of earlier releases open and keep what they hold; nobody sees half a migration."""

import asyncio
import lzma
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from nacl.signing import SigningKey
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import Connection

from sync.relay import migrations
from sync.relay.app import register_centre
from sync.relay.database import Database
from sync.relay.limits import quarter_number
from sync.relay.migrations import VERSION, SchemaTooNewError, stored_version
from sync.relay.schema import metadata
from sync.relay.settings import database_url
from tests.relay.harness import START, Centre, Desk, b64, parse_page, relay, run
from tests.relay.test_quotas import assert_exact_count

VECTORS = Path(__file__).parents[1] / "vectors" / "relay"
BOX = "03" * 16


def made(number: int) -> bytes:
    """A key or token of the golden databases."""
    return bytes([number]) * 32


@pytest.fixture
def released(database: str) -> str:
    """The database of the first release."""
    if "://" in database:
        with psycopg.connect(database) as connection:
            connection.execute(lzma.decompress((VECTORS / "schema-1.postgresql.sql.xz").read_bytes()))
    else:
        Path(database).write_bytes(lzma.decompress((VECTORS / "schema-1.db.xz").read_bytes()))
    return database


async def version_of(database: Database) -> int:
    return await database.read(stored_version)


def test_the_database_of_the_first_release_opens_with_everything_in_it(released: str) -> None:
    async def scenario() -> None:
        async with relay(released) as r:
            assert await version_of(r.services.database) == VERSION
            await assert_exact_count(r)
            first, second = Desk(r.client, key=SigningKey(made(1))), Desk(r.client, key=SigningKey(made(4)))
            whole = await first.page(BOX)
            assert whole.bodies == [bytes([17]) * 4096, bytes([18]) * 4096]
            assert (await r.drop(BOX, made(18), bytes([18]) * 4096)).json() == {"id": whole.items[1][0]}
            assert (await r.drop(BOX, made(16), bytes([16]) * 4096)).status_code == 200
            assert (await r.drop(BOX, made(19), bytes([19]) * 4096)).status_code == 201
            after = await second.page(BOX, whole.cursor)
            assert after.bodies == [bytes([19]) * 4096]
            assert await second.commit(BOX, after.cursor) == 200
            assert await first.commit(BOX, whole.cursor) == 200
            assert [body[:1] for body in (await first.page(BOX)).bodies] == [bytes([19])]
            read = {"Authorization": f"Read {b64(made(32))}"}
            assert parse_page((await r.client.get("/v1/shard/5", headers=read)).content).bodies == [
                b"!" * 4096
            ]
            assert (await r.client.get("/v1/dir/latest", headers=read)).content == b"a made-up directory"
            assert quarter_number(START) == 219

    run(scenario())


def _description(database: str) -> dict[str, Any]:
    engine = create_engine(database_url(database))
    found = inspect(engine)

    def told(entries: list[Any]) -> list[str]:
        return sorted(repr({**entry, "type": str(entry.get("type"))}) for entry in entries)

    described: dict[str, Any] = {
        table: (
            told(found.get_columns(table)),
            found.get_pk_constraint(table),
            told(found.get_indexes(table)),
            told(found.get_unique_constraints(table)),
            told(found.get_foreign_keys(table)),
        )
        for table in found.get_table_names()
    }
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            storage = "SELECT attstorage::text, reloptions FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
            where = " WHERE pg_class.oid = 'item'::regclass AND attname = 'body'"
            described["storage"] = list(connection.exec_driver_sql(storage + where))
    engine.dispose()
    return described


def test_a_migrated_schema_is_the_same_as_a_new_one(released: str, tmp_path: Path, request: Any) -> None:
    fresh = request.getfixturevalue("second_url") if "://" in released else str(tmp_path / "fresh.db")

    async def scenario() -> None:
        for database in (released, fresh):
            opened = Database(database)
            await opened.open()
            await opened.close()

    run(scenario())
    migrated = _description(released)
    assert set(metadata.tables) <= set(migrated)
    assert migrated == _description(fresh)


def test_a_newer_schema_is_refused_in_one_line_and_left_alone(database: str) -> None:
    async def scenario() -> None:
        opened = Database(database)
        await opened.open()
        newer = f"INSERT INTO schema_version (version) VALUES ({VERSION + 1})"
        await opened.write(Connection.exec_driver_sql, newer)
        await opened.close()
        with pytest.raises(SchemaTooNewError, match="newer version"):
            await register_centre(database, bytes(16), bytes(32), "Made-up centre")
        opened = Database(database)
        assert await version_of(opened) == VERSION + 1
        await opened.close()

    run(scenario())


def test_of_many_that_start_at_once_one_migrates(released: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []

    def counted(connection: Connection) -> None:
        ran.append(1)
        time.sleep(0.5)  # the others come meanwhile
        migrations._count_what_is_stored(connection)

    monkeypatch.setattr(migrations, "STEPS", (counted, *migrations.STEPS[1:]))

    async def scenario() -> None:
        several = [Database(released) for _ in range(6)]
        await asyncio.gather(*(one.open() for one in several))
        assert {await version_of(one) for one in several} == {VERSION}
        for one in several:
            await one.close()

    run(scenario())
    assert ran == [1]


def test_of_many_that_start_at_once_on_nothing_all_find_one_schema(database: str) -> None:
    async def scenario() -> None:
        several = [Database(database) for _ in range(6)]
        await asyncio.gather(*(one.open() for one in several))
        rows = await several[0].read(
            lambda c: c.exec_driver_sql("SELECT version FROM schema_version").scalars().all()
        )
        assert rows == [VERSION]
        for one in several:
            await one.close()

    run(scenario())


HALFWAY = """
import asyncio, sys, time
from sync.relay import migrations
from sync.relay.database import Database

def halfway(connection):
    migrations._count_what_is_stored(connection)
    print("halfway", flush=True)
    time.sleep(600)

migrations.STEPS = (halfway, *migrations.STEPS[1:])
asyncio.run(Database(sys.argv[1]).open())
"""


def test_a_migration_that_is_killed_leaves_the_old_schema_and_is_run_again(released: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = subprocess.Popen(
        [sys.executable, "-c", HALFWAY, released], stdout=subprocess.PIPE, env=environment
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"halfway\n"
    started.kill()
    started.wait()
    started.stdout.close()

    async def scenario() -> None:
        opened = Database(released)
        assert await version_of(opened) == 1
        tables = {c["name"] for c in await opened.read(lambda c: inspect(c).get_columns("stream"))}
        assert "stored_items" not in tables
        await opened.close()
        async with relay(released) as r:
            assert await version_of(r.services.database) == VERSION
            centre = Centre(Desk(r.client, key=SigningKey(made(1))), bytes([2]) * 16, BOX)
            assert len((await centre.desk.page(BOX)).items) == 2

    run(scenario())
