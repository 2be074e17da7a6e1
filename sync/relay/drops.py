"""Drops: single-use tokens, idempotent retry, many drops in one commit."""

import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from sync.relay import quotas, streams
from sync.relay.database import Database
from sync.relay.group import GroupCommit
from sync.relay.limits import (
    COMMIT_PAUSE,
    ENVELOPE_LENGTHS,
    LOOK_UP_PAUSE,
    MAX_DROPS_PER_COMMIT,
    USED_TOKEN_DAYS,
    Clock,
    day_number,
    personal_hash,
)
from sync.relay.quotas import Quota
from sync.relay.restores import masked
from sync.relay.schema import BOX, centre, drop_token, stream


class Outcome(Enum):
    """What became of a drop."""

    STORED = "stored"
    REPEATED = "repeated"
    CONFLICT = "conflict"
    REFUSED = "refused"
    FULL = "full"
    """The centre has used up its quota; the token stays good."""


@dataclass(frozen=True, slots=True)
class Drop:
    """One request: the token's hash, the box it names, the envelope."""

    token_hash: bytes
    box: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome, with the item's id when it is stored."""

    outcome: Outcome
    item_id: bytes = b""


@dataclass(slots=True)
class _Token:
    centre_id: bytes
    receipt: bytes | None
    item_id: bytes
    mask: bytes | None

    def result(self, outcome: Outcome) -> Result:
        """Return a result with the id that clients know."""
        return Result(outcome, masked(self.item_id, self.mask))


_MARK_USED = (
    update(drop_token)
    .where(drop_token.c.token_hash == bindparam("b_token"))
    .values(used_day=bindparam("b_day"), receipt=bindparam("b_receipt"), item_id=bindparam("b_item"))
)


class Drops:
    """Accepts envelopes from devices. Success is reported only for what is durable."""

    def __init__(self, database: Database, clock: Clock, quota: Quota) -> None:
        self._database = database
        self._clock = clock
        self._quota = quota
        self._lookups = GroupCommit(self._look_up, MAX_DROPS_PER_COMMIT, LOOK_UP_PAUSE)
        self._commits = GroupCommit(self._commit, MAX_DROPS_PER_COMMIT, COMMIT_PAUSE)

    async def before_body(self, token_hash: bytes) -> Outcome | None:
        """Judge a token before the first byte of a body is read: REFUSED, FULL, or None to read on.

        FULL only where not even the smallest envelope has room, and never for a used token, which needs none.
        """
        return await self._lookups.submit(token_hash)

    async def store(self, drop: Drop) -> Result:
        """Store a drop together with all others that wait; return when it is durable or refused."""
        return await self._commits.submit(drop)

    async def drain(self) -> None:
        """Wait for the drops under way."""
        await self._lookups.drain()
        await self._commits.drain()

    async def _look_up(self, hashes: Sequence[bytes]) -> list[Outcome | None]:
        known = await self._database.read(_known, set(hashes), self._quota)
        return [known.get(entry, Outcome.REFUSED) for entry in hashes]

    async def _commit(self, drops: Sequence[Drop]) -> list[Result]:
        return await self._database.write(_store, drops, self._quota, day_number(self._clock()))


def forget_used(connection: Connection, now: float) -> None:
    """Delete used tokens after 46 days, one day after the last day of their items."""
    oldest = day_number(now) - USED_TOKEN_DAYS
    connection.execute(delete(drop_token).where(drop_token.c.used_day < oldest))


def _known(connection: Connection, hashes: set[bytes], quota: Quota) -> dict[bytes, Outcome | None]:
    """Return the tokens that there are; FULL for an unused one whose centre has no room for any envelope."""
    used = drop_token.c.receipt.is_not(None).label("used")
    query = select(drop_token.c.token_hash, drop_token.c.centre_id, used)
    rows = connection.execute(query.where(drop_token.c.token_hash.in_(hashes))).all()
    rooms = quotas.room(connection, {row.centre_id for row in rows}, BOX, quota)
    full = {centre_id for centre_id, left in rooms.items() if not left.take(min(ENVELOPE_LENGTHS))}
    return {row.token_hash: Outcome.FULL if row.centre_id in full and not row.used else None for row in rows}


def _store(connection: Connection, drops: Sequence[Drop], quota: Quota, day: int) -> list[Result]:
    tokens = _lock_tokens(connection, {drop.token_hash for drop in drops})
    boxes = _open_boxes(connection, {drop.box for drop in drops})
    rooms = quotas.room(connection, {token.centre_id for token in tokens.values()}, BOX, quota)
    results = [_judge(drop, tokens, boxes, rooms) for drop in drops]
    accepted: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    used: list[dict[str, object]] = []
    for drop, result in zip(drops, results, strict=True):
        if result.outcome is Outcome.STORED:
            token = tokens[drop.token_hash]
            accepted[boxes[token.centre_id, drop.box]].append((token.item_id, drop.body))
            used.append(
                {
                    "b_token": drop.token_hash,
                    "b_day": day,
                    "b_receipt": token.receipt,
                    "b_item": token.item_id,
                }
            )
    # In one order everywhere, so that two processes on PostgreSQL cannot lock each other out.
    for stream_id in sorted(accepted):
        streams.append(connection, stream_id, accepted[stream_id], day)
    if used:
        connection.execute(_MARK_USED, used)
    return results


def _judge(
    drop: Drop,
    tokens: dict[bytes, _Token],
    boxes: dict[tuple[bytes, bytes], int],
    rooms: dict[bytes, quotas.Room],
) -> Result:
    """Decide one drop and note it in `tokens` and `rooms`, so that a duplicate in the same batch is recognised."""
    token = tokens.get(drop.token_hash)
    if token is None:
        return Result(Outcome.REFUSED)
    receipt = personal_hash(b"fs drop", drop.box + drop.body)
    if token.receipt is not None:
        same = hmac.compare_digest(token.receipt, receipt)
        return token.result(Outcome.REPEATED) if same else Result(Outcome.CONFLICT)
    if (token.centre_id, drop.box) not in boxes:
        return Result(Outcome.REFUSED)
    if not rooms[token.centre_id].take(len(drop.body)):
        return Result(Outcome.FULL)
    token.receipt, token.item_id = receipt, streams.new_item_id()
    return token.result(Outcome.STORED)


def _lock_tokens(connection: Connection, hashes: set[bytes]) -> dict[bytes, _Token]:
    rows = connection.execute(
        select(
            drop_token.c.token_hash,
            drop_token.c.centre_id,
            drop_token.c.receipt,
            drop_token.c.item_id,
            centre.c.cursor_mask,
        )
        .join(centre, centre.c.centre_id == drop_token.c.centre_id)
        .where(drop_token.c.token_hash.in_(hashes))
        .order_by(drop_token.c.token_hash)
        .with_for_update(of=drop_token)
    )
    return {
        row.token_hash: _Token(row.centre_id, row.receipt, row.item_id or b"", row.cursor_mask)
        for row in rows
    }


def _open_boxes(connection: Connection, names: set[bytes]) -> dict[tuple[bytes, bytes], int]:
    rows = connection.execute(
        select(stream.c.centre_id, stream.c.name, stream.c.stream_id).where(
            stream.c.kind == BOX, stream.c.name.in_(names), stream.c.is_open
        )
    )
    return {(row.centre_id, row.name): row.stream_id for row in rows}
