"""The recovery sheet as a worker uses it: made and tested at once, then used instead of a forgotten passphrase."""

import asyncio
import re
from pathlib import Path
from threading import Event

import flet as ft
import pytest

from fieldapp.kit.presence import LockPolicy
from fieldapp.ui.state import Screen
from fieldapp.vault import new_code
from tests.fakes.fake_flet import held_text
from tests.session.field_harness import PASSPHRASE, Field, field, open_field

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("held_argon2id")]

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


async def typed_code(app: Field, tmp_path: Path, *, notes: bool) -> str:
    """Make a sheet, lock, and type its code: on the page that asks for it, or into the search box of the notes."""
    code = await make_a_sheet(app)
    if notes:
        await app.gate.front.choose()
    await locked(app)
    if notes:
        (box,) = app.screen.find(ft.TextField, hint_text="Search")
        await app.screen.fire(box, "change", code, value=code)
        await app.screen.fire(box, "submit", code)
        await app.screen.wait_for(lambda: app.state.place.screen is Screen.RECOVER)
        await app.screen.settle()
    else:
        await app.press("forgotten")
        await app.screen.fill("Code", code)
        await app.press("recover-next")
    assert "A new passphrase" in app.screen.texts()
    return code


@pytest.mark.parametrize(
    ("end", "notes"),
    [
        *((end, False) for end in ("cover", "escape", "hide", "idle", "disconnect", "back")),
        *((end, True) for end in ("cover", "hide", "disconnect")),
    ],
)
async def test_a_code_that_was_typed_falls_as_the_lock_does(tmp_path: Path, end: str, *, notes: bool) -> None:
    async with open_field(tmp_path) as app:
        code = await typed_code(app, tmp_path, notes=notes)
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        state, presence = app.state, app.state.presence
        if end in ("cover", "back"):
            await app.press(end)
        elif end == "escape":
            await app.screen.key("Escape")
        elif end == "hide":
            presence.policy = LockPolicy(background=0)
            await app.screen.lifecycle(ft.AppLifecycleState.HIDE)
            assert app.screen.texts() == []
            await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        elif end == "idle":
            presence.policy = LockPolicy(idle=0)
            await presence.check()
            presence.policy = LockPolicy()
        else:
            await app.screen.disconnect()
        await app.screen.settle()
        held = held_text(app.screen.page.views)
        assert [form for form in (code, code.replace(" ", "")) if form in held] == []
        assert state.place.screen is (Screen.NOTES if notes else Screen.LOCK)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files, "nothing is lost"
        if end != "disconnect" and not notes:
            await app.press("forgotten")
            assert "The code on the sheet" in app.screen.texts()
            assert "A new passphrase" not in app.screen.texts()
    async with field(tmp_path) as app:  # the sheet was not used up
        assert await app.gate.is_sheet(code)


async def test_the_page_of_the_sheet_is_blank_while_somebody_looks_elsewhere(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await typed_code(app, tmp_path, notes=False)
        await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        assert app.screen.texts() == []
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        assert "A new passphrase" in app.screen.texts()


@pytest.mark.parametrize("length", [11, 26])
async def test_a_code_that_was_being_typed_is_there_after_a_blank_and_gone_after_a_lock(
    tmp_path: Path, length: int
) -> None:
    async with open_field(tmp_path) as app:
        await locked(app)
        await app.press("forgotten")
        await app.screen.fill("Code", new_code()[:length])
        code = app.screen.find(ft.TextField, label="Code")[0].value
        await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        if length < 26:
            assert app.screen.find(ft.TextField, label="Code")[0].value == code
            assert "A new passphrase" not in app.screen.texts()
        else:
            assert "A new passphrase" in app.screen.texts()
        await app.press("cover", "forgotten")
        assert app.screen.find(ft.TextField, label="Code")[0].value == ""
        assert str(code) not in held_text(app.screen.page.views)


async def test_whoever_covers_while_the_sheet_opens_finds_it_closed_and_opens_it_with_the_new_passphrase(
    tmp_path: Path, held_argon2id: Event
) -> None:
    async with open_field(tmp_path) as app:
        await typed_code(app, tmp_path, notes=False)
        await app.screen.fill("Passphrase", NEW)
        await app.screen.fill("The same once more", NEW)
        held_argon2id.clear()
        opening = asyncio.create_task(app.screen.press("passphrase-choose"))
        await app.screen.wait_for(lambda: app.state.busy)
        covering = asyncio.create_task(app.state.presence.cover())
        await app.screen.settle()
        assert app.screen.texts() == []
        held_argon2id.set()
        await asyncio.gather(opening, covering)
        await app.rest()
        assert (app.state.place.screen, app.state.notebook, app.gate.notebook) == (Screen.LOCK, None, None)
        await app.unlock(NEW)
        assert app.state.place.screen is Screen.HOME
