"""A photo, a document and a recording from the file dialog of a real browser to the screen of the desk, from memory."""

import re
from pathlib import Path

import pytest

from tests.browser.conftest import AppWindow, OpenApp
from tests.browser.test_demo import DESK, FIELD, Demo, unlock
from tests.fakes import documents, media
from tests.fakes.canary import canary, leaks

LONG = 60

WATCH_SOUNDS = """
const make = document.createElement.bind(document);
window.sounds = [];
document.createElement = (name, ...more) => {
  const made = make(name, ...more);
  if (String(name).toLowerCase() === 'audio') window.sounds.push(made);
  return made;
};
const join = AudioContext.prototype.createMediaElementSource;
AudioContext.prototype.createMediaElementSource = function (element) {
  const source = join.call(this, element);
  window.heard = this.createAnalyser();
  source.connect(window.heard);
  return source;
};
"""
"""An init script: every sound that the page makes, and what is really heard of it."""
LOUDNESS = """() => {
  const wave = new Uint8Array(window.heard.fftSize);
  window.heard.getByteTimeDomainData(wave);
  return Math.max(...wave) - Math.min(...wave);
}"""
HELD = "() => window.sounds.filter((sound) => sound.src.startsWith('data:')).map((sound) => sound.src.slice(0, 40))"


def add(phone: AppWindow, file: Path, number: int) -> None:
    """Choose a file, and wait until the list has so many and the way to choose is closed."""
    with phone.page.expect_file_chooser() as dialog:
        phone.by_id("choose-file").click(force=True)  # a browser opens its dialog for a real tap only
    dialog.value.set_files(file)
    listed = phone.page.locator('[flt-semantics-identifier^="drop-"]')
    listed.nth(number - 1).wait_for(state="attached", timeout=LONG * 1000)
    phone.by_id("choose-file").wait_for(state="detached", timeout=LONG * 1000)


def show(desk: AppWindow, number: int) -> None:
    """Show one of the files that are not shown, in the order of the list."""
    desk.click(desk.page.locator('[flt-semantics-identifier^="show-"]').nth(number))
    desk.page.locator('[flt-semantics-identifier^="hide-"]').last.wait_for(state="attached")


def read(desk: AppWindow) -> None:
    desk.page.get_by_text(re.compile("3 files")).last.wait_for(state="attached", timeout=LONG * 1000)
    desk.page.locator("flt-semantics[flt-tappable]", has_text="3 files").last.dispatch_event("click")
    desk.click("open-record")


def test_files_are_added_in_the_browser_and_shown_at_the_desk(
    open_window: OpenApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("chosen", "temp"):
        (tmp_path / folder).mkdir()
    photo, letter, voice = (
        tmp_path / "chosen" / name for name in ("sister-passport.jpg", "letter.pdf", "voice.wav")
    )
    photo.write_bytes(media.picture((1200, 900)))
    letter.write_bytes(documents.document(canary(1), "two", "three"))
    voice.write_bytes(media.wav(8000 * 30))
    said = voice.read_bytes()[60_000:60_032].hex()
    assert leaks([media.PLACE, canary(1)], [tmp_path])
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
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
        add(phone, photo, 1)
        phone.shot("files-added")
        phone.click("add-file")
        add(phone, letter, 2)
        phone.click("add-file")
        add(phone, voice, 3)
        phone.click("finish-done")
        phone.wait_text("Handover words")
        phone.click("home")
        phone.wait_text("All sent", seconds=LONG)

        desk = open_window(demo.desk, phone=False)
        desk.page.add_init_script(WATCH_SOUNDS)
        desk.open(demo.desk)
        unlock(desk, DESK, "to-inbox")
        read(desk)
        show(desk, 0)
        desk.page.mouse.move(850, 400)
        desk.page.mouse.wheel(0, 420)
        desk.shot("files-at-the-desk")

        show(desk, 0)
        desk.wait_text("Page 1 of 3")
        desk.click("page-next")
        desk.wait_text("Page 2 of 3")
        desk.page.keyboard.press("ArrowRight")
        desk.wait_text("Page 3 of 3")
        desk.page.keyboard.press("ArrowLeft")
        desk.wait_text("Page 2 of 3")
        desk.page.get_by_role("img", name="Page 2 of 3").last.wait_for(state="attached")
        desk.shot("files-document")
        desk.click("page-size")
        desk.shot("files-document-large")

        show(desk, 1)
        desk.wait_text("0:00 of 0:30")
        desk.shot("files-sound")
        desk.click("sound-play")
        desk.wait_text("0:02 of 0:30")
        assert desk.page.evaluate(LOUDNESS) > 50
        assert desk.page.evaluate(HELD) == ["data:audio/wav;name=sound.x;base64,UklGR"]
        desk.shot("files-sound-playing")
        desk.click("cover")
        desk.by_id("unlock").wait_for(state="attached")
        desk.page.wait_for_function("() => window.sounds.every((sound) => sound.paused)")
        assert desk.page.evaluate(HELD) == []
    finally:
        demo.stop()
    words = [media.PLACE, media.SERIAL, "sister-passport", "front door", canary(1)]
    assert leaks(words, [tmp_path / "kept", tmp_path / "temp"]) == []
    kept = [file for folder in ("kept", "temp") for file in (tmp_path / folder).rglob("*") if file.is_file()]
    assert not any(bytes.fromhex(said) in file.read_bytes() for file in kept)
