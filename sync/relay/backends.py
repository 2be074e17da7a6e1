"""What SQLite and PostgreSQL need differently; everything else of the store is the same SQL on both.

Deletion. On SQLite nothing of a deleted envelope stays in the files: secure_delete overwrites it with zeros, and
`scrub` empties the write-ahead log. PostgreSQL cannot promise that. A deleted body is a dead tuple until the next
vacuum (the tables ask autovacuum to come within about a minute, see `sync.relay.schema`); even then its bytes are
only free for reuse, not overwritten, and the write-ahead log keeps them until its segments are recycled (minutes to
hours, by `max_wal_size` and traffic). Replicas, archived WAL and backups keep them as long as they are kept
themselves. So an operator of PostgreSQL must encrypt its disks and keep WAL archives and backups for no more than
the 45 days that are promised. What stays is ciphertext that this relay never could read.
"""

from typing import Any, Final, Protocol

from sqlalchemy import create_engine, event, func, select
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

BUSY_WAIT: Final = 10
"""Seconds that a transaction waits for another one before it gives up."""
READ_ONLY: Final = "relay_read_only"
"""Execution option of a connection that only reads."""
FLEETING: Final = "relay_fleeting"
"""Execution option of a connection whose commits may be lost with the power, and with nothing else."""

_SCRUB_WAIT_MS: Final = 100
_SQLITE_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={BUSY_WAIT * 1000}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
)
_POSTGRESQL_SETTINGS: Final = (
    # An operator's default may be laxer; an acknowledged envelope is on the disk.
    "SET synchronous_commit TO on",
    f"SET lock_timeout TO '{BUSY_WAIT}s'",
    "SET statement_timeout TO '60s'",
    # A process that stands still in the middle of a transaction must not hold up the others.
    "SET idle_in_transaction_session_timeout TO '30s'",
)
_POSTGRESQL_CONNECT: Final = {
    "connect_timeout": 10,
    # A server that vanished without a word is noticed within seconds, not hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_LOST_A_RACE: Final = frozenset({"23505", "40001", "40P01"})
"""unique_violation, serialization_failure, deadlock_detected."""
_ADVISORY_LOCK: Final = int.from_bytes(b"fieldapp")


class Backend(Protocol):
    """One kind of database."""

    def engine(self, url: URL, connections: int) -> Engine:
        """Return an engine whose every connection is durable and gives up rather than waiting for ever."""
        ...

    def lock(self, connection: Connection) -> None:
        """Wait until no other process migrates, and keep them from it until the transaction ends."""
        ...

    def may_repeat(self, error: DBAPIError) -> bool:
        """Tell whether a transaction failed only because another one was faster: run again, it sees the other."""
        ...

    def scrub(self, engine: Engine) -> bool:
        """Remove what was deleted from the files as far as this backend can; False: try again later."""
        ...

    def place(self, connection: Connection) -> str:
        """Return what changes when the database is restored from a copy, "" where nothing tells."""
        ...


class SQLite:
    """One file. Its one writer is chosen with BEGIN IMMEDIATE."""

    def engine(self, url: URL, connections: int) -> Engine:
        """Return the engine."""
        # The driver must not open transactions by itself: `_begin` decides how each one starts.
        engine = create_engine(url, **_common(connections), connect_args={"isolation_level": None})
        event.listen(engine, "connect", _apply_pragmas)
        event.listen(engine, "begin", _begin)
        return engine

    def lock(self, connection: Connection) -> None:
        """Nothing to do: a writing transaction is the only one."""

    def may_repeat(self, _error: DBAPIError) -> bool:
        """Return False: with one writer nobody can be faster."""
        return False

    def scrub(self, engine: Engine) -> bool:
        """Move deleted pages out of the write-ahead log and cut it; False when a reader was in the way.

        With secure_delete the pages in the main file are zeros already, but the log still holds the old ones.
        """
        with engine.execution_options(**{READ_ONLY: True}).connect() as connection:
            # Nobody waits for this: when a reader is in the way the next round tries again.
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_SCRUB_WAIT_MS}")
            row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            connection.exec_driver_sql(_SQLITE_PRAGMAS[0])
            return bool(row[0] == 0)

    def place(self, _connection: Connection) -> str:
        """Return "": a copied file is the same file; the desks' cursors tell (`sync.relay.restores`)."""
        return ""


class PostgreSQL:
    """A server, reached through psycopg; rows are locked, processes are not."""

    def engine(self, url: URL, connections: int) -> Engine:
        """Return the engine."""
        connect = dict(_POSTGRESQL_CONNECT)
        engine = create_engine(
            url, **_common(connections), isolation_level="READ COMMITTED", connect_args=connect
        )
        event.listen(engine, "connect", _apply_settings)
        event.listen(engine, "begin", _relax)
        return engine

    def lock(self, connection: Connection) -> None:
        """Take a lock that no row and no table has, and wait for it as long as a migration takes."""
        for setting in ("lock_timeout", "statement_timeout"):
            connection.exec_driver_sql(f"SET LOCAL {setting} TO 0")
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))

    def may_repeat(self, error: DBAPIError) -> bool:
        """Say so for lost races: the same row inserted twice, a deadlock."""
        return getattr(error.orig, "sqlstate", None) in _LOST_A_RACE

    def scrub(self, _engine: Engine) -> bool:
        """Leave it to autovacuum."""
        return True

    def place(self, connection: Connection) -> str:
        """Name the cluster, its timeline (a recovery or a failover begins a new one), the database and the table.

        A dump that is loaded into the same cluster makes a new table; so one of the four changes with every restore.
        """
        row = connection.exec_driver_sql(
            "SELECT system_identifier, timeline_id, pg_database.oid, 'item'::regclass::oid"
            " FROM pg_control_system(), pg_control_checkpoint(), pg_database"
            " WHERE datname = current_database()"
        ).one()
        return "/".join(str(part) for part in row)


def backend_of(url: URL) -> Backend:
    """Return what serves a URL of `sync.relay.settings.database_url`."""
    return SQLite() if url.get_backend_name() == "sqlite" else PostgreSQL()


def _common(connections: int) -> dict[str, Any]:
    # Without hide_parameters an error text, and so a log, would carry hashes and ciphertext.
    return {"hide_parameters": True, "pool_size": connections, "max_overflow": 0}


def _apply_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another process wrote meanwhile;
    # IMMEDIATE waits its turn. Single reads need no transaction.
    options = connection.get_execution_options()
    if not options.get(READ_ONLY, False):
        # Said every time, so that no transaction inherits what another one could do without.
        level = "NORMAL" if options.get(FLEETING, False) else "FULL"
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _relax(connection: Connection) -> None:
    if connection.get_execution_options().get(FLEETING, False):
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")


def _apply_settings(connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.execute("; ".join(_POSTGRESQL_SETTINGS))
    connection.autocommit = False
