"""When the next safe moment is: quick chips, a typed time, and why contact was made when it was not safe."""

from datetime import date, datetime, timedelta
from typing import Any

import flet as ft

from fieldapp.domain.contact import Permission
from fieldapp.domain.strict import MAX_NOTE
from fieldapp.domain.unfinished import OpenContact, line_of, note_of
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.fields import text_field, typed
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.times import day_words, minutes_of, moment_words
from fieldapp.services.case_file import Case
from fieldapp.ui.parts.contact_log import KeptLog, wall_time
from fieldapp.ui.parts.keeping import Edit, altered
from fieldapp.ui.state import FieldState

DAYS_AHEAD = 7
"""Days to choose from for a typed time, today included."""


def moment_chips(state: FieldState, log: OpenContact, case: Case, kept: KeptLog) -> ft.Control:
    """Offer the next safe time of the rules, the same time tomorrow and in a week, and that none was agreed.

    The same time is that of the contact. What was agreed and is none of these, because the log was resumed on another
    day, stands beside them.
    """
    t, now = state.t, wall_time(state)
    same = datetime.combine(now.date(), state.open.contacts.wall_time(log.started).time())
    same = same.replace(second=0, microsecond=0)
    moments = {"tomorrow": same + timedelta(days=1), "week": same + timedelta(days=7)}
    words = {"tomorrow": t("Tomorrow, same time"), "week": t("In a week, same time")}
    window = _next_window(state, case)
    if window:
        moments = {"window": window, **moments}
        words["window"] = t("Next safe time: {moment}", moment=moment_words(t, window, now))
    if log.next_safe and not log.time and log.next_safe not in moments.values():
        moments["agreed"] = log.next_safe
        words["agreed"] = moment_words(t, log.next_safe, now)
    options = [*(Option(key, words[key]) for key in moments), Option("none", t("Not agreed"))]
    chosen = {key for key, moment in moments.items() if moment == log.next_safe}
    if log.next_safe is None:
        chosen = {"none"}
    return chips(
        state,
        t("Agreed with the person"),
        options,
        frozenset(chosen),
        lambda key: kept.keep(altered(next_safe=moments.get(key), day=None, time="")),
        identifier="next",
    )


def _next_window(state: FieldState, case: Case) -> datetime | None:
    """The next moment that the rules call safe; while one is open now, the first one from tomorrow on."""
    contacts, now = state.open.contacts, wall_time(state)
    present = contacts.state(case)
    if not present.may_call:
        return present.next_safe
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0)
    later = contacts.state(case, tomorrow)
    return None if later.may_call else later.next_safe


def unsafe_notice(state: FieldState, log: OpenContact, case: Case) -> list[ft.Control]:
    """Warn when the chosen moment is not safe by the rules."""
    if log.next_safe is None:
        return []
    permission = state.open.contacts.state(case, log.next_safe).permission
    if permission not in (Permission.NEVER_WINDOW, Permission.OUTSIDE_WINDOWS):
        return []
    return [notice(state, state.t("By the rules this is not a safe time."), urgency=Urgency.WARNING)]


def other_moment(state: FieldState, log: OpenContact, kept: KeptLog) -> list[ft.Control]:
    """Take a typed time; the days to choose from appear with it."""
    t, today = state.t, wall_time(state).date()
    day = log.day or today + timedelta(days=1)
    days = [today + timedelta(days=n) for n in range(DAYS_AHEAD)]
    wrong = bool(log.time) and minutes_of(log.time) is None
    typed_time = text_field(
        state,
        t("Or at another time"),
        log.time,
        typed(lambda text: kept.show(_at(day, line_of(text)))),
        error=t("Type a time such as 8:30.") if wrong else None,
    )
    choose = chips(
        state,
        t("On which day?"),
        [Option(str(n), day_words(t, one, today)) for n, one in enumerate(days)],
        frozenset({str((day - today).days)}),
        lambda key: kept.keep(_at(days[int(key)], log.time)),
        identifier="day",
    )
    return [typed_time, choose] if log.time else [typed_time]


def _at(day: date, time: str) -> Edit[Any]:
    """Return the edit that takes a typed time; while it is none yet, what was agreed before stays."""
    minutes = minutes_of(time)
    if minutes is None or minutes == 24 * 60:
        return altered(day=day, time=time)
    midnight = datetime.combine(day, datetime.min.time())
    return altered(day=day, time=time, next_safe=midnight + timedelta(minutes=minutes))


def reason_field(state: FieldState, log: OpenContact, kept: KeptLog) -> ft.Control:
    """Ask why contact was made although the number was hidden: three chips, or typed words."""
    t = state.t
    reasons = {
        "asked": t("The person wanted contact"),
        "centre": t("The centre asked for it"),
        "first": t("First contact, no rules yet"),
    }
    options = [Option(key, words) for key, words in reasons.items()]
    chosen = frozenset(key for key, words in reasons.items() if words == log.reason)
    return ft.Column(
        [
            chips(
                state,
                t("Why was contact made although it was not a safe time?"),
                options,
                chosen,
                lambda key: kept.keep(altered(reason=reasons[key])),
                identifier="reason",
            ),
            text_field(
                state,
                t("Or another reason"),
                "" if chosen else log.reason,
                typed(lambda text: kept.show(altered(reason=note_of(text)))),
                max_length=MAX_NOTE,
            ),
        ],
        spacing=state.theme.gap,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
