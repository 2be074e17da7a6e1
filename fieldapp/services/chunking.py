"""The pieces of a record's files: sealed late and few at a time, cancelled, counted, erased when nobody needs them.

await book.seal_chunks()                      # behind the record, as far as tokens and room allow
await book.withdraw(record_id, file_id)       # what is not sealed yet never will be; the centre is told
book.progress(record)                         # how many pieces have arrived, of how many

A record is never held up by its files: no piece is sealed before the relay has the record's own envelopes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fieldapp.domain.attachment import Attachment
from fieldapp.domain.ids import Clock, Ids
from fieldapp.services.filed import WITHDRAWAL, Filed, Part
from fieldapp.services.filing import Book
from fieldapp.services.kinds import Kind
from fieldapp.services.listening import News
from fieldapp.services.membership import Standing
from fieldapp.services.sealing import CANNOT_SEAL, TOKENS_FOR_RECORDS, Piece
from fieldapp.services.worker import StorageWorker
from fieldapp.vault.errors import VaultError
from fieldapp.vault.vault import Transaction, Vault
from sync.chunk import chunk_body, withdrawal_body
from sync.outbox import OutboxState
from sync.primitives import blake

WINDOW: Final = 4
"""Pieces that are sealed and not with the relay yet: what is beyond them can still be cancelled."""
CELLS_FOR_RECORDS: Final = 256
"""Cells of the sealed outbox that files leave free: some fifty records."""
CELLS_OF_A_PIECE: Final = 17


def piece_id(file_id: bytes, index: int) -> bytes:
    """Return the id of the vault record that holds one piece."""
    return blake(b"fsv1 piece", file_id + index.to_bytes(4, "little"), n=16)


def pieces_of(files: Sequence[Attachment]) -> list[bytes]:
    """Return the ids of all pieces of these files."""
    return [piece_id(file.id, index) for file in files for index in range(len(file.pieces))]


@dataclass(frozen=True, slots=True)
class Progress:
    """How many pieces have reached the relay, how many a person at the centre has opened, of how many."""

    sent: int
    opened: int
    total: int
    withdrawn: bool = False
    """Whether it was cancelled: `total` is then what was sealed before."""


class ChunkBook(Book):
    """The book of a device whose records may have files."""

    def __init__(self, vault: Vault, worker: StorageWorker, clock: Clock, ids: Ids) -> None:
        super().__init__(vault, worker, clock, ids)
        self._chunks: frozenset[bytes] = frozenset()
        self._chunks_of: object = None

    # --- What there is ---------------------------------------------------------------------------------

    def is_chunk(self, env_hash: bytes) -> bool:
        """Tell whether an envelope carries a piece of a file."""
        if self._chunks_of is not self._filed:
            found = (part.env_hash for record in self._filed.values() for part in record.chunk_parts)
            self._chunks, self._chunks_of = frozenset(found), self._filed
        return env_hash in self._chunks

    @property
    def with_pieces_to_come(self) -> tuple[Filed, ...]:
        """The sealed records of whose files not everything is sealed yet, the most urgent first."""
        waiting = [r for r in self._filed.values() if r.own_parts and r.unsealed_pieces]
        return tuple(sorted(waiting, key=lambda record: (not record.urgent, record.at)))

    def progress(self, record: Filed, file_id: bytes | None = None) -> Progress:
        """Tell how far the files of a record have come, or one of them."""
        record = self._filed.get(record.record_id, record)
        files = [file for file in record.attachments if file_id in (None, file.id)]
        states = {meta.env_hash: meta.state for _, meta in self._entries.values()}
        parts = [p for p in record.chunk_parts if p.index != WITHDRAWAL and file_id in (None, p.file_id)]
        cancelled = [file for file in files if file.id in record.withdrawn]
        sealed_of_cancelled = sum(1 for part in parts if part.file_id in record.withdrawn)
        whole = sum(len(file.pieces) for file in files if file not in cancelled)
        return Progress(
            sent=sum(1 for part in parts if part.opened or _has_left(part, states)),
            opened=sum(1 for part in parts if part.opened),
            total=whole + sealed_of_cancelled,
            withdrawn=bool(files) and len(cancelled) == len(files),
        )

    def may_withdraw(self, record: Filed, file_id: bytes) -> bool:
        """Tell whether something of this file can still be held back."""
        record = self._filed.get(record.record_id, record)
        return any(file.id == file_id and index != WITHDRAWAL for file, index in record.unsealed_pieces)

    def is_damaged(self, record: Filed, file_id: bytes) -> bool:
        """Tell whether a part of a file can never be sealed: its cells are damaged. Only cancelling the rest helps."""
        record = self._filed.get(record.record_id, record)
        try:
            return any(file.id == file_id and self._is_gone(file, at) for file, at in record.unsealed_pieces)
        except VaultError:
            return False  # locked meanwhile

    # --- Durable changes -------------------------------------------------------------------------------

    async def seal_chunks(self, *, everything: bool = False) -> int:
        """Seal pieces whose turn has come; returns how many. With `everything` all that can be (before a wipe)."""
        await self.sweep()
        count = 0
        if not any(record.attachments and not record.opened_at for record in self._filed.values()):
            return count
        for record in await self._worker.run(self._due_for_sealing):
            count += await self._worker.run(self._seal_chunks, record, everything)
        if count:
            self.changes.ring()
        return count

    async def hear(self, cursor: str, news: News) -> None:
        """Take in what the centre said, and erase the files that were opened."""
        await super().hear(cursor, news)
        await self.sweep()

    async def withdraw(self, record_id: bytes, file_id: bytes) -> Filed | None:
        """Hold back what is not sealed yet of a file, and erase it here. VaultError: nothing has changed.

        Before the record is sealed the file is simply left out. Afterwards its list names it already: what is sealed
        still arrives, and the centre is told that the rest will not come. A file that is sealed whole stays as it is.
        """
        filed = await self._worker.run(self._withdraw, record_id, file_id)
        self.outgoing.ring()
        self.changes.ring()
        return filed

    async def sweep(self) -> None:
        """Erase pieces that nobody needs here: everything is opened, or was sealed and its content has gone."""
        if any(_is_done_with(record) for record in self._filed.values()):
            await self._worker.run(self._sweep)

    # --- On the storage thread -------------------------------------------------------------------------

    def _due_for_sealing(self) -> list[bytes]:
        """Return the records with something to seal; a sealed piece whose cells were damaged counts as not sealed."""
        if self.standing is not Standing.ENROLLED or self.membership is None or self.trust is None:
            return []
        self._forget_lost()
        return [record.record_id for record in self.with_pieces_to_come]

    def _seal_all_chunks(self) -> None:
        for record_id in self._due_for_sealing():
            self._seal_chunks(record_id, everything=True)

    def _forget_lost(self) -> None:
        on_the_way = self._on_the_way()
        for record in list(self._filed.values()):
            lost = {part for part in record.chunk_parts if self._is_lost_piece(part, on_the_way)}
            if lost:
                parts = tuple(part for part in record.parts if part not in lost)
                self._write_local(replace(record, parts=parts), None)

    def _is_lost_piece(self, part: Part, on_the_way: frozenset[bytes]) -> bool:
        if part.opened or part.env_hash in on_the_way or not self.outbox_readable:
            return False
        return part.index == WITHDRAWAL or self._vault.get(piece_id(part.file_id, part.index)) is not None

    def _seal_chunks(self, record_id: bytes, everything: bool) -> int:
        record = self._filed.get(record_id)
        if record is None or self.membership is None or self.trust is None:
            return 0
        at_once = everything or self._write_only(self.clock.now())
        if not at_once and not self._has_gone(record):
            return 0
        room = (self._vault.outbox_room - CELLS_FOR_RECORDS) // CELLS_OF_A_PIECE
        most = min(self.tokens_left - TOKENS_FOR_RECORDS, room)
        if not at_once:
            most = min(most, WINDOW - self._waiting_chunks())
        # A piece whose cells are damaged takes nobody's turn.
        there = [(file, index) for file, index in record.unsealed_pieces if not self._is_gone(file, index)]
        pieces = [self._piece(file, index) for file, index in there[: max(0, most)]]
        found = [piece for piece in pieces if piece]
        return self._seal_pieces(record, found) if found else 0

    def _seal_pieces(self, record: Filed, pieces: Sequence[Piece]) -> int:
        if self.membership is None or self.trust is None:
            return 0
        try:
            sealer = self._sealer(self.membership, self.trust, self.clock.now())
            sealed = sealer.pieces(record, pieces)
            self._commit_sealed(
                sealer, lambda tx: tx.put(record.record_id, int(Kind.FILED), sealed.to_bytes())
            )
        except CANNOT_SEAL:
            return 0
        self._filed = {**self._filed, record.record_id: sealed}
        return len(pieces)

    def _piece(self, file: Attachment, index: int) -> Piece | None:
        if index == WITHDRAWAL:
            return Piece(file.id, index, withdrawal_body(file.id), None)
        stored = self._vault.get(piece_id(file.id, index))
        if stored is None:
            return None
        return Piece(file.id, index, chunk_body(file.id, index, file.size, file.hash, stored.payload))

    def _is_gone(self, file: Attachment, index: int) -> bool:
        return index != WITHDRAWAL and self._vault.get(piece_id(file.id, index)) is None

    def _has_gone(self, record: Filed) -> bool:
        """Tell whether the relay has every envelope of the record itself."""
        states = {meta.env_hash: meta.state for _, meta in self._entries.values()}
        return all(part.opened or _has_left(part, states) for part in record.own_parts)

    def _waiting_chunks(self) -> int:
        return sum(
            1
            for _, meta in self._entries.values()
            if meta.state is OutboxState.SEALED and self.is_chunk(meta.env_hash)
        )

    def _withdraw(self, record_id: bytes, file_id: bytes) -> Filed | None:
        record = self._filed.get(record_id)
        file = next((f for f in record.attachments if f.id == file_id), None) if record else None
        if record is None or file is None or not (self.may_withdraw(record, file_id) or not record.sealed):
            return record
        if record.sealed:
            changed = replace(record, withdrawn=(*record.withdrawn, file_id))
        else:
            changed = replace(record, attachments=tuple(f for f in record.attachments if f.id != file_id))
        self._write_local(changed, lambda tx: self._erase_pieces(tx, [file]))
        # With the last tokens only records are sent; `seal_chunks` tells the centre when there are more.
        if changed.sealed and self.standing is Standing.ENROLLED and self.tokens_left > TOKENS_FOR_RECORDS:
            notice = self._piece(file, WITHDRAWAL)
            if notice:
                self._seal_pieces(changed, [notice])
        return self._filed[record_id]

    def _erase_pieces(self, tx: Transaction, files: Sequence[Attachment]) -> None:
        for one in pieces_of(files):
            if self._vault.get(one) is not None:
                tx.erase(one)

    def _done_with(self) -> list[Attachment]:
        """Return the files of which nothing has to stay here, as far as anything still does."""
        stored = {piece.record_id for piece in self._vault.records(Kind.PIECE)}
        if not stored:
            return []
        return [
            file
            for record in self._filed.values()
            if _is_done_with(record)
            for file in record.attachments
            if any(piece_id(file.id, index) in stored for index in range(len(file.pieces)))
        ]

    def _sweep(self) -> None:
        files = self._done_with()
        if files:
            self._commit(lambda tx: self._erase_pieces(tx, files))


def _is_done_with(record: Filed) -> bool:
    """Tell whether no piece of its files has to stay here."""
    if not record.attachments or record.unsealed_pieces:
        return False
    return bool(record.opened_at) or record.content is None


def _has_left(part: Part, states: dict[bytes, OutboxState]) -> bool:
    return states.get(part.env_hash, OutboxState.SEALED) is not OutboxState.SEALED
