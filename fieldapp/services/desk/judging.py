"""One page of the box, from envelopes to everything that is committed because of them.

Runs on the storage thread and changes nothing: what it returns is one transaction. Items are judged in their order, each
against the chain as the items before it leave it.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.downstream import by_id, seal_receipts, statement
from fieldapp.services.desk.envelopes import Arrival
from fieldapp.services.desk.inbox_rows import group_key
from fieldapp.services.desk.pieces import (
    CELLS_FOR_RECORDS,
    CELLS_OF_A_PIECE,
    NO_ROOM,
    listed_in,
    misfits,
    record_key,
    set_apart,
)
from fieldapp.services.desk.reading import validate
from fieldapp.services.desk.records import MOST_GAPS, DeskRecord, EnrolledDevice, OpenGap
from fieldapp.services.desk.said import CoverLinks, Wipe
from fieldapp.services.kinds import Kind
from sync.canonical import Value
from sync.certificate import Certificate, verify_certificate
from sync.chain import ChainLedger, Link
from sync.envelope import OpenedHeader, open_body, parse_body, verify_body_hash
from sync.errors import DirectoryRejected, EnvelopeRejected
from sync.intake import Accepted, Counted, Duplicate, Intake, Lookups, Quarantined, Result
from sync.keys import LivePrekey, week_of
from sync.protocol import BODY_OFFSET, MsgType, Reason
from sync.receipts import ReceiptItem, ReceiptKind

KEEP_UNPROVEN: Final = 100
"""So many arrivals that nobody vouches for are kept, because a key or certificate may come back (a restored desk)."""
RESERVED_CELLS: Final = 512
"""Room in the vault that unproven arrivals may not take from records."""
_MAY_BE_READ_LATER: Final = frozenset({Reason.NOT_FOR_US, Reason.UNKNOWN_SENDER})


@dataclass(slots=True)
class Judged:
    """What to commit, and how many arrivals were only counted, by reason. `new` counts arrivals not seen before."""

    records: list[DeskRecord] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    new: int = 0


class PageJudge:
    """Judges one list of envelopes; used once."""

    def __init__(self, book: DeskBook) -> None:
        self._book = book
        self._now = book.clock.now()
        self._devices = by_id(book.devices)
        self._before = dict(self._devices)
        self._ledgers: dict[bytes, ChainLedger] = {}
        self._arrivals: dict[bytes, Arrival] = {}
        self._statements: dict[bytes, list[ReceiptItem]] = defaultdict(list)
        self._known = {arrival.vault_id for arrival in (*book.received, *book.quarantined) if arrival.opened}
        self._known |= book.chunks.keys()
        self._unproven = {arrival.vault_id for arrival in book.quarantined if arrival.opened is None}
        self._altered = {_head(a.envelope) for a in book.quarantined if a.opened and _is_altered(a.opened)}
        self._counted: Counter[str] = Counter()
        self._covers: dict[tuple[bytes, int], CoverLinks] = {}
        self._wipes: dict[bytes, Wipe] = {}

    def judge(self, envelopes: Iterable[bytes]) -> Judged:
        """Return what to commit because of these envelopes."""
        intake = self._intake()
        for envelope in envelopes:
            self._take(envelope, intake.receive(envelope))
        touched = {
            device_id: device
            for device_id, device in self._devices.items()
            if device_id in self._statements or device is not self._before[device_id]
        }
        self._set_misfits_apart()
        touched = {device_id: self._with_gaps(device) for device_id, device in touched.items()}
        answers = seal_receipts(self._book, touched, self._statements)
        kept: list[DeskRecord] = [*self._arrivals.values(), *self._covers.values(), *self._wipes.values()]
        return Judged([*kept, *answers], self._counted, len(self._arrivals))

    def _take(self, envelope: bytes, result: Result) -> None:
        match result:
            case Accepted(opened, _, _, _) if opened.header.msg_type is MsgType.CHUNK:
                self._take_piece(envelope, opened)
            case Accepted(opened, _, _, body):
                if opened.header.msg_type is MsgType.COVER:
                    self._keep_cover(opened)
                else:
                    self._keep(Arrival(envelope, self._now, linked=True, opened=opened, body=body))
                self._hear(opened, body)
                self._link(opened)
                self._seen(opened)
                self._acknowledge(opened)
            case Duplicate(opened, _):
                self._acknowledge_again(opened)
            case Quarantined(reason, opened, _, _) if self._is_one_more_copy(opened):
                self._counted[reason] += 1
            case Quarantined(reason, opened, _, _) if self._is_piece_without_room(opened):
                self._counted[NO_ROOM] += 1
                if reason is Reason.FORK:
                    self._forked(opened.header.sender_id)
            case Quarantined(reason, opened, _, verdict):
                self._keep(Arrival(envelope, self._now, reason, linked=verdict is not None, opened=opened))
                self._heard(opened.header.sender_id)
                if verdict is not None:
                    self._link(opened)
                    self._acknowledge(opened)
                if reason is Reason.REVOKED:
                    self._hear_last_words(opened)
                if reason is Reason.FORK:
                    self._forked(opened.header.sender_id)
            case Counted(reason):
                self._count(envelope, reason)

    def _keep(self, arrival: Arrival) -> None:
        if arrival.vault_id not in self._known:
            self._arrivals[arrival.vault_id] = arrival

    def _take_piece(self, envelope: bytes, opened: OpenedHeader) -> None:
        """Keep a piece of a file, unless that would take the room of records: then its device offers it again."""
        if self._is_piece_without_room(opened):
            self._counted[NO_ROOM] += 1
            return
        reason = set_apart(opened)
        self._keep(Arrival(envelope, self._now, reason or "", linked=True, opened=opened))
        self._link(opened)
        self._seen(opened)
        self._acknowledge(opened)

    def _is_piece_without_room(self, opened: OpenedHeader) -> bool:
        """Tell whether this is a piece of a file, good or bad, that would take the room of records."""
        taken = CELLS_OF_A_PIECE * (len(self._arrivals) + 1)
        return opened.header.msg_type is MsgType.CHUNK and self._book.room - taken < CELLS_FOR_RECORDS

    def _set_misfits_apart(self) -> None:
        """Set apart pieces that are not what their record lists, whichever of the two came first."""
        fresh = [a for a in self._arrivals.values() if a.opened and not a.reason]
        touched = {record_key(a.opened) for a in fresh if a.opened}
        if not any(a.kind is Kind.CHUNK or a.body.get("attachments") for a in fresh):
            return
        everything = [*self._book.chunks.values(), *self._book.received, *fresh]
        of_records: dict[bytes, list[Arrival]] = defaultdict(list)
        for arrival in everything:
            if arrival.opened and (key := record_key(arrival.opened)) in touched:
                of_records[key].append(arrival)
        for arrivals in of_records.values():
            files = [
                file
                for arrival in arrivals
                if arrival.header
                for file in listed_in(arrival.header.msg_type, arrival.body)
            ]
            for apart in misfits(files, [a for a in arrivals if a.kind is Kind.CHUNK]):
                self._arrivals[apart.vault_id] = apart

    def _is_one_more_copy(self, opened: OpenedHeader) -> bool:
        """Tell whether this is a signed head with a body that nobody signed, of which one is kept already.

        Whoever carries an envelope can make any number of these, and each says the same: somebody altered it. The one
        body that was signed is never such a copy, so nothing that a device has said is lost by keeping only the first.
        """
        head = _head(opened.envelope)
        if not _is_altered(opened) or Arrival(opened.envelope, self._now).vault_id in self._known:
            return False
        known = head in self._altered
        self._altered.add(head)
        return known

    def _keep_cover(self, opened: OpenedHeader) -> None:
        """Keep of a cover what the chain needs. Nobody has to read it: the machine that opened it says so."""
        header = opened.header
        block = CoverLinks.block_of(header.seq)
        known = self._covers.get((header.sender_id, block)) or self._book.covers(header.sender_id, block)
        link = Link(header.seq, opened.hash, header.prev_hash)
        self._covers[header.sender_id, block] = known.with_link(link)

    def _hear(self, opened: OpenedHeader, body: Mapping[str, Value]) -> None:
        """Note what a device reports about itself."""
        wipe = self._book.wipe(opened.header.sender_id)
        if wipe is None or opened.header.msg_type is not MsgType.DEVICE_REPORT:
            return
        if (body.get("kind"), body.get("order_id")) == ("wiped", wipe.order.order_id.hex()):
            self._wipes[opened.header.sender_id] = replace(wipe, done_at=self._now)

    def _hear_last_words(self, opened: OpenedHeader) -> None:
        """Read what a withdrawn device reports about itself: that it was wiped. It stays in quarantine all the same."""
        if opened.header.msg_type is MsgType.DEVICE_REPORT:
            with contextlib.suppress(EnvelopeRejected):
                verify_body_hash(opened)
                self._hear(opened, parse_body(open_body(opened)))

    def _count(self, envelope: bytes, reason: Reason) -> None:
        arrival = Arrival(envelope, self._now, reason)
        if arrival.vault_id in self._unproven:
            return
        self._counted[reason] += 1
        room = self._book.room > RESERVED_CELLS and len(self._unproven) < KEEP_UNPROVEN
        if room and reason in _MAY_BE_READ_LATER:
            self._unproven.add(arrival.vault_id)
            self._keep(arrival)

    def _link(self, opened: OpenedHeader) -> None:
        header = opened.header
        self._ledger(header.sender_id).record(header.seq, opened.hash, header.prev_hash)

    def _seen(self, opened: OpenedHeader) -> None:
        device = self._devices[opened.header.sender_id]
        self._devices[device.device_id] = device.seen(opened.header, self._now)

    def _with_gaps(self, device: EnrolledDevice) -> EnrolledDevice:
        """Return the device with what is missing of its chain, and since when.

        Covers tell of a gap as records do, and of them no time of arrival is kept.
        """
        missing = self._ledger(device.device_id).missing[:MOST_GAPS]
        since = {gap: device.missing_since(gap) for gap in missing}
        return replace(device, gaps=tuple(OpenGap(gap, at or self._now) for gap, at in since.items()))

    def _heard(self, device_id: bytes) -> None:
        self._devices[device_id] = replace(self._devices[device_id], last_seen=self._now)

    def _forked(self, device_id: bytes) -> None:
        self._devices[device_id] = replace(self._devices[device_id], forked=True)

    def _acknowledge(self, opened: OpenedHeader) -> None:
        cover = opened.header.msg_type is MsgType.COVER
        item = statement(ReceiptKind.OPENED if cover else ReceiptKind.RECEIVED, opened, self._now)
        self._statements[opened.header.sender_id].append(item)

    def _acknowledge_again(self, opened: OpenedHeader) -> None:
        """Say everything once more: who offers again has not heard it, or the relay lost it.

        Offering again has cost the device a token, which is counted as used so that it never runs dry.
        """
        self._acknowledge(opened)
        header = opened.header
        marks = self._book.marks(group_key(header.sender_id, header.record_id))
        if opened.k_b is not None and opened.hash in marks.receipted:
            told = self._statements[header.sender_id]
            told.append(statement(ReceiptKind.OPENED, opened, self._now))
            if marks.acknowledged_at:
                told.append(statement(ReceiptKind.ACTED, opened, self._now))
        device = self._devices[header.sender_id]
        used = self._ledger(device.device_id).highest
        self._devices[device.device_id] = replace(device, issued=max(used, device.issued - 1))

    def _ledger(self, device_id: bytes) -> ChainLedger:
        """Return a copy of the device's chain, so that a page that is not committed leaves no trace."""
        if device_id not in self._ledgers:
            self._ledgers[device_id] = self._book.ledger(device_id).copy()
        return self._ledgers[device_id]

    def _certificate(self, device_id: bytes) -> Certificate | None:
        device: EnrolledDevice | None = self._devices.get(device_id)
        if device is None:
            return None
        trust = self._book.trust
        try:
            return verify_certificate(device.certificate, trust.centre_id, trust.directory.enrol_keys)
        except DirectoryRejected:
            return None

    def _intake(self) -> Intake:
        trust = self._book.trust
        live = [prekey for keys in self._book.role_keys for prekey in keys.ring.live()]
        lookups = Lookups(
            certificate=self._certificate,
            ledger=self._ledger,
            revoked_from=self._book.revoked_from,
            directory=self._book.directory,
        )
        return Intake(trust.centre_id, live, self._likely(), lookups, validate)

    def _likely(self) -> list[LivePrekey]:
        """Return the prekeys of the present week and its neighbours: most records are sealed to these."""
        now = week_of(self._now)
        return [
            LivePrekey(keys.ring.role, held.pair)
            for keys in self._book.role_keys
            for held in keys.ring.weekly
            if abs(held.prekey.week - now) <= 1
        ]


def _head(envelope: bytes) -> bytes:
    """Return all of an envelope that its sender's signature covers directly: the outer part and the header."""
    return envelope[:BODY_OFFSET]


def _is_altered(opened: OpenedHeader) -> bool:
    """Tell whether the body is not the one that was signed."""
    try:
        verify_body_hash(opened)
    except EnvelopeRejected:
        return True
    return False
