"""The files of an open record: what has come, and one of them shown from memory.

A picture is drawn and a recording played by the browser from bytes in memory; a PDF is drawn page by page by a program of
its own. Nothing of them is written. A copy is saved only when somebody asks for it, see `copying`.
"""

from typing import Final

import flet as ft

from fieldapp.desk.parts.copying import copy_part
from fieldapp.desk.parts.playing import sound_part
from fieldapp.desk.parts.reading import document_part
from fieldapp.desk.shown import ShownFile
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import file_words
from fieldapp.domain.attachment import Attachment, AttachmentKind
from fieldapp.kit.buttons import quiet_button, secondary_button
from fieldapp.kit.layout import card, divider
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.trying import Trying
from fieldapp.services.desk.inbox import OpenedRecord
from fieldapp.services.desk.pieces import FileState
from fieldapp.services.media.pictures import shape_of

PICTURE_HEIGHT: Final = 480
"""Pixels: an upright photo stays on the screen as a whole."""


def files_card(state: DeskState, record: OpenedRecord, trying: Trying) -> list[ft.Control]:
    """Return the card of a record's files; nothing when it has none."""
    if not record.files:
        return []
    rows = [part for file in record.files for part in (divider(state), _file(state, record, file, trying))]
    title = heading(state, state.t("Photos, recordings and documents"))
    return [card(state, [ft.Column([title, *rows[1:]], spacing=state.theme.small)])]


def reads_a_document(state: DeskState, record: OpenedRecord) -> bool:
    """Tell whether a page of a document is on the screen: it needs the whole width."""
    shown = state.file
    documents = [found.file.id for found in record.files if found.file.kind is AttachmentKind.DOCUMENT]
    return shown is not None and shown.id in documents


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
    if state.file is not None and state.file.id == file.id:
        hide = quiet_button(state, t("Hide"), state.hide_file, identifier=f"hide-{name}")
        return [_shown(state, file, state.file), hide]
    show = trying.of(state.show_file, record.row.key, file.id)
    words = t("Listen") if file.kind is AttachmentKind.AUDIO else t("Show")
    return [secondary_button(state, words, show, identifier=f"show-{name}")]


def _shown(state: DeskState, file: Attachment, shown: ShownFile) -> ft.Control:
    match file.kind:
        case AttachmentKind.DOCUMENT:
            return document_part(state, shown, file)
        case AttachmentKind.AUDIO:
            return sound_part(state, shown, file)
        case AttachmentKind.PHOTO:
            return _photo(state, file, shown.data)


def _photo(state: DeskState, file: Attachment, data: bytes) -> ft.Control:
    shape = shape_of(data)
    if shape is None:
        return copy_part(state, file, state.t("This picture cannot be shown safely."))
    picture = ft.Image(
        src=data,
        height=PICTURE_HEIGHT if shape[1] > shape[0] else None,
        fit=ft.BoxFit.CONTAIN,
        gapless_playback=True,
        semantics_label=state.t("Photo"),
        border_radius=state.theme.radius_card,
    )
    return ft.Container(picture, alignment=ft.Alignment.CENTER)
