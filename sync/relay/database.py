"""The relay's database: engine, SQLite settings, one writer at a time, and group commit.

Everything that only SQLite needs is in this module; the rest of the store is portable SQL.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sync.relay.schema import migrate
from sync.relay.settings import database_url

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")

_READ_ONLY: Final = "relay_read_only"
_READERS: Final = 4
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
    """Connections to one database, and the threads that use them.

    A piece of work is a plain function of a connection; it runs in a thread as a whole, one hop for a whole
    transaction. One thread writes: SQLite has one writer anyway, and waiting here costs nothing while waiting in
    SQLite means polling. More writers on PostgreSQL are more processes.
    """

    def __init__(self, database: str) -> None:
        url = database_url(database)
        self._is_sqlite = url.get_backend_name() == "sqlite"
        # Without hide_parameters an error text, and so a log, would carry hashes and ciphertext.
        options: dict[str, Any] = {"hide_parameters": True, "pool_size": _READERS + 1}
        if self._is_sqlite:
            # The driver must not open transactions by itself: `_begin` decides how each one starts.
            options["connect_args"] = {"isolation_level": None}
        self._engine = create_engine(url, **options)
        self._reading = self._engine.execution_options(**{_READ_ONLY: True})
        self._writer = ThreadPoolExecutor(1, "relay-writer")
        self._readers = ThreadPoolExecutor(_READERS, "relay-reader")
        if self._is_sqlite:
            event.listen(self._engine, "connect", _apply_pragmas)
            event.listen(self._engine, "begin", _begin)

    async def open(self) -> None:
        """Create or migrate the schema; raise SchemaTooNewError or StoreUnavailableError."""
        await self.write(migrate)

    async def close(self) -> None:
        """Finish what is under way and close all connections."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `work(connection, ...)` reads; raise StoreUnavailableError when the database fails."""

        def run() -> T:
            with _unavailable(), self._reading.connect() as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return what `work(connection, ...)` gives, when its transaction is durable.

        An exception undoes all of it; a failure of the database is raised as StoreUnavailableError.
        """

        def run() -> T:
            with _unavailable(), self._engine.begin() as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    async def scrub(self) -> bool:
        """Move deleted pages out of the write-ahead log and cut it; False when a reader was in the way.

        With secure_delete the pages in the main file are zeros already, but the log still holds the old ones.
        PostgreSQL keeps dead tuples until its own vacuum.
        """
        if not self._is_sqlite:
            return True
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._checkpoint)

    def _checkpoint(self) -> bool:
        with _unavailable(), self._reading.connect() as connection:
            # Nobody waits for this: when a reader is in the way the next round tries again.
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_SCRUB_WAIT_MS}")
            row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_WAIT_MS}")
            return bool(row[0] == 0)


class GroupCommit(Generic[T, R]):
    """Joins calls that wait at the same time into one `flush`, and answers each with its own result.

    A call that comes alone runs at once. Those that arrive while a batch runs, or within `pause` seconds of
    its end, form the next one: a batch costs hardly more than a single call, so under load this is what keeps
    the cost of each small. A caller hears of success only after `flush` returned, that is after the commit.
    """

    def __init__(
        self, flush: Callable[[Sequence[T]], Awaitable[Sequence[R]]], largest: int, pause: float
    ) -> None:
        self._flush = flush
        self._largest = largest
        self._pause = pause
        self._not_before = 0.0
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
        loop = asyncio.get_running_loop()
        while self._waiting:
            if len(self._waiting) < self._largest:
                await asyncio.sleep(self._not_before - loop.time())
            size = min(self._largest, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
            try:
                results = await self._flush([entry for entry, _ in batch])
            except Exception:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(StoreUnavailableError())
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)
            self._not_before = loop.time() + self._pause


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
