"""The relay's database: engine, SQLite settings, one writer at a time, and group commit.

Everything that only SQLite needs is in this module; the rest of the store is portable SQL.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from sync.relay.schema import migrate
from sync.relay.settings import database_url

T = TypeVar("T")
R = TypeVar("R")

_READ_ONLY: Final = "relay_read_only"
_BUSY_WAIT_MS: Final = 10_000
_SCRUB_WAIT_MS: Final = 100
_SQLITE_PRAGMAS: Final = (
    f"PRAGMA busy_timeout={_BUSY_WAIT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA trusted_schema=OFF",
)


class StoreUnavailableError(Exception):
    """The database refused or vanished; nothing was acknowledged and the caller may try again."""


class Database:
    """Connections to one database; `open` and `close` it inside the running event loop."""

    def __init__(self, database: str) -> None:
        url = database_url(database)
        self._is_sqlite = url.get_backend_name() == "sqlite"
        # Without hide_parameters an error text, and so a log, would carry hashes and ciphertext.
        options: dict[str, Any] = {"hide_parameters": True}
        if self._is_sqlite:
            # The driver must not open transactions by itself: `_begin` decides how each one starts.
            options["connect_args"] = {"isolation_level": None}
        self._engine: AsyncEngine = create_async_engine(url, **options)
        self._reader = self._engine.execution_options(**{_READ_ONLY: True})
        self._write_lock = asyncio.Lock()
        if self._is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _apply_pragmas)
            event.listen(self._engine.sync_engine, "begin", _begin)

    async def open(self) -> None:
        """Create or migrate the schema; raise SchemaTooNewError or StoreUnavailableError."""
        async with self.write() as connection:
            await migrate(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for reading."""
        with _unavailable():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that is durable when the block ends without an exception.

        One process writes one transaction at a time: with SQLite there is one writer anyway, and waiting here
        costs nothing while waiting in SQLite means polling.
        """
        with _unavailable():
            async with self._write_lock, self._engine.begin() as connection:
                yield connection

    async def scrub(self) -> bool:
        """Move deleted pages out of the write-ahead log and cut it; False when a reader was in the way.

        With secure_delete the pages in the main file are zeros already, but the log still holds the old ones.
        PostgreSQL keeps dead tuples until its own vacuum; the operations guide says so.
        """
        if not self._is_sqlite:
            return True
        with _unavailable():
            async with self._write_lock, self._reader.connect() as connection:
                # Nobody waits for this: when a reader is in the way the next round tries again.
                await connection.exec_driver_sql(f"PRAGMA busy_timeout={_SCRUB_WAIT_MS}")
                row = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).one()
                await connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_WAIT_MS}")
                return bool(row[0] == 0)


class GroupCommit(Generic[T, R]):
    """Joins calls that wait at the same time into one `flush`, and answers each with its own result.

    Nothing is delayed on purpose: the first call runs at once, those that arrive meanwhile form the next
    batch. A caller hears of success only after `flush` returned, that is after the commit.
    """

    def __init__(self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]], largest: int) -> None:
        self._flush = flush
        self._largest = largest
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, entry: T) -> R:
        """Return the result for `entry`; raise StoreUnavailableError when its batch failed."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def drain(self) -> None:
        """Wait until all that was submitted has been answered."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting:
            size = min(self._largest, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                results = await self._flush([entry for entry, _ in batch])
            except Exception:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(StoreUnavailableError())
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turn failures of the database into StoreUnavailableError, which carries nothing of the statement."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError):
        raise StoreUnavailableError from None


def _apply_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another process wrote meanwhile;
    # IMMEDIATE waits its turn. Single reads need no transaction.
    if not connection.get_execution_options().get(_READ_ONLY, False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
