"""The mirror of the vault's generation in the keystore: by it a restored older v.db is recognised.

    gen0, gen1 = nonce 24 | AEAD(generation u64, key = H("fsv1 gen", VMK, vault_id), AAD = "FSG1" | part u8) + 16

Both entries exist from creation, one per partition; the one whose VMK nobody has yet is 48 random bytes. The mirror is
renewed behind an unlock, at sealing and at lock, if the generation is another one: a lag is harmless, a lead is a
rollback. A missing or foreign blob is "unknown", not a rollback.
"""

from typing import Final

from fieldapp.vault.errors import KeystoreUnavailable
from fieldapp.vault.keystore import GENERATION, Opening, recall
from sync.errors import PrimitiveError
from sync.primitives import NONCE_SIZE, TAG_SIZE, aead_open, aead_seal, blake, random_bytes

BLOB_SIZE: Final = NONCE_SIZE + 8 + TAG_SIZE


class GenerationMirror:
    """The keystore entry of one partition."""

    def __init__(self, keystore: Opening, vmk: bytes, vault_id: bytes, part: int) -> None:
        self._keystore = keystore
        self._vault_id = vault_id
        self._part = part
        self._name = GENERATION[part]
        self._key = blake(b"fsv1 gen", vault_id, key=vmk)
        self._aad = b"FSG1" + bytes([part])
        self._mirrored: int | None = None
        """What was read and not written since: whether a write succeeded nobody says."""
        self._unread = False

    def under(self, vmk: bytes) -> "GenerationMirror":
        """Return the same entry under another key; what it holds is unknown until it is written."""
        return GenerationMirror(self._keystore, vmk, self._vault_id, self._part)

    def of(self, vmk: bytes, vault_id: bytes, part: int) -> "GenerationMirror":
        """Return the entry of another notebook in the same keystore."""
        return GenerationMirror(self._keystore, vmk, vault_id, part)

    def read(self) -> int | None:
        """Return the mirrored generation; None when it is unknown."""
        self._unread = False
        try:
            blob = recall(self._keystore, self._name, BLOB_SIZE)
            if blob is None:
                return None
            plaintext = aead_open(self._key, blob[:NONCE_SIZE], blob[NONCE_SIZE:], self._aad)
        except KeystoreUnavailable:
            self._unread = True
            return None
        except PrimitiveError:
            return None
        self._mirrored = int.from_bytes(plaintext, "little")
        return self._mirrored

    def write(self, generation: int) -> None:
        """Mirror a generation that is already durable on the disk; nothing to do when it, or a later one, is mirrored."""
        if self._unread:
            self.read()  # it may answer now, and tell of a rollback at the next unlock
        if self._mirrored is not None and generation <= self._mirrored:
            return
        nonce = random_bytes(NONCE_SIZE)
        ciphertext = aead_seal(self._key, nonce, generation.to_bytes(8, "little"), self._aad)
        self._mirrored = None
        self._keystore.later(self._name, nonce + ciphertext)
