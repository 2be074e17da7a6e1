"""The inner header of an envelope: what the registrar may read (PROTOCOL.md, section 5.2).

FSH1 to the recipients' hash, 242 bytes, signed | Ed25519 signature 64 | 14 zeros
"""

import struct
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final

from sync.errors import EnvelopeRejected, SealRefused
from sync.primitives import SIGNATURE_SIZE
from sync.protocol import (
    HEADER_MAGIC,
    HEADER_SIGNED_SIZE,
    HEADER_SIZE,
    HEADER_VERSION,
    MAX_COUNTER,
    MsgType,
    Reason,
)

SIGNED_PART: Final = struct.Struct("<4sBB16s16sQQ32s32s16sIII32s32s32s")
"""The signed part: magic, version, the fields of `Header` in order, body hash, recipients' hash."""
GENESIS: Final = bytes(32)
"""`prev_hash` of a sender's first envelope."""
_U32: Final = 1 << 32
_MSG_TYPES: Final = frozenset(int(msg_type) for msg_type in MsgType)  # `in MsgType` needs Python 3.12
_SIGNATURE_END: Final = HEADER_SIGNED_SIZE + SIGNATURE_SIZE


@dataclass(frozen=True, slots=True)
class Header:
    """What the registrar may read. Ids are 16 bytes, hashes and keys 32; `week` is that of the prekey time."""

    msg_type: MsgType
    sender_id: bytes
    centre_id: bytes
    seq: int
    dir_version: int
    prev_hash: bytes
    dir_hash: bytes
    record_id: bytes
    rec_ver: int
    flags: int
    week: int
    next_prekey: bytes


_IN_ORDER: Final = attrgetter(*(field.name for field in fields(Header)))
"""Gives the fields as they are; `dataclasses.astuple` would copy each of them deeply first."""


@dataclass(frozen=True, slots=True)
class ParsedHeader:
    """A header with the hashes that bind body and recipients (32 bytes each), and the sender's signature (64)."""

    header: Header
    body_hash: bytes
    recip_hash: bytes
    signed_part: bytes
    signature: bytes


def check_header(header: Header) -> None:
    """Refuse a header that no receiver could accept: SealRefused(header)."""
    sizes = (
        (header.sender_id, 16),
        (header.centre_id, 16),
        (header.record_id, 16),
        (header.prev_hash, 32),
        (header.dir_hash, 32),
        (header.next_prekey, 32),
    )
    numbers = (header.rec_ver, header.flags, header.week)
    if (
        any(len(value) != size for value, size in sizes)
        or any(not 0 <= number < _U32 for number in numbers)
        or not 1 <= header.seq <= MAX_COUNTER
        or not 0 <= header.dir_version <= MAX_COUNTER
        or (header.seq == 1) != (header.prev_hash == GENESIS)
    ):
        raise SealRefused("header")


def pack(header: Header, body_hash: bytes, recipients_hash: bytes) -> bytes:
    """Return the signed part of a checked header."""
    return SIGNED_PART.pack(HEADER_MAGIC, HEADER_VERSION, *_IN_ORDER(header), body_hash, recipients_hash)


def complete(signed_part: bytes, signature: bytes) -> bytes:
    """Return the plaintext of the header: signed part, signature, zeros."""
    return (signed_part + signature).ljust(HEADER_SIZE, b"\0")


def parse(plain: bytes) -> ParsedHeader:
    """Read the plaintext of a header: EnvelopeRejected(header_form). The signature is not verified here."""
    signed_part = plain[:HEADER_SIGNED_SIZE]
    magic, version, msg_type, *fields, body_hash, recipients_hash = SIGNED_PART.unpack(signed_part)
    if magic != HEADER_MAGIC or version != HEADER_VERSION or msg_type not in _MSG_TYPES:
        raise EnvelopeRejected(Reason.HEADER_FORM)
    header = Header(MsgType(msg_type), *fields)
    if not 1 <= header.seq <= MAX_COUNTER or header.dir_version > MAX_COUNTER or any(plain[_SIGNATURE_END:]):
        raise EnvelopeRejected(Reason.HEADER_FORM)
    signature = plain[HEADER_SIGNED_SIZE:_SIGNATURE_END]
    return ParsedHeader(header, body_hash, recipients_hash, signed_part, signature)
