"""What the centre says, on a phone and at the desk that says it, in a real browser, photographed; look at ``shots/``."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import DESK_LOOK, PHONE_LOOK, AppProcess, AppWindow, OpenApp, Scheme
from tests.browser.test_desk import create
from tests.browser.test_field_walk import first_start


@pytest.mark.browser
@pytest.mark.parametrize(("phone", "scheme"), DESK_LOOK)
def test_a_worker_reads_what_the_centre_says(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.told_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    first_start(window)
    app.ask("told")
    window.wait_text("2 new messages from the centre")
    window.shot("told-1-home")
    assert "door is locked" not in window.everything()
    window.click("messages")
    window.wait_text("door is locked")
    window.shot("told-2-messages")
    window.page.locator('[flt-semantics-identifier^="read-"]').first.dispatch_event("click")
    window.wait_text("read")
    window.shot("told-3-read")
    window.click("back")
    window.wait_text("1 new message from the centre")
    window.click("cases")
    window.page.locator('[flt-semantics-identifier^="case-"]').filter(has_text="otter").last.dispatch_event(
        "click"
    )
    window.wait_text("You and the centre both changed these rules")
    assert "111 made up" not in window.everything()
    window.shot("told-4-both")
    window.by_id("use-centre").scroll_into_view_if_needed()
    window.shot("told-5-choice")
    window.click("use-centre")
    window.wait_text("What was logged")
    window.shot("told-6-chosen")
    window.click("back")
    window.wait_text("New case")
    window.click("back")
    window.wait_text("New screening")
    window.click("settings")
    window.wait_text("Send now")
    window.shot("told-7-settings")
    app.ask("trouble")
    window.click("outbox")
    record = window.page.locator('[flt-semantics-identifier^="record-"]').last
    record.wait_for(state="attached")
    window.click(record)
    window.wait_text("You can also carry a sealed copy")
    window.by_id("save-sealed").scroll_into_view_if_needed()
    window.shot("told-8-sealed-copy")
    for words in ("Sent from here", "Lock now", "An older passphrase may open it again."):
        window.click("back")
        window.wait_text(words)
    window.shot("told-9-older-lock")
    window.click("error-action")
    window.wait_text("New screening")


def walk_the_device(window: AppWindow) -> None:
    window.click("to-devices")
    window.wait_text("Made-up phone 1")
    window.click(
        window.page.locator('[flt-semantics-identifier^="device-"]').filter(has_text="Made-up phone 1").last
    )
    window.wait_text("To the device")
    window.shot("telling-1-device")
    window.click("give-tokens")
    window.wait_text("New passes are on their way")
    window.shot("telling-2-passes")
    window.click("write-message")
    window.wait_text("Write no names")
    window.fill("Message", "Made-up question: since when is the door locked?")
    window.shot("telling-3-message")
    window.click("send-message")
    window.wait_text("Sent before")
    window.shot("telling-4-sent")
    window.click("back")
    window.wait_text("To the device")
    window.click("wipe")
    window.wait_text("Two people sign")
    window.shot("telling-5-wipe")
    window.click("order-wipe")
    window.wait_text("Nothing happens before")
    window.shot("telling-6-asked")
    window.click("confirm-yes")
    window.wait_text("The second person signs here")
    window.shot("telling-7-second")


def change_rules(window: AppWindow) -> None:
    window.click("to-inbox")
    window.wait_text("Now and within 24 hours")
    window.click(window.page.locator('[flt-semantics-identifier^="row-"]').filter(has_text="willow").last)
    window.wait_text("Opening tells the device")
    window.click("open-record")
    window.wait_text("Reach safely")
    window.by_id("change-rules").scroll_into_view_if_needed()
    window.shot("telling-8-record")
    window.click("change-rules")
    window.wait_text("the more careful ones count")
    window.shot("telling-9-rules")
    window.by_id("send-rules").scroll_into_view_if_needed()
    window.click("send-rules")
    window.by_id("open-record").wait_for(state="attached")


@pytest.mark.browser
@pytest.mark.parametrize(("phone", "scheme"), PHONE_LOOK)
def test_a_desk_tells_a_device(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.desk_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    create(window, app)
    app.ask("cases")
    window.wait_text("marble")
    walk_the_device(window)
    change_rules(window)
