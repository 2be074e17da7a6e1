"""The envelopes in a desk's vault: what came in, as it came, what is still to go out, and what the relay has of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.services.desk.records import vault_id
from fieldapp.services.kinds import Kind
from sync import canonical
from sync.canonical import Value
from sync.envelope import (
    Header,
    OpenedHeader,
    chain_hash,
    open_body,
    parse_body,
    reopen,
    verify_body_hash,
)
from sync.fields import Fields
from sync.protocol import MsgType

_NO_JSON: Final = frozenset({MsgType.CHUNK, MsgType.COVER})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A sealed envelope for a device that the relay does not have yet; `seq` is its number in our chain to it.

    `msg_type` is None for one that an early release sealed. `kept`: it stays in the vault after the relay has it, so that
    a relay that loses it can be given it again.
    """

    device_id: bytes
    shard: int
    seq: int
    envelope: bytes = field(repr=False)
    msg_type: MsgType | None = None
    kept: bool = True

    kind = Kind.OUTGOING

    @property
    def vault_id(self) -> bytes:
        """One for each envelope."""
        return vault_id(self.kind, self.device_id + self.seq.to_bytes(8, "little"))

    def to_bytes(self) -> bytes:
        """Encode: a line of canonical JSON, then the envelope."""
        meta: dict[str, Value] = {
            "device_id": self.device_id.hex(),
            "kept": self.kept,
            "msg_type": self.msg_type or 0,
            "seq": self.seq,
            "shard": self.shard,
            "v": 1,
        }
        return join_envelope(meta, self.envelope)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Outgoing":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields, envelope = split_envelope(data)
        waiting = cls(
            fields.binary("device_id", 16), fields.number("shard"), fields.number("seq", 1), envelope
        )
        if "kept" not in fields.names():
            return waiting
        return replace(waiting, msg_type=_type_of(fields), kept=fields.flag("kept"))


@dataclass(frozen=True, slots=True)
class Posted:
    """An envelope for a device that the relay has since `at` (seconds), as the desk keeps it (`services.desk.repair`)."""

    waiting: Outgoing
    at: int

    kind = Kind.POSTED

    @property
    def vault_id(self) -> bytes:
        """One for each envelope."""
        return vault_id(self.kind, self.waiting.device_id + self.waiting.seq.to_bytes(8, "little"))

    def to_bytes(self) -> bytes:
        """Encode: a line of canonical JSON, then the envelope."""
        meta: dict[str, Value] = {
            "at": self.at,
            "device_id": self.waiting.device_id.hex(),
            "msg_type": self.waiting.msg_type or 0,
            "seq": self.waiting.seq,
            "shard": self.waiting.shard,
            "v": 1,
        }
        return join_envelope(meta, self.waiting.envelope)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Posted":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields, envelope = split_envelope(data)
        waiting = Outgoing(
            fields.binary("device_id", 16),
            fields.number("shard"),
            fields.number("seq", 1),
            envelope,
            _type_of(fields),
        )
        return cls(waiting, fields.number("at"))


def _type_of(fields: Fields) -> MsgType | None:
    number = fields.number("msg_type")
    return next((kind for kind in MsgType if kind == number), None)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An envelope as it came, with the keys that opened it and what the intake said.

    `reason` is "" for an accepted one. `linked`: it counts in its sender's chain. `opened` is None when nobody known
    vouches for the bytes; `body` is empty unless it was accepted.
    """

    envelope: bytes = field(repr=False)
    arrived_at: int
    reason: str = ""
    linked: bool = False
    opened: OpenedHeader | None = None
    body: Mapping[str, Value] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> Kind:
        """Accepted or not; pieces of files stand apart, so that the inbox need not look at them."""
        if self.reason:
            return Kind.QUARANTINED
        chunk = self.header is not None and self.header.msg_type is MsgType.CHUNK
        return Kind.CHUNK if chunk else Kind.RECEIVED

    @property
    def hash(self) -> bytes:
        """The chain hash of the envelope."""
        return chain_hash(self.envelope)

    @property
    def header(self) -> Header | None:
        """The header, if somebody known signed it."""
        return self.opened.header if self.opened else None

    @property
    def vault_id(self) -> bytes:
        """One for each envelope, whatever was said about it: what is judged anew replaces itself."""
        return vault_id(Kind.RECEIVED, self.hash)

    def to_bytes(self) -> bytes:
        """Encode: a line of canonical JSON with the two keys, then the original bytes."""
        keys = (b"", b"") if self.opened is None else (self.opened.k_h, self.opened.k_b or b"")
        return join_envelope(
            {
                "arrived_at": self.arrived_at,
                "k_b": keys[1].hex(),
                "k_h": keys[0].hex(),
                "linked": self.linked,
                "reason": self.reason,
                "v": 1,
            },
            self.envelope,
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Arrival":
        """Read what `to_bytes` made; CanonicalError or EnvelopeRejected when it is damaged."""
        fields, envelope = split_envelope(data)
        k_h, k_b = fields.binary("k_h"), fields.binary("k_b")
        arrival = cls(envelope, fields.number("arrived_at"), fields.text("reason"), fields.flag("linked"))
        if not k_h:
            return arrival
        opened = reopen(envelope, k_h, k_b or None)
        return replace(arrival, opened=opened, body={} if arrival.reason else _body_of(opened))


def with_body(arrival: Arrival) -> Arrival:
    """Return an envelope in quarantine with what it says, to be examined.

    EnvelopeRejected when it does not open, and when its body is not the one that was signed: for a withdrawn device
    that was not judged before, and whoever may read a body can exchange it.
    """
    if arrival.opened is None:
        return arrival
    verify_body_hash(arrival.opened)
    return replace(arrival, body=_body_of(arrival.opened))


def _body_of(opened: OpenedHeader) -> Mapping[str, Value]:
    return {} if opened.header.msg_type in _NO_JSON else parse_body(open_body(opened))


def join_envelope(meta: dict[str, Value], envelope: bytes) -> bytes:
    """Encode an envelope with what is known of it: the length of a line of canonical JSON, the line, the bytes."""
    head = canonical.dumps(meta)
    return len(head).to_bytes(2, "little") + head + envelope


def split_envelope(data: bytes) -> tuple[Fields, bytes]:
    """Read what `join_envelope` made; CanonicalError when the line is damaged."""
    end = 2 + int.from_bytes(data[:2], "little")
    return Fields.parse(data[2:end]), data[end:]
