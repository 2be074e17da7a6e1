"""What the inbox shows: one row for one record, whatever the number of envelopes it came in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from fieldapp.codec import ContactReport, ScreeningReport
from fieldapp.domain.contact import SafeContact
from fieldapp.domain.deadlines import acknowledge_by, counted_from, due_at
from fieldapp.domain.judgement import effective
from fieldapp.domain.screening import Identity
from fieldapp.domain.triage import Band, Level
from fieldapp.errors import CodecError
from fieldapp.services.desk_reading import Part, read_part
from fieldapp.services.desk_records import Arrival, EnrolledDevice, Marks
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


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the inbox. Times in seconds since 1970; 0 where there is none.

    `ended_at` is what the device says; `due_at` counts from it, or from the arrival when `from_arrival` says that the
    device's clock cannot be right. `acknowledge_by`: until when somebody must have taken it on. `continues`: the alias
    of the earlier record that this one continues by its handover words. `versions`: how many corrections came after
    the first. `suspect`: the device was copied or put back. `reason`: the check that an unreadable one failed.
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
    suspect: bool = False
    reason: str = ""

    def time_left(self, now: int) -> int:
        """Return the seconds until the band's time is over: negative when it is overdue."""
        return self.due_at - now


_IN_A_RECORD: Final = frozenset({MsgType.SCREENING, MsgType.CONTACT, MsgType.SAFE_CONTACT, MsgType.IDENTITY})


@dataclass(frozen=True, slots=True)
class Group:
    """All envelopes of one record from one device, and what the newest of each type says."""

    key: bytes
    arrivals: tuple[Arrival, ...]
    parts: Mapping[MsgType, Part] = field(repr=False)
    newest: Mapping[MsgType, Arrival] = field(repr=False)

    @property
    def kind(self) -> RowKind:
        """What the record is about: its main part."""
        for kind in (RowKind.SCREENING, RowKind.CONTACT, RowKind.SAFE_CONTACT):
            if MsgType[kind.name] in self.parts:
                return kind
        return RowKind.IDENTITY

    @property
    def main(self) -> Arrival:
        """The newest envelope of the main part."""
        return self.newest[MsgType[self.kind.name]]

    @property
    def header(self) -> Header:
        """The header of the main part."""
        return _header(self.main)

    @property
    def screening(self) -> ScreeningReport | None:
        """The screening, if this is one."""
        part = self.parts.get(MsgType.SCREENING)
        return part if isinstance(part, ScreeningReport) else None

    @property
    def contact(self) -> ContactReport | None:
        """The contact, if this is one."""
        part = self.parts.get(MsgType.CONTACT)
        return part if isinstance(part, ContactReport) else None

    @property
    def identity(self) -> Identity | None:
        """Who the person is, if that was sent."""
        part = self.parts.get(MsgType.IDENTITY)
        return part if isinstance(part, Identity) else None

    @property
    def safe_contact(self) -> SafeContact | None:
        """How the person can be reached, if that was sent."""
        part = self.parts.get(MsgType.SAFE_CONTACT)
        return part if isinstance(part, SafeContact) else None

    @property
    def earlier(self) -> tuple[ScreeningReport | ContactReport, ...]:
        """What the main part said before it was corrected, oldest first."""
        msg_type = self.header.msg_type
        older = (a for a in self.arrivals if _header(a).msg_type is msg_type and a is not self.main)
        parts = (read_part(msg_type, arrival.body) for arrival in older)
        return tuple(part for part in parts if isinstance(part, ScreeningReport | ContactReport))

    @property
    def arrived_at(self) -> int:
        """When the first envelope came."""
        return min(arrival.arrived_at for arrival in self.arrivals)

    @property
    def handover(self) -> tuple[str, str] | None:
        """The words by which a colleague can continue this record."""
        return self.screening.screening.handover if self.screening else None

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


def group_arrivals(arrivals: Iterable[Arrival]) -> tuple[dict[bytes, Group], list[Arrival]]:
    """Put the envelopes of each record together; covers, reports and chunks belong to no record.

    The second list holds what this installation cannot read (any more), so that it is shown as unreadable.
    """
    found: dict[bytes, list[tuple[Arrival, Part]]] = {}
    unreadable = []
    for arrival in arrivals:
        header = arrival.header
        if header is None or header.msg_type not in _IN_A_RECORD:
            continue
        try:
            part = read_part(header.msg_type, arrival.body)
        except CodecError:
            unreadable.append(arrival)
            continue
        found.setdefault(group_key(header.sender_id, header.record_id), []).append((arrival, part))
    return {key: _group(key, group) for key, group in found.items()}, unreadable


def _group(key: bytes, members: Sequence[tuple[Arrival, Part]]) -> Group:
    ordered = sorted(members, key=lambda member: (_header(member[0]).rec_ver, _header(member[0]).seq))
    newest = {_header(arrival).msg_type: arrival for arrival, _ in ordered}
    parts = {_header(arrival).msg_type: part for arrival, part in ordered}
    return Group(key, tuple(arrival for arrival, _ in ordered), parts, newest)


def _header(arrival: Arrival) -> Header:
    if arrival.opened is None:
        raise ValueError("an arrival that nobody vouches for")
    return arrival.opened.header


def judged(group: Group) -> tuple[Level | None, Band | None]:
    """Return level and band: the stronger of what the device stated and of what this desk computes."""
    report = group.screening
    if report is not None:
        override = report.screening.override
        stated, computed = effective(report.result, override), effective(report.screening.result, override)
        return max(stated[0], computed[0]), max(stated[1], computed[1])
    alarm = group.contact.alarm if group.contact else None
    return (alarm.level, alarm.band) if alarm else (None, None)


def row_of(group: Group, device: EnrolledDevice | None, marks: Marks) -> Row:
    """Make the row of a record."""
    level, band = judged(group)
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
        versions=len(group.arrivals) - len(group.newest),
        suspect=device is not None and device.forked,
        **_marked(marks),
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
        suspect=device is not None and device.forked,
        reason=arrival.reason,
        **_marked(marks),
    )


def _marked(marks: Marks) -> dict[str, Any]:
    state = RowState.OPENED if marks.opened_at else RowState.NEW
    return {
        "state": RowState.ACKNOWLEDGED if marks.acknowledged_at else state,
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
