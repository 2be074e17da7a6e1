"""The settings of the desk: kept in its vault from one start to the next, and its passphrase changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import flet as ft
import pytest

from fieldapp.desk.app import desk_app
from fieldapp.desk.gate import DeskGate
from fieldapp.desk.state import Screen
from fieldapp.services.settings import Look
from fieldapp.vault.errors import StorageFailed
from sync.client import CentreClient
from sync.errors import DirectoryRejected
from tests.fakes.fake_flet import FakeSession
from tests.session.desk_harness import WIDE, Desk, open_desk
from tests.unit.centre.desk import PASSPHRASE, DeskClock

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]

NEW = "made up gravel lantern canoe ninety"


@asynccontextmanager
async def started_again(app: Desk) -> AsyncIterator[Desk]:
    """End the program of `app` and start it once more, on the same folder."""
    await app.gate.shut()
    gate = DeskGate(
        app.folder,
        clock=DeskClock(app.clock),
        client=lambda url, key: CentreClient(url, key, transport=app.network),
    )
    try:
        async with FakeSession(desk_app(gate), width=WIDE, height=800) as screen:
            yield Desk(screen, gate, app.relay, app.clock, app.network, app.folder)
    finally:
        await gate.shut()


async def change(app: Desk, old: str, new: str, again: str = "") -> None:
    await app.press("to-settings", "passphrase")
    await app.screen.fill("Old passphrase", old)
    await app.screen.fill("Passphrase", new)
    await app.screen.fill("The same once more", again or new)
    await app.press("passphrase-choose")
    await app.rest()


async def test_what_was_chosen_is_there_after_the_next_start(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.press("to-settings", "language-nl", "look-dark", "text_scale-160", "idle_seconds-60")
        async with started_again(app) as again:
            assert again.state.theme.scale == 1.0
            await again.unlock()
            assert again.state.settings.language == again.state.language == "nl"
            assert again.state.settings.look is Look.DARK
            assert again.state.theme.scale == 1.6
            assert again.state.presence.policy.idle == 60


async def test_a_choice_that_cannot_be_written_is_not_shown_as_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as app:

        async def full(*_: object) -> None:
            raise StorageFailed("made up")

        monkeypatch.setattr(app.centre, "save_settings", full)
        await app.press("to-settings", "text_scale-160")
        assert app.state.theme.scale == 1.0
        assert "The device could not write. It may be full." in app.said


async def test_the_passphrase_is_changed_with_the_old_one_only(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await change(app, "a wrong one", NEW)
        (old,) = app.screen.find(ft.TextField, label="Old passphrase")
        assert old.error == "That is not the passphrase of this desk."
        await app.screen.fill("Old passphrase", PASSPHRASE)
        await app.press("passphrase-choose")
        await app.until(lambda: "The passphrase is changed" in app.said)
        await app.press("done")
        await app.lock()
        await app.unlock(PASSPHRASE)
        assert app.at(Screen.LOCK)
        await app.unlock(NEW)
        assert app.at(Screen.INBOX)


async def test_a_weak_or_mistyped_new_passphrase_changes_nothing(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        for new, again in (("secret", "secret"), (NEW, NEW + "s")):
            await change(app, PASSPHRASE, new, again)
            assert "The passphrase is changed" not in app.said
        await app.lock()
        await app.unlock(PASSPHRASE)
        assert app.at(Screen.INBOX)


async def test_erasing_after_guesses_is_off_warns_and_waits_for_the_key_holders(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.press("to-settings", "guesses")
        assert app.state.open.signing.wipe_after == 0
        assert "Without a good reason leave it off" in app.said
        await app.press("wipe_after-20")
        assert "20 wrong passphrases" in app.said
        await app.press("confirm-no")
        assert app.state.open.signing.proposal is None
        await app.press("wipe_after-0")
        assert app.state.open.signing.proposal is None
        await app.press("wipe_after-20", "confirm-yes")
        await app.until(lambda: app.at(Screen.KEYS))
        assert app.state.open.signing.wipe_after == 20
        assert "wipe_after = 20" in app.said
        await app.press("back", "wipe_after-0")
        await app.until(lambda: app.at(Screen.KEYS))
        assert "wipe_after" not in app.said


async def test_a_model_for_pins_is_added_after_the_cost_is_told_and_taken_away_again(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        signing = app.state.open.signing
        await app.press("to-settings", "pins")
        assert "about 23 hours" in app.said
        assert "let devices erase themselves" in app.said, "advised, as long as it is off"
        assert "None: every device needs a passphrase." in app.said
        await app.press("pin-add")
        (box,) = app.screen.find(ft.TextField, label="Another model")
        assert box.error == "Type the name as the device shows it."
        await app.screen.fill("Another model", "  Made  Up 8 ")
        await app.press("pin-add")
        assert "only six digits stand between" in app.said
        await app.press("confirm-no")
        assert signing.proposal is None
        await app.press("pin-add", "confirm-yes")
        await app.until(lambda: app.at(Screen.KEYS))
        assert signing.pin_models == ("Made Up 8",)
        assert "Devices that a PIN of six digits may open, new: Made Up 8" in app.said
        await app.press("back", "pin-guesses")
        assert "That is a good reason" in app.said
        await signing.set_wipe_after(20)
        await app.press("back")
        assert "let devices erase themselves" not in app.said
        await app.screen.fill("Another model", "Made Up 8")
        await app.press("pin-add")
        (box,) = app.screen.find(ft.TextField, label="Another model")
        assert box.error == "It stands in the list already."
        await app.screen.fill("Another model", "Another 1")
        await app.press("pin-add", "confirm-yes")
        await app.until(lambda: app.at(Screen.KEYS))
        assert signing.pin_models == ("Another 1", "Made Up 8"), "in the one order"
        assert signing.wipe_after == 20, "what waits is kept"
        await app.press("back", "pin-remove-0")
        await app.until(lambda: app.at(Screen.KEYS))
        assert signing.pin_models == ("Made Up 8",)
        with pytest.raises(DirectoryRejected):
            await signing.allow_pin("no\u202ename")
        assert signing.pin_models == ("Made Up 8",)
