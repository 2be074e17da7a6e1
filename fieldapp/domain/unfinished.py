"""What was begun about a case and is not filed yet: a contact that is being logged, rules that are being changed.

Both are as immutable as a screening and hold half of something: a time of which two digits are typed, hours without a
day. Neither is ever sealed or sent; filing makes a ``ContactEvent`` or a ``SafeContact`` of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from fieldapp.domain.contact import Channel, Direction, Outcome, SafeContact, SeenBy, Tie
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, clean_text, is_line, is_note
from fieldapp.errors import ContactError


class LogStep(StrEnum):
    """Where the logging of a contact is. The words are final: they are on disk."""

    WHO = "who"
    WHAT = "what"
    DISTRESS = "distress"
    HOW = "how"
    NEXT = "next"


@dataclass(frozen=True, slots=True, repr=False)
class OpenContact:
    """A contact that is being logged: it becomes the ``ContactEvent`` with the same ``id`` (16 bytes).

    ``started`` (epoch seconds) is when the person was chosen. That stays the time of the contact, however much later
    it is saved: a log is begun right after the contact, and may be resumed on another day. ``day`` and ``time`` are
    what was typed for the next safe moment; ``next_safe`` (local wall time) is there once they make one.
    """

    id: bytes
    case_id: bytes
    started: int
    step: LogStep = LogStep.WHAT
    direction: Direction = Direction.OUT
    outcome: Outcome | None = None
    channel: Channel = Channel.CALL
    seen_by: SeenBy = SeenBy.UNKNOWN
    next_safe: datetime | None = None
    day: date | None = None
    time: str = ""
    note: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse ids of the wrong length and texts that would not fit."""
        _require_ids(self.id, self.case_id)
        if not is_line(self.time) or not is_note(self.note) or not is_note(self.reason):
            raise ContactError("A text is too long or holds odd characters.")

    @property
    def said(self) -> bool:
        """Whether anything was answered yet; until then there is nothing to lose."""
        return self.outcome is not None or self.direction is Direction.IN

    def resumed(self, now: datetime) -> OpenContact:
        """Return the log as it is continued at ``now`` (local wall time).

        A next moment that has passed is none, and whoever left where the person is chosen is not asked again.
        """
        if self.step is LogStep.WHO:
            return replace(self, step=LogStep.WHAT).resumed(now)
        passed = self.next_safe is not None and self.next_safe <= now
        if passed or (self.day is not None and self.day < now.date()):
            return replace(self, next_safe=None, day=None, time="")
        return self


@dataclass(frozen=True, slots=True, repr=False)
class Hours:
    """Hours of one's own that are being typed: weekdays from 0 (Monday), from and to as typed."""

    days: frozenset[int] = frozenset()
    start: str = ""
    end: str = ""
    tie: Tie = Tie.NONE
    week_only: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no weekday and texts that would not fit."""
        if not self.days <= frozenset(range(7)) or not is_line(self.start) or not is_line(self.end):
            raise ContactError("Hours have weekdays from 0 to 6 and times of one line.")


@dataclass(frozen=True, slots=True, repr=False)
class OpenRules:
    """Changes of the rules of a case that are not saved yet; ``started`` in epoch seconds, ids 16 bytes.

    ``contact.rules.made_at`` is the time of the last change: what is saved days later is as old as what was said.
    ``who_acts`` is kept apart, so that it outlives a check-in that is taken off and put back.
    """

    id: bytes
    case_id: bytes
    started: int
    contact: SafeContact
    who_acts: str = ""
    safe_hours: Hours | None = None
    never_hours: Hours | None = None

    def __post_init__(self) -> None:
        """Refuse ids of the wrong length and a line that would not fit."""
        _require_ids(self.id, self.case_id)
        if not is_line(self.who_acts):
            raise ContactError("A text is too long or holds odd characters.")


Unfinished = OpenContact | OpenRules
"""Anything that was begun about a case."""


def line_of(text: str) -> str:
    """Return what was typed or pasted as one line that can be stored."""
    return clean_text(text).replace("\n", " ")[:MAX_LINE]


def note_of(text: str) -> str:
    """Return what was typed or pasted as a note that can be stored."""
    return clean_text(text)[:MAX_NOTE]


def _require_ids(*ids: bytes) -> None:
    if any(len(one) != 16 for one in ids):
        raise ContactError("An id has 16 bytes.")
