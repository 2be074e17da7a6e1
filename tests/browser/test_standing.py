"""What a withdrawn or suspended device shows, and one that a PIN may open, in a real browser; look at ``shots/``."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import PHONE_LOOK, AppProcess, OpenApp, Scheme
from tests.browser.test_notebooks import PASSPHRASE, set_up

PIN = "840293"


@pytest.mark.parametrize(("phone", "scheme"), PHONE_LOOK)
def test_what_the_worker_is_told(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.standing_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    window.wait_text("Which language")
    set_up(window)
    for standing, words in (
        ("suspended", "The centre asks this device to wait."),
        ("revoked", "This device no longer belongs to the centre."),
        ("put_back", "older than they were"),
    ):
        app.ask(standing)
        window.click("settings")
        window.wait_text("Lock now")
        window.click("back")
        window.wait_text(words)
        window.shot(f"standing-{standing}")
    app.ask("enrolled")
    window.click("settings")
    window.wait_text("Use a PIN")
    window.shot("pin-settings")
    window.click("pin")
    window.wait_text("A PIN is quicker to type.")
    window.fill("Old passphrase", PASSPHRASE)
    window.fill("New PIN", "121212")
    window.wait_text("Too easy to guess.")
    window.shot("pin-weak")
    window.fill("New PIN", PIN)
    window.fill("The same PIN once more", PIN)
    window.shot("pin-chosen")
    window.click("pin-choose")
    window.wait_text("The PIN is set")
    window.click("cover")
    window.wait_text("Type letters")
    window.fill("PIN", PIN)
    window.shot("pin-lock")
    window.click("unlock")
    window.wait_text("New screening")
    app.ask("suspended")
    window.click("settings")
    window.wait_text("Use a passphrase")
    window.click("back")
    window.wait_text("Until then the PIN opens it.")
    window.shot("pin-withdrawn")
