"""Reading a table (from TOML or JSON) strictly: every key is taken once, every wrong one is named.

Shipped data files, stored drafts and bodies from other devices all pass through here, so that a
misspelt key is an error with a path ("items.S04.prompt.fr: is missing") and never silently ignored.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NoReturn, TypeVar

EnumT = TypeVar("EnumT", bound=Enum)

MAX_INTEGER = 2**53 - 1
"""Largest integer of a canonical body: what every JSON reader represents exactly (RFC 8259, 6)."""

MAX_LINE = 120
"""Characters of a one-line field such as a name."""

MAX_NOTE = 1000
"""Characters of one note."""


def clean_text(value: str) -> str:
    """Return ``value`` in the one form that is stored: NFC, line feeds, no other control characters.

    Canonical bodies demand NFC; lone surrogates cannot be encoded at all and are dropped.
    """
    unified = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    kept = (c for c in unified if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", "".join(kept))


def is_line(text: str) -> bool:
    """Say whether ``text`` can stand in a one-line field as it is."""
    return len(text) <= MAX_LINE and "\n" not in text and clean_text(text) == text


def is_note(text: str) -> bool:
    """Say whether ``text`` can stand in a note as it is."""
    return len(text) <= MAX_NOTE and clean_text(text) == text


def parse_toml(data: bytes, error: Callable[[str], Exception]) -> dict[str, object]:
    """Parse a shipped TOML file; ``error`` makes the exception to raise from a message."""
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as reason:
        raise error(f"the file is not valid TOML: {type(reason).__name__}") from None


class Fields:
    """One table being read; ``done`` refuses what was not asked for."""

    def __init__(self, data: object, path: str, error: Callable[[str], Exception]) -> None:
        """Start reading ``data``; ``error`` makes the exception to raise from a message."""
        self._path = path
        self._error = error
        if not isinstance(data, dict):
            raise error(f"{path or 'the top level'}: must be a table")
        self._left: dict[object, object] = dict(data)

    def renamed(self, path: str) -> Fields:
        """Go on reading under a better path, once the table's own id is known."""
        return Fields(self._left, path, self._error)

    def fail(self, key: str, what: str) -> NoReturn:
        """Raise the reader's error for ``key``."""
        raise self._error(f"{self.path(key)}: {what}")

    def path(self, key: str) -> str:
        """Return the full path of ``key``, such as ``item.S04.prompt``."""
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Say whether ``key`` is present and not yet taken."""
        return key in self._left

    def names(self) -> list[str]:
        """Return the keys not yet taken, all of which must be strings."""
        for key in self._left:
            if not isinstance(key, str):
                self.fail("?", "every key must be text")
        return [key for key in self._left if isinstance(key, str)]

    def take(self, key: str) -> object:
        """Take a value of any type."""
        if key not in self._left:
            self.fail(key, "is missing")
        return self._left.pop(key)

    def null(self, key: str) -> bool:
        """Take ``key`` if its value is null, and say whether it was."""
        return self.has(key) and self._left[key] is None and self.take(key) is None

    def text(self, key: str, *, longest: int = 2000, empty: bool = False) -> str:
        """Take a text of at most ``longest`` characters in its stored form."""
        value = self.take(key)
        if not isinstance(value, str):
            self.fail(key, "must be text")
        return self._checked_text(key, value, longest, empty)

    def _checked_text(self, key: str, value: str, longest: int, empty: bool) -> str:
        if len(value) > longest:
            self.fail(key, f"is longer than {longest} characters")
        if not value.strip() and not empty:
            self.fail(key, "is empty")
        if clean_text(value) != value:
            self.fail(key, "holds control characters or is not NFC")
        return value

    def integer(self, key: str, low: int = 0, high: int = MAX_INTEGER) -> int:
        """Take an integer from ``low`` to ``high``, both included."""
        value = self.take(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(key, "must be a whole number")
        if not low <= value <= high:
            self.fail(key, f"must be from {low} to {high}")
        return value

    def flag(self, key: str) -> bool:
        """Take a true or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false")
        return value

    def member(self, key: str, kind: type[EnumT]) -> EnumT:
        """Take a text that is the value of a member of the enumeration ``kind``."""
        value = self.take(key)
        found = next((member for member in kind if isinstance(value, str) and member.value == value), None)
        if found is None:
            self.fail(key, "must be one of " + ", ".join(str(m.value) for m in kind))
        return found

    def table(self, key: str) -> Fields:
        """Take a nested table."""
        return Fields(self.take(key), self.path(key), self._error)

    def _list(self, key: str) -> list[object]:
        value = self.take(key)
        if not isinstance(value, list):
            self.fail(key, "must be a list")
        return value

    def tables(self, key: str) -> Iterator[Fields]:
        """Take a list of tables; an entry's path is its position."""
        for index, entry in enumerate(self._list(key)):
            yield Fields(entry, f"{self.path(key)}[{index}]", self._error)

    def texts(self, key: str, *, longest: int = 2000) -> tuple[str, ...]:
        """Take a list of distinct texts."""
        found: list[str] = []
        for index, entry in enumerate(self._list(key)):
            name = f"{key}[{index}]"
            if not isinstance(entry, str):
                self.fail(name, "must be text")
            if entry in found:
                self.fail(name, "stands there twice")
            found.append(self._checked_text(name, entry, longest, empty=False))
        return tuple(found)

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self.names():
            self.fail(key[:40] if key.isascii() and key.isprintable() else "?", "is not known here")
