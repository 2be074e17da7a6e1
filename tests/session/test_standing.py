"""What a worker sees when the centre lets the device wait, has withdrawn it, or the records were put back."""

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.services.filing import Book
from fieldapp.services.gate import Gate
from fieldapp.services.membership import Standing
from fieldapp.ui.state import Screen
from tests.fakes.centre import ScriptedCentre
from tests.session.field_harness import Field, open_field

pytestmark = pytest.mark.anyio


def said(app: Field) -> str:
    return "\n".join(app.screen.texts())


async def stands(app: Field, standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the centre's directory say something else about this device."""
    monkeypatch.setattr(Book, "standing", standing)
    app.state.open.book.changes.ring()
    await app.rest()


async def test_a_device_that_shall_wait_says_so_calmly_and_goes_on_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path) as app:
        await stands(app, Standing.SUSPENDED, monkeypatch)
        assert "The centre asks this device to wait." in said(app)
        assert "If someone is in danger, do not wait: call." in said(app)
        assert "Enrol" not in said(app)
        await app.press("new-screening")
        assert app.state.place.screen is Screen.OPENING
        assert "The centre asks this device to wait." not in said(app)
        await app.press("back", "settings")
        assert "Waits for the centre" in said(app)
        await app.state.presence.lock()
        await app.rest()
        assert "centre" not in said(app)


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (Standing.REVOKED, "This device no longer belongs to the centre."),
        (Standing.PUT_BACK, "The records on this device are older than they were."),
    ],
)
async def test_a_device_that_must_enrol_again_leads_to_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: Standing, words: str
) -> None:
    async with open_field(tmp_path) as app:
        await stands(app, standing, monkeypatch)
        assert words in said(app)
        await app.press("Enrol this device again")
        assert app.state.place.screen is Screen.ENROL
        assert "Ask the clerk at the centre for a code." in said(app)


async def test_an_older_lock_that_was_put_back_is_told_until_it_is_understood(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        app.state.open.book.keys_put_back = True
        app.state.open.book.changes.ring()
        await app.rest()
        assert "An older passphrase may open it again." in said(app)
        await app.press("error-action")
        assert "An older passphrase may open it again." not in said(app)


@pytest.mark.parametrize("bound", [True, False])
async def test_erasing_after_guesses_is_said_only_of_a_notebook_that_is_bound_to_the_key_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, bound: bool
) -> None:
    """One that was made before there was a key store is never erased by guesses, whatever the device has by now."""
    async with open_field(tmp_path) as app:
        policy = ScriptedCentre("https://relay.example", app.clock.now()).directory.policy
        monkeypatch.setattr(Book, "policy", replace(policy, wipe_after=20))
        monkeypatch.setattr(Gate, "has_keystore", True)
        monkeypatch.setattr(Book, "is_bound", bound)
        await app.press("settings")
        assert ("after 20 wrong passphrases" in said(app)) is bound
