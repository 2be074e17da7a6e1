"""P3: from the tap on an answer to the next question, against the least that Flet can do for a tap: a counter.

In chromium the clock runs inside the page, from the click on the button to the change of the semantics tree that shows
the new words; no test driver is in between. In this process it runs from the event to the message for the client.
Ours saves the answer, encrypted and durable, before the next question shows; the counter saves nothing.
"""

import asyncio
import shutil
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from flet.messaging.session import Session
from playwright.async_api import Page, async_playwright

from bench import made_up, screens, served
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, Stopwatch, readable, require
from fieldapp.services.settings import Settings
from fieldapp.ui.state import Screen
from fieldapp.vault.store import CellStore
from tests.browser.conftest import FLAGS, PAUSE_BEFORE_TYPING, PHONE
from tests.fakes.fake_flet import FakeSession

TAPS: Final = 19
"""Taps in one round: from the first question to the last."""
ANSWERS: Final = ("answer-no", "answer-unknown")
"""Two that move on at once, in turn: the same one twice in a moment is taken for one tap."""
WAY_TO_QUESTIONS: Final = (
    ("new-screening", "alone-yes"),
    ("alone-yes", "who-next"),
    ("who-next", ANSWERS[0]),
)
"""What is pressed, and what is there afterwards."""

_TAP: Final = """
([identifier, words, there]) => new Promise((resolve, reject) => {
  const host = document.querySelector('flt-semantics-host');
  const marked = host.querySelectorAll(`[flt-semantics-identifier="${identifier}"]`);
  const part = marked[marked.length - 1];
  const start = performance.now();
  const observer = new MutationObserver(() => {
    if (host.textContent.includes(words) !== there) return;
    observer.disconnect();
    resolve((performance.now() - start) / 1000);
  });
  observer.observe(host, {subtree: true, childList: true, characterData: true, attributes: true});
  part.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
  setTimeout(() => reject(new Error('the next screen did not come')), 20000);
})
"""


def bench(*, short: bool = False) -> Bench | None:
    """Return P3 in chromium, None when there is none; short: few taps."""
    path = shutil.which("chromium")
    if path is None:
        return None
    return Bench(
        "P3",
        "tap to next question, in chromium",
        Goal(ratio=1.5),
        (
            Cell("counter", Kind.FLOOR, partial(_counter_in_browser, path)),
            Cell("answer to next question", Kind.OURS, partial(_question_in_browser, path)),
        ),
        repeats=3 if short else TAPS,
    )


def bench_in_process(*, short: bool = False) -> Bench:
    """Return P3 without a client: what the device computes and sends for one tap."""
    return Bench(
        "P3s",
        "tap to next question sent, no client",
        Goal(ratio=1.5),
        (
            Cell("counter", Kind.FLOOR, _counter_in_process),
            Cell("answer to next question", Kind.OURS, partial(_question_in_process, False)),
        ),
        repeats=3 if short else TAPS,
    )


def bench_with_words(*, short: bool = False) -> Bench:
    """Return P3w: what a second and a wipe passphrase cost at a tap; the floor is a device without them."""
    return Bench(
        "P3w",
        "tap to next question sent, second notebook set",
        Goal(ratio=1.05),
        (
            Cell("without", Kind.FLOOR, partial(_question_in_process, False)),
            Cell("with both passphrases", Kind.OURS, partial(_question_in_process, True)),
        ),
        repeats=3 if short else TAPS,
    )


Press = Callable[[str, str], Awaitable[float]]
"""Presses a part by its identifier and returns the seconds until some words show."""


def _taps_on_counter(press: Press) -> Operation:
    numbers = count(1)

    async def once() -> Sample:
        return Sample(await press("add", f"count {next(numbers)}"))

    return once


def _taps_on_answers(press: Press, parts: Callable[[], Mapping[str, float]] = dict) -> Operation:
    numbers = count()

    async def once() -> Sample:
        number = next(numbers)
        parts()
        return Sample(await press(ANSWERS[number % 2], f"{number + 2} of 20"), parts())

    return once


async def _check(directory: Path) -> None:
    """Require that the answers are in the vault, and readable nowhere."""
    gate = made_up.device(directory)
    (draft,) = (await gate.unlock(made_up.PASSPHRASE)).screenings.unfinished
    await gate.shut()
    taps = draft.order.index(draft.position.upper())
    require(taps > 0 and set(draft.order[:taps]) <= set(draft.answers), "an answer was not saved")
    require(not readable(directory, draft.alias.encode()), "the draft is readable on the disk")


# --- In this process ---------------------------------------------------------------------------------------


