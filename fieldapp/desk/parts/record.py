"""What was chosen in the inbox: first only its outside; what it says after somebody opened it on purpose."""

from collections.abc import Sequence

import flet as ft

from fieldapp.assets import cards, default_instrument
from fieldapp.codec import ContactReport, ScreeningReport
from fieldapp.desk.parts.alert import examine_button
from fieldapp.desk.parts.answers import (
    answers_card,
    context_lines,
    mismatch_warnings,
    seen_card,
    why_card,
    wish_warnings,
)
from fieldapp.desk.parts.facts import fact_card, fact_line, plain_line
from fieldapp.desk.parts.files import files_card, reads_a_document
from fieldapp.desk.parts.inbox_list import row_name, row_words
from fieldapp.desk.parts.person import identity_card, reach_card
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import (
    agency_words,
    alarm_words,
    doubt_words,
    duration_words,
    finish_words,
    kind_words,
    parts_words,
    quarantine_words,
    withheld_words,
)
from fieldapp.domain.contact import ContactEvent, Direction
from fieldapp.domain.screening import Screening
from fieldapp.domain.triage import Band
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import card
from fieldapp.kit.names import channel_words, outcome_words, seen_by_words
from fieldapp.kit.notices import Urgency, level_badge, notice, status_line
from fieldapp.kit.panes import Pane
from fieldapp.kit.results import SHOWN_LEVEL, band_words
from fieldapp.kit.reveal import hold_to_reveal
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, moment_words
from fieldapp.kit.trying import Trying
from fieldapp.services.desk.inbox import OpenedRecord
from fieldapp.services.desk.inbox_rows import Row, RowKind


def record_pane(state: DeskState, row: Row, trying: Trying, on_back: Handler | None) -> Pane:
    """Return the pane of a row: to be opened, open, or impossible to open."""
    record = state.record if state.record is not None and state.record.row.key == row.key else None
    if row.kind is RowKind.UNREADABLE:
        content = _unreadable(state, row, trying)
    elif record is None:
        content = _closed(state, row)
    else:
        content = _open(state, row, record, trying)
    head = [_badges(state, row), quiet(state, row_words(state.t, row, state)), *trying.shown()]
    return Pane(
        row_name(state.t, row), [*head, *content], on_back=on_back, bottom=_bottom(state, row, record, trying)
    )


def _badges(state: DeskState, row: Row) -> ft.Control:
    if row.level is None or row.band is None:
        return quiet(state, kind_words(state.t, row.kind))
    band = body(state, band_words(default_instrument(), row.band, state.language), strong=True)
    return ft.Row(
        [level_badge(state, SHOWN_LEVEL[row.level]), band],
        spacing=state.theme.gap,
        run_spacing=state.theme.tight,
        wrap=True,
    )


def _bottom(state: DeskState, row: Row, record: OpenedRecord | None, trying: Trying) -> list[ft.Control]:
    t = state.t
    if row.acknowledged_at:
        when, who = _when(state, row.acknowledged_at), isolate(row.acknowledged_by)
        words = t("Acknowledged {when} by {who}.", when=when, who=who)
        done: list[ft.Control] = [status_line(state, ft.Icons.CHECK_ROUNDED, words)]
        return done if record or row.kind is RowKind.UNREADABLE else [*done, _open_button(state, row, trying)]
    if record is None and row.kind is not RowKind.UNREADABLE:
        return [
            quiet(state, t("Opening tells the device that a person read this.")),
            _open_button(state, row, trying),
        ]
    words = t("I will look into it") if row.kind is RowKind.UNREADABLE else t("Acknowledge")
    take = trying.of(state.acknowledge, row.key)
    return [primary_button(state, words, take, icon=ft.Icons.CHECK_ROUNDED, identifier="acknowledge")]


def _open_button(state: DeskState, row: Row, trying: Trying) -> ft.Control:
    words = state.t("Read again") if row.opened_at else state.t("Open and read")
    read = trying.of(state.read, row.key)
    return primary_button(state, words, read, icon=ft.Icons.DRAFTS_OUTLINED, identifier="open-record")


def _closed(state: DeskState, row: Row) -> list[ft.Control]:
    t = state.t
    lines = _outside(state, row)
    parts = parts_words(t, row)
    lines.append(fact_line(state, t("Came with"), parts or t("the answers only")))
    return [*_warnings(state, row), fact_card(state, t("On the outside"), lines)]


