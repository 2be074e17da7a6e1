"""The list of the inbox: groups by how soon, each row with shape, word and time left. No name stands in it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import flet as ft

from fieldapp.desk.parts.pages import page_turner
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import (
    agency_inside,
    agency_words,
    doubt_words,
    kind_words,
    parts_words,
    quarantine_words,
    state_words,
    time_left_words,
    withheld_words,
)
from fieldapp.domain.triage import Band
from fieldapp.kit.buttons import Look, pressable
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import section
from fieldapp.kit.notices import empty_state, level_shape, level_tone, level_word
from fieldapp.kit.results import SHOWN_LEVEL
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, past_words
from fieldapp.services.desk.inbox_rows import Row, RowKind, RowState

Choose = Callable[[bytes], object]
"""Called with the key of a row."""


def inbox_list(state: DeskState, chosen: bytes, choose: Choose) -> list[ft.Control]:
    """Return the present page in groups, with the way to the other pages below it."""
    t, page = state.t, state.page
    if not page.rows:
        return [
            empty_state(
                state,
                ft.Icons.INBOX_OUTLINED,
                t("Nothing has arrived"),
                t("What devices send appears here, the most urgent first."),
            )
        ]
    now = state.gate.clock.now()
    groups = [
        section(state, name, [_row(state, row, now, row.key == chosen, choose) for row in rows])
        for name, rows in _groups(t, page.rows)
    ]
    return [*groups, *page_turner(state, page.number, page.pages, page.total, state.turn)]


def _groups(t: Translator, rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Cut the rows, which come in order, where their group changes."""
    for name, members in groupby(rows, lambda row: _group_words(t, row)):
        yield name, list(members)


def _group_words(t: Translator, row: Row) -> str:
    if row.state is RowState.ACKNOWLEDGED:
        return t("Acknowledged")
    if row.kind is RowKind.UNREADABLE:
        return t("Cannot be read: look at these first")
    match row.band:
        case Band.NOW | Band.WITHIN_24H:
            return t("Now and within 24 hours")
        case Band.WITHIN_72H:
            return t("Within 72 hours")
        case _:
            return t("Planned")


def _row(state: DeskState, row: Row, now: int, chosen: bool, choose: Choose) -> ft.Control:
    theme, p = state.theme, state.theme.palette
    done = row.state is RowState.ACKNOWLEDGED
    middle = ft.Column(
        [_name(state, row), quiet(state, row_words(state.t, row, state)), *_more(state, row)],
        spacing=0,
        expand=True,
    )
    content = ft.Row([_shape(state, row), middle, _time(state, row, now)], spacing=theme.gap)
    edge = p.accent.solid if chosen else (None if done else p.line)
    return pressable(
        state,
        content,
        bound(choose, row.key),
        Look(p.card if chosen or not done else None, p.ink, edge),
        padding=ft.Padding.all(theme.gap),
        selected=chosen,
        identifier=f"row-{row.key.hex()[:8]}",
    )


def _shape(state: DeskState, row: Row) -> ft.Control:
    theme, p = state.theme, state.theme.palette
    if row.level is not None:
        return level_shape(state, SHOWN_LEVEL[row.level])
    unreadable = row.kind is RowKind.UNREADABLE
    icon = ft.Icons.REPORT_GMAILERRORRED_ROUNDED if unreadable else ft.Icons.CHAT_BUBBLE_OUTLINE_ROUNDED
    return ft.Container(
        ft.Icon(icon, size=theme.icon, color=p.high.ink if unreadable else p.muted),
        width=theme.target,
        height=theme.target,
        alignment=ft.Alignment.CENTER,
        bgcolor=p.high.soft if unreadable else p.line,
        border_radius=theme.radius_chip,
    )


def _name(state: DeskState, row: Row) -> ft.Control:
    theme = state.theme
    words: list[ft.Control] = [body(state, row_name(state.t, row), strong=True)]
    if row.level is not None:
        shown = SHOWN_LEVEL[row.level]
        ink = level_tone(state, shown).ink
        words.append(
            ft.Text(level_word(state, shown), size=theme.quiet, weight=ft.FontWeight.W_600, color=ink)
        )
    return ft.Row(
        words, spacing=theme.small, run_spacing=0, wrap=True, vertical_alignment=ft.CrossAxisAlignment.CENTER
    )


def row_name(t: Translator, row: Row) -> str:
    """Return the alias of a record, or what it is where it has none."""
    return isolate(row.alias) if row.alias else kind_words(t, row.kind)


def row_words(t: Translator, row: Row, state: DeskState) -> str:
    """Return "Screening, police, 14:05"."""
    at = row.ended_at if row.ended_at and not row.from_arrival else row.arrived_at
    when = past_words(t, local_time(at), state.gate.clock.local())
    kind = kind_words(t, row.kind) if row.alias else ""
    agency = agency_inside(t, row.agency) if kind else agency_words(t, row.agency)
    return ", ".join(filter(None, (kind, agency, when)))


def _more(state: DeskState, row: Row) -> list[ft.Control]:
    t = state.t
    parts = parts_words(t, row)
    lines = [
        quarantine_words(t, row.reason) if row.kind is RowKind.UNREADABLE else "",
        t("With {parts}", parts=parts) if parts else "",
        t("Continues {alias}", alias=isolate(row.continues)) if row.continues else "",
        withheld_words(t, row),
        *(doubt_words(t, doubt) for doubt in row.doubts),
    ]
    return [quiet(state, line) for line in lines if line]


def _time(state: DeskState, row: Row, now: int) -> ft.Control:
    t, p = state.t, state.theme.palette
    left, said = time_left_words(t, row, now), state_words(t, row, now)
    urgent = row.kind is RowKind.UNREADABLE or row.band is Band.NOW or row.time_left(now) <= 0
    lines: list[ft.Control] = []
    if left:
        lines.append(body(state, left, strong=True, color=p.high.ink if urgent else p.ink))
    lines.append(quiet(state, said))
    return ft.Column(lines, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.END)
