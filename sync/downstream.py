"""Bodies of what a centre says to a device, besides receipts and tokens (PROTOCOL.md, section 7).

Each is a canonical JSON object of exactly the fields named there. A body that is not in its form is
`EnvelopeRejected(schema)`: it changes nothing on the device, which counts it and shows that something could not be
read. What a body may change is decided by the device: a version that is not higher than the one in force is ignored.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from sync import canonical
from sync.canonical import Value
from sync.errors import CanonicalError, EnvelopeRejected
from sync.fields import Fields
from sync.primitives import blake
from sync.protocol import DAY, MAX_COUNTER, Reason

MAX_TEXT: Final = 1000
"""Characters of a message: short enough to be read at a glance, and surely a class 1 or 2 envelope."""
MAX_ROLE: Final = 60
WIPE_LIFETIME: Final = 30 * DAY
"""An order to wipe ends at the latest this long after it was given."""
_ID: Final = 16
_HASH: Final = 32
_LONGEST_LOCK: Final = 3600


class Downstream(ABC):
    """What all bodies share: canonical bytes, and strict reading of them."""

    __slots__ = ()

    @abstractmethod
    def to_value(self) -> dict[str, Value]:
        """Return the object that is the body."""

    @classmethod
    @abstractmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read the object; CanonicalError."""

    def to_bytes(self) -> bytes:
        """Encode the body; CanonicalError for values out of their range, so that no reader has to refuse it."""
        body = canonical.dumps(self.to_value())
        self.from_fields(Fields.parse(body))
        return body

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Read a body; EnvelopeRejected(schema)."""
        try:
            return cls.from_fields(Fields.parse(body))
        except CanonicalError:
            raise EnvelopeRejected(Reason.SCHEMA) from None


@dataclass(frozen=True, slots=True)
class DirectoryNotice(Downstream):
    """`DIRECTORY`: version `version` of the directory with this hash (32) is out: fetch it from the relay."""

    version: int
    dir_hash: bytes

    def to_value(self) -> dict[str, Value]:
        """Return {hash, v, version}."""
        return {"hash": self.dir_hash.hex(), "v": 1, "version": self.version}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read it; CanonicalError."""
        _version_1(fields.exactly("hash", "v", "version"))
        return cls(fields.number("version", 1, MAX_COUNTER), fields.binary("hash", 32))


