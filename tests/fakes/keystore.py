"""A keystore in memory, with the faults that real ones have."""

from dataclasses import dataclass, field


@dataclass
class MemoryKeystore:
    """Keeps everything in `values`; `broken` makes every call raise, `read_only` every set and delete."""

    values: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False
    read_only: bool = False

    def get(self, name: str) -> bytes | None:
        """Return the value or None."""
        self._check()
        return self.values.get(name)

    def set(self, name: str, value: bytes) -> None:
        """Store a value."""
        self._check(changing=True)
        self.values[name] = value

    def delete(self, name: str) -> None:
        """Forget a value."""
        self._check(changing=True)
        self.values.pop(name, None)

    def _check(self, *, changing: bool = False) -> None:
        if self.broken or (changing and self.read_only):
            raise OSError("the keystore of this test fails")


@dataclass
class MemoryTexts:
    """The texts of an operating system in memory; `broken` makes every call raise."""

    values: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    def get(self, name: str) -> str | None:
        """Return the text or None."""
        self._check()
        return self.values.get(name)

    def set(self, name: str, text: str) -> None:
        """Keep a text."""
        self._check()
        self.values[name] = text

    def delete(self, name: str) -> None:
        """Forget a text."""
        self._check()
        self.values.pop(name, None)

    def _check(self) -> None:
        if self.broken:
            raise OSError("the texts of this test fail")
