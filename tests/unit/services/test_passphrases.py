"""Passphrases that a person could mix up under stress."""

import pytest

from fieldapp.services.passphrases import suggest, too_close

WORDS = "made up canoe lantern gravel"


@pytest.mark.parametrize(
    "other",
    [
        WORDS,
        WORDS.upper(),
        WORDS.replace(" ", ""),
        "gravel lantern canoe up made",
        WORDS + " sixty",
        "canoe lantern",
        "made up canoe lantern grovel",
        "made up canoe lanter gravels",
        "ｍade up canoe lantern gravel",
    ],
)
def test_what_could_be_mixed_up_is_too_close(other: str) -> None:
    assert too_close(WORDS, other)
    assert too_close(other, WORDS)


@pytest.mark.parametrize(
    "other", ["", "made up walnut sextant copper", "made up canoes lanternsm gravely ones"]
)
def test_other_words_are_not(other: str) -> None:
    assert not too_close(WORDS, other)


def test_proposed_words_are_never_too_close() -> None:
    assert not any(too_close(suggest("en"), suggest("en")) for _ in range(200))
