"""A PIN: offered only where everything holds, typed on digits, replaced calmly, and never a way to be locked out."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import flet as ft
import pytest

from fieldapp.assets import default_law
from fieldapp.errors import InputError
from fieldapp.services.filing import Book
from fieldapp.services.gate import Gate
from fieldapp.services.membership import Standing
from fieldapp.services.number_pad import DIGITS, ENTRY, LETTERS
from fieldapp.services.passphrases import Choice
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.ui.app import field_app
from fieldapp.ui.state import Screen
from fieldapp.vault import (
    FLOOR,
    Keystore,
    KeystoreUnavailable,
    NoKeystore,
    SlotKind,
    WrongPassphrase,
    new_code,
)
from tests.fakes.centre import ScriptedCentre
from tests.fakes.fake_flet import FakeSession
from tests.fakes.keystore import MemoryKeystore
from tests.session.field_harness import PASSPHRASE, Field, StillClock, no_network
from tests.session.test_forced import SECOND, TOKENS, said
from tests.session.test_notes import in_front, search
from tests.session.test_recovery import NEW, make_a_sheet, open_with
from tests.unit.services.test_standing import ruled

pytestmark = pytest.mark.anyio

MODEL = "Made Up 8"
PIN, OTHER_PIN, WIPE_PIN = "840293", "517064", "39270581"


@pytest.fixture(autouse=True)
def derived(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Stand in for Argon2id; gives what was derived from."""
    done: list[bytes] = []

    def quick(passphrase: bytes, salt: bytes, *, passes: int, memory_kib: int) -> bytes:
        done.append(passphrase)
        return hashlib.blake2b(passphrase, key=salt, digest_size=32).digest()

    monkeypatch.setattr("fieldapp.vault.kdf.argon2id", quick)
    return done


@asynccontextmanager
async def phone(
    folder: Path, keystore: Keystore, model: str | None = MODEL, *, clock: StillClock | None = None
) -> AsyncIterator[Field]:
    clock = clock or StillClock()
    gate = Gate(folder, keystore, clock, SystemIds(), no_network, calibrated=lambda: FLOOR, model=model)
    try:
        async with FakeSession(field_app(gate, default_law())) as screen:
            yield Field(screen, gate, clock)
    finally:
        await gate.shut()


async def enrol(app: Field, models: tuple[str, ...] = (MODEL,)) -> ScriptedCentre:
    """Set the device up and let it belong to a centre that lists `models`."""
    await app.state.create(PASSPHRASE, Settings())
    await app.screen.settle()
    centre = ScriptedCentre("https://relay.example", app.clock.now())
    policy = replace(centre.directory.policy, pin_models=models)
    await app.state.open.book.join(centre.member(), ruled(centre, 2, policy=policy), TOKENS)
    await go_home(app)
    return centre


async def go_home(app: Field) -> None:
    app.state.home()
    await app.rest()


async def use_pin(app: Field, old: str = PASSPHRASE, new: str = PIN, again: str = "") -> None:
    await app.press("settings", "pin")
    await app.screen.fill("Old PIN" if old.isdigit() else "Old passphrase", old)
    await app.screen.fill("New PIN", new)
    await app.screen.fill("The same PIN once more", again or new)
    await app.press("pin-choose")


async def set_pin(app: Field) -> None:
    """Set the PIN without the screens, where these are not what is tested."""
    await app.state.open.book.change_passphrase(PASSPHRASE, PIN)
    await app.rest()


async def withdraw(app: Field, centre: ScriptedCentre) -> None:
    policy = replace(centre.directory.policy, pin_models=())
    v = centre.directory.v + 1
    await app.state.open.book.save_trust(ruled(centre, v, policy=policy))
    await app.rest()


async def lock(app: Field) -> None:
    await app.state.presence.lock()
    await app.rest()


async def type_pin(app: Field, pin: str = PIN) -> None:
    await app.screen.fill("PIN", pin)
    await app.press("unlock")


