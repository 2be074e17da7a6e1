"""The notes in front of the lock: they work, they open, and they never tell that they could."""

import asyncio
import hashlib
import struct
from datetime import timedelta
from pathlib import Path

import flet as ft
import pytest

from fieldapp.services.settings import Settings
from fieldapp.ui.state import Screen
from fieldapp.vault import grouped, new_code
from fieldapp.vault import keystore as keys
from fieldapp.vault.guard import WIPE_AFTER
from tests.fakes.fake_flet import held_text
from tests.fakes.keystore import MemoryKeystore
from tests.session.field_harness import PASSPHRASE, Field, field, open_field
from tests.session.test_forced import SECOND, WIPE, both_words
from tests.session.test_key_store import guarded
from tests.session.test_shared_device import OTHER, add, set_up

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def derived(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Stand in for Argon2id, which dozens of searches would run; gives what was derived from."""
    done: list[bytes] = []

    def quick(passphrase: bytes, salt: bytes, *, passes: int, memory_kib: int) -> bytes:
        done.append(passphrase)
        return hashlib.blake2b(passphrase, key=salt, digest_size=32).digest()

    monkeypatch.setattr("fieldapp.vault.kdf.argon2id", quick)
    return done


LONG_AND_WRONG = "what shall we eat with the neighbours"
TELLING = ("lock", "passphrase", "wrong", "attempt", "wait", "open", "forgotten", "encrypt", "centre")
TOLD = (
    "Anybody can read these notes",
    "press Enter",
    "it can be read while you type",
    "search for the code on your recovery sheet",
    "at most an hour",
    "Whoever knows this app",
)
"""What the settings say of the notes before anybody relies on them."""


async def in_front(app: Field) -> None:
    """Choose the notes in the settings, and cover."""
    await app.press("settings", "front", "front-notes", "cover")


async def search(app: Field, words: str) -> None:
    await type_into(app, "Search", words)
    (box,) = app.screen.find(ft.TextField, hint_text="Search")
    await app.screen.fire(box, "submit", words)
    await app.rest()


async def type_into(app: Field, hint: str, words: str) -> None:
    (box,) = app.screen.find(ft.TextField, hint_text=hint)
    await app.screen.fire(box, "change", words, value=words)
    await app.rest()


async def write(app: Field, words: str) -> None:
    await app.press("note-new")
    await type_into(app, "Write something", words)
    await app.press("back")


async def open_note(app: Field, title: str) -> None:
    (note,) = [note for note in app.gate.front.notes if note.title == title]
    await app.press(f"note-{note.id}")


def files(folder: Path) -> set[str]:
    """Name the files, without those that SQLite makes for a moment."""
    return {file.name for file in folder.rglob("*") if not file.name.endswith("-journal")}


def shown(app: Field) -> str:
    """Everything that a person who looks at the screen can see or hear."""
    labels = [str(mark.label) for mark in app.screen.find(ft.Semantics) if mark.label]
    boxes = app.screen.find(ft.TextField)
    fields = [str(value) for box in boxes for value in (box.value, box.hint_text, box.error, box.helper)]
    return " ".join([*app.screen.texts(), *labels, *fields])


async def test_notes_are_written_searched_changed_and_deleted_with_undo(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        assert app.state.place.screen is Screen.NOTES
        assert "No notes yet" in shown(app)
        await write(app, "Groceries\nmilk, bread\nonions")
        app.clock.at += timedelta(minutes=3)
        await write(app, "Dentist\nThursday")
        assert [words for words in app.screen.texts() if words in ("Groceries", "Dentist")] == [
            "Dentist",
            "Groceries",
        ]
        assert "milk, bread onions" in app.screen.texts()
        await search(app, "MILK onions")
        assert "1 note found" in shown(app)
        assert "Dentist" not in shown(app)
        await search(app, "hammer")
        assert "No notes found" in shown(app)
        await app.press("notes-all")
        await open_note(app, "Dentist")
        await type_into(app, "Write something", "Dentist\nFriday")
        await app.press("back")
        assert "Friday" in shown(app)
        await open_note(app, "Dentist")
        await app.press("note-delete")
        assert "Dentist" not in app.screen.texts()
        await app.press("undo")
        assert "Dentist" in app.screen.texts()
        await write(app, "   ")
        assert len(app.gate.front.notes) == 2
    async with field(tmp_path) as again:
        assert again.state.place.screen is Screen.NOTES
        assert {"Dentist", "Groceries"} <= set(again.screen.texts())


async def test_the_passphrase_opens_only_on_enter_and_does_not_stay_in_the_box(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        await type_into(app, "Search", PASSPHRASE)
        assert app.state.notebook is None
        (box,) = app.screen.find(ft.TextField, hint_text="Search")
        assert not box.password
        await app.press("notes-search")
        assert app.state.place.screen is Screen.HOME
        await app.press("cover")
        assert app.state.place.screen is Screen.NOTES
        await search(app, LONG_AND_WRONG)
        assert LONG_AND_WRONG not in held_text(app.screen.page.views)


async def test_nothing_ever_tells_that_a_search_was_a_wrong_passphrase(
    tmp_path: Path, derived: list[bytes]
) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        await search(app, "milk")
        after_a_word, file = shown(app), (tmp_path / "notes.json").stat()
        derived.clear()
        for _ in range(7):  # the last two of them come while attempts are delayed
            await search(app, LONG_AND_WRONG)
            assert shown(app) == after_a_word
        assert derived == [LONG_AND_WRONG.encode()] * 7, (
            "each costs one derivation, also those that come too early"
        )
        assert [word for word in TELLING if word in after_a_word.lower()] == []
        assert (tmp_path / "notes.json").stat() == file, "no search is kept beside the notes"
        await search(app, PASSPHRASE)
        assert shown(app) == after_a_word
        assert app.state.notebook is None
        app.clock.at += timedelta(seconds=31)
        await search(app, PASSPHRASE)
        assert app.state.place.screen is Screen.HOME


async def test_a_storage_that_does_not_answer_is_a_search_too(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        await search(app, "milk")
        after_a_word = shown(app)
        (tmp_path / "v.hdr").write_bytes(bytes(8192))
        await search(app, PASSPHRASE)
        assert shown(app) == after_a_word


async def test_ordinary_searches_cost_the_same_and_never_keep_the_worker_out(
    tmp_path: Path, derived: list[bytes]
) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        derived.clear()
        for n in range(6):
            await search(app, f"bread {n}")
        assert derived == [f"bread {n}".encode() for n in range(6)]
        await search(app, PASSPHRASE)
        assert app.state.place.screen is Screen.HOME


async def test_the_second_and_the_wipe_passphrase_work_from_the_search_box(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await both_words(app)
        await app.press("cover")
        await app.unlock()
        await in_front(app)
        await search(app, SECOND)
        assert app.state.open.book.is_second
        await app.press("settings")
        assert "A list of notes" in shown(app)
        await app.press("cover")
        await search(app, WIPE)
        assert app.state.open.book.is_second
        await app.press("cover")
        assert app.state.place.screen is Screen.NOTES
        await search(app, PASSPHRASE)
        assert app.state.notebook is None


async def test_the_code_of_the_sheet_leads_to_a_new_passphrase_and_another_code_nowhere(
    tmp_path: Path,
) -> None:
    code = new_code()
    async with open_field(tmp_path) as app:
        await app.state.open.book.set_recovery(PASSPHRASE, code)
        await in_front(app)
        assert "Forgotten?" not in shown(app)
        await search(app, "milk")
        after_a_word = shown(app)
        await search(app, grouped(new_code()))
        assert shown(app) == after_a_word
    async with field(tmp_path) as app:
        assert not await app.gate.is_sheet(grouped(new_code()))
        assert await app.gate.is_sheet(grouped(code).lower())
        await search(app, grouped(code).lower())
        assert app.state.place.screen is Screen.RECOVER
        assert "A new passphrase" in shown(app)
        await app.screen.fill("Passphrase", OTHER)
        await app.screen.fill("The same once more", OTHER)
        await app.press("passphrase-choose")
        assert app.state.notebook is not None


async def test_a_shared_device_shows_numbered_places_for_notes(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        await write(app, "Groceries")
        assert "Notebook 1" not in shown(app)
        await search(app, PASSPHRASE)
        await add(app)
        await set_up(app, OTHER)
        await app.press("cover")
        assert {"Notebook 1", "Notebook 2"} <= set(app.screen.texts())
        assert "Groceries" not in app.screen.texts()
        await write(app, "Dentist")
        await app.press("notebook-1")
        assert "Groceries" in app.screen.texts()
        assert "Dentist" not in app.screen.texts()
        await search(app, OTHER)
        assert app.state.notebook is None
        await app.press("notebook-2")
        await search(app, OTHER)
        assert app.state.place.screen is Screen.HOME


async def test_the_choice_leaves_one_plain_file_and_going_back_takes_it_away(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        before = files(tmp_path)
        await app.press("settings", "front")
        assert "Anybody can read" not in shown(app)
        await app.press("front-notes")
        assert [words for words in TOLD if words not in shown(app)] == []
        await app.press("cover")
        await write(app, "Groceries")
        assert files(tmp_path) - before == {"notes.json"}
        kept = (tmp_path / "notes.json").read_text("utf-8")
        assert "Groceries" in kept
        assert (tmp_path / "notes.json").stat().st_mode & 0o077 == 0
        await search(app, PASSPHRASE)
        await app.press("settings", "front", "front-lock", "confirm-no")
        assert app.gate.front.chosen
        await app.press("front-lock", "confirm-yes")
        assert files(tmp_path) == before
        await app.press("cover")
        assert app.state.place.screen is Screen.LOCK


async def test_a_full_list_and_a_full_disk_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fieldapp.services.front_notes.MOST_NOTES", 1)
    async with open_field(tmp_path) as app:
        await in_front(app)
        await write(app, "Groceries")
        assert "There is no room for more notes." in app.screen.texts()
        (tmp_path / "notes.new").mkdir()
        await open_note(app, "Groceries")
        await type_into(app, "Write something", "Groceries, milk")
        assert "The device could not write. It may be full." in shown(app)


async def test_a_key_store_that_is_silent_says_nothing_and_lets_the_sheet_in(tmp_path: Path) -> None:
    keystore, code = MemoryKeystore(), new_code()
    async with guarded(tmp_path, keystore) as app:
        await app.state.create(PASSPHRASE, Settings())
        await app.state.open.book.set_recovery(PASSPHRASE, code)
        await app.gate.front.choose()
        await app.state.presence.lock()
        await app.rest()
        await search(app, "milk")
        after_a_word = shown(app)
        keystore.broken = True
        await search(app, PASSPHRASE)
        assert shown(app) == after_a_word
        await search(app, grouped(code))
        assert app.state.place.screen is Screen.RECOVER


async def test_the_code_of_the_sheet_is_no_attempt_also_where_one_more_would_erase_everything(
    tmp_path: Path,
) -> None:
    keystore, code = MemoryKeystore(), new_code()
    async with guarded(tmp_path, keystore) as app:
        await app.state.create(PASSPHRASE, Settings())
        await app.state.open.book.set_recovery(PASSPHRASE, code)
        await app.gate.front.choose()
        await app.state.presence.lock()
        await app.rest()
        keystore.values[WIPE_AFTER] = struct.pack("<II", 6, 0)
        for _ in range(5):
            await search(app, LONG_AND_WRONG)
        app.clock.at += timedelta(minutes=2)
        attempts = keystore.values[keys.ATTEMPTS]
        await search(app, grouped(code))
        assert app.state.place.screen is Screen.RECOVER
        assert keystore.values[keys.ATTEMPTS] == attempts


async def test_a_number_that_is_looked_for_keeps_nobody_out(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        for number in ("2026", "0471234567", "142857", "1300", "12", "99999"):
            await search(app, number)
        await search(app, PASSPHRASE)
        assert app.state.place.screen is Screen.HOME


async def test_a_disk_that_refuses_says_so_and_nothing_is_lost_unsaid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        await write(app, "Groceries")
        await open_note(app, "Groceries")
        (tmp_path / "notes.new").mkdir()
        await app.press("note-delete")
        assert app.state.place.screen is Screen.NOTE
        assert "The device could not write. It may be full." in shown(app)
        (tmp_path / "notes.new").rmdir()
        await app.press("note-delete")
        (tmp_path / "notes.new").mkdir()
        await app.press("undo")
        assert "Groceries" in app.screen.texts()
        assert "The device could not write. It may be full." in shown(app)
        (tmp_path / "notes.new").rmdir()
        await open_note(app, "Groceries")
        await type_into(app, "Write something", "بَ" * 6000)
        assert "Something here is too long, missing, or does not fit together." in shown(app)
        await type_into(app, "Write something", "بَ" * 4000)
        assert "Something here is too long, missing, or does not fit together." not in shown(app)
        assert [note.text for note in app.gate.front.notes] == ["بَ" * 4000]


async def test_a_note_is_put_back_also_while_something_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        await write(app, "Groceries")
        await open_note(app, "Groceries")
        await app.press("note-delete")
        go_on = asyncio.Event()

        async def slow(word: str) -> None:
            await go_on.wait()

        monkeypatch.setattr(app.gate, "search", slow)
        await type_into(app, "Search", "milk")
        searching = asyncio.create_task(app.screen.press("notes-search"))
        await asyncio.sleep(0)
        await app.press("undo")
        go_on.set()
        await searching
        assert [note.title for note in app.gate.front.notes] == ["Groceries"]


async def test_nothing_of_the_notes_is_taken_along_inside(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await in_front(app)
        await write(app, "Groceries")
        await open_note(app, "Groceries")
        await app.press("note-delete")
        assert "Note deleted" in app.screen.texts()
        await search(app, PASSPHRASE)
        assert app.state.place.screen is Screen.HOME
        assert "Note deleted" not in app.screen.texts()


@pytest.mark.parametrize("gone", [ft.AppLifecycleState.INACTIVE, ft.AppLifecycleState.HIDE])
async def test_a_passphrase_that_was_only_typed_does_not_stay_when_the_app_is_left(
    tmp_path: Path, gone: ft.AppLifecycleState
) -> None:
    """It is the one field in which a passphrase can be read, and a list of notes invites nobody to hurry."""
    async with open_field(tmp_path) as app:
        await in_front(app)
        await type_into(app, "Search", PASSPHRASE)
        await app.screen.lifecycle(gone)
        await app.rest()
        assert PASSPHRASE not in held_text(app.screen.page.views)
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        await app.press("notes-search")
        assert app.state.place.screen is Screen.NOTES
        await search(app, PASSPHRASE)
        assert app.state.place.screen is Screen.HOME
