"""Fixtures that drive a real browser, and the habits that make it reliable with Flet's client.

The app runs in a process of its own (``tests.browser.serve_app``), or wherever a test starts it: `phone` and
`desktop` only need its address. Every browser context fails its test if a request outside 127.0.0.1 finishes.
Screenshots go to ``shots/``, which git ignores; look at them after a change.

Without chromium these tests are skipped, unless ``FIELDAPP_BROWSER=required`` is set: then they fail.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgpack  # type: ignore[import-untyped]
import pytest
from flet.messaging.protocol import MessageAction
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, WebSocket, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

ROOT: Final = Path(__file__).resolve().parents[2]
SHOTS: Final = ROOT / "shots"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
)
PHONE: Final = {"width": 412, "height": 915}
DESKTOP: Final = {"width": 1360, "height": 800}
PAUSE_BEFORE_TYPING: Final = 150
"""Milliseconds Flutter needs between focus and the first key, else it loses it."""

PAUSE_BEFORE_PAINT: Final = 300
"""Milliseconds from the first semantics to the first picture, on a slow machine without a GPU."""

WATCH_SOCKETS: Final = """
const Real = window.WebSocket;
window.sockets = [];
window.WebSocket = class extends Real {
  constructor(...all) { super(...all); window.sockets.push(this); }
};
"""
"""An init script that lets a test close the app's connection: ``window.sockets.at(-1).close()``."""

FRAMES_WAIT: Final = """
const frame = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (paint) => frame(function wait(at) {
  if (document.visibilityState === 'hidden') frame(wait); else paint(at);
});
"""
"""An init script: a hidden page draws no frame, as in a browser that somebody looks at. A headless one goes on."""

HIDE: Final = """() => {
  Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});
  document.dispatchEvent(new Event('visibilitychange', {bubbles: true}));
}"""
"""Turn to another tab."""

COME_BACK: Final = """() => {
  delete document.visibilityState;
  document.dispatchEvent(new Event('visibilitychange', {bubbles: true}));
  window.dispatchEvent(new Event('focus'));
}"""
"""Turn to this tab again."""

EVERYTHING = """() => [
  document.title, document.documentElement.outerHTML,
  ...Array.from(document.querySelectorAll('input, textarea'), (field) => field.value),
].join('\\n')"""
"""What a script in the page could read of it: all words, names and what stands in fields."""

PATIENCE: Final = 15_000
"""Milliseconds that anything may take on a busy machine. A test waits for what it needs, never for a time."""

steps = logging.getLogger("steps")
"""What a window was asked to do and what client and app then told each other: printed with a test that fails."""
steps.setLevel(logging.INFO)

OpenApp = Callable[..., "AppWindow"]

Scheme = Literal["light", "dark"]
LOOKS: Final[list[tuple[bool, Scheme]]] = [(True, "light"), (True, "dark"), (False, "light"), (False, "dark")]
"""(phone, scheme): in the long form every screen of a walk is photographed in all four."""

_LONG: Final = bool(os.environ.get("FIELDAPP_LONG"))
SHORT_LOOKS: Final = LOOKS if _LONG else [LOOKS[0], LOOKS[3]]
"""Both widths and both schemes: for the main ways of a worker and of a desk."""
PHONE_LOOK: Final = LOOKS if _LONG else [LOOKS[1]]
"""A phone at night, as a worker holds it: for every other walk."""
DESK_LOOK: Final = LOOKS if _LONG else [LOOKS[3]]
"""As a desk stands there most of the time: the same for its other walks."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as a browser test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def anyio_backend() -> str:
    """Flet runs on asyncio only."""
    return "asyncio"


def chromium_path() -> str:
    """Return the path of a chromium, or skip (or fail, where a browser is required)."""
    found = os.environ.get("FIELDAPP_CHROMIUM") or shutil.which("chromium")
    if found is None:
        if os.environ.get("FIELDAPP_BROWSER") == "required":
            pytest.fail("FIELDAPP_BROWSER=required, but there is no chromium")
        pytest.skip("no chromium")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One chromium for a module.

    Not for the whole run: Playwright keeps an event loop running in this thread, in which no asynchronous test of
    another module could start one. For the same reason a module has either browser tests or asynchronous ones.
    """
    path = chromium_path()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


