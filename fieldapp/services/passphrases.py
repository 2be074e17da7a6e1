"""Judging and proposing passphrases, and PINs where the centre lets a device model use them.

Without a hardware-bound secret the passphrase alone stands between a copied device and the records, so it must be
worth five Diceware words: log10(7776**5) = 19.5 guesses (security: 2.2, 2.3). The estimate is zxcvbn's. A PIN is 6 to
12 digits (`docs/adr/0052`). Whatever is chosen, anywhere, is judged by `judge` under one `Choice`.
"""

import itertools
import re
import secrets
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from zxcvbn import zxcvbn

from fieldapp.assets import read_asset

STRONG_LOG10: Final = 19.4
SUGGESTED_WORDS: Final = 5
MAX_LENGTH: Final = 256
MOST_SLIPS: Final = 2
SHORTEST: Final = 16
"""Characters. No estimate gives a text more than a factor of ten for each character, so that nothing below 19 of them is
ever accepted; the three in between leave room for another estimator."""
PIN_DIGITS: Final = (6, 12)
"""The fewest and the most digits of a PIN."""
PIN_LOG10: Final = 4.5
"""Below this zxcvbn has seen a pattern in a PIN; six digits drawn by lot mostly have 5 and more."""
_PIN: Final = re.compile(rf"[0-9]{{{PIN_DIGITS[0]},{PIN_DIGITS[1]}}}")
_YEAR: Final = r"(?:19[2-9]\d|20[0-4]\d)"
_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_DAY: Final = r"(?:0[1-9]|[12]\d|3[01])"
_SHORT_DATES: Final = re.compile(
    rf"{_DAY}{_MONTH}\d\d|{_MONTH}{_DAY}\d\d|\d\d{_MONTH}{_DAY}|{_YEAR}\d\d|\d\d{_YEAR}", re.ASCII
)
"""Six digits that can be a birthday, or hold a year."""
_LONG_DATES: Final = re.compile(
    rf"{_DAY}{_MONTH}{_YEAR}|{_MONTH}{_DAY}{_YEAR}|{_YEAR}{_MONTH}{_DAY}|{_YEAR}{_DAY}{_MONTH}", re.ASCII
)
_PAD: Final = {key: (at % 3, at // 3) for at, key in enumerate("123456789*0")}
"""Column and row of the keys of a telephone. On a computer they lie upside down: 1 to 9 have the same neighbours."""
_BESIDE: Final = {
    key: {other for other, (x, y) in _PAD.items() if abs(x - across) + abs(y - down) == 1}
    for key, (across, down) in _PAD.items()
}
"""The keys above, below, left and right of a key."""
_ESTIMATED_LENGTH: Final = 72  # zxcvbn is slow on long input; what follows can only add strength


class Choice(StrEnum):
    """What may be chosen to open a notebook, here and now: the one answer to that question (`DeviceBook.choice`)."""

    PASSPHRASE = "passphrase"  # noqa: S105 - a kind, not a secret
    PIN_OR_PASSPHRASE = "pin_or_passphrase"  # noqa: S105


class Weakness(StrEnum):
    """Why a passphrase or a PIN is not accepted."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Strength:
    """`share` is 0.0 to 1.0 of what is needed; `weakness` is None when the passphrase is good enough."""

    share: float
    weakness: Weakness | None


def judge(passphrase: str, choice: Choice) -> Strength:
    """Estimate what somebody wants to choose, where `choice` is open to them. Never raises, never keeps it."""
    if not passphrase.strip():
        return Strength(0.0, Weakness.EMPTY)
    if len(passphrase) > MAX_LENGTH:
        return Strength(0.0, Weakness.TOO_LONG)
    if choice is Choice.PIN_OR_PASSPHRASE and is_pin(passphrase):
        return Strength(0.5, Weakness.WEAK) if _easy(meant(passphrase)) else Strength(1.0, None)
    # Whoever guesses tries the plain letters: what is derived from does not know wide ones (NFKC). One sign may also
    # become many there, so that both are estimated.
    forms = {passphrase, _western(_normal(passphrase))}
    log10 = min(float(zxcvbn(form[:_ESTIMATED_LENGTH])["guesses_log10"]) for form in forms)
    share = min(1.0, log10 / STRONG_LOG10)
    return Strength(share, None if log10 >= STRONG_LOG10 else Weakness.WEAK)


def is_pin(word: str) -> bool:
    """Tell whether a word has the form of a PIN. What opens a notebook and has it is one: no passphrase is that short."""
    return _PIN.fullmatch(_western(_normal(word))) is not None


def meant(word: str) -> str:
    """Return what a word opens with: a PIN in the digits 0 to 9, whatever digits a keyboard types; else the word itself.

    Keyboards for Arabic or Persian type digits of their own, and not the same on every day. No passphrase is as short as
    a PIN, so that nothing that ever opened a notebook becomes another word.
    """
    return _western(_normal(word)) if is_pin(word) else word


def _western(word: str) -> str:
    """Write decimal digits of any script as 0 to 9."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in word)


def _easy(pin: str) -> bool:
    """Tell whether a PIN is among those that are tried first: rows, repeats, pairs, mirrors, dates, paths on the keys."""
    digits = [int(digit) for digit in pin]
    steps = {(after - before) % 10 for before, after in itertools.pairwise(digits)}
    groups = sum(1 for _ in itertools.groupby(pin))
    half = len(pin) // 2
    return (
        len(steps) == 1  # 111111, 456789, 864208
        or len(set(pin)) < 3
        or groups <= half  # 112233, 111222
        or all(after in _BESIDE[before] for before, after in itertools.pairwise(pin))  # 147896, 321478
        or any(pin.startswith(pin[n:]) for n in range(1, half + 1))  # 121212, 1231231
        or digits == digits[::-1]  # 123321
        or _LONG_DATES.search(pin) is not None
        or (len(pin) == PIN_DIGITS[0] and _SHORT_DATES.fullmatch(pin) is not None)
        or float(zxcvbn(pin)["guesses_log10"]) < PIN_LOG10
    )


def could_open(word: str, *, pins: bool) -> bool:
    """Tell whether a word may be a passphrase of some device: only such a word is counted as an attempt to open one.

    With `pins` it may be a PIN. Nothing that `judge` accepts is refused here. It looks at the form alone and knows no
    dictionary, so that it never changes with a release: whoever chose a passphrase must be able to type it for ever.
    """
    return max(len(word), len(_normal(word))) >= SHORTEST or (pins and is_pin(word))


def _normal(word: str) -> str:
    return unicodedata.normalize("NFKC", word)


def too_close(one: str, other: str) -> bool:
    """Tell whether two passphrases could be mixed up: equal but for case and spaces, the same words in another order, one
    inside the other, or at most two slips of a finger apart.
    """
    words = [sorted(_western(_normal(text)).casefold().split()) for text in (one, other)]
    first, second = ("".join(_western(_normal(text)).casefold().split()) for text in (one, other))
    if not first or not second:
        return False
    return words[0] == words[1] or first in second or second in first or _slips(first, second) <= MOST_SLIPS


def _slips(one: str, other: str) -> int:
    """Return how many letters must be added, left out or exchanged (Levenshtein); MOST_SLIPS + 1 for more than those."""
    if abs(len(one) - len(other)) > MOST_SLIPS:
        return MOST_SLIPS + 1
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, with_ in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != with_))
    return row[-1]


def suggest(language: str, words: int = SUGGESTED_WORDS) -> str:
    """Propose `words` random words (12.9 bits each) from the list of `language`, English where there is none."""
    return " ".join(secrets.choice(_word_list(language)) for _ in range(words))


@cache
def _word_list(language: str) -> tuple[str, ...]:
    name = f"words/passphrase-{language if language in ('fr', 'de') else 'en'}.txt"
    return tuple(read_asset(name).decode("utf-8").split())
