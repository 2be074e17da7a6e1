"""Three key holders in a real browser: made with the centre, asked for a renewal, one here and one by a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldapp.keys_command import load_request, sign_request
from fieldapp.system import SystemClock
from tests.browser.conftest import DESK_LOOK, AppProcess, AppWindow, OpenApp, Scheme

PASSPHRASE = "made up canoe lantern gravel sixty"


def create(window: AppWindow, media: list[Path]) -> list[str]:
    """Create a centre with three key holders; returns the words of each."""
    window.wait_text("Which language")
    window.click("go-on")
    window.fill("Name of the centre", "Made-up centre")
    window.click("go-on")
    window.fill("Address of the relay", "relay.example.invalid")
    window.click("go-on")
    window.wait_text("Who keeps the centre")
    window.click("holders-3")
    window.wait_text("Give each stick to another person")
    for number, medium in enumerate(media, start=1):
        window.fill(f"Folder on USB stick {number}", str(medium))
    window.shot("keys-01-three-holders")
    window.click("go-on")
    window.wait_text("The passphrase of this desk")
    window.fill("Passphrase", PASSPHRASE)
    window.fill("The same once more", PASSPHRASE)
    window.click("passphrase-choose")
    words: list[str] = []
    for number in (1, 2, 3):
        window.wait_text(f"Key {number} of 3", seconds=60)
        window.click("show")
        window.wait_text("Write this on the stick")
        if number == 1:
            window.shot("keys-02-paper")
        (shown,) = [line for line in window.text().splitlines() if len(line.split()) == 7 and line.islower()]
        words.append(shown.strip())
        window.click("written")
    window.wait_text("The operator of the relay adds this centre once")
    window.click("to-inbox")
    window.wait_text("Nothing has arrived")
    return words


@pytest.mark.parametrize(("phone", "scheme"), DESK_LOOK)
def test_two_of_three_sign_a_renewal(
    start_app: Callable[[str], AppProcess],
    open_window: OpenApp,
    tmp_path: Path,
    phone: bool,
    scheme: Scheme,
) -> None:
    media = [tmp_path / f"stick {n}" for n in (1, 2, 3)]
    for medium in media:
        medium.mkdir()
    app = start_app("tests.browser.desk_app")
    window = open_window(app.url, phone=phone, scheme=scheme)
    words = create(window, media)
    window.click("to-settings")
    window.wait_text("How long they last")
    window.shot("keys-03-settings")
    window.click("guesses")
    window.wait_text("Without a good reason leave it off")
    window.shot("keys-03-guesses")
    window.click("back")
    window.wait_text("How long they last")
    window.click("pins")
    window.wait_text("List a model only when")
    window.fill("Another model", "Made Up 8")
    window.click("pin-add")
    window.wait_text("use a PIN?")
    window.shot("keys-03-pins-question")
    window.click("confirm-no")
    window.wait_text("List a model only when")
    window.shot("keys-03-pins")
    window.click("back")
    window.wait_text("How long they last")
    window.click("keys")
    window.wait_text("2 of 3")
    window.shot("keys-04-keys")
    window.click("holders")
    window.wait_text("Read the cards of everybody")
    for medium in media:
        window.fill("Folder on a USB stick", str(medium))
        window.click("read-card")
        window.wait_text(f"Made-up centre {medium.name[-1]}")
    window.wait_text("two of these three people")
    window.shot("keys-05-holders")
    window.click("back")
    window.click("replace")
    window.wait_text("Version 2 of the address list")
    window.shot("keys-06-request")
    window.fill("Folder on a USB stick", str(media[0]))
    window.click("read")
    window.wait_text("There is no such file in this folder")
    window.shot("keys-07-no-file")
    window.fill("The seven words", words[0])
    window.click("sign")
    window.wait_text("Signed. You can take the key away now", seconds=40)
    window.wait_text("1 of 2 signed")
    window.shot("keys-08-one-signed")
    window.click("write")
    window.wait_text("Carry it to a key holder")
    (path,) = media[0].glob("*.request")
    sign_request(load_request(path), path, media[1], words[1], SystemClock())
    window.click("read")
    window.wait_text("Enough key holders have signed", seconds=40)
    window.shot("keys-09-complete")
    window.click("publish")
    window.by_id("renew").wait_for(state="attached")
    window.shot("keys-10-published")
    app.ask("later")
    window.click("to-inbox")
    window.wait_text("waits for signatures", seconds=60)
    window.shot("keys-11-due")
    window.click("to-settings")
    window.click("text_scale-200")
    window.click("keys")
    window.wait_text("Version 3 of the address list")
    window.shot("keys-12-large")
