"""Boxes and shards: ordered items, pages, cursors and deletion.

A cursor handed out is the random id of the last item of a page, never a position: it cannot be guessed or
counted, and after the relay was restored from a backup an id from the lost time is unknown (410) instead of
pointing behind items that came in since.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sync.relay.database import Database
from sync.relay.limits import ITEM_DAYS, ITEM_ID_SIZE, MAX_PAGE_BYTES, Clock, day_number
from sync.relay.schema import BOX, SHARD, desk_box, item, stream


class CursorUnknownError(Exception):
    """The cursor names no item of this stream: too old, or from before a restore. Start from the beginning."""


class CursorBehindError(Exception):
    """A desk's cursor may only move forward."""


@dataclass(frozen=True, slots=True)
class Item:
    """One stored envelope; `day` is the day number on which it came."""

    item_id: bytes
    day: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Items in order; `more` says whether another page follows."""

    items: tuple[Item, ...]
    more: bool


def new_item_id() -> bytes:
    """Return an unguessable id."""
    return secrets.token_bytes(ITEM_ID_SIZE)


async def append(
    connection: AsyncConnection, stream_id: int, items: Sequence[tuple[bytes, bytes]], day: int
) -> None:
    """Store (id, body) pairs at the end of a stream, inside the caller's transaction.

    Raising `last_position` locks the stream's row until the commit. So no item of a later position can become
    visible before these, and no page can skip one that is still being written.
    """
    raised = await connection.execute(
        update(stream)
        .where(stream.c.stream_id == stream_id)
        .values(last_position=stream.c.last_position + len(items))
        .returning(stream.c.last_position)
    )
    first = raised.scalar_one() - len(items) + 1
    await connection.execute(
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


class Streams:
    """Reading and deleting of boxes and shards. Every method that takes a key or centre checks the right."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def box_of(self, key: bytes, box: bytes) -> int | None:
        """Return the stream of `box` if the desk `key` reads it: the same None for unknown and foreign."""
        query = (
            select(stream.c.stream_id)
            .join(desk_box, desk_box.c.stream_id == stream.c.stream_id)
            .where(desk_box.c.key == key, stream.c.kind == BOX, stream.c.name == box)
        )
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def shard_of(self, centre_id: bytes, shard: int) -> int:
        """Return the stream of a centre's shard (0 to 15)."""
        query = select(stream.c.stream_id).where(
            stream.c.centre_id == centre_id, stream.c.kind == SHARD, stream.c.name == bytes([shard])
        )
        async with self._database.read() as connection:
            shard_stream: int = (await connection.execute(query)).scalar_one()
        return shard_stream

    async def put(self, stream_id: int, body: bytes) -> bytes:
        """Store one downstream envelope; return its id when it is durable."""
        item_id = new_item_id()
        async with self._database.write() as connection:
            await append(connection, stream_id, [(item_id, body)], day_number(self._clock()))
        return item_id

    async def page(self, stream_id: int, after: bytes | None, limit: int) -> Page:
        """Return up to `limit` items behind the cursor `after` (None: from the start).

        Raise CursorUnknownError. The page also ends before `MAX_PAGE_BYTES` of bodies.
        """
        async with self._database.read() as connection:
            position = 0 if after is None else await _position(connection, stream_id, after)
            waiting = and_(
                item.c.stream_id == stream_id, item.c.position > position, item.c.body.is_not(None)
            )
            sizes = await connection.execute(
                select(item.c.position, item.c.size).where(waiting).order_by(item.c.position).limit(limit + 1)
            )
            last, more = _cut([(row.position, row.size) for row in sizes], limit)
            rows = await connection.execute(
                select(item.c.item_id, item.c.day, item.c.body)
                .where(waiting, item.c.position <= last)
                .order_by(item.c.position)
            )
            return Page(tuple(Item(*row) for row in rows), more)

    async def item_for(self, key: bytes, item_id: bytes) -> bytes | None:
        """Return the body of an item in a box that the desk `key` reads; None for unknown, foreign or deleted."""
        query = (
            select(item.c.body)
            .join(desk_box, desk_box.c.stream_id == item.c.stream_id)
            .where(desk_box.c.key == key, item.c.item_id == item_id)
        )
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def move_cursor(self, key: bytes, stream_id: int, cursor: bytes) -> None:
        """Note durably that desk `key` has committed everything up to `cursor`.

        Raise CursorUnknownError or CursorBehindError. Deletion is a step of its own (`collect`): a crash in
        between leaves items that the next round deletes, never the other way round.
        """
        async with self._database.write() as connection:
            position = await _position(connection, stream_id, cursor)
            mine = and_(desk_box.c.key == key, desk_box.c.stream_id == stream_id)
            current = await connection.execute(select(desk_box.c.position).where(mine).with_for_update())
            if position < current.scalar_one():
                raise CursorBehindError
            await connection.execute(update(desk_box).where(mine).values(position=position))

    async def collect(self, stream_id: int) -> int:
        """Delete the bodies that every desk of the box has passed; return how many were deleted."""
        passed = (
            select(func.min(desk_box.c.position)).where(desk_box.c.stream_id == stream_id).scalar_subquery()
        )
        async with self._database.write() as connection:
            erased = await connection.execute(
                update(item)
                .where(item.c.stream_id == stream_id, item.c.position <= passed, item.c.body.is_not(None))
                .values(body=None)
            )
            return erased.rowcount

    async def collect_all(self) -> int:
        """Run `collect` on every box, for what a crash left behind."""
        async with self._database.read() as connection:
            boxes = (
                await connection.execute(select(stream.c.stream_id).where(stream.c.kind == BOX))
            ).scalars()
        return sum([await self.collect(stream_id) for stream_id in boxes])

    async def expire(self) -> int:
        """Delete everything older than 45 days; return how many bodies were deleted.

        The last row of a stream stays without its body, so that a quiet box keeps its cursors.
        """
        oldest = day_number(self._clock()) - ITEM_DAYS
        is_last = select(stream.c.stream_id).where(
            stream.c.stream_id == item.c.stream_id, stream.c.last_position == item.c.position
        )
        async with self._database.write() as connection:
            erased = await connection.execute(
                update(item).where(item.c.day < oldest, item.c.body.is_not(None)).values(body=None)
            )
            await connection.execute(delete(item).where(item.c.day < oldest, ~is_last.exists()))
            return erased.rowcount


async def _position(connection: AsyncConnection, stream_id: int, cursor: bytes) -> int:
    row = await connection.execute(
        select(item.c.position).where(item.c.item_id == cursor, item.c.stream_id == stream_id)
    )
    position: int | None = row.scalar_one_or_none()
    if position is None:
        raise CursorUnknownError
    return position


def _cut(sizes: Sequence[tuple[int, int]], limit: int) -> tuple[int, bool]:
    """Return the last position that fits a page, and whether anything follows it."""
    last, total = 0, 0
    for index, (position, size) in enumerate(sizes):
        total += size
        if index == limit or (index > 0 and total > MAX_PAGE_BYTES):
            return last, True
        last = position
    return last, False
