"""What becomes of a chosen file: known by its content, made small; nothing of camera, place or recorder left in it."""

import io
import struct
import zlib

import pytest
from PIL import Image

from fieldapp.domain.attachment import MAX_FILE_SIZE, AttachmentKind
from fieldapp.services.media import FileRefused, Refused, pictures, prepare
from tests.fakes import media
from tests.fakes.canary import traces


def refusal(data: bytes) -> Refused:
    with pytest.raises(FileRefused) as refused:
        prepare(data)
    return refused.value.reason


def holds(data: bytes, word: str) -> bool:
    return any(trace in data for trace in traces(word))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_nothing_of_camera_place_or_comment_is_left_in_a_picture(form: str) -> None:
    planted = media.picture(form=form)
    assert holds(planted, media.SERIAL)  # the search finds what was planted
    made = prepare(planted)
    assert (made.kind, made.media, made.clean) == (AttachmentKind.PHOTO, "image/jpeg", True)
    assert not holds(made.data, media.SERIAL)
    assert not holds(made.data, media.PLACE)
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.format == "JPEG"
        assert not image.getexif()
        assert not {"exif", "xmp", "comment", "icc_profile"} & set(image.info)
    assert not any(mark in made.data for mark in (b"Exif", b"http://ns.adobe", b"ICC_PROFILE", b"\xff\xfe"))


def test_a_picture_is_turned_upright_and_made_smaller() -> None:
    made = prepare(media.picture((3000, 1500), orientation=6))  # held upright: the camera lay on its side
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.size == (1024, 2048)
        red, _, blue = image.convert("RGB").getpixel((image.width - 40, 40))  # type: ignore[misc]
        assert red > 200 > blue


def test_a_small_picture_is_not_blown_up_and_transparency_becomes_paper() -> None:
    image = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    out = io.BytesIO()
    image.save(out, "PNG")
    with Image.open(io.BytesIO(prepare(out.getvalue()).data)) as made:
        assert made.size == (30, 20)
        assert made.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_a_busy_picture_still_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Image.frombytes("RGB", (700, 700), media.noise(700 * 700 * 3))
    out = io.BytesIO()
    busy.save(out, "PNG")
    monkeypatch.setattr(pictures, "MAX_PHOTO_BYTES", 250_000)
    made = prepare(out.getvalue())
    assert len(made.data) <= 250_000


def test_a_picture_that_claims_billions_of_pixels_is_refused_before_it_is_decoded() -> None:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", head)
        + part(b"IDAT", zlib.compress(bytes(100_000), 9))
        + part(b"IEND", b"")
    )
    assert refusal(bomb) in (Refused.UNREADABLE, Refused.TOO_LARGE)
    below_pillows_own_limit = struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0)
    bomb = bomb.replace(part(b"IHDR", head), part(b"IHDR", below_pillows_own_limit))
    assert refusal(bomb) is Refused.TOO_LARGE


def test_only_a_jpeg_of_a_sane_size_is_shown() -> None:
    made = prepare(media.picture((300, 200))).data
    assert pictures.shape_of(made) == (300, 200)
    huge = made.replace(struct.pack(">HH", 200, 300), struct.pack(">HH", 60_000, 60_000))
    assert huge != made
    assert pictures.shape_of(huge) is None
    assert pictures.shape_of(media.picture(form="PNG")) is None
    for wrong in ({"size": (2049, 8)}, {"mode": "CMYK"}, {"progressive": True}):
        assert pictures.shape_of(jpeg(**wrong)) is None, "no device of ours makes this"
    assert pictures.shape_of(jpeg()) == (64, 48)
    assert pictures.shape_of(b"<svg/>") is None


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        (media.wav(), "audio/wav"),
        (media.mp3(), "audio/mpeg"),
        (media.flac(), "audio/flac"),
    ],
    ids=["wav", "mp3", "flac"],
)
def test_a_recording_keeps_its_sound_and_loses_what_stands_beside_it(data: bytes, type_: str) -> None:
    assert holds(data, media.SERIAL)
    made = prepare(data)
    assert (made.kind, made.media, made.clean) == (AttachmentKind.AUDIO, type_, True)
    assert not holds(made.data, media.SERIAL)
    assert not holds(made.data, media.PLACE)
    assert media.noise(400) in made.data
    assert prepare(made.data).data == made.data  # what is left is whole, and stays as it is


@pytest.mark.parametrize(
    ("data", "type_"),
    [(media.mp4(), "audio/mp4"), (media.ogg(), "audio/ogg"), (media.pdf(), "application/pdf")],
    ids=["mp4", "ogg", "pdf"],
)
def test_what_cannot_be_stripped_safely_travels_as_it_is_and_says_so(data: bytes, type_: str) -> None:
    made = prepare(data)
    assert (made.media, made.data, made.clean) == (type_, data, False)


def test_the_content_decides_and_not_the_name_and_films_and_programs_are_refused() -> None:
    for odd in (
        b"MZ\x90",
        b"<html>",
        b"PK\x03\x04",
        media.mp4(b"vide"),
        b"GIF89a",
        b"plain words",
        b"\x1aE\xdf\xa3",
    ):
        assert refusal(odd + bytes(50)) is Refused.KIND
    assert refusal(media.mp4(b"vide") + media.mp4(b"soun")) is Refused.KIND  # a film with sound


def test_empty_broken_and_too_large_files_say_why() -> None:
    assert refusal(b"") is Refused.EMPTY
    assert refusal(b"\xff\xd8\xff" + b"no picture") is Refused.UNREADABLE
    assert refusal(media.picture()[:300]) is Refused.UNREADABLE
    assert refusal(media.wav()[:20]) is Refused.UNREADABLE
    assert refusal(b"fLaC" + b"\x00\xff\xff\xff") is Refused.UNREADABLE
    assert refusal(media.pdf(MAX_FILE_SIZE)) is Refused.TOO_LARGE
    assert len(prepare(b"%PDF-" + bytes(MAX_FILE_SIZE - 5)).data) == MAX_FILE_SIZE


def jpeg(size: tuple[int, int] = (64, 48), mode: str = "RGB", *, progressive: bool = False) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, "JPEG", progressive=progressive)
    return out.getvalue()
