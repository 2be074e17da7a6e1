"""Deletion: what every desk has, what is too old, what was used; then nothing of it stays in the files."""

import asyncio
import logging
from typing import NoReturn

from sync.relay import centres, documents, drops, restores, streams
from sync.relay.auth import forget_used_nonces
from sync.relay.database import Database, StoreUnavailableError
from sync.relay.limits import Clock

_log = logging.getLogger("fieldapp.relay")


class Maintenance:
    """Deletes, at once after a cursor moved and in rounds; every step can be repeated after a crash."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # True at the start: a process that died may have deleted without cutting the log.
        self._unscrubbed = True

    async def collect(self, stream_id: int) -> None:
        """Delete what all desks of one box have passed."""
        if await self._database.write(streams.collect, stream_id):
            await self._scrub()

    async def purge(self) -> None:
        """Run one whole round: passed by all desks, older than 45 days, expired enrolments, used tokens."""
        now = self._clock()
        if await self._database.write(restores.look_around, await self._database.place()):
            _log.warning("the database was restored or moved: all clients are told to begin again")
        deleted = await self._database.write(streams.collect_all)
        deleted += await self._database.write(streams.expire, now)
        deleted += await self._database.write(documents.close_expired, now)
        await self._database.write(drops.forget_used, now)
        await self._database.write(centres.forget_read_tokens, now)
        await self._database.write(forget_used_nonces, now)
        if deleted or self._unscrubbed:
            await self._scrub()

    async def run(self, pause: float) -> NoReturn:
        """Purge for ever, `pause` seconds between rounds; a failed round is logged by its kind and repeated."""
        while True:
            try:
                await self.purge()
            except StoreUnavailableError:
                _log.warning("the database is not available, deletion is tried again")
            await asyncio.sleep(pause)

    async def _scrub(self) -> None:
        self._unscrubbed = True
        self._unscrubbed = not await self._database.scrub()
