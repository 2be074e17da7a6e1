"""The sound of a microphone that tells neither its rate nor its channels, as a browser's does.

Flet's client asks a browser for 8,000 samples a second of one channel, gets what the device has (mostly 44,100 or 48,000,
of one channel or two), and sends that without a word. But it always sends 2,048 moments at a time: so the length of a
chunk tells the channels, and the pace at which chunks come tells the rate. The first second without a stall is held back
until the rate is roughly known, which is enough to choose how many samples are averaged into one; what the file says
about its rate is set again whenever it is kept, by the pace of all that came since.
"""

import sys
import time
from array import array
from collections.abc import Callable
from typing import Final

MOMENTS: Final = 2_048
"""Moments in a chunk, of each channel."""
RATES: Final = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000)
"""What devices have."""
WANTED: Final = 8_000
SECONDS_OF_LISTENING: Final = 1.0
SECONDS_OF_A_STALL: Final = 0.4
"""No device is so slow between two chunks: this machine was, and the pace is measured anew."""
SECONDS_OF_A_BURST: Final = 0.05
"""What comes right after a stall had waited: only the last of it tells a time."""
MOST_HELD: Final = 1 << 20
"""Samples that are held back at most, whatever the pace."""


class Tuning:
    """Makes one channel of some 8,000 samples a second out of chunks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Measure the pace with `clock`, in seconds."""
        self._clock = clock
        self._held = array("h")
        self._channels = 1
        self._averaged = 0
        self._moments = 0
        # Sums of a least-squares line through (time, moments): one late chunk does not bend it.
        self._began = 0.0
        self._last: float | None = None
        self._n = self._t = self._m = self._tt = self._tm = 0.0

    @property
    def rate(self) -> float:
        """Samples a second of what `add` returns, as far as it is known by now."""
        return self._heard_rate() / max(1, self._averaged)

    def add(self, chunk: bytes) -> bytes:
        """Return 16-bit samples, little-endian; none while the rate is not known at all."""
        now = self._clock()
        if self._last is None:
            self._channels = max(1, len(chunk) // (2 * MOMENTS))
        if not self._averaged:
            if self._last is None or now - self._last >= SECONDS_OF_A_STALL:
                self._began = now
            if now - self._began < SECONDS_OF_A_BURST:
                self._n = self._t = self._m = self._tt = self._tm = 0.0
        self._last = now
        self._held.frombytes(_native(chunk[: len(chunk) & ~1]))
        self._moments += len(chunk) // (2 * self._channels)
        self._note(now - self._began, self._moments)
        heard = now - self._began >= SECONDS_OF_LISTENING or len(self._held) >= MOST_HELD
        if not self._averaged and heard:
            self._averaged = max(1, round(self._heard_rate() / WANTED))
        return self._made() if self._averaged else b""

    def rest(self) -> bytes:
        """Return what was held back of a recording that ended before its rate was known."""
        if not self._averaged:
            self._averaged = max(1, round(self._heard_rate() / WANTED))
        return self._made()

    def _note(self, t: float, moments: int) -> None:
        self._n += 1
        self._t += t
        self._m += moments
        self._tt += t * t
        self._tm += t * moments

    def _heard_rate(self) -> int:
        spread = self._n * self._tt - self._t * self._t
        if spread <= 0:
            return 48_000
        pace = (self._n * self._tm - self._t * self._m) / spread
        return min(RATES, key=lambda rate: max(rate, pace) / max(1.0, min(rate, pace)))

    def _made(self) -> bytes:
        step = self._averaged * self._channels
        whole = len(self._held) // step * step
        taken, self._held = self._held[:whole], self._held[whole:]
        made = array(
            "h",
            (sum(together) // step for together in zip(*(taken[i::step] for i in range(step)), strict=True)),
        )
        return _native(made.tobytes())


def _native(samples: bytes) -> bytes:
    """Return 16-bit samples in this machine's order instead of little-endian, or the other way round."""
    if sys.byteorder == "little":
        return samples
    turned = array("h", samples)
    turned.byteswap()
    return turned.tobytes()
