"""Saving a sealed copy of a record that has not reached the centre, to be carried there by hand."""

import flet as ft

from fieldapp.kit.buttons import quiet_button
from fieldapp.kit.layout import section
from fieldapp.kit.text import quiet
from fieldapp.services.carrying import may_carry, sealed_copy
from fieldapp.services.filed import Filed
from fieldapp.ui.parts.trying import Trying
from fieldapp.ui.state import FieldState

FILE_NAME = "notebook-copy.bin"
"""Says nothing of what it is."""


def carrying(state: FieldState, record: Filed, trying: Trying) -> list[ft.Control]:
    """Return the offer; nothing where a copy would make no sense."""
    t, book = state.t, state.open.book
    if not may_carry(book, record):
        return []

    async def save() -> None:
        await ft.FilePicker().save_file(file_name=FILE_NAME, src_bytes=sealed_copy(book, record))

    words = t(
        "You can also carry a sealed copy to the centre, on any stick. Only the centre can open it. The record stays "
        "here and is sent as well."
    )
    button = quiet_button(
        state,
        t("Save a sealed copy"),
        trying.of(save),
        icon=ft.Icons.SAVE_ALT_ROUNDED,
        identifier="save-sealed",
    )
    return [section(state, t("If it cannot be sent"), [quiet(state, words), ft.Row([button])])]
