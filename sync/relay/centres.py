"""Centres, the keys of their desks, and their tokens.

Every function works inside the transaction of the connection that it is given.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from sync.protocol import SHARD_COUNT
from sync.relay.limits import DIRECTORY_QUARTERS, quarter_number
from sync.relay.schema import BOX, SHARD, centre, desk, desk_box, drop_token, read_token, stream


class CentreConflictError(Exception):
    """The request clashes with what is registered: a key of another centre, or a list without its signer."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A registered public key: whose it is, and whether it may replace desks and directory."""

    key: bytes
    centre_id: bytes
    is_centre: bool


@dataclass(frozen=True, slots=True)
class DeskEntry:
    """One line of PUT /v1/desks: an Ed25519 public key, its role, the boxes it reads."""

    key: bytes
    is_centre: bool
    boxes: frozenset[bytes]


_SIGNER: Final = select(desk.c.key, desk.c.centre_id, desk.c.is_centre).where(desk.c.key == bindparam("key"))
"""Asked with every signed request, so it is put together once."""


def add_centre(connection: Connection, centre_id: bytes, key: bytes, name: str) -> None:
    """Register a centre, or one more centre key of it, by the relay's operator.

    Adding the same again changes nothing; raise CentreConflictError when the key belongs to another centre.
    """
    known = select(centre.c.centre_id).where(centre.c.centre_id == centre_id)
    if connection.execute(known).first() is None:
        connection.execute(insert(centre).values(centre_id=centre_id, name=name))
        connection.execute(
            insert(stream), [_new_stream(centre_id, SHARD, bytes([n])) for n in range(SHARD_COUNT)]
        )
    owners = _owners(connection, {key})
    if owners.get(key, centre_id) != centre_id:
        raise CentreConflictError
    if key in owners:
        connection.execute(update(desk).where(desk.c.key == key).values(is_centre=True))
    else:
        connection.execute(insert(desk).values(key=key, centre_id=centre_id, is_centre=True))


def hold(connection: Connection, centre_id: bytes) -> None:
    """Let other processes change this centre's lists and directory only after this transaction."""
    # Not a full lock: rows that refer to the centre may still come in.
    held = select(centre.c.centre_id).where(centre.c.centre_id == centre_id).with_for_update(key_share=True)
    connection.execute(held)


def find_signer(connection: Connection, key: bytes) -> Signer | None:
    """Return who signs with `key`, or None."""
    row = connection.execute(_SIGNER, {"key": key}).first()
    return None if row is None else Signer(row.key, row.centre_id, row.is_centre)


def replace_desks(connection: Connection, signer: Signer, entries: Sequence[DeskEntry]) -> None:
    """Replace the whole list of a centre's keys and boxes; cursors of desks that stay are kept.

    Raise CentreConflictError when the list lacks the signer as a centre key (it would lock itself out),
    names a key twice, or names another centre's key. A box that no desk reads any more takes no drops.
    """
    hold(connection, signer.centre_id)
    keys = {entry.key for entry in entries}
    stays = any(entry.key == signer.key and entry.is_centre for entry in entries)
    if not stays or len(keys) != len(entries):
        raise CentreConflictError
    owners = _owners(connection, keys)
    if any(owner != signer.centre_id for owner in owners.values()):
        raise CentreConflictError
    gone = delete(desk).where(desk.c.centre_id == signer.centre_id, desk.c.key.not_in(keys))
    connection.execute(gone)
    for entry in entries:
        _save_desk(connection, signer.centre_id, entry, known=entry.key in owners)
    _save_boxes(connection, signer.centre_id, entries)


