"""How much a centre may have stored at one time.

What its devices send up (boxes) and what its desks send down (shards) are counted apart, each against the whole
quota: a flood of drops must not keep the desks from saying that they opened them, which is what makes room again.
A drop that finds no room is refused before its token is used, so the device offers the same bytes again later.

The count is exact inside one process; several processes that commit at the same moment may together go over it by
what each of them stores in one commit.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from sync.relay.schema import stream

FULL_RETRY_SECONDS: Final = 600
"""Retry-After of the answer 507: desks have to read first, which takes minutes rather than seconds."""


@dataclass(frozen=True, slots=True)
class Quota:
    """The most envelopes, and the most bytes of them, that one centre may have stored in each direction."""

    items: int
    bytes: int


DEFAULT_QUOTA: Final = Quota(500_000, 8 * 1024**3)


@dataclass(slots=True)
class Room:
    """What is left of a centre's quota, inside one transaction."""

    items: int
    bytes: int

    def take(self, size: int) -> bool:
        """Use up one envelope of `size` bytes if there is room for it."""
        if self.items < 1 or self.bytes < size:
            return False
        self.items -= 1
        self.bytes -= size
        return True


def room(connection: Connection, centres: Collection[bytes], kind: int, quota: Quota) -> dict[bytes, Room]:
    """Return what is left to each of `centres` in its streams of `kind` (BOX or SHARD)."""
    used = connection.execute(
        select(
            stream.c.centre_id,
            func.sum(stream.c.stored_items).label("items"),
            func.sum(stream.c.stored_bytes).label("bytes"),
        )
        .where(stream.c.centre_id.in_(centres), stream.c.kind == kind)
        .group_by(stream.c.centre_id)
    )
    rooms = {centre_id: Room(quota.items, quota.bytes) for centre_id in centres}
    for row in used:
        rooms[row.centre_id] = Room(quota.items - int(row.items), quota.bytes - int(row.bytes))
    return rooms
