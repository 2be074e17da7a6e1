"""The numbered steps from one schema of the relay's database to the next.

A new database gets the tables of `sync.relay.schema`; one that exists is led there step by step, and a test holds both
to the same result. All of it is one transaction under a lock, on SQLite and on PostgreSQL: of several processes that
start together one migrates while the others wait, and a process that is killed leaves the old schema or the new one.

While a new release starts, processes of the one before may still run on the same database. So a step only adds: tables,
and columns that may be empty or have a default. What nobody uses any more is taken away one release later.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Column, func, insert, inspect, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateColumn

from sync.relay.schema import centre, item, metadata, schema_version, stream, tune_items

Step = Callable[[Connection], None]


class SchemaTooNewError(Exception):
    """The database was written by a newer relay; this one refuses to touch it."""

    def __init__(self) -> None:
        super().__init__("the database was made by a newer version of the relay")


def _count_what_is_stored(connection: Connection) -> None:
    """From 1 to 2: counts for the quotas."""
    _add(connection, stream.c.stored_items)
    _add(connection, stream.c.stored_bytes)
    there = (item.c.stream_id == stream.c.stream_id, item.c.body.is_not(None))
    items = select(func.count()).where(*there).scalar_subquery()
    size = select(func.coalesce(func.sum(item.c.size), 0)).where(*there).scalar_subquery()
    connection.execute(update(stream).values(stored_items=items, stored_bytes=size))


def _restores_and_collected(connection: Connection) -> None:
    """From 2 to 3: notice restores, pass over what was deleted, and tell PostgreSQL how to keep envelopes."""
    _add(connection, centre.c.cursor_mask)
    _add(connection, centre.c.restored_day)
    _add(connection, stream.c.collected_position)
    tune_items(connection)


STEPS: Final[tuple[Step, ...]] = (_count_what_is_stored, _restores_and_collected)
"""Step n leads from version n + 1 to n + 2. A released step is never edited; a later one changes its result."""

VERSION: Final = 1 + len(STEPS)
"""The version of `sync.relay.schema`."""


def migrate(connection: Connection, lock: Callable[[Connection], None]) -> None:
    """Bring the schema to the newest version inside the caller's transaction; raise SchemaTooNewError.

    `lock` waits until this process is the only one that migrates.
    """
    if stored_version(connection) == VERSION:
        return
    lock(connection)
    version = stored_version(connection)  # another process may have done it meanwhile
    if version > VERSION:
        raise SchemaTooNewError
    if version == 0:
        metadata.create_all(connection)
    else:
        for step in STEPS[version - 1 :]:
            step(connection)
    if version < VERSION:
        connection.execute(insert(schema_version).values(version=VERSION))


def stored_version(connection: Connection) -> int:
    """Return the version of the database, 0 for an empty one."""
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return connection.execute(select(func.max(schema_version.c.version))).scalar() or 0


def _add(connection: Connection, column: Column[Any]) -> None:
    definition = CreateColumn(column).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {definition}")
