"""The files of an open record: what has come, and one of them shown from memory.

A picture is drawn from bytes in memory. Sound and PDF cannot be shown without another program: a copy is saved only
when somebody asks for it, behind a warning, since a copy on a disk is out of this app's hands.
"""

from typing import Final

import flet as ft

from fieldapp.desk.state import DeskState
from fieldapp.desk.words import file_words
from fieldapp.domain.attachment import Attachment, AttachmentKind
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import quiet_button, secondary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, divider
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.trying import Trying
from fieldapp.services.desk.inbox import OpenedRecord
from fieldapp.services.desk.pieces import FileState
from fieldapp.services.media.pictures import shape_of

PICTURE_HEIGHT: Final = 480
"""Pixels: an upright photo stays on the screen as a whole."""
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


def files_card(state: DeskState, record: OpenedRecord, trying: Trying) -> list[ft.Control]:
    """Return the card of a record's files; nothing when it has none."""
    if not record.files:
        return []
    rows = [part for file in record.files for part in (divider(state), _file(state, record, file, trying))]
    title = heading(state, state.t("Photos, recordings and documents"))
    return [card(state, [ft.Column([title, *rows[1:]], spacing=state.theme.small)])]


def _file(state: DeskState, record: OpenedRecord, found: FileState, trying: Trying) -> ft.Control:
    t, file = state.t, found.file
    kind = file_words(t, file.kind)
    name = isolate(file.label) if file.label else kind
    about = t("{kind}, {n} KB", kind=kind, n=-(-file.size // 1000))
    return ft.Column(
        [
            body(state, name, strong=True),
            quiet(state, about if file.label else about.removeprefix(f"{kind}, ")),
            *_content(state, record, found, trying),
        ],
        spacing=state.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _content(state: DeskState, record: OpenedRecord, found: FileState, trying: Trying) -> list[ft.Control]:
    t, file = state.t, found.file
    missing = len(file.pieces) - found.arrived
    total = len(file.pieces)
    if not found.whole:
        if found.withdrawn:
            words = t("The worker cancelled it: {n} of {total} parts will not come.", n=missing, total=total)
            return [quiet(state, words)]
        return [quiet(state, t("{n} of {total} parts are still on the way.", n=missing, total=total))]
    name = file.id.hex()[:8]
    if state.file is not None and state.file[0] == file.id:
        hide = quiet_button(state, t("Hide"), state.hide_file, identifier=f"hide-{name}")
        return [_shown(state, file, state.file[1]), hide]
    show = trying.of(state.show_file, record.row.key, file.id)
    return [secondary_button(state, t("Show"), show, identifier=f"show-{name}")]


def _shown(state: DeskState, file: Attachment, data: bytes) -> ft.Control:
    shape = shape_of(data) if file.kind is AttachmentKind.PHOTO else None
    if shape is not None:
        picture = ft.Image(
            src=data,
            height=PICTURE_HEIGHT if shape[1] > shape[0] else None,
            fit=ft.BoxFit.CONTAIN,
            gapless_playback=True,
            semantics_label=state.t("Photo"),
            border_radius=state.theme.radius_card,
        )
        return ft.Container(picture, alignment=ft.Alignment.CENTER)
    return copy_part(state, file)


@component
def copy_part(state: DeskState, file: Attachment) -> ft.Control:
    """Offer to save a copy of what cannot be shown here; the bytes are those of the file that is open."""
    t = state.t

    async def save() -> None:
        if state.file is not None and state.file[0] == file.id:
            name = f"file.{_ENDINGS[file.media]}"
            await ft.FilePicker().save_file(file_name=name, src_bytes=state.file[1])

    words = t(
        "This cannot be shown here without another program. A copy on this computer is not encrypted: delete "
        "it when you have seen it. It may hold a name or a place."
    )
    return ft.Column(
        [
            notice(state, words, urgency=Urgency.WARNING),
            secondary_button(state, t("Save a copy on this computer"), bound(save), identifier="save-copy"),
        ],
        spacing=state.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