@pytest.mark.parametrize(
    ("model", "models", "bound", "offered"),
    [
        (MODEL, ("Another 1", MODEL), True, True),
        (MODEL, ("Made Up", "Made Up 8 Pro", "made up 8"), True, False),
        ("", (MODEL,), True, False),
        (None, (MODEL,), True, False),
        (MODEL, (MODEL,), False, False),
    ],
)
async def test_a_pin_is_offered_only_when_everything_holds(
    tmp_path: Path, model: str | None, models: tuple[str, ...], *, bound: bool, offered: bool
) -> None:
    async with phone(tmp_path, MemoryKeystore() if bound else NoKeystore(), model) as app:
        await enrol(app, models)
        book = app.state.open.book
        assert (book.choice is Choice.PIN_OR_PASSPHRASE) is offered
        await app.press("settings")
        assert ("pin" in app.screen.identifiers()) is offered
        if not offered:
            with pytest.raises(InputError):
                await book.change_passphrase(PASSPHRASE, PIN)
        await app.press("about")
        assert (MODEL in said(app)) is (model == MODEL)


async def test_a_device_that_the_centre_has_withdrawn_gets_no_pin_and_is_not_asked_about_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with phone(tmp_path, MemoryKeystore()) as app:
        await enrol(app)
        await app.state.open.book.change_passphrase(PASSPHRASE, PIN)
        for standing, choice in (
            (Standing.SUSPENDED, Choice.PIN_OR_PASSPHRASE),
            (Standing.REVOKED, Choice.PASSPHRASE),
            (Standing.PUT_BACK, Choice.PASSPHRASE),
        ):
            monkeypatch.setattr(Book, "standing", standing)
            assert app.state.open.book.choice is choice
            assert not app.state.open.book.pin_withdrawn


async def test_no_pin_before_there_is_a_centre_and_none_at_the_first_start(tmp_path: Path) -> None:
    async with phone(tmp_path, MemoryKeystore()) as app:
        with pytest.raises(InputError):
            await app.gate.create(PIN, Settings())
        await app.state.create(PASSPHRASE, Settings())
        with pytest.raises(InputError):
            await app.state.open.book.change_passphrase(PASSPHRASE, PIN)
        await go_home(app)
        await app.press("settings")
        assert "pin" not in app.screen.identifiers()


async def test_a_pin_replaces_the_passphrase_is_typed_on_digits_and_goes_back(tmp_path: Path) -> None:
    keystore = MemoryKeystore()
    async with phone(tmp_path, keystore) as app:
        await enrol(app)
        await use_pin(app, new="123456")
        assert "Too easy to guess" in said(app)
        await use_pin_again(app, PIN, "840294")
        assert "The two are not the same." in said(app)
        assert ENTRY not in keystore.values
        await use_pin_again(app, PIN)
        assert "The PIN is set" in said(app)
        assert keystore.values[ENTRY] == DIGITS
        await lock(app)
        (field,) = app.screen.find(ft.TextField)
        assert field.keyboard_type is ft.KeyboardType.NUMBER
        assert field.password
        assert not field.enable_ime_personalized_learning
        await type_pin(app, OTHER_PIN)
        assert "That PIN does not open this." in said(app)
        await type_pin(app)
        assert app.state.place.screen is Screen.HOME
    async with phone(tmp_path, keystore) as app:  # also after a new start
        await app.press("keyboard")
        (field,) = app.screen.find(ft.TextField)
        assert field.keyboard_type is ft.KeyboardType.TEXT
        await app.unlock(PIN)
        assert app.state.place.screen is Screen.HOME, "letters or digits: the PIN opens it"
        await app.press("settings", "passphrase")
        await app.screen.fill("Old PIN", PIN)
        await app.screen.fill("Passphrase", NEW)
        await app.screen.fill("The same once more", NEW)
        await app.press("passphrase-choose")
        assert "From now on only the new one opens this device." in said(app)
        assert keystore.values[ENTRY] == LETTERS
        await lock(app)
        await app.unlock(PIN)
        assert app.state.notebook is None
        await app.unlock(NEW)
        assert app.state.place.screen is Screen.HOME


