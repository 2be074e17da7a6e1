"""A device whose key store guards a secret: what the worker sees when it is set up, when it fails, and afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fieldapp.assets import default_law
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.ui.app import field_app
from fieldapp.ui.state import Screen
from fieldapp.vault import FLOOR, Keystore
from tests.fakes.fake_flet import FakeSession
from tests.fakes.keystore import MemoryKeystore
from tests.session.field_harness import PASSPHRASE, Field, StillClock, no_network, open_field
from tests.session.test_recovery import NEW, locked, make_a_sheet, open_with, said, shown_code

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def guarded(directory: Path, keystore: Keystore) -> AsyncIterator[Field]:
    clock = StillClock()
    gate = Gate(
        directory, keystore, clock, SystemIds(), no_network, calibrated=lambda: FLOOR, locked_sending=True
    )
    try:
        async with FakeSession(field_app(gate, default_law())) as screen:
            yield Field(screen, gate, clock)
    finally:
        await gate.shut()


async def set_up(folder: Path, keystore: MemoryKeystore) -> str:
    """Set a device up, with an unfinished screening and a sheet, and end the app; returns the sheet's code."""
    if not _MADE:
        async with guarded(folder, keystore) as app:
            await app.state.create(PASSPHRASE, Settings())
            await app.screen.settle()
            assert app.state.place.screen is Screen.SHEET, "first, where a key store can lose its secret"
            assert "This device's key store can lose its secret" in said(app)
            await app.press("back", "new-screening", "alone-yes", "back", "back")
            code = await make_a_sheet(app)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        _MADE.append((files, dict(keystore.values), code))
    files, values, code = _MADE[0]
    for name, data in files.items():
        (folder / name).write_bytes(data)
    keystore.values = dict(values)
    return code


_MADE: list[tuple[dict[str, bytes], dict[str, bytes], str]] = []
"""The files, the entries and the sheet's code of a device that was set up once for this module."""


@pytest.mark.parametrize("fault", ["raises", "forgot the secret", "forgot everything"])
async def test_story_7_a_key_store_that_failed_leads_to_the_sheet_and_costs_nothing(
    tmp_path: Path, fault: str
) -> None:
    keystore = MemoryKeystore()
    code = await set_up(tmp_path, keystore)
    async with guarded(tmp_path, keystore) as app:
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        if fault == "raises":
            keystore.broken = True
        elif fault == "forgot the secret":
            del keystore.values["ds"]
        else:
            keystore.values.clear()
        await app.unlock()
        assert app.state.notebook is None
        assert "The device's key store does not answer, or has lost what it kept." in said(app)
        assert "Nothing was deleted or changed." in said(app)
        assert "Use the recovery sheet" in said(app)
        still = "What is ready to be sent is still sent while this is closed."
        assert (still in said(app)) is (fault == "forgot the secret")
        assert ("Nothing is sent while this is closed" in said(app)) is (fault != "forgot the secret")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert app.state.place.screen is Screen.SHEET
        assert len(app.state.open.screenings.unfinished) == 1
        assert app.state.open.book.is_bound is (fault != "raises")
        warned = "Only the passphrase protects this notebook" in said(app)
        assert warned is (fault == "raises")
        await locked(app)
        await app.unlock(NEW)
        assert len(app.state.open.screenings.unfinished) == 1


async def test_a_notebook_that_was_opened_without_its_key_store_is_bound_again_with_a_sheet(
    tmp_path: Path,
) -> None:
    keystore = MemoryKeystore()
    code = await set_up(tmp_path, keystore)
    keystore.broken = True
    async with guarded(tmp_path, keystore) as app:
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert not app.state.open.book.is_bound
        keystore.broken = False
        await locked(app)
        await app.unlock(NEW)
        assert not app.state.open.book.is_bound
        assert "only the passphrase does" in await about(app)
        code = await make_a_sheet_with(app, NEW)
        await locked(app)
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert app.state.open.book.is_bound
        assert "this device's key store guards a secret" in await about(app)


async def about(app: Field) -> str:
    """Go to the About page from wherever the worker is, and home again; returns what it says."""
    await home(app)
    await app.press("settings", "about")
    words = said(app)
    await home(app)
    return words


async def home(app: Field) -> None:
    while app.state.place.screen is not Screen.HOME:
        await app.press("back")


async def make_a_sheet_with(app: Field, passphrase: str) -> str:
    await app.press("settings", "sheet", "sheet-make")
    code = shown_code(app)
    await app.press("sheet-written")
    await app.screen.fill("Code", code)
    await app.screen.fill("Passphrase", passphrase)
    await app.press("sheet-test")
    return code


async def test_where_there_is_no_key_store_nothing_is_said_of_one_on_the_sheet(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        assert app.state.place.screen is Screen.HOME
        await app.press("settings", "sheet")
        assert "key store" not in said(app)
        assert "only the passphrase does" in await about(app)


async def test_story_14_the_sheet_is_the_first_thing_after_the_set_up_and_can_be_left_out(
    tmp_path: Path,
) -> None:
    async with guarded(tmp_path, MemoryKeystore()) as app:
        await app.press("go-on", "go-on", "go-on")
        await app.screen.fill("Passphrase", PASSPHRASE)
        await app.screen.fill("The same once more", PASSPHRASE)
        await app.press("passphrase-choose")
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert app.state.place.screen is Screen.SHEET
        await app.press("back")
        assert app.state.place.screen is Screen.HOME
