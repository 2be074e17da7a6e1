"""Sealed envelopes as a file, for the day on which no relay takes them: carried to the centre by hand.

    pack([envelope, ...])  ->  b"FSC1" | envelope | envelope ...

The class byte of an envelope tells its length, so nothing stands between them. The file holds what a relay would have
been given, byte for byte, and nothing else: whoever finds it learns how many envelopes there are, and their sizes.
"""

from collections.abc import Iterable
from typing import Final

from sync.errors import CarriedRejected
from sync.protocol import ENVELOPE_MAGIC, ENVELOPE_SIZES

CARRIED_MAGIC: Final = b"FSC1"
MAX_CARRIED: Final = 1024
"""Envelopes in one file: as many as a device's sealed outbox holds."""
_CLASS_AT: Final = 6
MAX_SIZE: Final = len(CARRIED_MAGIC) + MAX_CARRIED * max(ENVELOPE_SIZES.values())


def pack(envelopes: Iterable[bytes]) -> bytes:
    """Return the file of these envelopes, in this order."""
    return CARRIED_MAGIC + b"".join(envelopes)


def unpack(data: bytes) -> tuple[bytes, ...]:
    """Return the envelopes of a file; CarriedRejected when it is none, or not whole."""
    if not data.startswith(CARRIED_MAGIC):
        raise CarriedRejected("magic")
    if len(data) > MAX_SIZE:
        raise CarriedRejected("length")
    found: list[bytes] = []
    at = len(CARRIED_MAGIC)
    while at < len(data):
        envelope = _next(data, at)
        found.append(envelope)
        at += len(envelope)
    if not 0 < len(found) <= MAX_CARRIED:
        raise CarriedRejected("length")
    return tuple(found)


def _next(data: bytes, at: int) -> bytes:
    if not data.startswith(ENVELOPE_MAGIC, at) or at + _CLASS_AT >= len(data):
        raise CarriedRejected("envelope")
    size = ENVELOPE_SIZES.get(data[at + _CLASS_AT])
    if size is None or at + size > len(data):
        raise CarriedRejected("envelope")
    return data[at : at + size]
