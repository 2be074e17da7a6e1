"""Canonical JSON: a round trip loses nothing, and nothing but the domain error ever comes out."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.canonical import MAX_DEPTH, MAX_INT, Value, dumps, loads
from sync.errors import CanonicalError

TEXT = st.text(st.characters(codec="utf-8"), max_size=20).map(lambda s: unicodedata.normalize("NFC", s))
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=6)
LEAVES = st.none() | st.booleans() | st.integers(1 - MAX_INT, MAX_INT - 1) | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)


@given(VALUES)
def test_round_trip(value: Value) -> None:
    assert loads(dumps(value)) == value


@given(VALUES, VALUES)
def test_two_values_have_two_encodings(one: Value, other: Value) -> None:
    assert (dumps(one) == dumps(other)) == (repr(one_sorted(one)) == repr(one_sorted(other)))


@given(st.binary(max_size=60) | st.text('[]{}",:0123456789.eE+-truefalsn\\u ', max_size=40).map(str.encode))
def test_anything_else_is_the_domain_error(data: bytes) -> None:
    try:
        value = loads(data)
    except CanonicalError:
        return
    assert dumps(value) == data


def one_sorted(value: Value) -> Value:
    """The value with keys in order, so that its repr tells True from 1 and nothing else."""
    if isinstance(value, dict):
        return {key: one_sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [one_sorted(item) for item in value]
    return value


# The definition, written as plainly as it can be: what `sync.canonical` does faster must come to the same.


def refused(value: object, depth: int = 0) -> bool:
    """Whether a body may not hold `value`, which lies in `depth` lists and objects."""
    if isinstance(value, dict):
        keys = all(isinstance(key, str) and re.fullmatch("[a-z0-9_]+", key) for key in value)
        return depth >= MAX_DEPTH or not keys or any(refused(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return depth >= MAX_DEPTH or any(refused(item, depth + 1) for item in value)
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value) != value
    if isinstance(value, int):
        return abs(value) >= MAX_INT
    return value is not None


def plainly_loaded(data: bytes) -> Value:
    """Parse, judge, encode again, compare; ValueError for what is not canonical."""
    value: Value = json.loads(data.decode())
    again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    if refused(value) or again != data:
        raise ValueError
    return value


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', "\\", "\n", "e\u0301", "\u0338"]
)
ANY_LEAF = LEAVES | ANY_TEXT | st.floats() | st.integers() | st.just((1,)) | st.binary(max_size=2)
ANY_KEY = KEYS | ANY_TEXT | st.integers(0, 3) | st.none()
ANYTHING = st.recursive(
    ANY_LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_KEY, inner, max_size=3)
)


@given(ANYTHING, st.sampled_from([0, 0, 0, MAX_DEPTH - 2, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1]))
def test_what_is_encoded_is_what_the_definition_allows(value: Value, depth: int) -> None:
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    if refused(value):
        with pytest.raises(CanonicalError):
            dumps(value)
    else:
        assert loads(dumps(value)) == value


@given(
    VALUES, st.integers(0, 200), st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b"[", b'"a":1,', b" "])
)
def test_mutated_bytes_are_judged_as_by_the_definition(value: Value, at: int, put: bytes) -> None:
    data = dumps(value)
    at %= len(data) + 1
    for changed in (data[:at] + put + data[at:], data[:at] + put + data[at + len(put) :], data[:at]):
        try:
            expected = plainly_loaded(changed)
        except ValueError:
            with pytest.raises(CanonicalError):
                loads(changed)
        else:
            assert loads(changed) == expected


@given(st.lists(st.sampled_from(["[", "{", '"a":', '"[[', ']"', '"', "\\", ",", "]", "}", "1"]), max_size=60))
def test_the_scan_sees_every_bracket_that_a_parser_could_follow(pieces: list[str]) -> None:
    data = "".join(pieces).encode()
    deepest = depth = 0
    in_text = escaped = False
    for letter in data.decode():
        if in_text:
            in_text, escaped = escaped or letter != '"', letter == "\\" and not escaped
        elif letter == '"':
            in_text = True
        else:
            depth += (letter in "[{") - (letter in "]}")
            deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        with pytest.raises(CanonicalError, match="too deep"):
            loads(data)
