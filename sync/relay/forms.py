"""The forms of the interface: pages out, JSON and numbers in. Whatever has another form is Refusal 400."""

import json
import struct
from typing import Any, Final

from sync.protocol import BOX_ID_SIZE, ITEM_ID_SIZE, PAGE_MAGIC
from sync.relay.auth import decode_hex
from sync.relay.centres import DeskEntry
from sync.relay.limits import KEY_SIZE
from sync.relay.streams import Page
from sync.relay.web import Refusal

PAGE_HEAD: Final = struct.Struct("<4sBxH16s")
"""magic | flags (bit 0: more follows) | zero | number of items | cursor behind the last item (zeros: none)."""
PAGE_ITEM: Final = struct.Struct("<16sII")
"""item id | day number | length of the body that follows."""

_MAX_INTEGER: Final = 2**53 - 1
_MAX_QUARTER: Final = 40_000


def encode_page(page: Page, after: bytes | None) -> bytes:
    """Return the binary page: head, then each item's head and body. An empty page repeats the cursor given."""
    cursor = page.items[-1].item_id if page.items else after or bytes(ITEM_ID_SIZE)
    parts = [PAGE_HEAD.pack(PAGE_MAGIC, int(page.more), len(page.items), cursor)]
    for item in page.items:
        parts.append(PAGE_ITEM.pack(item.item_id, item.day, len(item.body)))
        parts.append(item.body)
    return b"".join(parts)


def parse_version(text: str) -> int | None:
    """Return a version from 1 to 2^53 - 1 in its one decimal form, or None."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and str(int(text)) == text):
        return None
    return int(text) if 1 <= int(text) <= _MAX_INTEGER else None


def parse_object(body: bytes, names: set[str], *, optional: bool = False) -> dict[str, Any]:
    """Return a JSON object with exactly (or, if `optional`, at most) these names; raise Refusal 400."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400) from None
    return _with_names(value, names, optional=optional)


def _with_names(value: object, names: set[str], *, optional: bool = False) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= names or (not optional and value.keys() != names):
        raise Refusal(400)
    return value


def parse_list(value: object) -> list[Any]:
    """Return a JSON list."""
    if not isinstance(value, list):
        raise Refusal(400)
    return value


def _hex(value: object, size: int) -> bytes:
    decoded = decode_hex(value, size) if isinstance(value, str) else None
    if decoded is None:
        raise Refusal(400)
    return decoded


def parse_hex_field(value: object, name: str, size: int) -> bytes:
    """Return the `size` bytes under `name` of a JSON object."""
    if not isinstance(value, dict):
        raise Refusal(400)
    return _hex(value.get(name), size)


def parse_hex_list(value: object, size: int) -> set[bytes]:
    """Return a JSON list of hex values of `size` bytes each."""
    return {_hex(entry, size) for entry in parse_list(value)}


def parse_quarter(value: object) -> int:
    """Return the quarter of one entry of read tokens."""
    quarter = _with_names(value, {"hash", "quarter"})["quarter"]
    if type(quarter) is not int or not 0 <= quarter <= _MAX_QUARTER:
        raise Refusal(400)
    return quarter


def parse_desk(value: object) -> DeskEntry:
    """Return one entry of a list of desks."""
    entry = _with_names(value, {"key", "role", "boxes"})
    if entry["role"] not in ("centre", "desk"):
        raise Refusal(400)
    boxes = frozenset(parse_hex_list(entry["boxes"], BOX_ID_SIZE))
    return DeskEntry(_hex(entry["key"], KEY_SIZE), entry["role"] == "centre", boxes)
