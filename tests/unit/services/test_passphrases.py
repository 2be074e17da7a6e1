"""Passphrases that a person could mix up under stress."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldapp.services.passphrases import could_open, judge, suggest, too_close

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


LETTERS = st.text(st.characters(codec="utf-8"), max_size=24)


@settings(max_examples=40, deadline=None)
@given(st.one_of(LETTERS, st.text("abcdefghijklmnopqrstuvwxyz0123456789 #%", min_size=12, max_size=24)))
def test_whatever_is_accepted_as_a_passphrase_can_also_be_searched_for(text: str) -> None:
    assert could_open(text) or judge(text).weakness is not None


def test_letters_with_their_accents_apart_lose_nothing_by_being_put_together() -> None:
    text = "".join(letter + "\u0301" for letter in "xjqzwvkfhy")
    assert judge(text).weakness is None
    assert could_open(text)


@pytest.mark.parametrize(
    "word", ["milk", "boodschappen", "jeu de société", "Donnerstag 14h", "", "123", "142857"]
)
def test_what_people_search_for_is_no_attempt(word: str) -> None:
    assert not could_open(word)


@pytest.mark.parametrize("word", ["0" * 16, "ﷺ"])
def test_what_may_be_a_passphrase_counts_as_one(word: str) -> None:
    assert could_open(word)


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_proposed_words_can_be_searched_for(language: str) -> None:
    assert all(could_open(suggest(language)) for _ in range(200))
