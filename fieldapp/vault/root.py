"""The root cell: what a partition must look like as a whole, so that no single cell can be rolled back unseen.

It is cell n = partition and has the form of every cell: type 0, record_id = vault_id, flags 0, one fragment. Payload:

    generation u64 | wall u64 | used bits 3072 | cells hash 32 | chain head 32 | next seq u64 | bk 32 | altered u64

Bit i (byte i >> 3, bit i & 7) is the cell n = 2 i + partition; the field always has room for the largest partition of
a desk (24,576 cells). `altered` is the wall time at which the cells first did not match the root, 0 when they always
did: such an alarm must not disappear with the next save. Times are Unix seconds.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fieldapp.vault.cells import ROOT_KIND, CellCipher, Fragment
from fieldapp.vault.errors import UnsupportedVault, VaultDamaged
from sync.primitives import blake

MAX_PARTITION: Final = 24_576
_BITS_SIZE: Final = MAX_PARTITION // 8
_FORMAT: Final = struct.Struct(f"<QQ{_BITS_SIZE}s32s32sQ32sQ")


@dataclass(frozen=True, slots=True)
class ChainState:
    """The end of this device's chain of envelopes: the next unused seq, and the hash of the last envelope."""

    next_seq: int = 1
    head: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class Root:
    """The content of the root cell. `used` has bit i set when cell i of the partition is in use."""

    generation: int
    wall: int
    used: int
    cells_hash: bytes
    chain: ChainState
    outbox_key: bytes = field(repr=False)
    altered: int = 0

    def is_used(self, n: int) -> bool:
        """Tell whether cell `n` is in use."""
        return bool(self.used >> (n // 2) & 1)

    def used_cells(self, part: int) -> list[int]:
        """Return the numbers of all cells in use, the root cell included."""
        return [2 * i + part for i in range(self.used.bit_length()) if self.used >> i & 1]

    def seal(self, cipher: CellCipher, vault_id: bytes, part: int) -> bytes:
        """Return the 4040 bytes of the root cell."""
        payload = _FORMAT.pack(
            self.generation,
            self.wall,
            self.used.to_bytes(_BITS_SIZE, "little"),
            self.cells_hash,
            self.chain.head,
            self.chain.next_seq,
            self.outbox_key,
            self.altered,
        )
        fragment = Fragment(vault_id, ROOT_KIND, 0, 0, 0, 1, payload)
        return cipher.seal(part, fragment.pack())

    @classmethod
    def open(cls, cipher: CellCipher, vault_id: bytes, part: int, blob: bytes) -> "Root":
        """Open a root cell; VaultDamaged when it does not, UnsupportedVault when a newer release flagged it."""
        fragment = Fragment.unpack(cipher.open(part, blob))
        if fragment is None or (fragment.kind, fragment.record_id) != (ROOT_KIND, vault_id):
            raise VaultDamaged("not a root cell")
        if fragment.flags:
            raise UnsupportedVault("flags of the root cell")
        if len(fragment.payload) != _FORMAT.size:
            raise VaultDamaged("root cell length")
        generation, wall, bits, cells_hash, head, next_seq, key, altered = _FORMAT.unpack(fragment.payload)
        chain = ChainState(next_seq, head)
        return cls(generation, wall, int.from_bytes(bits, "little"), cells_hash, chain, key, altered)


def bits_of(cells: Iterable[int]) -> int:
    """Return the used bits of some cell numbers."""
    bits = 0
    for n in cells:
        bits |= 1 << (n // 2)
    return bits


def cells_hash(vmk: bytes, tags: bytes | bytearray) -> bytes:
    """Return H("fsv1 cells", VMK, tags): `tags` are the 16-byte tags of all cells but the root, in order."""
    return blake(b"fsv1 cells", bytes(tags), key=vmk)
