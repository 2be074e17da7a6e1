"""The door of the desk: creating a centre step by step, what must be written down, the lock, publishing."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.desk.state import Screen
from fieldapp.kit.presence import LockPolicy
from tests.relay.harness import HOST
from tests.session.desk_harness import Desk, desk, open_desk
from tests.unit.centre.desk import PASSPHRASE

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]

TELLING = ("violence", "screening", "victim", "marriage", "honour", "danger", "risk", "centre")


async def create(app: Desk, keys: str = "") -> None:
    await app.press("go-on")
    await app.screen.fill("Name of the centre", "Made-up centre")
    await app.press("go-on")
    await app.screen.fill("Address of the relay", HOST)
    await app.press("go-on")
    await app.screen.fill("Folder on a USB stick", keys)
    await app.press("go-on")
    await app.screen.fill("Passphrase", PASSPHRASE)
    await app.screen.fill("The same once more", PASSPHRASE)
    await app.press("passphrase-choose")
    await app.until(lambda: app.at(Screen.CEREMONY))


async def test_a_centre_is_created_without_a_network_and_published_later(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        app.network.off()
        await create(app)
        await app.press("show", "written")
        assert app.at(Screen.HANDOVER)
        await app.until(lambda: "The relay cannot be reached now" in app.said)
        centre = app.centre
        assert f"--centre {centre.centre_id.hex()} --key {centre.desk_key.hex()}" in app.said
        assert "--name 'Made-up centre'" in app.said
        app.network.on()
        await app.pull()
        assert "The relay does not know this centre yet" in app.said
        await app.register()
        assert "Devices can be enrolled" in app.said
        await app.press("to-inbox")
        assert "Nothing has arrived" in app.said


async def test_the_seven_words_are_shown_once_and_survive_a_lock(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        await create(app)
        assert app.gate.ceremony
        words = app.gate.ceremony.papers[0].words
        assert len(words.split()) == 7
        assert words not in app.said
        await app.press("show")
        assert words in app.said
        assert "The root key is still on this computer" in app.said
        await app.lock()
        assert words not in app.said
        await app.unlock()
        await app.press("show")
        assert words in app.said
        await app.press("written")
        await app.lock()
        await app.unlock()
        assert "show" not in app.screen.identifiers()
        assert app.at(Screen.INBOX)


async def test_the_root_keys_lie_on_the_medium_whose_folder_is_typed(tmp_path: Path) -> None:
    medium = tmp_path / "made-up stick"
    medium.mkdir()
    async with desk(tmp_path) as app:
        await create(app, str(medium))
        assert app.gate.ceremony
        assert app.gate.ceremony.removable
        assert medium in app.gate.ceremony.papers[0].folder.parents
        assert not (app.folder / "keys").exists()
        await app.press("show")
        assert "The root key lies on this computer" not in app.said


async def test_a_folder_that_cannot_be_written_is_told_before_anything_is_made(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        await app.press("go-on")
        await app.screen.fill("Name of the centre", "Made-up centre")
        await app.press("go-on")
        await app.screen.fill("Address of the relay", HOST)
        await app.press("go-on")
        assert "Without a USB stick the root key stays on this computer" in app.said
        missing = tmp_path / "not there"
        for path in (str(missing), "a/relative/path", "\0"):
            await app.screen.fill("Folder on a USB stick", path)
            assert "cannot be used" not in app.said
            await app.press("go-on")
            await app.until(lambda: "This folder cannot be used." in app.said)
        assert app.gate.is_new
        assert not missing.exists()


async def test_a_medium_that_was_taken_out_in_between_makes_no_centre(tmp_path: Path) -> None:
    medium = tmp_path / "made-up stick"
    medium.mkdir()
    async with desk(tmp_path) as app:
        await app.press("go-on")
        await app.screen.fill("Name of the centre", "Made-up centre")
        await app.press("go-on")
        await app.screen.fill("Address of the relay", HOST)
        await app.press("go-on")
        await app.screen.fill("Folder on a USB stick", str(medium))
        await app.press("go-on")
        medium.rmdir()
        await app.screen.fill("Passphrase", PASSPHRASE)
        await app.screen.fill("The same once more", PASSPHRASE)
        await app.press("passphrase-choose")
        await app.until(lambda: "Nothing was made or changed." in app.said)
        assert app.gate.is_new


async def test_a_weak_passphrase_or_a_strange_relay_makes_no_centre(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        await app.press("go-on")
        with pytest.raises(AssertionError):
            await app.press("go-on")
        await app.screen.fill("Name of the centre", "Made-up centre")
        await app.press("go-on")
        await app.screen.fill("Address of the relay", "https://user@somewhere/else")
        (typed,) = app.screen.find(ft.TextField, label="Address of the relay")
        assert typed.error
        await app.screen.fill("Address of the relay", HOST)
        await app.press("go-on", "go-on")
        await app.screen.fill("Passphrase", "secret")
        await app.screen.fill("The same once more", "secret")
        await app.press("passphrase-choose")
        assert app.gate.is_new


async def test_the_lock_screen_tells_nothing_and_takes_only_the_passphrase(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.press("cover")
        assert app.at(Screen.LOCK)
        assert [word for word in TELLING if word in app.said.lower()] == []
        assert app.screen.page.title == "Notebook"
        assert app.gate.centre is None
        await app.unlock("a wrong one")
        (typed,) = app.screen.find(ft.TextField, label="Passphrase")
        assert typed.error == "That passphrase does not open this. Type it once more."
        await app.unlock()
        assert app.at(Screen.INBOX)


async def test_after_five_failures_the_wait_is_counted_down(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.lock()
        for _ in range(6):
            await app.unlock("a wrong one")
        assert "0:30 left" in app.said
        app.clock.now += 30
        await app.until(lambda: "left" not in app.said)
        await app.unlock()
        assert app.at(Screen.INBOX)


async def test_losing_focus_blanks_and_idleness_locks(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        assert app.said == ""
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        assert "Inbox" in app.said
        app.state.presence.policy = LockPolicy(background=60, idle=0)
        await app.until(lambda: app.at(Screen.LOCK))
        assert app.gate.centre is None


async def test_settings_show_at_once_and_outlive_a_lock(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.press("to-settings", "language-nl", "look-dark", "text_scale-160")
        assert (app.state.language, app.state.theme.palette.dark, app.state.theme.scale) == ("nl", True, 1.6)
        await app.lock()
        assert app.state.language == "nl"
