"""Open an existing vault in three steps, so that the slow one can run in any thread.

    attempt = UnlockAttempt.begin(directory, keystore, now)   # counts the attempt, durably
    stretched = attempt.stretch(passphrase)                   # Argon2id: slow, thread-safe
    vault = attempt.finish(stretched, now)                    # or WrongPassphrase

Whatever the passphrase is, an attempt costs one Argon2id, eight commitments and one decryption, and a wrong one
changes nothing but the attempt record.
"""

from pathlib import Path
from typing import Final

from fieldapp.vault import keystore as keys
from fieldapp.vault.errors import (
    KeystoreUnavailable,
    NoVault,
    OutboxUnavailable,
    UnsupportedVault,
    VaultDamaged,
)
from fieldapp.vault.generation import GenerationMirror
from fieldapp.vault.guard import HEADER_FILE, HeaderGuard
from fieldapp.vault.kdf import stretch
from fieldapp.vault.keystore import Keystore
from fieldapp.vault.outbox_file import BOX_FILE, load_box
from fieldapp.vault.partition import Partition
from fieldapp.vault.pool import Pool
from fieldapp.vault.slots import SlotContent, SlotKind, SlotState
from fieldapp.vault.store import CellStore
from fieldapp.vault.vault import OpenFiles, Rollback, Vault

CELLS_FILE: Final = "v.db"


class UnlockAttempt:
    """One attempt to unlock. It holds the lock on v.db until `finish` or `abandon`."""

    def __init__(self, directory: Path, keystore: Keystore, store: CellStore, guard: HeaderGuard) -> None:
        """Use `UnlockAttempt.begin`."""
        self._directory = directory
        self._keystore = keystore
        self._store = store
        self._guard = guard

    @classmethod
    def begin(cls, directory: Path, keystore: Keystore, now: int) -> "UnlockAttempt":
        """Count the attempt durably; `now` is Unix seconds.

        NoVault, VaultBusy, KeystoreUnavailable, VaultDamaged, UnlockDelayed; nothing is counted then.
        """
        attempt = cls._opened(directory, keystore)
        try:
            attempt._guard.begin_attempt(now)
        except BaseException:
            attempt.abandon()
            raise
        return attempt

    @classmethod
    def _opened(cls, directory: Path, keystore: Keystore) -> "UnlockAttempt":
        if not (directory / HEADER_FILE).exists():
            unfinished = (directory / f"{HEADER_FILE}.new").exists()
            if (directory / CELLS_FILE).exists() and not unfinished:
                raise VaultDamaged("header is missing")
            raise NoVault("no header")
        store = CellStore(directory / CELLS_FILE)
        try:
            return cls(directory, keystore, store, HeaderGuard(directory, keystore))
        except BaseException:
            store.close()
            raise

    def stretch(self, passphrase: str) -> bytes:
        """Run Argon2id at the header's cost: 32 bytes. Touches no file and no state: safe in any thread."""
        header = self._guard.header
        return stretch(passphrase, header.salt, header.parameters)

    def finish(self, stretched: bytes, now: int) -> Vault:
        """Open the vault; WrongPassphrase, VaultBusy, VaultDamaged or UnsupportedVault end the attempt."""
        try:
            _, content = self._guard.open(stretched)
            vault = self._load(content, now)
            self._guard.end_attempt(now)
        except BaseException:
            self.abandon()
            raise
        return vault

    def abandon(self) -> None:
        """Give up and release the files; the attempt stays counted. Idempotent."""
        self._store.close()

    def _load(self, content: SlotContent, now: int) -> Vault:
        if (content.kind, content.state) != (SlotKind.OPEN, SlotState.NORMAL):
            raise UnsupportedVault("kind or state of the slot")
        partition = Partition.load(content, self._store.read(part=content.part), now)
        mirror = GenerationMirror(self._keystore, content.vmk, content.vault_id, content.part)
        remembered = mirror.read()
        root = partition.root
        older = root is not None and remembered is not None and root.generation < remembered
        if root is None:
            outbox_key = keys.recall(self._keystore, keys.OUTBOX_KEY, 32)
        else:
            outbox_key = root.outbox_key
            self._restore_outbox_key(outbox_key)
        return Vault(
            OpenFiles(
                self._store,
                self._guard,
                content,
                partition,
                self._load_box(outbox_key),
                mirror,
                Rollback(self._guard.rolled_back, older),
            )
        )

    def _load_box(self, outbox_key: bytes | None) -> Pool | None:
        """Open v.box; None when it does not open, because the records must be usable without it."""
        if outbox_key is None:
            return None
        try:
            self._store.attach(self._directory / BOX_FILE)
            return load_box(self._store, outbox_key, "box")
        except (OutboxUnavailable, VaultDamaged):
            return None

    def _restore_outbox_key(self, outbox_key: bytes) -> None:
        """Give a keystore that lost bk its key back, so that the locked sender works again."""
        try:
            lost = keys.recall(self._keystore, keys.OUTBOX_KEY, 32) is None
        except KeystoreUnavailable:
            return
        if lost:
            keys.remember_if_possible(self._keystore, keys.OUTBOX_KEY, outbox_key)


def unlock(directory: Path, passphrase: str, keystore: Keystore, *, now: int) -> Vault:
    """Open a vault in one call (see UnlockAttempt for the errors). Slow: never on the event loop."""
    attempt = UnlockAttempt.begin(directory, keystore, now)
    try:
        stretched = attempt.stretch(passphrase)
    except BaseException:
        attempt.abandon()
        raise
    return attempt.finish(stretched, now)
