"""One walk through the desk in a real browser: from an empty folder to an acknowledged record and a new device."""

from collections.abc import Callable

import pytest

from tests.browser.conftest import SHORT_LOOKS, WATCH_SOCKETS, AppProcess, AppWindow, OpenApp, Scheme

PASSPHRASE = "made up canoe lantern gravel sixty"
RECORD = ("willow", "Not for: town hall")


def create(window: AppWindow, app: AppProcess) -> None:
    """Create a centre while its relay is away, then let the operator add it."""
    window.wait_text("Which language")
    app.ask("off")
    window.shot("desk-01-language")
    window.click("go-on")
    window.fill("Name of the centre", "Made-up centre")
    window.shot("desk-02-name")
    window.click("go-on")
    window.fill("Address of the relay", "relay.example.invalid")
    window.shot("desk-03-relay")
    window.click("go-on")
    window.wait_text("Who keeps the centre")
    window.shot("desk-03-keys")
    window.click("go-on")
    window.wait_text("The passphrase of this desk")
    window.shot("desk-04-passphrase")
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.click("passphrase-choose")
    window.wait_text("Now write down its key")
    window.click("show")
    window.wait_text("Write them in this order")
    window.shot("desk-05-ceremony")
    window.click("written")
    window.wait_text("The operator of the relay adds this centre once")
    window.shot("desk-06-handover")
    app.ask("on")
    app.ask("register")
    window.press_if_there("try-now")
    window.wait_text("Devices can be enrolled")
    window.click("to-inbox")
    window.wait_text("Nothing has arrived")
    window.shot("desk-07-empty")


def read_and_acknowledge(window: AppWindow) -> None:
    window.wait_text("Now and within 24 hours")
    window.wait_text("marble")
    window.shot("desk-08-inbox")
    row = window.page.locator('[flt-semantics-identifier^="row-"]').filter(has_text="willow").last
    window.click(row)
    window.wait_text("Opening tells the device")
    window.shot("desk-09-closed")
    assert "Made-up Canary" not in window.text()
    window.click("open-record")
    window.wait_text("Reach safely")
    window.shot("desk-10-open")
    window.click("acknowledge")
    window.wait_text("Acknowledged today")
    window.shot("desk-11-acknowledged")


def enrol(window: AppWindow, app: AppProcess) -> None:
    window.click("to-devices")
    window.wait_text("Made-up phone 1")
    window.shot("desk-12-devices")
    window.click("enrol")
    window.fill("Name of the device", "Made-up phone 9")
    window.shot("desk-13-enrol")
    window.click("begin")
    window.wait_text("Waiting for the device")
    window.page.wait_for_timeout(1500)
    window.shot("desk-14-code")
    app.ask("hello")
    window.wait_text("Compare all eight groups")
    window.shot("desk-15-digits")
    window.click("match")
    window.wait_text("The device is enrolled")
    window.shot("desk-16-enrolled")
    window.click("done")
    window.wait_text("Made-up phone 9")


def assert_locked(window: AppWindow) -> None:
    window.by_id("unlock").wait_for(state="attached")
    shown = window.everything()
    assert [word for word in (*RECORD, "Made-up") if word in shown] == []


def lose_the_window(window: AppWindow) -> None:
    """Reload over an open record, unlock, and lose the connection over the same record."""
    for event in ("window.location.reload()", "window.sockets.at(-1).close()"):
        window.click("to-inbox")
        row = window.page.locator('[flt-semantics-identifier^="row-"]').filter(has_text="willow").last
        row.wait_for(state="attached")
        window.click(row)
        window.wait_text(RECORD[1])
        assert [word for word in RECORD if word in window.everything()] == list(RECORD)
        window.page.evaluate(event)
        if "reload" in event:
            window.enable_semantics()
        assert_locked(window)
        window.fill("Passphrase", PASSPHRASE)
        window.click("unlock")
        window.wait_text("Now and within 24 hours")


@pytest.mark.parametrize(("phone", "scheme"), SHORT_LOOKS)
def test_a_centre_from_nothing_to_an_acknowledged_record(
    start_app: Callable[[str], AppProcess],
    open_window: OpenApp,
    phone: bool,
    scheme: Scheme,
) -> None:
    app = start_app("tests.browser.desk_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    window.page.add_init_script(WATCH_SOCKETS)
    create(window, app)
    app.ask("cases")
    read_and_acknowledge(window)
    if phone:
        window.click("back")
    enrol(window, app)
    for place, words in (("quarantine", "For a technician"), ("settings", "Light or dark")):
        window.click(f"to-{place}")
        window.wait_text(words)
        window.shot(f"desk-17-{place}")
    window.click("carried")
    window.wait_text("carries it here")
    window.shot("desk-17-carried")
    window.click("back")
    window.wait_text("Light or dark")
    if not phone:
        lose_the_window(window)
    window.click("cover")
    window.wait_text("Locked")
    assert_locked(window)
    window.shot("desk-18-locked")
