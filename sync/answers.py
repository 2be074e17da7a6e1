"""Reading what comes back over HTTP: only an answer that is provably the relay's counts as one.

Between a phone and its relay stand captive portals, filtering proxies and broken middle boxes. They answer 200 with a
login page, 302, 511, or 403 with their own text. None of that may mark a record as stored or throw a token away, so
an answer is judged by its status, its content type and its body together (`sync.relay.app` states their forms).
"""

import json
import struct
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NoReturn

from sync.errors import RelayRefused
from sync.protocol import MAX_BODY, MAX_PAGE, MAX_RETRY_AFTER, PAGE_MAGIC

_PAGE_HEAD: Final = struct.Struct("<4sBBH16s")
_PAGE_ITEM: Final = struct.Struct("<16sII")

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"


class Refusal(StrEnum):
    """Every `RelayRefused.reason`."""

    CAPTIVE_PORTAL = "captive_portal"
    """Something else answered: a redirect, a page, another content type, an error that is not in the relay's words."""
    IMPOSTOR = "impostor"
    """No answer was taken: what stands at this address has no good certificate, or not the pinned key."""
    ANSWER = "answer"
    """The relay's kind of answer, but cut short or not in its form."""
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105
    """403: the relay does not know this token, or this box is not the token's centre's."""
    UNAUTHORIZED = "unauthorized"
    """401: a signed request was not accepted, also with a second nonce."""
    CONFLICT = "conflict"
    """409: other bytes stand there already, or a version or cursor would go back."""
    NOT_FOUND = "not_found"
    CURSOR_UNKNOWN = "cursor_unknown"
    """410: start again from the beginning (the relay was restored, or the cursor is very old)."""
    BUSY = "busy"
    """429 or 503: wait `retry_after` seconds."""
    FULL = "full"
    """507: the centre has used up its place at the relay; offer the same again after `retry_after` seconds."""
    BAD_REQUEST = "bad_request"
    """400, 405, 408 or 413: the relay read the request and does not take its form or its size."""
    SERVER = "server"
    """Any other 5xx, from the relay or from the proxy before it."""


IN_BETWEEN: Final = frozenset({Refusal.CAPTIVE_PORTAL, Refusal.IMPOSTOR})
"""Not the relay's own answers: they say nothing about a record."""

_WORDS: Final = {
    400: ("bad_request", Refusal.BAD_REQUEST),
    401: ("unauthorized", Refusal.UNAUTHORIZED),
    403: ("forbidden", Refusal.UNKNOWN_TOKEN),
    404: ("not_found", Refusal.NOT_FOUND),
    405: ("method_not_allowed", Refusal.BAD_REQUEST),
    408: ("timeout", Refusal.BAD_REQUEST),
    409: ("conflict", Refusal.CONFLICT),
    410: ("cursor_unknown", Refusal.CURSOR_UNKNOWN),
    413: ("too_large", Refusal.BAD_REQUEST),
    429: ("slow_down", Refusal.BUSY),
    507: ("full", Refusal.FULL),
}
"""Status -> the one word that the relay says with it, and what it means here."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer. `retry_after` and `next_nonce` are the headers' texts, "" without one."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    retry_after: str = ""
    next_nonce: str = ""

    @property
    def wait(self) -> int:
        """Seconds that the server asks to wait, at most MAX_RETRY_AFTER; 0 when it names no number of seconds."""
        if not (self.retry_after.isascii() and self.retry_after.isdecimal()):
            return 0
        return min(int(self.retry_after[:6]), MAX_RETRY_AFTER)

    @property
    def is_busy(self) -> bool:
        """Whether the server asks for fewer requests of every kind: 429 or 503."""
        return self.status in (429, 503)

    def json(self) -> dict[str, Any]:
        """Return the object of a 200 or 201 answer; RelayRefused otherwise."""
        return _object(self._success(JSON))

    def binary(self) -> bytes:
        """Return the bytes of a 200 answer; RelayRefused otherwise."""
        return self._success(BINARY)

    def _success(self, content_type: str) -> bytes:
        if self.status not in (200, 201):
            self._refuse()
        if self._media_type() != content_type:
            raise RelayRefused(Refusal.CAPTIVE_PORTAL)
        return self.body

    def _refuse(self) -> NoReturn:
        if self.status == 503:
            raise RelayRefused(Refusal.BUSY, self.wait)
        word, meaning = _WORDS.get(self.status, ("", Refusal.CAPTIVE_PORTAL))
        if word and self._media_type() == JSON and self._word() == word:
            raise RelayRefused(meaning, self.wait)
        server = self.status >= 500 and self.status != 511
        raise RelayRefused(Refusal.SERVER if server else Refusal.CAPTIVE_PORTAL, self.wait if server else 0)

    def _media_type(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()

    def _word(self) -> object:
        try:
            return _object(self.body).get("error")
        except RelayRefused:
            return None


@dataclass(frozen=True, slots=True)
class Item:
    """One stored envelope: the relay's id for it (hex) and the day number (since 1970-01-01) on which it came."""

    item_id: str
    day: int
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Items of a box or shard in order. `cursor` (hex) stands behind the last of them; `more` says that others follow."""

    items: tuple[Item, ...]
    cursor: str
    more: bool

    @property
    def envelopes(self) -> tuple[bytes, ...]:
        """Only the envelopes."""
        return tuple(item.envelope for item in self.items)


def hex_field(value: dict[str, Any], name: str, size: int) -> str:
    """Return the field `name` of an answer if it is lower-case hex of `size` bytes; RelayRefused(answer) otherwise."""
    text = value.get(name)
    if not isinstance(text, str) or len(text) != 2 * size or not set(text) <= set("0123456789abcdef"):
        raise RelayRefused(Refusal.ANSWER)
    return text


def parse_page(data: bytes) -> Page:
    """Read a binary page; RelayRefused(answer) when it is cut or malformed.

    An item of a strange length is handed on: the intake counts it, and it does not hold back the others.
    """
    try:
        magic, flags, zero, count, cursor = _PAGE_HEAD.unpack_from(data)
        if magic != PAGE_MAGIC or zero or flags > 1 or count > MAX_PAGE:
            raise RelayRefused(Refusal.ANSWER)
        items, offset = [], _PAGE_HEAD.size
        for _ in range(count):
            item_id, day, length = _PAGE_ITEM.unpack_from(data, offset)
            offset += _PAGE_ITEM.size
            envelope = data[offset : offset + length]
            if length > MAX_BODY or len(envelope) != length:
                raise RelayRefused(Refusal.ANSWER)
            items.append(Item(item_id.hex(), day, envelope))
            offset += length
    except struct.error:
        raise RelayRefused(Refusal.ANSWER) from None
    if offset != len(data) or (items and items[-1].item_id != cursor.hex()):
        raise RelayRefused(Refusal.ANSWER)
    return Page(tuple(items), cursor.hex(), bool(flags))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RelayRefused(Refusal.ANSWER) from None
    if not isinstance(value, dict):
        raise RelayRefused(Refusal.ANSWER)
    return value
