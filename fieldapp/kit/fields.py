"""The only place that makes text fields and drop-down lists.

Flet leaves autocorrect, suggestions and keyboard learning on, so that a phone's keyboard would remember a
victim's name. Every field here has them off, and no field offers to be filled in. A lint in
``tests/session/test_kit_parts.py`` forbids ``ft.TextField`` and ``ft.Dropdown`` anywhere else, by any name.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final

import flet as ft

from fieldapp.kit.answer_bar import Option
from fieldapp.kit.buttons import icon_button
from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.text import right_to_left
from fieldapp.services.passphrases import PIN_DIGITS

PIN_SIGNS: Final = "[0-9\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\uff10-\uff19]"
"""What a field for a PIN lets through: a keyboard for Arabic, Persian, Hindi or Bengali may type no other digits than its
own, and one for Chinese or Japanese wide ones. `passphrases.meant` reads them all."""


def typed(keep: Callable[[str], object]) -> Handler:
    """Return a handler for a text field's `on_change` that hands the new text to `keep`, and awaits it if need be."""

    async def changed(event: ft.Event[ft.TextField]) -> None:
        result = keep(str(event.data or ""))
        if inspect.isawaitable(result):
            await result

    return changed


def _field(ui: Interface, label: str, value: str, **changes: Any) -> ft.TextField:
    theme, p = ui.theme, ui.theme.palette
    # Bidi: the text itself follows Unicode; the side it stands on follows its first letter.
    align = ft.TextAlign.RIGHT if right_to_left(value) else ft.TextAlign.LEFT
    return ft.TextField(
        # With a key, a notice that appears above leaves it alone: else it is drawn anew, without the focus.
        key=f"field-{label}",
        # The label stands on the upper edge, half of it above the field.
        margin=ft.Margin.only(top=theme.tight),
        label=label,
        value=value,
        text_align=align,
        autocorrect=False,
        enable_suggestions=False,
        enable_ime_personalized_learning=False,
        enable_stylus_handwriting=False,
        smart_dashes_type=False,
        smart_quotes_type=False,
        capitalization=ft.TextCapitalization.NONE,
        autofill_hints=None,
        text_size=theme.text,
        color=p.ink,
        cursor_color=p.accent.solid,
        filled=True,
        fill_color=p.card,
        hover_color=p.card,
        border={
            ft.ControlState.FOCUSED: _border(ui, p.accent.solid, theme.stroke),
            ft.ControlState.ERROR: _border(ui, p.high.ink, theme.stroke),
            ft.ControlState.DEFAULT: _border(ui, p.edge, theme.hair),
        },
        content_padding=ft.Padding.symmetric(
            horizontal=theme.gap + theme.tight, vertical=theme.gap + theme.tight
        ),
        label_style=ft.TextStyle(size=theme.text, color=p.muted),
        helper_style=ft.TextStyle(size=theme.quiet, color=p.muted),
        error_style=ft.TextStyle(size=theme.quiet, color=p.high.ink),
        helper_max_lines=3,
        error_max_lines=3,
        **changes,
    )


def _border(ui: Interface, color: str, width: float) -> ft.InputBorder:
    return ft.OutlineInputBorder(side=ft.BorderSide(width, color), border_radius=ui.theme.radius_chip)


def text_field(
    ui: Interface,
    label: str,
    value: str,
    on_change: Handler,
    *,
    helper: str | None = None,
    error: str | None = None,
    max_length: int | None = None,
    keyboard: ft.KeyboardType = ft.KeyboardType.TEXT,
    on_submit: Handler | None = None,
    autofocus: bool = False,
) -> ft.Control:
    """A line of text, in any script. `on_change` gets an event whose ``data`` is the new text.

    Keep what `on_change` brings in the state and pass it back as `value`: a screen is drawn anew when it is
    veiled or locked. `error` says what to do, not only what is wrong.
    """
    return _field(
        ui,
        label,
        value,
        helper=helper,
        error=error,
        max_length=max_length,
        counter="" if max_length else None,
        keyboard_type=keyboard,
        on_change=on_change,
        on_submit=on_submit,
        autofocus=autofocus,
    )


def number_field(
    ui: Interface,
    label: str,
    value: str,
    on_change: Handler,
    *,
    digits: int,
    helper: str | None = None,
    error: str | None = None,
) -> ft.Control:
    """At most `digits` digits, such as a birth year; the value stays text."""
    return _field(
        ui,
        label,
        value,
        helper=helper,
        error=error,
        max_length=digits,
        counter="",
        keyboard_type=ft.KeyboardType.NUMBER,
        input_filter=ft.InputFilter(r"[0-9]"),
        on_change=on_change,
    )


