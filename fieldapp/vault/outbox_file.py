"""The sealed outbox: envelopes that wait to be sent, readable with the outbox key alone.

The keystore gives `bk` without the passphrase, so what waits can be sent while the vault is locked. An entry is a
record of kind 1 in the cells of v.box, with the entry id as record id and this payload:

    record_id 16 | seq u64 | state u32 | envelope_hash 32 | meta length u32 | envelope length u32 | meta | envelope

`meta` (canonical JSON: drop token, box, relay address, pin ...) and `state` belong to the sender; the vault only keeps
them. Only an unlocked vault adds entries, in the transaction that seals the record.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

from fieldapp.vault.cells import MAX_RECORD_SIZE, BoxCipher, Record
from fieldapp.vault.errors import OutboxFull, RecordTooLarge, UnknownRecord, VaultDamaged, VaultLocked
from fieldapp.vault.pool import DamagedCells, Pool, Staged
from fieldapp.vault.store import CellStore

BOX_FILE: Final = "v.box"
BOX_CELLS: Final = 1024
_ENTRY_KIND: Final = 1
_FORMAT: Final = struct.Struct("<16sQI32sII")
MAX_ENTRY_SIZE: Final = MAX_RECORD_SIZE - _FORMAT.size
"""Longest meta plus envelope, bytes: 79,372, enough for the largest envelope (65,536)."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One envelope on its way. Ids are 16 bytes, the hash 32; state is a number of the sender's state machine."""

    entry_id: bytes
    record_id: bytes
    seq: int
    state: int
    envelope: bytes = field(repr=False)
    envelope_hash: bytes = field(repr=False)
    meta: bytes = field(repr=False)

    def pack(self) -> bytes:
        """Return the payload; RecordTooLarge beyond MAX_ENTRY_SIZE, ValueError for ids of another length."""
        if (len(self.entry_id), len(self.record_id), len(self.envelope_hash)) != (16, 16, 32):
            raise ValueError("length of an id or hash")
        if len(self.meta) + len(self.envelope) > MAX_ENTRY_SIZE:
            raise RecordTooLarge("outbox entry")
        sizes = len(self.meta), len(self.envelope)
        head = _FORMAT.pack(self.record_id, self.seq, self.state, self.envelope_hash, *sizes)
        return head + self.meta + self.envelope

    @classmethod
    def unpack(cls, record: Record) -> "OutboxEntry":
        """Read an entry back; VaultDamaged when the record is none."""
        data = record.payload
        if record.kind != _ENTRY_KIND or len(data) < _FORMAT.size:
            raise VaultDamaged("outbox entry")
        record_id, seq, state, envelope_hash, meta_size, envelope_size = _FORMAT.unpack_from(data)
        middle = _FORMAT.size + meta_size
        if len(data) != middle + envelope_size:
            raise VaultDamaged("outbox entry length")
        meta, envelope = data[_FORMAT.size : middle], data[middle:]
        return cls(record.record_id, record_id, seq, state, envelope, envelope_hash, meta)


class StagedEntries:
    """Changes to the outbox that are prepared in memory; the entries' view of a `Staged` pool."""

    def __init__(self, pool: Pool) -> None:
        self.cells = Staged(pool, OutboxFull)

    def add(self, entry: OutboxEntry) -> None:
        """Add an entry; OutboxFull when there is no room, ValueError when its id is there already."""
        if self.cells.get(entry.entry_id) is not None:
            raise ValueError("entry id is taken")
        self.cells.put(entry.entry_id, _ENTRY_KIND, 0, entry.pack())

    def update(self, entry: OutboxEntry) -> None:
        """Replace the entry with the same id; UnknownRecord when there is none."""
        if self.cells.get(entry.entry_id) is None:
            raise UnknownRecord("no such entry")
        self.cells.put(entry.entry_id, _ENTRY_KIND, 0, entry.pack())

    def remove(self, entry_id: bytes) -> None:
        """Overwrite an entry; UnknownRecord when there is none."""
        self.cells.erase(entry_id)


def load_box(store: CellStore, outbox_key: bytes, schema: str) -> Pool:
    """Open every cell of v.box; a cell or an entry that cannot be read is reported as damaged, the others work."""
    pool = Pool.load(BoxCipher(outbox_key), store.read(schema))
    for entry_id, place in list(pool.places.items()):
        try:
            OutboxEntry.unpack(place.record)
        except VaultDamaged:
            pool.damaged.append(DamagedCells(place.cells, entry_id))
            del pool.places[entry_id]
    return pool


def entries_of(pool: Pool) -> list[OutboxEntry]:
    """Return the entries in the order of their seq."""
    return sorted((OutboxEntry.unpack(record) for record in pool.records), key=lambda entry: entry.seq)


class OutboxFile:
    """v.box on its own, while the vault is locked. An unlocked vault holds the file itself (VaultBusy)."""

    def __init__(self, store: CellStore, pool: Pool) -> None:
        """Use `OutboxFile.open`."""
        self._store = store
        self._pool = pool
        self._closed = False

    @classmethod
    def open(cls, directory: Path, outbox_key: bytes) -> "OutboxFile":
        """Open and lock the file; VaultBusy while a vault or another sender has it, VaultDamaged if it is no outbox."""
        store = CellStore(directory / BOX_FILE)
        try:
            return cls(store, load_box(store, outbox_key, "main"))
        except BaseException:
            store.close()
            raise

    @property
    def damaged(self) -> list[DamagedCells]:
        """Cells that do not open: kept, reported, never reused."""
        return list(self._pool.damaged)

    @property
    def room(self) -> int:
        """Number of free cells."""
        return len(self._pool.free)

    def entries(self) -> list[OutboxEntry]:
        """Return all entries in the order of their seq."""
        self._check()
        return entries_of(self._pool)

    def update(self, entry: OutboxEntry) -> None:
        """Replace the entry with the same id, durably."""
        staged = self._staged()
        staged.update(entry)
        self._commit(staged)

    def remove(self, entry_id: bytes) -> None:
        """Overwrite an entry, durably."""
        staged = self._staged()
        staged.remove(entry_id)
        self._commit(staged)

    def close(self) -> None:
        """Close the file; idempotent."""
        self._closed = True
        self._store.close()

    def __enter__(self) -> "OutboxFile":
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _staged(self) -> StagedEntries:
        self._check()
        return StagedEntries(self._pool)

    def _commit(self, staged: StagedEntries) -> None:
        self._store.write(staged.cells.seal())
        staged.cells.apply()

    def _check(self) -> None:
        if self._closed:
            raise VaultLocked("outbox is closed")
