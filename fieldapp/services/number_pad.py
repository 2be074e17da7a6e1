"""Whether a locked notebook is opened with digits: what a lock screen must know before anything is open (ADR 0052).

    key store entry `pin`, 1 byte: 1 = show the keyboard of digits first, 2 = letters first, but a PIN may still open it

It is there from the first PIN on, one for both notebooks of a vault, and stays when a passphrase replaces the PIN: the
second or the wipe PIN may still be in use, and nobody shall see from outside whether. It is a hint and no lock: letters
can always be typed, and without it a PIN opens a lock screen all the same. A search in the notes (ADR 0045) is tried
as a PIN only where it is there, or where nobody can tell.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Final

from fieldapp.services.shelf import Shelf
from fieldapp.services.worker import StorageWorker
from fieldapp.vault import KeystoreUnavailable, UnlockDelayed, WrongPassphrase
from fieldapp.vault.keystore import forget, recall, remember

ENTRY: Final = "pin"
DIGITS: Final = b"\x01"
LETTERS: Final = b"\x02"


class NumberPad:
    """The hints of the notebooks on one device. They are read once and then held, so that no attempt asks for them."""

    def __init__(self, shelf: Shelf, worker: StorageWorker, *, possible: bool) -> None:
        """Where PINs are not `possible` (a computer, a phone without a key store) nothing is ever asked or written."""
        self._shelf = shelf
        self._worker = worker
        self._possible = possible
        self._known: dict[int, bytes | None] = {}

    @property
    def digits_first(self) -> bool:
        """Whether the lock screen of the chosen notebook shows the keyboard of digits."""
        return self._possible and self._known.get(self._shelf.chosen) == DIGITS

    @property
    def tried(self) -> bool:
        """Whether a PIN may open the chosen notebook; also where its key store did not answer, or said something else."""
        return self._possible and self._known.get(self._shelf.chosen, LETTERS) is not None

    async def read(self) -> None:
        """Ask for what is not known yet, of every notebook; what does not answer stays unknown."""
        if not self._possible:
            return
        for number in self._shelf.notebooks:
            if number not in self._known:
                with suppress(KeystoreUnavailable):
                    keystore = self._shelf.keystore_of(number)
                    self._known[number] = await self._worker.run(recall, keystore, ENTRY, 1)

    async def choose(self, *, digits: bool) -> None:
        """Keep what the chosen notebook is opened with from now on; KeystoreUnavailable."""
        await self._write(DIGITS if digits else LETTERS)

    @asynccontextmanager
    async def changing(self, *, digits: bool) -> AsyncIterator[None]:
        """Keep that digits are typed before what is done inside, and that letters are after it.

        So a PIN is never in use and not noted. When the inside fails: back to what it was if certainly nothing changed,
        else a PIN may be in use. KeystoreUnavailable for digits that cannot be noted; for letters it is only a hint.
        """
        before = self._known.get(self._shelf.chosen, LETTERS) if self._possible else None
        if digits:
            await self.choose(digits=True)
        try:
            yield
        except BaseException as error:
            if digits:
                await self._put_back(before, certain=isinstance(error, WrongPassphrase | UnlockDelayed))
            raise
        if not digits:
            await self.prefer_letters()

    async def prefer_letters(self) -> None:
        """A passphrase opens the chosen notebook now; a PIN may still open the other one. A refusal changes nothing."""
        if self.tried:
            with suppress(KeystoreUnavailable):
                await self.choose(digits=False)

    async def forget(self) -> None:
        """The chosen notebook is new: only its passphrase opens it. A refusal changes nothing."""
        if self._possible:
            with suppress(KeystoreUnavailable):
                await self._worker.run(forget, self._shelf.keystore, ENTRY)
                self._known[self._shelf.chosen] = None

    async def _put_back(self, before: bytes | None, *, certain: bool) -> None:
        if before is None and certain:
            await self.forget()
            return
        with suppress(KeystoreUnavailable):
            await self._write(before or LETTERS)

    async def _write(self, value: bytes) -> None:
        if not self._possible:
            raise KeystoreUnavailable("no PIN on this device")
        if self._known.get(self._shelf.chosen) != value:
            await self._worker.run(remember, self._shelf.keystore, ENTRY, value)
            self._known[self._shelf.chosen] = value


@dataclass(frozen=True, slots=True)
class HowOpened:
    """How a notebook was opened: on which device model ("" unknown), and whether by a PIN."""

    model: str = ""
    pad: NumberPad | None = field(default=None, repr=False)
    by_pin: bool = False

    def changing(self, *, digits: bool) -> AbstractAsyncContextManager[None]:
        """See `NumberPad.changing`; without one nothing is noted."""
        return self.pad.changing(digits=digits) if self.pad else nullcontext()
