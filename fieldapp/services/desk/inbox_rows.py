"""What the inbox shows: one row for one record, whatever the number of envelopes it came in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from fieldapp.codec import ContactReport, ScreeningReport
from fieldapp.domain.attachment import Attachment
from fieldapp.domain.contact import SafeContact
from fieldapp.domain.deadlines import acknowledge_by, counted_from, due_at
from fieldapp.domain.judgement import effective
from fieldapp.domain.screening import Identity
from fieldapp.domain.triage import Band, Level
from fieldapp.services.desk.envelopes import Arrival
from fieldapp.services.desk.reading import Part, read_part
from fieldapp.services.desk.records import EnrolledDevice, Marks
from fieldapp.services.desk.rulings import Ruling, RulingKind
from sync.envelope import Header
from sync.primitives import blake
from sync.protocol import MsgType, Withheld


class RowKind(StrEnum):
    """What a row is about."""

    SCREENING = "screening"
    CONTACT = "contact"
    SAFE_CONTACT = "safe_contact"
    """Contact rules of a case, sent on their own."""
    IDENTITY = "identity"
    """Who somebody is, without the rest of the record: it is still on its way."""
    UNREADABLE = "unreadable"
    """It failed a check, so nobody knows how urgent it is: it stands at the top."""


class RowState(StrEnum):
    """What people have done with it."""

    NEW = "new"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"


class Doubt(StrEnum):
    """Why a record from a known device is to be confirmed with its worker. It is shown all the same."""

    FORKED = "forked"
    """Two envelopes of its device had one number: it was copied, or put back to an older state."""
    SUSPENDED = "suspended"
    """It came while its device was suspended."""
    LATE = "late"
    """It came after its device was withdrawn, with a number from before: an older gap."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the inbox. Times in seconds since 1970; 0 where there is none.

    `ended_at` is what the device says; `due_at` counts from it, or from the arrival when `from_arrival` says that the
    device's clock cannot be right. `acknowledge_by`: until when somebody must have taken it on. `continues`: the alias
    of the earlier record that this one continues by its handover words. `versions`: how many corrections came after
    the first. `doubts`: why to confirm it. `reason`: the check that an unreadable one failed, whose envelope
    is `env_hash`.
    """

    key: bytes
    record_id: bytes
    kind: RowKind
    alias: str
    agency: str
    device: str
    level: Level | None
    band: Band | None
    ended_at: int
    arrived_at: int
    due_at: int
    acknowledge_by: int
    from_arrival: bool
    state: RowState
    opened_at: int
    opened_by: str
    acknowledged_at: int
    acknowledged_by: str
    has_identity: bool = False
    has_safe_contact: bool = False
    withheld: tuple[str, ...] = ()
    versions: int = 0
    continues: str = ""
    doubts: tuple[Doubt, ...] = ()
    reason: str = ""
    env_hash: bytes = b""
    files: int = 0
    """Photos, recordings and documents that belong to it."""
    files_whole: int = 0
    """How many of them are here with all their parts."""

    @property
    def suspect(self) -> bool:
        """Whether somebody should ask the worker about it."""
        return bool(self.doubts)

    def time_left(self, now: int) -> int:
        """Return the seconds until the band's time is over: negative when it is overdue."""
        return self.due_at - now


_IN_A_RECORD: Final = frozenset({MsgType.SCREENING, MsgType.CONTACT, MsgType.SAFE_CONTACT, MsgType.IDENTITY})


@dataclass(frozen=True, slots=True)
class Read:
    """One envelope with what it says, and the level and band that this alone gives (None: none)."""

    arrival: Arrival
    part: Part = field(repr=False)
    level: Level | None
    band: Band | None

    @property
    def header(self) -> Header:
        """Its header."""
        return _header(self.arrival)


