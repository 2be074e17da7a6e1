"""The demo as a visitor uses it: take the network away, finish, see it wait, bring it back, open it at the desk."""

import re
import socket
from pathlib import Path

from tests.browser.conftest import AppWindow, OpenApp
from tests.browser.programs import Program

FIELD = "harbour lantern willow copper stone"
DESK = "meadow granite signal orchard flint"


class Demo(Program):
    """`fieldapp demo` with the three addresses that it prints."""

    def __init__(self, *options: str) -> None:
        super().__init__("fieldapp", "demo", "--no-browser", *options)
        self.phone, self.desk = self.next_url(), self.next_url()

    @property
    def ports(self) -> list[int]:
        return [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", self.said)]


def unlock(window: AppWindow, passphrase: str, then: str) -> None:
    window.fill("Passphrase", passphrase)
    window.click("unlock")
    window.by_id(then).wait_for(state="attached")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_visitor_sees_offline_queueing_and_arrival(open_window: OpenApp) -> None:
    demo = Demo()
    try:
        page = open_window(demo.url, phone=False)
        page.by_id("network").wait_for(state="attached")
        page.shot("demo-page")
        phone = open_window(demo.phone)
        unlock(phone, FIELD, "new-screening")
        desk = open_window(demo.desk, phone=False)
        unlock(desk, DESK, "to-inbox")
        page.click("network")
        page.wait_text("no network")
        finish_a_screening(phone)
        phone.wait_text("waiting", seconds=60)
        phone.shot("demo-offline")
        page.click("network")
        page.wait_text("The phone has a network")
        phone.wait_text("All sent", seconds=60)
        phone.shot("demo-sent")
    finally:
        demo.stop()
    assert demo.process.returncode == 0


def finish_a_screening(phone: AppWindow) -> None:
    """Unsafe where they will sleep tonight: HIGH and NOW, so it is sent without a delay."""
    phone.click("new-screening")
    phone.click("alone-yes")
    phone.click("who-next")
    phone.click("row-S02")
    phone.wait_text("Unsafe where they will sleep tonight?")
    phone.click("answer-yes")
    phone.page.wait_for_timeout(500)
    phone.click("finish-now")
    phone.click("contact-next")
    phone.click("withhold-next")
    phone.click("finish")
    phone.click("finish-send")
    phone.page.wait_for_timeout(500)
    phone.click("finish-done")
    phone.wait_text("Handover words")
    phone.click("home")


def test_ctrl_c_leaves_nothing_running_and_kept_data_open_again(tmp_path: Path) -> None:
    first = Demo("--keep", str(tmp_path / "kept"))
    assert first.stop().count("Traceback") == 0
    assert first.process.returncode == 0
    assert all(is_free(port) for port in first.ports)
    second = Demo("--keep", str(tmp_path / "kept"))
    assert second.stop().count("Traceback") == 0
    assert (tmp_path / "kept" / "phone" / "v.hdr").exists()
