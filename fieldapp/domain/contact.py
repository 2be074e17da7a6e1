"""Contact with a person at risk: what happened, when a contact is safe, and when it is an alarm.

Times of rules are local wall time (naive datetimes, weekday 0 = Monday, minutes from midnight): a window
means what a clock on the wall says. Whoever has an epoch time converts it before asking. In doubt the
answer is always "do not call": no rules, expired rules and rules from the future all hide the number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from fieldapp.domain.strict import is_line, is_note
from fieldapp.domain.triage import Band, Level
from fieldapp.errors import ContactError

RULES_VALID = timedelta(days=14)
"""How long safe-contact rules hold: lives change; expired means do not call, ask the centre."""

CLOCK_TOLERANCE = timedelta(minutes=10)
"""How far in the future rules may have been made before the clock or the rules are not believed."""

MAX_WINDOWS = 42
"""Windows of a kind: six on each day of the week."""

MINUTES_A_DAY = 24 * 60


class Outcome(StrEnum):
    """What a contact led to."""

    REACHED_SAFE = "reached_safe"
    REACHED_NOT_ALONE = "reached_not_alone"
    SOMEONE_ELSE_ANSWERED = "someone_else_answered"
    NO_ANSWER = "no_answer"
    DISTRESS_WORD = "distress_word"
    OTHER = "other"


class Direction(StrEnum):
    """Who made the contact: the worker (out) or the person (in)."""

    OUT = "out"
    IN = "in"


class Channel(StrEnum):
    """How contact is made."""

    CALL = "call"
    SMS = "sms"
    CHAT = "chat"
    EMAIL = "email"
    IN_PERSON = "in_person"
    OTHER = "other"


class SeenBy(StrEnum):
    """Who else sees the device that a contact reaches."""

    NOBODY = "nobody"
    PARTNER = "partner"
    FAMILY = "family"
    OTHERS = "others"
    UNKNOWN = "unknown"


class Tie(StrEnum):
    """What makes a window safe; tied to school or work it stops in holidays."""

    NONE = "none"
    SCHOOL = "school"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class Window:
    """A weekly stretch of time from ``start`` to before ``end``, in minutes from midnight.

    ``end`` at or before ``start`` runs over midnight into the next day (22:00 to 02:00); ``end`` 1440 is
    midnight itself. Raises ContactError for what is no time of day and for a window without length.
    """

    weekday: int
    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse what is no weekday or no time of day."""
        if not 0 <= self.weekday <= 6:
            raise ContactError("A window's weekday is from 0 (Monday) to 6.")
        if not (
            0 <= self.start < MINUTES_A_DAY and 0 <= self.end <= MINUTES_A_DAY and self.start != self.end
        ):
            raise ContactError("A window needs a start and another end within a day.")

    def on(self, day: date) -> tuple[datetime, datetime] | None:
        """Return start and end of the window that begins on ``day``, or None on another weekday."""
        if day.weekday() != self.weekday:
            return None
        midnight = datetime.combine(day, datetime.min.time())
        length = (self.end - self.start - 1) % MINUTES_A_DAY + 1
        start = midnight + timedelta(minutes=self.start)
        return start, start + timedelta(minutes=length)


@dataclass(frozen=True, slots=True)
class SafeWindow:
    """A window in which contact is safe, until ``valid_until`` (last day it begins on)."""

    window: Window
    valid_until: date | None = None
    tie: Tie = Tie.NONE

    def on(self, day: date, holidays: Collection[date]) -> tuple[datetime, datetime] | None:
        """Return start and end of what begins on ``day``, unless it is over or stopped by a holiday."""
        over = self.valid_until is not None and day > self.valid_until
        stopped = self.tie is not Tie.NONE and day in holidays
        return None if over or stopped else self.window.on(day)


@dataclass(frozen=True, slots=True, repr=False)
class CheckIn:
    """The missed-check-in rule: who acts when nothing was heard for ``after_hours``."""

    after_hours: int
    who_acts: str

    def __post_init__(self) -> None:
        """Refuse a time that is no waiting time."""
        _require_texts(lines=(self.who_acts,))
        if not 1 <= self.after_hours <= 24 * 31:
            raise ContactError("A check-in is due after 1 hour to 31 days.")


