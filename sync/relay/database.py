"""The relay's database: reading and writing in threads, one writer at a time in each process."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sync.relay.backends import FLEETING, READ_ONLY, backend_of
from sync.relay.migrations import migrate
from sync.relay.settings import database_url

T = TypeVar("T")
P = ParamSpec("P")

_READERS: Final = 4
_ATTEMPTS: Final = 5
CONNECTIONS: Final = _READERS + 1
"""Connections of one process."""


class StoreUnavailableError(Exception):
    """The database refused or vanished; nothing was acknowledged and the caller may try again."""


class Database:
    """Connections to one database, and the threads that use them: `CONNECTIONS` at most in each process.

    A piece of work is a plain function of a connection; it runs in a thread as a whole, one hop for a whole
    transaction. One thread writes: SQLite has one writer anyway, and waiting here costs nothing while waiting in
    SQLite means polling. More writers on PostgreSQL are more processes. What they do at the same time is kept apart
    by unique keys and locked rows alone, so a piece of writing may run more than once before it counts, and must
    touch nothing but the database.
    """

    def __init__(self, database: str) -> None:
        url = database_url(database)
        self._backend = backend_of(url)
        self._engine = self._backend.engine(url, CONNECTIONS)
        self._reading = self._engine.execution_options(**{READ_ONLY: True})
        self._noting = self._engine.execution_options(**{FLEETING: True})
        self._writer = ThreadPoolExecutor(1, "relay-writer")
        self._readers = ThreadPoolExecutor(_READERS, "relay-reader")

    async def open(self) -> None:
        """Create or migrate the schema; raise SchemaTooNewError or StoreUnavailableError."""
        await self.write(migrate, self._backend.lock)

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

        An exception undoes all of it; a failure of the database is raised as StoreUnavailableError. Who loses a race
        against another process runs again and sees what the other wrote.
        """
        return await self._write(self._engine, lambda connection: work(connection, *args, **kwargs))

    async def note(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do the same, but wait for no disk: every process sees it at once, and only a power cut can undo it.

        For what does not matter a minute later.
        """
        return await self._write(self._noting, lambda connection: work(connection, *args, **kwargs))

    async def _write(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        def once() -> T:
            with engine.begin() as connection:
                return work(connection)

        def run() -> T:
            with _unavailable():
                for _ in range(_ATTEMPTS - 1):
                    try:
                        return once()
                    except DBAPIError as error:
                        if not self._backend.may_repeat(error):
                            raise
                return once()

        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    async def place(self) -> str:
        """Return what changes when the database is restored, "" where nothing tells (`Backend.place`)."""
        return await self.read(self._backend.place)

    async def scrub(self) -> bool:
        """Remove what was deleted from the files, as far as that can be done; False: try again later."""

        def run() -> bool:
            with _unavailable():
                return self._backend.scrub(self._engine)

        return await asyncio.get_running_loop().run_in_executor(self._writer, run)


@contextmanager
def _unavailable() -> Iterator[None]:
    """Turn failures of the database into StoreUnavailableError, which carries nothing of the statement."""
    try:
        yield
    except (DBAPIError, PoolTimeoutError, OSError):
        raise StoreUnavailableError from None
