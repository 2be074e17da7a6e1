"""Typed reading of parsed canonical JSON: one small reader instead of a schema library on the phone.

Every method returns a value of exactly the stated type and range, or raises `CanonicalError` naming the field (a
word of the schema, never content). Binary values are lower-case hexadecimal strings.
"""

import re
from collections.abc import Iterable
from typing import Final

from sync.canonical import MAX_INT, Value, loads_object
from sync.errors import CanonicalError

_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*")


class Fields:
    """One JSON object, read field by field."""

    def __init__(self, value: Value) -> None:
        if not isinstance(value, dict):
            raise CanonicalError("object expected")
        self._value = value

    @classmethod
    def parse(cls, data: bytes) -> "Fields":
        """Parse canonical bytes that hold one object."""
        return cls(loads_object(data))

    def exactly(self, *names: str) -> "Fields":
        """Refuse missing and additional fields; returns itself."""
        if self._value.keys() != set(names):
            raise CanonicalError("other fields than expected")
        return self

    def names(self) -> tuple[str, ...]:
        """Return the field names, sorted."""
        return tuple(sorted(self._value))

    def number(self, name: str, low: int = 0, high: int = MAX_INT - 1) -> int:
        """Return an integer within low..high, both included."""
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CanonicalError(f"number expected: {name}")
        return value

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise CanonicalError(f"flag expected: {name}")
        return value

    def text(self, name: str, longest: int = 200) -> str:
        """Return a string of at most `longest` characters."""
        return as_text(self._get(name), longest)

    def binary(self, name: str, size: int | None = None) -> bytes:
        """Return bytes from lower-case hexadecimal, of exactly `size` bytes unless None."""
        return as_binary(self._get(name), size)

    def items(self, name: str, most: int = 4096) -> list[Value]:
        """Return a list of at most `most` items."""
        value = self._get(name)
        if not isinstance(value, list) or len(value) > most:
            raise CanonicalError(f"list expected: {name}")
        return value

    def texts(self, name: str, most: int = 64, longest: int = 200) -> tuple[str, ...]:
        """Return a list of strings."""
        return tuple(as_text(item, longest) for item in self.items(name, most))

    def binaries(self, name: str, size: int, most: int = 4096) -> tuple[bytes, ...]:
        """Return a list of byte strings of `size` bytes each."""
        return tuple(as_binary(item, size) for item in self.items(name, most))

    def object(self, name: str) -> "Fields":
        """Return the reader of an inner object."""
        return Fields(self._get(name))

    def mapping(self, name: str) -> dict[str, Value]:
        """Return an inner object as it is, for a reader of another layer."""
        value = self._get(name)
        if not isinstance(value, dict):
            raise CanonicalError(f"object expected: {name}")
        return value

    def objects(self, name: str, most: int = 4096) -> tuple["Fields", ...]:
        """Return the readers of a list of objects."""
        return tuple(Fields(item) for item in self.items(name, most))

    def _get(self, name: str) -> Value:
        if name not in self._value:
            raise CanonicalError(f"missing: {name}")
        return self._value[name]


def as_text(value: Value, longest: int) -> str:
    """Return `value` if it is a string of at most `longest` characters."""
    if not isinstance(value, str) or len(value) > longest:
        raise CanonicalError("text expected")
    return value


def as_binary(value: Value, size: int | None) -> bytes:
    """Decode lower-case hexadecimal of exactly `size` bytes (any number if None)."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise CanonicalError("hexadecimal expected")
    if size is not None and len(value) != 2 * size:
        raise CanonicalError("wrong length")
    return bytes.fromhex(value)


def hex_list(values: Iterable[bytes]) -> list[Value]:
    """Encode several byte strings as lower-case hexadecimal."""
    return [value.hex() for value in values]
