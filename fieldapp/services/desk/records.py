"""What a desk keeps in its vault, record by record. All ids are 16 bytes, hashes and keys 32, times in seconds.

The vault id of a record is H("fsv1 desk", kind | name): an id that arrives from outside (of a record, say) can never
name another record of the vault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from fieldapp.services.kinds import Kind
from fieldapp.services.settings import Settings
from sync import canonical
from sync.chain import Gap
from sync.envelope import GENESIS, Header
from sync.errors import CanonicalError
from sync.fields import Fields, hex_list
from sync.keys import PrekeyRing
from sync.primitives import SigningKey, blake
from sync.protocol import TOKEN_SIZE
from sync.trust import TrustedState

MOST_GAPS: Final = 32
"""Gaps of one device whose time is noted, the lowest ones: a device that makes more is looked into anyway."""


class DeskRecord(Protocol):
    """Anything that can be put into the desk's vault."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    @property
    def vault_id(self) -> bytes:
        """Its id in the vault, 16 bytes."""

    def to_bytes(self) -> bytes:
        """Its content."""


def vault_id(kind: Kind, name: bytes = b"") -> bytes:
    """Return the vault id of the record `name` of a kind."""
    return blake(b"fsv1 desk", bytes((kind,)) + name, n=16)


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """What this desk's user chose to see; known from unlocking on."""

    settings: Settings

    kind = Kind.SETTINGS

    @property
    def vault_id(self) -> bytes:
        """There is one."""
        return vault_id(self.kind)

    def to_bytes(self) -> bytes:
        """Encode as the settings of a device are."""
        return self.settings.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "DeskSettings":
        """Read them; what cannot be read becomes the defaults."""
        return cls(Settings.from_bytes(data))


@dataclass(frozen=True, slots=True)
class DeskIdentity:
    """Who this desk is: its keys, its certificate (a container), the box it reads (hex), and its centre's name.

    `published`: the highest directory version that the relay is known to have, 0 for none.
    """

    centre_name: str
    desk_id: bytes
    desk_name: str
    signing: SigningKey
    prekey_secret: bytes = field(repr=False)
    certificate: bytes
    box: str
    published: int = 0

    kind = Kind.CENTRE

    @property
    def vault_id(self) -> bytes:
        """There is one."""
        return vault_id(self.kind)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "box": self.box,
                "centre_name": self.centre_name,
                "certificate": self.certificate.hex(),
                "desk_id": self.desk_id.hex(),
                "desk_name": self.desk_name,
                "prekey_secret": self.prekey_secret.hex(),
                "published": self.published,
                "signing": self.signing.seed.hex(),
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "DeskIdentity":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            centre_name=fields.text("centre_name"),
            desk_id=fields.binary("desk_id", 16),
            desk_name=fields.text("desk_name"),
            signing=SigningKey.from_seed(fields.binary("signing", 32)),
            prekey_secret=fields.binary("prekey_secret", 32),
            certificate=fields.binary("certificate"),
            box=fields.text("box"),
            published=fields.number("published"),
        )


@dataclass(frozen=True, slots=True)
class Published:
    """One version of the directory. All are kept: a device that was away may still seal by an old one."""

    trust: TrustedState

    kind = Kind.TRUST

    @property
    def vault_id(self) -> bytes:
        """One for each version."""
        return vault_id(self.kind, self.trust.version.to_bytes(8, "little"))

    def to_bytes(self) -> bytes:
        """Encode: verified again when it is read."""
        return self.trust.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Published":
        """Read what `to_bytes` made; DirectoryRejected when it is damaged."""
        return cls(TrustedState.from_bytes(data))


@dataclass(frozen=True, slots=True)
class RoleKeys:
    """The prekeys of one role, private halves included."""

    role_id: str
    ring: PrekeyRing

    kind = Kind.PREKEYS

    @property
    def vault_id(self) -> bytes:
        """One for each role."""
        return vault_id(self.kind, self.role_id.encode())

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps({"ring": self.ring.to_bytes().hex(), "role_id": self.role_id})

    @classmethod
    def from_bytes(cls, data: bytes) -> "RoleKeys":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(fields.text("role_id"), PrekeyRing.from_bytes(fields.binary("ring")))


@dataclass(frozen=True, slots=True)
class OpenGap:
    """Numbers that a device has used and this desk has not, and when that first showed (seconds)."""

    gap: Gap
    since: int


