"""Saving a copy of a file: behind a warning, since a copy on a disk is out of this app's hands."""

from typing import Final

import flet as ft

from fieldapp.desk.state import DeskState
from fieldapp.domain.attachment import Attachment
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import quiet_button, secondary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.notices import Urgency, notice

_ENDINGS: Final = {
    "image/jpeg": "jpg",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/flac": "flac",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "application/pdf": "pdf",
}


@component
def copy_part(state: DeskState, file: Attachment, why: str) -> ft.Control:
    """Offer to save a copy; the bytes are those of the file that is open.

    `why` says why it cannot be shown; with "" it is shown, and the offer waits behind one more tap.
    """
    t = state.t
    wanted, set_wanted = ft.use_state(False)

    async def save() -> None:
        if state.file is not None and state.file.id == file.id and state.file.data:
            name = f"file.{_ENDINGS[file.media]}"
            await ft.FilePicker().save_file(file_name=name, src_bytes=state.file.data)

    if not why and not wanted:
        words, icon = t("Save a copy"), ft.Icons.SAVE_ALT_ROUNDED
        return quiet_button(state, words, bound(set_wanted, True), icon=icon, identifier="want-copy")
    warning = t(
        "A copy on this computer is not encrypted: delete it when you have seen it. It may hold a name or a place."
    )
    return ft.Column(
        [
            notice(state, f"{why} {warning}".strip(), urgency=Urgency.WARNING),
            secondary_button(state, t("Save a copy on this computer"), bound(save), identifier="save-copy"),
        ],
        spacing=state.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
