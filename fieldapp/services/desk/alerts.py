"""What is wrong with a device's chain, or with whom it sealed to: to be looked into by a person, never by itself.

An alert holds nothing back and hides nothing: records stand in the inbox and the quarantine whatever is said here. All
of it is computed from what is stored, by the registrar's view alone (numbers and hashes, never a body), so an alert
cannot be lost, and one that settles itself (the missing record arrives) is gone.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from fieldapp.errors import FieldappError, InputError
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.envelopes import Arrival
from fieldapp.services.desk.events import OwnEvent, seal_event
from fieldapp.services.desk.records import EnrolledDevice
from fieldapp.services.desk.rulings import MAX_REASON, ClosedAlert
from sync.chain import Gap
from sync.gap_closed import GapClosed
from sync.primitives import blake
from sync.protocol import GAP_ALERT_AFTER, MsgType, Reason

PAGE_SIZE: Final = 100
MOST_CONFLICTS: Final = 100
"""Pairs of versions that one alert lists; the quarantine holds all of them."""
_MISDIRECTED: Final = frozenset({Reason.RECIPIENTS, Reason.NO_BODY_KEY})


class AlertKind(StrEnum):
    """What is wrong, the gravest first."""

    FORK = "fork"
    """Two different envelopes carry one number, or an envelope contradicts its neighbour."""
    ROLLBACK = "rollback"
    """The numbers fell back: the device continues an older state of its chain."""
    RECIPIENTS = "recipients"
    """A record was sealed to other readers than the rules say, or by an address list that the centre never published."""
    GAP = "gap"
    """Numbers are missing."""
    PUT_BACK = "put_back"
    """A device itself reports that older files were put back on it."""


_RANK: Final = tuple(AlertKind)


class UnknownAlert(FieldappError):
    """There is no such open alert (any more)."""

    advice = "Look at the list again."


@dataclass(frozen=True, slots=True)
class Version:
    """One envelope as the registrar sees it. `counted`: it is the one that stands in the chain."""

    env_hash: bytes
    seq: int
    msg_type: str
    arrived_at: int
    size: int
    counted: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two envelopes that cannot both be true. `known` is None where only a neighbour contradicts."""

    known: Version | None
    other: Version


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to look into. Times in seconds; `since`: from when on it showed.

    `gap` and `proven` (this desk, or its directory, has had the missing records before) are for gaps; `conflicts`
    are for the others, newest first, and `count` says how many there are. `closed_at` is 0 while it is open.
    """

    key: bytes
    kind: AlertKind
    device_id: bytes
    device: str
    agency: str
    since: int
    gap: Gap | None = None
    proven: bool = False
    conflicts: tuple[Conflict, ...] = ()
    count: int = 0
    closed_at: int = 0
    closed_by: str = ""
    reason: str = field(default="", repr=False)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to look into it."""
        return not self.closed_at


@dataclass(frozen=True, slots=True)
class AlertPage:
    """At most 100 alerts. `number` counts from 0; `pages` is at least 1; `waiting` counts all that are open."""

    alerts: tuple[Alert, ...]
    number: int
    pages: int
    total: int
    waiting: int


