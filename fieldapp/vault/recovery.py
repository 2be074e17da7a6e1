"""Open a vault with the recovery sheet, when the passphrase is forgotten or the keystore lost what it kept.

    recovery = Recovery.begin(directory, keystore)
    recovery.open(code)                          # Argon2id: slow; WrongRecoveryCode
    vault = recovery.finish(new_passphrase, now) # slow; a new header, in which only this passphrase opens

The header's MAC cannot be checked without the device secret: what makes the header's fields good is that the slot
opens, since they are all bound into it. `finish` writes a header of its own under a fresh device secret. The keystore
holds that one as `ds2` before the first copy is written: whatever instant the power fails at, the next start finds either
the old header under `ds` or a new copy under `ds2`. No other slot is taken over, so every other word is set again.
A keystore that fails behind the new header does not get another chance to keep the vault closed: it is left out.

The sheet of a second notebook must not do that: it would take the keys of the first one away. It exchanges its own two
slots and nothing else, and so it needs a keystore that still has the device secret.
"""

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from fieldapp.vault import keystore as keys
from fieldapp.vault.errors import KeystoreUnavailable, NoVault, VaultDamaged, WrongRecoveryCode
from fieldapp.vault.guard import HEADER_FILE, HeaderGuard
from fieldapp.vault.header import Header, HeaderFile, new_header
from fieldapp.vault.kdf import key_encryption_key, stretch
from fieldapp.vault.keystore import Keystore, Opening
from fieldapp.vault.second import is_second
from fieldapp.vault.sheet import NO_DEVICE_SECRET, place_of, read_code
from fieldapp.vault.slots import COUNT, SlotContent, open_slots, seal_slot, unused_slot
from fieldapp.vault.store import CellStore
from fieldapp.vault.unlocking import CELLS_FILE, UnlockAttempt
from fieldapp.vault.vault import Vault
from sync.primitives import same


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a code has opened: in which header, which slot is the sheet's, and the sheet's key."""

    header: Header
    sheet: int
    content: SlotContent = field(repr=False)
    kek: bytes = field(repr=False)


class Recovery:
    """One recovery. It holds the lock on v.db until `finish` or `abandon`."""

    def __init__(self, directory: Path, keystore: Keystore, store: CellStore) -> None:
        """Use `Recovery.begin`."""
        self._directory = directory
        self._keystore = keystore
        self._store = store
        self._file = HeaderFile(directory / HEADER_FILE)
        self._opened: _Opened | None = None

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
                self._opened = _Opened(header, found[0], found[1], kek)
                return
        raise WrongRecoveryCode("no slot")

    def finish(self, passphrase: str, now: int) -> Vault:
        """Let `passphrase` open the vault, and nothing else, and return it unlocked. Slow.

        ValueError before `open` or for an empty passphrase. KeystoreUnavailable: what opened before still opens, and so
        does the sheet. A keystore that fails after that is left out: then the passphrase alone protects the vault.
        StorageFailed: the old or the new header is in force. The files are released on any error.
        """
        if self._opened is None or not passphrase:
            raise ValueError("nothing was opened, or the passphrase is empty")
        if is_second(self._opened.content):
            return self._finish_second(self._opened, passphrase, now)
        old, content = self._opened.header, replace(self._opened.content, created=now % 2**32)
        try:
            blank = new_header(old.parameters)
            # Before the slow part: a phone's key store confirms an entry some 100 ms before its own disk has it.
            secret = keys.next_device_key(self._keystore)
            stretched = stretch(passphrase, blank.salt, blank.parameters)
            written = self._file.supersede(_with_door(blank, stretched, secret, content), secret, old)
            keystore = Opening(self._keystore)
            try:
                self._confirm(written, secret)
                guard = HeaderGuard(self._directory, keystore)
            except (KeystoreUnavailable, VaultDamaged):
                # No sheet opens what was written: it must not depend on a keystore that fails. Its id stays that one's.
                blank = replace(new_header(old.parameters), salt=blank.salt)
                without = _with_door(blank, stretched, NO_DEVICE_SECRET, content)
                self._file.supersede(without, NO_DEVICE_SECRET, written)
                keystore = Opening(self._keystore)
                guard = HeaderGuard(self._directory, keystore)
            attempt = UnlockAttempt(self._directory, keystore, self._store, guard)
        except BaseException:
            self.abandon()
            raise
        return attempt.finished(stretched, now)

    def _confirm(self, header: Header, secret: bytes) -> None:
        """Have the keystore keep what belongs to a header that is written, and give back its secret as `ds`."""
        keys.remember(self._keystore, keys.INSTALL_ID, header.header_id)
        # The mirrors of the old header would delay, or look like a rollback.
        keys.remember(self._keystore, keys.HEADER_SEQ, bytes(8))
        keys.remember(self._keystore, keys.ATTEMPTS, header.attempts.pack())
        keys.remember(self._keystore, keys.DEVICE_KEY, secret)
        if not same(keys.recall_key(self._keystore, keys.DEVICE_KEY), secret):
            raise KeystoreUnavailable("keystore entry ds is not kept")

    def _finish_second(self, opened: "_Opened", passphrase: str, now: int) -> Vault:
        keystore = Opening(self._keystore)
        try:
            guard = HeaderGuard(self._directory, keystore)
            header = guard.header
            if open_slots(opened.kek, header.slots, header.fixed) is None:
                raise WrongRecoveryCode("only in an older header")
            stretched = stretch(passphrase, header.salt, header.parameters)
            index = place_of(opened.sheet)
            guard.set_slots(
                {index: guard.seal(index, opened.content, stretched), opened.sheet: unused_slot()}
            )
            attempt = UnlockAttempt(self._directory, keystore, self._store, guard)
        except BaseException:
            self.abandon()
            raise
        return attempt.finished(stretched, now)

    def abandon(self) -> None:
        """Give up and release the files; nothing has changed. Idempotent."""
        self._opened = None
        self._store.close()


def _with_door(header: Header, stretched: bytes, secret: bytes, content: SlotContent) -> Header:
    """Return a new header with one slot in use, which a stretched passphrase opens."""
    kek = key_encryption_key(stretched, secret, header.header_id)
    index = secrets.randbelow(COUNT)
    return header.with_slot(index, seal_slot(kek, index, content, header.fixed))
