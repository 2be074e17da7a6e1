"""Files that travel beside a record: cut into pieces, one envelope each (PROTOCOL.md, section 5.5). Pure.

The record's own body lists every file with its size, its hash and the hash of every piece, so that a piece belongs to one
record, one file and one place in it. A piece repeats what it needs to be judged alone. Whoever assembles trusts the
list only: an exchanged, moved, shortened or doubled piece is seen.

    pieces = split(data)
    body = chunk_body(file_id, index, len(data), file_hash(data), pieces[index])
    part = parse_chunk(body)                                            # on the other side
    data = assemble(file_id, size, whole, hashes, {index: part.data, ...})
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sync.errors import EnvelopeRejected
from sync.primitives import blake, same
from sync.protocol import Reason

CHUNK_MAGIC: Final = b"FSA1"
WITHDRAWAL_MAGIC: Final = b"FSA0"
FILE_ID_SIZE: Final = 16
PIECE_SIZE: Final = 63_488
"""Bytes of a file in every piece but the last. With its head of 64 it fills 16 cells of a vault, and one envelope."""
CHUNK_HEAD_SIZE: Final = 64
MAX_PIECES: Final = 64
"""No reader takes a file of more pieces: 4,063,232 bytes."""
_HEAD: Final = struct.Struct("<4s16sIII32s")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece as it arrived: of which file (16 bytes), its place, what the whole file is said to be."""

    file_id: bytes
    index: int
    size: int
    file_hash: bytes
    data: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """What the record's list must name at this place."""
        return piece_hash(self.file_id, self.index, self.data)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The sender says that no more pieces of this file will come."""

    file_id: bytes


def file_hash(data: bytes) -> bytes:
    """H("fse1 file", whole file)."""
    return blake(b"fse1 file", data)


def piece_hash(file_id: bytes, index: int, data: bytes) -> bytes:
    """H("fse1 piece", file id | index u32 | bytes of the piece): no piece can stand in another's place."""
    return blake(b"fse1 piece", file_id + index.to_bytes(4, "little") + data)


def piece_count(size: int) -> int:
    """Return of how many pieces a file of `size` bytes consists."""
    return -(-size // PIECE_SIZE)


def split(data: bytes) -> tuple[bytes, ...]:
    """Cut a file into its pieces; none for an empty one."""
    return tuple(data[start : start + PIECE_SIZE] for start in range(0, len(data), PIECE_SIZE))


def chunk_body(file_id: bytes, index: int, size: int, whole: bytes, data: bytes) -> bytes:
    """Return the body of the envelope that carries this piece of a file of `size` bytes with the hash `whole`."""
    return _HEAD.pack(CHUNK_MAGIC, file_id, index, piece_count(size), size, whole) + data


def withdrawal_body(file_id: bytes) -> bytes:
    """Return the body that says that the rest of a file will not come."""
    return WITHDRAWAL_MAGIC + file_id


def parse_chunk(body: bytes) -> Chunk | Withdrawal:
    """Read a body of the type `chunk`; EnvelopeRejected(schema) unless every field and length is as it must be."""
    if body[:4] == WITHDRAWAL_MAGIC and len(body) == 4 + FILE_ID_SIZE:
        return Withdrawal(body[4:])
    if len(body) <= CHUNK_HEAD_SIZE:
        raise EnvelopeRejected(Reason.SCHEMA)
    magic, file_id, index, count, size, whole = _HEAD.unpack_from(body)
    data = body[CHUNK_HEAD_SIZE:]
    in_place = magic == CHUNK_MAGIC and index < count <= MAX_PIECES and count == piece_count(size)
    if not in_place or len(data) != _length(size, index):
        raise EnvelopeRejected(Reason.SCHEMA)
    return Chunk(file_id, index, size, whole, data)


def is_listed(chunk: Chunk, size: int, whole: bytes, hashes: Sequence[bytes]) -> bool:
    """Tell whether a piece is the one that the record's list names at its place."""
    return (
        chunk.size == size
        and same(chunk.file_hash, whole)
        and chunk.index < len(hashes)
        and same(chunk.hash, hashes[chunk.index])
    )


def assemble(
    file_id: bytes, size: int, whole: bytes, hashes: Sequence[bytes], found: Mapping[int, bytes]
) -> bytes:
    """Put a file together from the pieces `found` by index, whatever their order.

    EnvelopeRejected(chunk) when one is missing or is not the one that the list names, or the file is not the one that
    was listed: then nothing is returned.
    """
    if set(found) != set(range(len(hashes))) or len(hashes) != piece_count(size):
        raise EnvelopeRejected(Reason.CHUNK)
    for index, expected in enumerate(hashes):
        if not same(piece_hash(file_id, index, found[index]), expected):
            raise EnvelopeRejected(Reason.CHUNK)
    data = b"".join(found[index] for index in range(len(hashes)))
    if len(data) != size or not same(file_hash(data), whole):
        raise EnvelopeRejected(Reason.CHUNK)
    return data


def _length(size: int, index: int) -> int:
    return min(PIECE_SIZE, size - index * PIECE_SIZE)
