"""P2: from the tap on *Open* to the home screen, with every cell of the vault in use.

The floor is Argon2id alone, with the same passphrase and cost, in a thread as the gate runs it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from bench import made_up, screens
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, Stopwatch, readable, require
from fieldapp.codec import draft_body
from fieldapp.domain.screening import Mode
from fieldapp.services.filed import Filed, What
from fieldapp.services.filing import Book
from fieldapp.services.kinds import Kind as RecordKind
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, KdfParameters, UnlockAttempt, calibrate
from fieldapp.vault.kdf import SALT_SIZE, stretch
from fieldapp.vault.vault import Transaction
from sync.canonical import Value
from sync.primitives import random_bytes
from tests.fakes.clock import START

UNLOCKS: Final = 3
"""Unlocks in one round."""
DRAFTS: Final = 3
"""Unfinished screenings among the records; all other cells hold a finished one each."""


def bench(*, short: bool = False) -> Bench:
    """Return P2 at the cost that this machine would choose; short: at the lowest legal cost."""
    return _bench("P2", "unlock a full vault", short, words=False)


def bench_with_words(*, short: bool = False) -> Bench:
    """Return P2w: the same on a device with a second and a wipe passphrase."""
    return _bench("P2w", "the same, second and wipe passphrase set", short, words=True)


def _bench(name: str, title: str, short: bool, *, words: bool) -> Bench:
    cost = FLOOR if short else calibrate()

    @asynccontextmanager
    async def floor(_directory: Path) -> AsyncIterator[Operation]:
        salt = random_bytes(SALT_SIZE)

        async def once() -> Sample:
            start = time.perf_counter()
            await asyncio.to_thread(stretch, made_up.PASSPHRASE, salt, cost)
            return Sample(time.perf_counter() - start)

        yield once

    @asynccontextmanager
    async def ours(directory: Path) -> AsyncIterator[Operation]:
        async with _full_device(directory, cost, words=words) as once:
            yield once

    return Bench(
        name,
        f"{title} ({cost.memory_kib // 1024} MiB, {cost.passes} passes)",
        Goal(extra=0.150),
        (Cell("Argon2id alone", Kind.FLOOR, floor), Cell("tap on Open to home sent", Kind.OURS, ours)),
        repeats=1 if short else UNLOCKS,
    )


@asynccontextmanager
async def _full_device(directory: Path, cost: KdfParameters, *, words: bool) -> AsyncIterator[Operation]:
    gate = made_up.device(directory, cost)
    notebook = await gate.create(made_up.PASSPHRASE, Settings())
    if words:
        await gate.lock()
        await asyncio.to_thread(made_up.set_words, gate.shelf.folder)
        notebook = await gate.unlock(made_up.PASSPHRASE)
    count = await _fill(notebook)
    await gate.lock()
    require(not readable(directory, made_up.ALIAS.encode()), "a record is readable on the disk")
    async with screens.app(gate) as (screen, watched):

        async def unlock() -> Sample:
            await screen.fill("Passphrase", made_up.PASSPHRASE)
            stopwatch.take()
            seconds = await screens.press(screen, watched, "unlock", "new-screening")
            parts = stopwatch.take()
            notebook = gate.notebook
            require(notebook is not None and len(notebook.book.filed) == count, "a record did not come back")
            require(notebook is not None and len(notebook.screenings.unfinished) == DRAFTS, "a draft is lost")
            await screen.settle()
            await screen.press("cover")
            await screen.settle()
            return Sample(seconds, {**parts, "threads, first view": seconds - sum(parts.values())})

        with _parts() as stopwatch:
            yield unlock
    await gate.shut()


@contextmanager
def _parts() -> Iterator[Stopwatch]:
    stopwatch = Stopwatch()
    with (
        stopwatch.on("Argon2id", UnlockAttempt, "stretch"),
        stopwatch.on("count the attempt", UnlockAttempt, "begin"),
        stopwatch.on("read, decrypt", UnlockAttempt, "finish"),
        stopwatch.on("parse records", Book, "_load"),
        stopwatch.on("drafts, cases", Notebook, "__init__"),
    ):
        yield stopwatch


async def _fill(notebook: Notebook) -> int:
    """Use every cell; returns how many finished records there are."""
    for _ in range(DRAFTS):
        draft = await notebook.screenings.begin(Mode.OFFICER, language="en", alias=made_up.ALIAS)
        await notebook.screenings.save(replace(made_up.answered(), id=draft.id))
    record = _filed()
    count = notebook.book._vault.room

    def put_all(tx: Transaction) -> None:
        for _ in range(count):
            filed = replace(record, record_id=SystemIds().new_id())
            tx.put(filed.record_id, RecordKind.FILED, filed.to_bytes())

    await notebook.book.commit(put_all)
    require(notebook.book._vault.room == 0, "the vault is not full")
    return count


def _filed() -> Filed:
    """Return a finished screening that waits for enrolment: with all its content, the longest form that is kept."""
    screening = made_up.finished()
    level, band = screening.effective
    return Filed(
        record_id=screening.id,
        case_id=screening.id,
        what=What.SCREENING,
        alias=screening.alias,
        at=START,
        level=level.code,
        band=band.code,
        handover=screening.handover or (),
        content=cast(dict[str, Value], draft_body(screening)),
    )
