"""P1: the durable save of one answer, from the screen's call to the disk and back.

Ours is `Screenings.save`: codec, canonical JSON, thread hop, two sealed cells (the draft and the root), one commit.
The floor is plain sqlite3 with the vault's settings and file shape: one durable UPDATE of one page of plaintext.
"""

import secrets
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, cast

from sqlite_utils import Database

from bench import made_up
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, Stopwatch, readable, require, timed
from fieldapp.codec import draft_body
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import Mode
from fieldapp.services import screenings as service
from fieldapp.services.settings import Settings
from fieldapp.vault.cells import CELL_SIZE
from fieldapp.vault.partition import Partition
from fieldapp.vault.pool import Staged
from fieldapp.vault.store import CellStore
from sync.canonical import Value, dumps

SAVES: Final = 100
"""Saves in one round."""
CELLS: Final = 2048
_SETTINGS: Final = (
    "journal_mode=DELETE",
    "journal_size_limit=0",
    "secure_delete=ON",
    "synchronous=EXTRA",
    "temp_store=MEMORY",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "mmap_size=0",
    "locking_mode=EXCLUSIVE",
)
"""The vault's own (security: 2.4), written down once more so that the floor does not move with the vault."""


def bench(*, short: bool = False) -> Bench:
    """Return P1; short: few saves."""
    return Bench(
        "P1",
        "durable save of one answer",
        Goal(ratio=1.35),
        (
            Cell("plain sqlite3, one page", Kind.FLOOR, partial(_plain, _update_one)),
            Cell("Screenings.save", Kind.OURS, _vault),
            Cell("plain sqlite3, two pages", Kind.PEER, partial(_plain, _update_two)),
            Cell("sqlite-utils insert, one page", Kind.PEER, partial(_plain, _insert)),
        ),
        repeats=4 if short else SAVES,
    )


@asynccontextmanager
async def _vault(directory: Path) -> AsyncIterator[Operation]:
    gate = made_up.device(directory)
    notebook = await gate.create(made_up.PASSPHRASE, Settings())
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en", alias=made_up.ALIAS)
    taps = count()

    async def save() -> Sample:
        nonlocal screening
        rounds, number = divmod(next(taps), len(screening.order))
        screening = screening.with_answer(screening.order[number], (Answer.NO, Answer.UNKNOWN)[rounds % 2])
        start = time.perf_counter()
        await notebook.screenings.save(screening)
        seconds = time.perf_counter() - start
        parts = stopwatch.take()
        return Sample(seconds, {**parts, "threads, Python": seconds - sum(parts.values())})

    with _parts() as stopwatch:
        yield save
    await gate.lock()
    notebook = await gate.unlock(made_up.PASSPHRASE)
    require(notebook.screenings.draft(screening.id) == screening, "the draft did not come back")
    await gate.shut()
    require(not readable(directory, made_up.ALIAS.encode()), "the draft is readable on the disk")


@contextmanager
def _parts() -> Iterator[Stopwatch]:
    stopwatch = Stopwatch()
    with (
        stopwatch.on("codec, JSON", service, "draft_body", "dumps"),
        stopwatch.on("crypto", Staged, "seal"),
        stopwatch.on("crypto", Partition, "next_root"),
        stopwatch.on("commit", CellStore, "write"),
    ):
        yield stopwatch


Write = Callable[[sqlite3.Connection, bytes], object]


@asynccontextmanager
async def _plain(write: Write, directory: Path) -> AsyncIterator[Operation]:
    """Write a body as long as ours, in clear, each time another one."""
    body = dumps(cast(Value, draft_body(made_up.answered()))).ljust(CELL_SIZE - 8, b"\0")
    page = b""
    saves = count()
    connection = _plain_file(directory / "plain.db")

    async def save() -> Sample:
        nonlocal page
        page = b"%08d" % next(saves) + body
        return Sample(timed(lambda: write(connection, page)))

    yield save
    found = connection.execute("SELECT b FROM cell WHERE n = 4").fetchone()
    connection.close()
    require(found == (page,), "the page did not come back")
    require(readable(directory, made_up.ALIAS.encode()), "the search for readable words finds nothing")


def _plain_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}").fetchall()
    connection.execute("CREATE TABLE cell (n INTEGER PRIMARY KEY, b BLOB NOT NULL)")
    connection.execute("BEGIN EXCLUSIVE")
    rows = ((n, secrets.token_bytes(CELL_SIZE)) for n in range(CELLS))
    connection.executemany("INSERT INTO cell VALUES (?, ?)", rows)
    connection.execute("COMMIT")
    return connection


def _update_one(connection: sqlite3.Connection, page: bytes) -> None:
    connection.execute("UPDATE cell SET b = ? WHERE n = 4", (page,))


def _update_two(connection: sqlite3.Connection, page: bytes) -> None:
    connection.execute("BEGIN")
    connection.execute("UPDATE cell SET b = ? WHERE n = 0", (page,))
    connection.execute("UPDATE cell SET b = ? WHERE n = 4", (page,))
    connection.execute("COMMIT")


def _insert(connection: sqlite3.Connection, page: bytes) -> None:
    database = Database(connection, execute_plugins=False)
    database.table("cell").insert({"n": 4, "b": page}, pk="n", replace=True)
