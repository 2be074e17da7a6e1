"""Boxes and shards: ordered items, pages, cursors and deletion.

A cursor handed out is the random id of the last item of a page, never a position: it cannot be guessed or
counted, and after the relay was restored from a backup an id from the lost time is unknown (410) instead of
pointing behind items that came in since. `sync.relay.restores` says how the other cursors of that time become
unknown too. Every function works inside the transaction of the connection that it
is given.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection

from sync.protocol import ITEM_ID_SIZE, MAX_PAGE_BYTES
from sync.relay.limits import ITEM_DAYS, day_number
from sync.relay.quotas import Quota, room
from sync.relay.restores import masked
from sync.relay.schema import BOX, SHARD, centre, desk, desk_box, item, stream


class CursorUnknownError(Exception):
    """The cursor names no item of this stream: too old, or from before a restore. Start from the beginning."""


class CursorBehindError(Exception):
    """A desk's cursor may only move forward."""


@dataclass(frozen=True, slots=True)
class Item:
    """One stored envelope, under the id that clients know; `day` is the day number on which it came."""

    item_id: bytes
    day: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Items in order; `more` says whether another page follows."""

    items: tuple[Item, ...]
    more: bool


# A desk reads page after page: its statements are put together once, which is half the work of sending them.
_WAITING: Final = and_(
    item.c.stream_id == bindparam("stream"), item.c.position > bindparam("after"), item.c.body.is_not(None)
)
_SIZES: Final = (
    select(item.c.position, item.c.size)
    .where(_WAITING)
    .order_by(item.c.position)
    .limit(bindparam("limit", type_=Integer))
)
_BODIES: Final = (
    select(item.c.item_id, item.c.day, item.c.body)
    .where(_WAITING, item.c.position <= bindparam("last"))
    .order_by(item.c.position)
)
_BOX: Final = (
    select(stream.c.stream_id)
    .join(desk_box, desk_box.c.stream_id == stream.c.stream_id)
    .where(desk_box.c.key == bindparam("key"), stream.c.kind == BOX, stream.c.name == bindparam("box"))
)
_START: Final = (
    select(centre.c.cursor_mask, stream.c.collected_position)
    .join(stream, stream.c.centre_id == centre.c.centre_id)
    .where(stream.c.stream_id == bindparam("stream"))
)
_POSITION: Final = select(item.c.position).where(
    item.c.item_id == bindparam("item"), item.c.stream_id == bindparam("stream")
)


def new_item_id() -> bytes:
    """Return an unguessable id."""
    return secrets.token_bytes(ITEM_ID_SIZE)


def append(connection: Connection, stream_id: int, items: Sequence[tuple[bytes, bytes]], day: int) -> None:
    """Store (id, body) pairs at the end of a stream, inside the caller's transaction.

    Raising `last_position` locks the stream's row until the commit. So no item of a later position can become
    visible before these, and no page can skip one that is still being written.
    """
    raised = connection.execute(
        update(stream)
        .where(stream.c.stream_id == stream_id)
        .values(
            last_position=stream.c.last_position + len(items),
            stored_items=stream.c.stored_items + len(items),
            stored_bytes=stream.c.stored_bytes + sum(len(body) for _, body in items),
        )
        .returning(stream.c.last_position)
    )
    first = raised.scalar_one() - len(items) + 1
    connection.execute(
        insert(item),
        [
            {
                "stream_id": stream_id,
                "position": first + index,
                "item_id": item_id,
                "day": day,
                "size": len(body),
                "body": body,
            }
            for index, (item_id, body) in enumerate(items)
        ],
    )


def box_of(connection: Connection, key: bytes, box: bytes) -> int | None:
    """Return the stream of `box` if the desk `key` reads it: the same None for unknown and foreign."""
    return connection.execute(_BOX, {"key": key, "box": box}).scalar_one_or_none()


def shard_of(connection: Connection, centre_id: bytes, shard: int) -> int:
    """Return the stream of a centre's shard (0 to 15)."""
    query = select(stream.c.stream_id).where(
        stream.c.centre_id == centre_id, stream.c.kind == SHARD, stream.c.name == bytes([shard])
    )
    shard_stream: int = connection.execute(query).scalar_one()
    return shard_stream


def put(
    connection: Connection, centre_id: bytes, shard: int, body: bytes, quota: Quota, now: float
) -> bytes | None:
    """Store one downstream envelope; return its id when it is durable, None when the centre's quota is used up."""
    stream_id = shard_of(connection, centre_id, shard)
    if not room(connection, {centre_id}, SHARD, quota)[centre_id].take(len(body)):
        return None
    item_id = new_item_id()
    append(connection, stream_id, [(item_id, body)], day_number(now))
    return masked(item_id, _look_up(connection, stream_id, None)[1])


def box_page(connection: Connection, key: bytes, box: bytes, after: bytes | None, limit: int) -> Page | None:
    """Return `page` of a box that the desk `key` reads: the same None for unknown and foreign boxes."""
    stream_id = box_of(connection, key, box)
    return None if stream_id is None else page(connection, stream_id, after, limit)


