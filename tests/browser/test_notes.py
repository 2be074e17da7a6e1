"""A walk through the notes in front of the lock, in a real browser, photographed; look at ``shots/``.

While it is locked, neither the page nor what comes over the wire holds anything of the record that was open.
"""

from collections.abc import Callable

import pytest

from tests.browser.conftest import PHONE_LOOK, AppProcess, AppWindow, OpenApp, Scheme
from tests.browser.test_lock_records import NAME, NOTE, PASSPHRASE, QUESTION, Device

WRITTEN = (
    "Groceries\nmilk, bread, onions, rice, and something sweet for Sunday",
    "Bike\nback tyre needs air, ask about the gears",
    "Birthday ideas\nplant pot, the book about lighthouses, good scissors",
)


def write(window: AppWindow, words: str) -> None:
    window.click("note-new")
    window.by_id("note-delete").wait_for(state="attached")
    window.fill("Write something", words)
    window.click("back")
    window.by_id("note-new").wait_for(state="attached")


@pytest.mark.parametrize(("phone", "scheme"), PHONE_LOOK)
def test_a_list_of_notes_stands_in_front_of_the_lock(
    start_app: Callable[[str], AppProcess], open_window: OpenApp, phone: bool, scheme: Scheme
) -> None:
    app = start_app("tests.browser.field_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    device = Device(app, window)
    window.click("quiet")
    window.shot("notes-1-quiet")
    window.click("quiet")
    window.click("overview")
    window.click("later")
    window.click("settings")
    window.click("front")
    window.click("front-notes")
    window.wait_text("How it opens")
    window.shot("notes-2-choice")
    window.click("back")
    window.by_id("lock-now").wait_for(state="attached")
    device.wire.take()
    window.click("lock-now")
    window.wait_text("No notes yet")
    window.shot("notes-3-empty")
    for words in WRITTEN:
        write(window, words)
    window.wait_text("Birthday ideas")
    window.shot("notes-4-list")
    note = window.page.locator('[flt-semantics-identifier^="note-"]', has_text="Bike").last
    window.click(note)
    window.by_id("note-delete").wait_for(state="attached")
    window.shot("notes-5-page")
    window.click("note-delete")
    window.click("undo")
    window.fill("Search", "bike")
    window.click("notes-search")
    window.wait_text("1 note found")
    window.shot("notes-6-found")
    window.fill("Search", "what shall we eat with the neighbours")
    window.page.keyboard.press("Enter")
    window.wait_text("No notes found")
    window.shot("notes-7-nothing")
    everything, came = window.everything(), device.wire.take()
    for secret in (NAME, NOTE, QUESTION, device.alias, "neighbours"):
        assert secret not in everything
        assert secret.encode() not in came
    window.fill("Search", PASSPHRASE)
    window.page.keyboard.press("Enter")
    window.wait_text("New screening")
    assert window.page.title() == "Notebook"
