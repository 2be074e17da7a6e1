"""The centre's code before a camera, in a real browser: read from pictures in memory, and the device asks that relay."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from sync.code import EnrolmentCode
from tests.browser.conftest import FLAGS, AppProcess, OpenApp, chromium_path
from tests.fakes.frames import code_picture, jpeg

PASSPHRASE = "made up canoe lantern gravel sixty"


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


def test_a_code_before_the_camera_is_read_and_its_relay_asked(
    start_app: Callable[[str], AppProcess], open_window: OpenApp
) -> None:
    window = open_window(start_app("tests.browser.field_app").url)
    for words in ("Which language", "How do you work?", "Next: a passphrase"):
        window.wait_text(words)
        window.click("go-on")
    window.by_id("passphrase-choose").wait_for(state="attached")
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.click("passphrase-choose")
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