class Alerts:
    """The alerts room of one desk."""

    def __init__(self, book: DeskBook) -> None:
        self._book = book

    def page(self, number: int = 0) -> AlertPage:
        """Return one page, open alerts first; a page beyond the end is the last one."""
        found = sorted(self._all(), key=_order)
        pages = max(1, -(-len(found) // PAGE_SIZE))
        number = min(max(0, number), pages - 1)
        shown = tuple(found[number * PAGE_SIZE : (number + 1) * PAGE_SIZE])
        return AlertPage(shown, number, pages, len(found), sum(alert.is_open for alert in found))

    def get(self, key: bytes) -> Alert | None:
        """Return one alert, None when there is none by now."""
        return next((alert for alert in self._all() if alert.key == key), None)

    async def close(self, key: bytes, reason: str) -> None:
        """Say why an alert is settled. A gap is explained by a sealed event of this desk's own chain.

        InputError for a reason that is empty or longer than 500 characters; UnknownAlert; VaultError, SealRefused:
        it stays open.
        """
        reason = reason.strip()
        if not reason or len(reason) > MAX_REASON:
            raise InputError("A reason of at most 500 characters is needed.")
        async with self._book.turn:
            alert = self.get(key)
            if alert is None or not alert.is_open:
                raise UnknownAlert("This alert is not open.")
            if alert.gap is not None:
                body = GapClosed(alert.device_id, alert.gap, reason).to_bytes()
                await self._book.write([seal_event(self._book, MsgType.GAP_CLOSED, body)])
            else:
                now, name = self._book.clock.now(), self._book.identity.desk_name
                await self._book.write([ClosedAlert(key, now, name, reason, alert.count)])

    def _all(self) -> list[Alert]:
        kept_aside = [a for a in self._book.quarantined if a.opened is not None]
        found = [*self._gaps(), *self._explained(), *self._forks(kept_aside)]
        return [*found, *self._misdirected(kept_aside), *self._put_back()]

    # --- Gaps ------------------------------------------------------------------------------------------

    def _gaps(self) -> Iterable[Alert]:
        """Return the gaps that are 72 hours old, and at once those of which we know that the records were here."""
        now = self._book.clock.now()
        for device in self._book.devices:
            missing = self.missing(device)
            if not missing:
                continue
            arrived = self._arrival_times(device.device_id)
            for gap in missing:
                shown = [at for seq, at in arrived if seq > gap.last]
                if noted := device.missing_since(gap):
                    shown.append(noted)
                since = min(shown, default=device.last_seen)
                proven = self._had(device, gap)
                if proven or now - since >= GAP_ALERT_AFTER:
                    key = _key(AlertKind.GAP, device.device_id, gap)
                    yield _alert(key, AlertKind.GAP, device, since, gap=gap, proven=proven)

    def missing(self, device: EnrolledDevice) -> tuple[Gap, ...]:
        """Return what is missing of a device's chain, also at its end when we know that there was more."""
        ledger = self._book.ledger(device.device_id)
        highest, known = ledger.highest, self._once_known(device)
        tail = Gap(highest + 1, known)
        if known <= highest or ledger.is_explained(tail):
            return ledger.missing
        return (*ledger.missing, tail)

    def _once_known(self, device: EnrolledDevice) -> int:
        """Return the highest number of which this desk or its directory says that it was here once."""
        directory = self._book.trust.directory.revoked_from(device.device_id)
        return max(device.prekey_seq, (directory or 1) - 1)

    def _had(self, device: EnrolledDevice, gap: Gap) -> bool:
        """Tell whether the missing records were here: they are in no storage any more, and waiting is useless."""
        if gap.first <= self._once_known(device) <= gap.last:
            return True
        after = self._book.ledger(device.device_id).link(gap.last + 1)
        return after is not None and after.prev_hash in self._receipted()

    def _receipted(self) -> frozenset[bytes]:
        """Return the hashes of everything that this desk has told a device it opened."""
        return frozenset(env_hash for marks in self._book.all_marks for env_hash in marks.receipted)

    def _arrival_times(self, device_id: bytes) -> list[tuple[int, int]]:
        linked = (a for a in self._book.all_arrivals if a.linked and a.header)
        return [(a.header.seq, a.arrived_at) for a in linked if a.header and a.header.sender_id == device_id]

    def _explained(self) -> Iterable[Alert]:
        """Return the gaps that somebody explained and that are still missing."""
        for event in self._book.events:
            closed = event.gap_closed
            if closed is None:
                continue
            device = self._book.device(closed.sender)
            ledger = self._book.ledger(closed.sender)
            came = all(ledger.link(seq) for seq in range(closed.gap.first, closed.gap.last + 1))
            if device is not None and not came:
                yield self._closed_gap(event, closed, device)

    def _closed_gap(self, event: OwnEvent, closed: GapClosed, device: EnrolledDevice) -> Alert:
        key = _key(AlertKind.GAP, closed.sender, closed.gap)
        desk = self._book.trust.directory.desk(event.opened.header.sender_id)
        return replace(
            _alert(key, AlertKind.GAP, device, event.at, gap=closed.gap),
            closed_at=event.at,
            closed_by=desk.name if desk else self._book.identity.desk_name,
            reason=closed.reason,
        )

    # --- Forks and false recipients --------------------------------------------------------------------

    def _forks(self, kept_aside: Sequence[Arrival]) -> Iterable[Alert]:
        forks: dict[bytes, list[Arrival]] = defaultdict(list)
        for arrival in kept_aside:
            if arrival.reason == Reason.FORK and arrival.header:
                forks[arrival.header.sender_id].append(arrival)
        for device_id, members in forks.items():
            ledger = self._book.ledger(device_id)
            back = any(a.header and ledger.falls_back(a.header.seq, a.header.prev_hash) for a in members)
            yield from self._grouped(AlertKind.ROLLBACK if back else AlertKind.FORK, device_id, members)

    def _misdirected(self, kept_aside: Sequence[Arrival]) -> Iterable[Alert]:
        found: dict[bytes, list[Arrival]] = defaultdict(list)
        for arrival in kept_aside:
            if arrival.reason in _MISDIRECTED and arrival.header:
                found[arrival.header.sender_id].append(arrival)
        for device_id, members in found.items():
            yield from self._grouped(AlertKind.RECIPIENTS, device_id, members)

    def _put_back(self) -> Iterable[Alert]:
        found: dict[bytes, list[Arrival]] = defaultdict(list)
        for arrival in self._book.received:
            header = arrival.header
            if header and (header.msg_type, arrival.body.get("kind")) == (MsgType.DEVICE_REPORT, "put_back"):
                found[header.sender_id].append(arrival)
        for device_id, members in found.items():
            yield from self._grouped(AlertKind.PUT_BACK, device_id, members)

    def _grouped(self, kind: AlertKind, device_id: bytes, members: list[Arrival]) -> Iterable[Alert]:
        """Return one alert for all of a device, open again when something came after it was closed."""
        device = self._book.device(device_id)
        if device is None:
            return
        # A rollback shows as a fork first, and becomes one when the chain goes on: it stays one alert.
        key = _key(AlertKind.FORK if kind is AlertKind.ROLLBACK else kind, device_id)
        told = kind is AlertKind.PUT_BACK  # a statement of the device: there is nothing to compare
        newest = sorted(members, key=lambda a: (-a.arrived_at, a.hash))
        alert = replace(
            _alert(key, kind, device, min(a.arrived_at for a in members)),
            conflicts=tuple(self._conflict(kind, a) for a in newest[:MOST_CONFLICTS] if not told),
            count=len(members),
        )
        closed = self._book.closed_alert(key)
        if closed is not None and closed.seen >= len(members):
            alert = replace(alert, closed_at=closed.at, closed_by=closed.by, reason=closed.reason)
        yield alert

    def _conflict(self, kind: AlertKind, arrival: Arrival) -> Conflict:
        other = _version(arrival, counted=arrival.linked)
        if kind is AlertKind.RECIPIENTS or arrival.header is None:
            return Conflict(None, other)
        link = self._book.ledger(arrival.header.sender_id).link(other.seq)
        known = self._book.arrival(link.hash) if link else None
        return Conflict(_version(known, counted=True) if known else None, other)


def _version(arrival: Arrival, *, counted: bool) -> Version:
    header = arrival.header
    return Version(
        env_hash=arrival.hash,
        seq=header.seq if header else 0,
        msg_type=header.msg_type.name.lower() if header else "",
        arrived_at=arrival.arrived_at,
        size=len(arrival.envelope),
        counted=counted,
    )


def _alert(
    key: bytes,
    kind: AlertKind,
    device: EnrolledDevice,
    since: int,
    *,
    gap: Gap | None = None,
    proven: bool = False,
) -> Alert:
    return Alert(key, kind, device.device_id, device.name, device.agency, since, gap=gap, proven=proven)


def _key(kind: AlertKind, device_id: bytes, gap: Gap | None = None) -> bytes:
    """Name an alert so that it stays the same one from one look to the next; 16 bytes."""
    numbers = b"".join(n.to_bytes(8, "little") for n in (gap.first, gap.last)) if gap else b""
    return blake(b"fsv1 alert", bytes((_RANK.index(kind),)) + device_id + numbers, n=16)


def _order(alert: Alert) -> tuple[int, int, int, bytes]:
    """Sort: what is open first, the gravest and then the oldest; what is closed by when, the newest first."""
    if not alert.is_open:
        return (1, 0, -alert.closed_at, alert.key)
    return (0, _RANK.index(alert.kind), alert.since, alert.key)
