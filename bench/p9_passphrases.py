"""P9: unlocking with the first, the second, the wipe passphrase and a wrong one: the call until the vault is open or not.

All four are to take the same time. The floor is the first passphrase; the header is put back after each unlock, which
also undoes a wipe (its overwriting comes behind the notebook that is shown, and is not part of this).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from bench import made_up
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from fieldapp.vault import (
    FLOOR,
    ForcedWords,
    KdfParameters,
    NoKeystore,
    SlotKind,
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
SECOND: Final = "harmless sextant walnut copper ninety"
WIPE: Final = "goodbye marble anchor violet thirty"
WRONG: Final = "nothing that opens anything here"


def bench(*, short: bool = False) -> Bench:
    """Return P9 at the cost that this machine would choose; short: at the lowest legal cost."""
    cost = FLOOR if short else calibrate()
    return Bench(
        "P9",
        f"unlock with four passphrases ({cost.memory_kib // 1024} MiB, {cost.passes} passes)",
        Goal(ratio=1.05),
        (
            Cell("first", Kind.FLOOR, partial(_unlocking, cost, made_up.PASSPHRASE)),
            Cell("second", Kind.OURS, partial(_unlocking, cost, SECOND)),
            Cell("wipe", Kind.PEER, partial(_unlocking, cost, WIPE)),
            Cell("wrong", Kind.PEER, partial(_unlocking, cost, WRONG)),
        ),
        repeats=1 if short else UNLOCKS,
    )


@asynccontextmanager
async def _unlocking(cost: KdfParameters, word: str, directory: Path) -> AsyncIterator[Operation]:
    await asyncio.to_thread(_device, directory / "device", cost)
    header = (directory / "device" / "v.hdr").read_bytes()

    async def once() -> Sample:
        seconds, shown = await asyncio.to_thread(_timed, directory / "device", word)
        (directory / "device" / "v.hdr").write_bytes(header)
        expected = {made_up.PASSPHRASE: RECORDS, WRONG: -1}.get(word, 0)
        require(shown == expected, f"{shown} records in place of {expected}")
        return Sample(seconds)

    yield once


def _timed(directory: Path, word: str) -> tuple[float, int]:
    vault: Vault | None = None
    start = time.perf_counter()
    with suppress(WrongPassphrase):
        vault = unlock(directory, word, NoKeystore(), now=START)
    seconds = time.perf_counter() - start
    if vault is None:
        return seconds, -1
    shown = len(vault.records())
    vault.lock()
    return seconds, shown


def _device(directory: Path, cost: KdfParameters) -> None:
    vault = create(directory, made_up.PASSPHRASE, NoKeystore(), cost, now=START)
    with vault.transaction(START) as tx:
        for number in range(RECORDS):
            tx.put(number.to_bytes(16, "little"), 1, bytes(3000))
    ForcedWords(vault).set(SlotKind.OPEN, made_up.PASSPHRASE, SECOND, START)
    ForcedWords(vault).set(SlotKind.WIPE_THEN_OPEN, made_up.PASSPHRASE, WIPE, START, other=SECOND)
    vault.lock()
