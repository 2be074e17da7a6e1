"""Photos, recordings and documents of a record: added before it is finished, followed and cancelled afterwards."""

import flet as ft

from fieldapp.domain.attachment import MAX_LABEL, Attachment, AttachmentKind
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, quiet_button, secondary_button
from fieldapp.kit.fields import text_field, typed
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import card, section
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.services.filed import Filed
from fieldapp.services.notebook import Notebook
from fieldapp.ui.parts import picking
from fieldapp.ui.parts.camera import has_camera
from fieldapp.ui.parts.microphone import Microphone, has_microphone
from fieldapp.ui.parts.photo import photo_taking
from fieldapp.ui.parts.sound import sound_taking
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState

_ICONS = {
    AttachmentKind.PHOTO: ft.Icons.IMAGE_OUTLINED,
    AttachmentKind.AUDIO: ft.Icons.MIC_NONE_ROUNDED,
    AttachmentKind.DOCUMENT: ft.Icons.DESCRIPTION_OUTLINED,
}


@component
def files_part(state: FieldState, owner: bytes) -> ft.Control:
    """List the files of something unfinished (`owner` is its id), with one quiet way to add another.

    While only neutral words are shown, nothing is explained.
    """
    t, trying = state.t, use_trying(state)
    is_open, set_open = ft.use_state(False)
    label, set_label = ft.use_state("")
    plain = state.quiet
    files = state.open.attachments.of(owner)

    async def keep(notebook: Notebook, data: bytes) -> None:
        await notebook.captures.file(owner, data, label)
        if state.notebook is notebook:
            set_open(False)
            set_label("")

    async def choose() -> None:
        notebook = state.open
        data = await picking.pick_file()
        # Whoever locked while they were choosing must not write into another notebook.
        if data is not None and state.notebook is notebook:
            await trying.of(keep, notebook, data)()

    def close() -> None:
        state.instead = None

    def photo() -> None:
        state.instead = lambda covers: photo_taking(state, owner, label, covers, close)

    def sound() -> None:
        microphone = Microphone()
        state.instead = lambda covers: sound_taking(state, owner, label, microphone, covers)

    words = t("Add a file") if plain else t("Add a photo, recording or document")
    add = quiet_button(
        state, words, bound(set_open, not is_open), icon=ft.Icons.ATTACH_FILE_ROUNDED, identifier="add-file"
    )
    rows = [_unfinished_row(state, owner, file, trying) for file in files]
    chooser = [
        text_field(
            state,
            t("A few words, optional"),
            label,
            typed(set_label),
            max_length=MAX_LABEL,
        ),
        *([] if plain else [quiet(state, _what_stays_in_it(t))]),
        secondary_button(
            state, t("Choose a file"), choose, icon=ft.Icons.FOLDER_OPEN_OUTLINED, identifier="choose-file"
        ),
        *_taken_here(state, photo, sound),
    ]
    return ft.Column(
        [
            *([card(state, rows)] if rows else []),
            add,
            *(chooser if is_open else []),
            *trying.shown(t("Making it ready.")),
        ],
        spacing=state.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _taken_here(state: FieldState, photo: Handler, sound: Handler) -> list[ft.Control]:
    """Offer what can be taken inside the app, where this installation may use a camera and a microphone."""
    t, page = state.t, ft.context.page
    picture = t("Picture") if state.quiet else t("Take a photo")
    hearing = t("Sound") if state.quiet else t("Record sound")
    camera, mic = ft.Icons.PHOTO_CAMERA_OUTLINED, ft.Icons.MIC_NONE_ROUNDED
    return [
        *(
            [secondary_button(state, picture, photo, icon=camera, identifier="take-photo")]
            if has_camera(page)
            else []
        ),
        *(
            [secondary_button(state, hearing, sound, icon=mic, identifier="record-sound")]
            if has_microphone(page)
            else []
        ),
    ]


def left_behind(state: FieldState, owner: bytes) -> list[ft.Control]:
    """Say before finishing that files do not travel without identity, and are erased."""
    if not state.open.attachments.of(owner):
        return []
    words = state.t("Its files are not sent and are erased here: they could show who it is.")
    return [notice(state, words, urgency=Urgency.WARNING)]


def sent_files(state: FieldState, record: Filed, trying: Trying) -> list[ft.Control]:
    """Show how far each file of a finished record has come, and a way to hold back what is not sealed yet."""
    if not record.attachments:
        return []
    rows = [_sent_row(state, record, file, trying) for file in record.attachments]
    return [section(state, state.t("Photos, recordings and documents"), [card(state, rows)])]


def _unfinished_row(state: FieldState, owner: bytes, file: Attachment, trying: Trying) -> ft.Control:
    t = state.t
    details = t("{kind}, {size}", kind=_kind(state, file), size=size_words(t, file.size))
    warning = t("It may still hold a name or a place.") if file.may_tell_more and not state.quiet else ""
    remove = trying.of(state.open.attachments.remove, owner, file.id)
    return _row(state, file, " ".join(filter(None, (f"{details}.", warning))), t("Remove"), remove)


def _sent_row(state: FieldState, record: Filed, file: Attachment, trying: Trying) -> ft.Control:
    t, book = state.t, state.open.book
    progress = book.progress(record, file.id)
    if progress.withdrawn:
        words = t("Cancelled. {n} parts were on their way already.", n=progress.total)
    elif progress.total and progress.opened == progress.total:
        words = t("Opened at the centre")
    elif book.is_damaged(record, file.id):
        words = t(
            "A part of it is damaged on this device and cannot be sent. Cancel it, so that the centre does "
            "not wait for it."
        )
    else:
        words = t("{n} of {total} parts sent", n=progress.sent, total=progress.total)
    may = book.may_withdraw(record, file.id) and not record.opened_at
    cancel = trying.of(book.withdraw, record.record_id, file.id) if may else None
    return _row(state, file, words, t("Cancel the rest") if record.sealed else t("Remove"), cancel)


def _row(state: FieldState, file: Attachment, details: str, action: str, on_action: object) -> ft.Control:
    theme = state.theme
    name = isolate(file.label) if file.label else _kind(state, file)
    icon = ft.Icon(_ICONS[file.kind], size=theme.icon, color=theme.palette.muted)
    words = ft.Column([body(state, name, strong=True), quiet(state, details)], spacing=0, expand=True)
    button = icon_button(
        state,
        ft.Icons.CLOSE_ROUNDED,
        action,
        on_action,  # type: ignore[arg-type]
        identifier=f"drop-{file.id.hex()[:8]}",
    )
    return ft.Row([icon, words, *([button] if on_action else [])], spacing=theme.gap)


def _kind(state: FieldState, file: Attachment) -> str:
    """Name the kind of a file, in neutral words where somebody may look on."""
    if state.quiet and file.kind is not AttachmentKind.DOCUMENT:
        return state.t("Picture") if file.kind is AttachmentKind.PHOTO else state.t("Sound")
    return kind_words(state.t, file.kind)


def kind_words(t: Translator, kind: AttachmentKind) -> str:
    """Name a kind of file."""
    match kind:
        case AttachmentKind.PHOTO:
            return t("Photo")
        case AttachmentKind.AUDIO:
            return t("Recording")
        case AttachmentKind.DOCUMENT:
            return t("Document")


def size_words(t: Translator, size: int) -> str:
    """Say how large a file is, rounded up."""
    return t("{n} KB", n=-(-size // 1000))


def _what_stays_in_it(t: Translator) -> str:
    return t(
        "Place, time and camera are taken out of photos; the file's name is not sent. Recordings and "
        "documents may hold more than you see."
    )
