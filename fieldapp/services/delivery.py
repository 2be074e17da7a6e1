"""The one sync loop of a device: push what waits, pull what the centre says, never lose, never block.

No network is not a failure of a record, so nothing backs off because of it: the loop looks again after a few seconds.
What is sent and what is heard stand in `services.pushing` and `services.pulling`.
"""

import asyncio
import contextlib
import secrets
from typing import Final

from fieldapp.services.connections import Bell, Connections, RelayFactory
from fieldapp.services.covering import Covering
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.network import Network
from fieldapp.services.pulling import Pulling, TakeRules
from fieldapp.services.pushing import Pushing
from fieldapp.services.sealing import NO_RECORD
from fieldapp.vault.errors import VaultError, VaultLocked
from sync import outbox
from sync.directory import Relay
from sync.errors import DirectoryRejected

NEXT_SYNC: Final = 2
"""Seconds until the next sync when one was too small for all that is due; up to as much again is added at random."""
PAUSE: Final = 10
"""Seconds between two looks while something waits; up to as much again is added at random."""
ANSWER_PAUSE: Final = 20
"""The same while the centre has not said yet that a person opened what was sent."""
IDLE_PAUSE: Final = 60
"""The same while nothing is on its way."""


class Delivery:
    """Sends and hears for one unlocked device."""

    def __init__(
        self,
        book: DeviceBook,
        relays: RelayFactory,
        take_rules: TakeRules,
        covering: Covering | None = None,
    ) -> None:
        """Send for `book`; without `covering` everything that is due goes at once, and no covers."""
        self._book = book
        self._connections = Connections(relays)
        self._bell = Bell()
        self._pushing = Pushing(book, self._connections, self._bell, covering)
        self._pulling = Pulling(book, self._connections, self._bell, self._pushing, take_rules)
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        book.outgoing.subscribe(self.wake)

    @property
    def network(self) -> Network:
        """What the last look at the relay showed."""
        return self._connections.network

    @property
    def rejected_directory(self) -> DirectoryRejected | None:
        """Why the newest directory that the relay offers is not believed, None when it is: to be shown."""
        return self._pulling.rejected_directory

    def start(self) -> None:
        """Begin to look for the relay, until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._loop(), name="delivery")

    async def stop(self) -> None:
        """End the loop; what is on the disk stays as it is. Idempotent."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._connections.close()

    def wake(self) -> None:
        """Look now: something was filed, or the network came back."""
        self._bell.ring()

    @property
    def waiting(self) -> int:
        """How many finished records have not reached the relay yet. Covers are none, nor is what outlived a wipe."""
        records = {
            e.record_id
            for e, meta in self._book.on_the_way
            if meta.state is outbox.OutboxState.SEALED and self._book.record(e.record_id)
        }
        records |= {record.record_id for record in self._book.with_pieces_to_come}
        local = sum(1 for r in self._book.filed if not r.sealed and r.keep_until is None)
        return len(records) + local

    async def send_now(self) -> None:
        """Drop every delay and waiting time, and look now."""
        for entry, meta in self._book.on_the_way:
            if meta.state is outbox.OutboxState.SEALED and entry.record_id != NO_RECORD:
                await self._book.change_meta(entry.entry_id, outbox.send_now)
        self._connections.ask_again()
        self.wake()

    async def once(self) -> None:
        """Seal what can be sealed, push and pull once; errors of the network end in `network`, never here.

        A relay that is silent holds up nothing that is for another one (a centre can move).
        """
        async with self._turn:
            before = self.network
            for upkeep in (self._book.tidy, self._book.seal_waiting, self._book.seal_chunks):
                with contextlib.suppress(VaultError):  # a full disk must not hold up what is sealed already
                    await upkeep()
            silent = await self._pushing.push()
            relay = self._relay()
            if relay and relay.url not in silent:
                silent = {**silent, **await self._pulling.pull(relay)}
            if relay and relay.url in silent:
                self._connections.network = silent[relay.url]
            if self.network is not before:
                self._book.changes.ring()
            await self._carry_out_orders()

    async def _carry_out_orders(self) -> None:
        """Wipe, if two command keys have ordered it, and let what is sealed go its way once more."""
        order = self._book.wipe_due()
        if order is None:
            return
        try:
            await self._book.wipe(order)
        except VaultLocked:
            raise
        except VaultError:
            return  # the order stands, and the next pass tries again
        await self._pushing.push()
        self._book.wiped.ring()

    async def _loop(self) -> None:
        while True:
            self._bell.hush()
            # Whatever went wrong in one pass (a full disk, a fault in this program) must not end the sending for ever.
            with contextlib.suppress(Exception):
                await self.once()
            pause = self._pause()
            await self._bell.wait(pause + secrets.randbelow(pause + 1))

    def _pause(self) -> int:
        if self._pushing.more_due:
            return NEXT_SYNC
        if self.waiting:
            return PAUSE
        asked = any(entry.record_id != NO_RECORD for entry, _ in self._book.on_the_way)
        return ANSWER_PAUSE if asked else IDLE_PAUSE

    def _relay(self) -> Relay | None:
        trust = self._book.trust
        return trust.directory.relay if trust else None
