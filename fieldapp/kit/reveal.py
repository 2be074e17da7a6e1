"""Text that is seen only while it is held: names, code words, phone numbers."""

from typing import Final

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.interface import Interface
from fieldapp.kit.text import isolate

HIDDEN_DOTS: Final = 6


@component
def hold_to_reveal(ui: Interface, label: str, secret: str, *, identifier: str | None = None) -> ft.Control:
    """Show `label`, and `secret` only while a finger or the mouse holds it, or as long as Space is toggled.

    While hidden the secret is not in the control tree at all, so it is neither in the client's memory nor
    read out. With a screen reader or a keyboard one press shows it and the next one hides it again.
    """
    shown, set_shown = ft.use_state(False)
    theme, p = ui.theme, ui.theme.palette
    name = ui.t("Hold to show") if not shown else ui.t("Shown while held")

    words = ft.Column(
        [
            ft.Text(label, size=theme.quiet, color=p.muted),
            _secret_text(ui, secret) if shown else _dots(ui),
        ],
        spacing=theme.tight,
        expand=True,
    )
    icon = ft.Icons.VISIBILITY_OUTLINED if shown else ft.Icons.TOUCH_APP_OUTLINED
    hint = ft.Column(
        [
            ft.Icon(icon, size=theme.icon, color=p.accent.ink),
            ft.Text(name, size=theme.quiet, color=p.accent.ink),
        ],
        spacing=theme.tight,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
    )
    box = ft.Container(
        ft.Row([words, hint], spacing=theme.gap),
        bgcolor=p.card,
        border=ft.Border.all(theme.hair, p.line),
        border_radius=theme.radius,
        padding=ft.Padding.all(theme.gap + theme.tight),
    )
    holding = ft.GestureDetector(
        box,
        on_tap_down=lambda: set_shown(True),
        on_tap_up=lambda: set_shown(False),
        on_tap_cancel=lambda: None,
        on_long_press_start=lambda: set_shown(True),
        on_long_press_end=lambda: set_shown(False),
        on_long_press_cancel=lambda: set_shown(False),
        exclude_from_semantics=True,
    )
    return ft.Semantics(
        content=holding,
        button=True,
        identifier=identifier,
        on_tap=lambda: set_shown(not shown),
    )


def _secret_text(ui: Interface, secret: str) -> ft.Text:
    size, color = ui.theme.action, ui.theme.palette.ink
    return ft.Text(isolate(secret), size=size, weight=ft.FontWeight.W_600, color=color)


def _dots(ui: Interface) -> ft.Control:
    """Draw a fixed number of dots, so that the length of the secret does not show."""
    theme = ui.theme
    dot = theme.small
    dots: list[ft.Control] = [
        ft.Container(width=dot, height=dot, border_radius=dot, bgcolor=theme.palette.edge)
        for _ in range(HIDDEN_DOTS)
    ]
    return ft.Container(
        ft.Row(dots, spacing=theme.tight),
        height=theme.fit(theme.icon_large),
        alignment=ft.Alignment.CENTER_LEFT,
    )