class AppWindow:
    """A browser window with a Flet app in it, driven through its semantics tree."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.page.set_default_timeout(PATIENCE)
        self.name = name
        self._told: list[object] = []
        self._events = 0
        self.page.on("websocket", self._listen)

    def open(self, url: str) -> None:
        """Go to `url` and wait until the app can be driven."""
        self.page.goto(url)
        self.enable_semantics()

    def reload(self) -> None:
        """Reload the page, as the browser's button does."""
        self.page.reload()
        self.enable_semantics()

    def enable_semantics(self) -> None:
        """Switch the accessibility tree on; without it a Flutter page is one picture."""
        self.page.locator("flt-semantics-placeholder").dispatch_event("click", timeout=PATIENCE)
        self.page.locator("flt-semantics").first.wait_for(state="attached", timeout=PATIENCE)
        self.page.wait_for_timeout(PAUSE_BEFORE_PAINT)

    def by_id(self, identifier: str) -> Locator:
        """Return the part with this test identifier; of several views the newest."""
        return self.page.locator(f'[flt-semantics-identifier="{identifier}"]').last

    def button(self, words: str) -> Locator:
        """Return the button with these words."""
        return self.page.get_by_role("button", name=words).last

    def click(self, target: str | Locator) -> None:
        """Press a part by test identifier or locator, also inside scrolled content, once it can be pressed.

        Until the app has heard of what was typed before, a button may still be shown as not available.
        """
        part = self.by_id(target) if isinstance(target, str) else target
        part = part.and_(self.page.locator("[flt-tappable]")).last
        part.wait_for(state="attached", timeout=PATIENCE)
        for _ in range(3):
            steps.info("click %s", target)
            heard = self._events
            part.dispatch_event("click")
            # Flutter drops a click of a script on a part that it is just drawing anew; a finger's reaches the new one.
            # A drop-down list, which has no identifier here, opens without a word to the app.
            if not isinstance(target, str) or self._tells(lambda n=heard: self._events > n, seconds=1):
                return
        raise AssertionError(f"the client did not tell the app of a click on {target}")

    def press_if_there(self, identifier: str) -> None:
        """Press a part that may go away by itself at any moment."""
        with contextlib.suppress(PlaywrightTimeout):
            self.by_id(identifier).dispatch_event("click", timeout=3000)

    def fill(self, label: str, value: str) -> None:
        """Type `value` into the field with this accessible name, replacing what is there.

        Done when the client has told the app of exactly this value. What the page itself shows proves nothing: on a busy
        machine Flutter may not have heard of it; and a field that had the focus before the semantics were switched on is
        edited in a hidden element beside it.
        """
        steps.info("fill %s", label)
        # Only what can be typed in: a button "Choose a passphrase" of the page before is named so too.
        field = self.page.get_by_label(label).and_(self.page.locator("input, textarea")).last
        if field.input_value() == value:
            return
        self._told.clear()
        for attempt in range(1, 6):
            if attempt > 1:
                # Flutter hears of a field that has the focus already only when it gets it anew.
                field.evaluate("field => field.blur()")
                self.page.wait_for_timeout(PAUSE_BEFORE_TYPING)
            field.click(force=True)
            self.page.wait_for_timeout(PAUSE_BEFORE_TYPING * attempt)
            if attempt == 1:
                field.fill(value)
            else:
                self.page.keyboard.press("Control+A")
                self.page.keyboard.insert_text(value)
            if self._tells(lambda: self._told[-1:] == [value], seconds=attempt):
                return
        raise AssertionError(f"the field {label} does not take what is typed")

    def _tells(self, enough: Callable[[], bool], *, seconds: float) -> bool:
        """Wait until what the client has told the app is `enough`; False when it is not in `seconds`."""
        for _ in range(int(seconds * 20)):
            if enough():
                return True
            self.page.wait_for_timeout(50)
        return enough()

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._note)
        socket.on("framereceived", lambda frame: steps.info("app: %d bytes", len(frame)))
        socket.on("close", lambda _: steps.info("socket closed"))

    def _note(self, frame: bytes | str) -> None:
        """Count events and keep the value of a field that the client tells.

        A frame is one byte, then MessagePack: [action, body].
        """
        if not isinstance(frame, bytes):
            return
        action, body = msgpack.unpackb(frame[1:], strict_map_key=False)
        steps.info("client: %s %s", action, str(body)[:200])
        self._events += action == MessageAction.CONTROL_EVENT.value
        if isinstance(body, dict) and "value" in body.get("props", {}):
            self._told.append(body["props"]["value"])

    def wait_text(self, words: str, *, seconds: float = PATIENCE / 1000) -> None:
        """Wait until `words` are somewhere on the screen."""
        steps.info("wait for %s", words)
        self.page.get_by_text(words).last.wait_for(state="attached", timeout=seconds * 1000)

    def text(self) -> str:
        """Return all words on the screen."""
        return self.page.locator("flt-semantics-host").inner_text()

    def everything(self) -> str:
        """Return all that is in the page, also what is not drawn: titles, names of parts, contents of fields."""
        return str(self.page.evaluate(EVERYTHING))

    def shot(self, name: str) -> Path:
        """Write a screenshot of the settled screen to ``shots/<window>-<name>.png`` and return its path."""
        self.page.wait_for_timeout(400)
        SHOTS.mkdir(exist_ok=True)
        path = SHOTS / f"{self.name}-{name}.png"
        self.page.screenshot(path=path)
        return path


