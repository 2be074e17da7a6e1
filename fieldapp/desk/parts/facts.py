"""Cards of facts: a heading, then lines of a label with its value."""

from collections.abc import Sequence

import flet as ft

from fieldapp.desk.state import DeskState
from fieldapp.kit.layout import card, divider
from fieldapp.kit.text import body, heading, quiet


def fact_card(state: DeskState, title: str, lines: Sequence[ft.Control]) -> ft.Control:
    """Return a card with a hair line between its lines."""
    ruled = [part for line in lines for part in (divider(state), line)]
    return card(state, [ft.Column([heading(state, title), *ruled[1:]], spacing=state.theme.small)])


def fact_line(
    state: DeskState, label: str, value: str, *, color: str | None = None, below: Sequence[str] = ()
) -> ft.Control:
    """Return a label with its value at the end of the line, and quiet lines below it; `color` is the value's."""
    theme = state.theme
    name, said = body(state, label), body(state, value, strong=color is not None)
    said.color = color or theme.palette.muted
    if theme.stacked:
        head: ft.Control = ft.Column([name, said], spacing=0)
    else:
        # The longer one gets more room: in too little a long word breaks in its middle.
        name.expand, said.expand = (3, 2) if len(label) >= len(value) else (2, 3)
        said.text_align = ft.TextAlign.END
        head = ft.Row([name, said], spacing=theme.gap, vertical_alignment=ft.CrossAxisAlignment.START)
    return ft.Column([head, *(quiet(state, line) for line in below)], spacing=theme.tight)


def plain_line(state: DeskState, label: str, value: str) -> ft.Control:
    """Return a quiet label with text below it, for what is longer than a word or two."""
    return ft.Column([quiet(state, label), body(state, value)], spacing=0)
