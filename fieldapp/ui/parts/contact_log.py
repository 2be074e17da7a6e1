"""What was tapped so far while a contact is logged, and the warning that goes with a hidden number."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

import flet as ft

from fieldapp.domain.contact import Channel, ContactAlarm, Direction, Outcome, SeenBy
from fieldapp.domain.strict import clean_text
from fieldapp.kit.names import permission_words
from fieldapp.kit.notices import Urgency, notice
from fieldapp.services.contacts import Case, Entry
from fieldapp.services.filed import Filed
from fieldapp.ui.state import FieldState


class Step(Enum):
    """Where the log is."""

    WHO = auto()
    WHAT = auto()
    DISTRESS = auto()
    HOW = auto()
    NEXT = auto()
    SAVED = auto()


@dataclass(frozen=True, slots=True)
class Log:
    """What was tapped so far. Kept in the screen alone: locking forgets it, nothing of it was promised."""

    step: Step
    case: Case | None = field(default=None, repr=False)
    direction: Direction = Direction.OUT
    outcome: Outcome = Outcome.OTHER
    channel: Channel = Channel.CALL
    seen_by: SeenBy = SeenBy.UNKNOWN
    next_safe: datetime | None = None
    day: int = 1
    time: str = ""
    note: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)
    saved: Filed | None = field(default=None, repr=False)
    alarm: ContactAlarm | None = None

    def entry(self) -> Entry:
        """Return what the service logs."""
        return Entry(
            outcome=self.outcome,
            direction=self.direction,
            channel=self.channel,
            seen_by=self.seen_by,
            next_safe=self.next_safe,
            note=clean_text(self.note),
            reason=clean_text(self.reason),
        )


def begun(case: Case) -> Log:
    """Return the log of a contact with `case`: what its rules say is chosen."""
    contact = case.contact
    return Log(
        Step.WHAT,
        case,
        channel=(contact.channel if contact else None) or Channel.CALL,
        seen_by=contact.seen_by if contact else SeenBy.UNKNOWN,
    )


Keep = Callable[..., None]
"""Changes fields of the log as it is then, so that a quick second tap loses nothing."""


def hidden_notices(state: FieldState, log: Log, case: Case) -> list[ft.Control]:
    """Warn that this is no safe moment, which asks for a reason; nothing when the person made contact."""
    contact = state.open.contacts.state(case)
    if contact.may_call or log.direction is Direction.IN:
        return []
    return [notice(state, permission_words(state.t, contact.permission), urgency=Urgency.WARNING)]


def wall_time(state: FieldState) -> datetime:
    """Return the local time in whole minutes, as windows and next moments are written."""
    return state.open.book.clock.local().replace(second=0, microsecond=0)
