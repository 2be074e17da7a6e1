"""Recordings: what is known to stand beside the sound is left out, where that cannot break the file.

WAV, FLAC and MP3 hold titles, places and devices in blocks of their own: only the sound's blocks are copied. In Ogg, MP4
and AAC files they are woven into the structure: these travel as they are, and the worker is told so.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from fieldapp.services.media.refusals import FileRefused, Refused

_WAV_KEPT: Final = frozenset({b"fmt ", b"fact", b"data"})
_FLAC_KEPT: Final = frozenset({0, 3})
"""Block types of FLAC: stream info and seek table."""
_ID3_HEAD: Final = 10
_ID3V1: Final = 128


def strip_sound(media: str, data: bytes) -> tuple[bytes, bool]:
    """Return the recording, and whether nothing but sound is left in it. FileRefused: unreadable."""
    strip = _STRIPPERS.get(media)
    return (strip(data), True) if strip else (data, media == "audio/amr")


def _wav(data: bytes) -> bytes:
    chunks = list(_riff_chunks(data))
    if [name for name, _ in chunks if name == b"data"] != [b"data"] or chunks[0][0] != b"fmt ":
        raise FileRefused(Refused.UNREADABLE)
    body = b"".join(
        name + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
        for name, content in chunks
        if name in _WAV_KEPT
    )
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WAVE" + body


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        # A recorder that was cut off wrote no length, or one too long: the sound then reaches to the end.
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    if at < len(data) - 1 or at == 12:
        raise FileRefused(Refused.UNREADABLE)


def _flac(data: bytes) -> bytes:
    at, last, kept = 4, False, []
    while not last:
        if at + 4 > len(data):
            raise FileRefused(Refused.UNREADABLE)
        last, kind = bool(data[at] & 0x80), data[at] & 0x7F
        end = at + 4 + int.from_bytes(data[at + 1 : at + 4], "big")
        if kind in _FLAC_KEPT:
            kept.append((kind, data[at + 1 : end]))
        at = end
    if not kept or kept[0][0] != 0 or at >= len(data):
        raise FileRefused(Refused.UNREADABLE)
    heads = [kind | (0x80 if i == len(kept) - 1 else 0) for i, (kind, _) in enumerate(kept)]
    blocks = b"".join(bytes((head,)) + block for head, (_, block) in zip(heads, kept, strict=True))
    return b"fLaC" + blocks + data[at:]


def _mp3(data: bytes) -> bytes:
    while data[:3] == b"ID3" and len(data) > _ID3_HEAD:
        size = 0
        for byte in data[6:10]:
            size = size << 7 | byte & 0x7F
        footer = _ID3_HEAD if data[5] & 0x10 else 0
        data = data[_ID3_HEAD + size + footer :]
    if data[-_ID3V1:][:3] == b"TAG":
        data = data[:-_ID3V1]
    data = data.lstrip(b"\0")
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0 or b"APETAGEX" in data:
        raise FileRefused(Refused.UNREADABLE)
    return data


_STRIPPERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "audio/flac": _flac,
    "audio/mpeg": _mp3,
    "audio/wav": _wav,
}
