"""Open an existing vault in steps, so that the slow one can run in any thread.

    attempt = UnlockAttempt.begin(directory, keystore, now)   # counts the attempt, durably
    stretched = attempt.stretch(passphrase)                   # Argon2id: slow, thread-safe
    attempt.prepare()                                         # meanwhile: all that needs no passphrase
    vault = attempt.finish(stretched, now)                    # or WrongPassphrase
    vault.settle()                                            # behind the answer: what the key store is owed

`UnlockAttempt.search` begins one where nobody may see whether a word is tried (the notes in front of the lock): a word
that cannot be a passphrase, or comes too early, is not `counted`, costs the same work, and `decline` ends it.

Whatever the passphrase is - the first, the second, the wipe passphrase or a wrong one - an attempt costs one Argon2id,
eight commitments, one decryption of a slot and one for every cell of a partition (`even`), the same reads and writes of
the files, and until the answer the same calls of the key store in the same order (docs/adr/0051). A wrong one changes
nothing but the attempt record. The wipe passphrase exchanges the header in place of counting its success: from then on
nothing of the first notebook opens, and `forced.finish_wipe` overwrites it after the second one is shown. Where the
centre wishes it, so does one wrong passphrase too many, with a fresh notebook in place of the second one.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fieldapp.vault import even
from fieldapp.vault import keystore as keys
from fieldapp.vault.cells import CELL_SIZE, BoxCipher
from fieldapp.vault.errors import (
    KeystoreUnavailable,
    NoVault,
    OutboxUnavailable,
    StorageFailed,
    UnsupportedVault,
    VaultBusy,
    VaultDamaged,
    VaultError,
    WrongPassphrase,
)
from fieldapp.vault.generation import BLOB_SIZE, GenerationMirror
from fieldapp.vault.guard import HEADER_FILE, HeaderGuard
from fieldapp.vault.kdf import stretch
from fieldapp.vault.keystore import Keystore, Opening
from fieldapp.vault.outbox_file import BOX_FILE, load_box
from fieldapp.vault.partition import Partition, first_root, tags_of
from fieldapp.vault.pool import Pool
from fieldapp.vault.rotation import in_force
from fieldapp.vault.second import is_second, is_understood, new_second
from fieldapp.vault.slots import SlotContent, SlotKind, SlotState
from fieldapp.vault.store import BLOCK, CellStore
from fieldapp.vault.vault import OpenFiles, Rollback, Vault
from sync.primitives import KEY_SIZE, random_bytes, same

CELLS_FILE: Final = "v.db"
_FEW: Final = 16
"""Cells written at a time where the disk has no room for the journal of a whole partition: 64 KB."""


@dataclass(slots=True)
class _Ahead:
    """What was read before anybody knew whether the passphrase opens something."""

    blobs: dict[int, bytes | None] = field(default_factory=dict, repr=False)
    """All cells of v.db; none where they cannot be read, or are too many to hold for nothing (a desk)."""
    box_key: bytes = field(default=b"", repr=False)
    box: Pool | None = None
    """v.box under `box_key`, if any of it opens."""
    attached: bool = False
    busy: VaultBusy | None = None


class UnlockAttempt:
    """One attempt to unlock. It holds the lock on v.db until `finish` or `abandon`."""

    def __init__(self, directory: Path, keystore: Opening, store: CellStore, guard: HeaderGuard) -> None:
        """Use `UnlockAttempt.begin`."""
        self._ahead: _Ahead | None = None
        self._directory = directory
        self._keystore = keystore
        self._store = store
        self._guard = guard
        self.counted = True
        """Whether it may open something: then `finish` ends it, else `decline`."""

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
    def search(cls, directory: Path, keystore: Keystore, now: int, counts: bool) -> "UnlockAttempt":
        """Begin an attempt that `counts` if it is not too early, else what cannot open anything, with the same work.

        NoVault, VaultBusy, KeystoreUnavailable, VaultDamaged, StorageFailed.
        """
        attempt = cls._opened(directory, keystore)
        try:
            attempt.counted = counts and attempt._guard.may_begin(now)
            if attempt.counted:
                attempt._guard.begin_attempt(now)
            else:
                attempt._guard.keep_attempts(now)
        except BaseException:
            attempt.abandon()
            raise
        return attempt

    def decline(self, stretched: bytes) -> None:
        """End an attempt that is not counted: the work of a wrong passphrase. Whatever opens is not looked at."""
        try:
            self.prepare()
            _ = self._guard.find(stretched), self._guard.wipes_now
            self._same_work()
        finally:
            self.abandon()

    @classmethod
    def _opened(cls, directory: Path, keystore: Keystore) -> "UnlockAttempt":
        if not (directory / HEADER_FILE).exists():
            unfinished = (directory / f"{HEADER_FILE}.new").exists()
            if (directory / CELLS_FILE).exists() and not unfinished:
                raise VaultDamaged("header is missing")
            raise NoVault("no header")
        store, opening = CellStore(directory / CELLS_FILE), Opening(keystore)
        try:
            return cls(directory, opening, store, HeaderGuard(directory, opening))
        except BaseException:
            store.close()
            raise

    def stretch(self, passphrase: str) -> bytes:
        """Run Argon2id at the header's cost: 32 bytes. Touches no file and no state: safe in any thread."""
        header = self._guard.header
        return stretch(passphrase, header.salt, header.parameters)

    def prepare(self) -> None:
        """Read what every passphrase needs, as if none of it could be known: files and key store. Idempotent.

        On the thread that has the files, while another one stretches; `finish` does it if nobody has. What goes wrong
        here comes out there, in its place.
        """
        if self._ahead is not None:
            return
        ahead = self._ahead = _Ahead()
        self._guard.prepare()
        for name in keys.GENERATION:
            with suppress(KeystoreUnavailable):
                keys.recall(self._keystore, name, BLOB_SIZE)
        with suppress(VaultDamaged):
            if self._store.count() <= 2 * BLOCK:
                ahead.blobs = self._store.read()
        try:
            self._store.attach(self._directory / BOX_FILE)
            ahead.attached = True
        except VaultBusy as busy:
            ahead.busy = busy.with_traceback(None)
        except OutboxUnavailable:
            pass
        known = self._known_outbox_key()
        if ahead.attached and known is not None:
            with suppress(VaultDamaged):
                box = load_box(self._store, known, "box")
                if box.places or box.free:  # else another key than the key store's counts, if any
                    ahead.box_key, ahead.box = known, box

    def finished(self, stretched: bytes, now: int) -> Vault:
        """Open the vault and settle what that leaves to be written: for whoever shows nothing in between."""
        vault = self.finish(stretched, now)
        vault.settle()
        return vault

    def finish(self, stretched: bytes, now: int, *, erases: bool = True) -> Vault:
        """Open the vault; WrongPassphrase, VaultBusy, VaultDamaged or UnsupportedVault end the attempt.

        `Vault.settle` is to follow, behind whatever is shown. Without `erases` a wrong one is counted and never one too
        many: it need not have been meant as a passphrase.
        """
        try:
            self.prepare()
            # Both are asked whatever was typed.
            found, too_many = self._guard.find(stretched), self._guard.wipes_now and erases
            if found is None and not too_many:
                self._same_work()
                raise WrongPassphrase("no slot")
            # Nobody knows the keys of any notebook after one guess too many: it opens a fresh and empty one.
            index, content = found or (0, new_second(secrets.randbelow(2), now))
            if found is None or content.kind is SlotKind.WIPE_THEN_OPEN:
                content = replace(content, kind=SlotKind.OPEN, state=SlotState.WIPING)
                index = self._guard.replace(content, stretched, now)
                return self._load(index, content, stretched, now)
            try:
                vault = self._load(index, content, stretched, now)
            except VaultError:
                with suppress(VaultError):  # it was the right one: damaged files must not look like guesses
                    self._guard.end_attempt(now)
                raise
            self._guard.end_attempt(now)
        except BaseException:
            self.abandon()
            raise
        return vault

    def _same_work(self) -> None:
        """Read, open and write for a wrong passphrase what a right one costs, and keep nothing of it."""
        part = secrets.randbelow(2)
        with suppress(VaultDamaged):
            even.open_nothing(self._blobs(part), part)
        self._box(self._known_outbox_key())
        self._guard.fail_attempt()

    def abandon(self) -> None:
        """Give up and release the files; the attempt stays counted. Idempotent."""
        self._ahead = None
        self._guard.settle()
        self._store.close()

    def _blobs(self, part: int) -> dict[int, bytes | None]:
        """Return the cells of a partition; VaultDamaged when not one can be read."""
        found = {n: blob for n, blob in self._now().blobs.items() if n % 2 == part}
        return found if any(found.values()) else self._store.read(part=part)

    def _now(self) -> _Ahead:
        """What was prepared; ValueError before."""
        if self._ahead is None:
            raise ValueError("not prepared")
        return self._ahead

    def _load(self, index: int, content: SlotContent, stretched: bytes, now: int) -> Vault:
        rekeying, second = content.state is SlotState.REKEYING, is_second(content)
        if content.kind is not SlotKind.OPEN or (rekeying and second):
            raise UnsupportedVault("kind or state of the slot")
        blobs = self._blobs(content.part)
        content = in_force(content, blobs)
        if rekeying and content.state is SlotState.NORMAL:
            self._guard.rewrap(index, content, stretched)
        partition = self._load_partition(content, blobs, now)
        even.fill_up(partition)
        mirror = GenerationMirror(self._keystore, content.vmk, content.vault_id, content.part)
        remembered = mirror.read()
        root = partition.root
        older = root is not None and (
            self._guard.rolled_back and root.generation > 1
            if remembered is None
            else root.generation < remembered
        )
        own = partition.pool.places.get(content.vault_id)
        told = second and is_understood(own.record if own else None, self._guard.behind)
        if root is None or second:
            box = self._box(self._known_outbox_key())
        else:
            self._restore_outbox_key(root.outbox_key)
            box = self._box(root.outbox_key)
        if second:
            # Read like the first one's, and given back at once: the sender of a locked device goes on with it.
            self._store.detach()
            box = Pool(BoxCipher(random_bytes(KEY_SIZE)))
        return Vault(
            OpenFiles(
                self._store,
                self._guard,
                content,
                partition,
                box,
                mirror,
                Rollback(self._guard.rolled_back and not told, older),
                index,
                stretched,
            )
        )

    def _load_partition(self, content: SlotContent, blobs: Mapping[int, bytes | None], now: int) -> Partition:
        """Open the partition. After an erasure on a full disk, or by guesses, its first cell is still to be written."""
        partition = Partition.load(content, blobs, now)
        if partition.root is None and content.state is SlotState.WIPING and not partition.pool.records:
            return self._begun(content, blobs, now) or partition
        return partition

    def _begun(self, content: SlotContent, blobs: Mapping[int, bytes | None], now: int) -> Partition | None:
        """Write the first cell, over cells that may be somebody's records.

        All at once; where the disk has no room for that, some cells at a time and the first one last, so that a cut
        begins anew; and where it has no room for these, the first cell alone.
        """
        part, noise = content.part, {n: random_bytes(CELL_SIZE) for n in blobs}
        root = self._root_over(content, noise, now)
        others = [(n, cell) for n, cell in noise.items() if n != part]
        few = [others[at : at + _FEW] for at in range(0, len(others), _FEW)]
        for batches in ([[*others, (part, root)]], [*few, [(part, root)]]):
            with suppress(StorageFailed):
                for batch in batches:
                    self._store.write(batch)
                return Partition.load(content, {**noise, part: root}, now)
        left = self._store.read(part=part)
        root = self._root_over(content, left, now)
        with suppress(StorageFailed):
            self._store.write([(part, root)])
            return Partition.load(content, {**left, part: root}, now)
        return None

    def _root_over(self, content: SlotContent, cells: Mapping[int, bytes | None], now: int) -> bytes:
        return first_root(content, tags_of(cells, content.part), random_bytes(KEY_SIZE), now)

    def _known_outbox_key(self) -> bytes | None:
        """Return the outbox key as the keystore knows it, None when it does not."""
        with suppress(KeystoreUnavailable):
            return keys.recall(self._keystore, keys.OUTBOX_KEY, KEY_SIZE)
        return None

    def _box(self, outbox_key: bytes | None) -> Pool | None:
        """Return v.box; None when it does not open, because the records must be usable without it. VaultBusy.

        Where the keystore's key opens nothing of it every passphrase tries once more: with the notebook's, or in vain.
        """
        ahead = self._now()
        if ahead.busy is not None:
            raise ahead.busy
        if ahead.box is not None and (outbox_key is None or same(outbox_key, ahead.box_key)):
            return ahead.box
        if not ahead.attached:
            return None
        with suppress(VaultDamaged):
            return load_box(self._store, outbox_key or random_bytes(KEY_SIZE), "box")
        return None

    def _restore_outbox_key(self, outbox_key: bytes) -> None:
        """Give a keystore that lost bk, or keeps something else in its place, the key that the locked sender needs."""
        held = self._known_outbox_key()
        if held is None or not same(held, outbox_key):
            self._keystore.later(keys.OUTBOX_KEY, outbox_key)


def unlock(directory: Path, passphrase: str, keystore: Keystore, *, now: int) -> Vault:
    """Open a vault in one call (see UnlockAttempt for the errors). Slow: never on the event loop."""
    attempt = UnlockAttempt.begin(directory, keystore, now)
    try:
        stretched = attempt.stretch(passphrase)
    except BaseException:
        attempt.abandon()
        raise
    return attempt.finished(stretched, now)
