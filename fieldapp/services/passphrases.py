"""Judging and proposing passphrases.

Without a hardware-bound secret the passphrase alone stands between a copied device and the records, so it must be
worth five Diceware words: log10(7776**5) = 19.5 guesses (security: 2.2, 2.3). The estimate is zxcvbn's.
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from zxcvbn import zxcvbn

from fieldapp.assets import read_asset

STRONG_LOG10: Final = 19.4
SUGGESTED_WORDS: Final = 5
MAX_LENGTH: Final = 256
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


def suggest(language: str, words: int = SUGGESTED_WORDS) -> str:
    """Propose `words` random words (12.9 bits each) from the list of `language`, English where there is none."""
    return " ".join(secrets.choice(_word_list(language)) for _ in range(words))


@cache
def _word_list(language: str) -> tuple[str, ...]:
    name = f"words/passphrase-{language if language in ('fr', 'de') else 'en'}.txt"
    return tuple(read_asset(name).decode("utf-8").split())
