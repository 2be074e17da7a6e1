"""Safe-contact rules: in doubt the number stays hidden."""

from datetime import date, datetime, timedelta

import pytest

from fieldapp.domain.contact import (
    AlarmCause,
    Channel,
    CheckIn,
    ContactEvent,
    ContactRules,
    Direction,
    Outcome,
    Permission,
    SafeWindow,
    Tie,
    Window,
    contact_alarm,
    contact_state,
    missed_check_in,
)
from fieldapp.domain.triage import Band, Level
from fieldapp.errors import ContactError

MONDAY = datetime(2026, 11, 23, 9, 0)
SCHOOL = SafeWindow(Window(0, 600, 660), tie=Tie.SCHOOL)  # Monday 10:00 to 11:00
LATE = SafeWindow(Window(4, 22 * 60, 120))  # Friday 22:00 to Saturday 02:00


def rules(*safe: SafeWindow, never: tuple[Window, ...] = (), made_at: datetime = MONDAY) -> ContactRules:
    return ContactRules(made_at=made_at, safe=safe, never=never)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Return a moment ``day`` days after the Monday."""
    return datetime(2026, 11, 23, hour, minute) + timedelta(days=day)


@pytest.mark.parametrize(
    ("when", "permission"),
    [
        (at(0, 9, 59), Permission.OUTSIDE_WINDOWS),
        (at(0, 10), Permission.SAFE),
        (at(0, 10, 59), Permission.SAFE),
        (at(0, 11), Permission.OUTSIDE_WINDOWS),
        (at(1, 10, 30), Permission.OUTSIDE_WINDOWS),
    ],
)
def test_a_window_holds_from_its_start_to_before_its_end(when: datetime, permission: Permission) -> None:
    assert contact_state(rules(SCHOOL), when).permission is permission


def test_a_window_over_midnight_is_open_on_both_days() -> None:
    friday, saturday = at(4, 23), at(5, 1, 59)
    assert all(contact_state(rules(LATE), when).may_call for when in (friday, saturday))
    assert not contact_state(rules(LATE), at(5, 2)).may_call
    assert not contact_state(rules(LATE), at(4, 1)).may_call


def test_a_whole_day_is_a_window() -> None:
    day = rules(SafeWindow(Window(1, 0, 1440)))
    assert contact_state(day, at(1, 0)).may_call
    assert contact_state(day, at(1, 23, 59)).may_call
    assert not contact_state(day, at(2, 0)).may_call


def test_a_never_window_beats_a_safe_one_also_over_midnight_and_in_holidays() -> None:
    never = rules(LATE, never=(Window(4, 23 * 60, 60),))
    state = contact_state(never, at(4, 23, 30), holidays={date(2026, 11, 27)})
    assert state.permission is Permission.NEVER_WINDOW
    assert state.next_safe == at(5, 1)


def test_the_next_safe_moment_skips_holidays_and_windows_that_are_over() -> None:
    holiday = {at(0, 0).date()}
    state = contact_state(rules(SCHOOL), at(0, 10, 30), holiday)
    assert (state.permission, state.next_safe) == (Permission.OUTSIDE_WINDOWS, at(7, 10))
    over = SafeWindow(Window(0, 600, 660), valid_until=at(0, 0).date())
    assert contact_state(rules(over), at(0, 11)).next_safe is None


def test_a_window_not_tied_to_school_or_work_holds_in_holidays() -> None:
    free = SafeWindow(Window(0, 600, 660))
    assert contact_state(rules(free), at(0, 10), {at(0, 0).date()}).may_call


def test_rules_expire_after_14_days_to_the_minute() -> None:
    always = rules(*(SafeWindow(Window(day, 0, 1440)) for day in range(7)))
    assert contact_state(always, MONDAY + timedelta(days=14, minutes=-1)).may_call
    state = contact_state(always, MONDAY + timedelta(days=14))
    assert (state.permission, state.next_safe) == (Permission.EXPIRED, None)


def test_rules_from_the_future_are_not_believed() -> None:
    always = rules(*(SafeWindow(Window(day, 0, 1440)) for day in range(7)))
    assert contact_state(always, MONDAY - timedelta(days=1)).permission is Permission.EXPIRED


def test_no_rules_or_rules_without_windows_hide_the_number() -> None:
    assert contact_state(None, MONDAY).permission is Permission.NO_RULES
    assert not contact_state(rules(), MONDAY).may_call


def test_with_never_windows_alone_the_rest_is_safe() -> None:
    evening = rules(never=(Window(0, 17 * 60, 23 * 60),))
    assert contact_state(evening, at(0, 12)).may_call
    assert contact_state(evening, at(0, 18)).next_safe == at(0, 23)


@pytest.mark.parametrize(
    "bad", [(7, 0, 60), (-1, 0, 60), (0, 60, 60), (0, -1, 60), (0, 1440, 60), (0, 0, 1441)]
)
def test_a_window_that_makes_no_sense_is_refused(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ContactError):
        Window(*bad)


def event(outcome: Outcome) -> ContactEvent:
    return ContactEvent(bytes(16), bytes(16), "heron slate", 0, outcome, Direction.OUT, Channel.CALL)


@pytest.mark.parametrize(
    ("outcomes", "cause", "level", "band"),
    [
        ("distress_word", AlarmCause.DISTRESS_WORD, Level.HIGH, Band.NOW),
        ("distress_word reached_safe", AlarmCause.DISTRESS_WORD, Level.HIGH, Band.NOW),
        (
            "someone_else_answered someone_else_answered",
            AlarmCause.SOMEONE_ELSE_TWICE,
            Level.SERIOUS,
            Band.WITHIN_24H,
        ),
    ],
)
def test_alarms_of_contacts(outcomes: str, cause: AlarmCause, level: Level, band: Band) -> None:
    alarm = contact_alarm([event(Outcome(o)) for o in outcomes.split()], missed=True)
    assert alarm is not None
    assert (alarm.cause, alarm.level, alarm.band) == (cause, level, band)


def test_quiet_contacts_are_no_alarm_and_twice_means_in_a_row() -> None:
    else_ = event(Outcome.SOMEONE_ELSE_ANSWERED)
    assert contact_alarm([else_, event(Outcome.NO_ANSWER), else_]) is None
    assert contact_alarm([]) is None
    missed = contact_alarm([], missed=True)
    assert missed is not None
    assert missed.band is Band.WITHIN_24H


def test_a_check_in_is_missed_after_its_hours_since_the_last_safe_contact() -> None:
    checked = ContactRules(made_at=MONDAY, check_in=CheckIn(24, "duty"))
    assert not missed_check_in(checked, None, MONDAY + timedelta(hours=24))
    assert missed_check_in(checked, None, MONDAY + timedelta(hours=24, minutes=1))
    assert not missed_check_in(checked, at(1, 9), MONDAY + timedelta(hours=30))
    assert not missed_check_in(rules(), None, MONDAY + timedelta(days=30))


def test_nothing_of_a_contact_shows_in_its_repr_or_error() -> None:
    assert "heron" not in repr(event(Outcome.OTHER))
    with pytest.raises(ContactError) as error:
        ContactRules(made_at=MONDAY, cover_story="CANARY" * 1000)
    assert "CANARY" not in str(error.value)
