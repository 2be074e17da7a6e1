"""Sent from here: every finished record, how far it has come, and what to do when it cannot be delivered.

Nothing here blocks: a record that cannot be sent says why and waits, and the others go on.
"""

from datetime import timedelta

import flet as ft

from fieldapp.domain.screening import FinishChoice, FinishKind
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, fact, section
from fieldapp.kit.names import network_words
from fieldapp.kit.notices import (
    Urgency,
    empty_state,
    error_notice,
    level_panel,
    notice,
    status_line,
)
from fieldapp.kit.reveal import hold_to_reveal
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.times import local_time, past_words
from fieldapp.services.filed import Filed, Part, Stage, What
from fieldapp.services.membership import Standing
from fieldapp.ui.parts.carrying import carrying
from fieldapp.ui.parts.files import sent_files
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.names import band_words, level_of, part_words, what_words
from fieldapp.ui.parts.records import progress_words, record_row
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.parts.warnings import device_warnings
from fieldapp.ui.state import FieldState, Screen
from fieldapp.ui.words import refusal_advice, refusal_words, sealing_trouble

PAGE = 50
"""Rows shown at once: Flet builds every row."""
KEEP_LONGER = timedelta(days=7)


@component
def outbox_screen(state: FieldState) -> ft.View:
    """List the records, the newest first."""
    t = state.t
    shown, set_shown = ft.use_state(PAGE)
    trying = use_trying(state)
    records = state.open.book.filed
    if not records:
        help_text = t("What you finish stands here until a person at the centre has opened it, and after.")
        empty = empty_state(state, ft.Icons.OUTBOX_OUTLINED, t("Nothing finished yet"), help_text)
        return framed(state, [*device_warnings(state), empty], title=t("Sent from here"))
    rows = [record_row(state, record) for record in records[:shown]]
    more = quiet_button(state, t("Show more"), lambda: set_shown(shown + PAGE), identifier="more")
    return framed(
        state,
        [
            _network(state),
            *trying.shown(),
            *device_warnings(state),
            *rows,
            *([more] if len(records) > shown else []),
        ],
        title=t("Sent from here"),
        bottom=_send_now(state, trying),
    )


@component
def record_screen(state: FieldState) -> ft.View:
    """Show one record: level, where it is on its way, why it waits, the handover words, its parts."""
    t, trying = state.t, use_trying(state)
    about = state.about(Screen.RECORD)
    record = state.open.book.record(about) if isinstance(about, bytes) else None
    if record is None:
        gone = empty_state(
            state,
            ft.Icons.OUTBOX_OUTLINED,
            t("Not here any more"),
            t("This record is no longer on the device."),
        )
        return framed(state, [gone])
    level = level_of(record)
    made = past_words(t, local_time(record.at), state.open.book.clock.local())
    return framed(
        state,
        [
            heading(state, isolate(record.alias)),
            quiet(state, t("{what}, {time}", what=what_words(t, record), time=made)),
            *([level_panel(state, level, band_words(t, record.band))] if level else []),
            *trying.shown(),
            *_why_it_waits(state, record),
            section(state, t("On its way"), [card(state, _stages(state, record))]),
            *_handover(state, record),
            *sent_files(state, record, trying),
            *_parts(state, record),
            *carrying(state, record, trying),
        ],
        title=t("Record"),
        bottom=_kept_choices(state, record, trying)
        if state.open.book.stage(record) is Stage.KEPT
        else _send_now(state, trying),
    )


def _network(state: FieldState) -> ft.Control:
    t, tn, delivery = state.t, state.tn, state.open.delivery
    waiting = (
        tn("{n} waiting, safe on this device.", "{n} waiting, safe on this device.", delivery.waiting)
        if delivery.waiting
        else t("All sent.")
    )
    words = " ".join(filter(None, (network_words(t, delivery.network), waiting)))
    return status_line(state, ft.Icons.SYNC_ROUNDED, words)


