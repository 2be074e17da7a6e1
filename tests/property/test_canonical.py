"""Canonical JSON: a round trip loses nothing, and nothing but the domain error ever comes out."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sync.canonical import MAX_INT, Value, dumps, loads
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
