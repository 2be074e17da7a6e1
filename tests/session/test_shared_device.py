"""One device, several workers: numbers on the lock screen, and a notebook for a colleague from the settings."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.services.shelf import MOST_NOTEBOOKS
from fieldapp.ui.state import Screen
from tests.session.field_harness import PASSPHRASE, Field, open_field

pytestmark = pytest.mark.anyio

OTHER = "made up harbour basalt lantern forty"


async def add(app: Field) -> None:
    """Add a notebook from the settings, up to its first screen."""
    await app.press("settings", "add-notebook", "confirm-yes")


async def set_up(app: Field, passphrase: str) -> None:
    """Walk through the first start."""
    await app.press("go-on", "go-on", "go-on")
    await app.screen.fill("Passphrase", passphrase)
    await app.screen.fill("The same once more", passphrase)
    await app.press("passphrase-choose")


async def test_a_colleague_gets_a_notebook_of_their_own(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "back")
        await add(app)
        assert app.state.place.screen is Screen.FIRST_START
        assert app.state.notebook is None
        await set_up(app, OTHER)
        assert app.state.place.screen is Screen.HOME
        assert app.state.open.screenings.unfinished == ()
        await app.press("settings")
        assert any("This is notebook 2." in text for text in app.screen.texts())
        await app.state.presence.lock()
        await app.rest()
        words = app.screen.texts()
        assert {"Notebook 1", "Notebook 2"} <= set(words)
        await app.press("notebook-1")
        await app.unlock(OTHER)
        assert app.state.place.screen is Screen.LOCK
        await app.unlock(PASSPHRASE)
        assert app.state.place.screen is Screen.HOME


async def test_a_device_of_one_worker_shows_no_choice(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.state.presence.lock()
        await app.rest()
        assert not any("otebook" in text for text in app.screen.texts())


async def test_what_was_begun_by_mistake_leads_back_to_the_lock_screen(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await add(app)
        await app.press("back")
        assert app.state.place.screen is Screen.LOCK
        await app.unlock()
        assert app.state.place.screen is Screen.HOME
        assert app.gate.shelf.notebooks == (1,)


async def test_the_question_can_be_declined_and_four_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "add-notebook", "confirm-no")
        assert app.state.notebook is not None
        every = tuple(range(1, MOST_NOTEBOOKS + 1))
        monkeypatch.setattr(type(app.gate.shelf), "notebooks", every)
        await app.press("back", "settings")
        assert any("All four are in use." in text for text in app.screen.texts())


@pytest.mark.parametrize("leave", ["lock", "inactive", "back"])
async def test_a_question_goes_with_the_screen_that_asked_it(tmp_path: Path, leave: str) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "add-notebook")
        assert "Add a notebook for a colleague?" in app.screen.texts()
        if leave == "lock":
            await app.state.presence.lock()
            await app.rest()
            assert app.state.asking is None
            assert not any("colleague" in text for text in app.screen.texts())
            await app.unlock()
        elif leave == "inactive":
            await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
            assert app.screen.texts() == []
            await app.screen.lifecycle(ft.AppLifecycleState.HIDE)
            assert app.screen.texts() == []
            await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
            assert "Add a notebook for a colleague?" in app.screen.texts()
            await app.press("confirm-no")
        else:
            await app.press("back")
            assert app.state.place.screen is Screen.SETTINGS
        assert "Add a notebook for a colleague?" not in app.screen.texts()
        assert app.gate.shelf.chosen == 1
