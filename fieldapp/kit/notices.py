"""What the app says by itself: states, warnings, errors, waits, levels.

Every error says what happened, what is safe and what to do. Meaning is never carried by colour alone.
"""

import asyncio
from enum import Enum
from typing import Final

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import Look, pressable, secondary_button
from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.text import body, heading, quiet
from fieldapp.kit.theme import Tone

WAIT_BEFORE_PROGRESS: Final = 0.3
"""Seconds: shorter waits show nothing, so that the screen does not flicker."""


class Level(Enum):
    """The three levels of concern of a result, as drawn; the rule that chooses one is in the domain."""

    HIGH = "high"
    SERIOUS = "serious"
    CONCERN = "concern"


_SHAPES: Final = {
    Level.HIGH: ft.Icons.CHANGE_HISTORY_ROUNDED,
    Level.SERIOUS: ft.Icons.CROP_SQUARE_ROUNDED,
    Level.CONCERN: ft.Icons.CIRCLE_OUTLINED,
}


class Urgency(Enum):
    """How loud a notice is: `INFO` and `WARNING` are quiet, `NOW` is the bar that offers help at once."""

    INFO = "info"
    WARNING = "warning"
    NOW = "now"


_NOTICE_ICONS: Final = {
    Urgency.INFO: ft.Icons.INFO_OUTLINED,
    Urgency.WARNING: ft.Icons.ERROR_OUTLINE_ROUNDED,
    Urgency.NOW: ft.Icons.CALL_OUTLINED,
}


def level_tone(ui: Interface, level: Level) -> Tone:
    """Return the colours of `level` in the current theme."""
    p = ui.theme.palette
    return {Level.HIGH: p.high, Level.SERIOUS: p.serious, Level.CONCERN: p.concern}[level]


def level_word(ui: Interface, level: Level) -> str:
    """Return the word for `level` in the current language."""
    t = ui.t
    return {Level.HIGH: t("High"), Level.SERIOUS: t("Serious"), Level.CONCERN: t("Concern")}[level]


def level_shape(ui: Interface, level: Level, *, large: bool = False) -> ft.Control:
    """The shape of `level` (triangle, square, circle) on its soft ground, as at the start of a list row."""
    theme, tone = ui.theme, level_tone(ui, level)
    size = theme.icon_large if large else theme.icon
    return ft.Container(
        ft.Icon(_SHAPES[level], size=size, color=tone.ink),
        width=theme.target,
        height=theme.target,
        alignment=ft.Alignment.CENTER,
        bgcolor=tone.soft,
        border_radius=theme.radius_chip,
    )


def level_badge(ui: Interface, level: Level) -> ft.Control:
    """Word, shape and colour of `level` in one line of text height."""
    theme, tone = ui.theme, level_tone(ui, level)
    row = ft.Row(
        [
            ft.Icon(_SHAPES[level], size=theme.icon_small, color=tone.ink),
            ft.Text(level_word(ui, level), size=theme.quiet, weight=ft.FontWeight.W_600, color=tone.ink),
        ],
        spacing=theme.small,
        tight=True,
    )
    return ft.Container(
        row,
        bgcolor=tone.soft,
        border_radius=theme.radius_chip,
        padding=ft.Padding.symmetric(horizontal=theme.gap, vertical=theme.tight),
    )


def level_panel(ui: Interface, level: Level, band: str, detail: str = "") -> ft.Control:
    """The head of a result: level as word, shape and colour, then `band` ("Act within 24 hours")."""
    theme, tone = ui.theme, level_tone(ui, level)
    title = ft.Row(
        [
            ft.Icon(_SHAPES[level], size=theme.icon_large, color=tone.ink),
            ft.Text(level_word(ui, level), size=theme.question, weight=ft.FontWeight.W_700, color=tone.ink),
        ],
        spacing=theme.gap,
    )
    lines: list[ft.Control] = [
        ft.Semantics(heading_level=2, content=title),
        ft.Text(band, size=theme.action, color=theme.palette.ink),
    ]
    if detail:
        lines.append(ft.Text(detail, size=theme.text, color=theme.palette.ink))
    return ft.Container(
        ft.Column(lines, spacing=theme.small),
        bgcolor=tone.soft,
        border_radius=theme.radius_card,
        padding=theme.side,
    )