@dataclass(frozen=True, slots=True)
class Group:
    """All envelopes of one record from one device, and the newest of each type."""

    key: bytes
    all: tuple[Read, ...]
    newest: Mapping[MsgType, Read]

    @property
    def kind(self) -> RowKind:
        """What the record is about: its main part."""
        for kind in (RowKind.SCREENING, RowKind.CONTACT, RowKind.SAFE_CONTACT):
            if MsgType[kind.name] in self.newest:
                return kind
        return RowKind.IDENTITY

    @property
    def main(self) -> Read:
        """The newest envelope of the main part."""
        return self.newest[MsgType[self.kind.name]]

    @property
    def header(self) -> Header:
        """The header of the main part."""
        return self.main.header

    @property
    def arrivals(self) -> tuple[Arrival, ...]:
        """All envelopes, oldest version first."""
        return tuple(read.arrival for read in self.all)

    @property
    def screening(self) -> ScreeningReport | None:
        """The screening, if this is one."""
        part = self._part(MsgType.SCREENING)
        return part if isinstance(part, ScreeningReport) else None

    @property
    def contact(self) -> ContactReport | None:
        """The contact, if this is one."""
        part = self._part(MsgType.CONTACT)
        return part if isinstance(part, ContactReport) else None

    @property
    def identity(self) -> Identity | None:
        """Who the person is, if that was sent."""
        part = self._part(MsgType.IDENTITY)
        return part if isinstance(part, Identity) else None

    @property
    def safe_contact(self) -> SafeContact | None:
        """How the person can be reached, if that was sent."""
        part = self._part(MsgType.SAFE_CONTACT)
        return part if isinstance(part, SafeContact) else None

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that the newest version of the main part lists."""
        part = self.main.part
        return part.attachments if isinstance(part, ScreeningReport | ContactReport) else ()

    @property
    def earlier(self) -> tuple[ScreeningReport | ContactReport, ...]:
        """What the main part said before it was corrected, oldest first."""
        older = (r.part for r in self.all if r.header.msg_type is self.header.msg_type and r is not self.main)
        return tuple(part for part in older if isinstance(part, ScreeningReport | ContactReport))

    @property
    def arrived_at(self) -> int:
        """When the first envelope came."""
        return min(read.arrival.arrived_at for read in self.all)

    @property
    def handover(self) -> tuple[str, str] | None:
        """The words by which a colleague can continue this record."""
        return self.screening.screening.handover if self.screening else None

    def _part(self, msg_type: MsgType) -> Part | None:
        read = self.newest.get(msg_type)
        return read.part if read else None

    @property
    def continues(self) -> tuple[str, str] | None:
        """The handover words of the earlier record."""
        return self.screening.screening.continues if self.screening else None


def group_key(sender_id: bytes, record_id: bytes) -> bytes:
    """Return the id of a row. The sender is in it: no device can add to the record of another."""
    return blake(b"fsv1 row", sender_id + record_id, n=16)


def quarantine_key(env_hash: bytes) -> bytes:
    """Return the id of an unreadable row."""
    return blake(b"fsv1 row", env_hash, n=16)


def read_arrival(arrival: Arrival) -> Read | None:
    """Read an envelope that belongs to a record; None for covers, reports and chunks.

    CodecError when this installation cannot read it (any more): it is shown as unreadable.
    """
    header = arrival.header
    if header is None or header.msg_type not in _IN_A_RECORD:
        return None
    part = read_part(header.msg_type, arrival.body)
    return Read(arrival, part, *_judged(part))


def group(reads: Iterable[Read]) -> dict[bytes, Group]:
    """Put the envelopes of each record together."""
    found: dict[bytes, list[Read]] = {}
    for read in reads:
        key = group_key(read.header.sender_id, read.header.record_id)
        found.setdefault(key, []).append(read)
    return {key: _group(key, members) for key, members in found.items()}


def _group(key: bytes, members: Sequence[Read]) -> Group:
    ordered = sorted(members, key=lambda read: (read.header.rec_ver, read.header.seq))
    return Group(key, tuple(ordered), {read.header.msg_type: read for read in ordered})


def _header(arrival: Arrival) -> Header:
    if arrival.opened is None:
        raise ValueError("an arrival that nobody vouches for")
    return arrival.opened.header


def _judged(part: Part) -> tuple[Level | None, Band | None]:
    """Return level and band: the stronger of what the device stated and of what this desk computes."""
    if isinstance(part, ScreeningReport):
        override = part.screening.override
        stated, computed = effective(part.result, override), effective(part.screening.result, override)
        return max(stated[0], computed[0]), max(stated[1], computed[1])
    alarm = part.alarm if isinstance(part, ContactReport) else None
    return (alarm.level, alarm.band) if alarm else (None, None)


def row_of(group: Group, device: EnrolledDevice | None, marks: Marks, ruling: Ruling | None = None) -> Row:
    """Make the row of a record."""
    level, band = group.main.level, group.main.band
    ended_at = _ended_at(group)
    start = counted_from(ended_at, group.arrived_at)
    counts_as = Band.PLANNED if band is None else band
    return Row(
        key=group.key,
        record_id=group.header.record_id,
        kind=group.kind,
        alias=_alias(group),
        agency=device.agency if device else "",
        device=device.name if device else "",
        level=level,
        band=band,
        ended_at=ended_at,
        arrived_at=group.arrived_at,
        due_at=due_at(counts_as, start.at),
        acknowledge_by=_acknowledge_by(counts_as, start.at),
        from_arrival=start.from_arrival,
        has_identity=group.identity is not None,
        has_safe_contact=group.safe_contact is not None,
        withheld=Withheld(group.header.flags).names(),
        versions=len(group.all) - len(group.newest),
        doubts=_doubts(group.arrivals, device, ruling),
        **_marked(marks, unread=any(arrival.hash not in marks.receipted for arrival in group.arrivals)),
    )


def unreadable_row(arrival: Arrival, device: EnrolledDevice | None, marks: Marks) -> Row:
    """Make the row of a signed envelope in quarantine: treated as if it were the most urgent."""
    header = _header(arrival)
    return Row(
        key=marks.key,
        record_id=header.record_id,
        kind=RowKind.UNREADABLE,
        alias="",
        agency=device.agency if device else "",
        device=device.name if device else "",
        level=None,
        band=None,
        ended_at=0,
        arrived_at=arrival.arrived_at,
        due_at=due_at(Band.NOW, arrival.arrived_at),
        acknowledge_by=_acknowledge_by(Band.NOW, arrival.arrived_at),
        from_arrival=True,
        withheld=Withheld(header.flags).names(),
        doubts=(Doubt.FORKED,) if device is not None and device.forked else (),
        reason=arrival.reason,
        env_hash=arrival.hash,
        **_marked(marks, unread=not marks.acknowledged_at),
    )


def _doubts(
    arrivals: Iterable[Arrival], device: EnrolledDevice | None, ruling: Ruling | None
) -> tuple[Doubt, ...]:
    after = ruling is not None and any(arrival.arrived_at >= ruling.at for arrival in arrivals)
    found = {
        Doubt.FORKED: device is not None and device.forked,
        Doubt.SUSPENDED: after and ruling is not None and ruling.ruling is RulingKind.SUSPENDED,
        Doubt.LATE: after and ruling is not None and ruling.ruling is RulingKind.REVOKED,
    }
    return tuple(doubt for doubt, holds in found.items() if holds)


def _marked(marks: Marks, *, unread: bool) -> dict[str, Any]:
    """Return what people did; a correction that nobody has read makes the whole record new again."""
    state = RowState.ACKNOWLEDGED if marks.acknowledged_at else RowState.OPENED
    return {
        "state": RowState.NEW if unread else state,
        "opened_at": marks.opened_at,
        "opened_by": marks.opened_by,
        "acknowledged_at": marks.acknowledged_at,
        "acknowledged_by": marks.acknowledged_by,
    }


def _ended_at(group: Group) -> int:
    if group.screening is not None:
        return group.screening.screening.ended or 0
    return group.contact.event.at if group.contact is not None else group.arrived_at


def _alias(group: Group) -> str:
    if group.screening is not None:
        return group.screening.screening.alias
    return group.contact.event.alias if group.contact is not None else ""


def _acknowledge_by(band: Band, start: int) -> int:
    return int(acknowledge_by(band, datetime.fromtimestamp(start).astimezone()).timestamp())


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Sort: not yet acknowledged before acknowledged; unreadable first, then by band, then by the time left.

    Among the acknowledged the newest stands first. What has no band of its own comes after what has one.
    """

    def rank(row: Row) -> tuple[int, int, int, int, bytes]:
        if row.state is RowState.ACKNOWLEDGED:
            return (1, 0, 0, -row.acknowledged_at, row.key)
        unreadable = row.kind is RowKind.UNREADABLE
        urgency = -1 if row.band is None else int(row.band)
        return (0, 0 if unreadable else 1, -urgency, row.due_at, row.key)

    return sorted(rows, key=rank)
