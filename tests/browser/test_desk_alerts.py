"""A walk through the alerts room and the decisions about a device, in a real browser; look at ``shots/``."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import DESK_LOOK, AppProcess, AppWindow, OpenApp, Scheme
from tests.browser.test_desk import create


def alert(window: AppWindow, words: str) -> None:
    """Choose the alert whose row has these words."""
    rows = window.page.locator('[flt-semantics-identifier^="alert-"]')
    window.click(rows.filter(has_text=words).last)


@pytest.mark.parametrize(("phone", "scheme"), DESK_LOOK)
def test_alerts_and_decisions(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.desk_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    create(window, app)
    window.click("to-alerts")
    window.wait_text("No alerts")
    window.shot("alerts-1-empty")
    app.ask("wrongs")
    window.wait_text("A record is missing", seconds=60)
    window.wait_text("A device went back in time")
    window.shot("alerts-2-list")
    alert(window, "A record is missing")
    window.wait_text("What it does not mean")
    window.shot("alerts-3-gap")
    window.by_id("close-alert").scroll_into_view_if_needed()
    window.fill("Why is it settled?", "Made-up phone fell into a canal.")
    window.shot("alerts-4-reason")
    window.click("close-alert")
    window.wait_text("Closed today")
    window.shot("alerts-5-closed")
    if phone:
        window.click("back")
    alert(window, "A device went back in time")
    window.wait_text("Counted in the chain")
    window.shot("alerts-6-versions")
    window.click(window.page.locator('[flt-semantics-identifier^="examine-"]').last)
    window.wait_text("do not rely on it")
    window.shot("alerts-7-evidence")
    window.click("back")
    window.wait_text("Counted in the chain")
    if phone:
        window.click("back")
    alert(window, "Older files were put back")
    window.wait_text("A backup that was put back looks the same.")
    window.shot("alerts-7-put-back")
    if phone:
        window.click("back")
        window.wait_text("An alert holds nothing back")
    window.click("to-devices")
    window.wait_text("Made-up tablet 6")
    window.shot("alerts-8-devices")
    devices = window.page.locator('[flt-semantics-identifier^="device-"]')
    window.click(devices.filter(has_text="Made-up phone 5").last)
    window.wait_text("Withdraw for good")
    window.shot("alerts-9-device")
    window.click("suspend")
    window.wait_text("You can take this back.")
    window.shot("alerts-10-question")
    window.click("confirm-yes")
    window.wait_text("The device does not know it yet.")
    window.shot("alerts-11-suspended")
    window.click("withdraw")
    window.wait_text("This cannot be taken back")
    window.shot("alerts-12-withdraw")
    window.click("confirm-yes")
    window.wait_text("Withdrawn from number")
    window.shot("alerts-13-withdrawn")
