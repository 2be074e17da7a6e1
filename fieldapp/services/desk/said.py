"""What a desk has said to its devices, as its vault keeps it: messages, rules of cases, orders, what was announced."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.services.desk.records import vault_id
from fieldapp.services.kinds import Kind
from sync import canonical
from sync.canonical import Value
from sync.chain import Link
from sync.downstream import MAX_TEXT, WipeOrder
from sync.envelope import GENESIS
from sync.fields import Fields

LINKS_PER_BLOCK: Final = 24
"""Numbers of a chain in one record of covers: as many links as surely fit in one cell."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message that this desk sent. `seq` is its number in the desk's chain to the device; `about` a record, or b""."""

    device_id: bytes
    seq: int
    at: int
    by: str
    text: str = field(repr=False)
    about: bytes = b""

    kind = Kind.SAID

    @property
    def vault_id(self) -> bytes:
        """One for each message."""
        return vault_id(self.kind, self.device_id + self.seq.to_bytes(8, "little"))

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "about": self.about.hex(),
                "at": self.at,
                "by": self.by,
                "device_id": self.device_id.hex(),
                "seq": self.seq,
                "text": self.text,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Said":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            device_id=fields.binary("device_id", 16),
            seq=fields.number("seq", 1),
            at=fields.number("at"),
            by=fields.text("by"),
            text=fields.text("text", MAX_TEXT),
            about=fields.binary("about"),
        )


@dataclass(frozen=True, slots=True)
class CaseRules:
    """The last contact rules that this desk sent for a case of a device; `contact` is a body of `SAFE_CONTACT`."""

    device_id: bytes
    case_id: bytes
    version: int
    at: int
    by: str
    contact: Mapping[str, Value] = field(repr=False)

    kind = Kind.CASE_RULES

    @property
    def vault_id(self) -> bytes:
        """One for each case of a device."""
        return vault_id(self.kind, self.device_id + self.case_id)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "at": self.at,
                "by": self.by,
                "case_id": self.case_id.hex(),
                "contact": dict(self.contact),
                "device_id": self.device_id.hex(),
                "v": 1,
                "version": self.version,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "CaseRules":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            device_id=fields.binary("device_id", 16),
            case_id=fields.binary("case_id", 16),
            version=fields.number("version", 1),
            at=fields.number("at"),
            by=fields.text("by"),
            contact=fields.mapping("contact"),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a device was told last: a version of the directory and of its policy; when tokens were sent (seconds)."""

    device_id: bytes
    directory: int = 0
    policy: int = 0
    tokens_at: int = 0

    kind = Kind.TOLD

    @property
    def vault_id(self) -> bytes:
        """One for each device."""
        return vault_id(self.kind, self.device_id)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "device_id": self.device_id.hex(),
                "directory": self.directory,
                "policy": self.policy,
                "tokens_at": self.tokens_at,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Told":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            device_id=fields.binary("device_id", 16),
            directory=fields.number("directory"),
            policy=fields.number("policy"),
            tokens_at=fields.number("tokens_at"),
        )


@dataclass(frozen=True, slots=True)
class Wipe:
    """The last order to wipe a device: who gave it and when, who signed second (name of the key), when it was done.

    `second_seq` and `second_prev` are the end of the second key's chain to the device. Times 0: not yet.
    """

    order: WipeOrder
    at: int
    by: str
    second_at: int = 0
    second_by: str = ""
    second_seq: int = 0
    second_prev: bytes = GENESIS
    done_at: int = 0

    kind = Kind.WIPE_ORDER

    @property
    def vault_id(self) -> bytes:
        """One for each device: the last order counts."""
        return vault_id(self.kind, self.order.device_id)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        return canonical.dumps(
            {
                "at": self.at,
                "by": self.by,
                "done_at": self.done_at,
                "order": self.order.to_value(),
                "second_at": self.second_at,
                "second_by": self.second_by,
                "second_prev": self.second_prev.hex(),
                "second_seq": self.second_seq,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Wipe":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            order=WipeOrder.from_fields(fields.object("order")),
            at=fields.number("at"),
            by=fields.text("by"),
            second_at=fields.number("second_at"),
            second_by=fields.text("second_by"),
            second_seq=fields.number("second_seq"),
            second_prev=fields.binary("second_prev", 32),
            done_at=fields.number("done_at"),
        )


@dataclass(frozen=True, slots=True)
class CoverLinks:
    """Covers of a device that arrived: only what its chain needs. Their bytes say nothing, and are not kept.

    One record for every 24 numbers, so that a year of covers takes some hundred cells and not thousands.
    """

    device_id: bytes
    block: int
    links: tuple[Link, ...] = ()

    kind = Kind.LEDGER

    @staticmethod
    def block_of(seq: int) -> int:
        """Return the block that the number `seq` belongs to."""
        return seq // LINKS_PER_BLOCK

    @property
    def vault_id(self) -> bytes:
        """One for each block of a device's numbers."""
        return vault_id(self.kind, self.device_id + self.block.to_bytes(8, "little"))

    def with_link(self, link: Link) -> "CoverLinks":
        """Return the block with one more cover."""
        return replace(self, links=(*self.links, link))

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON."""
        links: list[Value] = [
            {"hash": link.hash.hex(), "prev": link.prev_hash.hex(), "seq": link.seq} for link in self.links
        ]
        return canonical.dumps(
            {"block": self.block, "device_id": self.device_id.hex(), "links": links, "v": 1}
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "CoverLinks":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            fields.binary("device_id", 16),
            fields.number("block"),
            tuple(
                Link(row.number("seq", 1), row.binary("hash", 32), row.binary("prev", 32))
                for row in fields.objects("links", LINKS_PER_BLOCK)
            ),
        )