@contextmanager
def _window(
    browser: Browser, shape: dict[str, int], scheme: Literal["light", "dark"], profile: Path | None
) -> Iterator[AppWindow]:
    phone = shape == PHONE
    look: dict[str, Any] = {
        "viewport": {"width": shape["width"], "height": shape["height"]},
        "has_touch": phone,
        "color_scheme": scheme,
        "reduced_motion": "reduce",
        "locale": "en-GB",
        "timezone_id": "Europe/Brussels",
    }
    context: BrowserContext = (
        browser.new_context(**look)
        if profile is None
        else browser.browser_type.launch_persistent_context(
            profile, executable_path=chromium_path(), args=list(FLAGS), **look
        )
    )
    outside: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:http://127.0.0.1:")):
            outside.append(request.url)

    context.on("requestfinished", watch)
    try:
        yield AppWindow(context.new_page(), f"{'phone' if phone else 'desktop'}-{scheme}")
    finally:
        context.close()
    assert outside == [], "a request left this machine"


@pytest.fixture
def open_window(browser: Browser) -> Iterator[OpenApp]:
    """Return a function ``open_window(url, phone=True, scheme="light")`` that opens windows for one test.

    With a folder as `profile` it is a chromium of its own, which keeps there what it keeps for a person who uses it.
    """
    contexts: list[Any] = []

    def open_it(
        url: str,
        *,
        phone: bool = True,
        scheme: Literal["light", "dark"] = "light",
        profile: Path | None = None,
    ) -> AppWindow:
        context = _window(browser, PHONE if phone else DESKTOP, scheme, profile)
        window = context.__enter__()
        contexts.append(context)
        window.open(url)
        return window

    yield open_it
    for context in reversed(contexts):
        context.__exit__(None, None, None)


class AppProcess:
    """An app of the tests in its own process; talks with it in lines."""

    def __init__(self, module: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.serve_app", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._line()

    def ask(self, question: str) -> str:
        """Send a line to the process and return its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self._line()

    def new_url(self) -> str:
        """Return a fresh address that opens the app once."""
        return self.ask("url")

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, "the app's process ended"
        return line

    def stop(self) -> None:
        """End the process and check that it ended well."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0


@pytest.fixture
def start_app() -> Iterator[Callable[[str], AppProcess]]:
    """Return a function that serves the ``main`` of a test module through the loopback guard."""
    started: list[AppProcess] = []

    def start(module: str) -> AppProcess:
        started.append(AppProcess(module))
        return started[-1]

    yield start
    for process in started:
        process.stop()