@dataclass(frozen=True, slots=True, repr=False)
class ContactRules:
    """How this person can be reached safely; ``made_at`` is local wall time.

    Never-windows hold always, also in holidays: being careful needs no exception. ``who_may_answer``
    and ``what_to_say`` are for when someone else answers; the words are shown only while held.
    """

    made_at: datetime
    safe: tuple[SafeWindow, ...] = ()
    never: tuple[Window, ...] = ()
    who_may_answer: str = ""
    what_to_say: str = ""
    cover_story: str = ""
    code_word: str = ""
    distress_word: str = ""
    voicemail: bool = False
    sms: bool = False
    check_in: CheckIn | None = None

    def __post_init__(self) -> None:
        """Refuse texts and lists that would not fit, and a time that is not plain wall time to the minute."""
        _require_texts(
            lines=(self.code_word, self.distress_word),
            notes=(self.who_may_answer, self.what_to_say, self.cover_story),
        )
        if len(self.safe) > MAX_WINDOWS or len(self.never) > MAX_WINDOWS:
            raise ContactError(f"At most {MAX_WINDOWS} windows of a kind.")
        _require_wall_time(self.made_at)

    @property
    def expires_at(self) -> datetime:
        """When the rules stop to hold."""
        return self.made_at + RULES_VALID


@dataclass(frozen=True, slots=True, repr=False)
class SafeContact:
    """Part (f) of a screening: the channel, who else sees it, one named contact person, the rules."""

    rules: ContactRules
    channel: Channel | None = None
    number: str = ""
    seen_by: SeenBy = SeenBy.UNKNOWN
    contact_person: str = ""

    def __post_init__(self) -> None:
        """Refuse lines that would not fit."""
        _require_texts(lines=(self.number, self.contact_person))


class Permission(StrEnum):
    """Whether the number may be shown now, and if not why."""

    SAFE = "safe"
    NEVER_WINDOW = "never_window"
    OUTSIDE_WINDOWS = "outside_windows"
    EXPIRED = "expired"
    NO_RULES = "no_rules"


@dataclass(frozen=True, slots=True)
class ContactState:
    """Whether contact is safe at a moment; ``next_safe`` is the next one while the rules hold."""

    permission: Permission
    next_safe: datetime | None = None

    @property
    def may_call(self) -> bool:
        """Whether the number may be shown; otherwise logging a contact asks for a reason."""
        return self.permission is Permission.SAFE


def contact_state(
    rules: ContactRules | None, at: datetime, holidays: Collection[date] = frozenset()
) -> ContactState:
    """Say whether contact is safe at ``at`` (local wall time) and, if not, when it is next.

    With safe windows recorded, only they are safe. With never-windows alone, everything outside them is.
    With neither, nothing is known and the number stays hidden.
    """
    if rules is None or not (rules.safe or rules.never):
        return ContactState(Permission.NO_RULES)
    if at >= rules.expires_at or at < rules.made_at - CLOCK_TOLERANCE:
        return ContactState(Permission.EXPIRED)
    permission = _permission(rules, at, holidays)
    if permission is Permission.SAFE:
        return ContactState(permission)
    return ContactState(permission, _next_safe(rules, at, holidays))


def _permission(rules: ContactRules, at: datetime, holidays: Collection[date]) -> Permission:
    # A window that began yesterday may still be open.
    days = (at.date(), at.date() - timedelta(days=1))
    if any(_within(window.on(day), at) for window in rules.never for day in days):
        return Permission.NEVER_WINDOW
    if rules.safe and not any(_within(safe.on(day, holidays), at) for safe in rules.safe for day in days):
        return Permission.OUTSIDE_WINDOWS
    return Permission.SAFE


def _within(span: tuple[datetime, datetime] | None, at: datetime) -> bool:
    return span is not None and span[0] <= at < span[1]


