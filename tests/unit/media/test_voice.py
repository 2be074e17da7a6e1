"""A recording as it grows: a WAV file that every player knows, within mu-law's error of what was said."""

import hashlib
import itertools
import math
import struct
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldapp.domain.attachment import MAX_FILE_SIZE
from fieldapp.services.media import prepare
from fieldapp.services.media.tuning import MOMENTS, Tuning
from fieldapp.services.media.voice import HEAD, RATE, Voice, samples_in

TABLE = "4a3e96c05a3b549206d85de1a5b4f9e3"
"""Over the codes of all 65,536 samples, 0 to 32,767 and then -32,768 to -1."""


def decoded(code: int) -> int:
    """Return the sample of a code, as ITU-T G.711 gives it in 14 bits, in 16."""
    inverted = ~code & 0xFF
    exponent, mantissa = inverted >> 4 & 7, inverted & 15
    size = ((2 * mantissa + 33) << exponent) - 33
    return -4 * size if inverted & 0x80 == 0x80 else 4 * size


def step(sample: int) -> int:
    """Return the width of the interval around `sample`."""
    return 8 << max(0, (min(abs(sample), 32_635) + 132).bit_length() - 8)


def sound_of(file: bytes) -> bytes:
    assert file[:4] == b"RIFF"
    assert file[8:12] == b"WAVE"
    assert int.from_bytes(file[4:8], "little") == len(file) - 8
    assert file[12:20] == b"fmt " + (18).to_bytes(4, "little")
    assert file[38:46] == b"fact" + (4).to_bytes(4, "little")
    size = int.from_bytes(file[54:58], "little")
    assert file[50:54] == b"data"
    assert int.from_bytes(file[46:50], "little") == size
    assert len(file) == HEAD + size + size % 2
    return file[HEAD : HEAD + size]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=400), st.data())
def test_what_is_heard_is_within_half_a_step_of_what_was_said(
    samples: list[int], data: st.DataObject
) -> None:
    pcm = b"".join(struct.pack("<h", sample) for sample in samples)
    voice = Voice()
    while pcm:  # cut anywhere, also in the middle of a sample
        cut = data.draw(st.integers(1, len(pcm)))
        voice.add(pcm[:cut])
        pcm = pcm[cut:]
    file = voice.file()
    assert prepare(file).data == file, "nothing is left to take out"
    assert prepare(file).clean
    heard = [decoded(code) for code in sound_of(file)]
    assert len(heard) == len(samples) == voice.samples
    for said, one in zip(samples, heard, strict=True):
        louder = max(0, abs(said) - 32_124)  # louder than the loudest code
        assert abs(one - said) <= max(step(said) // 2, louder)


def test_the_codes_are_what_they_were() -> None:
    voice = Voice()
    voice.add(array("h", [*range(32_768), *range(-32_768, 0)]).tobytes())
    assert hashlib.blake2b(sound_of(voice.file()), digest_size=16).hexdigest() == TABLE
    assert sound_of(voice.file())[0] == 0xFF, "silence"


def test_two_minutes_fill_a_file_and_not_one_byte_more() -> None:
    most = samples_in(MAX_FILE_SIZE)
    voice = Voice()
    for _ in range(140):
        voice.add(bytes(2 * RATE), most)
    assert voice.samples == most
    assert voice.seconds > 126
    made = prepare(voice.file())
    assert (made.media, len(made.data)) == ("audio/wav", MAX_FILE_SIZE)
    assert samples_in(HEAD + 1) == samples_in(0) == 0


def test_how_loud_it_is_and_that_it_is_forgotten() -> None:
    voice = Voice()
    voice.add(array("h", [3, -16_384, 8]).tobytes())
    assert voice.level == pytest.approx(0.5, abs=0.01)
    voice.forget()
    assert (voice.samples, voice.level) == (0, 0)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_rate_of_a_silent_client_is_heard_by_its_pace(rate: int, channels: int) -> None:
    """Also when its chunks come late now and then, as on a busy machine."""
    now = [0.0]
    tuning, voice = Tuning(clock=lambda: now[0]), Voice()
    played = 0
    for chunk in range(5 * rate // MOMENTS):
        now[0] = (chunk + 1) * MOMENTS / rate + (0.09 if chunk % 7 == 3 else 0.002 * (chunk % 3))
        moments = range(played, played + MOMENTS)
        tone = [round(12_000 * math.sin(2 * math.pi * 400 * moment / rate)) for moment in moments]
        played += MOMENTS
        voice.add(
            tuning.add(
                array("h", [one * (right == 0) for one in tone for right in range(channels)]).tobytes()
            )
        )
        voice.rate = tuning.rate
    assert tuning.rate == rate / max(1, round(rate / 8_000))
    assert voice.seconds == pytest.approx(played / rate, abs=0.01)
    heard = [decoded(code) for code in sound_of(voice.file())]
    rising = sum(a < 0 <= b for a, b in itertools.pairwise(heard))
    assert rising / voice.seconds == pytest.approx(400, rel=0.02), "neither faster nor slower"


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_machine_that_stalls_when_it_begins_does_not_cost_most_of_the_room(rate: int) -> None:
    """All samples kept instead of every sixth: a file would be full after 20 seconds."""
    now = [0.0]
    tuning = Tuning(clock=lambda: now[0])
    made = b""
    for chunk in range(1, 6 * rate // MOMENTS):
        at = chunk * MOMENTS / rate
        now[0] = at if chunk == 1 else max(at, 1.2)
        made += tuning.add(bytes(2 * MOMENTS))
    assert 7_000 < tuning.rate < 10_000
    assert len(made) / 2 / tuning.rate == pytest.approx(6, abs=0.2)


def test_what_is_held_back_is_bounded_whatever_the_pace() -> None:
    now = [0.0]
    tuning = Tuning(clock=lambda: now[0])
    for _ in range(40):
        now[0] += 5
        tuning.add(bytes(1 << 20))
        assert len(tuning._held) <= 2 << 20


def test_a_recording_shorter_than_the_listening_is_not_lost() -> None:
    now = [0.0]
    tuning = Tuning(clock=lambda: now[0])
    for chunk in range(10):
        now[0] = chunk * MOMENTS / 48_000
        assert tuning.add(array("h", [100] * MOMENTS * 2).tobytes()) == b""
    rest = array("h", tuning.rest())
    assert len(rest) == 10 * MOMENTS // 6
    assert set(rest) == {100}
    assert tuning.rate == 8_000
    assert Tuning().rest() == b""
