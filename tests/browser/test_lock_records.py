"""T8 on the real field app: whoever reloads it or takes its network away stands before the lock, and sees no record.

Nor does whoever comes when somebody has turned to another window or tab, or has covered the screen.

The canary is the name of a person and a note of one question; the record's alias and its question are watched too.
What arrives on the websocket is read as well: nothing may be sent that is only not drawn. So is, once, all that the
browser keeps on the disk. In the last round the notes stand in front of the lock.
"""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import WebSocket

from tests.browser.conftest import (
    COME_BACK,
    FRAMES_WAIT,
    HIDE,
    WATCH_SOCKETS,
    AppProcess,
    AppWindow,
    OpenApp,
)
from tests.fakes.canary import canary, leaks

ROUNDS = 20 if os.environ.get("FIELDAPP_LONG") else 7
"""`test_lock_reload` does it 20 times with less on the screen."""
PASSPHRASE = "made up canoe lantern gravel sixty"
NAME, NOTE = canary(1), canary(2)
QUESTION = "3 of 20"


class Wire:
    """Every frame that the app has sent to this window, over all its connections."""

    def __init__(self, window: AppWindow) -> None:
        self.frames: list[bytes] = []
        window.page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._keep)

    def _keep(self, frame: str | bytes) -> None:
        self.frames.append(frame.encode() if isinstance(frame, str) else frame)

    def take(self) -> bytes:
        """Return what came since the last call."""
        came = b"".join(self.frames)
        self.frames.clear()
        return came


class Device:
    """The field app in one window, with an open screening."""

    def __init__(self, app: AppProcess, window: AppWindow) -> None:
        self.app = app
        self.window = window
        self.wire = Wire(window)
        window.page.add_init_script(WATCH_SOCKETS)
        window.page.add_init_script(FRAMES_WAIT)
        window.reload()
        self._set_up()
        self._begin()
        self.alias = app.ask("alias")
        self.secrets = (NAME, NOTE, self.alias, QUESTION)

    def _set_up(self) -> None:
        window = self.window
        for words in ("Which language", "How do you work?", "Next: a passphrase"):
            window.wait_text(words)
            window.click("go-on")
        window.by_id("passphrase-choose").wait_for(
            state="attached"
        )  # "your passphrase" is on the page before
        window.fill("Passphrase", PASSPHRASE)
        window.fill("The same once more", PASSPHRASE)
        window.click("passphrase-choose")
        window.wait_text("New screening")

    def _begin(self) -> None:
        """Answer two questions, and leave a note at the third."""
        window = self.window
        window.click("new-screening")
        window.click("alone-yes")
        window.by_id("who-next").wait_for(state="attached")
        window.fill("Name as spoken", NAME)
        window.click("who-next")
        window.wait_text("1 of 20")
        window.click("answer-no")
        window.wait_text("2 of 20")
        window.click("answer-unknown")
        window.wait_text(QUESTION)
        window.click("more")
        window.by_id("basis-said").wait_for(state="attached")
        window.fill("Note", NOTE)
        window.click("basis-said")

    def counts(self) -> tuple[int, int, int]:
        """Return sessions ever, whether the vault is open, and the sessions that Flet still keeps."""
        ever, opened, kept = self.app.ask("counts").split()
        return int(ever), int(opened), int(kept)

    def show_the_note(self) -> None:
        """Have the note on the screen, and see that the searches find what they must find here."""
        window = self.window
        window.click("more")
        window.by_id("basis-said").wait_for(state="attached")
        assert QUESTION in window.everything()
        assert self.counts()[1] == 1
        came = self.wire.take()
        assert [word for word in (NOTE, self.alias) if word.encode() in came] == [NOTE, self.alias]

    def resume(self) -> None:
        """Unlock, and go on at the question where it was left."""
        window = self.window
        window.fill("Passphrase", PASSPHRASE)
        window.click("unlock")
        draft = window.page.locator('[flt-semantics-identifier^="resume-"]').last
        draft.wait_for(state="attached")
        window.click(draft)
        window.wait_text(QUESTION)

    def assert_locked(self, sessions: int, *, notes: bool = False) -> None:
        """See the lock screen of session number `sessions`, or the notes; nothing of the record, and no other session."""
        window = self.window
        window.by_id("note-new" if notes else "unlock").wait_for(state="attached")
        window.wait_text("No notes yet" if notes else "Locked")
        assert self.counts() == (sessions, 0, 1), "the session before is gone, and the vault is closed"
        shown, came = window.everything(), self.wire.take()
        assert [word for word in self.secrets if word in shown] == []
        assert [word for word in self.secrets if word.encode() in came] == []

    def reload(self) -> None:
        """Press the browser's button; what the new page holds before it can be driven is searched as well."""
        self.wire.take()
        self.window.page.reload()
        assert [word for word in self.secrets if word in self.window.everything()] == []
        self.window.enable_semantics()

    def leave(self, script: str) -> None:
        """Turn away from the page, see that it holds nothing of the record, and come back to the same place."""
        window = self.window
        self.wire.take()
        window.page.evaluate(script)
        self.wait(lambda: not any(word in window.everything() for word in self.secrets))
        assert window.text().strip() == ""
        came = self.wire.take()
        assert [word for word in self.secrets if word.encode() in came] == []
        window.page.evaluate(COME_BACK)
        window.wait_text(QUESTION)

    def cover(self) -> None:
        """Press the key that hides the screen."""
        self.wire.take()
        self.window.page.keyboard.press("Escape")
        self.assert_locked(self.counts()[0])

    def drop(self, sessions: int) -> None:
        """Cut the connection and wait until the client has come back by itself, asking for the session it had."""
        self.wire.take()
        self.window.page.evaluate("window.sockets.at(-1).close()")
        self.wait(lambda: self.counts()[0] >= sessions)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let the page run until `condition` holds. (The page's own policy forbids Playwright to wait inside it.)"""
        for _ in range(1200):
            if condition():
                return
            self.window.page.wait_for_timeout(25)
        raise AssertionError("it never happened")


@pytest.mark.parametrize("event", ["reload", "drop"])
def test_neither_reloads_nor_dropped_sockets_show_a_record_to_who_comes_next(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, event: str, tmp_path: Path
) -> None:
    app = start_app("tests.browser.field_app")
    window = open_window(app.url, profile=tmp_path if event == "drop" else None)
    device = Device(app, window)
    device.reload()  # what was typed here only went out; from now on it comes over the wire
    device.resume()
    device.show_the_note()
    device.leave(HIDE)
    device.leave("window.dispatchEvent(new Event('blur'))")
    device.cover()
    device.resume()
    for left in reversed(range(ROUNDS + 1)):
        if left == 0:
            device.wait(lambda: app.ask("notes") == "True")
        device.show_the_note()
        sessions = device.counts()[0] + 1
        if event == "reload":
            device.reload()
        else:
            device.drop(sessions)
        device.assert_locked(sessions, notes=left == 0)
        if left:
            device.resume()
    if event == "drop":
        window.page.context.close()
        assert leaks([urlsplit(app.url).netloc], [tmp_path]), (
            "it does keep something, and the search finds it"
        )
        assert leaks([*device.secrets, PASSPHRASE], [tmp_path]) == []
