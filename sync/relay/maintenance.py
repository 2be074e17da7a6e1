"""Deletion: what every desk has, what is too old, what was used; then nothing of it stays in the files."""

import asyncio
import logging
from typing import NoReturn

from sync.relay.auth import Nonces
from sync.relay.centres import Centres
from sync.relay.database import Database, StoreUnavailableError
from sync.relay.documents import Documents
from sync.relay.drops import Drops
from sync.relay.streams import Streams

_log = logging.getLogger("fieldapp.relay")


class Maintenance:
    """Deletes, at once after a cursor moved and in rounds; every step can be repeated after a crash."""

    def __init__(
        self,
        database: Database,
        streams: Streams,
        drops: Drops,
        centres: Centres,
        documents: Documents,
        nonces: Nonces,
    ) -> None:
        self._database = database
        self._streams = streams
        self._drops = drops
        self._centres = centres
        self._documents = documents
        self._nonces = nonces
        # True at the start: a process that died may have deleted without cutting the log.
        self._unscrubbed = True

    async def collect(self, stream_id: int) -> None:
        """Delete what all desks of one box have passed."""
        if await self._streams.collect(stream_id):
            await self._scrub()

    async def purge(self) -> None:
        """Run one whole round: passed by all desks, older than 45 days, expired enrolments, used tokens."""
        deleted = await self._streams.collect_all()
        deleted += await self._streams.expire()
        deleted += await self._documents.close_expired()
        await self._drops.forget_used()
        await self._centres.forget_read_tokens()
        await self._nonces.forget_used()
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
