"""Logging a contact in a few taps: who, what happened, how, when next.

    who -> what -> how -> next -> saved
            +-> distress -> saved        the card stands on the screen before anything is written

What the case's rules already say is chosen beforehand, so that a routine contact is six taps from home. From the
first answer on every tap and every letter is written to the vault, and home offers back what was not saved.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import flet as ft

from fieldapp.domain.contact import Channel, ContactAlarm, Direction, Outcome, SeenBy
from fieldapp.domain.strict import MAX_NOTE
from fieldapp.domain.unfinished import LogStep, OpenContact, note_of
from fieldapp.kit.answer_bar import Option, chips, choice_list
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import note_field, typed
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import list_row
from fieldapp.kit.names import channel_words, direction_words, outcome_words, seen_by_words
from fieldapp.kit.notices import Level, empty_state, level_panel, status_line
from fieldapp.kit.text import isolate
from fieldapp.kit.text import question as large
from fieldapp.services.case_file import Case
from fieldapp.services.filed import Filed
from fieldapp.ui.parts.contact_log import KeptLog, begun, entry_of, first_log, hidden_notices, keep_log
from fieldapp.ui.parts.distress import distress_card
from fieldapp.ui.parts.files import files_part
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.keeping import Edit, altered, use_kept
from fieldapp.ui.parts.names import band_words
from fieldapp.ui.parts.next_moment import moment_chips, other_moment, reason_field, unsafe_notice
from fieldapp.ui.parts.records import progress_words
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.screens.cases import alarm_parts, new_case, safe_moment_words
from fieldapp.ui.state import FieldState, Screen

Done = tuple[Filed, ContactAlarm | None]
"""A contact that was saved, with the alarm that it raised."""

Save = Callable[..., Awaitable[None]]
"""Files the log; it may get one last edit of it."""

_NOT_DONE: Done | None = None


@component
def contact_screen(state: FieldState) -> ft.View:
    """Ask one thing after the other; the place may name a case, or a log that is resumed."""
    about = state.about(Screen.CONTACT)
    trying = use_trying(state)
    done, set_done = ft.use_state(_NOT_DONE)
    kept: KeptLog = use_kept(state, lambda: first_log(state, about), partial(keep_log, state), trying)
    if done:
        return _saved(state, *done)
    log = kept.value
    case = state.open.contacts.case(log.case_id) if log else None
    if log is None or case is None or log.step is LogStep.WHO:
        return _who(state, kept, trying)
    save = partial(_save, state, kept, case, set_done)
    match log.step:
        case LogStep.DISTRESS:
            return _distress(state, log, case, kept, trying, save)
        case LogStep.HOW:
            return _how(state, log, kept, trying)
        case LogStep.NEXT:
            return _next(state, log, case, kept, trying, save)
        case _:
            return _what(state, log, case, kept, trying)


def _to(kept: KeptLog, step: LogStep) -> Handler:
    return bound(kept.keep, altered(step=step))


def _who(state: FieldState, kept: KeptLog, trying: Trying) -> ft.View:
    t = state.t

    async def choose(case: Case) -> None:
        await kept.keep(lambda now: begun(state, case, instead_of=now))

    async def begin() -> None:
        await choose(await new_case(state))

    rows = [
        list_row(
            state,
            isolate(case.alias),
            safe_moment_words(state, case),
            on_click=bound(choose, case),
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


def _what(state: FieldState, log: OpenContact, case: Case, kept: KeptLog, trying: Trying) -> ft.View:
    t = state.t

    async def choose(key: str) -> None:
        outcome = Outcome(key)
        if outcome is Outcome.DISTRESS_WORD:
            await kept.show(altered(outcome=outcome, step=LogStep.DISTRESS))
        else:
            await kept.keep(altered(outcome=outcome, step=LogStep.HOW))

    directions = [Option(direction, direction_words(t, direction)) for direction in Direction]
    outcomes = [Option(outcome, outcome_words(t, outcome)) for outcome in Outcome]
    back = None if isinstance(state.about(Screen.CONTACT), bytes) else _to(kept, LogStep.WHO)
    return framed(
        state,
        [
            status_line(state, ft.Icons.PERSON_OUTLINED, isolate(case.alias)),
            chips(
                state,
                t("Who made contact?"),
                directions,
                frozenset({log.direction}),
                lambda key: kept.keep(altered(direction=Direction(key))),
                identifier="direction",
            ),
            large(state, t("What happened?")),
            choice_list(state, outcomes, log.outcome, choose, identifier="outcome"),
            # Below: it goes away with a tap on the direction, and nothing may then move under the next tap.
            *hidden_notices(state, log, case),
            *trying.shown(),
        ],
        title=t("Log a contact"),
        on_back=back,
    )


def _distress(
    state: FieldState, log: OpenContact, case: Case, kept: KeptLog, trying: Trying, save: Save
) -> ft.View:
    t = state.t
    words = t("The centre is told as soon as there is a network. This does not replace the call.")
    # Nobody is asked for a reason in this moment; that none was asked for is what is written.
    reason = t("Not asked: distress word.") if hidden_notices(state, log, case) else ""
    return framed(
        state,
        [
            level_panel(state, Level.HIGH, band_words(t, "NOW"), t("The distress word was said.")),
            distress_card(state),
            *trying.shown(),
        ],
        title=t("Log a contact"),
        on_back=bound(kept.keep, altered(step=LogStep.WHAT, outcome=None)),
        bottom=[
            status_line(state, ft.Icons.INFO_OUTLINED, words),
            primary_button(
                state, t("Tell the centre"), trying.once(save, altered(reason=reason)), identifier="log-save"
            ),
        ],
    )


def _how(state: FieldState, log: OpenContact, kept: KeptLog, trying: Trying) -> ft.View:
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
                lambda key: kept.keep(altered(channel=Channel(key))),
                identifier="channel",
            ),
            chips(
                state,
                t("Who else sees that device?"),
                seen,
                frozenset({log.seen_by}),
                lambda key: kept.keep(altered(seen_by=SeenBy(key))),
                identifier="seen-by",
            ),
            *trying.shown(),
        ],
        title=t("Log a contact"),
        on_back=_to(kept, LogStep.WHAT),
        bottom=[primary_button(state, t("Continue"), _to(kept, LogStep.NEXT), identifier="log-next")],
    )


def _next(
    state: FieldState, log: OpenContact, case: Case, kept: KeptLog, trying: Trying, save: Save
) -> ft.View:
    t = state.t
    hidden = bool(hidden_notices(state, log, case))
    note = note_field(
        state,
        t("Note, optional"),
        log.note,
        typed(lambda text: kept.show(altered(note=note_of(text)))),
        max_length=MAX_NOTE,
        lines=2,
    )
    return framed(
        state,
        [
            large(state, t("When is the next safe time?")),
            moment_chips(state, log, case, kept),
            *other_moment(state, log, kept),
            *unsafe_notice(state, log, case),
            *([reason_field(state, log, kept)] if hidden else []),
            note,
            files_part(state, log.id),
            *trying.shown(t("Saving.")),
        ],
        title=t("Log a contact"),
        on_back=_to(kept, LogStep.HOW),
        bottom=[
            primary_button(
                state,
                t("Save"),
                trying.once(save) if not hidden or log.reason.strip() else None,
                identifier="log-save",
            )
        ],
    )


async def _save(
    state: FieldState,
    kept: KeptLog,
    case: Case,
    set_done: Callable[[Done], object],
    edit: Edit[OpenContact] = lambda log: log,
) -> None:
    notebook, log = state.open, kept.latest
    if log is None:
        return
    log = edit(log)
    done = await notebook.contacts.log(case, entry_of(log), begun=log)
    notebook.delivery.wake()
    if state.notebook is notebook:
        set_done(done)


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
