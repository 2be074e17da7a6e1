"""The whole way, with the real programs and a real browser: first start to OPENED, with a kill in the middle."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.browser.conftest import AppWindow, OpenApp
from tests.browser.programs import Program
from tests.fakes.canary import canary, leaks

PASSPHRASE = "made up words for this test only"
BETWEEN_EQUAL_ANSWERS = 250
"""Milliseconds: the same answer tapped faster counts as one tap of a nervous finger."""


@pytest.fixture
def programs() -> Iterator[ExitStack]:
    """Stops every program that a test pushed to it."""
    with ExitStack() as stack:
        yield stack


def set_up_field(window: AppWindow) -> None:
    """Walk through the first start as a new officer."""
    window.shot("journey-01-language")
    window.click("go-on")
    window.wait_text("How do you work?")
    window.shot("journey-02-work")
    window.click("go-on")
    window.wait_text("Next: a passphrase")
    window.shot("journey-03-keeping")
    window.click("go-on")
    window.by_id("passphrase-choose").wait_for(state="attached")
    choose_passphrase(window)
    window.shot("journey-04-passphrase")
    window.by_id("new-screening").wait_for(state="attached", timeout=30_000)
    window.shot("journey-05-home")


def choose_passphrase(window: AppWindow) -> None:
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.click("passphrase-choose")


def unlock(window: AppWindow) -> None:
    window.fill("Passphrase", PASSPHRASE)
    window.click("unlock")


def answer(window: AppWindow, name: str, next_words: str) -> None:
    window.page.wait_for_timeout(BETWEEN_EQUAL_ANSWERS)
    window.click(f"answer-{name}")
    window.wait_text(next_words)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_from_first_start_to_opened_with_a_kill_in_the_middle(
    programs: ExitStack, open_window: OpenApp, tmp_path: Path
) -> None:
    phone_data = tmp_path / "phone"
    field = Program.field(phone_data)
    programs.callback(field.stop)
    phone = open_window(field.url)
    set_up_field(phone)

    # A full officer screening, with no relay anywhere.
    phone.click("new-screening")
    phone.click("alone-yes")
    phone.by_id("who-next").wait_for(state="attached")
    phone.fill("Name as spoken", canary(1))
    phone.click("who-next")
    phone.wait_text("1 of 20")
    for number in range(1, 4):
        answer(phone, "no", f"{number + 1} of 20")
    answer(phone, "yes", "When was the last threat?")
    phone.click("S04t-now")
    phone.wait_text("5 of 20")
    answer(phone, "unknown", "6 of 20")

    # The battery falls out; the same question comes back.
    field.kill()
    assert leaks([canary(1), PASSPHRASE], [tmp_path]) == []
    field = Program.field(phone_data)
    programs.callback(field.stop)
    phone = open_window(field.url)
    phone.page.get_by_label("Passphrase").last.wait_for(state="attached")
    phone.shot("journey-06-lock")
    unlock(phone)
    phone.by_id("new-screening").wait_for(state="attached", timeout=30_000)
    phone.shot("journey-07-resume")
    phone.click(phone.page.locator('[flt-semantics-identifier^="resume-"]').last)
    phone.wait_text("6 of 20")
