"""P9: unlocking with a wrong, the first, the second and the wipe passphrase: the call until the vault is open or not.

Whoever holds a stopwatch must not learn which one was typed. The floor is the wrong one. P9 and P9p have equal contents
in both notebooks, by the clock on the wall and by the processor time of the unlocking thread (which a busy machine
disturbs less); P9u is the worst case, a full first notebook and an empty second one. P9g is that worst case as the worker
meets it: through the gate, bound to a key store, until the notebook can be drawn or the passphrase is known to be wrong.

Every cell has a device of its own, and all are unlocked in turn. The header is put back after each unlock, which also
undoes a wipe (its overwriting comes behind the notebook that is shown, and is not part of this).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from bench import made_up, p2_unlock
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from fieldapp.services.settings import Settings
from fieldapp.vault import (
    FLOOR,
    KdfParameters,
    NoKeystore,
    Vault,
    WrongPassphrase,
    calibrate,
    create,
    unlock,
)
from tests.fakes.clock import START

UNLOCKS: Final = 15
"""Unlocks of each in one round."""
RECORDS: Final = 200
"""Records of each notebook: a worker's year or so."""
SECOND: Final = made_up.SECOND
WIPE: Final = made_up.WIPE
WRONG: Final = "nothing that opens anything here"


def bench(*, short: bool = False) -> Bench:
    """Return P9: equal contents, by the clock on the wall."""
    return _bench("P9", "four passphrases, equal notebooks", time.perf_counter, short)


def bench_processor(*, short: bool = False) -> Bench:
    """Return P9p: the same in processor time of the thread that unlocks."""
    return _bench("P9p", "the same, processor time", time.thread_time, short)


def bench_unequal(*, short: bool = False) -> Bench:
    """Return P9u: a full first notebook and an empty second one, in processor time."""
    return _bench("P9u", "full first, empty second, processor time", time.thread_time, short, equal=False)


def bench_answers(*, short: bool = False) -> Bench:
    """Return P9g: from the gate's call to its answer, a full first notebook and an empty second one."""
    cost = FLOOR if short else calibrate()
    words = {"wrong": WRONG, "first": made_up.PASSPHRASE, "second": SECOND, "wipe": WIPE}
    return Bench(
        "P9g",
        f"to the answer, full first, empty second, key store ({cost.memory_kib // 1024} MiB, {cost.passes} passes)",
        Goal(ratio=1.05),
        tuple(
            Cell(what, Kind.OURS if what != "wrong" else Kind.FLOOR, partial(_answering, cost, word))
            for what, word in words.items()
        ),
        repeats=1 if short else UNLOCKS,
    )


@asynccontextmanager
async def _answering(cost: KdfParameters, word: str, directory: Path) -> AsyncIterator[Operation]:
    keystore = made_up.SlowKeystore(0.0)
    gate = made_up.device(directory / "device", cost, keystore)
    folder = gate.shelf.folder
    notebook = await gate.create(made_up.PASSPHRASE, Settings())
    await gate.lock()
    await asyncio.to_thread(made_up.set_words, folder, keystore)
    notebook = await gate.unlock(made_up.PASSPHRASE)
    full = await p2_unlock.fill(notebook)
    await gate.lock()
    files, held = {path: path.read_bytes() for path in folder.glob("v.*")}, dict(keystore.values)
    expected = {made_up.PASSPHRASE: full, WRONG: -1}.get(word, 0)

    async def once() -> Sample:
        shown, start = -1, time.perf_counter()
        with suppress(WrongPassphrase):
            notebook = await gate.unlock(word)
            shown = 0
        seconds = time.perf_counter() - start
        if shown == 0:
            shown = len(notebook.book.filed)
        require(shown == expected, f"{shown} records in place of {expected}")
        await gate.lock()  # behind a wipe it has overwritten what it closed
        for path, data in files.items():
            path.write_bytes(data)
        keystore.values = dict(held)
        return Sample(seconds)

    yield once
    await gate.shut()


def _bench(name: str, title: str, clock: Callable[[], float], short: bool, *, equal: bool = True) -> Bench:
    """Return a bench at the cost that this machine would choose; short: at the lowest legal cost."""
    cost = FLOOR if short else calibrate()

    def cell(what: str, kind: Kind, word: str) -> Cell:
        return Cell(what, kind, partial(_unlocking, cost, word, clock, equal))

    return Bench(
        name,
        f"{title} ({cost.memory_kib // 1024} MiB, {cost.passes} passes)",
        Goal(ratio=1.05),
        (
            cell("wrong", Kind.FLOOR, WRONG),
            cell("first", Kind.OURS, made_up.PASSPHRASE),
            cell("second", Kind.OURS, SECOND),
            cell("wipe", Kind.OURS, WIPE),
        ),
        repeats=1 if short else UNLOCKS,
    )


@asynccontextmanager
async def _unlocking(
    cost: KdfParameters, word: str, clock: Callable[[], float], equal: bool, directory: Path
) -> AsyncIterator[Operation]:
    device = directory / "device"
    first, second = await asyncio.to_thread(_device, device, cost, equal)
    expected = {made_up.PASSPHRASE: first, WRONG: -1}.get(word, second)
    header = (device / "v.hdr").read_bytes()

    async def once() -> Sample:
        seconds, shown = await asyncio.to_thread(_timed, device, word, clock)
        (device / "v.hdr").write_bytes(header)
        require(shown == expected, f"{shown} records in place of {expected}")
        return Sample(seconds)

    yield once


def _timed(directory: Path, word: str, clock: Callable[[], float]) -> tuple[float, int]:
    """Return the seconds of one unlock and how many records it shows, -1 when it does not open."""
    vault: Vault | None = None
    start = clock()
    with suppress(WrongPassphrase):
        vault = unlock(directory, word, NoKeystore(), now=START)
    seconds = clock() - start
    if vault is None:
        return seconds, -1
    shown = len(vault.records())
    vault.lock()
    return seconds, shown


def _device(directory: Path, cost: KdfParameters, equal: bool) -> tuple[int, int]:
    """Make a device with both words; returns how many records the first and the second notebook hold."""
    create(directory, made_up.PASSPHRASE, NoKeystore(), cost, now=START).lock()
    made_up.set_words(directory)
    return _filled(directory, made_up.PASSPHRASE, equal or None), _filled(directory, SECOND, equal)


def _filled(directory: Path, word: str, equal: bool | None) -> int:
    """Put records into one notebook: RECORDS of them where both are to be equal, as many as fit for None, else none."""
    vault = unlock(directory, word, NoKeystore(), now=START)
    count = vault.room if equal is None else RECORDS if equal else 0
    with vault.transaction(START) as tx:
        for number in range(count):
            tx.put(number.to_bytes(16, "little"), 1, bytes(3000))
    shown = len(vault.records())
    vault.lock()
    return shown
