"""Messages from the centre to this worker: read inside the unlocked app only, each until the worker removes it."""

from dataclasses import dataclass, field, replace

from fieldapp.services.keeping import DeviceBook
from fieldapp.services.mail import MAX_KEPT, Letter

__all__ = ["MAX_KEPT", "Letter", "Messages"]


@dataclass(slots=True)
class Messages:
    """The messages of one unlocked device."""

    book: DeviceBook = field(repr=False)

    @property
    def all(self) -> tuple[Letter, ...]:
        """Every message, the newest first."""
        return tuple(
            sorted(self.book.letters.values(), key=lambda letter: (letter.at, letter.id), reverse=True)
        )

    @property
    def unread(self) -> int:
        """How many the worker has not marked as read."""
        return sum(1 for letter in self.book.letters.values() if not letter.read_at)

    async def mark_read(self, letter: Letter) -> None:
        """Note that the worker has read it. VaultError: it stays unread."""
        if not letter.read_at:
            await self.book.write_letter(replace(letter, read_at=max(1, self.book.clock.now())))

    async def remove(self, letter: Letter) -> Letter:
        """Erase it from this device and return it, so that the screen can take that back with `restore`."""
        await self.book.erase_letter(letter)
        return letter

    async def restore(self, letter: Letter) -> None:
        """Put back one that was just removed."""
        await self.book.write_letter(letter)
