"""The list of files in a record's own body (see ``fieldapp.codec``). A body without the key has no files."""

from __future__ import annotations

from collections.abc import Iterable

from fieldapp.codec.fields import Body, closed, read_id
from fieldapp.domain.attachment import MAX_LABEL, Attachment, AttachmentKind, check_list
from fieldapp.domain.strict import Fields
from fieldapp.errors import AttachmentError, CodecError

KEY = "attachments"


def attachments_field(files: Iterable[Attachment]) -> Body:
    """Return the key with the list of files, or nothing at all when there are none."""
    listed = [attachment_body(file) for file in files]
    return {KEY: listed} if listed else {}


def attachment_body(file: Attachment) -> Body:
    """Return one line of the list."""
    return {
        "id": file.id.hex(),
        "kind": file.kind.value,
        "media": file.media,
        "label": file.label,
        "size": file.size,
        "hash": file.hash.hex(),
        "pieces": [piece.hex() for piece in file.pieces],
    }


def read_attachments(fields: Fields) -> tuple[Attachment, ...]:
    """Take the list of files; none when the key is not there, CodecError for an empty list."""
    if not fields.has(KEY):
        return ()
    files = tuple(closed(table, read_attachment(table)) for table in fields.tables(KEY))
    if not files:
        fields.fail(KEY, "must not be empty")
    try:
        check_list(files)
    except AttachmentError as error:
        raise CodecError(f"{KEY}: {error}") from None
    return files


def read_attachment(table: Fields) -> Attachment:
    """Read one line of the list."""
    try:
        return Attachment(
            id=read_id(table, "id"),
            kind=table.member("kind", AttachmentKind),
            media=table.text("media", longest=40),
            label=table.text("label", longest=MAX_LABEL, empty=True),
            size=table.integer("size", 1),
            hash=_hash(table, "hash", table.text("hash", longest=64)),
            pieces=tuple(_hash(table, "pieces", text) for text in table.texts("pieces", longest=64)),
        )
    except AttachmentError as error:
        raise CodecError(f"{KEY}: {error}") from None


def _hash(table: Fields, key: str, text: str) -> bytes:
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        table.fail(key, "must be 64 hexadecimal digits")
    return bytes.fromhex(text)