def notice(
    ui: Interface,
    words: str,
    *,
    urgency: Urgency = Urgency.INFO,
    icon: ft.IconData | None = None,
    on_click: Handler | None = None,
    identifier: str | None = None,
) -> ft.Control:
    """One line the worker should know; with `on_click` it leads somewhere and shows an arrow."""
    theme, p = ui.theme, ui.theme.palette
    tone = {Urgency.INFO: p.accent, Urgency.WARNING: p.serious, Urgency.NOW: p.high}[urgency]
    parts: list[ft.Control] = [
        ft.Icon(icon or _NOTICE_ICONS[urgency], size=theme.icon, color=tone.ink),
        ft.Text(words, size=theme.text, color=p.ink, expand=True),
    ]
    if on_click is not None:
        parts.append(ft.Icon(ft.Icons.CHEVRON_RIGHT_ROUNDED, size=theme.icon, color=tone.ink))
    row = ft.Row(parts, spacing=theme.gap)
    padding = ft.Padding.all(theme.gap + theme.tight)
    if on_click is None:
        return ft.Container(row, bgcolor=tone.soft, border_radius=theme.radius, padding=padding)
    return pressable(ui, row, on_click, Look(tone.soft, tone.ink), padding=padding, identifier=identifier)


def act_now_bar(ui: Interface, on_click: Handler) -> ft.Control:
    """The quiet bar that offers help at once as soon as a rule for immediate danger fires."""
    return notice(
        ui, ui.t("Act now, finish later"), urgency=Urgency.NOW, on_click=on_click, identifier="act-now"
    )


def status_line(ui: Interface, icon: ft.IconData, words: str) -> ft.Control:
    """A quiet line with a small picture: network, waiting records, "not yet at the centre"."""
    theme = ui.theme
    text = quiet(ui, words)
    text.expand = True
    row: list[ft.Control] = [ft.Icon(icon, size=theme.icon_small, color=theme.palette.muted), text]
    return ft.Row(row, spacing=theme.small)


def error_notice(
    ui: Interface,
    happened: str,
    safe: str,
    to_do: str,
    *,
    action: str | None = None,
    on_click: Handler | None = None,
) -> ft.Control:
    """An error in three sentences: what happened, what is safe, what to do, and a button that does it."""
    theme, p = ui.theme, ui.theme.palette
    lines: list[ft.Control] = [body(ui, happened, strong=True), body(ui, safe), body(ui, to_do)]
    if action is not None:
        lines.append(secondary_button(ui, action, on_click, identifier="error-action"))
    icon = ft.Icon(ft.Icons.ERROR_OUTLINE_ROUNDED, size=theme.icon, color=p.high.ink)
    return ft.Container(
        ft.Row(
            [icon, ft.Column(lines, spacing=theme.small, expand=True)],
            spacing=theme.gap,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        bgcolor=p.card,
        border=ft.Border.all(theme.hair, p.high.solid),
        border_radius=theme.radius,
        padding=theme.side,
    )


def empty_state(
    ui: Interface,
    icon: ft.IconData,
    title: str,
    help_text: str,
    *,
    action: str | None = None,
    on_click: Handler | None = None,
) -> ft.Control:
    """What an empty list shows: what will appear here, and how to begin."""
    theme, p = ui.theme, ui.theme.palette
    help_line = quiet(ui, help_text)
    help_line.text_align = ft.TextAlign.CENTER
    parts: list[ft.Control] = [
        ft.Icon(icon, size=theme.icon_large, color=p.muted),
        heading(ui, title),
        help_line,
    ]
    if action is not None:
        parts.append(secondary_button(ui, action, on_click, identifier="empty-action"))
    return ft.Container(
        ft.Column(parts, spacing=theme.gap, horizontal_alignment=ft.CrossAxisAlignment.CENTER),
        padding=ft.Padding.symmetric(horizontal=theme.side, vertical=theme.wide),
        alignment=ft.Alignment.CENTER,
    )


@component
def progress(ui: Interface, words: str) -> ft.Control:
    """A wait: shows nothing for 0.3 seconds, then a ring with `words` ("Opening. This takes a second.")."""
    shown, set_shown = ft.use_state(False)

    async def show_later() -> None:
        await asyncio.sleep(WAIT_BEFORE_PROGRESS)
        set_shown(True)

    ft.use_effect(show_later, [])
    theme = ui.theme
    if not shown:
        return ft.Container(height=theme.target)
    ring = ft.ProgressRing(
        width=theme.icon, height=theme.icon, stroke_width=theme.stroke, color=theme.palette.accent.solid
    )
    return ft.Row([ring, quiet(ui, words)], spacing=theme.gap, height=theme.target)