def _send_now(state: FieldState, trying: Trying) -> list[ft.Control]:
    if not state.open.delivery.waiting:
        return []
    if state.open.book.standing.may_enrol:
        enrol = bound(state.go, Screen.ENROL)
        return [primary_button(state, state.t("Enrol this device"), enrol, identifier="enrol")]

    async def send() -> None:
        await state.open.delivery.send_now()

    return [secondary_button(state, state.t("Send now"), trying.of(send), identifier="send-now")]


def _why_it_waits(state: FieldState, record: Filed) -> list[ft.Control]:
    t, book = state.t, state.open.book
    stage = book.stage(record)
    if stage is Stage.LOCAL and book.standing is Standing.SUSPENDED:
        return [notice(state, t("It is sealed and sent as soon as the centre lets this device go on."))]
    if stage is Stage.LOCAL and book.standing.may_enrol:
        return [notice(state, t("It is sealed and sent as soon as this device is enrolled at a centre."))]
    blocked = book.blocked.get(record.record_id)
    if stage <= Stage.SEALED and blocked is not None:
        return [sealing_trouble(t, blocked).notice(state)]
    reason = book.last_reason(record)
    if stage is Stage.SEALED and reason:
        return [
            error_notice(
                state, refusal_words(t, reason), t("It is safe on this device."), refusal_advice(t, reason)
            )
        ]
    if stage < Stage.RECEIVED and record.urgent:
        words = t("Not yet at the centre. Sending this is not an alarm: call if it is urgent.")
        return [notice(state, words, urgency=Urgency.WARNING)]
    return []


def _stages(state: FieldState, record: Filed) -> list[ft.Control]:
    t, theme = state.t, state.theme
    reached = state.open.book.stage(record)
    steps = [
        (Stage.KEPT, t("Safe on this device")),
        (Stage.SEALED, t("Sealed for the centre")),
        (Stage.STORED, t("At the relay")),
        (Stage.RECEIVED, t("At the centre")),
        (Stage.OPENED, progress_words(state, record) if record.opened_at else t("Opened by a person there")),
    ]
    rows: list[ft.Control] = []
    for stage, words in steps:
        done = reached >= stage
        icon = ft.Icons.CHECK_CIRCLE_ROUNDED if done else ft.Icons.RADIO_BUTTON_UNCHECKED
        tint = theme.palette.accent.ink if done else theme.palette.edge
        line = body(state, words, color=theme.palette.ink if done else theme.palette.muted)
        line.expand = True
        rows.append(ft.Row([ft.Icon(icon, size=theme.icon, color=tint), line], spacing=theme.gap))
    return rows


def _handover(state: FieldState, record: Filed) -> list[ft.Control]:
    if not record.handover:
        return []
    t = state.t
    words = quiet(state, t("A colleague who continues this contact types these two words."))
    pair = " ".join(record.handover)
    return [
        section(
            state,
            t("Handover words"),
            [words, hold_to_reveal(state, t("Words"), pair, identifier="handover")],
        )
    ]


def _parts(state: FieldState, record: Filed) -> list[ft.Control]:
    if record.what is not What.SCREENING or not record.parts:
        return []
    rows = [_part(state, part) for part in record.own_parts]
    return [section(state, state.t("Sent in separate parts"), [card(state, rows)])]


def _part(state: FieldState, part: Part) -> ft.Control:
    opened = state.t("opened") if part.opened else state.t("not opened yet")
    return fact(state, part_words(state.t, part.msg_type), opened)


def _kept_choices(state: FieldState, record: Filed, trying: Trying) -> list[ft.Control]:
    t = state.t

    async def release(choice: FinishChoice) -> None:
        await state.open.screenings.release(record.record_id, choice)
        state.open.delivery.wake()

    until = state.open.book.clock.local().date() + KEEP_LONGER
    longer = FinishChoice(FinishKind.KEEP_UNTIL, until=until)
    send = FinishChoice(FinishKind.SEND)
    return [
        secondary_button(
            state, t("Keep it one more week"), trying.of(release, longer), identifier="keep-longer"
        ),
        primary_button(state, t("Send it to the centre"), trying.of(release, send), identifier="release"),
    ]
