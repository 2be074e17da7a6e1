"""The unlocked vault: every record in memory, every change one durable transaction.

    with vault.transaction(now) as tx:
        tx.put(record_id, kind, payload)           # a new version, over its own cells
        tx.enqueue(entry)                          # the sealed envelope, into v.box
        tx.set_chain(ChainState(seq + 1, digest))  # the same seq can never be handed out twice

Everything in the block is committed together, over both files, or not at all: on any error nothing has changed, in
memory or on the disk. Not for several threads at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from fieldapp.vault.cells import Record
from fieldapp.vault.errors import (
    OutboxUnavailable,
    PassphraseTaken,
    StorageFailed,
    VaultFull,
    VaultLocked,
    VaultReadOnly,
    WrongPassphrase,
)
from fieldapp.vault.generation import GenerationMirror
from fieldapp.vault.guard import HeaderGuard
from fieldapp.vault.kdf import stretch
from fieldapp.vault.outbox_file import OutboxEntry, StagedEntries, entries_of
from fieldapp.vault.partition import NextRoot, Partition
from fieldapp.vault.pool import DamagedCells, Pool, Staged
from fieldapp.vault.root import ChainState, Root
from fieldapp.vault.second import UNDERSTOOD_KIND, is_second, understood
from fieldapp.vault.sheet import is_code, read_code
from fieldapp.vault.slots import SlotContent, SlotKind, SlotState
from fieldapp.vault.store import Blobs, CellStore
from sync.primitives import same


@dataclass(frozen=True, slots=True)
class Rollback:
    """Which files are older than the keystore remembers. An older v.db makes the vault read-only."""

    header: bool
    records: bool

    def __bool__(self) -> bool:
        return self.header or self.records


@dataclass(slots=True)
class OpenFiles:
    """What an unlocked vault holds open; dropped as a whole by `lock`."""

    store: CellStore
    guard: HeaderGuard
    content: SlotContent = field(repr=False)
    partition: Partition
    box: Pool | None
    mirror: GenerationMirror
    rollback: Rollback
    index: int
    """The slot of the passphrase that opened this notebook."""
    stretched: bytes = field(repr=False)
    """What Argon2id made of that passphrase: an erasure in need asks for nothing."""


class Transaction:
    """Changes that are prepared in memory and committed together at the end of the block."""

    def __init__(self, partition: Partition, root: Root, box: Pool | None) -> None:
        """Use `Vault.transaction`."""
        self.records = Staged(partition.pool, VaultFull)
        self.entries: StagedEntries | None = None
        self._box = box
        self.chain = root.chain
        self.beside: list[tuple[int, bytes]] = []
        """Cells of the other partition that are written with it."""

    def put(self, record_id: bytes, kind: int, payload: bytes, *, flags: int = 0) -> Record:
        """Write a new version of a record: id 16 bytes, kind 1 to 255, up to 79,440 bytes.

        VaultFull when there is no room, RecordTooLarge when it does not fit in 20 cells.
        """
        return self.records.put(record_id, kind, flags, payload)

    def erase(self, record_id: bytes) -> None:
        """Overwrite a record; UnknownRecord when there is none."""
        self.records.erase(record_id)

    def set_chain(self, chain: ChainState) -> None:
        """Move the chain forward, or start a new one for a new identity (`ChainState()`); ValueError otherwise."""
        if chain.next_seq <= self.chain.next_seq and chain not in (self.chain, ChainState()):
            raise ValueError("a chain only grows")
        self.chain = chain

    def enqueue(self, entry: OutboxEntry) -> None:
        """Add an entry to the sealed outbox; OutboxFull, or OutboxUnavailable when v.box does not open."""
        self._entries().add(entry)

    def update_entry(self, entry: OutboxEntry) -> None:
        """Replace the entry with the same id; UnknownRecord when there is none."""
        self._entries().update(entry)

    def remove_entry(self, entry_id: bytes) -> None:
        """Overwrite an entry; UnknownRecord when there is none."""
        self._entries().remove(entry_id)

    def _entries(self) -> StagedEntries:
        if self._box is None:
            raise OutboxUnavailable("v.box does not open")
        if self.entries is None:
            self.entries = StagedEntries(self._box)
        return self.entries


class Vault:
    """An unlocked vault. Made by `create` and `unlock`; every use after `lock()` raises VaultLocked."""

    def __init__(self, files: OpenFiles) -> None:
        """Use `fieldapp.vault.create` or `fieldapp.vault.unlock`."""
        self._files: OpenFiles | None = files
        self._in_transaction = False
        mirror(files)

    def records(self, kind: int | None = None) -> list[Record]:
        """Return all records, or those of one kind, in no particular order."""
        files = self._open()
        own = files.content.vault_id  # the vault's own record: what the first notebook knows of the second
        found = (record for record in files.partition.pool.records if kind in (None, record.kind))
        return [record for record in found if record.record_id != own]

    def get(self, record_id: bytes) -> Record | None:
        """Return a record, or None when there is none."""
        place = self._open().partition.pool.places.get(record_id)
        return None if place is None else place.record

    def outbox(self) -> list[OutboxEntry]:
        """Return the entries of the sealed outbox in the order of their seq; OutboxUnavailable if v.box does not open."""
        return entries_of(self._box())

    @property
    def damaged(self) -> list[DamagedCells]:
        """Cells of records that do not open; to be shown to the user, never reused."""
        return list(self._open().partition.pool.damaged)

    @property
    def outbox_damaged(self) -> list[DamagedCells]:
        """Cells of the outbox that do not open; OutboxUnavailable when the whole file does not."""
        return list(self._box().damaged)

    @property
    def chain(self) -> ChainState:
        """The end of this device's chain of envelopes; VaultReadOnly when the root cell is lost."""
        return self._root().chain

    @property
    def generation(self) -> int:
        """How many transactions this vault has seen; VaultReadOnly when the root cell is lost."""
        return self._root().generation

    @property
    def altered(self) -> int:
        """Unix seconds at which the cells first did not match the root cell (damage or manipulation); 0 for never."""
        return self._root().altered

    @property
    def outbox_key(self) -> bytes:
        """The key of the sealed outbox, for a sender that goes on while the vault is locked."""
        return self._root().outbox_key

    @property
    def rollback(self) -> Rollback:
        """Whether a file is older than the keystore remembers."""
        return self._open().rollback

    def acknowledge_rollback(self, now: int) -> None:
        """Somebody was told that the header was put back: it goes on. VaultReadOnly for records; StorageFailed.

        In a second notebook that ends it there only: whoever is behind the first one must be told as well, and tell the
        centre. Where it cannot be written down, for want of room or of a root cell, it is told again at the next unlock.
        """
        files = self._open()
        if files.rollback.records:
            raise VaultReadOnly("older than the keystore remembers")
        if is_second(files.content):
            with suppress(VaultFull, VaultReadOnly), self.transaction(now) as tx:
                tx.put(files.content.vault_id, UNDERSTOOD_KIND, understood(files.guard.behind))
        else:
            files.guard.acknowledge()
        files.rollback = Rollback(header=False, records=False)

    def set_wipe_after(self, attempts: int) -> None:
        """Erase this vault at so many wrong passphrases, 0: never. Needs a keystore; a second notebook sets nothing."""
        files = self._open()
        if not is_second(files.content):
            files.guard.set_wipe_after(attempts)

    @property
    def read_only(self) -> bool:
        """Whether transactions are refused: v.db was rolled back, or its root cell is lost."""
        files = self._open()
        return files.rollback.records or files.partition.root is None

    @property
    def room(self) -> int:
        """Number of free cells for records; each holds 3,972 bytes."""
        return len(self._open().partition.pool.free)

    @property
    def outbox_room(self) -> int:
        """Number of free cells of the outbox."""
        return len(self._box().free)

    @property
    def is_second(self) -> bool:
        """Whether this is the second notebook: it has no outbox, and nobody must enrol it or send from it."""
        return is_second(self._open().content)

    @property
    def is_bound(self) -> bool:
        """Whether a secret in the key store of this device is needed to open it, beside the passphrase."""
        return not self._open().guard.is_unguarded

    @property
    def is_locked(self) -> bool:
        """Whether `lock` was called."""
        return self._files is None

    @contextmanager
    def transaction(self, now: int, *, anew: bool = False) -> Iterator[Transaction]:
        """Prepare changes and commit them together at the end of the block; `now` is Unix seconds.

        `anew` is for a device that enrols anew: what is written ends a rollback. The generation then continues above the
        one that the keystore remembers, so the alarm does not come back. StorageFailed when the disk refuses,
        VaultReadOnly, VaultFull, OutboxFull: nothing has changed then.
        """
        files, root = self._open(), self._root()
        if files.rollback.records:
            if not anew:
                raise VaultReadOnly("older than the keystore remembers")
            root = replace(root, generation=max(root.generation, files.mirror.read() or 0))
        if self._in_transaction:
            raise RuntimeError("transactions do not nest")
        self._in_transaction = True
        try:
            transaction = Transaction(files.partition, root, files.box)
            yield transaction
            self._open()
            self._commit(files, root, transaction, now)
        finally:
            self._in_transaction = False

    def change_passphrase(self, old: str, new: str, now: int) -> None:
        """Let `new` open this vault instead of `old`; the same VMK is wrapped again. Runs Argon2id twice: slow.

        WrongPassphrase when `old` does not open this partition (counted like every attempt), UnlockDelayed after too
        many, StorageFailed when the disk refuses: then one of the two opens. PassphraseTaken in the first notebook when
        `new` opens something else. The second one does not look: it would answer a guess at the first passphrase.
        """
        files = self._open()
        guard = files.guard
        index, content, _ = self.prove(old, now)
        stretched = self.stretch(new)
        found = guard.find(stretched)
        if found is not None and found[0] != index and not self.is_second:
            guard.end_attempt(now)
            raise PassphraseTaken("another word")
        guard.rewrap(index, content, stretched)
        files.index, files.stretched = index, stretched
        guard.end_attempt(now)

    def set_recovery(self, passphrase: str, code: str, now: int) -> None:
        """Let a code on paper (see `new_code`) open this vault as well; an older sheet of this passphrase no longer does.

        The passphrase is asked for, so that nobody makes a sheet on an unlocked phone. Runs Argon2id twice: slow.
        WrongPassphrase (counted like every attempt), UnlockDelayed, WrongRecoveryCode when `code` is none, StorageFailed.
        """
        guard = self._open().guard
        stretched = self.stretch(read_code(code))
        index, content, _ = self.prove(passphrase, now)
        guard.set_sheet(index, content, stretched)
        guard.end_attempt(now)

    def prove(self, passphrase: str, now: int) -> tuple[int, SlotContent, bytes]:
        """Count an attempt and return the slot of this notebook's passphrase: place, content, stretched passphrase.

        Slow; the caller ends the attempt. WrongPassphrase when it does not open this notebook, also when it opens the
        other one; UnlockDelayed. Without a key store the code of a sheet opens too, and is refused here: places are
        counted from the passphrase's slot.
        """
        files = self._open()
        files.guard.settle()
        files.guard.begin_attempt(now)
        stretched = self.stretch(passphrase)
        index, content = files.guard.open(stretched)
        if content.state is SlotState.REKEYING and same(content.vmk_next, files.content.vmk):
            content = files.content  # another slot has brought the rotation to its end
        if not same(content.vmk, files.content.vmk):
            raise WrongPassphrase("does not open this notebook")
        if content.kind is not SlotKind.OPEN:
            raise WrongPassphrase("wipes")
        if files.guard.is_unguarded and is_code(passphrase):
            raise WrongPassphrase("a code of a sheet")
        return index, content, stretched

    def stretch(self, passphrase: str) -> bytes:
        """Run Argon2id at this vault's cost: 32 bytes. Slow."""
        header = self._open().guard.header
        return stretch(passphrase, header.salt, header.parameters)

    @property
    def opened(self) -> OpenFiles:
        """What is open, for the operations on both notebooks (`forced`); VaultLocked."""
        return self._open()

    def settle(self) -> None:
        """Write what unlocking has left for the key store, behind what is shown; idempotent, nothing once locked."""
        if self._files is not None:
            self._files.guard.settle()

    def lock(self) -> None:
        """Drop the keys and records and close the files; idempotent."""
        files, self._files = self._files, None
        if files is None:
            return
        try:
            mirror(files)
            files.guard.settle()
        finally:
            files.store.close()

    def _commit(self, files: OpenFiles, root: Root, transaction: Transaction, now: int) -> None:
        records, entries = transaction.records, transaction.entries
        box_blobs = [] if entries is None else entries.cells.seal()
        if records.is_empty() and not box_blobs and transaction.chain == root.chain:
            return
        blobs = records.seal()
        following = files.partition.next_root(root, records, blobs, transaction.chain, now)
        self._write(files, following, [*blobs, *transaction.beside], box_blobs)
        records.apply()
        if entries is not None:
            entries.cells.apply()
        ends_rollback = files.rollback.records
        if box_blobs or ends_rollback:
            files.rollback = replace(files.rollback, records=False)
            mirror(files)
            files.guard.settle()  # at once, also right behind an unlock
        if ends_rollback and not is_second(files.content):
            with suppress(StorageFailed):  # the records are written: the header is told of once more
                self.acknowledge_rollback(now)

    def _write(self, files: OpenFiles, following: NextRoot, blobs: Blobs, box_blobs: Blobs) -> None:
        """Write cells with their root cell; the memory follows only what is known to be on the disk."""
        part = files.content.part
        try:
            files.store.write([(part, following.blob), *blobs], box_blobs)
        except StorageFailed:
            on_disk = files.store.read_one(part)
            if on_disk is None:
                self.lock()
            # A fault may be reported after the commit was durable: then the new root cell is there.
            if on_disk != following.blob:
                raise
        files.partition.apply(following)

    def _open(self) -> OpenFiles:
        if self._files is None:
            raise VaultLocked("locked")
        return self._files

    def _root(self) -> Root:
        root = self._open().partition.root
        if root is None:
            raise VaultReadOnly("root cell is lost")
        return root

    def _box(self) -> Pool:
        box = self._open().box
        if box is None:
            raise OutboxUnavailable("v.box does not open")
        return box


def mirror(files: OpenFiles) -> None:
    """Renew the generation in the keystore, unless that would hide a rollback."""
    root = files.partition.root
    if root is not None and not files.rollback.records:
        files.mirror.write(root.generation)
