"""If somebody forces you: the page of both notebooks, the two passphrases, and erasing at once."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.services.settings import Work
from fieldapp.ui.state import Screen
from fieldapp.vault import SlotKind
from tests.fakes.centre import ScriptedCentre
from tests.session.field_harness import PASSPHRASE, Field, open_field
from tests.session.test_recovery import NEW, make_a_sheet, open_with

pytestmark = pytest.mark.anyio

SECOND = "harmless sextant walnut copper ninety"
WIPE = "goodbye marble anchor violet thirty"
TOKENS = [bytes([n]) * 32 for n in range(1, 30)]


async def enrol(app: Field) -> None:
    centre = ScriptedCentre("https://relay.example", app.clock.now())
    await app.state.open.book.join(centre.member(), centre.trust, TOKENS)
    await app.screen.settle()


async def lock(app: Field) -> None:
    await app.state.presence.lock()
    await app.screen.settle()


async def set_word(app: Field, which: str, word: str, other: tuple[str, str] | None = None) -> None:
    await app.press(f"forced-{which}")
    await app.screen.fill("Your passphrase", PASSPHRASE)
    if other:
        await app.screen.fill(*other)
    await choose(app, word)


async def choose(app: Field, word: str) -> None:
    await app.screen.fill("Passphrase", word)
    await app.screen.fill("The same once more", word)
    await app.press("passphrase-choose")


def said(app: Field) -> str:
    errors = (str(field.error or "") for field in app.screen.find(ft.TextField))
    return " ".join([*app.screen.texts(), *errors])


async def both_words(app: Field) -> None:
    await enrol(app)
    await app.press("settings", "forced")
    await set_word(app, "second", SECOND)
    assert "Done and tested" in said(app)
    await app.press("forced-done")
    await set_word(app, "wipe", WIPE, ("Your second passphrase", SECOND))
    assert "Done and tested" in said(app)
    await app.press("forced-done")
    assert said(app).count("Set. Tap to change") == 2


async def test_the_second_passphrase_opens_a_notebook_that_looks_like_a_new_device(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "alone-yes", "back", "back")
        await both_words(app)
        await lock(app)
        await app.unlock(SECOND)
        assert app.state.place.screen is Screen.HOME
        assert "This device is not enrolled at a centre yet" in said(app)
        assert "Resume" not in said(app)
        await app.press("new-screening", "alone-yes", "back", "back")
        assert len(app.state.open.screenings.unfinished) == 1
        await app.press("settings")
        shown = said(app)
        for betrays in ("decoy", "Second", "other notebook"):
            assert betrays not in shown
        assert "Not enrolled yet" in shown
        await app.press("forced")
        shown = said(app)
        assert "once this device is enrolled" in shown
        assert shown.count("Not set") == 2
        with pytest.raises(AssertionError, match="0 things to press"):
            await app.press("forced-second")
        await lock(app)
        await app.unlock(PASSPHRASE)
        assert "Resume" in said(app)
        assert "not enrolled" not in said(app)


async def test_the_page_of_a_device_that_is_not_enrolled_yet_is_word_for_word_that_of_the_second_notebook(
    tmp_path: Path,
) -> None:
    pages = {}
    async with open_field(tmp_path / "new") as app:
        for screen in ("settings", "forced"):
            await app.press(screen)
            pages[screen] = app.screen.texts()
    async with open_field(tmp_path / "second") as app:
        await both_words(app)
        await lock(app)
        await app.unlock(SECOND)
        for screen in ("settings", "forced"):
            await app.press(screen)
            assert app.screen.texts() == pages[screen]


async def test_the_second_notebook_enrols_nowhere_and_says_that_there_is_no_network(tmp_path: Path) -> None:
    from sync.code import EnrolmentCode
    from sync.errors import RelayUnreachable

    async with open_field(tmp_path) as app:
        await both_words(app)
        await lock(app)
        await app.unlock(SECOND)
        code = EnrolmentCode(b"c" * 16, b"s" * 16, "https://relay.example")
        with pytest.raises(RelayUnreachable):
            await app.state.open.enrolling.begin(code.qr_text())
        assert app.state.open.delivery.waiting == 0


async def test_the_wipe_passphrase_opens_the_other_notebook_and_nothing_else_opens_any_more(
    tmp_path: Path,
) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "alone-yes", "back", "back")
        await both_words(app)
        await lock(app)
        await app.unlock(WIPE)
        assert app.state.place.screen is Screen.HOME
        assert "Resume" not in said(app)
        assert app.state.open.book.damaged == []
        await app.rest()
        assert app.state.open.book._vault.opened.content.state == 0
        for word in (PASSPHRASE, SECOND):
            await lock(app)
            await app.unlock(word)
            assert app.state.notebook is None


@pytest.mark.usefixtures("held_argon2id")
async def test_what_still_opens_after_a_wipe_and_after_erasing_is_said_before(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "forced")
        assert "open nothing any more" not in said(app), "there is no other passphrase"
        await app.press("back", "back")
        await both_words(app)
        assert "Afterwards the second and the wipe passphrase open nothing any more." in said(app)
        await app.press("forced-wipe")
        only = (
            "From then on nothing else opens this device: not yours, not the second one, no recovery sheet."
        )
        assert only in said(app)
        await app.press("back", "forced-erase", "confirm-yes")
        await app.screen.wait_for(lambda: app.state.place.screen is Screen.LOCK)
        await app.rest()
        for word in (SECOND, WIPE):
            await app.unlock(word)
            assert app.state.notebook is None
        await app.unlock(PASSPHRASE)
        assert app.state.open.book.is_second


@pytest.mark.usefixtures("held_argon2id")
async def test_whoever_recovers_is_told_that_the_sheet_and_the_other_passphrases_open_nothing_any_more(
    tmp_path: Path,
) -> None:
    used = "That sheet opens nothing any more"
    words = "Nor does a second or a wipe passphrase"
    async with open_field(tmp_path) as app:
        await both_words(app)
        await app.press("back", "back")
        code = await make_a_sheet(app)
        assert used not in said(app)
        await lock(app)
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert app.state.place.screen is Screen.SHEET
        assert used in said(app)
        assert words in said(app)
        await lock(app)
        for word in (SECOND, WIPE):
            await app.unlock(word)
            assert app.state.notebook is None, "what is said is true"
        await app.unlock(NEW)
        await app.press("settings", "sheet")
        assert used not in said(app)


@pytest.mark.usefixtures("held_argon2id")
async def test_whoever_recovers_a_notebook_without_a_centre_is_told_of_no_other_passphrases(
    tmp_path: Path,
) -> None:
    async with open_field(tmp_path) as app:
        code = await make_a_sheet(app)
        await lock(app)
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await app.rest()
        assert "That sheet opens nothing any more" in said(app)
        assert "second or a wipe passphrase" not in said(app), "as in a second notebook, which keeps its own"


async def test_erasing_asks_once_and_the_same_passphrase_opens_an_empty_notebook(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "alone-yes", "back", "back", "settings", "forced", "forced-erase")
        await app.press("confirm-no")
        assert app.state.open.screenings.unfinished
        await app.press("forced-erase", "confirm-yes")
        await app.screen.wait_for(lambda: app.state.place.screen is Screen.LOCK)
        await app.rest()
        await app.unlock()
        assert app.state.place.screen is Screen.HOME
        assert "Resume" not in said(app)


async def test_a_word_too_close_to_the_passphrase_is_refused(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        await app.press("settings", "forced")
        await set_word(app, "second", "sixty gravel lantern canoe up made")
        assert "too close to another passphrase" in said(app)
        assert not app.state.open.book.word_is_set(SlotKind.OPEN)


async def test_wrong_passphrases_set_nothing_and_a_word_can_be_removed(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await both_words(app)
        await app.press("forced-wipe")
        await app.screen.fill("Your passphrase", "a wrong one")
        await app.screen.fill("Your second passphrase", SECOND)
        await choose(app, "another goodbye pebble hammer fifty")
        assert "That is not right." in said(app)
        await app.screen.fill("Your passphrase", PASSPHRASE)
        await app.screen.fill("Your second passphrase", "a wrong one")
        await app.press("passphrase-choose")
        assert "That is not right." in said(app)
        await app.press("forced-remove")
        assert "It opens nothing any more." in said(app)
        await app.press("forced-done")
        assert said(app).count("Set. Tap to change") == 1
        await lock(app)
        await app.unlock(WIPE)
        assert app.state.notebook is None


@pytest.mark.parametrize("how", ["second", "erased"])
async def test_the_second_notebook_speaks_and_looks_as_the_first_one_did(how: str, tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.state.change_settings(language="nl", work=Work.OUTREACH, text_scale=130, idle_seconds=60)
        settings = app.state.open.book.settings
        await enrol(app)
        if how == "second":
            await app.state.open.book.set_word(SlotKind.OPEN, PASSPHRASE, SECOND)
            await lock(app)
            await app.gate.unlock(SECOND)
        else:
            await app.state.open.book.erase()
            await app.screen.wait_for(lambda: app.state.place.screen is Screen.LOCK)
            await app.rest()
            await app.gate.unlock(PASSPHRASE)
        assert app.gate.notebook
        assert app.gate.notebook.book.is_second
        assert app.gate.notebook.book.settings == settings
        assert app.gate.notebook.book.damaged == []


async def test_a_notebook_that_an_order_has_wiped_tells_of_no_word(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        book = app.state.open.book
        await book.set_word(SlotKind.OPEN, PASSPHRASE, SECOND)
        book.membership = None  # as after an order to wipe
        assert not book.word_is_set(SlotKind.OPEN)
