"""Clock and chance as interfaces, so that tests can hold both still; random words for people and cases.

Aliases are random words and never made from names: a list of cases must tell nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from fieldapp.errors import FieldappError

MIN_ALIAS_WORDS = 512
"""Distinct words that the alias list has at least: 262,144 aliases of two words."""

MIN_HANDOVER_WORDS = 1024
"""Distinct words that the handover list has at least: over a million pairs, 20 bits."""


class Clock(Protocol):
    """What time it is."""

    def now(self) -> int:
        """Return the time in epoch seconds."""
        ...

    def local(self) -> datetime:
        """Return the local wall time, without a time zone, as windows are written."""
        ...


class Ids(Protocol):
    """Chance, from a source fit for secrets."""

    def new_id(self) -> bytes:
        """Return 16 random bytes."""
        ...

    def below(self, limit: int) -> int:
        """Return a uniformly random integer from 0 to before ``limit``."""
        ...


def new_alias(ids: Ids, words: Sequence[str], taken: Collection[str]) -> str:
    """Return two random words ("heron basalt") that no case on this device has yet.

    Raises FieldappError when the list is too short or chance keeps giving taken ones.
    """
    _require_words(words, MIN_ALIAS_WORDS)
    for _ in range(1000):
        alias = " ".join(_two(ids, words))
        if alias not in taken:
            return alias
    raise FieldappError("No free alias was found.")


def handover_pair(ids: Ids, words: Sequence[str]) -> tuple[str, str]:
    """Return two distinct random words by which a colleague can continue this contact; they carry no data."""
    _require_words(words, MIN_HANDOVER_WORDS)
    return _two(ids, words)


def parse_handover(text: str, words: Sequence[str]) -> tuple[str, str] | None:
    """Read a typed pair, forgiving case, spaces and hyphens; None when it is not two words of the list."""
    typed = text.casefold().replace("-", " ").split()
    if len(typed) == 2 and all(word in words for word in typed):
        return typed[0], typed[1]
    return None


def _two(ids: Ids, words: Sequence[str]) -> tuple[str, str]:
    first = ids.below(len(words))
    second = ids.below(len(words) - 1)
    return words[first], words[second + (second >= first)]


def _require_words(words: Sequence[str], least: int) -> None:
    if len(set(words)) < least:
        raise FieldappError("A word list is too short.")
