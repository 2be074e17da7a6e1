"""The whole way, with the real programs and a real browser.

A centre is created, a device enrolled; the relay goes away; an officer screens, the process is killed in the middle and
resumes at the same question; the relay comes back; the desk reads the record, and the device learns that a person did.
"""

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, AppWindow, OpenApp
from tests.browser.programs import Program
from tests.fakes.canary import canary, leaks

PASSPHRASE = "made up words for this test only"
BETWEEN_EQUAL_ANSWERS = 250
"""Milliseconds: the same answer tapped faster counts as one tap of a nervous finger."""
LONG = 60
"""Seconds: the sync loops look every few seconds, on a busy machine less often."""


@dataclass
class World:
    """Where everything is, and how to start it."""

    folder: Path
    relay_port: int
    stack: ExitStack

    def start(self, program: Program) -> Program:
        self.stack.callback(program.stop)
        return program

    def relay(self) -> Program:
        return self.start(Program.relay(self.folder / "relay.db", self.relay_port))

    def field(self) -> Program:
        return self.start(Program.field(self.folder / "phone"))

    def desk(self) -> Program:
        return self.start(Program.desk(self.folder / "desk"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with ExitStack() as stack:
        yield World(tmp_path, port, stack)


def test_from_first_start_to_opened_with_a_kill_in_the_middle(world: World, open_window: OpenApp) -> None:
    relay, desk, field = world.relay(), world.desk(), world.field()
    office = open_window(desk.url, phone=False)
    create_centre(office, world)
    phone = open_window(field.url)
    set_up_field(phone)
    enrol(phone, office, world)

    relay.stop()
    answer_the_first_questions(phone)
    field.kill()
    assert leaks([canary(1), canary(2), PASSPHRASE], [world.folder]) == []
    phone = open_window(world.field().url)
    resume(phone)
    finish_the_screening(phone)

    world.relay()
    phone.wait_text("All sent", seconds=LONG)
    alias = read_at_the_desk(office)
    assert_opened_on_the_device(phone, alias)
    log_a_contact(phone, alias)
    office.click("to-inbox")
    office.page.get_by_text(re.compile("Contact, ")).last.wait_for(state="attached", timeout=LONG * 1000)
    office.shot("journey-20-contact")

    for window in (phone, office):
        window.click("cover")
        window.wait_text("Locked")
        assert alias not in window.text()
    typed = [canary(n) for n in range(1, 5)]
    assert leaks([*typed, PASSPHRASE], [world.folder]) == []


def create_centre(office: AppWindow, world: World) -> None:
    """Create the centre on the desk, and register it as the relay's operator does."""
    office.click("go-on")
    office.fill("Name of the centre", "Made-up centre")
    office.click("go-on")
    office.fill("Address of the relay", f"127.0.0.1:{world.relay_port}")
    office.click("go-on")
    office.wait_text("Who keeps the centre")
    office.click("go-on")
    office.wait_text("The passphrase of this desk")
    choose_passphrase(office)
    office.wait_text("Now write down its key", seconds=LONG)
    office.click("show")
    office.shot("journey-00-words")
    office.click("written")
    office.wait_text("The operator of the relay adds this centre once")
    line = office.page.locator('[aria-label*="fieldapp-relay centre add"]').last
    found = re.search(r"fieldapp-relay (centre add .*)", str(line.get_attribute("aria-label")))
    assert found
    arguments = shlex.split(found.group(1))
    command = [sys.executable, "-m", "sync.relay", *arguments, "--database", str(world.folder / "relay.db")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    office.press_if_there("try-now")  # it tries by itself every few seconds, and may have got there already
    office.wait_text("Devices can be enrolled", seconds=LONG)
    office.click("to-inbox")
    office.wait_text("Nothing has arrived")


def choose_passphrase(window: AppWindow) -> None:
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.click("passphrase-choose")


def set_up_field(phone: AppWindow) -> None:
    """Walk through the first start as a new officer."""
    phone.shot("journey-01-language")
    phone.click("go-on")
    phone.wait_text("How do you work?")
    phone.shot("journey-02-work")
    phone.click("go-on")
    phone.wait_text("Next: a passphrase")
    phone.shot("journey-03-keeping")
    phone.click("go-on")
    phone.by_id("passphrase-choose").wait_for(state="attached")
    phone.shot("journey-04-passphrase")
    choose_passphrase(phone)
    phone.by_id("new-screening").wait_for(state="attached", timeout=LONG * 1000)
    phone.shot("journey-05-home")


def names_of(window: AppWindow) -> str:
    """Everything that a screen reader would say, words and names."""
    labelled = window.page.locator("flt-semantics-host [aria-label]").all()
    return " \n ".join([window.text(), *(str(part.get_attribute("aria-label")) for part in labelled)])


def enrol(phone: AppWindow, office: AppWindow, world: World) -> None:
    """Type the desk's code on the phone; the digits are the same on both screens."""
    office.click("to-devices")
    office.click("enrol")
    office.fill("Name of the device", "Made-up phone")
    office.click("begin")
    office.wait_text("Waiting for the device", seconds=LONG)
    code = " ".join(re.findall(r"\b(?:[0-9A-Z]{5} ){4}[0-9A-Z]{6}\b", names_of(office)))
    assert len(code.split()) == 10
    phone.click("enrol")
    phone.fill("Code", code.lower())
    phone.fill("Address of the relay", f"127.0.0.1:{world.relay_port}")
    phone.shot("journey-06-code")
    phone.click("enrol-begin")
    phone.wait_text("Say them aloud", seconds=LONG)
    phone.shot("journey-06-digits")
    office.wait_text("Compare all eight groups", seconds=LONG)
    digits = re.findall(r"\b\d{5}\b", phone.text())
    assert len(digits) == 8
    assert digits == re.findall(r"\b\d{5}\b", names_of(office))
    office.click("match")
    office.wait_text("The device is enrolled", seconds=LONG)
    office.click("done")
    phone.wait_text("This device is enrolled", seconds=LONG)
    phone.click("enrol-done")


def answer(phone: AppWindow, name: str, next_words: str) -> None:
    phone.page.wait_for_timeout(BETWEEN_EQUAL_ANSWERS)
    phone.click(f"answer-{name}")
    phone.wait_text(next_words)


def answer_the_first_questions(phone: AppWindow) -> None:
    phone.click("new-screening")
    phone.click("alone-yes")
    phone.by_id("who-next").wait_for(state="attached")
    phone.fill("Name as spoken", canary(1))
    phone.fill("Report number", canary(2))
    phone.click("who-next")
    phone.wait_text("1 of 20")
    for number in range(1, 4):
        answer(phone, "no", f"{number + 1} of 20")
    answer(phone, "yes", "When was the last threat?")
    phone.click("S04t-now")
    phone.wait_text("5 of 20")
    answer(phone, "unknown", "6 of 20")


def resume(phone: AppWindow) -> None:
    phone.page.get_by_label("Passphrase").last.wait_for(state="attached")
    phone.shot("journey-07-lock")
    phone.fill("Passphrase", PASSPHRASE)
    phone.click("unlock")
    phone.by_id("new-screening").wait_for(state="attached", timeout=LONG * 1000)
    phone.shot("journey-08-resume")
    phone.click(phone.page.locator('[flt-semantics-identifier^="resume-"]').last)
    phone.wait_text("6 of 20")


def finish_the_screening(phone: AppWindow) -> None:
    for number in range(6, 20):
        answer(phone, "no", f"{number + 1} of 20")
    answer(phone, "no", "Who else sees that device?")
    phone.fill("Number or address", canary(3))
    phone.click("contact-next")
    phone.wait_text("Who must not see this?")
    phone.fill("Name of one person", canary(4))
    phone.click("withhold-next")
    phone.wait_text("Act now")
    phone.shot("journey-09-result")
    phone.click("send")
    phone.wait_text("Handover words")
    phone.shot("journey-10-done")
    phone.click("home")
    phone.wait_text("waiting", seconds=LONG)
    phone.shot("journey-11-waiting")


def read_at_the_desk(office: AppWindow) -> str:
    """Open the record: the same level, band and reason as on the phone. Returns its alias."""
    office.click("to-inbox")
    office.wait_text("Now and within 24 hours", seconds=LONG)
    office.shot("journey-12-inbox")
    row = office.page.locator('[flt-semantics-identifier^="row-"]').last
    words = (
        (row.text_content() or row.get_attribute("aria-label") or "")
        .replace("\u2068", "")
        .replace("\u2069", "")
    )
    assert "High" in words
    office.click(row)
    office.click("open-record")
    office.wait_text("Who and when", seconds=LONG)
    office.shot("journey-13-record")
    shown = office.text()
    assert "Act now" in shown
    assert "Death threats" in shown
    office.click("acknowledge")
    office.wait_text("Acknowledged today")
    office.shot("journey-14-acknowledged")
    found = re.search(r"[a-z]+ [a-z]+", words)
    assert found
    return found.group()


def assert_opened_on_the_device(phone: AppWindow, alias: str) -> None:
    phone.click("outbox")
    phone.page.get_by_text(re.compile(r"[Oo]pened")).last.wait_for(state="attached", timeout=2 * LONG * 1000)
    phone.shot("journey-15-opened")
    assert alias in phone.text()
    phone.click("back")


def log_a_contact(phone: AppWindow, alias: str) -> None:
    """Log a contact for the case of the screening, which the person began."""
    phone.click("log-contact")
    phone.wait_text("With whom?")
    phone.click("log-new")
    phone.wait_text("What happened?")
    phone.click("direction-in")
    phone.click("outcome-distress_word")
    phone.wait_text("Keep the cover story")
    phone.shot("journey-16-distress")
    phone.click("log-save")
    phone.by_id("log-done").wait_for(state="attached", timeout=LONG * 1000)
    phone.shot("journey-17-logged")
    phone.click("log-done")
