"""Open a vault with the recovery sheet, when the passphrase is forgotten or the keystore lost what it kept.

    recovery = Recovery.begin(directory, keystore)
    recovery.open(code)                          # Argon2id: slow; WrongRecoveryCode
    vault = recovery.finish(new_passphrase, now) # slow; a new header, in which only this passphrase opens

The header's MAC cannot be checked without the device secret: what makes the header's fields good is that the slot
opens, since they are all bound into it. `finish` writes a header of its own under a fresh device secret. The keystore
holds that one as `ds2` until both copies are written: whatever instant the power fails at, the next start finds either
the old header under `ds` or a new copy under `ds2`. No other slot is taken over, so every other word is set again.
"""

import secrets
from dataclasses import replace
from pathlib import Path

from fieldapp.vault import keystore as keys
from fieldapp.vault.errors import NoVault, VaultDamaged, WrongRecoveryCode
from fieldapp.vault.guard import HEADER_FILE, HeaderGuard
from fieldapp.vault.header import Header, HeaderFile, new_header
from fieldapp.vault.kdf import key_encryption_key, stretch
from fieldapp.vault.keystore import Keystore
from fieldapp.vault.sheet import NO_DEVICE_SECRET, read_code
from fieldapp.vault.slots import COUNT, SlotContent, open_slots, seal_slot
from fieldapp.vault.store import CellStore
from fieldapp.vault.unlocking import CELLS_FILE, UnlockAttempt
from fieldapp.vault.vault import Vault
from sync.primitives import KEY_SIZE, random_bytes


class Recovery:
    """One recovery. It holds the lock on v.db until `finish` or `abandon`."""

    def __init__(self, directory: Path, keystore: Keystore, store: CellStore) -> None:
        """Use `Recovery.begin`."""
        self._directory = directory
        self._keystore = keystore
        self._store = store
        self._file = HeaderFile(directory / HEADER_FILE)
        self._opened: tuple[Header, SlotContent] | None = None

    @classmethod
    def begin(cls, directory: Path, keystore: Keystore) -> "Recovery":
        """Lock the files; NoVault, VaultBusy. Nothing is counted and nothing delayed."""
        if not (directory / CELLS_FILE).exists():
            raise NoVault("no cells")
        return cls(directory, keystore, CellStore(directory / CELLS_FILE))

    def open(self, code: str) -> None:
        """Find the slot of a typed code in either copy of the header; the newer copy counts. Slow.

        WrongRecoveryCode when none opens, VaultDamaged when there is no header to try it on.
        """
        code = read_code(code)
        copies = self._file.unchecked()
        if not copies:
            raise VaultDamaged("no readable header copy")
        stretched: dict[tuple[bytes, int, int], bytes] = {}
        for header in copies:
            cost = (header.salt, header.parameters.memory_kib, header.parameters.passes)
            if cost not in stretched:
                stretched[cost] = stretch(code, header.salt, header.parameters)
            kek = key_encryption_key(stretched[cost], NO_DEVICE_SECRET, header.header_id)
            found = open_slots(kek, header.slots, header.fixed)
            if found is not None:
                self._opened = (header, found[1])
                return
        raise WrongRecoveryCode("no slot")

    def finish(self, passphrase: str, now: int) -> Vault:
        """Let `passphrase` open the vault, and nothing else, and return it unlocked. Slow.

        ValueError before `open` or for an empty passphrase. KeystoreUnavailable or StorageFailed: what opened before
        still opens. The files are released on any error.
        """
        if self._opened is None or not passphrase:
            raise ValueError("nothing was opened, or the passphrase is empty")
        old, content = self._opened
        try:
            header = new_header(old.parameters)
            stretched = stretch(passphrase, header.salt, header.parameters)
            secret = self._next_secret()
            kek = key_encryption_key(stretched, secret, header.header_id)
            index = secrets.randbelow(COUNT)
            content = replace(content, created=now % 2**32)
            header = header.with_slot(index, seal_slot(kek, index, content, header.fixed))
            self._file.supersede(header, secret, old)
            keys.remember(self._keystore, keys.INSTALL_ID, header.header_id)
            # The mirrors of the old header would delay, or look like a rollback.
            keys.remember(self._keystore, keys.HEADER_SEQ, bytes(8))
            keys.remember(self._keystore, keys.ATTEMPTS, header.attempts.pack())
            attempt = UnlockAttempt(
                self._directory, self._keystore, self._store, HeaderGuard(self._directory, self._keystore)
            )
        except BaseException:
            self.abandon()
            raise
        return attempt.finish(stretched, now)

    def abandon(self) -> None:
        """Give up and release the files; nothing has changed. Idempotent."""
        self._opened = None
        self._store.close()

    def _next_secret(self) -> bytes:
        """Have the keystore hold a fresh device secret beside the old one; zeros where there is no keystore."""
        keys.remember(self._keystore, keys.NEXT_DEVICE_KEY, random_bytes(KEY_SIZE))
        held = keys.recall(self._keystore, keys.NEXT_DEVICE_KEY, KEY_SIZE)
        return keys.recall_key(self._keystore, keys.DEVICE_KEY) if held is None else held
