"""What people at the desk decided about a device or an alert: who, when and why, as records of the vault.

A ruling counts at this desk at once. Devices hear of it with the next signed directory, whose keys lie in a safe: so
somebody who finds out at night that a phone was lost need not wait for whoever has them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from fieldapp.services.desk.records import vault_id
from fieldapp.services.kinds import Kind
from sync import canonical
from sync.directory import Directory, Revocation
from sync.errors import CanonicalError
from sync.fields import Fields

MAX_REASON: Final = 500
"""Characters of a reason that somebody types."""


class RulingKind(StrEnum):
    """How a device stands by the decision of a person."""

    TRUSTED = "trusted"
    """A suspension was taken back."""
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    """For good: the device can only be enrolled anew, as another one."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """The last decision about a device (id 16 bytes): when (seconds), by which desk, from which number on (revoked)."""

    device_id: bytes
    ruling: RulingKind
    at: int
    by: str
    from_seq: int = 0

    kind = Kind.RULING

    @property
    def vault_id(self) -> bytes:
        """One for each device."""
        return vault_id(self.kind, self.device_id)

    @property
    def revoked_from(self) -> int | None:
        """The first number that is no longer trusted, None for a device that is not revoked."""
        return self.from_seq if self.ruling is RulingKind.REVOKED else None

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "at": self.at,
                "by": self.by,
                "device_id": self.device_id.hex(),
                "from_seq": self.from_seq,
                "ruling": self.ruling.value,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Ruling":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        try:
            ruling = RulingKind(fields.text("ruling"))
        except ValueError:
            raise CanonicalError("ruling") from None
        return cls(
            fields.binary("device_id", 16),
            ruling,
            fields.number("at"),
            fields.text("by"),
            fields.number("from_seq"),
        )


@dataclass(frozen=True, slots=True)
class ClosedAlert:
    """Somebody looked into an alert (key 16 bytes) and says why it is settled.

    `seen`: how many envelopes it was about then. One more opens it again, whatever the clock says.
    """

    key: bytes
    at: int
    by: str
    reason: str = field(repr=False)
    seen: int

    kind = Kind.CLOSED_ALERT

    @property
    def vault_id(self) -> bytes:
        """One for each alert."""
        return vault_id(self.kind, self.key)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "at": self.at,
                "by": self.by,
                "key": self.key.hex(),
                "reason": self.reason,
                "seen": self.seen,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "ClosedAlert":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            fields.binary("key", 16),
            fields.number("at"),
            fields.text("by"),
            fields.text("reason", MAX_REASON),
            fields.number("seen"),
        )


def with_rulings(directory: Directory, rulings: Iterable[Ruling]) -> Directory:
    """Return the directory with what was decided at this desk: the lowest number of a revocation counts for ever.

    Devices that no ruling of this desk names stay as they are: another desk may have decided about them.
    """
    revoked = {entry.id: entry.from_seq for entry in directory.devices_revoked}
    suspended = set(directory.devices_suspended)
    for ruling in rulings:
        suspended.discard(ruling.device_id)
        if ruling.ruling is RulingKind.SUSPENDED:
            suspended.add(ruling.device_id)
        elif ruling.revoked_from is not None:
            before = revoked.get(ruling.device_id, ruling.from_seq)
            revoked[ruling.device_id] = min(before, ruling.from_seq)
    return replace(
        directory,
        devices_revoked=tuple(Revocation(key, seq) for key, seq in sorted(revoked.items())),
        devices_suspended=tuple(sorted(suspended - revoked.keys())),
    )


def unpublished(directory: Directory, rulings: Iterable[Ruling]) -> bool:
    """Tell whether something was decided that no signed directory says yet."""
    after = with_rulings(directory, rulings)
    return (set(after.devices_revoked), set(after.devices_suspended)) != (
        set(directory.devices_revoked),
        set(directory.devices_suspended),
    )
