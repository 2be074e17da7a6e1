"""The attempt record: how often unlocking failed, and when the next attempt is allowed.

    failures u32 | not_before u64 | last_wall u64 | lowered u64 | 4 zero      (32 bytes; times are Unix seconds)

An attempt is counted, and the count made durable, before the passphrase is stretched: cutting the power does not buy a
guess. After 5 failures each further one costs 30 s, 1, 5, 15 and then 60 minutes. The record exists in the header and
in the keystore, and the larger one counts. A success takes back its own count, whichever passphrase it used, and
lowers what remains by at most 5, once an hour: so a coerced second passphrase cannot be used to erase the trace of
guesses, and an officer who unlocks forty times a shift never waits.
"""

import struct
from dataclasses import dataclass, replace
from typing import Final

from fieldapp.vault.errors import UnlockDelayed, VaultDamaged

SIZE: Final = 32
_FORMAT: Final = struct.Struct("<IQQQ4x")
FREE_FAILURES: Final = 5
DELAYS: Final = (30, 60, 5 * 60, 15 * 60, 60 * 60)
"""Seconds to wait after the 5th, 6th, ... failure; the last one repeats."""
LOWERED_BY: Final = 5
LOWERED_EVERY: Final = 3600
_MAX_COUNT: Final = 2**32 - 1


def delay_after(failures: int) -> int:
    """Seconds that must pass after so many failures in a row."""
    if failures < FREE_FAILURES:
        return 0
    return DELAYS[min(failures - FREE_FAILURES, len(DELAYS) - 1)]


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One state of the record; all times are Unix seconds."""

    failures: int = 0
    not_before: int = 0
    last_wall: int = 0
    lowered: int = 0

    def pack(self) -> bytes:
        """Return the 32 bytes."""
        return _FORMAT.pack(self.failures, self.not_before, self.last_wall, self.lowered)

    @classmethod
    def unpack(cls, data: bytes) -> "AttemptRecord":
        """Read 32 bytes; VaultDamaged when they are not a record."""
        if len(data) != SIZE or any(data[28:]):
            raise VaultDamaged("attempt record")
        return cls(*_FORMAT.unpack(data))

    def larger(self, other: "AttemptRecord") -> "AttemptRecord":
        """Merge two copies: the larger of each field counts."""
        return AttemptRecord(
            max(self.failures, other.failures),
            max(self.not_before, other.not_before),
            max(self.last_wall, other.last_wall),
            max(self.lowered, other.lowered),
        )

    def rewound(self, now: int) -> "AttemptRecord | None":
        """Return the record with its delay restarted when the clock went backwards since it was written, else None."""
        if now >= self.last_wall:
            return None
        return replace(
            self,
            not_before=now + delay_after(self.failures),
            last_wall=now,
            lowered=min(self.lowered, now),
        )

    def check_delay(self, now: int) -> None:
        """Raise UnlockDelayed when an attempt is not allowed yet."""
        if self.failures >= FREE_FAILURES and now < self.not_before:
            raise UnlockDelayed(self.not_before)

    def begun(self, now: int) -> "AttemptRecord":
        """Return the record with one more attempt counted."""
        failures = min(self.failures + 1, _MAX_COUNT)
        return replace(self, failures=failures, not_before=now + delay_after(failures), last_wall=now)

    def succeeded(self, now: int) -> "AttemptRecord":
        """Return what to store when the attempt that began from this record succeeded."""
        if self.failures == 0 or now - self.lowered < LOWERED_EVERY:
            return replace(self, last_wall=now)
        return replace(self, failures=max(0, self.failures - LOWERED_BY), last_wall=now, lowered=now)
