"""Passphrases that a person could mix up under stress."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldapp.services.passphrases import Choice, could_open, is_pin, judge, meant, suggest, too_close

WORDS = "made up canoe lantern gravel"
BOTH = Choice.PIN_OR_PASSPHRASE


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
    assert could_open(text, pins=False) or judge(text, Choice.PASSPHRASE).weakness is not None


def test_letters_with_their_accents_apart_lose_nothing_by_being_put_together() -> None:
    text = "".join(letter + "\u0301" for letter in "xjqzwvkfhygrmw")
    assert judge(text, Choice.PASSPHRASE).weakness is None
    assert could_open(text, pins=False)


@pytest.mark.parametrize(
    "word", ["milk", "boodschappen", "jeu de société", "Donnerstag 14h", "", "123", "142857"]
)
def test_what_people_search_for_is_no_attempt(word: str) -> None:
    assert not could_open(word, pins=False)


@pytest.mark.parametrize("word", ["0" * 16, "ﷺ"])
def test_what_may_be_a_passphrase_counts_as_one(word: str) -> None:
    assert could_open(word, pins=False)


@pytest.mark.parametrize("language", ["en", "fr", "de"])
def test_proposed_words_can_be_searched_for(language: str) -> None:
    assert all(could_open(suggest(language), pins=False) for _ in range(200))


# --- PINs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "easy",
    [
        "000000", "777777777777", "123456", "987654", "098765", "135791", "864208", "890123",  # rows
        "121212", "123123", "1231231", "12341234", "474747474",  # repeats
        "112233", "775511", "228844", "554433", "111222", "000111", "770077",  # pairs and groups
        "123321", "840048", "5839385",  # mirrors
        "240399", "032499", "990324", "198512", "121985", "24031999", "19990324", "03241999", "6240319991",  # dates
        "147258", "159753", "258456", "741852", "321478", "580896",  # paths on the keys
        "252255", "699699",
    ],
)  # fmt: skip
def test_a_pin_that_is_tried_first_is_refused(easy: str) -> None:
    assert is_pin(easy)
    assert judge(easy, BOTH).weakness is not None


@pytest.mark.parametrize("good", ["840293", "517064", "39270581", "602815", "915802736", "480571936208"])
def test_digits_by_lot_are_a_pin_where_one_is_allowed_and_nowhere_else(good: str) -> None:
    assert judge(good, BOTH).weakness is None
    assert judge(good, Choice.PASSPHRASE).weakness is not None
    assert could_open(good, pins=True)
    assert not could_open(good, pins=False)


@pytest.mark.parametrize(
    "word",
    ["84029", "8402938402931", "84029a", " 840293", "840 293", ""],
)
def test_anything_else_is_no_pin_and_judged_as_a_passphrase(word: str) -> None:
    assert not is_pin(word)
    assert judge(word, BOTH) == judge(word, Choice.PASSPHRASE)


@settings(max_examples=60, deadline=None)
@given(st.text("0123456789", min_size=5, max_size=13))
def test_what_is_accepted_as_a_pin_can_be_searched_for_and_has_no_plain_pattern(digits: str) -> None:
    if judge(digits, BOTH).weakness is not None:
        return
    assert could_open(digits, pins=True)
    assert 6 <= len(digits) <= 12
    assert len(set(digits)) > 2
    assert digits != digits[::-1]
    assert len({(int(b) - int(a)) % 10 for a, b in itertools.pairwise(digits)}) > 1
    assert judge(digits, Choice.PASSPHRASE).weakness is not None


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=24), st.text("0123456789", max_size=24)))
def test_where_no_pin_is_allowed_nothing_changes_for_passphrases(text: str) -> None:
    """And what is a good passphrase stays one where PINs are allowed."""
    plain = judge(text, Choice.PASSPHRASE)
    if plain.weakness is None:
        assert len(text) > 12
        assert judge(text, BOTH) == plain


def test_most_numbers_that_are_drawn_by_lot_are_good() -> None:
    drawn = [f"{n * 7919 % 10**6:06d}" for n in range(1, 400)]
    assert sum(judge(pin, BOTH).weakness is None for pin in drawn) > 240


def test_a_full_width_pin_is_the_same_pin() -> None:
    assert is_pin("８４０２９３")
    assert judge("８４０２９３", BOTH).weakness is None
    assert judge("１１１１１１", BOTH).weakness is not None


@pytest.mark.parametrize("zero", ["\u0660", "\u06f0", "\uff10", "\u0966", "\u09e6"])
def test_a_pin_is_the_same_in_the_digits_of_every_keyboard(zero: str) -> None:
    """A worker's keyboard may type Arabic, Persian, wide or Hindi digits today, and others tomorrow."""

    def there(pin: str) -> str:
        return "".join(chr(ord(zero) + int(digit)) for digit in pin)

    assert is_pin(there("840293"))
    assert meant(there("840293")) == "840293"
    assert could_open(there("840293"), pins=True)
    assert judge(there("840293"), BOTH).weakness is None
    assert judge(there("240399"), BOTH).weakness is not None
    assert judge(there("840293"), Choice.PASSPHRASE).weakness is not None
    assert too_close(there("840293"), "840239")


@settings(max_examples=60, deadline=None)
@given(st.one_of(LETTERS, st.text("\u0660\u0661\u0669\uff11\u00b2 23a", max_size=24)))
def test_no_passphrase_is_another_word_by_its_digits(text: str) -> None:
    assert meant(text) == (meant(text) if is_pin(text) else text)
    if judge(text, Choice.PASSPHRASE).weakness is None:
        assert meant(text) == text


@pytest.mark.parametrize(
    "weak", ["princesssunshinedragon", "iloveyouiloveyouiloveyou", "12041989120419891204"]
)
def test_a_weak_passphrase_in_wide_letters_is_as_weak(weak: str) -> None:
    """Both open the same: what is derived from is NFKC."""
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in weak)
    assert judge(weak, Choice.PASSPHRASE).weakness is not None
    assert judge(wide, Choice.PASSPHRASE).weakness is not None
