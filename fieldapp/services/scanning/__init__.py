"""Reading the code on the desk's screen from a frame of the camera: in memory only, in plain Python over Pillow.

    text = read_code(jpeg)     # slow: never on the event loop; None: no code of ours is in this frame

    decoding    modules to text           correcting   Reed-Solomon
    finding     picture to modules

A frame is foreign bytes, and whoever holds a picture before the camera chooses them: nothing here runs native code but
Pillow's decoder of JPEG, which reads photos already, and every answer is a text or None.
"""

import io
from typing import Final

from PIL import Image, ImageChops, ImageFilter

from fieldapp.services.scanning.decoding import decode
from fieldapp.services.scanning.finding import Ink, matrices

LONGEST_SIDE: Final = 800
"""Pixels: more adds time and nothing else."""
MOST_PIXELS: Final = 16_000_000
MOST_BYTES: Final = 8_000_000
_FAINT: Final = 6
"""How much darker than its surroundings a place must be, of 255."""


def read_code(frame: bytes) -> str | None:
    """Return the text of the QR code in a JPEG, if there is one that the desk could have made. Never raises."""
    if len(frame) > MOST_BYTES:
        return None
    try:
        with Image.open(io.BytesIO(frame), formats=("JPEG",)) as opened:
            # A camera's JPEG is sequential. A progressive one may ask for a pass over all its pixels every 30 bytes.
            if opened.width * opened.height > MOST_PIXELS or opened.info.get("progressive"):
                return None
            opened.draft("L", (LONGEST_SIDE, LONGEST_SIDE))
            grey = opened.convert("L")
    except (
        Exception
    ):  # a decoder fed with foreign bytes may raise anything; none of it means more than "no code"
        return None
    grey.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    for share in (8, 20):
        for matrix in matrices(_ink(grey, max(8, min(grey.size) // share))):
            # A camera that faces its user, and every one in a browser, may show the world as a mirror does.
            text = decode(matrix) or decode(tuple(zip(*matrix, strict=True)))
            if text:
                return text
    return None


def _ink(grey: Image.Image, around: int) -> Ink:
    """Call dark what is darker than the mean of its surroundings: one half of a screen may lie in the sun."""
    difference = ImageChops.subtract(grey.filter(ImageFilter.BoxBlur(around)), grey)
    dark = difference.point([int(value > _FAINT) for value in range(256)])
    turned = dark.transpose(Image.Transpose.TRANSPOSE)
    return Ink(dark.width, dark.height, dark.tobytes(), turned.tobytes())
