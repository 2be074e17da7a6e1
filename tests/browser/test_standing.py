"""What a withdrawn or suspended device shows, in a real browser, photographed; look at ``shots/``."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import SHORT_LOOKS, AppProcess, OpenApp, Scheme
from tests.browser.test_notebooks import set_up


@pytest.mark.parametrize(("phone", "scheme"), SHORT_LOOKS)
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