async def use_pin_again(app: Field, new: str, again: str = "") -> None:
    """Type into the open form once more."""
    await app.screen.fill("New PIN", new)
    await app.screen.fill("The same PIN once more", again or new)
    await app.press("pin-choose")


async def test_a_model_that_is_withdrawn_leaves_the_pin_working_and_asks_calmly(tmp_path: Path) -> None:
    keystore = MemoryKeystore()
    async with phone(tmp_path, keystore) as app:
        centre = await enrol(app)
        await set_pin(app)
        await lock(app)
        await type_pin(app)
        assert "pin-withdrawn" not in app.screen.identifiers()
        await withdraw(app, centre)
        assert "Until then the PIN opens it." in said(app)
        await lock(app)
        await type_pin(app)
        assert app.state.place.screen is Screen.HOME
        with pytest.raises(InputError):
            await app.state.open.book.change_passphrase(PIN, OTHER_PIN)
        await app.press("settings")
        assert "pin" not in app.screen.identifiers()
        await app.press("back", "pin-withdrawn")
        await app.screen.fill("Old PIN", PIN)
        await app.screen.fill("Passphrase", NEW)
        await app.screen.fill("The same once more", NEW)
        await app.press("passphrase-choose", "done")
        assert app.state.place.screen is Screen.HOME
        assert "pin-withdrawn" not in app.screen.identifiers()
    async with phone(tmp_path, keystore, "") as app:  # a phone that did not say its model this time
        await app.unlock(NEW)
        assert "pin-withdrawn" not in app.screen.identifiers()


async def test_a_phone_that_does_not_say_its_model_this_time_opens_and_asks_nothing(tmp_path: Path) -> None:
    keystore = MemoryKeystore()
    async with phone(tmp_path, keystore) as app:
        await enrol(app)
        await set_pin(app)
    async with phone(tmp_path, keystore, "") as app:
        await type_pin(app)
        assert app.state.place.screen is Screen.HOME
        assert "pin-withdrawn" not in app.screen.identifiers()


async def test_a_lost_key_store_leads_to_the_sheet_and_to_a_passphrase(tmp_path: Path) -> None:
    keystore = MemoryKeystore()
    async with phone(tmp_path, keystore) as app:
        await enrol(app)
        await set_pin(app)
        code = await make_a_sheet(app, ("PIN", PIN))
        await lock(app)
        keystore.values.clear()
        with pytest.raises(InputError):
            await app.gate.recover(code, PIN)
        await open_with(app, code)
        assert app.state.notebook is not None
        assert not app.state.open.book.opened_by_pin
        assert keystore.values[ENTRY] == LETTERS
        await lock(app)
        await app.unlock(NEW)
        assert app.state.place.screen is Screen.HOME


