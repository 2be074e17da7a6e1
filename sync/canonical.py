"""Canonical JSON: the one encoding of every body (PROTOCOL.md, section 2).

Objects with sorted keys of `[a-z0-9_]`, no spaces, UTF-8, NFC strings; values are str, int (|x| < 2**53), bool,
null, list and object. One value has exactly one encoding, and `loads` refuses every other form, so that two
readers can never see two things in the same bytes.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Final, NoReturn, cast

from sync.errors import CanonicalError

Value = None | bool | int | str | list["Value"] | dict[str, "Value"]
"""What a body may hold."""

MAX_DEPTH: Final = 16
MAX_SIZE: Final = 1 << 20
MAX_INT: Final = 1 << 53
_KEYS: Final = re.compile(r"[a-z0-9_]+")
_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NO_BRACKETS_OR_QUOTES: Final = _NO_BRACKETS.replace(b'"', b"")
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
)
"""Made once; `_check` has refused whatever is too deep, a circle too."""


def _refuse_number(_text: str) -> NoReturn:
    raise CanonicalError("number type not allowed")


_DECODER: Final = json.JSONDecoder(parse_float=_refuse_number, parse_constant=_refuse_number)
"""Made once. A key that comes twice is found when the value, which has it once, is encoded again."""


def dumps(value: Value) -> bytes:
    """Encode `value`; CanonicalError when it holds anything a body may not hold."""
    _check(value, 0)
    text = _ENCODER.encode(value)
    try:
        data = text.encode("utf-8")
    except UnicodeError:
        raise CanonicalError("text is not Unicode") from None
    if len(data) > MAX_SIZE:
        raise CanonicalError("too long")
    return data


def loads(data: bytes) -> Value:
    """Decode canonical bytes; CanonicalError for anything else, before the parser could be hurt by it."""
    if len(data) > MAX_SIZE:
        raise CanonicalError("too long")
    _scan_depth(data)
    try:
        value: Value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise CanonicalError("not JSON") from None
    if dumps(value) != data:
        raise CanonicalError("not canonical")
    return value


def loads_object(data: bytes) -> dict[str, Value]:
    """Decode canonical bytes that must be an object."""
    value = loads(data)
    if not isinstance(value, dict):
        raise CanonicalError("not an object")
    return value


def _check(value: object, depth: int) -> None:
    """Refuse what a body may not hold, inside `depth` lists and objects."""
    if isinstance(value, str):
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            raise CanonicalError("text is not NFC")
    elif isinstance(value, int):
        if not -MAX_INT < value < MAX_INT:
            raise CanonicalError("number too large")
    elif isinstance(value, dict):
        _check_keys(value)
        _check_items(value.values(), depth)
    elif isinstance(value, list):
        _check_items(value, depth)
    elif value is not None:
        raise CanonicalError("type not allowed")


def _check_items(items: Iterable[object], depth: int) -> None:
    """Check what a list or an object holds. It sees every value that is stored or sent: plain words cost no call."""
    if depth == MAX_DEPTH:
        raise CanonicalError("too deep")
    for item in items:
        if item is not None and (type(item) is not str or not item.isascii()):
            _check(item, depth + 1)


def _check_keys(value: dict[object, object]) -> None:
    """Refuse an empty key and one with another letter: all of them are looked at in one go."""
    try:
        letters = "".join(cast(dict[str, object], value))
    except TypeError:
        raise CanonicalError("bad key") from None
    if value and ("" in value or not _KEYS.fullmatch(letters)):
        raise CanonicalError("bad key")


def _scan_depth(data: bytes) -> None:
    """Refuse deep nesting by counting brackets outside strings, without recursion."""
    depth = 0
    for byte in _brackets(data):
        if byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise CanonicalError("too deep")
        else:
            depth -= 1


def _brackets(data: bytes) -> bytes:
    """Return the brackets outside strings. What is no JSON may give others: the parser refuses it anyway."""
    if b"\\" in data:  # a quote may be part of a string
        return _TEXT.sub(b"", data).translate(None, _NO_BRACKETS)
    return b"".join(data.translate(None, _NO_BRACKETS_OR_QUOTES).split(b'"')[::2])
