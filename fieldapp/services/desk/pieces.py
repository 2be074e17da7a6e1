"""The files of a record at the desk: which pieces are here, what is still on the way, and a whole file in memory.

Nothing is assembled before somebody asks for a file, and nothing of it is written: the vault keeps the envelopes as they
came. A piece counts only when it is the one that the record's list names at its place (PROTOCOL.md, section 5.5).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.codec import read_attachments
from fieldapp.domain.attachment import Attachment
from fieldapp.domain.strict import Fields as Table
from fieldapp.errors import CodecError, FieldappError
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.envelopes import Arrival
from fieldapp.services.desk.inbox_rows import Group, Row, RowState, group_key
from fieldapp.services.desk.records import Marks
from sync.canonical import Value
from sync.chunk import Chunk, Withdrawal, assemble, parse_chunk
from sync.envelope import OpenedHeader, open_body
from sync.errors import EnvelopeRejected
from sync.primitives import same
from sync.protocol import MsgType, Reason

CELLS_OF_A_PIECE: Final = 17
CELLS_FOR_RECORDS: Final = 512
"""Cells of the desk's vault that files leave free: a photo must never keep a record out."""
NO_ROOM: Final = "no_room"
"""What is counted for a piece that the desk could not keep; its device offers it again."""


class FileNotWhole(FieldappError):
    """Parts of this file have not arrived yet."""

    advice = "Wait until they have, or ask the worker."


@dataclass(frozen=True, slots=True)
class FileState:
    """One file of a record: the line of its list, and how many of its pieces are here."""

    file: Attachment
    arrived: int
    withdrawn: bool = False
    """Whether the worker said that no more will come."""

    @property
    def whole(self) -> bool:
        """Whether every piece is here."""
        return self.arrived == len(self.file.pieces)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of one kept envelope; of a piece its hash (32), not its bytes."""

    arrival: Arrival = field(repr=False)
    record: bytes
    file_id: bytes
    index: int | None
    size: int
    file_hash: bytes
    hash: bytes
    env_hash: bytes


class Pieces:
    """All pieces that this desk holds. What was read once is remembered until the desk is locked."""

    def __init__(self, book: DeskBook) -> None:
        self._book = book
        self._known: dict[bytes, _Known] = {}
        self._by_record: dict[bytes, list[_Known]] = {}

    def files(self, record: Group) -> tuple[FileState, ...]:
        """Return the files that the newest version of a record lists, in its order."""
        return tuple(self._state(record, file) for file in record.attachments)

    def to_be_opened(self, record: Group, marks: Marks) -> list[Arrival]:
        """Return the pieces that count as opened when somebody opens the record now: of whole and of withdrawn files."""
        done = {state.file.id for state in self.files(record) if state.whole or state.withdrawn}
        return [
            known.arrival
            for known in self._of(record)
            if known.file_id in done and known.env_hash not in marks.receipted
        ]

    def marked(self, row: Row, record: Group, marks: Marks) -> Row:
        """Return a row with its files; one that became whole after the record was read makes it new again."""
        if not record.attachments:
            return row
        states = self.files(record)
        fresh = row.state is not RowState.NEW and bool(self.to_be_opened(record, marks))
        return replace(
            row,
            files=len(states),
            files_whole=sum(1 for state in states if state.whole),
            state=RowState.NEW if fresh else row.state,
        )

    def content(self, record: Group, file_id: bytes) -> bytes:
        """Return a whole file, put together and verified in memory. Slow for a large one; FileNotWhole."""
        file = next((file for file in record.attachments if file.id == file_id), None)
        if file is None:
            raise FileNotWhole("This record lists no such file.")
        found: dict[int, bytes] = {}
        for known in self._of(record):
            if known.file_id == file_id and known.index is not None and _fits(known, file):
                found[known.index] = _data(known.arrival)
        try:
            return assemble(file.id, file.size, file.hash, file.pieces, found)
        except EnvelopeRejected:
            raise FileNotWhole("Parts of this file are still on the way.") from None

    def forget(self) -> None:
        """Drop everything that was read: the desk is being locked."""
        self._known, self._by_record = {}, {}

    def _state(self, record: Group, file: Attachment) -> FileState:
        of_file = [known for known in self._of(record) if known.file_id == file.id]
        here = {known.index for known in of_file if known.index is not None and _fits(known, file)}
        return FileState(file, len(here), withdrawn=any(known.index is None for known in of_file))

    def _of(self, record: Group) -> list[_Known]:
        chunks = self._book.chunks
        if chunks.keys() != self._known.keys():
            self._known = {key: self._known.get(key) or _known(a) for key, a in chunks.items()}
            self._by_record = {}
            for known in self._known.values():
                self._by_record.setdefault(known.record, []).append(known)
        return self._by_record.get(record.key, [])


def listed_in(msg_type: MsgType, body: Mapping[str, Value]) -> tuple[Attachment, ...]:
    """Return the files that a verified body lists."""
    if msg_type not in (MsgType.SCREENING, MsgType.CONTACT):
        return ()
    return read_attachments(Table(dict(body), "", CodecError))


def set_apart(opened: OpenedHeader) -> Reason | None:
    """Return why a piece is to be kept aside by its form, None when it is in order."""
    try:
        parse_chunk(open_body(opened))
    except EnvelopeRejected as error:
        return Reason(error.reason)
    return None


def misfits(files: Iterable[Attachment], arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return, marked as set apart, the pieces of one record that are not the ones which its list names."""
    listed = {file.id: file for file in files}
    found = []
    for arrival in arrivals:
        known = _known(arrival)
        file = listed.get(known.file_id)
        if file is not None and known.index is not None and not _fits(known, file):
            found.append(replace(arrival, reason=Reason.CHUNK))
    return found


def record_key(opened: OpenedHeader) -> bytes:
    """Return the key of the record that an envelope belongs to: the one of its row in the inbox."""
    return group_key(opened.header.sender_id, opened.header.record_id)


def _fits(known: _Known, file: Attachment) -> bool:
    """Tell whether a piece is the one that the list names at its place (`index` is there)."""
    if known.index is None or known.index >= len(file.pieces) or known.size != file.size:
        return False
    return same(known.file_hash, file.hash) and same(known.hash, file.pieces[known.index])


def _known(arrival: Arrival) -> _Known:
    chunk = _chunk(arrival)
    if arrival.opened is None:
        raise ValueError("an arrival that nobody vouches for")
    record, env_hash = record_key(arrival.opened), arrival.hash
    if isinstance(chunk, Withdrawal):
        return _Known(arrival, record, chunk.file_id, None, 0, b"", b"", env_hash)
    return _Known(
        arrival, record, chunk.file_id, chunk.index, chunk.size, chunk.file_hash, chunk.hash, env_hash
    )


def _chunk(arrival: Arrival) -> Chunk | Withdrawal:
    if arrival.opened is None:
        raise ValueError("an arrival that nobody vouches for")
    return parse_chunk(open_body(arrival.opened))


def _data(arrival: Arrival) -> bytes:
    chunk = _chunk(arrival)
    return chunk.data if isinstance(chunk, Chunk) else b""
