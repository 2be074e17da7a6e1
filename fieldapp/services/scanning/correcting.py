"""Reed-Solomon over GF(256) with the polynomial of QR codes (0x11D): half as many wrong bytes as there are check bytes.

The steps are the textbook's: syndromes, Berlekamp-Massey for the locator, a search for its roots, Forney for the values,
and the syndromes once more, so that nothing is called corrected that is no code word.
"""

from collections.abc import Sequence
from typing import Final

_POLYNOMIAL: Final = 0x11D


def _tables() -> tuple[bytes, bytes]:
    powers, logs, value = bytearray(512), bytearray(256), 1
    for n in range(255):
        powers[n] = powers[n + 255] = value
        logs[value] = n
        value = value << 1 ^ (_POLYNOMIAL if value & 0x80 else 0)
    return bytes(powers), bytes(logs)


_POWER, _LOG = _tables()


def _times(a: int, b: int) -> int:
    return _POWER[_LOG[a] + _LOG[b]] if a and b else 0


def _over(a: int, b: int) -> int:
    return _POWER[_LOG[a] + 255 - _LOG[b]] if a else 0


def _at(polynomial: Sequence[int], x: int) -> int:
    """Evaluate; the lowest coefficient stands first."""
    value = 0
    for coefficient in reversed(polynomial):
        value = _times(value, x) ^ coefficient
    return value


def _syndromes(word: bytes, checks: int) -> list[int]:
    return [_at(word[::-1], _POWER[n]) for n in range(checks)]


def corrected(word: bytes, checks: int) -> bytes | None:
    """Return the code word nearest to `word`, whose last `checks` bytes are check bytes; None when it is too far."""
    syndromes = _syndromes(word, checks)
    if not any(syndromes):
        return word
    locator = _locator(syndromes)
    errors = len(locator) - 1
    places = [n for n in range(len(word)) if _at(locator, _POWER[255 - n]) == 0]
    if not 0 < errors <= checks // 2 or len(places) != errors:
        return None
    product = [0] * checks
    for i, a in enumerate(syndromes):
        for j, b in enumerate(locator[: checks - i]):
            product[i + j] ^= _times(a, b)
    slope = [value if n % 2 == 0 else 0 for n, value in enumerate(locator[1:])]
    good = bytearray(word)
    for place in places:
        inverse = _POWER[255 - place]
        # Never 0: the locator has as many different roots as its degree, so each is a single one.
        below = _at(slope, inverse)
        good[-1 - place] ^= _times(_POWER[place], _over(_at(product, inverse), below))
    return None if any(_syndromes(bytes(good), checks)) else bytes(good)


def _locator(syndromes: Sequence[int]) -> list[int]:
    """Berlekamp and Massey: the shortest register that gives these syndromes, the lowest coefficient first."""
    current, before, length, since, last = [1], [1], 0, 1, 1
    for n, syndrome in enumerate(syndromes):
        gap = syndrome
        for i in range(1, min(length, len(current) - 1) + 1):
            gap ^= _times(current[i], syndromes[n - i])
        if not gap:
            since += 1
            continue
        factor = _over(gap, last)
        changed = current + [0] * max(0, len(before) + since - len(current))
        for i, value in enumerate(before):
            changed[i + since] ^= _times(factor, value)
        if 2 * length <= n:
            before, last, length, since = current, gap, n + 1 - length, 1
        else:
            since += 1
        current = changed
    while current and not current[-1]:
        current.pop()
    return current
