"""Made-up PDF documents, put together by hand: in order, and such as somebody makes who means harm."""

import zlib
from collections.abc import Sequence

from PIL import Image

A4 = b"0 0 595 842"


def pdf(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Return a document of numbered objects, the first of which is its catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n" % count
    end = b"trailer\n<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (count, trailer, len(out))
    return out + head + table + end


def document(
    *words: str, box: bytes = A4, drawing: bytes = b"", catalogue: bytes = b"", trailer: bytes = b""
) -> bytes:
    """Return a document with one page for each of `words`, a red square in the upper left corner of each."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * page) for page in range(len(words)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R%b>>" % catalogue,
        b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(words), kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for page, said in enumerate(words):
        shown = b"BT /F 40 Tf 60 600 Td (%b) Tj ET 1 0 0 rg 0 742 100 100 re f " % said.encode() + drawing
        objects += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
            % (box, 5 + 2 * page),
            b"<</Length %d>>stream\n%b\nendstream" % (len(shown), shown),
        ]
    return pdf(objects, trailer)


def locked() -> bytes:
    """A document that asks for a password."""
    key = b"/Encrypt<</Filter/Standard/V 1/R 2/Length 40/P -4/O<%b>/U<%b>>>/ID[<00><00>]" % (
        b"11" * 32,
        b"22" * 32,
    )
    return document("secret", trailer=key)


def many_pages(count: int) -> bytes:
    """A document with `count` pages that are all the same one."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%b]>>" % A4
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count %d/Kids[%b]>>" % (count, b"3 0 R " * count),
            page,
        ]
    )


def bomb(side: int) -> bytes:
    """A picture of `side` x `side` pixels in some kilobytes, twice compressed."""
    white = zlib.compress(zlib.compress(bytes(side) * side, 9), 9)
    picture = (
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray"
        b"/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n%b\nendstream"
        % (side, side, len(white), white)
    )
    shown = b"500 0 0 500 0 0 cm /I Do"
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Resources<</XObject<</I 5 0 R>>>>/Contents 4 0 R>>" % A4,
            b"<</Length %d>>stream\n%b\nendstream" % (len(shown), shown),
            picture,
        ]
    )


def nested(depth: int = 60_000) -> bytes:
    """A document whose page holds brackets in brackets."""
    return document("nested").replace(
        b"/Type/Page/Parent", b"/Deep " + b"[" * depth + b"]" * depth + b"/Type/Page/Parent"
    )


def endless() -> bytes:
    """A page that draws a form which draws itself, and many of them."""
    shown = b"/X Do " * 2000
    form = (
        b"<</Type/XObject/Subtype/Form/BBox[%b]/Resources<</XObject<</X %%d 0 R>>>>/Length %d>>stream\n%b\nendstream"
        % (A4, len(shown), shown)
    )
    return pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[%b]/Resources<</XObject<</X 5 0 R>>>>/Contents 4 0 R>>" % A4,
            b"<</Length %d>>stream\n%b\nendstream" % (len(shown), shown),
            *(form % (6 + number) for number in range(8)),
            form % 5,
        ]
    )


def corner(picture: Image.Image) -> tuple[int, int, int]:
    """Return the colour near the upper left corner of a drawn page."""
    found = picture.convert("RGB").getpixel((picture.width // 20, picture.height // 20))
    assert isinstance(found, tuple)
    return found[:3]