async def test_the_other_words_may_be_pins_beside_a_pin_and_only_then(tmp_path: Path) -> None:
    async with phone(tmp_path, MemoryKeystore()) as app:
        centre = await enrol(app)
        book = app.state.open.book
        with pytest.raises(InputError):
            await book.set_word(SlotKind.OPEN, PASSPHRASE, OTHER_PIN)
        await set_pin(app)
        with pytest.raises(InputError):
            await book.set_word(SlotKind.OPEN, PIN, "840239")  # two slips away
        with pytest.raises(InputError):
            await book.set_word(SlotKind.OPEN, PIN, "111111")
        await app.press("settings", "forced")
        assert "Only a centre allows a PIN." in said(app)
        await app.press("forced-second")
        await app.screen.fill("Your PIN", PIN)
        await use_pin_again(app, OTHER_PIN)
        assert "Done and tested" in said(app)
        await book.set_word(SlotKind.WIPE_THEN_OPEN, PIN, WIPE_PIN, OTHER_PIN)
        await go_home(app)
        await app.press("settings", "pin")
        assert "Choose one that is far from your other PINs" in said(app), "the app does not know them"
        await app.screen.fill("Old PIN", PIN)
        await use_pin_again(app, WIPE_PIN)
        assert "This one cannot be used here." in said(app)
        assert "Choose another one." in said(app)
        await lock(app)
        await type_pin(app, OTHER_PIN)
        second = app.state.open.book
        assert second.is_second
        assert second.choice is Choice.PASSPHRASE
        assert "pin-withdrawn" not in app.screen.identifiers(), "no centre, nobody to allow or forbid it"
        await app.press("settings")
        assert "pin" not in app.screen.identifiers()
        await app.press("forced")
        assert "Only a centre allows a PIN." not in said(app)
        await lock(app)
        await type_pin(app)
        await withdraw(app, centre)
        with pytest.raises(InputError):
            await app.state.open.book.set_word(SlotKind.OPEN, PIN, "602815", WIPE_PIN)
        # Back to a passphrase: what is set beside it still opens, also where digits are no longer asked for first.
        await app.state.open.book.change_passphrase(PIN, NEW)
        await lock(app)
        await app.unlock(WIPE_PIN)
        assert app.state.open.book.is_second
        await lock(app)
        await app.unlock(NEW)
        assert app.state.notebook is None


async def test_a_pin_opens_from_the_search_box_and_other_words_cost_the_same(
    tmp_path: Path, derived: list[bytes]
) -> None:
    async with phone(tmp_path, MemoryKeystore()) as app:
        await enrol(app)
        await set_pin(app)
        await in_front(app)
        derived.clear()
        for n in range(2):
            await search(app, f"bread {n}")  # short words are no attempts, and cost the same
        assert derived == [b"bread 0", b"bread 1"]
        await search(app, PIN)
        assert app.state.place.screen is Screen.HOME
        await app.press("settings", "front")
        assert "it may be a PIN" in said(app)
        await app.press("cover")
        for _ in range(5):
            await search(app, OTHER_PIN)  # numbers are attempts, here
        await search(app, PIN)
        assert app.state.notebook is None
        app.clock.at += timedelta(seconds=61)
        await search(app, PIN)
        assert app.state.place.screen is Screen.HOME


async def test_the_sheet_of_a_second_notebook_leaves_the_first_ones_pin_to_the_search_box(
    tmp_path: Path,
) -> None:
    """It exchanges its own words only; and after either sheet a lock screen and the notes are the same."""
    async with phone(tmp_path, MemoryKeystore()) as app:
        await enrol(app)
        await set_pin(app)
        await app.state.open.book.set_word(SlotKind.OPEN, PIN, OTHER_PIN)
        await lock(app)
        await type_pin(app, OTHER_PIN)
        code = await make_a_sheet(app, ("PIN", OTHER_PIN))
        await lock(app)
        await open_with(app, code)
        assert app.state.open.book.is_second
        app.state.home()
        await app.rest()
        await in_front(app)
        await search(app, PIN)
        assert app.state.notebook is not None
        assert not app.state.open.book.is_second


