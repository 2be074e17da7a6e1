"""The SQLite files of a vault: two tables of equal cells, written in one transaction.

Both files have one table `cell(n INTEGER PRIMARY KEY, b BLOB NOT NULL)`, one row per page, and never change size. The
vault opens v.db and attaches v.box to the same connection, so that sealing a record and queueing its envelope is one
commit over both.

Settings follow the vault's specification. Two need a word. In exclusive locking mode SQLite keeps the rollback journal
after a commit, with old pages in it; `journal_size_limit=0` makes it truncate the journal instead. And the file change
counter would tell how often a vault was written, so it starts at a random value.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from fieldapp.vault.cells import CELL_SIZE
from fieldapp.vault.errors import OutboxUnavailable, StorageFailed, VaultBusy, VaultDamaged
from fieldapp.vault.header import write_all
from sync.primitives import random_bytes

PAGE_SIZE: Final = 4096
TABLE: Final = "cell"
BLOCK: Final = 1024
"""A partition, and the outbox, is a whole number of blocks of so many cells."""
Blobs = Iterable[tuple[int, bytes]]
"""Cell numbers with their 4040 bytes."""

_SETTINGS: Final = (
    "journal_mode=DELETE",
    "journal_size_limit=0",
    "secure_delete=ON",
    "synchronous=EXTRA",
)
_CONNECTION_SETTINGS: Final = (
    "temp_store=MEMORY",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "mmap_size=0",
)
_CHANGE_COUNTERS: Final = (24, 92)
"""Offsets in the database header: the file change counter, and the counter for which the version is valid."""


def create_cells(path: Path, count: int, fill: Callable[[int], bytes]) -> None:
    """Create a file with `count` cells, durable and closed; StorageFailed when the disk refuses."""
    try:
        with closing(_connect(path, create=True)) as connection:
            database = Database(connection, execute_plugins=False)
            connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
            connection.execute("PRAGMA auto_vacuum=NONE")
            connection.execute("BEGIN IMMEDIATE")
            database.table(TABLE).create({"n": int, "b": bytes}, pk="n", not_null={"b"})
            connection.executemany("INSERT INTO cell VALUES (?, ?)", ((n, fill(n)) for n in range(count)))
            connection.execute("COMMIT")
        _randomise_change_counter(path)
    except (OSError, sqlite3.Error):
        raise StorageFailed("cells cannot be created") from None


class CellStore:
    """An open v.db with, for a vault, v.box attached to it; or an open v.box alone. Not for several threads at once."""

    def __init__(self, path: Path) -> None:
        """Open and lock an existing file; VaultBusy when somebody else has it, VaultDamaged when it is no database."""
        if not path.is_file():
            raise VaultDamaged("no file of cells")
        self._path = path
        try:
            self._connection = _connect(path, create=False)
        except sqlite3.Error as error:
            raise _reason(error) from None
        try:
            self._lock("main")
        except sqlite3.Error as error:
            self._connection.close()
            raise _reason(error) from None

    def attach(self, path: Path) -> None:
        """Attach and lock v.box. VaultBusy when somebody else has it; OutboxUnavailable when it is no database."""
        if not path.is_file():
            raise OutboxUnavailable("no file")
        try:
            self._connection.execute("ATTACH ? AS box", (_uri(path, create=False),))
            self._set(_SETTINGS, "box.")
            self._lock("box")
            self._remove_super_journals()
        except sqlite3.Error as error:
            self.detach()
            if isinstance(reason := _reason(error), VaultBusy):
                raise reason from None
            raise OutboxUnavailable("not a database of cells") from None

    def count(self) -> int:
        """Return how many cells v.db has, both partitions together; VaultDamaged when it is no database."""
        return len(self._numbers("main", None))

    def read(self, schema: str = "main", *, part: int | None = None) -> dict[int, bytes | None]:
        """Return all cells, or those of one partition, by number; None for one whose page cannot be read.

        VaultDamaged when the table itself cannot be read.
        """
        numbers = self._numbers(schema, part)
        where = "" if part is None else f" WHERE n % 2 = {part:d}"
        try:
            query = f"SELECT n, b FROM {schema}.cell{where} ORDER BY n"  # noqa: S608
            rows = self._connection.execute(query).fetchall()
        except sqlite3.DatabaseError:
            rows = []
        if [n for n, _ in rows] == list(numbers):
            return {n: _blob(b) for n, b in rows}
        found = {n: self.read_one(n, schema) for n in numbers}  # around the damaged pages
        if not any(found.values()):
            raise VaultDamaged("no cell can be read")
        return found

    def read_one(self, n: int, schema: str = "main") -> bytes | None:
        """Return one cell; None when it cannot be read."""
        try:
            row = self._connection.execute(f"SELECT b FROM {schema}.cell WHERE n = ?", (n,)).fetchone()  # noqa: S608
        except sqlite3.DatabaseError:
            return None
        return None if row is None else _blob(row[0])

    def write(self, cells: Blobs, box_cells: Blobs = ()) -> None:
        """Write cells of both files in one durable transaction; StorageFailed, and nothing changed, otherwise.

        Both files are locked already, so a plain BEGIN takes no more than it needs: a draft touches v.db alone and
        has no super-journal.
        """
        try:
            self._connection.execute("BEGIN")
            for schema, blobs in (("main", cells), ("box", box_cells)):
                for n, blob in blobs:
                    done = self._connection.execute(f"UPDATE {schema}.cell SET b = ? WHERE n = ?", (blob, n))  # noqa: S608
                    if done.rowcount != 1:
                        raise sqlite3.DatabaseError("cell is gone")
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise StorageFailed("cells cannot be written") from None

    def fill(self, part: int) -> None:
        """Overwrite all cells of a partition with random bytes; StorageFailed, and nothing changed, otherwise."""
        self.write((n, random_bytes(CELL_SIZE)) for n in self._numbers("main", part))

    def close(self) -> None:
        """Close the files and release their locks; idempotent."""
        self._connection.close()

    def _numbers(self, schema: str, part: int | None) -> range:
        """Return the cell numbers that must be there: whole blocks of 1024, one page each, and a few pages more."""
        try:
            pages: int = self._connection.execute(f"PRAGMA {schema}.page_count").fetchone()[0]
        except sqlite3.DatabaseError:
            raise VaultDamaged("not a database of cells") from None
        count = pages // BLOCK * BLOCK
        return range(count) if part is None else range(part, count, 2)

    def _lock(self, schema: str) -> None:
        """Take the exclusive lock now and keep it until the file is closed.

        The first read is done before that: it plays back what a crash left, and only in normal locking mode does
        SQLite then remove the journals.
        """
        tables = self._connection.execute(f"SELECT name FROM {schema}.sqlite_master").fetchall()  # noqa: S608
        if tables != [(TABLE,)]:
            raise sqlite3.DatabaseError("not a database of cells")
        self._set(("locking_mode=EXCLUSIVE",), f"{schema}.")
        self._connection.execute("BEGIN EXCLUSIVE")
        self._connection.execute("COMMIT")

    def _remove_super_journals(self) -> None:
        """Remove what a crash left of commits over both files.

        Both files are recovered and locked now, so nothing can refer to a super-journal any more; SQLite itself
        leaves one behind for ever when the crash came before the first journal named it.
        """
        for path in self._path.parent.glob(f"{self._path.name}-mj*"):
            with suppress(OSError):
                path.unlink()

    def _set(self, settings: Iterable[str], prefix: str = "") -> None:
        for setting in settings:
            self._connection.execute(f"PRAGMA {prefix}{setting}").fetchall()

    def detach(self) -> None:
        """Give v.box back; nothing happens when it is not attached."""
        attached = {row[1] for row in self._connection.execute("PRAGMA database_list")}
        if "box" in attached:
            self._connection.execute("DETACH box")

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return


def _connect(path: Path, *, create: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        _uri(path, create=create), uri=True, isolation_level=None, timeout=0, check_same_thread=False
    )
    try:
        for setting in _CONNECTION_SETTINGS + _SETTINGS:
            connection.execute(f"PRAGMA {setting}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _uri(path: Path, *, create: bool) -> str:
    return f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"


def _blob(value: object) -> bytes | None:
    return value if isinstance(value, bytes) and len(value) == CELL_SIZE else None


def _reason(error: sqlite3.Error) -> VaultBusy | VaultDamaged:
    code = getattr(error, "sqlite_errorcode", 0)  # our own errors have none
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return VaultBusy("in use")
    return VaultDamaged("not a database of cells")


def _randomise_change_counter(path: Path) -> None:
    counter = random_bytes(4)
    with path.open("r+b", buffering=0) as file:
        for offset in _CHANGE_COUNTERS:
            file.seek(offset)
            write_all(file.fileno(), counter)
        os.fsync(file.fileno())