def note_field(
    ui: Interface,
    label: str,
    value: str,
    on_change: Handler,
    *,
    helper: str | None = None,
    max_length: int | None = None,
    lines: int = 4,
) -> ft.Control:
    """Several lines of text; shows `lines` and grows to twice as many before it scrolls."""
    return _field(
        ui,
        label,
        value,
        helper=helper,
        max_length=max_length,
        multiline=True,
        min_lines=lines,
        max_lines=lines * 2,
        align_label_with_hint=True,
        on_change=on_change,
    )


def password_field(
    ui: Interface,
    label: str,
    value: str,
    on_change: Handler,
    *,
    on_submit: Handler | None = None,
    helper: str | None = None,
    error: str | None = None,
    autofocus: bool = False,
    attempts: int = 0,
) -> ft.Control:
    """A secret, hidden while it is typed, with a button that shows it.

    With another number of `attempts` it is a new field: a browser keeps what was typed in the one before, unseen.
    """
    field = _field(
        ui,
        label,
        value,
        helper=helper,
        error=error,
        password=True,
        can_reveal_password=True,
        on_change=on_change,
        on_submit=on_submit,
        autofocus=autofocus,
    )
    field.key = f"field-{label}-{attempts}"
    return field


def pin_field(
    ui: Interface,
    label: str,
    value: str,
    on_change: Handler,
    *,
    on_submit: Handler | None = None,
    error: str | None = None,
    autofocus: bool = False,
    attempts: int = 0,
) -> ft.Control:
    """A PIN: digits only, in large type on the keyboard of digits; hidden while it is typed, with a button that shows it.

    They may be of another script than Latin, see `PIN_SIGNS`. `attempts` as in `password_field`.
    """
    field = _field(
        ui,
        label,
        value,
        error=error,
        password=True,
        can_reveal_password=True,
        keyboard_type=ft.KeyboardType.NUMBER,
        input_filter=ft.InputFilter(PIN_SIGNS),
        max_length=PIN_DIGITS[1],
        counter="",
        on_change=on_change,
        on_submit=on_submit,
        autofocus=autofocus,
    )
    field.text_size = ui.theme.question
    field.text_align = ft.TextAlign.CENTER
    field.key = f"field-{label}-{attempts}"
    return field


def search_field(
    ui: Interface,
    label: str,
    value: str,
    on_change: Handler,
    on_submit: Handler,
    *,
    identifier: str,
    searches: int = 0,
) -> ft.Control:
    """One line with a magnifying glass: nothing is looked for before Enter or the glass is pressed.

    With another number of `searches` it is a new field: a browser keeps what was typed in the one before, unseen.
    """
    theme, p = ui.theme, ui.theme.palette
    field = _bare(_field(ui, "", value, on_change=on_change, on_submit=on_submit, expand=True), ui, label)
    field.key = f"search-{searches}"
    glass = icon_button(ui, ft.Icons.SEARCH_ROUNDED, label, on_submit, identifier=identifier)
    return ft.Container(
        ft.Row([field, glass], spacing=0),
        bgcolor=p.card,
        border=ft.Border.all(theme.hair, p.edge),
        border_radius=theme.radius_card,
        padding=ft.Padding.only(left=theme.tight, right=theme.tight),
    )


def page_field(ui: Interface, label: str, value: str, on_change: Handler, *, max_length: int) -> ft.Control:
    """A page to write on: no edge, and as much room as there is."""
    field = _bare(
        _field(
            ui,
            "",
            value,
            on_change=on_change,
            max_length=max_length,
            counter="",
            multiline=True,
            min_lines=12,
            autofocus=True,
        ),
        ui,
        label,
    )
    field.key = "page"
    return field


def _bare(field: ft.TextField, ui: Interface, hint: str) -> ft.TextField:
    """Take edge, ground and label from a field; `hint` stands in it while it is empty, and is its name."""
    field.label = None
    field.hint_text = hint
    field.hint_style = ft.TextStyle(size=ui.theme.text, color=ui.theme.palette.muted)
    field.border = ft.NoInputBorder()
    field.filled = False
    field.margin = None
    return field


def dropdown(
    ui: Interface, label: str, options: Sequence[Option], chosen: str | None, on_select: Handler
) -> ft.Control:
    """One of many short choices; `on_select` gets an event whose ``control.value`` is the key.

    For up to about six choices `choice_list` is better: everything is seen at once, and Tab reaches it.
    """
    theme, p = ui.theme, ui.theme.palette
    menu = ft.Dropdown(
        label=label,
        value=chosen,
        # As wide as there is room; by itself it is as narrow as its longest word, and cuts large text.
        width=theme.content_width,
        options=[ft.DropdownOption(key=option.key, text=option.words) for option in options],
        text_size=theme.text,
        color=p.ink,
        filled=True,
        fill_color=p.card,
        bgcolor=p.card,
        border=_border(ui, p.edge, theme.hair),
        label_style=ft.TextStyle(size=theme.text, color=p.muted),
        on_select=on_select,
    )
    # Without the outer label the button has no accessible name.
    return ft.Semantics(label=label, content=menu)
