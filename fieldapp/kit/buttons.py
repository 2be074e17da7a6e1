"""Everything that is pressed, except the answers. Nothing is smaller than 48 pixels.

A button here is a `ft.Container` with ink: the semantics tree then has role button with the text as its
name, a Tab stop, and Enter and Space work (measured on Flet 1.0.5).
"""

from dataclasses import dataclass

import flet as ft

from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.theme import Tone


@dataclass(frozen=True, slots=True)
class Look:
    """How something that can be pressed is drawn: colours of its ground, its words and its edge."""

    ground: str | None
    words: str
    edge: str | None = None


def pressable(
    ui: Interface,
    content: ft.Control,
    on_click: Handler | None,
    look: Look,
    *,
    height: float | None = None,
    padding: ft.Padding | None = None,
    radius: float | None = None,
    expand: bool = False,
    selected: bool | None = None,
    identifier: str | None = None,
) -> ft.Control:
    """Return `content` as a button; without `on_click` it is shown as not available.

    `selected` is told to screen readers; `identifier` finds it in browser tests.
    """
    theme = ui.theme
    # Not False: inside a wrapping row Flet draws a grey block for it.
    grow = True if expand else None
    box = ft.Container(
        content,
        height=height,
        padding=padding,
        alignment=ft.Alignment.CENTER if height is not None else None,
        bgcolor=look.ground,
        border=ft.Border.all(theme.hair, look.edge) if look.edge else None,
        border_radius=radius if radius is not None else theme.radius,
        ink=on_click is not None,
        on_click=on_click,
        opacity=1.0 if on_click is not None else 0.5,
        expand=grow if identifier is None and selected is None else None,
    )
    if identifier is None and selected is None:
        return box
    marks = ft.Semantics(selected=selected, identifier=identifier, content=box)
    # A part that becomes available is drawn anew: changed in place, Flutter drops it from the semantics tree.
    key = f"{identifier}-{'on' if on_click else 'off'}" if identifier else None
    return ft.MergeSemantics(marks, expand=grow, key=key)


def _labelled(
    ui: Interface, words: str, icon: ft.IconData | None, color: str, *, strong: bool = True
) -> ft.Control:
    theme = ui.theme
    text = ft.Text(
        words,
        size=theme.action if strong else theme.text,
        weight=ft.FontWeight.W_600 if strong else ft.FontWeight.W_500,
        color=color,
        text_align=ft.TextAlign.CENTER,
    )
    if icon is None:
        return text
    return ft.Row(
        [ft.Icon(icon, size=theme.icon, color=color), text],
        alignment=ft.MainAxisAlignment.CENTER,
        spacing=theme.gap,
        tight=True,
        wrap=theme.stacked,
    )


def _action(
    ui: Interface,
    words: str,
    on_click: Handler | None,
    look: Look,
    *,
    icon: ft.IconData | None = None,
    expand: bool = False,
    identifier: str | None = None,
) -> ft.Control:
    return pressable(
        ui,
        _labelled(ui, words, icon, look.words),
        on_click,
        look,
        height=ui.theme.fit(ui.theme.button),
        expand=expand,
        identifier=identifier,
    )


def primary_button(
    ui: Interface,
    words: str,
    on_click: Handler | None,
    *,
    icon: ft.IconData | None = None,
    expand: bool = False,
    identifier: str | None = None,
) -> ft.Control:
    """The one main action of a screen."""
    accent = ui.theme.palette.accent
    look = Look(accent.solid, accent.on_solid)
    return _action(ui, words, on_click, look, icon=icon, expand=expand, identifier=identifier)


def secondary_button(
    ui: Interface,
    words: str,
    on_click: Handler | None,
    *,
    icon: ft.IconData | None = None,
    expand: bool = False,
    identifier: str | None = None,
) -> ft.Control:
    """An action beside the main one."""
    p = ui.theme.palette
    look = Look(p.card, p.ink, p.line)
    return _action(ui, words, on_click, look, icon=icon, expand=expand, identifier=identifier)


def danger_button(
    ui: Interface, words: str, on_click: Handler | None, *, identifier: str | None = None
) -> ft.Control:
    """An action that cannot be undone; always behind `confirm`."""
    high = ui.theme.palette.high
    return _action(ui, words, on_click, Look(high.soft, high.ink), identifier=identifier)


def quiet_button(
    ui: Interface,
    words: str,
    on_click: Handler | None,
    *,
    icon: ft.IconData | None = None,
    identifier: str | None = None,
) -> ft.Control:
    """A small way out or a detail: text only, still 48 pixels high."""
    theme = ui.theme
    return pressable(
        ui,
        _labelled(ui, words, icon, theme.palette.accent.ink, strong=False),
        on_click,
        Look(None, theme.palette.accent.ink),
        height=theme.fit(theme.target),
        padding=ft.Padding.symmetric(horizontal=theme.gap),
        radius=theme.radius_chip,
        identifier=identifier,
    )


def icon_button(
    ui: Interface, icon: ft.IconData, name: str, on_click: Handler | None, *, identifier: str | None = None
) -> ft.Control:
    """A button with a picture only; `name` is what a screen reader says and what hovering shows."""
    theme = ui.theme
    button = ft.IconButton(
        icon=icon,
        icon_color=theme.palette.muted,
        icon_size=theme.icon,
        width=theme.target,
        height=theme.target,
        disabled=on_click is None,
        on_click=on_click,
    )
    # A tooltip of its own would name the parent instead: the label has to be merged into the button.
    return ft.MergeSemantics(ft.Semantics(label=name, identifier=identifier, content=button))


def tile_button(
    ui: Interface,
    icon: ft.IconData,
    title: str,
    detail: str,
    on_click: Handler | None,
    *,
    tone: Tone | None = None,
    identifier: str | None = None,
) -> ft.Control:
    """A large action of the home screen: picture, title and a line that says what to expect.

    With a `tone` it is filled with it (the main action), without it is a card.
    """
    theme, p = ui.theme, ui.theme.palette
    ink, muted = (tone.on_solid, tone.on_solid) if tone else (p.ink, p.muted)
    words = ft.Column(
        [
            ft.Text(title, size=theme.action, weight=ft.FontWeight.W_600, color=ink),
            ft.Text(detail, size=theme.quiet, color=muted),
        ],
        spacing=theme.tight,
        expand=True,
    )
    row = ft.Row([ft.Icon(icon, size=theme.icon_large, color=ink), words], spacing=theme.side)
    return pressable(
        ui,
        row,
        on_click,
        Look(tone.solid if tone else p.card, ink, None if tone else p.line),
        padding=ft.Padding.symmetric(horizontal=theme.side, vertical=theme.side),
        radius=theme.radius_card,
        identifier=identifier,
    )
