"""At the desk, too, the system's back gesture does what the arrow on the screen does."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.desk.state import Screen
from tests.session.desk_harness import Desk, desk, open_desk

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]

NARROW = 412


async def gesture(app: Desk) -> None:
    """Go back as the system does: by its gesture, its button, or the browser's."""
    await app.screen.fire(app.screen.page, "view_pop", {"route": "/notebook"})
    await app.rest()


async def test_behind_the_veil_and_at_the_door_it_does_nothing(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.press("to-settings", "passphrase")
        await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        await gesture(app)
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        assert app.at(Screen.PASSPHRASE)
        await gesture(app)
        assert app.at(Screen.SETTINGS)
        await app.press("passphrase")
        await app.lock()
        await gesture(app)
        assert app.at(Screen.LOCK)
        assert not app.state.trouble


async def test_at_the_first_start_it_goes_one_step_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        first = app.screen.texts()
        await app.press("go-on")
        second = app.screen.texts()
        assert second != first
        assert "back" in app.screen.identifiers()
        await gesture(app)
        assert app.screen.texts() == first
        await app.press("go-on", "back")
        assert app.screen.texts() == first


async def test_in_a_narrow_window_it_closes_what_was_chosen(tmp_path: Path) -> None:
    async with open_desk(tmp_path, width=NARROW) as app:
        await app.press("to-devices", "enrol")
        assert app.at(Screen.ENROL)
        await gesture(app)
        assert app.at(Screen.DEVICES)
