"""Text in four sizes. Weight, not size, carries the hierarchy within a size."""

import unicodedata
from typing import Final

import flet as ft

from fieldapp.kit.interface import Interface

_ISOLATE: Final = "\u2068"
_POP: Final = "\u2069"


def isolate(words: str) -> str:
    """Wrap `words` (a name, a note) so that its writing direction does not reorder the text around it.

    Uses first-strong isolates (Unicode Standard Annex 9): an Arabic name keeps its place in a Dutch line.
    """
    return f"{_ISOLATE}{words}{_POP}"


def right_to_left(words: str) -> bool:
    """Return whether the first letter with a direction in `words` is written from right to left."""
    for character in words:
        direction = unicodedata.bidirectional(character)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def question(ui: Interface, words: str) -> ft.Control:
    """The one thing a screen asks or says, as its heading."""
    theme = ui.theme
    words_shown = ft.Text(
        words,
        size=theme.question,
        weight=ft.FontWeight.W_600,
        color=theme.palette.ink,
        text_align=ft.TextAlign.RIGHT if right_to_left(words) else ft.TextAlign.START,
        style=ft.TextStyle(height=1.3),
    )
    return ft.Semantics(heading_level=2, content=words_shown)


def heading(ui: Interface, words: str) -> ft.Control:
    """The name of a part of a screen."""
    shown = ft.Text(words, size=ui.theme.action, weight=ft.FontWeight.W_600, color=ui.theme.palette.ink)
    return ft.Semantics(heading_level=3, content=shown)


def body(ui: Interface, words: str, *, strong: bool = False, color: str | None = None) -> ft.Text:
    """Text to read; `color` is a role of the palette, by default ink."""
    return ft.Text(
        words,
        size=ui.theme.text,
        weight=ft.FontWeight.W_600 if strong else None,
        color=color or ui.theme.palette.ink,
        style=ft.TextStyle(height=1.4),
    )


def quiet(ui: Interface, words: str) -> ft.Text:
    """Text that explains, and may be skipped."""
    return ft.Text(words, size=ui.theme.quiet, color=ui.theme.palette.muted, style=ft.TextStyle(height=1.4))


def selectable(ui: Interface, words: str) -> ft.Control:
    """Plain text that can be marked and copied by hand; only for what is no secret.

    Flutter makes an unnamed, disabled field of it, so the words are also its accessible name.
    """
    shown = body(ui, words)
    shown.selectable = True
    return ft.Semantics(label=words, content=shown)
