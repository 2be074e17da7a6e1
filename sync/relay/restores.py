"""What a relay does after its database was restored from an older copy.

Whatever was stored or registered after that copy was made is gone, and no answer of the relay would show it. The ends
can make it good: devices offer again what no person has opened, with the same bytes and the same tokens, and desks
register and read everything again. Both do so when their cursor is unknown (410). So as soon as a restore is noticed,
every cursor of before becomes unknown: what clients see as the id of an item, and so as a cursor, is the stored id XOR
a mask of its centre, and the mask is made anew. Nothing else changes, and what was not lost is only said twice.

Three things notice a restore:

- the operator says so, `fieldapp-relay restored`;
- PostgreSQL is another cluster, timeline, database or table than when a relay last looked (`Backend.place`);
- a desk signs a request with a cursor of its own box that is not known. A desk that was away for more than 45 days
  does the same without any restore, therefore this counts at most once a day, and only for its own centre.

What remains unnoticed, a copy of a few minutes ago of a box that no desk has read since, is offered again by the
devices after 30 days.
"""

import secrets
from typing import Final

from sqlalchemy import insert, or_, select, update
from sqlalchemy.engine import Connection

from sync.protocol import ITEM_ID_SIZE
from sync.relay.limits import day_number
from sync.relay.schema import centre, secret

_PLACE: Final = "place"


def masked(value: bytes, mask: bytes | None) -> bytes:
    """Turn the stored id of an item into the one that clients know, or back; None: the centre has no mask yet."""
    if mask is None:
        return value
    return (int.from_bytes(value) ^ int.from_bytes(mask)).to_bytes(ITEM_ID_SIZE)


def begin_again(connection: Connection) -> int:
    """Make every cursor of every centre unknown; return how many centres there are."""
    centres = connection.execute(select(centre.c.centre_id).order_by(centre.c.centre_id)).scalars().all()
    for centre_id in centres:
        mask = secrets.token_bytes(ITEM_ID_SIZE)
        connection.execute(update(centre).where(centre.c.centre_id == centre_id).values(cursor_mask=mask))
    return len(centres)


def doubt(connection: Connection, centre_id: bytes, now: float) -> None:
    """A desk knows a cursor of its box that we do not know: begin again with its centre, once a day."""
    today = day_number(now)
    not_today = or_(centre.c.restored_day.is_(None), centre.c.restored_day != today)
    mask = secrets.token_bytes(ITEM_ID_SIZE)
    connection.execute(
        update(centre)
        .where(centre.c.centre_id == centre_id, not_today)
        .values(cursor_mask=mask, restored_day=today)
    )


def look_around(connection: Connection, place: str) -> bool:
    """Compare where the database is with where it was; begin again when that changed, and say so."""
    if not place:
        return False
    noted = select(secret.c.value).where(secret.c.name == _PLACE).with_for_update()
    before: bytes | None = connection.execute(noted).scalar_one_or_none()
    here = place.encode()
    if before is None:
        connection.execute(insert(secret).values(name=_PLACE, value=here))
        return False
    if before == here:
        return False
    connection.execute(update(secret).where(secret.c.name == _PLACE).values(value=here))
    begin_again(connection)
    return True
