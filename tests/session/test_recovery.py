"""The recovery sheet as a worker uses it: made and tested at once, then used instead of a forgotten passphrase."""

import re
from pathlib import Path

import flet as ft
import pytest

from fieldapp.ui.state import Screen
from tests.session.field_harness import PASSPHRASE, Field, open_field

pytestmark = pytest.mark.anyio

NEW = "another made up sextant walnut copper ninety"
CODE = re.compile(r"(?:[0-9A-Z]{5} ){4}[0-9A-Z]{6}")


async def locked(app: Field) -> None:
    await app.state.presence.lock()
    await app.screen.settle()


def shown_code(app: Field) -> str:
    (code,) = [words for words in app.screen.texts() if CODE.fullmatch(words)]
    return code


def said(app: Field) -> str:
    """Everything that is shown, with what fields say of their errors."""
    errors = (str(field.error or "") for field in app.screen.find(ft.TextField))
    return " ".join([*app.screen.texts(), *errors])


async def open_with(app: Field, code: str) -> None:
    """Use a sheet on the lock screen, with a new passphrase."""
    await app.press("forgotten")
    await app.screen.fill("Code", code)
    await app.press("recover-next")
    await app.screen.fill("Passphrase", NEW)
    await app.screen.fill("The same once more", NEW)
    await app.press("passphrase-choose")


async def make_a_sheet(app: Field, known: tuple[str, str] = ("Passphrase", PASSPHRASE)) -> str:
    await app.press("settings", "sheet", "sheet-make")
    code = shown_code(app)
    await app.press("sheet-written")
    await app.screen.fill("Code", code.lower())
    await app.screen.fill(*known)
    await app.press("sheet-test")
    assert "The sheet is good" in app.screen.texts()
    assert code not in app.screen.texts()
    await app.press("sheet-done")
    return code


async def test_a_forgotten_passphrase_is_not_the_end(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "alone-yes")
        code = await _to_settings(app)
        await locked(app)
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert app.state.place.screen is Screen.SHEET
        assert len(app.state.open.screenings.unfinished) == 1
        await locked(app)
        await app.unlock(PASSPHRASE)
        assert app.state.notebook is None
        await app.unlock(NEW)
        assert app.state.place.screen is Screen.HOME


async def _to_settings(app: Field) -> str:
    await app.press("back", "back")
    return await make_a_sheet(app)


async def test_a_code_that_is_not_on_the_newest_sheet_opens_nothing(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        old = await make_a_sheet(app)
        await app.press("back")
        await make_a_sheet(app)
        await locked(app)
        await open_with(app, old)
        await app.screen.wait_for(lambda: "This code does not open it" in said(app))
        assert app.state.notebook is None
        await app.press("back")
        await app.unlock()
        assert app.state.place.screen is Screen.HOME


async def test_a_sheet_needs_the_passphrase_and_the_code_as_it_was_shown(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "sheet", "sheet-make")
        code = shown_code(app)
        await app.press("sheet-written")
        await app.screen.fill("Passphrase", PASSPHRASE)
        await app.screen.fill("Code", "0" * 26)
        with pytest.raises(AssertionError, match="0 things to press"):
            await app.press("sheet-test")
        await app.screen.fill("Code", code)
        await app.screen.fill("Passphrase", "a wrong one")
        await app.press("sheet-test")
        assert "The sheet is good" not in app.screen.texts()
        await app.press("sheet-again")
        assert shown_code(app) == code


async def test_locking_forgets_a_code_that_was_not_tested(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "sheet", "sheet-make")
        code = shown_code(app)
        await locked(app)
        assert code not in app.screen.texts()
        await open_with(app, code)
        await app.screen.wait_for(lambda: "This code does not open it" in said(app))
        assert app.state.notebook is None
