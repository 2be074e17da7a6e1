"""P2: from the tap on *Open* to the home screen, with every cell of the vault in use.

The floor is Argon2id alone, with the same passphrase and cost, in a thread as the gate runs it. P2k binds the vault to a
key store and sets both words: to one that answers at once, to gnome-keyring where that is installed, and, to be seen
beside them, to one that takes as long for a call as gnome-keyring through the library's own backend.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, cast

from bench import made_up, screens
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, Stopwatch, readable, require
from fieldapp.codec import draft_body
from fieldapp.domain.screening import Mode
from fieldapp.host.desktop_keystore import desktop_offer
from fieldapp.services.filed import Filed, What
from fieldapp.services.filing import Book
from fieldapp.services.kinds import Kind as RecordKind
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import (
    FLOOR,
    KdfParameters,
    Keystore,
    NoKeystore,
    UnlockAttempt,
    calibrate,
    device_keystore,
)
from fieldapp.vault.kdf import SALT_SIZE, stretch
from fieldapp.vault.vault import Transaction
from sync.canonical import Value
from sync.primitives import random_bytes
from tests.fakes.clock import START

UNLOCKS: Final = 3
"""Unlocks in one round."""
SLOW: Final = 0.040
"""Seconds that a call took which opens a connection of its own (`docs/adr/0053`)."""
DRAFTS: Final = 3
"""Unfinished screenings among the records; all other cells hold a finished one each."""


def bench(*, short: bool = False) -> Bench:
    """Return P2 at the cost that this machine would choose; short: at the lowest legal cost."""
    return _bench("P2", "unlock a full vault", short, {"tap on Open to home sent": _Device()})


def bench_with_words(*, short: bool = False) -> Bench:
    """Return P2w: the same on a device with a second and a wipe passphrase."""
    devices = {"tap on Open to home sent": _Device(words=True)}
    return _bench("P2w", "the same, second and wipe passphrase set", short, devices)


def bench_with_keystore(*, short: bool = False) -> Bench:
    """Return P2k: the same on a device with both passphrases and a bound key store."""
    devices = {"key store, at once": _Device(words=True, keystore=0.0)}
    if sys.platform == "linux" and shutil.which("gnome-keyring-daemon"):
        devices["gnome-keyring"] = _Device(words=True, service=True)
    devices[f"key store, {SLOW * 1000:.0f} ms a call"] = _Device(words=True, keystore=SLOW, peer=True)
    return _bench("P2k", "the same, bound to a key store", short, devices)


@dataclass(frozen=True, slots=True)
class _Device:
    words: bool = False
    keystore: float | None = None
    """Seconds of a call of its key store; None without one."""
    service: bool = False
    """Whether its key store is a real Secret Service."""
    peer: bool = False
    """Whether it is there for comparison only."""


def _bench(name: str, title: str, short: bool, devices: Mapping[str, _Device]) -> Bench:
    cost = FLOOR if short else calibrate()

    @asynccontextmanager
    async def floor(_directory: Path) -> AsyncIterator[Operation]:
        salt = random_bytes(SALT_SIZE)

        async def once() -> Sample:
            start = time.perf_counter()
            await asyncio.to_thread(stretch, made_up.PASSPHRASE, salt, cost)
            return Sample(time.perf_counter() - start)

        yield once

    return Bench(
        name,
        f"{title} ({cost.memory_kib // 1024} MiB, {cost.passes} passes)",
        Goal(extra=0.150),
        (
            Cell("Argon2id alone", Kind.FLOOR, floor),
            *(
                Cell(what, Kind.PEER if one.peer else Kind.OURS, partial(_full_device, cost, one))
                for what, one in devices.items()
            ),
        ),
        repeats=1 if short else UNLOCKS,
    )


@asynccontextmanager
async def _full_device(cost: KdfParameters, one: _Device, directory: Path) -> AsyncIterator[Operation]:
    with _keystore(one) as keystore:
        async with _opened_and_filled(cost, one, directory, keystore) as unlock:
            yield unlock


@contextmanager
def _keystore(one: _Device) -> Iterator[Keystore | None]:
    """Give a device its key store; a real one for as long as it is open."""
    if not one.service:
        yield None if one.keystore is None else made_up.SlowKeystore(one.keystore)
        return
    from tests.secret_service import BUS, secret_service  # its libraries are there on Linux only

    with tempfile.TemporaryDirectory() as folder, secret_service(Path(folder) / "service") as service:
        os.environ[BUS] = service.address
        keystore = device_keystore(Path(folder), desktop_offer())
        require(not isinstance(keystore, NoKeystore), "gnome-keyring does not answer")
        yield keystore


@asynccontextmanager
async def _opened_and_filled(
    cost: KdfParameters, one: _Device, directory: Path, keystore: Keystore | None
) -> AsyncIterator[Operation]:
    gate = made_up.device(directory, cost, keystore)
    notebook = await gate.create(made_up.PASSPHRASE, Settings())
    if one.words:
        await gate.lock()
        await asyncio.to_thread(made_up.set_words, gate.shelf.folder, keystore)
        notebook = await gate.unlock(made_up.PASSPHRASE)
    count = await fill(notebook)
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
            meanwhile = parts.pop("read ahead, beside Argon2id", 0.0)
            rest = seconds - sum(parts.values()) - max(0.0, meanwhile - parts["Argon2id"])
            return Sample(
                seconds,
                {**parts, "threads, first view": rest},
                {"read ahead beside it, ms": meanwhile * 1000},
            )

        with _parts() as stopwatch:
            yield unlock
    await gate.shut()


@contextmanager
def _parts() -> Iterator[Stopwatch]:
    stopwatch = Stopwatch()
    with (
        stopwatch.on("Argon2id", UnlockAttempt, "stretch"),
        stopwatch.on("count the attempt", UnlockAttempt, "begin"),
        stopwatch.on("read ahead, beside Argon2id", UnlockAttempt, "prepare"),
        stopwatch.on("decrypt", UnlockAttempt, "finish"),
        stopwatch.on("parse records", Book, "_load"),
        stopwatch.on("drafts, cases", Notebook, "__init__"),
    ):
        yield stopwatch


async def fill(notebook: Notebook) -> int:
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
