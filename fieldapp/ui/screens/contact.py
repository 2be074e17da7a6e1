"""Logging a contact in a few taps: who, what happened, how, when next.

    who -> what -> how -> next -> saved
            +-> distress -> saved        the card stands on the screen before anything is written

What the case's rules already say is chosen beforehand, so that a routine contact is six taps from home.
"""

from collections.abc import Callable
from dataclasses import replace

import flet as ft

from fieldapp.domain.contact import Channel, ContactAlarm, Direction, Outcome, SeenBy
from fieldapp.domain.strict import MAX_NOTE
from fieldapp.kit.answer_bar import Option, chips, choice_list
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import note_field
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import list_row
from fieldapp.kit.names import channel_words, direction_words, outcome_words, seen_by_words
from fieldapp.kit.notices import Level, empty_state, level_panel, status_line
from fieldapp.kit.text import isolate
from fieldapp.kit.text import question as large
from fieldapp.services.contacts import Case
from fieldapp.services.filed import Filed
from fieldapp.ui.parts.contact_log import Keep, Log, Step, begun, hidden_notices
from fieldapp.ui.parts.distress import distress_card
from fieldapp.ui.parts.frame import framed, typed
from fieldapp.ui.parts.names import band_words
from fieldapp.ui.parts.next_moment import moment_chips, other_moment, reason_field, unsafe_notice
from fieldapp.ui.parts.records import progress_words
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.screens.cases import alarm_parts, new_case, safe_moment_words
from fieldapp.ui.state import FieldState, Screen


@component
def contact_screen(state: FieldState) -> ft.View:
    """Ask one thing after the other; the case may be given by the place."""
    about = state.about(Screen.CONTACT)
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
        bottom=[secondary_button(state, t("Someone new"), trying.of(begin), identifier="log-new")],
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
            chips(
                state,
                t("Who made contact?"),
                directions,
                frozenset({log.direction}),
                lambda key: keep(direction=Direction(key)),
                identifier="direction",
            ),
            large(state, t("What happened?")),
            choice_list(state, outcomes, chosen, choose, identifier="outcome"),
            # Below: it goes away with a tap on the direction, and nothing may then move under the next tap.
            *hidden_notices(state, log, case),
        ],
        title=t("Log a contact"),
        on_back=back,
    )


def _distress(state: FieldState, log: Log, case: Case, keep: Keep, trying: Trying) -> ft.View:
    t = state.t
    words = t("The centre is told as soon as there is a network. This does not replace the call.")
    hidden = hidden_notices(state, log, case)
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
                t("How to reach them?"),
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
        bottom=[primary_button(state, t("Continue"), lambda: keep(step=Step.NEXT), identifier="log-next")],
    )


def _next(state: FieldState, log: Log, case: Case, keep: Keep, trying: Trying) -> ft.View:
    t = state.t
    hidden = bool(hidden_notices(state, log, case))
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
            large(state, t("When is the next safe time?")),
            moment_chips(state, log, case, keep),
            *other_moment(state, log, keep),
            *unsafe_notice(state, log, case),
            *([reason_field(state, log, keep)] if hidden else []),
            note,
            *trying.shown(t("Saving.")),
        ],
        title=t("Log a contact"),
        on_back=lambda: keep(step=Step.HOW),
        bottom=[primary_button(state, t("Save"), save, identifier="log-save")],
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