@asynccontextmanager
async def _counter_in_process(_directory: Path) -> AsyncIterator[Operation]:
    async with screens.session(served.counter_app) as (screen, watched):
        yield _taps_on_counter(partial(screens.press, screen, watched))


@asynccontextmanager
async def _question_in_process(words: bool, directory: Path) -> AsyncIterator[Operation]:
    gate = made_up.device(directory)
    await gate.create(made_up.PASSPHRASE, Settings())
    await gate.lock()
    if words:
        await asyncio.to_thread(made_up.set_words, gate.shelf.folder)
    stopwatch = Stopwatch()
    with (
        stopwatch.on("commit", CellStore, "write"),
        stopwatch.on("build, diff, encode", Session, "patch_control"),
    ):
        async with screens.app(gate) as (screen, watched):
            yield await _at_questions(screen, watched, stopwatch)
            await screen.settle()
    await gate.shut()
    await _check(directory)


async def _at_questions(screen: FakeSession, watched: screens.Watched, stopwatch: Stopwatch) -> Operation:
    """Unlock and go to the first question."""
    press = partial(screens.press, screen, watched)
    await screen.fill("Passphrase", made_up.PASSPHRASE)
    for part, wanted in (("unlock", "new-screening"), *WAY_TO_QUESTIONS):
        await press(part, wanted)
        await screen.settle()
    require(screens.state_of(screen.page).place.screen is Screen.QUESTION, "the questions did not come")
    return _taps_on_answers(press, stopwatch.take)


# --- In chromium -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _counter_in_browser(chromium: str, directory: Path) -> AsyncIterator[Operation]:
    async with opened(chromium, "counter", directory) as press:
        yield _taps_on_counter(press.tap)


@asynccontextmanager
async def _question_in_browser(chromium: str, directory: Path) -> AsyncIterator[Operation]:
    async with opened(chromium, "field", directory) as press:
        await press.type("Passphrase", made_up.PASSPHRASE)
        for part, wanted in (("unlock", "new-screening"), *WAY_TO_QUESTIONS):
            await press.go(part, wanted)
        yield _taps_on_answers(press.tap)
    await _check(directory)


class Window:
    """A page of chromium with a Flet app in it, driven through its semantics tree."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def open(self, url: str) -> None:
        """Go to the app and make it tell what it shows."""
        await self._page.goto(url)
        await self._page.locator("flt-semantics-placeholder").dispatch_event("click")
        await self._page.locator("flt-semantics").first.wait_for(state="attached")

    async def type(self, label: str, words: str) -> None:
        """Type into a field."""
        field = self._page.get_by_label(label).last
        await field.click(force=True)
        await self._page.wait_for_timeout(PAUSE_BEFORE_TYPING)
        await field.fill(words)
        await self._page.wait_for_timeout(PAUSE_BEFORE_TYPING)

    async def go(self, part: str, wanted: str) -> None:
        """Press a part and wait until another is there."""
        await self._page.locator(f'[flt-semantics-identifier="{part}"]').last.dispatch_event("click")
        await self._page.locator(f'[flt-semantics-identifier="{wanted}"]').last.wait_for(state="attached")

    async def wait(self, wanted: str) -> None:
        """Wait until a part is there."""
        await self._page.locator(f'[flt-semantics-identifier="{wanted}"]').last.wait_for(state="attached")

    async def tap(self, part: str, words: str) -> float:
        """Press a part and return the seconds until `words` are on the screen; see Press."""
        return float(await self._page.evaluate(_TAP, [part, words, True]))

    async def tap_away(self, part: str, words: str) -> float:
        """Press a part and return the seconds until `words` are on the screen no more."""
        return float(await self._page.evaluate(_TAP, [part, words, False]))


@asynccontextmanager
async def opened(chromium: str, name: str, directory: Path) -> AsyncIterator["Window"]:
    """Serve an app from a process of its own and open it in chromium."""
    async with _server(name, directory) as url, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        context = await browser.new_context(
            viewport={"width": PHONE["width"], "height": PHONE["height"]},
            has_touch=True,
            reduced_motion="reduce",
            locale="en-GB",
        )
        window = Window(await context.new_page())
        await window.open(url)
        yield window
        await browser.close()


@asynccontextmanager
async def _server(name: str, directory: Path) -> AsyncIterator[str]:
    process: Process = await create_subprocess_exec(
        sys.executable, "-m", "bench.served", name, str(directory), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        require(bool(url), "the app did not start")
        yield url
    finally:
        process.stdin.close()
        require(await process.wait() == 0, "the app did not end well")
