"""The file of the notes in front of the lock: what a full disk, a kill or a strange file may cost.

No word is lost unsaid.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldapp.services.front_notes import (
    LONGEST,
    FrontNote,
    FrontNotes,
    NoRoomForNote,
    NotesUnwritable,
)
from fieldapp.services.worker import StorageWorker

pytestmark = pytest.mark.anyio

MILK = FrontNote("a", "Groceries\nmilk", 1_700_000_000)
ARABIC = FrontNote("b", "قائمة\nخُبْز وحليب \u202e \U0001f956", 1_700_000_100)


@pytest.fixture
def worker() -> Iterator[StorageWorker]:
    worker = StorageWorker()
    yield worker
    worker.close()


async def chosen(directory: Path, worker: StorageWorker, *notes: FrontNote) -> FrontNotes:
    front = FrontNotes(directory, worker)
    await front.choose()
    for note in notes:
        await front.put(note)
    return front


async def test_notes_in_any_script_come_back_as_they_were(tmp_path: Path, worker: StorageWorker) -> None:
    await chosen(tmp_path, worker, MILK, ARABIC)
    assert FrontNotes(tmp_path, worker).notes == (ARABIC, MILK)


async def test_what_is_too_long_is_refused_aloud_and_the_note_stays_as_it_was(
    tmp_path: Path, worker: StorageWorker
) -> None:
    """A field counts letters as they are seen: with their vowels they may be several characters each."""
    front = await chosen(tmp_path, worker, MILK)
    with pytest.raises(NoRoomForNote):
        await front.put(FrontNote("a", "بَ" * (LONGEST // 2 + 1), 1_700_000_200))
    assert front.notes == FrontNotes(tmp_path, worker).notes == (MILK,)


async def test_one_note_too_many_is_refused_aloud(
    tmp_path: Path, worker: StorageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fieldapp.services.front_notes.MOST_NOTES", 1)
    front = await chosen(tmp_path, worker, MILK)
    with pytest.raises(NoRoomForNote):
        await front.put(ARABIC)


async def test_what_the_disk_refuses_to_remove_is_still_there(
    tmp_path: Path, worker: StorageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = await chosen(tmp_path, worker, MILK, ARABIC)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(NotesUnwritable):
            await front.remove(MILK.id)
    assert front.notes == FrontNotes(tmp_path, worker).notes == (ARABIC, MILK)


async def test_a_full_disk_leaves_no_piece_of_a_note_and_keeps_what_was_typed_for_the_next_try(
    tmp_path: Path, worker: StorageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = await chosen(tmp_path, worker, MILK)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(NotesUnwritable):
            await front.put(ARABIC)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.json"]
    await front.put(MILK)
    assert FrontNotes(tmp_path, worker).notes == (ARABIC, MILK)


async def test_a_kill_while_a_damaged_file_is_put_aside_does_not_show_the_plain_lock_screen(
    tmp_path: Path, worker: StorageWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes.json").write_bytes(b"\x00 no notes")
    front = FrontNotes(tmp_path, worker)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(NotesUnwritable):
            await front.put(MILK)
    assert FrontNotes(tmp_path, worker).chosen
    await front.put(MILK)
    assert (tmp_path / "notes.old").read_bytes() == b"\x00 no notes"
    assert (tmp_path / "notes.old").stat().st_mode & 0o077 == 0
    assert FrontNotes(tmp_path, worker).notes == (MILK,)


async def test_going_back_to_the_lock_screen_takes_the_choice_last(
    tmp_path: Path, worker: StorageWorker
) -> None:
    """Cut off in between, the notes are still chosen, and whoever chose can go back once more: nothing lies forgotten."""
    front = await chosen(tmp_path, worker, MILK)
    (tmp_path / "notes.old").mkdir()
    with pytest.raises(NotesUnwritable):
        await front.leave()
    assert front.chosen
    assert FrontNotes(tmp_path, worker).notes == (MILK,)
    (tmp_path / "notes.old").rmdir()
    (tmp_path / "notes.new").write_text("half of a note")
    await front.leave()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "strange",
    [{"at": 10**30}, {"at": -(10**15)}, {"text": "\ud800"}, {"text": "a" * (LONGEST + 1)}, {"id": ""}],
)
async def test_a_note_that_no_screen_could_draw_is_none(
    tmp_path: Path, worker: StorageWorker, strange: dict[str, object]
) -> None:
    """Whoever garbled the file, the search box must still be drawn: it is the only way in."""
    row = {"at": MILK.at, "folder": 1, "id": "a", "text": MILK.text} | strange
    (tmp_path / "notes.json").write_text(json.dumps({"notes": [row], "v": 1}))
    front = FrontNotes(tmp_path, worker)
    assert front.chosen
    assert front.notes == ()


def refuse(descriptor: int) -> None:
    raise OSError(28, "no space")
