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


class NotesUnwritable(FieldappError):
    """The disk refused to keep a note, or the choice."""

    advice = "Make room on the device, then try again."


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
        """Save a note, new or changed; NotesUnwritable. Nothing happens when this front was left meanwhile."""
        others = tuple(other for other in self.notes if other.id != note.id)
        if self.chosen and len(others) < MOST_NOTES and len(note.text) <= LONGEST:
            await self._keep(tuple(sorted((note, *others), key=lambda one: one.at, reverse=True)))

    async def remove(self, note_id: str) -> None:
        """Remove a note; NotesUnwritable."""
        if self.note(note_id) is not None:
            await self._keep(tuple(note for note in self.notes if note.id != note_id))

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
        fresh = self._file.with_suffix(".new")
        try:
            if self._damaged:
                self._file.replace(self._file.with_suffix(".old"))
                self._damaged = False
            with open(fresh, "wb", opener=_private) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._file)
        except OSError:
            raise NotesUnwritable("The note could not be saved.") from None

    def _erase(self) -> None:
        try:
            for name in (self._file, self._file.with_suffix(".new"), self._file.with_suffix(".old")):
                with contextlib.suppress(FileNotFoundError):
                    name.unlink()
        except OSError:
            raise NotesUnwritable("The notes could not be removed.") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _note(found: Any) -> FrontNote:
    note = FrontNote(found["id"], found["text"], found["at"], found["folder"])
    right = isinstance(note.id, str) and isinstance(note.text, str) and len(note.text) <= LONGEST
    if not right or type(note.at) is not int or note.folder not in range(1, 5):
        raise ValueError("not a note")
    return note
