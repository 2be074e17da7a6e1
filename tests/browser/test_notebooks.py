"""A walk through a device of two workers, in a real browser, photographed; look at ``shots/``."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import PHONE_LOOK, AppProcess, AppWindow, OpenApp, Scheme

PASSPHRASE = "made up canoe lantern gravel sixty"


def set_up(window: AppWindow) -> None:
    """Walk through the steps of a first start with a passphrase of one's own."""
    window.click("go-on")
    window.wait_text("How do you work?")
    window.click("go-on")
    window.wait_text("Next: a passphrase")
    window.click("go-on")
    window.by_id("passphrase-choose").wait_for(state="attached")  # "your passphrase" is on the page before
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.click("passphrase-choose")
    window.wait_text("New screening")


@pytest.mark.parametrize(("phone", "scheme"), PHONE_LOOK)
def test_a_second_worker(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.field_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    window.wait_text("Which language")
    set_up(window)
    window.click("settings")
    window.wait_text("Add a notebook for a colleague")
    window.shot("notebooks-1-settings")
    window.click("add-notebook")
    window.wait_text("Yours is locked now")
    window.shot("notebooks-2-question")
    window.click("confirm-yes")
    window.wait_text("Notebook 2 is yours alone")
    window.shot("notebooks-3-begun")
    set_up(window)
    window.click("cover")
    window.wait_text("Which one is yours?")
    window.shot("notebooks-4-lock")
    window.click("notebook-1")
    window.fill("Passphrase", "made up zebra that opens nothing")
    window.page.keyboard.press("Enter")
    window.wait_text("That passphrase does not open this")
    assert "zebra" not in window.everything(), "what was typed does not stay in the page"
    window.fill("Passphrase", PASSPHRASE)
    window.click("unlock")
    window.wait_text("New screening")
