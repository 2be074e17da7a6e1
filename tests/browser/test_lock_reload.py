"""T8 in a real browser: a reload or a lost connection never shows an unlocked screen to whoever comes next.

On the smallest app with a lock, which always has a message on its way; `test_lock_records` shows the same on the real
one, more often.
"""

from collections.abc import Callable

import pytest

from tests.browser.conftest import COME_BACK, FRAMES_WAIT, HIDE, WATCH_SOCKETS, AppProcess, AppWindow, OpenApp
from tests.browser.lock_app import SECRET

ROUNDS = 5


def counts(app: AppProcess) -> tuple[int, int, int]:
    """Return sessions ever, open ones, and those that Flet still keeps."""
    ever, opened, kept = app.ask("counts").split()
    return int(ever), int(opened), int(kept)


def unlock(window: AppWindow) -> None:
    window.wait_text("Notebook")
    window.click("unlock")
    window.wait_text(SECRET)


def wait_locked(window: AppWindow) -> None:
    window.by_id("unlock").wait_for(state="attached")
    assert SECRET not in window.text()


def test_reloads_never_show_or_leave_an_unlocked_session(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.lock_app")
    window = open_window(app.url)
    for done in range(ROUNDS):
        unlock(window)
        assert counts(app)[1] == 1
        window.page.reload()
        assert SECRET not in window.page.content()
        window.enable_semantics()
        wait_locked(window)
        ever, opened, kept = counts(app)
        assert (ever, opened) == (done + 2, 0)
        assert kept == 1, "the session before the reload is gone"


def test_dropped_sockets_never_show_or_leave_an_unlocked_session(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.lock_app")
    window = open_window(app.url)
    window.page.add_init_script(WATCH_SOCKETS)
    window.reload()
    for _ in range(ROUNDS):
        unlock(window)
        before = counts(app)[0]
        window.page.evaluate("window.sockets.at(-1).close()")
        # The client connects again by itself, asking for the session it had.
        for _ in range(100):
            if counts(app)[0] > before:
                break
            window.page.wait_for_timeout(50)
        wait_locked(window)
        ever, opened, kept = counts(app)
        assert (ever, opened, kept) == (before + 1, 0, 1)


def test_a_second_window_locks_the_first(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.lock_app")
    first = open_window(app.url)
    unlock(first)
    second = AppWindow(first.page.context.new_page(), "second")
    second.open(app.url.split("?")[0])
    second.wait_text("Notebook")
    first.page.bring_to_front()
    first.wait_text("This window is closed.")
    assert SECRET not in first.text()
    assert counts(app)[1] == 0


@pytest.mark.parametrize("gesture", ["button", "key", "edge"])
def test_one_gesture_hides_everything(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, gesture: str
) -> None:
    app = start_app("tests.browser.lock_app")
    window = open_window(app.url)
    unlock(window)
    if gesture == "button":
        window.click("cover")
    elif gesture == "key":
        window.page.keyboard.press("Escape")
    else:
        window.page.mouse.move(206, 908)
        window.page.mouse.down()
        window.page.wait_for_timeout(900)
        window.page.mouse.up()
    wait_locked(window)
    assert counts(app)[1] == 0


def test_losing_focus_blanks_the_screen(start_app: Callable[[str], AppProcess], open_window: OpenApp) -> None:
    app = start_app("tests.browser.lock_app")
    window = open_window(app.url)
    unlock(window)
    window.page.evaluate("window.dispatchEvent(new Event('blur'))")
    window.page.get_by_text(SECRET).wait_for(state="detached")
    window.shot("kit-veiled")
    assert window.text().strip() == ""
    assert counts(app)[1] == 1, "blank, not locked"
    window.page.evaluate("window.dispatchEvent(new Event('focus'))")
    window.wait_text(SECRET)


def test_a_page_that_is_hidden_in_the_same_moment_is_blank_before_it_draws_no_more(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.lock_app")
    window = open_window(app.url)
    window.page.add_init_script(FRAMES_WAIT)
    window.reload()
    unlock(window)
    for _ in range(2):
        window.page.evaluate(HIDE)
        window.page.get_by_text(SECRET).wait_for(state="detached")
        assert window.text().strip() == ""
        while app.ask("hidden") == "False":
            window.page.wait_for_timeout(50)
        assert counts(app)[1] == 1, "blank, not locked: the time in the background has begun"
        window.page.evaluate(COME_BACK)
        window.wait_text(SECRET)
        assert app.ask("hidden") == "False"
