"""Equal cells: every record is cut into pieces of one size, so that files show neither number nor length of records.

    cell 4040 = nonce 24 | AEAD(plaintext 4000) + 16
    plaintext = used u8 | type u8 | flags u16 | record_id 16 | rec_ver u32 | frag u8 | nfrag u8 | len u16
              | payload 3972 (len bytes, then zeros)

In the vault a cell is bound to its vault, number and epoch (AAD "FSC1" | vault_id | n u32 | epoch u32) and a free one
is random bytes. In the sealed outbox it is bound to its number (AAD "FSB1" | n u32) and a free one is an encrypted
cell with used = 0: there is no root cell there to say which cells count, so each must say it itself.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from fieldapp.vault.errors import RecordTooLarge, VaultDamaged
from sync.errors import PrimitiveError
from sync.primitives import NONCE_SIZE, TAG_SIZE, aead_open, aead_seal, blake, random_bytes

CELL_SIZE: Final = 4040
PLAINTEXT_SIZE: Final = 4000
PAYLOAD_SIZE: Final = 3972
MAX_FRAGMENTS: Final = 20
MAX_RECORD_SIZE: Final = MAX_FRAGMENTS * PAYLOAD_SIZE
ROOT_KIND: Final = 0
"""The type of the root cell; records have kinds 1 to 255."""
_FORMAT: Final = struct.Struct("<BBH16sIBBH")
_FREE: Final = bytes(PLAINTEXT_SIZE)
"""A free cell of the sealed outbox, and the padding of a used one: compared whole, an unlock does it 2,048 times."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it is stored: kind 1 to 255, 16 flag bits, a version that grows by one with every put."""

    record_id: bytes
    kind: int
    flags: int
    version: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fragment:
    """The content of one used cell: piece `index` of `count` of a version of a record."""

    record_id: bytes
    kind: int
    flags: int
    version: int
    index: int
    count: int
    payload: bytes = field(repr=False)

    def pack(self) -> bytes:
        """Return the 4000 bytes."""
        head = _FORMAT.pack(
            1,
            self.kind,
            self.flags,
            self.record_id,
            self.version,
            self.index,
            self.count,
            len(self.payload),
        )
        return head + self.payload.ljust(PAYLOAD_SIZE, b"\0")

    @classmethod
    def unpack(cls, data: bytes) -> "Fragment | None":
        """Read 4000 authentic bytes: None for a free cell, VaultDamaged for anything that is not a cell."""
        if len(data) != PLAINTEXT_SIZE:
            raise VaultDamaged("cell length")
        used, kind, flags, record_id, version, index, count, length = _FORMAT.unpack_from(data)
        if used == 0 and data == _FREE:
            return None
        if used != 1 or index >= count or count > MAX_FRAGMENTS or length > PAYLOAD_SIZE:
            raise VaultDamaged("cell fields")
        end = _FORMAT.size + length
        if data[end:] != _FREE[end:]:
            raise VaultDamaged("cell padding")
        payload = data[_FORMAT.size : end]
        return cls(record_id, kind, flags, version, index, count, payload)


def split(record: Record) -> list[Fragment]:
    """Cut a record into its 1 to 20 fragments; RecordTooLarge beyond that, ValueError for fields out of range."""
    if len(record.record_id) != 16 or not 0 < record.kind < 256 or not 0 <= record.flags < 2**16:
        raise ValueError("record id, kind or flags out of range")
    count = max(1, -(-len(record.payload) // PAYLOAD_SIZE))
    if count > MAX_FRAGMENTS:
        raise RecordTooLarge("more than 20 fragments")
    return [
        Fragment(
            record.record_id,
            record.kind,
            record.flags,
            record.version,
            index,
            count,
            record.payload[index * PAYLOAD_SIZE : (index + 1) * PAYLOAD_SIZE],
        )
        for index in range(count)
    ]


def join(fragments: Iterable[Fragment]) -> Record | None:
    """Put one version of a record together again; None when a fragment is missing, doubled or does not agree."""
    ordered = sorted(fragments, key=lambda fragment: fragment.index)
    first = ordered[0]
    if first.count == len(ordered) == 1:  # nearly all of them, at every unlock; `index` is below `count`
        return Record(first.record_id, first.kind, first.flags, first.version, first.payload)
    expected = [(first.kind, first.flags, first.count, index) for index in range(first.count)]
    if [(piece.kind, piece.flags, piece.count, piece.index) for piece in ordered] != expected:
        return None
    payload = b"".join(piece.payload for piece in ordered)
    return Record(first.record_id, first.kind, first.flags, first.version, payload)


def tag_of(blob: bytes) -> bytes:
    """Return the Poly1305 tag of a cell: its last 16 bytes."""
    return blob[-TAG_SIZE:]


class CellCipher(Protocol):
    """Seals and opens the cells of one pool."""

    def seal(self, n: int, plaintext: bytes) -> bytes:
        """Return the 4040 bytes of cell `n`, with a fresh nonce."""

    def open(self, n: int, blob: bytes) -> bytes:
        """Return the 4000 bytes; VaultDamaged when the cell is not authentic at this place."""

    def free(self, n: int) -> bytes:
        """Return what a free cell `n` holds: fresh, and indistinguishable from a used one."""


class RecordCipher:
    """Cells of the vault: key = H("fsv1 cell", VMK, vault_id | epoch u32)."""

    def __init__(self, vmk: bytes, vault_id: bytes, epoch: int) -> None:
        self._key = blake(b"fsv1 cell", vault_id + epoch.to_bytes(4, "little"), key=vmk)
        self._before = b"FSC1" + vault_id
        self._after = epoch.to_bytes(4, "little")

    def seal(self, n: int, plaintext: bytes) -> bytes:
        """See CellCipher."""
        return _seal(self._key, plaintext, self._aad(n))

    def open(self, n: int, blob: bytes) -> bytes:
        """See CellCipher."""
        return _open(self._key, blob, self._aad(n))

    def free(self, n: int) -> bytes:
        """See CellCipher: random bytes; the root cell knows which cells count."""
        return random_bytes(CELL_SIZE)

    def _aad(self, n: int) -> bytes:
        return self._before + n.to_bytes(4, "little") + self._after


class BoxCipher:
    """Cells of the sealed outbox: key = H("fsv1 box", bk, "")."""

    def __init__(self, outbox_key: bytes) -> None:
        self._key = blake(b"fsv1 box", b"", key=outbox_key)

    def seal(self, n: int, plaintext: bytes) -> bytes:
        """See CellCipher."""
        return _seal(self._key, plaintext, self._aad(n))

    def open(self, n: int, blob: bytes) -> bytes:
        """See CellCipher."""
        return _open(self._key, blob, self._aad(n))

    def free(self, n: int) -> bytes:
        """See CellCipher: an encrypted cell of zeros, so that a damaged one is never taken for a free one."""
        return self.seal(n, _FREE)

    def _aad(self, n: int) -> bytes:
        return b"FSB1" + n.to_bytes(4, "little")


def _seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    nonce = random_bytes(NONCE_SIZE)
    return nonce + aead_seal(key, nonce, plaintext, aad)


def _open(key: bytes, blob: bytes, aad: bytes) -> bytes:
    if len(blob) != CELL_SIZE:
        raise VaultDamaged("cell length")
    try:
        return aead_open(key, blob[:NONCE_SIZE], blob[NONCE_SIZE:], aad)
    except PrimitiveError:
        raise VaultDamaged("cell not authentic") from None