def _outside(state: DeskState, row: Row) -> list[ft.Control]:
    t, now = state.t, state.gate.clock.now()
    lines = [
        fact_line(
            state, t("From"), ", ".join(filter(None, (agency_words(t, row.agency), isolate(row.device))))
        ),
        fact_line(state, t("Recorded"), _when(state, row.ended_at) if row.ended_at else t("Unknown")),
        fact_line(state, t("Arrived"), _when(state, row.arrived_at)),
    ]
    if not row.acknowledged_at:
        lines += [
            fact_line(state, t("Acknowledge by"), _when(state, row.acknowledge_by)),
            fact_line(state, t("Act by"), _act_by(state, row, now)),
        ]
    if row.opened_at:
        opened = t("{when}, {who}", when=_when(state, row.opened_at), who=isolate(row.opened_by))
        lines.append(fact_line(state, t("First read"), opened))
    return lines


def _act_by(state: DeskState, row: Row, now: int) -> str:
    left = row.time_left(now)
    if row.band is Band.NOW or row.kind is RowKind.UNREADABLE:
        return state.t("now")
    if left > 0:
        return _when(state, row.due_at)
    return state.t("overdue {time}", time=duration_words(state.t, -left))


def _warnings(state: DeskState, row: Row, said: Sequence[str] = ()) -> list[ft.Control]:
    """Say in one notice what nobody may overlook: of the row, and what the record itself says."""
    t = state.t
    odd_clock = row.from_arrival and row.kind is not RowKind.UNREADABLE
    words = [
        withheld_words(t, row),
        *(t("{doubt}. Call its worker and ask.", doubt=doubt_words(t, doubt)) for doubt in row.doubts),
        t("The device's clock cannot be right: time counts from the arrival.") if odd_clock else "",
        *said,
    ]
    lines = [line for line in words if line]
    return [notice(state, "\n".join(lines), urgency=Urgency.WARNING)] if lines else []


def _unreadable(state: DeskState, row: Row, trying: Trying) -> list[ft.Control]:
    t = state.t
    return [
        notice(state, quarantine_words(t, row.reason), urgency=Urgency.WARNING),
        body(state, t("Nobody can see how urgent it is. Call the worker of this device and ask by voice.")),
        body(state, t("It is kept as it came, and nothing of it was used.")),
        *_warnings(state, row),
        *examine_button(state, row.env_hash, row.reason, trying),
        fact_card(state, t("On the outside"), _outside(state, row)),
    ]


def evidence(state: DeskState, record: OpenedRecord, trying: Trying) -> list[ft.Control]:
    """Return everything that a record says which is kept aside."""
    return [_badges(state, record.row), *_open(state, record.row, record, trying)]


def _open(state: DeskState, row: Row, record: OpenedRecord, trying: Trying) -> list[ft.Control]:
    left: list[ft.Control] = []
    right: list[ft.Control] = []
    if record.screening:
        left += _screening(state, record, record.screening)
    if record.contact:
        left += _contact(state, record.contact)
    # Behind the first card: a picture must not be looked for below twenty answers.
    left[1:1] = files_card(state, record, trying)
    if record.identity:
        right.append(identity_card(state, record.identity))
    if record.safe_contact:
        right.append(reach_card(state, record.safe_contact))
        right += _change_rules(state, row)
    right += [*_links(state, row, record), _where_from(state, row, record), do_not_card(state)]
    said: list[str] = []
    if record.screening:
        said += mismatch_warnings(state, record.screening, agrees=record.agrees)
        said += wish_warnings(state, record.screening.screening)
    columns = _columns(state, left, right, one=reads_a_document(state, record))
    return [*_newer(state, row, record, trying), *_warnings(state, row, said), columns]


def _change_rules(state: DeskState, row: Row) -> list[ft.Control]:
    """Lead to changing how the person is reached; not for a record that is kept aside."""
    if state.open.inbox.case_of(row.key) is None:
        return []
    to = bound(state.go, Screen.CASE_RULES, row.key)
    words = state.t("Change these rules")
    return [secondary_button(state, words, to, icon=ft.Icons.EDIT_OUTLINED, identifier="change-rules")]


