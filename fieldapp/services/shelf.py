"""The notebooks of a shared device: one for each worker, each with its own vault, outbox and passphrase.

    <data>/v.*        notebook 1: where a device of one worker has always had it, so nothing ever moves
    <data>/2/v.*      notebook 2, and so on to 4

They have no names: whoever sees the lock screen or the folder learns how many there are, and not whose. What one login
does, no other can read, change or delete; a notebook sends only while it is open.
"""

from pathlib import Path
from typing import Final

from fieldapp.errors import FieldappError
from fieldapp.vault import Keystore, NoKeystore, exists

MOST_NOTEBOOKS: Final = 4


class ShelfFull(FieldappError):
    """There are four notebooks on this device already."""

    advice = "Use another device for one more worker."


class Shelf:
    """Which notebooks there are in a data folder, and which one is in front of the worker.

    `chosen` is a number from 1 to 4. It is not kept on the disk: a list of who used the device last is nobody's concern.
    """

    def __init__(self, directory: Path, keystore: Keystore) -> None:
        """Read which notebooks there are; the first one is chosen."""
        self._directory = directory
        self._keystore = keystore
        self.chosen = next(iter(self.notebooks), 1)

    @property
    def notebooks(self) -> tuple[int, ...]:
        """The numbers of the notebooks on this device, ascending; none before the first start."""
        return tuple(n for n in range(1, MOST_NOTEBOOKS + 1) if exists(self._folder_of(n)))

    @property
    def folder(self) -> Path:
        """Where the chosen notebook is, or will be."""
        return self._folder_of(self.chosen)

    @property
    def keystore(self) -> Keystore:
        """The part of the key store that belongs to the chosen notebook."""
        return self.keystore_of(self.chosen)

    def keystore_of(self, number: int) -> Keystore:
        """Return the part of the key store that belongs to a notebook."""
        if number == 1 or isinstance(self._keystore, NoKeystore):
            return self._keystore
        return _Compartment(self._keystore, number)

    def choose(self, number: int) -> None:
        """Put another notebook in front; one that does not exist is not chosen."""
        if number in self.notebooks:
            self.chosen = number

    def begin_another(self) -> None:
        """Choose the first free number, for `create`; ShelfFull. Nothing is on the disk before that."""
        free = (n for n in range(1, MOST_NOTEBOOKS + 1) if n not in self.notebooks)
        number = next(free, None)
        if number is None:
            raise ShelfFull("All notebooks of this device are in use.")
        self.chosen = number

    def _folder_of(self, number: int) -> Path:
        return self._directory if number == 1 else self._directory / str(number)


class _Compartment:
    """A key store in which the names of one notebook stand apart from those of the others."""

    def __init__(self, keystore: Keystore, number: int) -> None:
        self._keystore = keystore
        self._prefix = f"{number}."

    def get(self, name: str) -> bytes | None:
        """Return the value, or None when there is none."""
        return self._keystore.get(self._prefix + name)

    def set(self, name: str, value: bytes) -> None:
        """Store a value durably."""
        self._keystore.set(self._prefix + name, value)

    def delete(self, name: str) -> None:
        """Forget a value; nothing happens when there is none."""
        self._keystore.delete(self._prefix + name)
