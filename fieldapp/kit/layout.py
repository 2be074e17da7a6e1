"""The scaffold of every screen, and the parts that arrange its content.

What the eye reads stands at the top, what the thumb does at the bottom. One primary action a screen. On
every unlocked screen the cover button is in the same place, the top right corner, and a long press on the
bottom edge covers as well. While the interface is veiled, `screen` returns a blank view whatever it was given:
the tree then holds nothing of a record. A question (`Interface.ask`) is shown in place of the screen that asks it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import flet as ft

from fieldapp.kit.buttons import Look, danger_button, icon_button, pressable, primary_button, secondary_button
from fieldapp.kit.interface import Handler, Interface, Question, bound
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.kit.theme import Width


@dataclass(frozen=True, slots=True)
class Progress:
    """Place in a row of steps: "5 of 20" and a bar. Counts from 1."""

    step: int
    steps: int


def screen(
    ui: Interface,
    route: str,
    content: Sequence[ft.Control],
    *,
    title: str = "",
    step: Progress | None = None,
    on_back: Handler | None = None,
    actions: Sequence[ft.Control] = (),
    bottom: Sequence[ft.Control] = (),
    side: ft.Control | None = None,
    wide: bool = False,
    unlocked: bool = True,
) -> ft.View:
    """Return a whole screen.

    Args:
        ui: the session's interface; its width class decides the arrangement.
        route: the path of the screen, such as ``/home``.
        content: what is read, top to bottom; it scrolls.
        title: a large title on a first-level screen; a small one beside the back arrow elsewhere.
        step: place in a row of steps, shown instead of a title.
        on_back: handler of the back arrow; without it there is none.
        actions: at most two more `icon_button`, left of the cover button.
        bottom: the thumb zone; it stays where it is while the content scrolls.
        side: navigation shown left of the content on desktops only.
        wide: use the whole width of a desktop (the desk's lists) instead of a column for reading.
        unlocked: false on the lock screen and before, where there is nothing to cover.

    """

    def draw(covers: bool) -> ft.Control:
        centred = _centred(
            ui, column(ui, top_bar(ui, title, step, on_back, actions, covers), content, bottom), wide=wide
        )
        return beside(ui, side, centred)

    return shell(ui, route, draw, unlocked=unlocked)


def shell(ui: Interface, route: str, draw: Callable[[bool], ft.Control], *, unlocked: bool = True) -> ft.View:
    """Return a view with what `draw` returns, or a blank one while nothing may be seen.

    `draw` is not called then; it is told whether a cover button belongs in the top right corner.
    """
    ui.show_arrow(None)
    if ui.ended:
        return _plain_view(
            ui, route, [body(ui, ui.t("This window is closed. The app is open in another one."))]
        )
    if ui.veiled:
        return _plain_view(ui, route, [])
    covers = unlocked and ui.cover is not None
    edge = [_cover_edge(ui)] if covers else []
    drawn = _or_question(ui, draw(covers), covers)
    return ft.View(
        route=route,
        padding=0,
        spacing=0,
        bgcolor=ui.theme.palette.paper,
        controls=[ft.SafeArea(ft.Column([drawn, *edge], spacing=0, expand=True), expand=True)],
    )


def _or_question(ui: Interface, drawn: ft.Control, covers: bool) -> ft.Control:
    """Return what a screen has `drawn`, or what stands in its place: a question, or something like a viewfinder.

    A question is no dialog of Flet's: a dialog is a route of its own in Flutter's navigator, and when the view below it
    is replaced at the same moment (locking does that) Flet 1.0.5 can lose hold of it: it stays above the lock screen
    (`docs/adr/0029`). The screen itself waits unseen: it cannot be pressed, reached by Tab or read out.
    """
    asking, instead = ui.asking, ui.instead
    # Always the same tree, so that what was typed on the screen stays. Without opacity Flutter draws nothing and tells
    # screen readers nothing; an `ft.Semantics` around everything would run the texts of a screen together.
    waits = asking is not None or instead is not None
    below = ft.Container(drawn, opacity=0.0 if waits else 1.0, disabled=waits, ignore_interactions=waits)
    layers: list[ft.Control] = [below]
    if asking is not None:
        layers.append(_question(ui, asking, covers))
    elif instead is not None:
        layers.append(instead(covers))
    return ft.Stack(layers, fit=ft.StackFit.EXPAND, expand=True)


def in_place(
    ui: Interface,
    content: Sequence[ft.Control],
    *,
    title: str,
    covers: bool,
    on_back: Handler | None = None,
    bottom: Sequence[ft.Control] = (),
) -> ft.Control:
    """Return what `Interface.instead` draws, arranged as a screen."""
    bar = top_bar(ui, title, None, on_back, (), covers)
    return _centred(ui, column(ui, bar, content, bottom), wide=False)


def _question(ui: Interface, asking: Question, covers: bool) -> ft.Control:
    yes, no = (bound(partial(ui.decide, asking, yes=answer)) for answer in (True, False))
    button = danger_button if asking.danger else primary_button
    bottom = [
        button(ui, asking.yes, yes, identifier="confirm-yes"),
        secondary_button(ui, asking.no, no, identifier="confirm-no"),
    ]
    bar = top_bar(ui, "", None, no, (), covers)
    return _centred(
        ui, column(ui, bar, [large(ui, asking.title), body(ui, asking.words)], bottom), wide=False
    )


def beside(ui: Interface, side: ft.Control | None, main: ft.Control) -> ft.Control:
    """Return `main` with the navigation `side` left of it, where the window is wide enough for both."""
    if side is None or ui.width is not Width.DESKTOP:
        return main
    left = ft.Container(side, width=ui.theme.fit(ui.theme.side_width), padding=ui.theme.gap)
    return ft.Row([left, main], spacing=0, expand=True, vertical_alignment=ft.CrossAxisAlignment.STRETCH)


def column(
    ui: Interface, bar: ft.Control, content: Sequence[ft.Control], bottom: Sequence[ft.Control] = ()
) -> ft.Control:
    """Return a bar, content that scrolls below it, and a thumb zone that stays where it is."""
    theme = ui.theme
    # The label of a field stands above its edge: it needs room below the top bar.
    scrolled = [ft.Container(height=theme.tight), *_trouble(ui), *content]
    if theme.stacked:
        # With very large text a fixed bottom would leave no room to read: everything scrolls.
        parts = [bar, _scrolling(ui, [*scrolled, *bottom])]
    else:
        zone = [ft.Column([*bottom], spacing=theme.gap)] if bottom else []
        parts = [bar, _scrolling(ui, scrolled), *zone]
    return ft.Column(parts, spacing=theme.gap, expand=True)


def _plain_view(ui: Interface, route: str, controls: list[ft.Control]) -> ft.View:
    return ft.View(
        route=route,
        bgcolor=ui.theme.palette.paper,
        padding=ui.theme.side,
        vertical_alignment=ft.MainAxisAlignment.CENTER,
        controls=[*controls],
    )


def _centred(ui: Interface, content: ft.Control, *, wide: bool) -> ft.Control:
    theme = ui.theme
    padding = ft.Padding.only(left=theme.side, right=theme.side, top=theme.small, bottom=theme.gap)
    box = ft.Container(content, padding=padding, expand=True)
    if ui.phone or wide:
        return box
    box.expand = None
    box.width = theme.content_width
    return ft.Row(
        [box],
        alignment=ft.MainAxisAlignment.CENTER,
        vertical_alignment=ft.CrossAxisAlignment.STRETCH,
        expand=True,
        spacing=0,
    )


def _scrolling(ui: Interface, controls: list[ft.Control]) -> ft.Control:
    return ft.Column(
        controls,
        spacing=ui.theme.gap,
        scroll=ft.ScrollMode.AUTO,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _trouble(ui: Interface) -> list[ft.Control]:
    if not ui.trouble:
        return []

    def dismiss() -> None:
        ui.trouble = False

    words = ui.t("That did not work. What you saved before is safe. Try again.")
    return [notice(ui, words, urgency=Urgency.WARNING, on_click=dismiss, identifier="trouble")]


def top_bar(
    ui: Interface,
    title: str,
    step: Progress | None,
    on_back: Handler | None,
    actions: Sequence[ft.Control],
    covers: bool,
) -> ft.Control:
    """Return the head of a screen or of one of its panes; the cover button is its last part, if it `covers`."""
    theme, t = ui.theme, ui.t
    left: list[ft.Control] = []
    if on_back is not None:
        ui.show_arrow(on_back)
        left.append(icon_button(ui, ft.Icons.ARROW_BACK_ROUNDED, t("Back"), on_back, identifier="back"))
    words = t("{step} of {steps}", step=step.step, steps=step.steps) if step else title
    left.append(ft.Container(_title(ui, words, small=on_back is not None or step is not None), expand=True))
    right = [*actions]
    if covers:
        hide = icon_button(
            ui, ft.Icons.VISIBILITY_OFF_OUTLINED, t("Hide the screen"), ui.cover, identifier="cover"
        )
        right.append(hide)
    bar = ft.Row([*left, *right], spacing=theme.tight, height=None if theme.stacked else theme.target)
    if step is None:
        return bar
    line = ft.ProgressBar(
        value=step.step / step.steps,
        bar_height=theme.progress_bar,
        border_radius=theme.progress_bar,
        color=theme.palette.accent.solid,
        bgcolor=theme.palette.line,
    )
    return ft.Column([bar, line], spacing=theme.small)


def _title(ui: Interface, words: str, *, small: bool) -> ft.Control:
    theme, p = ui.theme, ui.theme.palette
    if small:
        return ft.Text(words, size=theme.text, color=p.muted, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)
    shown = ft.Text(
        words,
        size=theme.title,
        weight=ft.FontWeight.W_600,
        color=p.ink,
        max_lines=3 if theme.stacked else 1,
        overflow=ft.TextOverflow.ELLIPSIS,
    )
    return ft.Semantics(heading_level=1, content=shown)


def _cover_edge(ui: Interface) -> ft.Control:
    return ft.GestureDetector(
        ft.Container(height=ui.theme.edge_zone),
        on_long_press=ui.cover,
        exclude_from_semantics=True,
    )


def section(ui: Interface, label: str, controls: Sequence[ft.Control]) -> ft.Control:
    """A labelled group of content."""
    label_shown = ft.Semantics(heading_level=3, content=quiet(ui, label))
    return ft.Column(
        [ft.Container(height=ui.theme.tight), label_shown, *controls],
        spacing=ui.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def card(ui: Interface, controls: Sequence[ft.Control]) -> ft.Control:
    """Content that belongs together, on a card."""
    theme, p = ui.theme, ui.theme.palette
    return ft.Container(
        ft.Column([*controls], spacing=theme.gap, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        bgcolor=p.card,
        border=ft.Border.all(theme.hair, p.line),
        border_radius=theme.radius_card,
        padding=theme.side,
    )


def list_row(
    ui: Interface,
    title: str,
    detail: str,
    *,
    leading: ft.Control | None = None,
    trailing: str = "",
    trailing_detail: str = "",
    on_click: Handler | None = None,
    selected: bool | None = None,
    identifier: str | None = None,
) -> ft.Control:
    """A row with two lines of text, something before it (`level_shape`, an icon) and two short words after.

    Rows cost: give a list at most 100 of them, with a button for the next page (Flet builds every row).
    """
    theme, p = ui.theme, ui.theme.palette
    middle = ft.Column([body(ui, title, strong=True), quiet(ui, detail)], spacing=0, expand=True)
    parts: list[ft.Control] = [*([leading] if leading else []), middle]
    if trailing or trailing_detail:
        after: list[ft.Control] = [body(ui, trailing, strong=True), quiet(ui, trailing_detail)]
        parts.append(ft.Column(after, spacing=0, horizontal_alignment=ft.CrossAxisAlignment.END))
    row = ft.Row(parts, spacing=theme.gap)
    padding = ft.Padding.symmetric(horizontal=theme.gap + theme.tight, vertical=theme.gap)
    if on_click is None:
        return ft.Container(row, padding=padding)
    look = Look(p.card, p.ink, p.accent.solid if selected else p.line)
    return pressable(ui, row, on_click, look, padding=padding, selected=selected, identifier=identifier)


def fact(ui: Interface, label: str, value: str) -> ft.Control:
    """A label with its value at the end of the line, as in a list of answers."""
    words = body(ui, label)
    words.expand = True
    answer = body(ui, value, color=ui.theme.palette.muted)
    if ui.theme.stacked:
        return ft.Column([words, answer], spacing=0)
    return ft.Row([words, answer], spacing=ui.theme.gap, vertical_alignment=ft.CrossAxisAlignment.START)


def numbered(ui: Interface, number: int, words: str) -> ft.Control:
    """One of a few actions in order."""
    theme, p = ui.theme, ui.theme.palette
    disc = ft.Container(
        ft.Text(str(number), size=theme.quiet, weight=ft.FontWeight.W_600, color=p.on_ink),
        width=theme.fit(theme.icon_large),
        height=theme.fit(theme.icon_large),
        alignment=ft.Alignment.CENTER,
        bgcolor=p.ink,
        border_radius=theme.icon_large,
    )
    text = body(ui, words)
    text.expand = True
    return ft.Row([disc, text], spacing=theme.gap, vertical_alignment=ft.CrossAxisAlignment.START)


def divider(ui: Interface) -> ft.Control:
    """A hair line between rows of one card."""
    return ft.Divider(height=ui.theme.hair, thickness=ui.theme.hair, color=ui.theme.palette.line)


def spacer() -> ft.Control:
    """Free space that pushes what follows to the end of a row."""
    return ft.Container(expand=True)
