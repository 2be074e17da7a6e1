"""Judging and proposing passphrases.

Without a hardware-bound secret the passphrase alone stands between a copied device and the records, so it must be
worth five Diceware words: log10(7776**5) = 19.5 guesses (security: 2.2, 2.3). The estimate is zxcvbn's.
"""

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
_ESTIMATED_LENGTH: Final = 72  # zxcvbn is slow on long input; what follows can only add strength


class Weakness(StrEnum):
    """Why a passphrase is not accepted."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Strength:
    """`share` is 0.0 to 1.0 of what is needed; `weakness` is None when the passphrase is good enough."""

    share: float
    weakness: Weakness | None


def judge(passphrase: str) -> Strength:
    """Estimate a passphrase. Never raises, never keeps it."""
    if not passphrase.strip():
        return Strength(0.0, Weakness.EMPTY)
    if len(passphrase) > MAX_LENGTH:
        return Strength(0.0, Weakness.TOO_LONG)
    log10 = float(zxcvbn(passphrase[:_ESTIMATED_LENGTH])["guesses_log10"])
    share = min(1.0, log10 / STRONG_LOG10)
    return Strength(share, None if log10 >= STRONG_LOG10 else Weakness.WEAK)


def could_open(word: str) -> bool:
    """Tell whether a word may be a passphrase of some device: only such a word is counted as an attempt to open one.

    No passphrase that `judge` accepts is refused here. It looks at the form alone and knows no dictionary, so that it
    never changes with a release: whoever chose a passphrase must be able to type it for ever.
    """
    normal = unicodedata.normalize("NFKC", word)
    return max(len(word), len(normal)) >= SHORTEST


def too_close(one: str, other: str) -> bool:
    """Tell whether two passphrases could be mixed up: equal but for case and spaces, the same words in another order, one
    inside the other, or at most two slips of a finger apart.
    """
    words = [sorted(unicodedata.normalize("NFKC", text).casefold().split()) for text in (one, other)]
    first, second = ("".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in (one, other))
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
