"""P10: from the gesture that covers, on a screen full of a record, until nothing of it is shown; P10s: searching notes.

In chromium the clock runs inside the page, from the click until the semantics tree holds nothing of the question. In
this process it runs until the first message for the client; its parts say when the notes in front of the lock were sent.
The vault closes behind the blank screen. P10s compares a word that can never open with one that is tried and is wrong:
whoever searches must not be able to tell them apart.
"""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, cast

from bench import made_up, p3_tap, screens, served
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from fieldapp.domain.screening import Mode
from fieldapp.services.settings import Settings
from fieldapp.ui.state import Screen
from fieldapp.vault import FLOOR, KdfParameters, calibrate
from tests.fakes.clock import FixedClock
from tests.fakes.fake_flet import held_text

COVERS: Final = 10
"""Gestures in one round."""
SEARCHES: Final = 10
"""Searches of each kind in one round."""
PAUSE: Final = 3601
"""Seconds on the device's clock after each search, so that none is delayed: the count stays, the hour passes."""
SHORT: Final = "milk"
LONG: Final = "nothing that opens anything here"


def bench(*, short: bool = False) -> Bench:
    """Return P10 without a client."""
    return Bench(
        "P10",
        "cover: until a blank screen is sent, no client",
        Goal(extra=0.100),
        (Cell("counter", Kind.FLOOR, _counter), Cell("cover", Kind.OURS, _cover)),
        repeats=2 if short else COVERS,
    )


def bench_in_browser(*, short: bool = False) -> Bench | None:
    """Return P10b in chromium, None when there is none."""
    path = shutil.which("chromium")
    if path is None:
        return None
    return Bench(
        "P10b",
        "cover: until nothing of the record is shown, in chromium",
        Goal(extra=0.100),
        (
            Cell("counter", Kind.FLOOR, partial(_counter_in_browser, path)),
            Cell("cover", Kind.OURS, partial(_cover_in_browser, path)),
        ),
        repeats=2 if short else COVERS,
    )


def bench_search(*, short: bool = False) -> Bench:
    """Return P10s at the cost that this machine would choose; short: at the lowest legal cost."""
    cost = FLOOR if short else calibrate()
    return Bench(
        "P10s",
        f"search in the notes ({cost.memory_kib // 1024} MiB, {cost.passes} passes)",
        Goal(ratio=1.05),
        (
            Cell("long word, tried", Kind.FLOOR, partial(_searching, cost, LONG)),
            Cell("short word, not tried", Kind.OURS, partial(_searching, cost, SHORT)),
        ),
        repeats=1 if short else SEARCHES,
    )


@asynccontextmanager
async def _counter(_directory: Path) -> AsyncIterator[Operation]:
    async with screens.session(served.counter_app) as (screen, watched):
        numbers = count(1)

        async def once() -> Sample:
            return Sample(await screens.press(screen, watched, "add", f"count {next(numbers)}"))

        yield once


@asynccontextmanager
async def _cover(directory: Path) -> AsyncIterator[Operation]:
    gate = made_up.device(directory)
    await gate.create(made_up.PASSPHRASE, Settings())
    await gate.front.choose()
    await gate.lock()
    async with screens.app(gate) as (screen, watched):
        state = screens.state_of(screen.page)

        async def once() -> Sample:
            await state.unlock(made_up.PASSPHRASE)
            screenings = state.open.screenings
            draft = next(iter(screenings.unfinished), None) or await screenings.begin(
                Mode.OFFICER, language="en"
            )
            await state.save(replace(made_up.answered(), id=draft.id))
            state.go(Screen.OVERVIEW)
            await screen.settle()
            label = next(iter(draft.instrument.by_id.values())).label[state.language]
            require(label in held_text(screen.page.views), "the record is not on the screen")
            start = time.perf_counter()
            veiled = await screens.press(screen, watched, "cover", "")
            require(label not in held_text(screen.page.views), "the record is still there")
            await screen.wait_for(lambda: "note-new" in screen.identifiers())
            return Sample(veiled, {"until the notes are there": time.perf_counter() - start})

        yield once
    await gate.shut()


@asynccontextmanager
async def _counter_in_browser(chromium: str, directory: Path) -> AsyncIterator[Operation]:
    async with p3_tap.opened(chromium, "counter", directory) as window:
        numbers = count(1)

        async def once() -> Sample:
            return Sample(await window.tap("add", f"count {next(numbers)}"))

        yield once


@asynccontextmanager
async def _cover_in_browser(chromium: str, directory: Path) -> AsyncIterator[Operation]:
    async with p3_tap.opened(chromium, "field", directory) as window:

        async def once() -> Sample:
            await window.type("Passphrase", made_up.PASSPHRASE)
            for part, wanted in (("unlock", "new-screening"), *p3_tap.WAY_TO_QUESTIONS):
                await window.go(part, wanted)
            seconds = await window.tap_away("cover", "1 of 20")
            await window.wait("unlock")
            return Sample(seconds)

        yield once


@asynccontextmanager
async def _searching(cost: KdfParameters, word: str, directory: Path) -> AsyncIterator[Operation]:
    gate = made_up.device(directory, cost)
    clock = cast(FixedClock, gate.clock)
    await gate.create(made_up.PASSPHRASE, Settings())
    await gate.front.choose()
    await gate.lock()

    async def once() -> Sample:
        clock.advance(PAUSE)
        start = time.perf_counter()
        opened = await gate.search(word)
        seconds = time.perf_counter() - start
        require(opened is None, "a wrong word opened the device")
        return Sample(seconds)

    yield once
    await gate.shut()
