"""How long there is: to act, and for the centre to acknowledge.

Time counts from the end of the screening, or from arrival where the device's clock is implausible.
Acknowledge within: NOW 15 minutes, 24H 4 hours, 72H the next working morning; alert again at half of it.
PLANNED has no time of its own in the rule and takes that of 72H: nothing waits unread for long.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from fieldapp.domain.triage import Band

TIME_TO_ACT = {
    Band.NOW: timedelta(0),
    Band.WITHIN_24H: timedelta(hours=24),
    Band.WITHIN_72H: timedelta(hours=72),
    Band.PLANNED: timedelta(days=14),
}
"""From the end of the screening until the band's time is over."""

TIME_TO_ACKNOWLEDGE = {Band.NOW: timedelta(minutes=15), Band.WITHIN_24H: timedelta(hours=4)}
"""From the same moment until someone must have taken it; other bands: the next working morning."""

WORKING_MORNING = time(9, 0)
"""When a working day begins at the centre, in local wall time."""

EARLIEST_PLAUSIBLE = 1_767_225_600
"""2026-01-01 UTC in epoch seconds: no device had this app before."""

CLOCK_AHEAD = 10 * 60
"""Seconds by which a device's clock may be ahead of the centre's before it is not believed."""

LONGEST_OFFLINE = 60 * 24 * 3600
"""Seconds that a record may have waited on a device before its clock is not believed."""


@dataclass(frozen=True, slots=True)
class Start:
    """The moment from which time counts (epoch seconds), and whether it had to be the arrival."""

    at: int
    from_arrival: bool


def counted_from(ended_at: int, arrived_at: int) -> Start:
    """Choose the moment from which time counts, all in epoch seconds."""
    earliest = max(EARLIEST_PLAUSIBLE, arrived_at - LONGEST_OFFLINE)
    plausible = earliest <= ended_at <= arrived_at + CLOCK_AHEAD
    return Start(ended_at if plausible else arrived_at, not plausible)


def due_at(band: Band, start: int) -> int:
    """Return when the band's time to act is over, in epoch seconds; for NOW that is ``start`` itself."""
    return start + int(TIME_TO_ACT[band].total_seconds())


def acknowledge_by(band: Band, start: datetime, holidays: Collection[date] = frozenset()) -> datetime:
    """Return until when someone at the centre must acknowledge.

    ``start`` is aware and in the centre's time zone, because "morning" is local; so is the answer.
    """
    length = TIME_TO_ACKNOWLEDGE.get(band)
    if length is None:
        return _next_working_morning(start, holidays)
    return _later(start, length)


def alert_again_at(band: Band, start: datetime, holidays: Collection[date] = frozenset()) -> datetime:
    """Return when an unacknowledged record alerts again: at half of the time to acknowledge."""
    whole = acknowledge_by(band, start, holidays).astimezone(UTC) - start.astimezone(UTC)
    return _later(start, whole / 2)


def _later(start: datetime, length: timedelta) -> datetime:
    """Add real time: wall time jumps when summer time begins or ends."""
    return (start.astimezone(UTC) + length).astimezone(start.tzinfo)


def _next_working_morning(start: datetime, holidays: Collection[date]) -> datetime:
    day = start.date()
    while True:
        morning = datetime.combine(day, WORKING_MORNING, start.tzinfo)
        if morning > start and day.weekday() < 5 and day not in holidays:
            return morning
        day += timedelta(days=1)
