"""What a file is, by its first bytes and never by its name.

Sources: the signatures of RFC 2083 (PNG), RFC 3533 (Ogg), RFC 4867 (AMR), RFC 9649 (WebP), ISO 14496-12 (MP4 boxes),
ISO 32000 (PDF), ISO 13818-7 (ADTS), the ID3v2 and FLAC formats.
"""

from collections.abc import Callable
from typing import Final

PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What is decoded and drawn anew; it travels as JPEG."""
_LAYER_BITS: Final = 0x06
_SYNC: Final = 0xE0


def media_of(data: bytes) -> str:
    """Return the media type of an allowed file, or "" for everything else."""
    return next((media for media, fits in _SIGNATURES if fits(data)), "")


def _starts(prefix: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(prefix)


def _riff(kind: bytes) -> Callable[[bytes], bool]:
    return lambda data: data[:4] == b"RIFF" and data[8:12] == kind


def _is_ogg_sound(data: bytes) -> bool:
    """Tell whether an Ogg file begins with a sound and with no picture."""
    first = data[:512]
    return first[:4] == b"OggS" and any(mark in first for mark in (b"OpusHead", b"\x01vorbis", b"Speex   "))


def _is_mp4_sound(data: bytes) -> bool:
    """Tell whether an MP4 file has a sound track and no picture track: phones give both the same brands."""
    if data[4:8] != b"ftyp":
        return False
    kinds = set()
    at = data.find(b"hdlr")
    while at != -1:
        kinds.add(data[at + 12 : at + 16])
        at = data.find(b"hdlr", at + 4)
    return b"soun" in kinds and b"vide" not in kinds


def _is_mpeg_sound(data: bytes) -> bool:
    """Tell whether it begins with an ID3 tag or with a frame of layer III."""
    frame = len(data) > 3 and data[0] == 0xFF and data[1] & _SYNC == _SYNC and data[1] & _LAYER_BITS == 0x02
    return data[:3] == b"ID3" or frame


def _is_adts(data: bytes) -> bool:
    return len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0


_SIGNATURES: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("image/jpeg", _starts(b"\xff\xd8\xff")),
    ("image/png", _starts(b"\x89PNG\r\n\x1a\n")),
    ("image/webp", _riff(b"WEBP")),
    ("application/pdf", _starts(b"%PDF-")),
    ("audio/wav", _riff(b"WAVE")),
    ("audio/ogg", _is_ogg_sound),
    ("audio/flac", _starts(b"fLaC")),
    ("audio/amr", _starts(b"#!AMR")),
    ("audio/mp4", _is_mp4_sound),
    ("audio/aac", _is_adts),
    ("audio/mpeg", _is_mpeg_sound),
)
