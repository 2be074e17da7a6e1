"""If somebody forces you, in a real browser, photographed; look at ``shots/``."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import PHONE_LOOK, AppProcess, OpenApp, Scheme
from tests.browser.test_field_walk import PASSPHRASE
from tests.browser.test_notebooks import set_up

SECOND = "harmless sextant walnut copper ninety"


@pytest.mark.parametrize(("phone", "scheme"), PHONE_LOOK)
def test_a_second_passphrase_is_set_and_opens_another_notebook(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.forced_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    window.wait_text("Which language")
    set_up(window)
    window.click("settings")
    window.wait_text("Lock now")
    window.click("forced")
    window.wait_text("Two more passphrases")
    window.shot("forced")
    window.click("forced-erase")
    window.wait_text("Erase this notebook now?")
    window.shot("forced-erase")
    window.click("confirm-no")
    window.wait_text("Your passphrase then opens")
    window.click("forced-second")
    window.wait_text("It opens another notebook")
    window.fill("Your passphrase", PASSPHRASE)
    window.fill("Passphrase", SECOND)
    window.fill("The same once more", SECOND)
    window.shot("forced-word")
    window.click("passphrase-choose")
    window.wait_text("Done and tested")
    window.shot("forced-done")
    window.click("forced-done")
    window.wait_text("Tap to change or remove it")
    window.click("back")
    window.wait_text("Lock now")
    window.click("copied")
    window.wait_text("What a new key does")
    window.shot("copied")
    window.click("new-key")
    window.wait_text("Have paper at hand")
    window.shot("copied-new-key")
    window.click("cover")
    window.wait_text("Locked")
    window.fill("Passphrase", SECOND)
    window.click("unlock")
    window.wait_text("New screening")
    window.shot("forced-second-home")