def change_tokens(
    connection: Connection,
    centre_id: bytes,
    drop: Collection[bytes],
    read: Mapping[bytes, int],
    withdraw: Collection[bytes],
) -> int:
    """Register hashes of drop tokens and of read tokens (hash to quarter), withdraw unused drop tokens.

    A hash that is there already stays as it is, so that a centre can send its whole pool again after the
    relay was restored. Return the number of new hashes.
    """
    hold(connection, centre_id)
    if withdraw:
        connection.execute(
            delete(drop_token).where(
                drop_token.c.token_hash.in_(withdraw),
                drop_token.c.centre_id == centre_id,
                drop_token.c.used_day.is_(None),
            )
        )
    known = select(drop_token.c.token_hash).where(drop_token.c.token_hash.in_(drop))
    new_drop = set(drop) - set(connection.execute(known).scalars())
    if new_drop:
        rows = [{"token_hash": entry, "centre_id": centre_id} for entry in sorted(new_drop)]
        connection.execute(insert(drop_token), rows)
    known = select(read_token.c.token_hash).where(read_token.c.token_hash.in_(read))
    new_read = set(read) - set(connection.execute(known).scalars())
    if new_read:
        connection.execute(
            insert(read_token),
            [
                {"token_hash": entry, "centre_id": centre_id, "quarter": read[entry]}
                for entry in sorted(new_read)
            ],
        )
    return len(new_drop) + len(new_read)


def find_reader(connection: Connection, token_hash: bytes, quarters: int, now: float) -> bytes | None:
    """Return the centre of a read token of this quarter or of the `quarters - 1` before it, else None."""
    current = quarter_number(now)
    query = select(read_token.c.centre_id).where(
        read_token.c.token_hash == token_hash, read_token.c.quarter.between(current - quarters + 1, current)
    )
    return connection.execute(query).scalar_one_or_none()


def forget_read_tokens(connection: Connection, now: float) -> None:
    """Delete read tokens that open nothing any more."""
    oldest = quarter_number(now) - DIRECTORY_QUARTERS + 1
    connection.execute(delete(read_token).where(read_token.c.quarter < oldest))


def _new_stream(centre_id: bytes, kind: int, name: bytes) -> dict[str, object]:
    return {"centre_id": centre_id, "kind": kind, "name": name, "is_open": True, "last_position": 0}


def _owners(connection: Connection, keys: Collection[bytes]) -> dict[bytes, bytes]:
    rows = connection.execute(select(desk.c.key, desk.c.centre_id).where(desk.c.key.in_(keys)))
    return {row.key: row.centre_id for row in rows}


def _save_desk(connection: Connection, centre_id: bytes, entry: DeskEntry, *, known: bool) -> None:
    if known:
        change = update(desk).where(desk.c.key == entry.key).values(is_centre=entry.is_centre)
        connection.execute(change)
    else:
        connection.execute(insert(desk).values(key=entry.key, centre_id=centre_id, is_centre=entry.is_centre))


def _save_boxes(connection: Connection, centre_id: bytes, entries: Sequence[DeskEntry]) -> None:
    wanted = frozenset[bytes]().union(*(entry.boxes for entry in entries))
    mine = (stream.c.centre_id == centre_id, stream.c.kind == BOX)
    connection.execute(update(stream).where(*mine).values(is_open=stream.c.name.in_(wanted)))
    known = set(connection.execute(select(stream.c.name).where(*mine)).scalars())
    if wanted - known:
        rows = [_new_stream(centre_id, BOX, name) for name in sorted(wanted - known)]
        connection.execute(insert(stream), rows)
    boxes = connection.execute(select(stream.c.name, stream.c.stream_id).where(*mine))
    streams = {row.name: row.stream_id for row in boxes}
    for entry in entries:
        reads = {streams[name] for name in entry.boxes}
        own = desk_box.c.key == entry.key
        connection.execute(delete(desk_box).where(own, desk_box.c.stream_id.not_in(reads)))
        had = set(connection.execute(select(desk_box.c.stream_id).where(own)).scalars())
        if reads - had:
            rows = [{"key": entry.key, "stream_id": s, "position": 0} for s in sorted(reads - had)]
            connection.execute(insert(desk_box), rows)
