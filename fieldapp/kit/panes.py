"""A desk's screen: navigation, a list, and what is chosen in it. Side by side where there is room, else one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import flet as ft

from fieldapp.kit.buttons import Look, pressable
from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.layout import beside, column, shell, top_bar
from fieldapp.kit.text import heading
from fieldapp.kit.theme import Width


@dataclass(frozen=True, slots=True)
class Pane:
    """One column with its own head; `bottom` stays where it is while `content` scrolls."""

    title: str
    content: Sequence[ft.Control]
    on_back: Handler | None = None
    actions: Sequence[ft.Control] = ()
    bottom: Sequence[ft.Control] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """One entry of the navigation. `count` is "" where there is nothing to count; `identifier` finds it in tests."""

    icon: ft.IconData
    words: str
    on_click: Handler
    identifier: str
    selected: bool = False
    count: str = ""


def panes_screen(
    ui: Interface,
    route: str,
    name: str,
    destinations: Sequence[Destination],
    listed: Pane,
    detail: Pane | None = None,
) -> ft.View:
    """Return a screen with `listed`, and `detail` beside it (in its place in a narrow window).

    The navigation with `name` above it stands at the left on desktops; elsewhere it lies below the list.
    """

    def draw(covers: bool) -> ft.Control:
        if ui.roomy:
            main = _side_by_side(ui, listed, detail, covers)
        elif detail is not None:
            main = _pane(ui, detail, covers)
        else:
            below = [] if ui.width is Width.DESKTOP else [_below(ui, destinations)]
            main = _pane(ui, listed, covers, below)
        return beside(ui, _side(ui, name, destinations), main)

    return shell(ui, route, draw)


def _side_by_side(ui: Interface, listed: Pane, detail: Pane | None, covers: bool) -> ft.Control:
    """Draw two panes; a list that stands alone is as wide as one reads, and the cover button stays in its corner."""
    theme = ui.theme
    left = ft.Container(
        _pane(ui, listed, covers=False), width=theme.fit(theme.list_width) if detail else theme.alone_width
    )
    return ft.Row(
        [left, _pane(ui, detail or Pane("", ()), covers)],
        spacing=0,
        expand=True,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _pane(ui: Interface, pane: Pane, covers: bool, below: Sequence[ft.Control] = ()) -> ft.Control:
    theme = ui.theme
    side = theme.gap if ui.roomy else theme.side
    bar = top_bar(ui, pane.title, None, pane.on_back, pane.actions, covers)
    return ft.Container(
        column(ui, bar, pane.content, [*pane.bottom, *below]),
        padding=ft.Padding.only(left=side, right=side, top=theme.small, bottom=theme.gap),
        expand=True,
    )


def _side(ui: Interface, name: str, destinations: Sequence[Destination]) -> ft.Control:
    theme = ui.theme
    head = ft.Container(heading(ui, name), padding=ft.Padding.all(theme.gap))
    return ft.Column(
        [head, *(_entry(ui, destination) for destination in destinations)],
        spacing=theme.tight,
        scroll=ft.ScrollMode.AUTO,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _entry(ui: Interface, destination: Destination) -> ft.Control:
    theme, ink = ui.theme, _ink(ui, destination)
    words = ft.Text(
        destination.words,
        size=theme.text,
        weight=ft.FontWeight.W_600 if destination.selected else None,
        color=ink,
        expand=True,
    )
    count = [ft.Text(destination.count, size=theme.quiet, color=ink)] if destination.count else []
    return pressable(
        ui,
        ft.Row(
            [ft.Icon(destination.icon, size=theme.icon_small, color=ink), words, *count], spacing=theme.gap
        ),
        destination.on_click,
        Look(ui.theme.palette.accent.soft if destination.selected else None, ink),
        height=theme.fit(theme.target),
        padding=ft.Padding.symmetric(horizontal=theme.gap),
        radius=theme.radius_chip,
        selected=destination.selected,
        identifier=destination.identifier,
    )


def _below(ui: Interface, destinations: Sequence[Destination]) -> ft.Control:
    """Draw the navigation of a narrow window: a picture with a word below it for each place."""
    return ft.Row(
        [_tab(ui, destination) for destination in destinations],
        spacing=ui.theme.tight,
        wrap=ui.theme.stacked,
    )


def _tab(ui: Interface, destination: Destination) -> ft.Control:
    theme, ink = ui.theme, _ink(ui, destination)
    mark: list[ft.Control] = [ft.Icon(destination.icon, size=theme.icon, color=ink)]
    if destination.count:
        mark.append(ft.Text(destination.count, size=theme.quiet, weight=ft.FontWeight.W_600, color=ink))
    picture = ft.Column(
        [
            ft.Row(mark, spacing=theme.tight, alignment=ft.MainAxisAlignment.CENTER, tight=True),
            ft.Text(
                destination.words,
                size=theme.quiet,
                color=ink,
                max_lines=1,
                overflow=ft.TextOverflow.ELLIPSIS,
            ),
        ],
        spacing=0,
        alignment=ft.MainAxisAlignment.CENTER,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return pressable(
        ui,
        picture,
        destination.on_click,
        Look(theme.palette.accent.soft if destination.selected else None, ink),
        height=theme.fit(theme.button),
        padding=ft.Padding.symmetric(horizontal=theme.tight),
        radius=theme.radius_chip,
        expand=not theme.stacked,
        selected=destination.selected,
        identifier=destination.identifier,
    )


def _ink(ui: Interface, destination: Destination) -> str:
    p = ui.theme.palette
    return p.accent.ink if destination.selected else p.muted
