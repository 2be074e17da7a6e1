"""The reader of the centre's code: what the desk shows is read from a bad picture, and nothing else is made of one."""

import io
from random import Random
from typing import Any

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldapp.desk.parts.code import qr_png
from fieldapp.services import scanning
from fieldapp.services.scanning import finding, read_code
from fieldapp.services.scanning.correcting import corrected
from fieldapp.services.scanning.decoding import ALPHABET, decode
from sync.code import EnrolmentCode
from tests.fakes.frames import code_picture, frame, jpeg

_POWERS = [1]
for _ in range(254):
    _POWERS.append(_POWERS[-1] << 1 ^ (0x11D if _POWERS[-1] & 0x80 else 0))

HOSTS = ("https://relay.example", "https://relay.a-longer-name-of-a-centre.example.org:8443")


def code(random: Random) -> str:
    return EnrolmentCode.generate(random.randbytes(16), random.choice(HOSTS)).qr_text()


def modules(text: str, **how: object) -> list[list[bool]]:
    made = segno.make(text, micro=False, mode="alphanumeric", **how)
    return [[bool(module) for module in row] for row in made.matrix]


@pytest.mark.parametrize("version", range(1, 11))
@pytest.mark.parametrize("level", ["m", "q", "h"])
def test_every_version_level_and_mask_that_the_desk_could_use_is_read(version: int, level: str) -> None:
    text = "".join(ALPHABET[(n * 7 + version) % 45] for n in range(9 * version))
    for mask in range(8):
        made = modules(text, version=version, error=level, mask=mask, boost_error=False)
        assert decode(made) == text


def test_a_damaged_code_is_read_or_refused_and_never_read_otherwise() -> None:
    random = Random(5)
    text = code(random)
    whole, read = modules(text, error="m"), 0
    for wrong in range(0, 120, 4):
        damaged = [row.copy() for row in whole]
        for _ in range(wrong):
            y, x = random.randrange(len(whole)), random.randrange(len(whole))
            damaged[y][x] = not damaged[y][x]
        found = decode(damaged)
        assert found in (text, None)
        read += found == text
    assert 3 < read < 30


@given(st.binary(min_size=20, max_size=60), st.integers(2, 9), st.data())
@settings(max_examples=60, deadline=None)
def test_half_as_many_wrong_bytes_as_check_bytes_are_put_right(
    data: bytes, half: int, drawn: st.DataObject
) -> None:
    word = _with_checks(data, 2 * half)
    places = drawn.draw(st.lists(st.integers(0, len(word) - 1), max_size=half, unique=True))
    wrong = bytearray(word)
    for place in places:
        wrong[place] ^= drawn.draw(st.integers(1, 255))
    assert corrected(bytes(wrong), 2 * half) == word


@pytest.mark.parametrize("wrong", range(1, 256, 50))
def test_what_looks_like_one_wrong_byte_and_is_no_code_word_is_refused(wrong: int) -> None:
    """All checks but the first point at one place: putting that right would still leave no code word."""
    word = bytearray(_with_checks(bytes(range(20)), 10))
    for n, value in enumerate(_generator(range(1, 10))):
        word[n - 10] ^= value
    word[7] ^= wrong
    assert corrected(bytes(word), 10) is None


def _with_checks(data: bytes, checks: int) -> bytes:
    """Append check bytes by long division: another way than the one that is tested."""
    generator = _generator(range(checks))
    rest = [*data, *bytes(checks)]
    for n in range(len(data)):
        if factor := rest[n]:
            for i, value in enumerate(generator):
                rest[n + i] ^= _times(value, factor)
    return data + bytes(rest[-checks:])


def _times(a: int, b: int) -> int:
    return _POWERS[(_POWERS.index(a) + _POWERS.index(b)) % 255] if a and b else 0


def _generator(roots: range) -> list[int]:
    """Return the polynomial with these powers of two as its roots, the highest coefficient first."""
    generator = [1]
    for n in roots:
        longer = [*generator, 0]
        for i, value in enumerate(generator):
            longer[i + 1] ^= _times(value, _POWERS[n])
        generator = longer
    return generator


def test_frames_of_a_shaky_hand_in_uneven_light_are_read() -> None:
    random, read = Random(11), 0
    for _ in range(8):
        text = code(random)
        found = read_code(frame(text, random))
        assert found in (text, None)
        read += found == text
    assert read >= 5, "some frame of every second is enough; the camera goes on sending them"


def test_a_straight_code_is_read_small_large_and_in_a_large_frame() -> None:
    text = code(Random(2))
    for picture in (
        code_picture(text),
        code_picture(text, side=170),
        code_picture(text, 1920, 1080, 900),
        code_picture(text).rotate(90, expand=True),
        code_picture(text).rotate(180),
        code_picture(text).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ):
        assert read_code(jpeg(picture)) == text


@pytest.mark.parametrize("other", ["https://example.org/a", "HELLO WORLD"])
def test_another_code_is_no_code_of_ours_or_its_plain_text(other: str) -> None:
    assert read_code(jpeg(code_picture(other))) in (None, other)


def test_bytes_that_are_no_picture_and_pictures_without_a_code_are_nothing() -> None:
    assert read_code(b"") is None
    assert read_code(b"\xff\xd8\xff\xe0 made up") is None
    assert read_code(qr_png("FSE0:MADE UP")) is None, "a camera sends JPEG only"
    assert read_code(jpeg(Image.effect_noise((240, 180), 90))) is None
    assert read_code(jpeg(Image.new("L", (3, 2)))) is None
    whole = jpeg(code_picture(code(Random(3))))
    for length in range(0, len(whole), 3989):
        read_code(whole[:length])


def test_a_picture_that_claims_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    large = io.BytesIO()
    Image.new("L", (5000, 4000)).save(large, "JPEG")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "convert", never)
    assert read_code(large.getvalue()) is None


@pytest.mark.parametrize("how", [{"progressive": True}, {"comment": bytes(60_000)}], ids=["passes", "bytes"])
def test_a_picture_that_costs_far_more_than_a_cameras_is_not_decoded(
    how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = io.BytesIO()
    text = code(Random(4))
    code_picture(text).save(made, "JPEG", **how)
    monkeypatch.setattr(scanning, "MOST_BYTES", 60_000)
    assert read_code(jpeg(code_picture(text))) == text
    assert read_code(made.getvalue()) is None


def test_a_picture_full_of_corner_patterns_costs_no_more_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hung it on a wall kept a processor busy for twenty seconds a frame."""
    pattern = Image.new("L", (14, 14), 0)
    pattern.paste(255, (2, 2, 12, 12))
    pattern.paste(0, (4, 4, 10, 10))
    full = Image.new("L", (640, 480), 255)
    for at in range(39 * 29):
        full.paste(pattern, (2 + at % 39 * 16, 2 + at // 39 * 16))
    seen: list[int] = []
    gather = finding._gather

    def counted(found: list[finding.Corner], new: finding.Corner) -> None:
        gather(found, new)
        seen.append(len(found))

    monkeypatch.setattr(finding, "_gather", counted)
    assert read_code(jpeg(full, 95)) is None
    assert 1000 < len(seen) <= 2 * 3000, "twice: two ways to tell dark from light"
    assert max(seen) <= 200


@given(st.binary(max_size=400))
@settings(max_examples=40, deadline=None)
def test_whatever_comes_is_a_text_or_nothing(data: bytes) -> None:
    assert read_code(data) is None