async def test_a_pin_opens_in_the_digits_that_the_keyboard_of_the_day_types(tmp_path: Path) -> None:
    def there(pin: str, zero: str = "\u0660") -> str:
        return "".join(chr(ord(zero) + int(digit)) for digit in pin)

    async with phone(tmp_path, MemoryKeystore()) as app:
        await enrol(app)
        await use_pin(app, new=there(PIN), again=PIN)
        assert "The PIN is set" in said(app)
        await app.press("done")
        book = app.state.open.book
        await book.set_word(SlotKind.OPEN, there(PIN), there(OTHER_PIN))
        await book.set_word(SlotKind.WIPE_THEN_OPEN, there(PIN), WIPE_PIN, there(OTHER_PIN))
        await book.remove_word(SlotKind.WIPE_THEN_OPEN, there(PIN))
        with pytest.raises(InputError):
            await book.set_word(SlotKind.WIPE_THEN_OPEN, there(PIN), "840239", OTHER_PIN)
        await go_home(app)
        await make_a_sheet(app, ("PIN", there(PIN)))
        await lock(app)
        (field,) = app.screen.find(ft.TextField)
        assert isinstance(field.input_filter, ft.InputFilter)
        lets_through = re.compile(field.input_filter.regex_string)
        for zero in ("0", "\u0660", "\u06f0", "\u0966", "\u09e6", "\uff10"):
            assert all(lets_through.fullmatch(sign) for sign in there("0123456789", zero))
        await type_pin(app, there(PIN))
        assert app.state.place.screen is Screen.HOME
        assert app.state.open.book.opened_by_pin
        await lock(app)
        await type_pin(app, there(OTHER_PIN))
        assert app.state.open.book.is_second
        await in_front(app)
        await search(app, there(PIN))
        assert not app.state.open.book.is_second
        await app.state.open.book.change_key(there(PIN), new_code())
        await app.state.open.book.change_passphrase(there(PIN), NEW)


async def test_a_hint_that_is_lost_hides_no_pin_from_a_lock_screen_and_comes_back(tmp_path: Path) -> None:
    keystore = MemoryKeystore()
    async with phone(tmp_path, keystore) as app:
        await enrol(app)
        await set_pin(app)
    del keystore.values[ENTRY]
    async with phone(tmp_path, keystore) as app:
        await app.unlock(PIN)
        assert app.state.place.screen is Screen.HOME
        assert keystore.values[ENTRY] == DIGITS
        await in_front(app)
        await search(app, PIN)
        assert app.state.place.screen is Screen.HOME
    keystore.values[ENTRY] = b"\x07\x07"  # what is garbled: letters, and numbers are tried
    async with phone(tmp_path, keystore) as app:
        assert app.state.place.screen is Screen.NOTES
        await search(app, PIN)
        assert app.state.place.screen is Screen.HOME


async def test_a_key_store_that_refuses_to_note_it_leaves_the_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore = MemoryKeystore()
    async with phone(tmp_path, keystore) as app:
        await enrol(app)
        book = app.state.open.book
        keystore.read_only = True
        with pytest.raises(KeystoreUnavailable):
            await book.change_passphrase(PASSPHRASE, PIN)
        keystore.read_only = False
        with pytest.raises(WrongPassphrase):
            await book.change_passphrase("a wrong one", PIN)
        assert ENTRY not in keystore.values
        await lock(app)
        await app.unlock()
        assert app.state.place.screen is Screen.HOME


async def test_a_change_that_failed_halfway_keeps_numbers_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows then which of the two opens it."""
    keystore = MemoryKeystore()
    async with phone(tmp_path, keystore) as app:
        await enrol(app)
        monkeypatch.setattr("fieldapp.vault.vault.Vault.change_passphrase", _full)
        with pytest.raises(OSError, match="full"):
            await app.state.open.book.change_passphrase(PASSPHRASE, PIN)
        assert keystore.values[ENTRY] == LETTERS


def _full(*_: object) -> None:
    raise OSError("full")


async def test_a_computer_never_asks_for_or_writes_the_hint(tmp_path: Path) -> None:
    asked: list[str] = []

    class Watched(MemoryKeystore):
        def get(self, name: str) -> bytes | None:
            asked.append(name)
            return super().get(name)

    keystore = Watched()
    async with phone(tmp_path, keystore, None) as app:
        await enrol(app)
        await app.state.open.book.change_passphrase(PASSPHRASE, SECOND)
        await lock(app)
        assert "keyboard" not in app.screen.identifiers()
    assert ENTRY not in asked
    assert ENTRY not in keystore.values
