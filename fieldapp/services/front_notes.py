"""The notes in front of the lock: a list that anybody may read, shown instead of the lock screen (ADR 0045).

    <data>/notes.json   {"notes": [{"at": seconds, "folder": 1, "id": "...", "text": "..."}, ...], "v": 1}

They are no secret and are kept as any notes app keeps them: plain text in a file of their own, which says that there is a
notes app and nothing else. The file exists only while this front is chosen; so it is the choice itself, and nothing about
it stands in a vault or in a setting. Whoever takes the file away sees the plain lock screen at the next start.
"""

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fieldapp.errors import FieldappError
from fieldapp.services.worker import StorageWorker

FILE: Final = "notes.json"
MOST_NOTES: Final = 100
"""More rows than this cost a phone too much for one list."""
LONGEST: Final = 10_000
"""Characters of one note."""


_LAST_DAY: Final = 4_000_000_000
"""Epoch seconds, in the year 2096: a later `at` is damage, and some of them no calendar can show."""


class NotesUnwritable(FieldappError):
    """The disk refused to keep a note, or the choice."""

    advice = "Make room on the device, then try again."


class NoRoomForNote(FieldappError):
    """A note is too long, or one too many: it was not kept."""

    advice = "Make it shorter, or delete another one."


@dataclass(frozen=True, slots=True)
class FrontNote:
    """One note. `at` is when it was last changed, in epoch seconds; `folder` the notebook (1 to 4) it lies in."""

    id: str
    text: str = field(repr=False)
    at: int
    folder: int = 1

    @property
    def title(self) -> str:
        """Its first line."""
        return self.text.strip().partition("\n")[0].strip()

    @property
    def rest(self) -> str:
        """What follows the first line, in one line."""
        return " ".join(self.text.strip().partition("\n")[2].split())

    def holds(self, words: str) -> bool:
        """Tell whether every one of `words` stands in it, whatever their case."""
        text = self.text.casefold()
        return all(word in text for word in words.casefold().split())


class FrontNotes:
    """The notes of one device, newest first; the file is touched on the storage thread only."""

    def __init__(self, directory: Path, worker: StorageWorker) -> None:
        """Read the notes in `directory`, if there are any. A file that holds none is kept aside when one is saved."""
        self._file = directory / FILE
        self._worker = worker
        self._damaged = False
        self.chosen = self._file.exists()
        """Whether the notes are what a locked device shows."""
        self.notes: tuple[FrontNote, ...] = self._read() if self.chosen else ()

    @property
    def full(self) -> bool:
        """Whether no further note has room."""
        return len(self.notes) >= MOST_NOTES

    def of(self, folder: int) -> tuple[FrontNote, ...]:
        """Return the notes of one notebook."""
        return tuple(note for note in self.notes if note.folder == folder)

    def note(self, note_id: str) -> FrontNote | None:
        """Return one note."""
        return next((note for note in self.notes if note.id == note_id), None)

    async def choose(self) -> None:
        """Show the notes from now on; NotesUnwritable."""
        await self._keep(self.notes)
        self.chosen = True

    async def leave(self) -> None:
        """Show the plain lock screen from now on, and forget the notes; NotesUnwritable."""
        await self._worker.run(self._erase)
        self.chosen, self.notes = False, ()

    async def put(self, note: FrontNote) -> None:
        """Save a note, new or changed; NotesUnwritable, NoRoomForNote. Nothing happens once this front was left.

        What the disk refused is kept in memory, and written with whatever is saved next.
        """
        if not self.chosen:
            return
        if len(note.text) > LONGEST or (self.full and self.note(note.id) is None):
            raise NoRoomForNote("The note is too long, or one too many.")
        await self._keep(_with(self.notes, note))

    async def remove(self, note_id: str) -> None:
        """Remove a note; NotesUnwritable: then it is still there."""
        gone = self.note(note_id)
        if gone is None:
            return
        try:
            await self._keep(tuple(note for note in self.notes if note.id != note_id))
        except NotesUnwritable:
            self.notes = _with(self.notes, self.note(note_id) or gone)
            raise

    async def _keep(self, notes: tuple[FrontNote, ...]) -> None:
        self.notes = notes  # what is typed next builds on this
        await self._worker.run(self._write, notes)

    def _read(self) -> tuple[FrontNote, ...]:
        try:
            found = json.loads(self._file.read_bytes())
            notes = tuple(_note(one) for one in found["notes"][:MOST_NOTES])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self._damaged = True
            return ()
        return tuple(sorted(notes, key=lambda note: note.at, reverse=True))

    def _write(self, notes: tuple[FrontNote, ...]) -> None:
        rows = [{"at": n.at, "folder": n.folder, "id": n.id, "text": n.text} for n in notes]
        data = json.dumps({"notes": rows, "v": 1}, ensure_ascii=True, sort_keys=True).encode()
        try:
            if self._damaged:
                self._replace(self._file.with_suffix(".old"), self._file.read_bytes())
                self._damaged = False
            self._replace(self._file, data)
        except OSError:
            raise NotesUnwritable("The note could not be saved.") from None

    def _replace(self, file: Path, data: bytes) -> None:
        """Write a file whole or not at all: at every moment the old or the new one is there, and it is the choice."""
        fresh = self._file.with_suffix(".new")
        try:
            with open(fresh, "wb", opener=_private) as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            fresh.replace(file)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise

    def _erase(self) -> None:
        try:
            # The choice goes last: whoever is cut off in between sees the notes, and leaves them once more.
            for name in (self._file.with_suffix(".new"), self._file.with_suffix(".old"), self._file):
                name.unlink(missing_ok=True)
        except OSError:
            raise NotesUnwritable("The notes could not be removed.") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _with(notes: tuple[FrontNote, ...], note: FrontNote) -> tuple[FrontNote, ...]:
    others = (other for other in notes if other.id != note.id)
    return tuple(sorted((note, *others), key=lambda one: one.at, reverse=True))


def _note(found: Any) -> FrontNote:
    """Read a note; ValueError, KeyError or TypeError for what is none, or what no screen could draw."""
    note = FrontNote(found["id"], found["text"], found["at"], found["folder"])
    right = isinstance(note.id, str) and isinstance(note.text, str) and len(note.text) <= LONGEST
    if not right or type(note.at) is not int or note.folder not in range(1, 5):
        raise ValueError("not a note")
    if not note.id or not 0 <= note.at <= _LAST_DAY:
        raise ValueError("not a note")
    (note.id + note.text).encode()  # half a character cannot be sent to a screen
    return note
