"""The eight key slots of a header: who may open which partition, with which passphrase.

    slot i = commit 16 | nonce 24 | AEAD(plaintext 120) + 16          an unused slot is 176 random bytes
    commit = H("fsv1 commit", KEK, [i], 16)                           AAD = the header's fixed fields | [i]
    plaintext = kind u8 | state u8 | part u8 | epoch u32 | vault_id 16 | VMK 32 | VMK_next 32 | created u32 | 29 zero

The commitment lets one stretched passphrase be tried on all slots with eight hashes and exactly one decryption,
whatever the passphrase was: right, second, wiping or wrong, the work is the same.
"""

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from fieldapp.vault.errors import VaultDamaged
from sync.errors import PrimitiveError
from sync.primitives import (
    NONCE_SIZE,
    aead_open,
    aead_seal,
    blake,
    random_bytes,
    same,
)

COUNT: Final = 8
COMMIT_SIZE: Final = 16
PLAINTEXT_SIZE: Final = 120
SIZE: Final = 176
_FORMAT: Final = struct.Struct("<BBBI16s32s32sI29x")
_CIPHERTEXT_AT: Final = COMMIT_SIZE + NONCE_SIZE


class SlotKind(IntEnum):
    """What opening this slot does."""

    OPEN = 1
    WIPE_THEN_OPEN = 2


class SlotState(IntEnum):
    """Whether a change of keys was under way when the header was written."""

    NORMAL = 0
    REKEYING = 1
    WIPING = 2


@dataclass(frozen=True, slots=True)
class SlotContent:
    """The plaintext of a slot: the keys of one partition. `created` is Unix seconds (u32)."""

    part: int
    epoch: int
    vault_id: bytes
    vmk: bytes = field(repr=False)
    created: int
    kind: SlotKind = SlotKind.OPEN
    state: SlotState = SlotState.NORMAL
    vmk_next: bytes = field(default=bytes(32), repr=False)

    def pack(self) -> bytes:
        """Return the 120 bytes."""
        return _FORMAT.pack(
            self.kind, self.state, self.part, self.epoch, self.vault_id, self.vmk, self.vmk_next, self.created
        )

    @classmethod
    def unpack(cls, data: bytes) -> "SlotContent":
        """Read 120 authentic bytes; VaultDamaged when a field has no meaning."""
        if len(data) != PLAINTEXT_SIZE or any(data[-29:]):
            raise VaultDamaged("slot form")
        kind, state, part, epoch, vault_id, vmk, vmk_next, created = _FORMAT.unpack(data)
        try:
            checked_kind, checked_state = SlotKind(kind), SlotState(state)
        except ValueError:
            raise VaultDamaged("slot kind or state") from None
        if part not in (0, 1):
            raise VaultDamaged("slot partition")
        return cls(part, epoch, vault_id, vmk, created, checked_kind, checked_state, vmk_next)


def commitment(kek: bytes, index: int) -> bytes:
    """Return the 16 bytes by which slot `index` recognises its KEK."""
    return blake(b"fsv1 commit", bytes([index]), key=kek, n=COMMIT_SIZE)


def seal_slot(kek: bytes, index: int, content: SlotContent, fixed: bytes) -> bytes:
    """Return the 176 bytes of slot `index`; `fixed` are the header's fixed fields, which it is bound to."""
    nonce = random_bytes(NONCE_SIZE)
    ciphertext = aead_seal(kek, nonce, content.pack(), fixed + bytes([index]))
    return commitment(kek, index) + nonce + ciphertext


def unused_slot() -> bytes:
    """Return 176 bytes that nobody can tell from a used slot."""
    return random_bytes(SIZE)


def open_slots(kek: bytes, slots: tuple[bytes, ...], fixed: bytes) -> tuple[int, SlotContent] | None:
    """Find and open the slot of `kek`: (index, content), or None when there is none.

    Always eight commitments and exactly one AEAD opening: when nothing matches, slot 0 is tried in vain.
    VaultDamaged when a slot recognises the key and does not open.
    """
    match = -1
    for index, slot in enumerate(slots):
        if same(commitment(kek, index), slot[:COMMIT_SIZE]):
            match = index
    tried = max(match, 0)
    slot = slots[tried]
    try:
        plaintext = aead_open(
            kek, slot[COMMIT_SIZE:_CIPHERTEXT_AT], slot[_CIPHERTEXT_AT:], fixed + bytes([tried])
        )
    except PrimitiveError:
        plaintext = None
    if match < 0:
        return None
    if plaintext is None:
        raise VaultDamaged("slot does not open")
    return match, SlotContent.unpack(plaintext)
