"""Settings show at once and are kept; the passphrase is changed only with the old one; about is honest."""

from dataclasses import replace
from pathlib import Path

import flet as ft
import pytest

from fieldapp.kit.presence import LockPolicy
from fieldapp.kit.theme import DIM, LIGHT
from fieldapp.services.settings import Look, Settings, Work
from fieldapp.ui.state import Screen
from tests.session.field_harness import PASSPHRASE, field, open_field
from tests.session.test_forced import enrol

pytestmark = pytest.mark.anyio

NEW = "another made up sextant walnut copper ninety"


async def test_every_choice_shows_at_once_and_survives_locking(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "language-de", "look-dark", "text_scale-130")
        assert app.state.language == "de"
        assert app.state.theme.palette.dark
        assert app.state.theme.scale == 1.3
        await app.press("work-outreach", "idle_seconds-60", "background_seconds-0")
        assert app.state.presence.policy == LockPolicy(background=0, idle=60)
        chosen = Settings("de", Look.DARK, Work.OUTREACH, 60, 0, 130)
        assert app.state.open.book.settings == chosen
    async with field(tmp_path) as again:
        await again.state.unlock(PASSPHRASE)
        assert again.state.open.book.settings == chosen
        assert again.state.language == "de"


async def test_the_passphrase_is_changed_with_the_old_one_only(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "passphrase")
        await app.screen.fill("Old passphrase", "a wrong one")
        await app.screen.fill("Passphrase", NEW)
        await app.screen.fill("The same once more", NEW)
        await app.press("passphrase-choose")
        (old,) = app.screen.find(ft.TextField, label="Old passphrase")
        assert old.error == "That is not the passphrase of this device."
        await app.screen.fill("Old passphrase", PASSPHRASE)
        await app.press("passphrase-choose")
        assert "The passphrase is changed" in app.screen.texts()
        await app.state.presence.lock()
        await app.screen.settle()
        await app.unlock(PASSPHRASE)
        assert app.state.notebook is None
        await app.unlock(NEW)
        assert app.state.place.screen is Screen.HOME


async def test_a_weak_or_mistyped_new_passphrase_changes_nothing(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "passphrase")
        await app.screen.fill("Old passphrase", PASSPHRASE)
        for new, again in (("secret", "secret"), (NEW, NEW + "s")):
            await app.screen.fill("Passphrase", new)
            await app.screen.fill("The same once more", again)
            await app.press("passphrase-choose")
            assert "The passphrase is changed" not in app.screen.texts()
        await app.state.presence.lock()
        await app.screen.settle()
        await app.unlock(PASSPHRASE)
        assert app.state.place.screen is Screen.HOME


async def test_lock_now_locks(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "lock-now")
        assert app.state.place.screen is Screen.LOCK
        assert app.state.notebook is None


@pytest.mark.parametrize("keep", [0, 1])
async def test_a_centre_that_wants_nothing_readable_to_stay_is_said(tmp_path: Path, keep: int) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        trust = app.state.open.book.trust
        assert trust
        policy = replace(trust.directory.policy, keep=keep)
        app.state.open.book.trust = replace(trust, directory=replace(trust.directory, policy=policy))
        await app.press("settings")
        said = " ".join(app.screen.texts())
        assert ("Your centre wants nothing readable to stay here" in said) is (keep == 0)


async def test_about_promises_no_more_than_is_true(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("settings", "about")
        said = " ".join(app.screen.texts())
        for words in (
            "No outside expert has reviewed this app yet",
            "Practitioners have not reviewed the wording in this language yet",
            "only the passphrase does",
            "only a recovery sheet opens what is only here",
            "Whoever forces you to unlock",
            "when. Not what is in it.",
            "Instrument HTP-Q20, version",
        ):
            assert words in said
        assert "undetectable" not in said.lower()


async def test_quiet_mode_goes_with_the_worker_and_ends_by_its_button_or_the_lock(tmp_path: Path) -> None:
    async with open_field(tmp_path, Settings(work=Work.OUTREACH, text_scale=130)) as app:
        assert "quiet" not in app.screen.identifiers()
        await app.press("new-screening", "alone-yes", "who-next", "quiet")
        assert app.state.theme.palette is DIM
        assert app.state.theme.scale == 1.3
        await app.press("later")
        assert app.state.theme.palette is DIM
        await app.press("quiet")
        assert app.state.theme.palette is LIGHT
        assert "quiet" not in app.screen.identifiers()
        app.state.quiet = True
        await app.state.presence.lock()
        await app.screen.settle()
        assert app.state.theme.palette is LIGHT
