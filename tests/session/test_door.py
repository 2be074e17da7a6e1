"""The door: first start step by step, and the neutral lock screen."""

import asyncio
from datetime import timedelta
from pathlib import Path
from threading import Event

import flet as ft
import pytest

from fieldapp.services.settings import Work
from fieldapp.ui.state import Screen
from tests.session.field_harness import PASSPHRASE, Field, field, open_field

pytestmark = pytest.mark.anyio

TELLING = ("violence", "screening", "victim", "marriage", "honour", "danger", "risk", "person")
"""Words that would tell a relative who holds the device what it is for."""


async def to_the_passphrase(app: Field) -> None:
    await app.press("go-on", "work-outreach", "go-on", "go-on")


async def test_a_language_is_shown_at_once_and_kept(tmp_path: Path) -> None:
    async with field(tmp_path) as app:
        await app.press("language-nl")
        assert app.state.language == "nl"
        await to_the_passphrase(app)
        await app.press("passphrase-propose", "passphrase-written")
        assert app.state.place.screen is Screen.HOME
        assert app.state.open.book.settings.language == "nl"
        assert app.state.open.book.settings.work is Work.OUTREACH


async def test_the_devices_language_is_followed_until_there_is_a_device(tmp_path: Path) -> None:
    async with field(tmp_path) as app:
        before = app.state.language
        await app.screen.fire(app.screen.page, "locale_change", {"locales": [{"language_code": "fr"}]})
        assert (before, app.state.language) == ("en", "fr")


async def test_a_proposed_passphrase_opens_the_device_later(tmp_path: Path) -> None:
    async with field(tmp_path) as app:
        await to_the_passphrase(app)
        await app.press("passphrase-propose")
        (shown,) = [words for words in app.screen.texts() if len(words.split()) == 5 and words.islower()]
        await app.press("passphrase-written")
        await app.state.presence.lock()
        await app.screen.settle()
        assert shown not in app.screen.texts()
        await app.unlock(shown)
        assert app.state.place.screen is Screen.HOME


async def test_an_own_passphrase_must_be_strong_and_typed_twice(tmp_path: Path) -> None:
    async with field(tmp_path) as app:
        await to_the_passphrase(app)
        await app.screen.fill("Passphrase", "secret")
        await app.screen.fill("The same once more", "secret")
        await app.press("passphrase-choose")
        assert app.state.notebook is None
        await app.screen.fill("Passphrase", PASSPHRASE)
        await app.press("passphrase-choose")
        assert app.state.notebook is None
        (again,) = app.screen.find(ft.TextField, label="The same once more")
        assert again.error == "The two are not the same."
        await app.screen.fill("The same once more", PASSPHRASE)
        await app.press("passphrase-choose")
        assert app.state.place.screen is Screen.HOME


async def test_the_worker_learns_what_forgetting_means_before_choosing(tmp_path: Path) -> None:
    async with field(tmp_path) as app:
        await app.press("go-on", "go-on")
        said = " ".join(app.screen.texts())
        assert "lost for good" in said
        assert "only a recovery sheet opens this device" in said
        assert "the passphrase alone protects" in said


async def test_neither_first_start_nor_lock_tells_what_the_app_is_for(tmp_path: Path) -> None:
    async with field(tmp_path) as app:
        said: list[str] = []
        for press in ("go-on", "go-on", "go-on", "passphrase-propose", "passphrase-written"):
            said += app.screen.texts()
            await app.press(press)
        await app.state.presence.lock()
        await app.screen.settle()
        said += app.screen.texts()
        assert [word for word in TELLING if word in " ".join(said).lower()] == []
        assert app.screen.page.title == "Notebook"


async def test_a_wrong_passphrase_is_said_calmly_and_enter_opens(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.state.presence.lock()
        await app.screen.settle()
        (typed,) = app.screen.find(ft.TextField, label="Passphrase")
        assert typed.autofocus
        await app.unlock("a wrong one")
        (typed,) = app.screen.find(ft.TextField, label="Passphrase")
        assert typed.error == "That passphrase does not open this. Type it once more."
        assert typed.value == ""
        # The client tells of Enter only while there is a handler; one that comes with the first letter comes too late.
        assert typed.on_submit
        await app.screen.submit("Passphrase")
        assert app.state.place.screen is Screen.LOCK
        await app.screen.fill("Passphrase", PASSPHRASE)
        await app.screen.submit("Passphrase")
        await app.rest()
        assert app.state.place.screen is Screen.HOME


@pytest.mark.parametrize("going", ["inactive", "hide", "disconnect"])
async def test_whoever_looks_away_while_it_opens_leaves_nothing_on_the_screen(
    tmp_path: Path, going: str, held_argon2id: Event
) -> None:
    life = ft.AppLifecycleState
    async with open_field(tmp_path) as app:
        state = app.state
        await state.presence.lock()
        await app.screen.settle()
        await app.screen.fill("Passphrase", PASSPHRASE)
        held_argon2id.clear()
        opening = asyncio.create_task(app.screen.press("unlock"))
        await app.screen.wait_for(lambda: state.busy)
        sent = len(app.screen.client.sent)
        if going == "disconnect":
            await app.screen.disconnect()
        else:
            await app.screen.lifecycle(life.INACTIVE if going == "inactive" else life.HIDE)
        held_argon2id.set()
        await opening
        await app.rest()
        if going == "disconnect":
            assert (state.notebook, app.gate.notebook) == (None, None), "nobody is there any more"
            return
        assert state.place.screen is Screen.HOME
        assert app.screen.texts() == []
        assert b"New screening" not in b"".join(app.screen.client.sent[sent:])
        await app.screen.lifecycle(life.RESUME)
        assert "New screening" in app.screen.texts()


async def test_after_five_failures_the_wait_is_counted_down(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.state.presence.lock()
        await app.screen.settle()
        for _ in range(6):
            await app.unlock("a wrong one")
        assert "0:30 left" in app.screen.texts()
        assert "unlock" in app.screen.identifiers()
        app.clock.at += timedelta(seconds=12)
        await app.screen.wait_for(lambda: "0:18 left" in app.screen.texts())
        app.clock.at += timedelta(seconds=18)
        await app.screen.wait_for(lambda: not any("left" in words for words in app.screen.texts()))
        await app.unlock()
        assert app.state.place.screen is Screen.HOME


async def test_a_vault_in_use_elsewhere_is_explained(tmp_path: Path) -> None:
    async with open_field(tmp_path), field(tmp_path) as second:
        await second.unlock()
        assert "This is open in another window or program." in second.screen.texts()
        assert second.state.notebook is None


async def test_a_damaged_vault_is_explained_and_kept(tmp_path: Path) -> None:
    async with open_field(tmp_path):
        pass
    header = tmp_path / "v.hdr"
    header.write_bytes(bytes(8192))
    async with field(tmp_path) as app:
        await app.unlock()
        assert "Its files were kept as they are." in app.screen.texts()
        assert header.read_bytes() == bytes(8192)
