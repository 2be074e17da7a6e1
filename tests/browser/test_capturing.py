"""Camera and microphone of a real browser: a centre's code is read, a photo taken and a sound recorded, all in memory."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from fieldapp.services.scanning import _ink
from fieldapp.services.scanning.decoding import decode
from fieldapp.services.scanning.finding import matrices
from sync.code import EnrolmentCode
from tests.browser.conftest import FLAGS, AppProcess, AppWindow, OpenApp, chromium_path
from tests.fakes.frames import code_picture, jpeg

PASSPHRASE = "made up canoe lantern gravel sixty"


DECODED = """async (sound) => {
  const bytes = Uint8Array.from(atob(sound), (c) => c.charCodeAt(0));
  const heard = await new OfflineAudioContext(1, 8000, 8000).decodeAudioData(bytes.buffer);
  const loudest = Math.max(...heard.getChannelData(0).map(Math.abs).slice(0, 60000));
  return {seconds: heard.duration, loudest};
}"""
"""What the browser's own player makes of the recording."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A chromium whose camera sees a code of a made-up centre, and which allows it without asking."""
    film: Path = tmp_path_factory.mktemp("film") / "code.mjpeg"
    code = EnrolmentCode.generate(bytes(range(16)), "https://relay.example").qr_text()
    film.write_bytes(jpeg(code_picture(code)) * 2)
    camera = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS, *camera])
        yield chromium
        chromium.close()


def set_up(window: AppWindow) -> None:
    """Make a fresh notebook."""
    for words in ("Which language", "How do you work?", "Next: a passphrase"):
        window.wait_text(words)
        if words == "How do you work?":
            window.click("work-outreach")
        window.click("go-on")
    window.by_id("passphrase-choose").wait_for(state="attached")
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.click("passphrase-choose")
    window.by_id("new-screening").wait_for(state="attached")


def test_a_code_before_the_camera_is_read_and_its_relay_asked(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    window = open_window(start_app("tests.browser.field_app").url)
    set_up(window)
    window.click("enrol")
    window.click("enrol-scan")
    # While the camera is still being opened, unless the code was read before: what the client answers then is for nobody.
    window.press_if_there("enrol-type")
    window.click("enrol-scan")
    window.shot("scan-camera")  # usually; a quick machine has read the code by then
    window.wait_text("No network")  # the address was in the code; nothing listens there in this test
    window.by_id("enrol-type").wait_for(state="detached")
    assert "camera cannot be used" not in window.text()
    window.shot("scan-read")


def test_a_photo_and_a_recording_are_taken_in_the_app_and_finished_with_the_record(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    app = start_app("tests.browser.field_app")
    window = open_window(app.url, scheme="dark")
    set_up(window)
    for step in ("new-screening", "alone-yes", "who-next", "finish-now", "contact-next", "withhold-next"):
        window.click(step)
    for step in ("finish", "add-file"):
        window.click(step)
    window.shot("capture-ways")
    window.click("take-photo")
    window.by_id("photo-take").and_(window.page.locator("[flt-tappable]")).wait_for(state="attached")
    window.shot("capture-viewfinder")
    window.click("photo-take")
    window.by_id("photo-done").wait_for(state="attached")
    window.shot("capture-photo")
    window.click("photo-done")
    window.page.get_by_text(re.compile("Photo, ")).last.wait_for(state="attached")
    window.click("record-sound")
    window.shot("capture-before-sound")
    window.click("sound-start")
    window.by_id("sound-stop").wait_for(state="attached")
    window.wait_text("0:03")
    window.shot("capture-sound")
    window.click("sound-stop")
    window.wait_text("It is kept, encrypted.")
    window.shot("capture-sound-kept")
    window.click("sound-done")
    window.page.get_by_text(re.compile("Recording, ")).last.wait_for(state="attached")
    window.click("finish-send")
    window.click("finish-done")
    window.wait_text("Handover words")
    photo, sound = (file.split(":") for file in app.ask("files").split(" "))
    assert (photo[0], sound[0]) == ("image/jpeg", "audio/wav")
    seen = Image.open(io.BytesIO(base64.b64decode(photo[1]))).convert("L")
    read = [decode(matrix) for matrix in matrices(_ink(seen, min(seen.size) // 8))]
    assert any(read), "as the world shows it: this reads no code in a mirror"
    heard = window.page.evaluate(DECODED, sound[1])
    assert 2.5 < heard["seconds"] < 60
    assert heard["loudest"] > 0.5, "the made-up microphone beeps"
