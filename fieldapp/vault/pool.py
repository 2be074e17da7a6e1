"""Records in a pool of cells: what is where, what is free, what is damaged, and changes that are prepared aside.

A record is rewritten in place, with fresh nonces: the SQLite transaction gives atomicity, so a draft of one cell
costs one page and the old content is overwritten rather than left behind. New cells are taken at random, so that
their numbers tell nothing about the order in which records were made.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from fieldapp.vault.cells import CellCipher, Fragment, Record, join, split
from fieldapp.vault.errors import UnknownRecord, VaultDamaged, VaultError


@dataclass(frozen=True, slots=True)
class DamagedCells:
    """Cells in use that do not give a whole record; shown to the user, never treated as free.

    `record_id` is known when another fragment of the same record still opens.
    """

    cells: tuple[int, ...]
    record_id: bytes | None


@dataclass(frozen=True, slots=True)
class _Place:
    record: Record
    cells: tuple[int, ...]


class Pool:
    """What is known about the cells of one pool while it is open. Changes only through `Staged.apply`."""

    def __init__(self, cipher: CellCipher) -> None:
        self.cipher = cipher
        self.places: dict[bytes, _Place] = {}
        self.free: set[int] = set()
        self.damaged: list[DamagedCells] = []
        self.versions: dict[bytes, int] = {}

    @classmethod
    def load(
        cls,
        cipher: CellCipher,
        blobs: Mapping[int, bytes | None],
        is_used: Callable[[int], bool] | None = None,
    ) -> "Pool":
        """Open every used cell of `blobs` (None: the page could not be read).

        With `is_used` (from the root cell) the other cells are free unopened; without, a free cell opens as free.
        """
        pool = cls(cipher)
        pieces: dict[tuple[bytes, int], list[tuple[int, Fragment]]] = defaultdict(list)
        for n, blob in blobs.items():
            if blob is not None and is_used is not None and not is_used(n):
                pool.free.add(n)
                continue
            fragment = pool._open(n, blob, may_be_free=is_used is None)
            if fragment is not None:
                pieces[fragment.record_id, fragment.version].append((n, fragment))
        pool._assemble(pieces)
        return pool

    @property
    def records(self) -> list[Record]:
        """All whole records."""
        return [place.record for place in self.places.values()]

    def used_cells(self) -> Iterable[int]:
        """Return the numbers of all cells that hold, or held, something: these are never given away."""
        for place in self.places.values():
            yield from place.cells
        for entry in self.damaged:
            yield from entry.cells

    def _open(self, n: int, blob: bytes | None, *, may_be_free: bool) -> Fragment | None:
        try:
            if blob is None:
                raise VaultDamaged("page unreadable")
            fragment = Fragment.unpack(self.cipher.open(n, blob))
            if fragment is None and not may_be_free:
                raise VaultDamaged("used cell is empty")
        except VaultDamaged:
            self.damaged.append(DamagedCells((n,), None))
            return None
        if fragment is None:
            self.free.add(n)
        return fragment

    def _assemble(self, pieces: Mapping[tuple[bytes, int], Sequence[tuple[int, Fragment]]]) -> None:
        """Keep the highest whole version of each record; every other fragment is reported as damaged."""
        for record_id, version in sorted(pieces):
            group = sorted(pieces[record_id, version], key=_index_of)
            cells = tuple([n for n, _ in group])
            self.versions[record_id] = version
            record = join([fragment for _, fragment in group])
            if record is None:
                self.damaged.append(DamagedCells(cells, record_id))
                continue
            if record_id in self.places:
                self.damaged.append(DamagedCells(self.places[record_id].cells, record_id))
            self.places[record_id] = _Place(record, cells)


def _index_of(piece: tuple[int, Fragment]) -> int:
    return piece[1].index


class Staged:
    """Changes to a pool that exist only in memory until they are written and applied.

    `taken` are free cells that become used, `freed` used ones that become free.
    """

    def __init__(self, pool: Pool, full: type[VaultError]) -> None:
        self._pool = pool
        self._full = full
        self.taken: set[int] = set()
        self.freed: set[int] = set()
        self._changed: dict[bytes, _Place | None] = {}
        self._fragments: dict[int, Fragment | None] = {}

    def get(self, record_id: bytes) -> Record | None:
        """Return the record as it will be."""
        place = self._place(record_id)
        return None if place is None else place.record

    def all(self) -> list[Record]:
        """Return all records as they will be."""
        places = {**self._pool.places, **self._changed}
        return [place.record for place in places.values() if place is not None]

    def put(self, record_id: bytes, kind: int, flags: int, payload: bytes) -> Record:
        """Write a new version of a record over its own cells; the pool's own `full` error when there is no room."""
        before = self._place(record_id)
        version = max(self._pool.versions.get(record_id, 0), 0 if before is None else before.record.version)
        record = Record(record_id, kind, flags, version + 1, payload)
        fragments = split(record)
        kept = () if before is None else before.cells[: len(fragments)]
        given = () if before is None else before.cells[len(fragments) :]
        cells = kept + self._take(len(fragments) - len(kept))
        self._release(given)
        self._fragments.update(zip(cells, fragments, strict=True))
        self._changed[record_id] = _Place(record, cells)
        return record

    def erase(self, record_id: bytes) -> None:
        """Overwrite a record's cells with free ones; UnknownRecord when there is none."""
        before = self._place(record_id)
        if before is None:
            raise UnknownRecord("no such record")
        self._release(before.cells)
        self._changed[record_id] = None

    def is_empty(self) -> bool:
        """Tell whether there is nothing to write."""
        return not self._fragments

    def seal(self) -> list[tuple[int, bytes]]:
        """Return (cell number, new 4040 bytes) of every changed cell, in order."""
        cipher = self._pool.cipher
        return [
            (n, cipher.free(n) if fragment is None else cipher.seal(n, fragment.pack()))
            for n, fragment in sorted(self._fragments.items())
        ]

    def apply(self) -> None:
        """Make the changes the pool's state; only after they are durable."""
        pool = self._pool
        pool.free -= self.taken
        pool.free |= self.freed
        for record_id, place in self._changed.items():
            if place is None:
                pool.places.pop(record_id, None)
                pool.versions.pop(record_id, None)
            else:
                pool.places[record_id] = place
                pool.versions[record_id] = place.record.version

    def _place(self, record_id: bytes) -> _Place | None:
        if record_id in self._changed:
            return self._changed[record_id]
        return self._pool.places.get(record_id)

    def _take(self, count: int) -> tuple[int, ...]:
        if not count:
            return ()
        free = (self._pool.free - self.taken) | self.freed
        if count > len(free):
            raise self._full("no free cell left")
        chosen = secrets.SystemRandom().sample(tuple(free), count)
        self.taken.update(self._pool.free.intersection(chosen))
        self.freed.difference_update(chosen)
        return tuple(chosen)

    def _release(self, cells: Iterable[int]) -> None:
        for n in cells:
            self._fragments[n] = None
            if n in self.taken:
                self.taken.discard(n)
            else:
                self.freed.add(n)
