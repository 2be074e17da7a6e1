"""The tokens by which devices may write to and read from the relay.

Drop tokens: the relay always holds a pool of at least four batches that no device has yet, and a device draws from it
at random, so neither a batch nor the time of its registration names a device. Read tokens: one for each quarter, the
same for all devices of the centre, so that reading does not tell them apart; this quarter's and two ahead.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.downstream import seal_for_device
from fieldapp.services.desk.records import DeskRecord, EnrolledDevice, Issued, TokenPool
from sync.client import CentreClient, quarter_of, token_hash
from sync.enrolment import MAX_DROP_TOKENS, ReadToken
from sync.errors import SealRefused
from sync.primitives import random_bytes
from sync.protocol import DAY, MAX_TOKEN_BATCH, TOKEN_SIZE, MsgType
from sync.tokens import TokenRefill

POOLED_BATCHES: Final = 4
REMEMBERED_BATCHES: Final = 4
QUARTERS_AHEAD: Final = 2
SILENT: Final = 30 * DAY
"""A device that was not heard for so long gets a batch unasked, at most once in this time: it may have lost its own."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Tokens taken for one device, and the pool without them: to be committed together with what they are for."""

    drop: tuple[bytes, ...] = field(repr=False)
    read: tuple[ReadToken, ...] = field(repr=False)
    pool: TokenPool

    @property
    def read_until(self) -> int:
        """The last quarter that the read tokens cover."""
        return max(token.quarter for token in self.read)


class Tokens:
    """The centre's tokens. Whoever draws holds `turn` until the draw is committed."""

    def __init__(self, book: DeskBook, client: CentreClient) -> None:
        self._book = book
        self._client = client
        self._stocking = asyncio.Lock()

    @property
    def batch(self) -> int:
        """How many drop tokens a device gets at a time: the directory's policy, as far as a message holds them."""
        return min(self._book.trust.directory.policy.token_batch, MAX_DROP_TOKENS)

    async def stock(self, batches: int = POOLED_BATCHES + 1) -> None:
        """Register tokens at the relay until the pool holds `batches`; RelayUnreachable or RelayRefused.

        The relay knows a token before the pool does: a crash in between wastes some and never gives out a bad one.
        The book's turn is held only for the writing, so that nobody who wants to read a record waits for the relay.
        """
        async with self._stocking:
            pool, quarters = self._book.pool, self._quarters()
            read = {q: random_bytes(TOKEN_SIZE) for q in quarters if q not in pool.read}
            missing = max(0, batches * self.batch - len(pool.drop))
            drop = tuple(random_bytes(TOKEN_SIZE) for _ in range(missing))
            if not read and not drop:
                return
            await self._register([token_hash(token) for token in drop], read)
            async with self._book.turn:
                pool = self._book.pool
                current = {q: token for q, token in pool.read.items() if q >= quarters[0] - 1}
                await self._book.write([TokenPool(pool.drop + drop, {**current, **read})])

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold the book's turn with a batch in the pool to be drawn; RelayUnreachable, RelayRefused."""
        while True:
            await self.stock()
            async with self._book.turn:
                pool = self._book.pool
                if len(pool.drop) >= self.batch and all(q in pool.read for q in self._quarters()):
                    yield
                    return
                # Others drew meanwhile.

    def _quarters(self) -> range:
        """Return the quarters of which every device has a read token."""
        now = quarter_of(self._book.clock.now())
        return range(now, now + QUARTERS_AHEAD + 1)

    async def register_again(self) -> None:
        """Register everything that devices may still use at a relay that was restored from a backup."""
        pool = self._book.pool
        issued = [hashed for entry in self._book.issued.values() for hashed in entry.hashes]
        await self._register([*issued, *(token_hash(token) for token in pool.drop)], pool.read)

    async def _register(self, drop: Sequence[bytes], read: Mapping[int, bytes]) -> None:
        await self._client.change_tokens(read={token_hash(token): q for q, token in read.items()})
        for start in range(0, len(drop), MAX_TOKEN_BATCH):
            await self._client.change_tokens(drop=drop[start : start + MAX_TOKEN_BATCH])

    def issue(self, device_id: bytes, draw: Draw) -> Issued:
        """Note for whom tokens were drawn; those of the last four batches are remembered, as hashes."""
        before = self._book.issued.get(device_id, Issued(device_id, ())).hashes
        hashes = (*before, *(token_hash(token) for token in draw.drop))
        return Issued(device_id, hashes[-REMEMBERED_BATCHES * self.batch :])

    def draw(self) -> Draw:
        """Take a batch at random, inside `turn`; four batches stay, unless others draw at this moment."""
        pool = self._book.pool
        chosen = secrets.SystemRandom().sample(pool.drop, self.batch)
        taken = frozenset(chosen)
        now = self._quarters()[0]
        read = tuple(ReadToken(q, token) for q, token in sorted(pool.read.items()) if q >= now)
        rest = tuple(token for token in pool.drop if token not in taken)
        return Draw(tuple(chosen), read, replace(pool, drop=rest))

    async def refill(self) -> None:
        """Send new tokens to every device that needs them (see `_needs_more`)."""
        for device in self._book.devices:
            if self._needs_more(device):
                async with self.turn():
                    current = self._book.device(device.device_id)
                    if current is not None and self._needs_more(current):
                        await self._send(current)

    async def give(self, device_id: bytes) -> None:
        """Send new tokens to a device now, because a person said so: the way back for one that has lost all of its own.

        Reading needs no drop token, so it hears of them. RelayUnreachable, RelayRefused; SealRefused when it cannot be
        reached by any prekey.
        """
        async with self.turn():
            device = self._book.device(device_id)
            if device is not None:
                await self._send(device, strict=True)

    def _needs_more(self, device: EnrolledDevice) -> bool:
        """Tell whether a device has used more than half of its last batch, whether its reading runs out, or whether
        nothing was heard of it for so long that it may have no token left to say so.

        Covers count as every envelope does: they are members of its chain.
        """
        suspended = self._book.is_suspended(device.device_id)
        if suspended or self._book.revoked_from(device.device_id) is not None:
            return False
        now = self._book.clock.now()
        left = device.issued - self._book.ledger(device.device_id).highest
        if 2 * left < self.batch or device.read_until < quarter_of(now) + QUARTERS_AHEAD:
            return True
        tokens_at = self._book.told(device.device_id).tokens_at
        return now - max(device.last_seen, device.enrolled_at, tokens_at) > SILENT

    async def _send(self, device: EnrolledDevice, *, strict: bool = False) -> None:
        draw = self.draw()
        now = self._book.clock.now()
        body = TokenRefill(draw.drop, draw.read, now).to_bytes()
        try:
            device, waiting = seal_for_device(self._book, device, MsgType.TOKENS, body)
        except SealRefused:
            if strict:
                raise
            return
        # A device that jumps ahead in its numbers has not used as many tokens, and must not get them again and again.
        used = self._book.ledger(device.device_id).highest
        count = max(device.issued, used) + len(draw.drop)
        issued = replace(device, issued=count, read_until=draw.read_until)
        told = replace(self._book.told(device.device_id), tokens_at=now)
        records: list[DeskRecord] = [issued, waiting, draw.pool, self.issue(device.device_id, draw), told]
        await self._book.write(records)