def _next_safe(rules: ContactRules, at: datetime, holidays: Collection[date]) -> datetime | None:
    """Safety can only begin where a safe window starts or a never-window ends: try those in order."""
    moments = sorted(m for m in _boundaries(rules, at, holidays) if at < m < rules.expires_at)
    return next((m for m in moments if _permission(rules, m, holidays) is Permission.SAFE), None)


def _boundaries(rules: ContactRules, at: datetime, holidays: Collection[date]) -> Iterator[datetime]:
    for offset in range(-1, RULES_VALID.days + 1):
        day = at.date() + timedelta(days=offset)
        spans = [safe.on(day, holidays) for safe in rules.safe]
        yield from (span[0] for span in spans if span)
        yield from (span[1] for span in (window.on(day) for window in rules.never) if span)


@dataclass(frozen=True, slots=True, repr=False)
class ContactEvent:
    """One logged contact of a case.

    ``case_id`` is the id of the screening that opened the case; ``at`` is in epoch seconds; ``next_safe``
    is local wall time; ``reason`` says why a contact was made although the number was hidden.
    """

    id: bytes
    case_id: bytes
    alias: str
    at: int
    outcome: Outcome
    direction: Direction
    channel: Channel
    seen_by: SeenBy = SeenBy.UNKNOWN
    next_safe: datetime | None = None
    note: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse ids of the wrong length and texts that would not fit."""
        if len(self.id) != 16 or len(self.case_id) != 16:
            raise ContactError("An id has 16 bytes.")
        _require_texts(lines=(self.alias,), notes=(self.note, self.reason))
        if self.next_safe is not None:
            _require_wall_time(self.next_safe)


class AlarmCause(StrEnum):
    """Why a contact is an alarm."""

    DISTRESS_WORD = "distress_word"
    SOMEONE_ELSE_TWICE = "someone_else_twice"
    MISSED_CHECK_IN = "missed_check_in"


@dataclass(frozen=True, slots=True)
class ContactAlarm:
    """A contact's own level and band, on the same axes as a screening."""

    cause: AlarmCause
    level: Level
    band: Band


def contact_alarm(events: Sequence[ContactEvent], missed: bool = False) -> ContactAlarm | None:
    """Return the strongest alarm of one case, or None; ``missed`` comes from ``missed_check_in``.

    ``events`` stand in the order in which they were logged. An alarm is not taken back by a later quiet
    contact, which may have been forced: people at the centre lower it. The level of the 24-hour alarms
    is our own choice: at least SERIOUS.
    """
    outcomes = [event.outcome for event in events]
    if Outcome.DISTRESS_WORD in outcomes:
        return ContactAlarm(AlarmCause.DISTRESS_WORD, Level.HIGH, Band.NOW)
    else_answered = Outcome.SOMEONE_ELSE_ANSWERED
    if (else_answered, else_answered) in pairwise(outcomes):
        return ContactAlarm(AlarmCause.SOMEONE_ELSE_TWICE, Level.SERIOUS, Band.WITHIN_24H)
    if missed:
        return ContactAlarm(AlarmCause.MISSED_CHECK_IN, Level.SERIOUS, Band.WITHIN_24H)
    return None


def missed_check_in(rules: ContactRules | None, last_safe: datetime | None, at: datetime) -> bool:
    """Say whether a check-in is overdue at ``at``; both times are local wall time.

    ``last_safe`` is the last contact with outcome *reached safe*; without one, the rules' own age
    counts. Expired rules still have their check-in: silence does not become safe with age.
    """
    if rules is None or rules.check_in is None:
        return False
    since = max(last_safe, rules.made_at) if last_safe else rules.made_at
    return at - since > timedelta(hours=rules.check_in.after_hours)


def _require_texts(lines: Sequence[str] = (), notes: Sequence[str] = ()) -> None:
    if not all(map(is_line, lines)) or not all(map(is_note, notes)):
        raise ContactError("A text is too long or holds odd characters.")


def _require_wall_time(moment: datetime) -> None:
    if moment.tzinfo is not None or moment.second or moment.microsecond:
        raise ContactError("A time is local wall time in whole minutes.")
