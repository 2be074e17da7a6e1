"""Photos: decoded, turned upright, made smaller, and drawn anew, so that nothing but the picture itself is left.

Place, time, camera and its serial number, a thumbnail of what was cut away, comments and colour profiles all live beside
the pixels. They are not searched for and removed: only the pixels are copied, into a new file.
"""

import io
from typing import Final

from PIL import Image, ImageOps

from fieldapp.services.media.refusals import FileRefused, Refused

MAX_PIXELS: Final = 64_000_000
"""Pixels of a picture that is decoded. What claims more is refused before a single one is."""
MAX_PHOTO_BYTES: Final = 8 * 63_488
"""A photo takes at most eight pieces."""
_STEPS: Final = ((2048, 80), (2048, 65), (1600, 65), (1280, 60), (1024, 50), (800, 40))
"""Longest side in pixels, and JPEG quality: the first pair that fits is taken."""

_QUARTERS: Final = {
    1: Image.Transpose.ROTATE_270,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}
"""Pillow turns the other way round."""


def shape_of(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG as `redraw` makes them, by its head alone; None for anything else.

    A device that was tampered with may send any bytes. What takes long to draw (many pixels, many passes) is not shown.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as opened:
            size, plain = opened.size, opened.mode == "RGB" and "progressive" not in opened.info
    except Exception:  # as in `redraw`
        return None
    return size if plain and max(size) <= _STEPS[0][0] else None


def redraw(data: bytes, *, turns: int = 0, mirrored: bool = False) -> bytes:
    """Return the picture as a JPEG without any metadata, at most 2048 pixels wide and high. Slow.

    It is mirrored back first where it is `mirrored`, then turned clockwise by `turns` quarters.
    FileRefused: unreadable, or too large to be decoded.
    """
    try:
        return _redrawn(data, turns, mirrored)
    except FileRefused:
        raise
    except Exception:  # a decoder fed with foreign bytes may raise anything; none of it holds content for us
        raise FileRefused(Refused.UNREADABLE) from None


def _redrawn(data: bytes, turns: int, mirrored: bool) -> bytes:
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise FileRefused(Refused.TOO_LARGE)
        opened.draft("RGB", (_STEPS[0][0],) * 2)  # a JPEG is decoded small at once
        upright = ImageOps.exif_transpose(opened)
        upright.thumbnail((_STEPS[0][0],) * 2)
        pixels = _only_pixels(ImageOps.mirror(upright) if mirrored else upright)
    if turns % 4:
        pixels = pixels.transpose(_QUARTERS[turns % 4])
    for side, quality in _STEPS:
        smaller = pixels.copy()
        smaller.thumbnail((side, side))
        out = io.BytesIO()
        smaller.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= MAX_PHOTO_BYTES:
            return out.getvalue()
    raise FileRefused(Refused.TOO_LARGE)


def _only_pixels(image: Image.Image) -> Image.Image:
    """Return a new picture on white that shares nothing with the file it came from but its pixels."""
    with_alpha = image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return paper
