"""Where a session is, as a stack of places: kept here and never in an address, so that no history tells of it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

ScreenT = TypeVar("ScreenT", bound=StrEnum)


@dataclass(frozen=True)  # with slots, Python 3.11 cannot make one through an alias such as Place[Screen]
class Place(Generic[ScreenT]):
    """A screen and what it is about: an id, a key, or nothing."""

    screen: ScreenT
    about: bytes | str = field(default="", repr=False)


class Places(Generic[ScreenT]):
    """The places of a session's state, the present one last. A mixin: set `places` before anything else."""

    places: tuple[Place[ScreenT], ...]

    @property
    def place(self) -> Place[ScreenT]:
        """The place that is shown."""
        return self.places[-1]

    def go(self, screen: ScreenT, about: bytes | str = "") -> None:
        """Show a screen; back returns to the present one. An impatient second tap goes there once."""
        if self.place != Place(screen, about):
            self._move((*self.places, Place(screen, about)))

    def swap(self, screen: ScreenT, about: bytes | str = "") -> None:
        """Show a screen in place of the present one; back returns to the one before."""
        self._move((*self.places[:-1], Place(screen, about)))

    def back(self) -> None:
        """Return to the place before; at the first one nothing happens."""
        self._move(self.places[:-1] or self.places)

    def only(self, screen: ScreenT, about: bytes | str = "") -> None:
        """Show a screen from which there is no way back."""
        self._move((Place(screen, about),))

    def _move(self, places: tuple[Place[ScreenT], ...]) -> None:
        self.leaving()
        self.places = places

    def leaving(self) -> None:
        """Settle what belongs to the place that is left. Nothing by default."""