@dataclass(frozen=True, slots=True)
class DevicePolicy(Downstream):
    """`POLICY`: the centre's rules for one device; the highest `version` is in force.

    `keep` and `keep_days` stand in the place of the directory's. `opened_by` (desks) and the lock times (seconds, at
    most an hour) can only make stricter what the directory and the worker have chosen.
    """

    version: int
    keep: int
    keep_days: int
    opened_by: int
    idle_seconds: int
    background_seconds: int

    def to_value(self) -> dict[str, Value]:
        """Return {background_seconds, idle_seconds, keep, keep_days, opened_by, v, version}."""
        return {
            "background_seconds": self.background_seconds,
            "idle_seconds": self.idle_seconds,
            "keep": self.keep,
            "keep_days": self.keep_days,
            "opened_by": self.opened_by,
            "v": 1,
            "version": self.version,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read it; CanonicalError."""
        _version_1(
            fields.exactly(
                "background_seconds", "idle_seconds", "keep", "keep_days", "opened_by", "v", "version"
            )
        )
        return cls(
            version=fields.number("version", 1, MAX_COUNTER),
            keep=fields.number("keep", 0, 2),
            keep_days=fields.number("keep_days", 0, 3650),
            opened_by=fields.number("opened_by", 1, 16),
            idle_seconds=fields.number("idle_seconds", 30, _LONGEST_LOCK),
            background_seconds=fields.number("background_seconds", 0, _LONGEST_LOCK),
        )


@dataclass(frozen=True, slots=True)
class Message(Downstream):
    """`MESSAGE`: a short text for the worker, shown inside the unlocked app only.

    `role`: who speaks ("Intake"). `about`: the record it is about (16 bytes), or b"". `at`: the centre's time, seconds.
    """

    at: int
    role: str
    text: str = field(repr=False)
    about: bytes = b""

    def to_value(self) -> dict[str, Value]:
        """Return {about, at, role, text, v}."""
        return {"about": self.about.hex(), "at": self.at, "role": self.role, "text": self.text, "v": 1}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read it; CanonicalError, also for an empty text and for control characters other than a new line."""
        _version_1(fields.exactly("about", "at", "role", "text", "v"))
        text, role, about = (
            fields.text("text", MAX_TEXT),
            fields.text("role", MAX_ROLE),
            fields.binary("about"),
        )
        if not text.strip() or not _plain(text.replace("\n", "")) or not _plain(role):
            raise CanonicalError("text of a message")
        if len(about) not in (0, _ID):
            raise CanonicalError("id of a record")
        return cls(fields.number("at"), role, text, about)


@dataclass(frozen=True, slots=True)
class RulesUpdate(Downstream):
    """`SAFE_CONTACT_UPDATE`: how the person of a case can be reached safely, as the centre knows it now.

    `version` counts the centre's changes of this case; `base` is `rules_hash` of the worker's last rules that the centre
    had seen (b"" for none), so that the device sees whether the worker changed something meanwhile. `contact` is a body
    of `SAFE_CONTACT` (read by the application, not here).
    """

    case_id: bytes
    version: int
    base: bytes
    at: int
    role: str
    contact: Mapping[str, Value] = field(repr=False)

    def to_value(self) -> dict[str, Value]:
        """Return {at, base, case_id, contact, role, v, version}."""
        return {
            "at": self.at,
            "base": self.base.hex(),
            "case_id": self.case_id.hex(),
            "contact": dict(self.contact),
            "role": self.role,
            "v": 1,
            "version": self.version,
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read it; CanonicalError."""
        _version_1(fields.exactly("at", "base", "case_id", "contact", "role", "v", "version"))
        role, base = fields.text("role", MAX_ROLE), fields.binary("base")
        if not _plain(role) or len(base) not in (0, _HASH):
            raise CanonicalError("role or base")
        return cls(
            case_id=fields.binary("case_id", _ID),
            version=fields.number("version", 1, MAX_COUNTER),
            base=base,
            at=fields.number("at"),
            role=role,
            contact=fields.mapping("contact"),
        )


@dataclass(frozen=True, slots=True)
class WipeOrder(Downstream):
    """`WIPE`: erase everything of this device's notebook. Counts only when two command keys signed the same body.

    `expiry`: seconds, at most 30 days after the order was given.
    """

    order_id: bytes
    device_id: bytes
    expiry: int

    def to_value(self) -> dict[str, Value]:
        """Return {device_id, expiry, order_id}."""
        return {"device_id": self.device_id.hex(), "expiry": self.expiry, "order_id": self.order_id.hex()}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read it; CanonicalError."""
        fields.exactly("device_id", "expiry", "order_id")
        return cls(fields.binary("order_id", _ID), fields.binary("device_id", _ID), fields.number("expiry"))


@dataclass(frozen=True, slots=True)
class Rekey(Downstream):
    """`REKEY`: announce a new downstream prekey with the next envelope, without waiting for the day to pass."""

    at: int

    def to_value(self) -> dict[str, Value]:
        """Return {at, v}."""
        return {"at": self.at, "v": 1}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read it; CanonicalError."""
        _version_1(fields.exactly("at", "v"))
        return cls(fields.number("at"))


def rules_hash(contact: Mapping[str, Value]) -> bytes:
    """H("fs rules", canonical JSON of a body of `SAFE_CONTACT`): which rules somebody has seen, 32 bytes."""
    return blake(b"fs rules", canonical.dumps(dict(contact)))


def _version_1(fields: Fields) -> None:
    fields.number("v", 1, 1)


def _plain(text: str) -> bool:
    """Tell whether a text holds no control characters, and none that turn the direction of writing."""
    return text.isprintable() or all(char.isprintable() or char in " \u00a0\u200c\u200d" for char in text)
