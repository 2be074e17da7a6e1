"""Asking before something that cannot be undone."""

import flet as ft

from fieldapp.kit.buttons import danger_button, primary_button, secondary_button
from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.text import body, heading


def use_confirm(
    ui: Interface,
    asked: bool,
    *,
    title: str,
    words: str,
    yes: str,
    no: str,
    on_yes: Handler,
    on_no: Handler,
    danger: bool = False,
) -> None:
    """Show a dialog while `asked` is true. A hook: call it at every render of a component, in the same place.

    `yes` and `no` name what will happen ("Finish", "Go back"), never only yes and no. A veiled screen shows no
    dialog, because a dialog lies above every screen.
    """
    theme, p = ui.theme, ui.theme.palette
    if not asked or ui.veiled:
        ft.use_dialog(None)
        return
    accept = (
        danger_button(ui, yes, on_yes, identifier="confirm-yes")
        if danger
        else primary_button(ui, yes, on_yes, identifier="confirm-yes")
    )
    content = ft.Column(
        [
            heading(ui, title),
            body(ui, words),
            accept,
            secondary_button(ui, no, on_no, identifier="confirm-no"),
        ],
        spacing=theme.gap,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    ft.use_dialog(
        ft.AlertDialog(
            modal=True,
            scrollable=True,
            content=ft.Container(content, width=theme.dialog_width),
            bgcolor=p.card,
            barrier_color=p.scrim,
            inset_padding=ft.Padding.all(theme.side),
            content_padding=ft.Padding.all(theme.side),
            actions_padding=ft.Padding.all(0),
            shape=ft.RoundedRectangleBorder(radius=theme.radius_card),
            semantics_label=title,
            on_dismiss=on_no,
        )
    )
