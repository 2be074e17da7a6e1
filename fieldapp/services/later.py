"""A table that is read from its JSON when somebody asks for what is in it.

Of a thousand records hardly one is opened again in an hour. To read what all of them hold would take a third longer to
unlock a full notebook, and longer for long records than for short ones, which a stopwatch could tell.
"""

import json
from collections.abc import Iterator, Mapping

from sync.canonical import Value


class LaterRead(Mapping[str, Value]):
    """The object in bytes of JSON that the vault has authenticated; ValueError, when it is asked, for anything else."""

    __slots__ = ("_table", "_text")

    def __init__(self, text: bytes) -> None:
        """Keep the bytes; nothing is read yet."""
        self._text = text
        self._table: dict[str, Value] | None = None

    def __getitem__(self, key: str) -> Value:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return "LaterRead()"

    def _read(self) -> dict[str, Value]:
        if self._table is None:
            table: Value = json.loads(self._text.decode())
            if not isinstance(table, dict):
                raise ValueError("not a table")
            self._table = table
        return self._table
