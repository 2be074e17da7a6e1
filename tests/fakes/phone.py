"""A phone's key store behind Flet's extension for it, with the faults that real ones have.

It does what the extension does with the options that reached the client: unless these say otherwise, Android erases
everything for ever as soon as one entry cannot be decrypted.
"""

from dataclasses import dataclass, field
from typing import Any

import msgpack  # type: ignore[import-untyped]

DECODE_ERROR = "PlatformException(Exception encountered, read, javax.crypto.AEADBadTagException, null)"


@dataclass
class FakePhone:
    """Answers `get`, `set` and `remove`. `fault` is "", "raises", "decode", "reset text", "forgot" or "silent"."""

    values: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    methods: frozenset[str] = frozenset({"get", "set", "remove"})
    calls: list[tuple[str, str]] = field(default_factory=list)

    def answer(
        self, method: str, arguments: dict[str, Any], sent: list[bytes]
    ) -> tuple[object, str | None] | None:
        """Return result and error, or None for no answer at all."""
        name = arguments["key"]
        self.calls.append((method, name))
        if self.fault == "silent":
            return None
        if self.fault == "raises":
            return None, f"PlatformException(KeyStore, {arguments}, null, null)"
        if self.fault == "decode":
            if options(sent, "android_options").get("reset_on_error", True):
                self.values.clear()
                return None, None
            return None, DECODE_ERROR
        if method == "set":
            self.values[name] = arguments["value"]
            return None, None
        if method == "remove":
            self.values.pop(name, None)
            return None, None
        if self.fault == "reset text":
            return "Data has been reset", None
        return (None if self.fault == "forgot" else self.values.get(name)), None


def options(sent: list[bytes], name: str) -> dict[str, Any]:
    """Return the options of that name which the client got, empty when it was told nothing."""
    found: list[dict[str, Any]] = []

    def look(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get(name), dict):
                found.append(value[name])
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    for message in sent:
        look(msgpack.unpackb(message, strict_map_key=False, ext_hook=lambda code, data: None))
    return found[-1] if found else {}
