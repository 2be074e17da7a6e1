"""A walk through the field app outside the screening, in a real browser, photographed; look at ``shots/``."""

import re
from collections.abc import Callable

import pytest

from tests.browser.conftest import LOOKS, AppProcess, AppWindow, OpenApp, Scheme

PASSPHRASE = "made up canoe lantern gravel sixty"
CODE = "made up harbour"


def first_start(window: AppWindow) -> None:
    window.wait_text("Which language")
    window.shot("door-1-language")
    window.click("go-on")
    window.wait_text("How do you work?")
    window.click("work-outreach")
    window.shot("door-2-work")
    window.click("go-on")
    window.wait_text("Next: a passphrase")
    window.shot("door-3-keeping")
    window.click("go-on")
    window.wait_text("Your passphrase")
    window.click("passphrase-propose")
    window.wait_text("Write these five words")
    window.shot("door-4-proposed")
    window.click("passphrase-own")
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.shot("door-5-own")
    window.click("passphrase-choose")
    window.wait_text("New screening")


def a_case_with_rules(window: AppWindow) -> None:
    window.click("cases")
    window.wait_text("No cases yet")
    window.shot("cases-empty")
    window.click("case-new")
    window.wait_text("no safe times are known")
    window.shot("case-new")
    window.click("case-rules")
    window.wait_text("How to reach them?")
    window.click("channel-call")
    window.fill("Number or address", "+32 0 made up")
    window.click("seen-by-family")
    window.shot("rules-1")
    for chip in ("safe-mornings", "safe-evenings", "safe-weekend", "never-nights", "safe-other"):
        window.click(chip)
    window.wait_text("Add these hours")
    window.by_id("safe-add").scroll_into_view_if_needed()
    window.shot("rules-2")
    window.click("rules-save")
    window.wait_text("What was logged")
    window.shot("case")


def a_contact(window: AppWindow) -> None:
    window.click("case-log")
    window.wait_text("What happened?")
    window.shot("contact-what")
    window.click("direction-in")
    window.click("outcome-distress_word")
    window.wait_text("Keep the cover story.")
    window.shot("contact-distress")
    window.click("back")
    window.wait_text("What happened?")
    window.click("outcome-reached_safe")
    window.wait_text("Who else sees that device?")
    window.shot("contact-how")
    window.click("log-next")
    window.wait_text("When is the next safe time?")
    window.click("next-tomorrow")
    window.shot("contact-next")
    window.click("log-save")
    window.wait_text("Saved")
    window.shot("contact-saved")
    window.click("log-done")
    window.wait_text("New screening")


def a_recovery_sheet(window: AppWindow) -> None:
    window.click("sheet")
    window.wait_text("A code on paper")
    window.shot("sheet-1")
    window.click("sheet-make")
    window.wait_text("Write this down on paper")
    window.shot("sheet-2-code")
    (code,) = re.findall(r"(?:\b[0-9A-Z]{5} ){4}[0-9A-Z]{6}\b", window.text())
    window.click("sheet-written")
    window.wait_text("Now read it from the paper")
    window.fill("Code", code.lower())
    window.fill("Passphrase", PASSPHRASE)
    window.shot("sheet-3-read-back")
    window.click("sheet-test")
    window.wait_text("The sheet is good")
    window.shot("sheet-4-good")
    window.click("sheet-done")
    window.wait_text("Send now")


@pytest.mark.parametrize(("phone", "scheme"), LOOKS)
def test_a_walk_outside_the_screening(
    start_app: Callable[[str], AppProcess],
    open_window: OpenApp,
    phone: bool,
    scheme: Scheme,
) -> None:
    app = start_app("tests.browser.field_app")
    window: AppWindow = open_window(app.url, phone=phone, scheme=scheme)
    first_start(window)
    window.shot("home-new")
    a_case_with_rules(window)
    a_contact(window)
    window.shot("home")
    window.click("settings")
    window.wait_text("Send now")
    window.shot("settings")
    window.click("outbox")
    window.wait_text("Waits until this device is enrolled")
    window.shot("outbox")
    window.page.locator('[flt-semantics-identifier^="record-"]').last.dispatch_event("click")
    window.wait_text("On its way")
    window.shot("record")
    window.click("back")
    window.wait_text("Sent from here")
    window.click("back")
    window.wait_text("Send now")
    window.click("about")
    window.wait_text("What is protected")
    window.shot("about")
    window.click("back")
    window.wait_text("Send now")
    window.click("enrol")
    window.wait_text("Ask the clerk")
    window.fill("Code", "ooll1 23456")
    window.wait_text("of 52 characters")
    window.shot("enrol")
    window.click("back")
    window.wait_text("Send now")
    a_recovery_sheet(window)
    window.click("cover")
    window.wait_text("Locked")
    window.click("forgotten")
    window.wait_text("The code on the sheet")
    window.shot("recover")
    window.click("back")
    window.wait_text("Locked")
    window.fill("Passphrase", "a wrong one")
    window.click("unlock")
    window.wait_text("does not open this")
    window.shot("lock")
    window.fill("Passphrase", PASSPHRASE)
    window.page.keyboard.press("Enter")
    window.wait_text("New screening")
