"""If this device was copied: what the page says, and a new key with a new sheet."""

import sys
from pathlib import Path

import pytest

from fieldapp.ui.state import Screen
from tests.session.field_harness import PASSPHRASE, Field, open_field
from tests.session.test_forced import SECOND, both_words, enrol, lock, said
from tests.session.test_recovery import make_a_sheet, open_with, shown_code

pytestmark = pytest.mark.anyio


async def make_a_key(app: Field, passphrase: str = PASSPHRASE) -> str:
    await app.press("settings", "copied", "new-key", "sheet-make")
    code = shown_code(app)
    await app.press("sheet-written")
    await app.screen.fill("Code", code)
    await app.screen.fill("Passphrase", passphrase)
    await app.press("sheet-test")
    return code


async def test_a_new_key_keeps_everything_and_gives_a_new_sheet(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        await app.press("new-screening", "alone-yes", "back", "back")
        old = await make_a_sheet(app)
        await app.press("back")
        before = app.state.open.book._vault.opened.content
        new = await make_a_key(app)
        assert "The key is new" in said(app)
        assert new not in app.screen.texts()
        await app.press("sheet-done")
        assert app.state.place.screen is Screen.COPIED
        after = app.state.open.book._vault.opened.content
        assert (after.epoch, after.vmk == before.vmk) == (before.epoch + 1, False)
        await lock(app)
        await open_with(app, old)
        await app.screen.wait_for(lambda: "This code does not open it" in said(app))
        await app.press("back")
        await open_with(app, new)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert len(app.state.open.screenings.unfinished) == 1


async def test_a_wrong_passphrase_makes_no_key(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        await make_a_key(app, "a wrong one")
        assert "That is not the passphrase of this device." in said(app)
        assert app.state.open.book._vault.opened.content.epoch == 0


async def test_a_device_that_is_not_enrolled_and_a_second_notebook_show_the_same_page(tmp_path: Path) -> None:
    async with open_field(tmp_path / "new") as app:
        await app.press("settings", "copied")
        page = app.screen.texts()
        assert "once this device is enrolled" in said(app)
    async with open_field(tmp_path / "second") as app:
        await both_words(app)
        await lock(app)
        await app.unlock(SECOND)
        await app.press("settings", "copied")
        assert app.screen.texts() == page


async def test_the_page_leads_to_the_passphrase_and_a_cut_rotation_is_ended_behind_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_args: object, **_more: object) -> None:
        raise RuntimeError

    async with open_field(tmp_path) as app:
        await enrol(app)
        await app.press("settings", "copied", "copied-passphrase")
        assert app.state.place.screen is Screen.PASSPHRASE
        vault = app.state.open.book._vault
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules["fieldapp.vault.rotation"], "finish_rekey", cut)
            with pytest.raises(RuntimeError):
                await app.state.open.book.change_key(PASSPHRASE, "0" * 26)
        assert vault.opened.content.epoch == 0
        await lock(app)
        await app.unlock()
        await app.rest()
        assert app.state.open.book._vault.opened.content.epoch == 1
