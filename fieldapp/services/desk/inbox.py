"""The desk's inbox: what came, the most urgent first; opening a record, taking it on.

Only a person opens. What the device hears of it (`opened`, `acted`) is sealed in the same transaction that notes who
opened and when, and sent until it arrives; nothing of the content goes back.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.codec import ContactReport, ScreeningReport
from fieldapp.domain.contact import SafeContact
from fieldapp.domain.instrument import Answer, FollowUp, Texts
from fieldapp.domain.judgement import Reason
from fieldapp.domain.screening import Basis, Identity, ReasonNotAsked, Screening
from fieldapp.errors import CodecError, FieldappError
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.downstream import seal_receipts, statement
from fieldapp.services.desk.envelopes import Arrival, with_body
from fieldapp.services.desk.inbox_rows import (
    Group,
    Read,
    Row,
    RowState,
    group,
    in_order,
    quarantine_key,
    read_arrival,
    row_of,
    unreadable_row,
)
from fieldapp.services.desk.pieces import FileState, Pieces
from fieldapp.services.desk.records import DeskRecord, Marks
from sync.errors import EnvelopeRejected
from sync.protocol import Reason as Check
from sync.receipts import ReceiptKind

PAGE_SIZE: Final = 100
EXAMINABLE: Final = frozenset({Check.FORK, Check.REVOKED, Check.RECIPIENTS})
"""Checks that say nothing against the content itself: a person may read it, and judge."""


class UnknownRow(FieldappError):
    """There is no such row (any more)."""

    advice = "Look at the inbox again."


class NotExaminable(FieldappError):
    """What is kept aside does not open, or is in no form that this version knows."""

    advice = "Ask the worker of the device."


class NotOpenedYet(FieldappError):
    """A record can be acknowledged only after somebody here has opened it."""

    advice = "Open it first."


@dataclass(frozen=True, slots=True)
class InboxPage:
    """At most 100 rows. `number` counts from 0; `pages` is at least 1; `alarms` counts all that wait for somebody."""

    rows: tuple[Row, ...]
    number: int
    pages: int
    total: int
    alarms: int


@dataclass(frozen=True, slots=True, repr=False)
class FollowUpLine:
    """A question under an answer. `labels` are the texts of its values, in their order."""

    prompt: Texts
    values: tuple[str, ...]
    labels: tuple[Texts, ...]


@dataclass(frozen=True, slots=True, repr=False)
class AnswerLine:
    """One question with its answer, in the order in which it was asked; `note` is "" where there is none."""

    id: str
    critical: bool
    prompt: Texts
    label: Texts
    answer: Answer
    reason: ReasonNotAsked | None
    basis: Basis | None
    note: str
    followups: tuple[FollowUpLine, ...]


@dataclass(frozen=True, slots=True, repr=False)
class OpenedRecord:
    """Everything that one record says. Exactly one of `screening` and `contact` is there, or neither (rules only).

    `because` is what this desk computes; `agrees` is False when the device stated another result: both are shown.
    `earlier`: versions that a correction replaced, oldest first. `sealed_seq` is the device's number of the envelope.
    """

    row: Row
    screening: ScreeningReport | None
    contact: ContactReport | None
    identity: Identity | None
    safe_contact: SafeContact | None
    answers: tuple[AnswerLine, ...]
    because: tuple[Reason, ...]
    agrees: bool
    sealed_seq: int
    earlier: tuple[ScreeningReport | ContactReport, ...] = field(default=())
    files: tuple[FileState, ...] = ()


class Inbox:
    """All records of this desk that people work on."""

    def __init__(self, book: DeskBook, wake: Callable[[], None] = lambda: None) -> None:
        """Show what is in `book`; `wake` is called when there is something to be sent."""
        self._book = book
        self._wake = wake
        self._groups: dict[bytes, Group] = {}
        self._reads: dict[bytes, Read | None] = {}
        self._unreadable: dict[bytes, Arrival] = {}
        self._pieces = Pieces(book)

    def rows(self, page: int = 0) -> InboxPage:
        """Return one page of the inbox, the most urgent first; a page beyond the end is the last one."""
        rows = in_order([*self._record_rows(), *self._unreadable_rows()])
        pages = max(1, -(-len(rows) // PAGE_SIZE))
        number = min(max(0, page), pages - 1)
        shown = tuple(rows[number * PAGE_SIZE : (number + 1) * PAGE_SIZE])
        waiting = sum(1 for row in rows if row.state is not RowState.ACKNOWLEDGED)
        return InboxPage(shown, number, pages, len(rows), waiting)

    async def open(self, key: bytes) -> OpenedRecord:
        """Open a record: a person reads it now, and the device is told so. UnknownRow, VaultError."""
        async with self._book.turn:
            record = self._group(key)
            marks = self._book.marks(key)
            own = [a for a in record.arrivals if a.hash not in marks.receipted]
            fresh = [*own, *self._pieces.to_be_opened(record, marks)]
            if fresh:
                now = self._book.clock.now()
                opened = replace(
                    marks,
                    receipted=(*marks.receipted, *(arrival.hash for arrival in fresh)),
                    opened_at=marks.opened_at or now,
                    opened_by=marks.opened_by or self._book.identity.desk_name,
                )
                if (
                    own
                ):  # what is new to the centre has to be taken on anew; the rest of a file is nothing new
                    opened = replace(opened, acknowledged_at=0, acknowledged_by="")
                await self._commit(opened, fresh, ReceiptKind.OPENED, now)
        return self._opened_record(record)

    def content(self, key: bytes, file_id: bytes) -> bytes:
        """Return a file of a record that somebody here has opened, verified and in memory only.

        UnknownRow, NotOpenedYet; FileNotWhole while parts are missing.
        """
        record = self._group(key)
        if not self._is_read(record, self._book.marks(key)):
            raise NotOpenedYet("Nobody has opened this record yet.")
        return self._pieces.content(record, file_id)

    def examine(self, env_hash: bytes) -> OpenedRecord:
        """Read what one envelope in quarantine says, for whoever has to judge it. NotExaminable when it cannot be read.

        It may be evidence, or somebody's call for help that a copied device made. Nothing is noted and no device
        hears of it: a receipt would let the device erase what this centre does not accept.
        """
        arrival = self._book.arrival(env_hash)
        try:
            read = read_arrival(with_body(arrival)) if arrival else None
        except (CodecError, EnvelopeRejected):
            read = None
        if read is None:
            raise NotExaminable("This envelope cannot be read.")
        alone = next(iter(group([read]).values()))
        device = self._book.device(read.header.sender_id)
        return _opened(row_of(alone, device, Marks(alone.key)), alone)

    async def acknowledge(self, key: bytes) -> None:
        """Take a record on: note who and when, and tell the device. UnknownRow, NotOpenedYet, VaultError.

        An unreadable one can be taken on as well: then somebody looks into it, and the device hears nothing.
        """
        async with self._book.turn:
            marks = self._book.marks(key)
            now = self._book.clock.now()
            taken = replace(marks, acknowledged_at=now, acknowledged_by=self._book.identity.desk_name)
            if any(quarantine_key(arrival.hash) == key for arrival in self._kept_aside()):
                await self._book.write([taken])
                return
            record = self._group(key)
            if not self._is_read(record, marks):
                raise NotOpenedYet("Nobody has opened all of this record yet.")
            if marks.acknowledged_at:
                return
            await self._commit(taken, list(record.arrivals), ReceiptKind.ACTED, now)

    async def _commit(self, marks: Marks, arrivals: list[Arrival], kind: ReceiptKind, now: int) -> None:
        """Write what a person did together with the receipts that say so, and have them sent."""
        headers = [arrival.opened for arrival in arrivals if arrival.opened]
        device = self._book.device(headers[0].header.sender_id) if headers else None
        records: list[DeskRecord] = [marks]
        if device is not None:
            statements = {device.device_id: [statement(kind, opened, now) for opened in headers]}
            records += seal_receipts(self._book, {device.device_id: device}, statements)
        await self._book.write(records)
        self._wake()

    def case_of(self, key: bytes) -> tuple[bytes, bytes] | None:
        """Return (device id, case id) of a record, for changing how its person is reached; None when it has no case."""
        record = self._all_groups().get(key)
        if record is None:
            return None
        sender = record.header.sender_id
        if record.contact is not None:
            return sender, record.contact.event.case_id
        if record.screening is not None:
            return sender, record.screening.screening.id
        case_id = record.main.arrival.body.get("id")
        return (sender, bytes.fromhex(case_id)) if isinstance(case_id, str) else None

    def forget(self) -> None:
        """Drop everything that was read: the desk is being locked."""
        self._groups, self._reads, self._unreadable = {}, {}, {}
        self._pieces.forget()

    @staticmethod
    def _is_read(record: Group, marks: Marks) -> bool:
        """Tell whether a person opened every envelope of the record."""
        return all(arrival.hash in marks.receipted for arrival in record.arrivals)

    # --- Rows ------------------------------------------------------------------------------------------

    def _record_rows(self) -> list[Row]:
        groups = self._all_groups()
        aliases = {
            g.handover: g.screening.screening.alias for g in groups.values() if g.screening and g.handover
        }
        rows = []
        for record in groups.values():
            device = self._book.device(record.header.sender_id)
            ruling = self._book.ruling(record.header.sender_id)
            marks = self._book.marks(record.key)
            row = self._pieces.marked(row_of(record, device, marks, ruling), record, marks)
            earlier = aliases.get(record.continues, "") if record.continues else ""
            rows.append(replace(row, continues=earlier))
        return rows

    def _unreadable_rows(self) -> list[Row]:
        return [
            unreadable_row(
                arrival,
                self._book.device(arrival.header.sender_id),
                self._book.marks(quarantine_key(arrival.hash)),
            )
            for arrival in self._kept_aside()
            if arrival.header is not None
        ]

    def _kept_aside(self) -> list[Arrival]:
        """Return what an enrolled device signed and nobody can judge by its band."""
        self._all_groups()
        return [*(a for a in self._book.quarantined if a.opened), *self._unreadable.values()]

    def _all_groups(self) -> dict[bytes, Group]:
        """Return all records; each envelope is read once, and grouping is done anew when something arrived."""
        fresh = [a for a in self._book.received if a.vault_id not in self._reads]
        for arrival in fresh:
            try:
                self._reads[arrival.vault_id] = read_arrival(arrival)
            except CodecError:
                self._reads[arrival.vault_id] = None
                self._unreadable[arrival.vault_id] = arrival
        if fresh:
            self._groups = group(read for read in self._reads.values() if read)
        return self._groups

    def _group(self, key: bytes) -> Group:
        record = self._all_groups().get(key)
        if record is None:
            raise UnknownRow("This record is not in the inbox.")
        return record

    def _opened_record(self, record: Group) -> OpenedRecord:
        row = next(row for row in self._record_rows() if row.key == record.key)
        return replace(_opened(row, record), files=self._pieces.files(record))


def _opened(row: Row, record: Group) -> OpenedRecord:
    report = record.screening
    return OpenedRecord(
        row=row,
        screening=report,
        contact=record.contact,
        identity=record.identity,
        safe_contact=record.safe_contact,
        answers=answer_lines(report.screening) if report else (),
        because=report.screening.because if report else (),
        agrees=report.agrees if report else True,
        sealed_seq=record.header.seq,
        earlier=record.earlier,
    )


def answer_lines(screening: Screening) -> tuple[AnswerLine, ...]:
    """Return the gate and every item with its answer and the texts of the instrument that asked it."""
    instrument = screening.instrument
    gate = instrument.gate
    lines = [_line(screening, gate.id, critical=False, prompt=gate.prompt, label=gate.prompt, followups=())]
    for item_id in screening.order:
        item = instrument.by_id[item_id]
        lines.append(
            _line(
                screening,
                item.id,
                critical=item.critical,
                prompt=item.prompt,
                label=item.label,
                followups=item.followups,
            )
        )
    return tuple(lines)


def _line(
    screening: Screening,
    key: str,
    *,
    critical: bool,
    prompt: Texts,
    label: Texts,
    followups: tuple[FollowUp, ...],
) -> AnswerLine:
    return AnswerLine(
        id=key,
        critical=critical,
        prompt=prompt,
        label=label,
        answer=screening.answer(key),
        reason=screening.reasons.get(key),
        basis=screening.bases.get(key),
        note=screening.notes.get(key, ""),
        followups=tuple(_followup(screening, f) for f in followups if f.key in screening.followups),
    )


def _followup(screening: Screening, followup: FollowUp) -> FollowUpLine:
    value = screening.followups[followup.key]
    values = (value,) if isinstance(value, str) else value
    labels = {option.value: option.label for option in followup.options}
    return FollowUpLine(followup.prompt, values, tuple(labels[v] for v in values if v in labels))
