"""A photo from the file dialog of a real browser to the screen of the desk."""

import re
from pathlib import Path

from tests.browser.conftest import OpenApp
from tests.browser.test_demo import DESK, FIELD, Demo, unlock
from tests.fakes import media
from tests.fakes.canary import leaks

LONG = 60


def test_a_photo_is_added_in_the_browser_and_seen_at_the_desk(open_window: OpenApp, tmp_path: Path) -> None:
    (tmp_path / "chosen").mkdir()
    photo = tmp_path / "chosen" / "sister-passport.jpg"
    photo.write_bytes(media.picture((1200, 900)))
    assert leaks([media.PLACE], [tmp_path])
    demo = Demo("--keep", str(tmp_path / "kept"))
    try:
        phone = open_window(demo.phone)
        unlock(phone, FIELD, "new-screening")
        phone.click("new-screening")
        phone.click("alone-yes")
        phone.click("who-next")
        phone.click("row-S02")
        phone.wait_text("Unsafe where they will sleep tonight?")
        phone.click("answer-yes")
        phone.page.wait_for_timeout(500)
        for step in ("finish-now", "contact-next", "withhold-next", "finish", "finish-send", "add-file"):
            phone.click(step)
        phone.fill("A few words, optional", "made-up front door")
        phone.shot("files-adding")
        with phone.page.expect_file_chooser() as dialog:
            phone.by_id("choose-file").click(force=True)  # a browser opens its dialog for a real tap only
        dialog.value.set_files(photo)
        phone.page.get_by_text(re.compile("Photo, ")).last.wait_for(state="attached", timeout=LONG * 1000)
        phone.shot("files-added")
        phone.click("finish-done")
        phone.wait_text("Handover words")
        phone.click("home")
        phone.wait_text("All sent", seconds=LONG)
        desk = open_window(demo.desk, phone=False)
        unlock(desk, DESK, "to-inbox")
        desk.page.get_by_text(re.compile("1 file")).last.wait_for(state="attached", timeout=LONG * 1000)
        desk.page.locator("flt-semantics[flt-tappable]", has_text="1 file").last.dispatch_event("click")
        desk.click("open-record")
        shown = desk.page.locator('[flt-semantics-identifier^="show-"]').last
        desk.click(shown)
        desk.page.locator('[flt-semantics-identifier^="hide-"]').last.wait_for(state="attached")
        desk.page.mouse.move(850, 400)
        desk.page.mouse.wheel(0, 420)
        desk.shot("files-at-the-desk")
    finally:
        demo.stop()
    assert leaks([media.PLACE, media.SERIAL, "sister-passport", "front door"], [tmp_path / "kept"]) == []
