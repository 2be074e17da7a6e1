"""A recording as it grows: samples from a microphone become a small WAV file, piece by piece and in memory.

The sound is that of a telephone: some 8,000 samples a second, one byte each (mu-law of ITU-T G.711; format tag 7 of RFC
2361), so that two minutes fit into one file. Compressing is a table, so stopping takes no time. The file is what
`prepare` would make of it: three chunks, nothing of a device or a time.
"""

import functools
import struct
import sys
from array import array
from typing import Final

RATE: Final = 8_000
"""Samples a second, of one channel, where the microphone gives what it is asked for."""
HEAD: Final = 58
"""Bytes in front of the sound: RIFF, ``fmt ``, ``fact`` and the head of ``data``."""
_MU_LAW: Final = 7
_BIAS: Final = 132
_LOUDEST: Final = 32_767


class Voice:
    """One recording. Not safe for threads: `add` and `file` belong to the event loop."""

    def __init__(self) -> None:
        self._sound = bytearray()
        self._half = b""
        self.rate: float = RATE
        """Samples a second."""
        self.level = 0.0
        """The loudest sample of what was added last, 0 to 1."""

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self._sound)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.samples / self.rate

    def add(self, pcm: bytes, most: int | None = None) -> None:
        """Add 16-bit samples, little-endian; what goes beyond `most` samples in all is left out.

        A microphone may cut a sample in two: the second half comes with the next bytes.
        """
        whole = self._half + pcm
        even = len(whole) & ~1
        self._half = whole[even:]
        samples = array("h", whole[:even])
        if sys.byteorder == "big":
            samples.byteswap()
        if most is not None:
            samples = samples[: max(0, most - self.samples)]
        if samples:
            self.level = min(1.0, max(max(samples), -min(samples)) / _LOUDEST)
            table = _table()
            self._sound += bytes([table[sample] for sample in samples])

    def file(self) -> bytes:
        """Return it as a WAV file; at least one sample."""
        sound = bytes(self._sound)
        fmt = struct.pack("<HHIIHHH", _MU_LAW, 1, round(self.rate), round(self.rate), 1, 8, 0)
        fact = struct.pack("<I", len(sound))
        body = b"".join(
            name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
            for name, content in ((b"fmt ", fmt), (b"fact", fact), (b"data", sound))
        )
        return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body

    def forget(self) -> None:
        """Drop the sound."""
        self._sound, self._half, self.level = bytearray(), b"", 0.0


def samples_in(size: int) -> int:
    """Return how many samples a file of `size` bytes can hold."""
    return max(0, size - HEAD) & ~1


@functools.cache
def _table() -> bytes:
    """Return the code of every sample: 0 to 32,767 first, then -32,768 to -1, as an index from the end finds them.

    A code has a sign, three bits of exponent and four of mantissa, all inverted; its step doubles with the exponent.
    """
    up = bytearray()
    for code in range(128):
        exponent, mantissa = code >> 4, code & 15
        width = 1 << (exponent + 3)
        first = (16 + mantissa) * width - _BIAS
        up += bytes((0xFF - code,)) * (width + min(first, 0))  # the first step begins below zero
    up += up[-1:] * (_LOUDEST + 1 - len(up))  # louder than the loudest code
    without_sign = bytes(byte & 0x7F for byte in range(256))
    down = (up[-1:] + up[:0:-1]).translate(without_sign)
    return bytes(up + down)