def _columns(
    state: DeskState, left: Sequence[ft.Control], right: Sequence[ft.Control], *, one: bool
) -> ft.Control:
    gap, stretch = state.theme.gap, ft.CrossAxisAlignment.STRETCH
    if one or not state.roomy or state.theme.stacked:
        return ft.Column([*left, *right], spacing=gap, horizontal_alignment=stretch)
    return ft.Row(
        [
            ft.Column([*left], spacing=gap, expand=3, horizontal_alignment=stretch),
            ft.Column([*right], spacing=gap, expand=2, horizontal_alignment=stretch),
        ],
        spacing=gap,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def _newer(state: DeskState, row: Row, record: OpenedRecord, trying: Trying) -> list[ft.Control]:
    """Offer what arrived after this was opened; it is not shown, or called read, before somebody asks for it."""

    def parts(of: Row) -> tuple[bool, bool, int, int]:
        return of.has_identity, of.has_safe_contact, of.versions, of.files_whole

    if parts(row) == parts(record.row):
        return []
    words = state.t("More of this record has arrived. Read it.")
    return [notice(state, words, on_click=trying.of(state.read, row.key), identifier="read-more")]


def _screening(state: DeskState, record: OpenedRecord, report: ScreeningReport) -> list[ft.Control]:
    screening = report.screening
    return [
        why_card(state, report, record.because),
        *_finish(state, screening),
        answers_card(state, screening, record.answers),
        *seen_card(state, screening),
    ]


def _finish(state: DeskState, screening: Screening) -> list[ft.Control]:
    """Show how it was ended, and who must not see it: both bind whoever works on the record."""
    t, choice, hidden = state.t, screening.finish, screening.must_not_see
    lines: list[ft.Control] = []
    if choice:
        lines.append(fact_line(state, t("How the worker ended it"), finish_words(t, choice.kind)))
        if choice.reason:
            lines.append(plain_line(state, t("Reason"), isolate(choice.reason)))
    if hidden.agencies:
        named = ", ".join(agency_words(t, agency.value) for agency in sorted(hidden.agencies))
        lines.append(fact_line(state, t("Must not see this"), named, color=state.theme.palette.high.ink))
    if hidden.person:
        lines.append(
            hold_to_reveal(state, t("Must not see this, by name"), hidden.person, identifier="held-withheld")
        )
    return [fact_card(state, t("Wishes and limits"), lines)] if lines else []


def _contact(state: DeskState, report: ContactReport) -> list[ft.Control]:
    t, event, now = state.t, report.event, state.gate.clock.local()
    alarm = (
        [notice(state, alarm_words(t, report.alarm.cause), urgency=Urgency.WARNING)] if report.alarm else []
    )
    lines = [
        fact_line(state, t("What happened"), outcome_words(t, event.outcome)),
        fact_line(state, t("Who made contact"), _began(state, event)),
        fact_line(state, t("By"), channel_words(t, event.channel)),
        fact_line(state, t("Who else sees the device"), seen_by_words(t, event.seen_by)),
    ]
    if event.next_safe:
        lines.append(fact_line(state, t("Next safe time"), moment_words(t, event.next_safe, now)))
    if event.reason:
        lines.append(
            plain_line(
                state, t("Why contact was made although it was not a safe time"), isolate(event.reason)
            )
        )
    if event.note:
        lines.append(plain_line(state, t("Note"), isolate(event.note)))
    return [*alarm, fact_card(state, t("Contact"), lines)]


def _began(state: DeskState, event: ContactEvent) -> str:
    return state.t("The worker") if event.direction is Direction.OUT else state.t("The person")


def _links(state: DeskState, row: Row, record: OpenedRecord) -> list[ft.Control]:
    t, lines = state.t, []
    screening = record.screening.screening if record.screening else None
    if row.continues:
        lines.append(fact_line(state, t("Continues"), isolate(row.continues)))
    elif screening and screening.continues:
        lines.append(
            plain_line(state, t("Continues a record that is not here"), " ".join(screening.continues))
        )
    if screening and screening.handover:
        lines.append(fact_line(state, t("Handover words"), " ".join(screening.handover)))
    if record.earlier:
        count = len(record.earlier)
        lines.append(
            body(
                state,
                state.tn(
                    "This is a correction. {n} earlier version is kept.",
                    "This is a correction. {n} earlier versions are kept.",
                    count,
                ),
            )
        )
    return [fact_card(state, t("Links"), lines)] if lines else []


def _where_from(state: DeskState, row: Row, record: OpenedRecord) -> ft.Control:
    t = state.t
    context = context_lines(state, record.screening) if record.screening else []
    number = fact_line(state, t("Number on the device"), str(record.sealed_seq))
    return fact_card(state, t("Who and when"), [*_outside(state, row), number, *context])


@component
def do_not_card(state: DeskState) -> ft.Control:
    """Keep what must not be done one tap away from every open record."""
    shown, set_shown = ft.use_state(False)
    warning, language = cards()["do_not"], state.language
    lines = [body(state, line[language]) for line in warning.lines] if shown else []
    toggle = quiet_button(
        state,
        warning.title[language],
        bound(set_shown, not shown),
        icon=ft.Icons.BLOCK_ROUNDED,
        identifier="do-not",
    )
    return card(state, [toggle, *lines])


def _when(state: DeskState, at: int) -> str:
    return moment_words(state.t, local_time(at), state.gate.clock.local())
