"""From the bytes of a chosen file to what travels."""

from dataclasses import dataclass, field
from typing import Final

from fieldapp.domain.attachment import MAX_FILE_SIZE, MEDIA, Attachment, AttachmentKind
from fieldapp.services.media.pictures import redraw
from fieldapp.services.media.refusals import FileRefused, Refused
from fieldapp.services.media.sniffing import PICTURES, media_of
from fieldapp.services.media.sounds import strip_sound
from sync.chunk import file_hash, piece_hash, split

MAX_CHOSEN: Final = 40 * 1024 * 1024
"""Bytes of a file that is looked at at all: a photo of the largest cameras."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file as it will travel. `clean`: nothing stands in it beside picture or sound, as far as this app can tell."""

    kind: AttachmentKind
    media: str
    data: bytes = field(repr=False)
    clean: bool

    def listed(self, file_id: bytes, label: str) -> Attachment:
        """Return the line of the record's list for this file."""
        pieces = tuple(piece_hash(file_id, index, piece) for index, piece in enumerate(split(self.data)))
        size, whole = len(self.data), file_hash(self.data)
        return Attachment(file_id, self.kind, self.media, label, size, whole, pieces)


def prepare(data: bytes, *, turns: int = 0, mirrored: bool = False) -> Prepared:
    """Recognise, strip and shrink a file; its name is not asked for. Slow for a picture. FileRefused.

    A picture that is `mirrored` is mirrored back, and turned clockwise by `turns` quarters.
    """
    if not data:
        raise FileRefused(Refused.EMPTY)
    if len(data) > MAX_CHOSEN:
        raise FileRefused(Refused.TOO_LARGE)
    media = media_of(data)
    if media in PICTURES:
        return Prepared(
            AttachmentKind.PHOTO, "image/jpeg", redraw(data, turns=turns, mirrored=mirrored), clean=True
        )
    kind = MEDIA.get(media)
    if kind is None:
        raise FileRefused(Refused.KIND)
    stripped, clean = strip_sound(media, data) if kind is AttachmentKind.AUDIO else (data, False)
    if len(stripped) > MAX_FILE_SIZE:
        raise FileRefused(Refused.TOO_LARGE)
    return Prepared(kind, media, stripped, clean=clean)
