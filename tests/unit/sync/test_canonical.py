"""One value has one encoding, and every other form is refused."""

import pytest

from sync.canonical import MAX_DEPTH, MAX_INT, MAX_SIZE, Value, dumps, loads, loads_object
from sync.errors import CanonicalError


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({}, b"{}"),
        ({"b": 1, "a": [None, True, -5, "é"]}, '{"a":[null,true,-5,"é"],"b":1}'.encode()),
        ({"a": {"z_1": '\n"\\'}}, b'{"a":{"z_1":"\\n\\"\\\\"}}'),
        ("العربية", '"العربية"'.encode()),
        (MAX_INT - 1, b"9007199254740991"),
    ],
)
def test_the_one_encoding(value: Value, data: bytes) -> None:
    assert dumps(value) == data
    assert loads(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" {}",
        b"{} ",
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"A":1}',
        b'{"":1}',
        b'{"a b":1}',
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b'"\\u0061"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\xc0\xaf"',
        b"\xef\xbb\xbf{}",
        '"e\u0301"'.encode(),
        b"[1,]",
        b"{}{}",
        b"'a'",
        b'"a',
        b"[",
        b"]",
        b'"\x00"',
        b"true false",
        b"\x00",
    ],
)
def test_every_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        loads(data)


def test_depth_is_refused_before_the_parser_recurses() -> None:
    assert loads(nested(MAX_DEPTH)) is not None
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(CanonicalError):
            loads(nested(depth))
    with pytest.raises(CanonicalError):
        loads(b"[" * 500_000)


def test_brackets_inside_text_do_not_count() -> None:
    value: Value = {"a": "[" * 100 + '"\\' + "{" * 100}
    assert loads(dumps(value)) == value


def test_size_is_refused_first() -> None:
    with pytest.raises(CanonicalError):
        loads(b'"' + b"a" * MAX_SIZE + b'"')
    with pytest.raises(CanonicalError):
        dumps("a" * MAX_SIZE)


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), b"x", ("a",), {1: 2}, {"a-b": 1}, MAX_INT, "e\u0301", "\ud800", {"a": {1}}]
)
def test_values_outside_the_format_are_not_written(value: object) -> None:
    with pytest.raises(CanonicalError):
        dumps(value)  # type: ignore[arg-type]


def test_too_deep_is_not_written() -> None:
    value: Value = []
    for _ in range(MAX_DEPTH + 5):
        value = [value]
    with pytest.raises(CanonicalError):
        dumps(value)


def test_what_is_written_can_be_read_at_the_deepest_level() -> None:
    """dumps and loads must agree on depth, else a device could seal what no desk can open."""
    for depth in range(MAX_DEPTH - 1, MAX_DEPTH + 3):
        value: Value = "leaf"
        for _ in range(depth):
            value = [value]
        try:
            data = dumps(value)
        except CanonicalError:
            continue
        assert loads(data) == value


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"a"'])
def test_an_object_is_asked_for(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        loads_object(data)
