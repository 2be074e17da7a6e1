"""What all bodies share: their version, and how ids, words, dates and times are written in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TypeVar

from fieldapp.domain.strict import Fields
from fieldapp.domain.triage import Band, Level
from fieldapp.errors import CodecError, ContactError, InstrumentError, ScreeningError

VERSION = 1
"""Version of every body."""

Body = dict[str, object]
"""A plain dictionary, ready for canonical JSON."""

ValueT = TypeVar("ValueT")
LevelOrBand = TypeVar("LevelOrBand", Level, Band)


def open_body(data: object) -> Fields:
    """Begin to read a body of this version."""
    fields = Fields(data, "", CodecError)
    fields.integer("v", VERSION, VERSION)
    return fields


@contextmanager
def domain_rules(what: str) -> Iterator[None]:
    """Turn a value that the domain refuses into a CodecError; its messages hold no content."""
    try:
        yield
    except (ScreeningError, ContactError, InstrumentError) as error:
        raise CodecError(f"{what}: {error}") from None


def read_id(fields: Fields, key: str) -> bytes:
    """Take an id: 32 hexadecimal digits in lower case."""
    text = fields.text(key, longest=32)
    if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        fields.fail(key, "must be 32 hexadecimal digits")
    return bytes.fromhex(text)


def read_code(fields: Fields, key: str, kind: type[LevelOrBand]) -> LevelOrBand:
    """Take a level or a band by its word on the wire."""
    text = fields.text(key, longest=8)
    found = next((member for member in kind if member.code == text), None)
    if found is None:
        fields.fail(key, "must be one of " + ", ".join(member.code for member in kind))
    return found


def read_pair(fields: Fields, key: str) -> tuple[str, str] | None:
    """Take a pair of handover words, or null."""
    if fields.null(key):
        return None
    words = fields.texts(key, longest=20)
    if len(words) != 2:
        fields.fail(key, "must be two different words")
    return words[0], words[1]


def wall_text(moment: datetime) -> str:
    """Return local wall time to the minute, as bodies carry it."""
    return moment.isoformat(timespec="minutes")


def read_moment(fields: Fields, key: str) -> datetime:
    """Take local wall time to the minute."""
    text = fields.text(key, longest=16)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fields.fail(key, "must be a time such as 2026-01-31T14:05")
    if moment.tzinfo is not None or wall_text(moment) != text:
        fields.fail(key, "must be a time such as 2026-01-31T14:05")
    return moment


def read_date(fields: Fields, key: str) -> date:
    """Take a date."""
    text = fields.text(key, longest=10)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        fields.fail(key, "must be a date such as 2026-01-31")
    if day.isoformat() != text:
        fields.fail(key, "must be a date such as 2026-01-31")
    return day


def closed(table: Fields, value: ValueT) -> ValueT:
    """Return ``value`` once nothing is left over in the table that it came from."""
    table.done()
    return value
