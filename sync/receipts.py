"""Receipts: the only thing that moves a record from "sent" to "a person at the centre has it" (PROTOCOL.md, 7).

A proof can be computed only by someone who really opened the header (K_h) or the body (K_b). The device computes
both at sealing, keeps them and forgets the keys; a desk sends them back after its own commit. The relay, or a desk
that may not read the record, cannot make them up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sync import canonical
from sync.errors import CanonicalError, EnvelopeRejected
from sync.fields import Fields
from sync.primitives import blake, same
from sync.protocol import Reason

MAX_ITEMS: Final = 300
"""Receipts in one envelope: as many as class 3 surely holds (at most 205 bytes each)."""
_FIELDS: Final = ("at", "hash", "kind", "proof")


class ReceiptKind(StrEnum):
    """What a desk says it did with an envelope."""

    RECEIVED = "received"
    OPENED = "opened"
    ACTED = "acted"


@dataclass(frozen=True, slots=True)
class ReceiptItem:
    """One statement about one envelope: chain hash (32), proof (32), centre time in seconds."""

    kind: ReceiptKind
    env_hash: bytes
    proof: bytes = field(repr=False)
    at: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What the device kept about an envelope at sealing: its chain hash and both proofs, 32 bytes each."""

    env_hash: bytes
    received_proof: bytes = field(repr=False)
    opened_proof: bytes = field(repr=False)


def received_proof(k_h: bytes, env_hash: bytes) -> bytes:
    """H("fse1 received", K_h, chain hash): shows that the header was opened."""
    return blake(b"fse1 received", env_hash, key=k_h)


def opened_proof(k_b: bytes, env_hash: bytes) -> bytes:
    """H("fse1 opened", K_b, chain hash): shows that the body was opened."""
    return blake(b"fse1 opened", env_hash, key=k_b)


def match(item: ReceiptItem, expected: Expected) -> bool:
    """Tell whether `item` is a true statement about this envelope. `acted` carries the opened proof."""
    wanted = expected.received_proof if item.kind is ReceiptKind.RECEIVED else expected.opened_proof
    right_envelope = same(item.env_hash, expected.env_hash)
    right_proof = same(item.proof, wanted)
    return right_envelope and right_proof


def encode(items: Sequence[ReceiptItem]) -> bytes:
    """Make the body of a `receipt` envelope from 1 to MAX_ITEMS statements; CanonicalError otherwise."""
    if not 1 <= len(items) <= MAX_ITEMS:
        raise CanonicalError("number of receipts")
    rows: list[canonical.Value] = [
        {"at": i.at, "hash": i.env_hash.hex(), "kind": i.kind.value, "proof": i.proof.hex()} for i in items
    ]
    return canonical.dumps({"items": rows, "v": 1})


def decode(body: bytes) -> tuple[ReceiptItem, ...]:
    """Read the body of a `receipt` envelope; EnvelopeRejected(body_form | schema)."""
    try:
        value = canonical.loads(body)
    except CanonicalError:
        raise EnvelopeRejected(Reason.BODY_FORM) from None
    try:
        document = Fields(value).exactly("items", "v")
        document.number("v", 1, 1)
        items = tuple(_item(row.exactly(*_FIELDS)) for row in document.objects("items", MAX_ITEMS))
    except (CanonicalError, ValueError):  # ValueError: not a ReceiptKind
        raise EnvelopeRejected(Reason.SCHEMA) from None
    if not items:
        raise EnvelopeRejected(Reason.SCHEMA)
    return items


def _item(row: Fields) -> ReceiptItem:
    return ReceiptItem(
        kind=ReceiptKind(row.text("kind")),
        env_hash=row.binary("hash", 32),
        proof=row.binary("proof", 32),
        at=row.number("at"),
    )