def page(connection: Connection, stream_id: int, after: bytes | None, limit: int) -> Page:
    """Return up to `limit` items behind the cursor `after` (None: from the start).

    Raise CursorUnknownError. The page also ends before `MAX_PAGE_BYTES` of bodies.
    """
    position, mask = _look_up(connection, stream_id, after)
    behind = {"stream": stream_id, "after": position}
    sizes = connection.execute(_SIZES, {**behind, "limit": limit + 1})
    last, more = _cut([(position, size) for position, size in sizes.all()], limit)
    rows = connection.execute(_BODIES, {**behind, "last": last})
    return Page(tuple(Item(masked(item_id, mask), day, body) for item_id, day, body in rows.all()), more)


def item_for(connection: Connection, key: bytes, item_id: bytes) -> bytes | None:
    """Return the body of an item in a box that the desk `key` reads; None for unknown, foreign or deleted."""
    of_desk = select(centre.c.cursor_mask).join(desk, desk.c.centre_id == centre.c.centre_id)
    mask = connection.execute(of_desk.where(desk.c.key == key)).scalar_one_or_none()
    query = (
        select(item.c.body)
        .join(desk_box, desk_box.c.stream_id == item.c.stream_id)
        .where(desk_box.c.key == key, item.c.item_id == masked(item_id, mask))
    )
    return connection.execute(query).scalar_one_or_none()


def move_cursor(connection: Connection, key: bytes, stream_id: int, cursor: bytes) -> None:
    """Note durably that desk `key` has committed everything up to `cursor`.

    Raise CursorUnknownError or CursorBehindError. Deletion is a step of its own (`collect`): a crash in
    between leaves items that the next round deletes, never the other way round.
    """
    position, _ = _look_up(connection, stream_id, cursor)
    mine = and_(desk_box.c.key == key, desk_box.c.stream_id == stream_id)
    current = connection.execute(select(desk_box.c.position).where(mine).with_for_update())
    if position < current.scalar_one():
        raise CursorBehindError
    connection.execute(update(desk_box).where(mine).values(position=position))


def collect(connection: Connection, stream_id: int) -> int:
    """Delete the bodies that every desk of the box has passed; return how many were deleted."""
    return sum(_collect(connection, row) for row in connection.execute(_passed(stream_id)))


def collect_all(connection: Connection) -> int:
    """Run `collect` on every box, for what a crash left behind."""
    return sum(_collect(connection, row) for row in connection.execute(_passed(None)).all())


def _passed(stream_id: int | None) -> Select[int, int, int]:
    """Select the boxes (one, or all for None) that all their desks have passed further than was deleted yet."""
    passed = func.min(desk_box.c.position)
    query = (
        select(stream.c.stream_id, stream.c.collected_position, passed)
        .join(desk_box, desk_box.c.stream_id == stream.c.stream_id)
        .group_by(stream.c.stream_id, stream.c.collected_position)
        .having(passed > stream.c.collected_position)
        .order_by(stream.c.stream_id)
    )
    return query if stream_id is None else query.where(stream.c.stream_id == stream_id)


def _collect(connection: Connection, row: Row[int, int, int]) -> int:
    stream_id, collected, passed = row
    erased = _erase(
        connection,
        and_(item.c.stream_id == stream_id, item.c.position > collected, item.c.position <= passed),
    )
    connection.execute(
        update(stream)
        .where(stream.c.stream_id == stream_id, stream.c.collected_position < passed)
        .values(collected_position=passed)
    )
    return erased


def expire(connection: Connection, now: float) -> int:
    """Delete everything older than 45 days; return how many bodies were deleted.

    The last row of a stream stays without its body, so that a quiet box keeps its cursors.
    """
    oldest = day_number(now) - ITEM_DAYS
    is_last = select(stream.c.stream_id).where(
        stream.c.stream_id == item.c.stream_id, stream.c.last_position == item.c.position
    )
    erased = _erase(connection, item.c.day < oldest)
    connection.execute(delete(item).where(item.c.day < oldest, ~is_last.exists()))
    return erased


def _erase(connection: Connection, which: ColumnElement[bool]) -> int:
    """Delete the bodies of `which` items and count them out of their streams; return how many there were."""
    erased = update(item).where(which, item.c.body.is_not(None)).values(body=None)
    items, sizes = Counter[int](), Counter[int]()
    for row in connection.execute(erased.returning(item.c.stream_id, item.c.size)):
        items[row.stream_id] += 1
        sizes[row.stream_id] += row.size
    for stream_id in sorted(items):
        connection.execute(
            update(stream)
            .where(stream.c.stream_id == stream_id)
            .values(
                stored_items=stream.c.stored_items - items[stream_id],
                stored_bytes=stream.c.stored_bytes - sizes[stream_id],
            )
        )
    return items.total()


def _look_up(connection: Connection, stream_id: int, cursor: bytes | None) -> tuple[int, bytes | None]:
    """Return the position of a cursor, and the mask of the stream's centre; raise CursorUnknownError.

    No cursor stands where the first body may be.
    """
    mask, collected = connection.execute(_START, {"stream": stream_id}).one()
    if cursor is None:
        return collected, mask
    item_id = masked(cursor, mask)
    row = connection.execute(_POSITION, {"item": item_id, "stream": stream_id})
    position: int | None = row.scalar_one_or_none()
    if position is None:
        raise CursorUnknownError
    return position, mask


def _cut(sizes: Sequence[tuple[int, int]], limit: int) -> tuple[int, bool]:
    """Return the last position that fits a page, and whether anything follows it."""
    last, total = 0, 0
    for index, (position, size) in enumerate(sizes):
        total += size
        if index == limit or (index > 0 and total > MAX_PAGE_BYTES):
            return last, True
        last = position
    return last, False
