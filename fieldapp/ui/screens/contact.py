"""Logging a contact in a few taps: who, what happened, how, when next.

    who -> what -> how -> next -> saved
            +-> distress -> saved        the card stands on the screen before anything is written

What the case's rules already say is chosen beforehand, so that a routine contact is six taps from home.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

import flet as ft

from fieldapp.domain.contact import Channel, ContactAlarm, Direction, Outcome, Permission, SeenBy
from fieldapp.domain.strict import MAX_NOTE, clean_text
from fieldapp.kit.answer_bar import Option, chips, choice_list
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import note_field, text_field
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import list_row
from fieldapp.kit.notices import Level, Urgency, empty_state, level_panel, notice, status_line
from fieldapp.kit.text import isolate
from fieldapp.kit.text import question as large
from fieldapp.services.contacts import Case, Entry
from fieldapp.services.filed import Filed
from fieldapp.ui.parts.distress import distress_card
from fieldapp.ui.parts.frame import framed, typed
from fieldapp.ui.parts.names import (
    band_words,
    channel_words,
    direction_words,
    outcome_words,
    permission_words,
    seen_by_words,
)
from fieldapp.ui.parts.records import progress_words
from fieldapp.ui.parts.times import day_words, minutes_of, moment_words
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.screens.cases import alarm_parts, new_case, safe_moment_words
from fieldapp.ui.state import FieldState

DAYS_AHEAD = 7


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


@component
def contact_screen(state: FieldState) -> ft.View:
    """Ask one thing after the other; the case may be given by the place."""
    about = state.place.about
    given = state.open.contacts.case(about) if isinstance(about, bytes) else None
    first = begun(given) if given else Log(Step.WHO)
    log, set_log = ft.use_state(first)

    def keep(**changes: object) -> None:
        set_log(lambda now: replace(now, **changes))

    trying = use_trying(state)
    if log.case is None:
        return _who(state, set_log, trying)
    match log.step:
        case Step.DISTRESS:
            return _distress(state, log, log.case, keep, trying)
        case Step.HOW:
            return _how(state, log, keep)
        case Step.NEXT:
            return _next(state, log, log.case, keep, trying)
        case Step.SAVED if log.saved:
            return _saved(state, log.saved, log.alarm)
        case _:
            return _what(state, log, log.case, keep, first)


def _who(state: FieldState, begin_with: Callable[[Log], None], trying: Trying) -> ft.View:
    t = state.t

    async def begin() -> None:
        begin_with(begun(await new_case(state)))

    rows = [
        list_row(
            state,
            isolate(case.alias),
            safe_moment_words(state, case),
            on_click=bound(begin_with, begun(case)),
            identifier=f"log-{case.id.hex()[:8]}",
        )
        for case in state.open.contacts.cases
    ]
    return framed(
        state,
        [large(state, t("With whom?")), *trying.shown(), *rows],
        title=t("Log a contact"),
        bottom=[secondary_button(state, t("Somebody new"), trying.of(begin), identifier="log-new")],
    )


def _what(state: FieldState, log: Log, case: Case, keep: Keep, first: Log) -> ft.View:
    t = state.t

    def choose(key: str) -> None:
        outcome = Outcome(key)
        step = Step.DISTRESS if outcome is Outcome.DISTRESS_WORD else Step.HOW
        keep(outcome=outcome, step=step)

    directions = [Option(direction, direction_words(t, direction)) for direction in Direction]
    outcomes = [Option(outcome, outcome_words(t, outcome)) for outcome in Outcome]
    chosen = log.outcome if log.outcome is not first.outcome else None
    back = None if first.case else lambda: keep(step=Step.WHO, case=None)
    return framed(
        state,
        [
            status_line(state, ft.Icons.PERSON_OUTLINED, isolate(case.alias)),
            *_hidden(state, log, case),
            chips(
                state,
                t("Who began it?"),
                directions,
                frozenset({log.direction}),
                lambda key: keep(direction=Direction(key)),
                identifier="direction",
            ),
            large(state, t("What happened?")),
            choice_list(state, outcomes, chosen, choose, identifier="outcome"),
        ],
        title=t("Log a contact"),
        on_back=back,
    )


def _hidden(state: FieldState, log: Log, case: Case) -> list[ft.Control]:
    contact = state.open.contacts.state(case)
    if contact.may_call or log.direction is Direction.IN:
        return []
    return [notice(state, permission_words(state.t, contact.permission), urgency=Urgency.WARNING)]


def _distress(state: FieldState, log: Log, case: Case, keep: Keep, trying: Trying) -> ft.View:
    t = state.t
    words = t("The centre is told as soon as there is a network. This does not replace the call.")
    hidden = _hidden(state, log, case)
    # Nobody is asked for a reason in this moment; that none was asked for is what is written.
    reason = t("Not asked: distress word.") if hidden else ""
    save = trying.once(_save, state, replace(log, reason=reason), case, keep)
    return framed(
        state,
        [
            level_panel(state, Level.HIGH, band_words(t, "NOW"), t("The distress word was said.")),
            distress_card(state),
            *trying.shown(),
        ],
        title=t("Log a contact"),
        on_back=lambda: keep(step=Step.WHAT, outcome=Outcome.OTHER),
        bottom=[
            status_line(state, ft.Icons.INFO_OUTLINED, words),
            primary_button(state, t("Tell the centre"), save, identifier="log-save"),
        ],
    )


def _how(state: FieldState, log: Log, keep: Keep) -> ft.View:
    t = state.t
    channels = [Option(channel, channel_words(t, channel)) for channel in Channel]
    seen = [Option(seen_by, seen_by_words(t, seen_by)) for seen_by in SeenBy]
    return framed(
        state,
        [
            large(state, t("How?")),
            chips(
                state,
                t("By which way?"),
                channels,
                frozenset({log.channel}),
                lambda key: keep(channel=Channel(key)),
                identifier="channel",
            ),
            chips(
                state,
                t("Who else sees that device?"),
                seen,
                frozenset({log.seen_by}),
                lambda key: keep(seen_by=SeenBy(key)),
                identifier="seen-by",
            ),
        ],
        title=t("Log a contact"),
        on_back=lambda: keep(step=Step.WHAT),
        bottom=[primary_button(state, t("Go on"), lambda: keep(step=Step.NEXT), identifier="log-next")],
    )


def _next(state: FieldState, log: Log, case: Case, keep: Keep, trying: Trying) -> ft.View:
    t = state.t
    hidden = bool(_hidden(state, log, case))
    save = trying.once(_save, state, log, case, keep) if not hidden or log.reason.strip() else None
    note = note_field(
        state,
        t("Note, optional"),
        log.note,
        typed(lambda text: keep(note=text)),
        max_length=MAX_NOTE,
        lines=2,
    )
    return framed(
        state,
        [
            large(state, t("When is the next safe moment?")),
            _moments(state, log, case, keep),
            *_other_moment(state, log, keep),
            *_unsafe(state, log, case),
            *([_reason(state, log, keep)] if hidden else []),
            note,
            *trying.shown(t("Saving.")),
        ],
        title=t("Log a contact"),
        on_back=lambda: keep(step=Step.HOW),
        bottom=[primary_button(state, t("Save"), save, identifier="log-save")],
    )


def _moments(state: FieldState, log: Log, case: Case, keep: Keep) -> ft.Control:
    t, now = state.t, _now(state)
    moments = {"tomorrow": now + timedelta(days=1), "week": now + timedelta(days=7)}
    words = {"tomorrow": t("Tomorrow, same time"), "week": t("In a week, same time")}
    window = _next_window(state, case)
    if window:
        moments = {"window": window, **moments}
        words["window"] = t("Next safe time: {moment}", moment=moment_words(t, window, now))
    options = [*(Option(key, words[key]) for key in moments), Option("none", t("Not agreed"))]
    chosen = {key for key, moment in moments.items() if moment == log.next_safe}
    if log.next_safe is None:
        chosen = {"none"}

    def choose(key: str) -> None:
        keep(next_safe=moments.get(key), time="")

    return chips(state, t("Agreed with the person"), options, frozenset(chosen), choose, identifier="next")


def _next_window(state: FieldState, case: Case) -> datetime | None:
    """The next moment that the rules call safe; while one is open now, the first one from tomorrow on."""
    contacts, now = state.open.contacts, _now(state)
    present = contacts.state(case)
    if not present.may_call:
        return present.next_safe
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0)
    later = contacts.state(case, tomorrow)
    return None if later.may_call else later.next_safe


def _unsafe(state: FieldState, log: Log, case: Case) -> list[ft.Control]:
    if log.next_safe is None:
        return []
    permission = state.open.contacts.state(case, log.next_safe).permission
    if permission not in (Permission.NEVER_WINDOW, Permission.OUTSIDE_WINDOWS):
        return []
    return [notice(state, state.t("By the rules this is not a safe time."), urgency=Urgency.WARNING)]


def _other_moment(state: FieldState, log: Log, keep: Keep) -> list[ft.Control]:
    t, now = state.t, _now(state)

    def take(day: int, time: str) -> None:
        minutes = minutes_of(time)
        if minutes is None or minutes == 24 * 60:
            keep(day=day, time=time)
            return
        midnight = now.replace(hour=0, minute=0) + timedelta(days=day)
        keep(day=day, time=time, next_safe=midnight + timedelta(minutes=minutes))

    days = [
        Option(str(n), day_words(t, (now + timedelta(days=n)).date(), now.date())) for n in range(DAYS_AHEAD)
    ]
    wrong = bool(log.time) and minutes_of(log.time) is None
    typed_time = text_field(
        state,
        t("Or at another time"),
        log.time,
        typed(lambda text: take(log.day, text)),
        error=t("Type a time such as 8:30.") if wrong else None,
    )
    chosen = frozenset({str(log.day)})
    choose = chips(
        state, t("On which day?"), days, chosen, lambda key: take(int(key), log.time), identifier="day"
    )
    return [typed_time, choose] if log.time else [typed_time]


def _reason(state: FieldState, log: Log, keep: Keep) -> ft.Control:
    t = state.t
    reasons = {
        "asked": t("The person asked for it"),
        "centre": t("The centre asked for it"),
        "first": t("First contact, no rules yet"),
    }
    options = [Option(key, words) for key, words in reasons.items()]
    chosen = frozenset(key for key, words in reasons.items() if words == log.reason)
    return ft.Column(
        [
            chips(
                state,
                t("Why was contact made although it was not a safe moment?"),
                options,
                chosen,
                lambda key: keep(reason=reasons[key]),
                identifier="reason",
            ),
            text_field(
                state,
                t("Or another reason"),
                "" if chosen else log.reason,
                typed(lambda text: keep(reason=text)),
                max_length=MAX_NOTE,
            ),
        ],
        spacing=state.theme.gap,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


async def _save(state: FieldState, log: Log, case: Case, keep: Keep) -> None:
    notebook = state.open
    record, alarm = await notebook.contacts.log(case, log.entry())
    notebook.delivery.wake()
    if state.notebook is notebook:
        keep(step=Step.SAVED, saved=record, alarm=alarm)


def _saved(state: FieldState, record: Filed, alarm: ContactAlarm | None) -> ft.View:
    t = state.t
    record = state.open.book.record(record.record_id) or record
    done = empty_state(state, ft.Icons.CHECK_CIRCLE_OUTLINED, t("Saved"), progress_words(state, record))
    return framed(
        state,
        [*(alarm_parts(state, alarm) if alarm else []), done],
        title=t("Log a contact"),
        on_back=state.home,
        bottom=[primary_button(state, t("Done"), state.home, identifier="log-done")],
    )


def _now(state: FieldState) -> datetime:
    return state.open.book.clock.local().replace(second=0, microsecond=0)
