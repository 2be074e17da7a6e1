"""A photo, a recording or a document that belongs to a record: what is known of it, and how much is allowed.

The limits come from what a device can keep for sure: its vault has 1,023 cells and its sealed outbox 1,024, a piece of a
file takes 16 of the first and 17 of the second, and records always need room beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fieldapp.domain.strict import clean_text, is_line
from fieldapp.errors import AttachmentError

PIECE_SIZE: Final = 63_488
"""Bytes of a file that travel in one envelope; `sync.chunk` has the same number, and a test holds them together."""
MAX_LABEL: Final = 60
"""Characters of the few words by which a worker knows a file again."""
MAX_FILE_PIECES: Final = 16
MAX_FILE_SIZE: Final = MAX_FILE_PIECES * PIECE_SIZE
"""Largest file as it is sent: 1,015,808 bytes. A photo is made smaller before; a recording or document is not."""
MAX_FILES: Final = 6
"""Files of one record."""
MAX_RECORD_PIECES: Final = 24
"""Pieces of all files of one record: 1.5 MB."""
MAX_DEVICE_PIECES: Final = 32
"""Pieces of everything on a device that nobody at the centre has opened: half of the cells of its vault."""


class AttachmentKind(StrEnum):
    """What sort of file it is."""

    PHOTO = "photo"
    AUDIO = "audio"
    DOCUMENT = "document"


MEDIA: Final[dict[str, AttachmentKind]] = {
    "image/jpeg": AttachmentKind.PHOTO,
    "audio/aac": AttachmentKind.AUDIO,
    "audio/amr": AttachmentKind.AUDIO,
    "audio/flac": AttachmentKind.AUDIO,
    "audio/mp4": AttachmentKind.AUDIO,
    "audio/mpeg": AttachmentKind.AUDIO,
    "audio/ogg": AttachmentKind.AUDIO,
    "audio/wav": AttachmentKind.AUDIO,
    "application/pdf": AttachmentKind.DOCUMENT,
}
"""Every type that travels. Photos are JPEG whatever they were before."""
_NOT_STRIPPED: Final = frozenset({"audio/aac", "audio/mp4", "audio/ogg", "application/pdf"})


@dataclass(frozen=True, slots=True, repr=False)
class Attachment:
    """One file of a record: the line of the record's list. `id` 16 bytes, `hash` and each of `pieces` 32.

    `label` is what the worker typed, never the file's own name: a name such as "sister-passport" tells too much.
    """

    id: bytes
    kind: AttachmentKind
    media: str
    label: str
    size: int
    hash: bytes
    pieces: tuple[bytes, ...]

    @property
    def may_tell_more(self) -> bool:
        """Whether an author, a place or a device may stand in the file: its kind cannot be stripped safely."""
        return self.media in _NOT_STRIPPED

    def __post_init__(self) -> None:
        """Refuse a line that no file can have: AttachmentError."""
        if len(self.id) != 16 or len(self.hash) != 32 or any(len(piece) != 32 for piece in self.pieces):
            raise AttachmentError("An id has 16 bytes and a hash 32.")
        if MEDIA.get(self.media) is not self.kind:
            raise AttachmentError("This kind of file is not allowed.")
        if not is_line(self.label) or len(self.label) > MAX_LABEL:
            raise AttachmentError("A label is one short line.")
        if not 0 < self.size <= MAX_FILE_SIZE or len(self.pieces) != -(-self.size // PIECE_SIZE):
            raise AttachmentError("The size and the number of pieces do not go together.")


def label_of(text: str) -> str:
    """Return what was typed or pasted as a label that can be stored."""
    return clean_text(text).replace("\n", " ").strip()[:MAX_LABEL]


def check_list(files: tuple[Attachment, ...]) -> None:
    """Refuse a list that no record may have: AttachmentError."""
    if len(files) > MAX_FILES or len({file.id for file in files}) != len(files):
        raise AttachmentError("A record has at most six different files.")
    if sum(len(file.pieces) for file in files) > MAX_RECORD_PIECES:
        raise AttachmentError("The files of this record are too large together.")