@dataclass(frozen=True, slots=True)
class EnrolledDevice:
    """A device of this centre.

    `issued` counts the drop tokens it was given, less those that it spent on offering again. `next_prekey` is what
    its header number `prekey_seq` announced. `down_seq` and `down_prev` are the end of this desk's chain to it.
    `forked`: two different envelopes had one number, so it was copied, or its records were put back to an older
    state. `gaps`: what was missing of its chain after its last envelope.
    """

    device_id: bytes
    name: str
    agency: str
    work: str
    certificate: bytes
    shard: int
    enrolled_at: int
    issued: int
    read_until: int
    next_prekey: bytes
    prekey_seq: int = 0
    down_seq: int = 0
    down_prev: bytes = GENESIS
    last_seen: int = 0
    forked: bool = False
    gaps: tuple[OpenGap, ...] = ()

    kind = Kind.ENROLLED_DEVICE

    @property
    def vault_id(self) -> bytes:
        """One for each device."""
        return vault_id(self.kind, self.device_id)

    def seen(self, header: Header, at: int) -> "EnrolledDevice":
        """Return the device after an accepted envelope: the latest prekey that it announced counts."""
        if header.seq <= self.prekey_seq:
            return replace(self, last_seen=max(self.last_seen, at))
        return replace(self, next_prekey=header.next_prekey, prekey_seq=header.seq, last_seen=at)

    def missing_since(self, gap: Gap) -> int:
        """Return when a gap, or one that it was a part of, first showed; 0 when that was not noted."""
        noted = (one.since for one in self.gaps if one.gap.first <= gap.last and gap.first <= one.gap.last)
        return min(noted, default=0)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "agency": self.agency,
                "certificate": self.certificate.hex(),
                "device_id": self.device_id.hex(),
                "down_prev": self.down_prev.hex(),
                "down_seq": self.down_seq,
                "enrolled_at": self.enrolled_at,
                "forked": self.forked,
                "gaps": [[one.gap.first, one.gap.last, one.since] for one in self.gaps],
                "issued": self.issued,
                "last_seen": self.last_seen,
                "name": self.name,
                "next_prekey": self.next_prekey.hex(),
                "prekey_seq": self.prekey_seq,
                "read_until": self.read_until,
                "shard": self.shard,
                "v": 1,
                "work": self.work,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "EnrolledDevice":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            device_id=fields.binary("device_id", 16),
            name=fields.text("name"),
            agency=fields.text("agency"),
            work=fields.text("work"),
            certificate=fields.binary("certificate"),
            shard=fields.number("shard"),
            enrolled_at=fields.number("enrolled_at"),
            issued=fields.number("issued"),
            read_until=fields.number("read_until"),
            next_prekey=fields.binary("next_prekey", 32),
            prekey_seq=fields.number("prekey_seq"),
            down_seq=fields.number("down_seq"),
            down_prev=fields.binary("down_prev", 32),
            last_seen=fields.number("last_seen"),
            forked=fields.flag("forked"),
            gaps=_gaps(fields) if "gaps" in fields.names() else (),  # a later field
        )


def _gaps(fields: Fields) -> tuple[OpenGap, ...]:
    found = []
    for row in fields.items("gaps", MOST_GAPS):
        if not isinstance(row, list) or len(row) != 3:
            raise CanonicalError("row expected")
        one = Fields(dict(zip(("first", "last", "since"), row, strict=True)))
        found.append(OpenGap(Gap(one.number("first", 1), one.number("last", 1)), one.number("since")))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class TokenPool:
    """Tokens that the relay knows already: drop tokens that no device has yet, and one read token a quarter."""

    drop: tuple[bytes, ...] = field(default=(), repr=False)
    read: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    kind = Kind.TOKENS

    @property
    def vault_id(self) -> bytes:
        """There is one."""
        return vault_id(self.kind)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "drop": hex_list(self.drop),
                "quarters": list(self.read),
                "read": hex_list(self.read.values()),
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "TokenPool":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        quarters = [q for q in fields.items("quarters") if isinstance(q, int)]
        read = fields.binaries("read", TOKEN_SIZE)
        return cls(fields.binaries("drop", TOKEN_SIZE), dict(zip(quarters, read, strict=True)))


@dataclass(frozen=True, slots=True)
class Issued:
    """Hashes of the drop tokens that a device was given last, to be registered again at a relay that lost them."""

    device_id: bytes
    hashes: tuple[bytes, ...]

    kind = Kind.ISSUED

    @property
    def vault_id(self) -> bytes:
        """One for each device."""
        return vault_id(self.kind, self.device_id)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps({"device_id": self.device_id.hex(), "hashes": hex_list(self.hashes), "v": 1})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Issued":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(fields.binary("device_id", 16), fields.binaries("hashes", 32))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the box was read: written together with what was read. `counted`: refused arrivals by reason.

    `mark` is the relay's id (hex) of what was posted to a device last, in the shard `mark_shard`, "" for none known: as
    long as the relay knows it, it lost nothing that this desk said. `doubt`: it may have lost something.
    """

    cursor: str = ""
    counted: Mapping[str, int] = field(default_factory=dict)
    mark: str = ""
    mark_shard: int = 0
    doubt: bool = False

    kind = Kind.CURSOR

    @property
    def vault_id(self) -> bytes:
        """There is one."""
        return vault_id(self.kind)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "counted": dict(self.counted),
                "cursor": self.cursor,
                "doubt": self.doubt,
                "mark": self.mark,
                "mark_shard": self.mark_shard,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Progress":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        counted = fields.object("counted")
        read = cls(fields.text("cursor"), {name: counted.number(name) for name in counted.names()})
        if "mark" not in fields.names():  # written by an early release
            return read
        return replace(
            read,
            mark=fields.text("mark"),
            mark_shard=fields.number("mark_shard"),
            doubt=fields.flag("doubt"),
        )


@dataclass(frozen=True, slots=True)
class Marks:
    """What people did with the record behind an inbox row: the envelopes opened, who opened, who took it on."""

    key: bytes
    receipted: tuple[bytes, ...] = ()
    opened_at: int = 0
    opened_by: str = ""
    acknowledged_at: int = 0
    acknowledged_by: str = ""

    kind = Kind.ACKNOWLEDGEMENT

    @property
    def vault_id(self) -> bytes:
        """One for each row."""
        return vault_id(self.kind, self.key)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "acknowledged_at": self.acknowledged_at,
                "acknowledged_by": self.acknowledged_by,
                "key": self.key.hex(),
                "opened_at": self.opened_at,
                "opened_by": self.opened_by,
                "receipted": hex_list(self.receipted),
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Marks":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            key=fields.binary("key", 16),
            receipted=fields.binaries("receipted", 32),
            opened_at=fields.number("opened_at"),
            opened_by=fields.text("opened_by"),
            acknowledged_at=fields.number("acknowledged_at"),
            acknowledged_by=fields.text("acknowledged_by"),
        )
