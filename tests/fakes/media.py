"""Made-up pictures and recordings, with words planted where cameras and recorders write what nobody should learn."""

import io
import struct

from PIL import Image, ImageDraw, PngImagePlugin

SERIAL = "CANARYSERIAL-4711"
PLACE = "CANARYPLACE-madeup"


def picture(size: tuple[int, int] = (640, 480), form: str = "JPEG", orientation: int = 1) -> bytes:
    """Draw a picture, red in its upper left corner; with EXIF, GPS, XMP, a comment and a thumbnail-like profile."""
    image = Image.new("RGB", size, "navy")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 4, size[1] // 4), fill="red")
    exif = Image.Exif()
    exif[0x0110], exif[0xC62F], exif[0x0112] = SERIAL, SERIAL, orientation
    exif.get_ifd(0x8769)[0xA431] = SERIAL
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (52.0, 22.0, 11.5), 3: "E", 4: (4.0, 53.0, 42.5), 27: PLACE.encode()}
    )
    out = io.BytesIO()
    icc = b"\0" * 36 + b"acsp" + b"\0" * 88 + SERIAL.encode()
    match form:
        case "JPEG":
            xmp = f"<x:xmpmeta>{PLACE}</x:xmpmeta>".encode()
            image.save(out, form, exif=exif, xmp=xmp, comment=SERIAL.encode(), icc_profile=icc)
        case "PNG":
            text = PngImagePlugin.PngInfo()
            text.add_text("Comment", PLACE)
            text.add_itxt("XML:com.adobe.xmp", SERIAL)
            image.save(out, form, pnginfo=text, exif=exif, icc_profile=icc)
        case _:
            image.save(out, form, exif=exif, xmp=SERIAL.encode(), icc_profile=icc)
    return out.getvalue()


def noise(size: int, salt: int = 1) -> bytes:
    """Bytes that look like sound: the same for the same numbers."""
    import hashlib

    return hashlib.shake_256(bytes((salt,))).digest(size)


def wav(size: int = 2000) -> bytes:
    """A recording with a title beside its sound."""
    info = b"INFOISFT" + struct.pack("<I", len(SERIAL) + 1) + SERIAL.encode() + b"\0"
    chunks = [
        (b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)),
        (b"LIST", info),
        (b"data", noise(size)),
    ]
    body = b"".join(n + struct.pack("<I", len(c)) + c + bytes(len(c) % 2) for n, c in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def mp3(size: int = 2000) -> bytes:
    """Frames between a tag in front and a tag behind."""
    head = b"TIT2" + struct.pack(">I", len(SERIAL) + 1) + b"\0\0\0" + SERIAL.encode()
    frames = (b"\xff\xfb\x90\x00" + noise(400)) * (size // 404 + 1)
    tail = b"TAG" + PLACE.encode().ljust(125, b"\0")
    return b"ID3\x04\x00\x00" + bytes((0, 0, 0, len(head))) + head + frames + tail


def flac(size: int = 2000) -> bytes:
    """A stream with a comment block."""
    comment = SERIAL.encode()
    blocks = [(0, bytes(34)), (4, comment), (6, PLACE.encode() * 3)]
    heads = [
        bytes((k | (0x80 if i == 2 else 0),)) + len(c).to_bytes(3, "big") + c
        for i, (k, c) in enumerate(blocks)
    ]
    return b"fLaC" + b"".join(heads) + b"\xff\xf8" + noise(size)


def mp4(handler: bytes = b"soun") -> bytes:
    """The boxes that a phone's recorder writes, as far as they matter here."""
    return b"\0\0\0\x18ftypisom\0\0\0\0mp42" + b"\0\0\0\x21hdlr" + bytes(8) + handler + bytes(40)


def ogg() -> bytes:
    """The first page of an Opus stream."""
    return b"OggS" + bytes(24) + b"OpusHead" + noise(800)


def pdf(size: int = 3000) -> bytes:
    """A document that names its author, as they do."""
    return b"%PDF-1.7\n/Author (" + PLACE.encode() + b")\n" + noise(size) + b"\n%%EOF"
