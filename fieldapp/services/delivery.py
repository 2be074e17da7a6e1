"""The one sync loop of a device: push what waits, pull what the centre says, never lose, never block.

Every entry of the outbox stands alone: what the relay refuses waits and says why, and the next one goes on. No network
is not a failure of a record, so nothing backs off because of it: the loop looks again after a few seconds. Identical
bytes are offered every time; only the single-use token may change.

With a `Covering` each sync drops one to four envelopes, padded with covers that are members of the chain like all
others. They are sealed and sent right behind what is due, with no other call between, and only where the relay answers.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from fieldapp.services.covering import MOST_DROPS, Covering
from fieldapp.services.filing import Step
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.listening import News, listen
from fieldapp.services.network import Network
from fieldapp.services.sealing import NO_RECORD
from fieldapp.vault.errors import StorageFailed, VaultError, VaultLocked
from fieldapp.vault.outbox_file import OutboxEntry
from sync import outbox
from sync.answers import IN_BETWEEN, Refusal
from sync.client import RelayClient
from sync.directory import Relay
from sync.downstream import RulesUpdate
from sync.errors import DirectoryRejected, RelayRefused, RelayUnreachable
from sync.outbox import OutboxMeta
from sync.protocol import DAY
from sync.trust import update

RelayFactory = Callable[[Relay], RelayClient]
"""Makes the client for a relay; the demo and the tests give it another transport."""

TakeRules = Callable[[RulesUpdate], Awaitable[None]]
"""Takes in what the centre says about reaching somebody; it is on the disk when this returns."""

Outgoing = tuple[OutboxEntry, OutboxMeta]
"""An envelope on its way, with how far it is."""

NEXT_SYNC: Final = 2
"""Seconds until the next sync when one was too small for all that is due; up to as much again is added at random."""
PAUSE: Final = 10
"""Seconds between two looks while something waits; up to as much again is added at random."""
ANSWER_PAUSE: Final = 20
"""The same while the centre has not said yet that a person opened what was sent."""
IDLE_PAUSE: Final = 60
"""The same while nothing is on its way."""

_STOP: Final = frozenset({*IN_BETWEEN, Refusal.BUSY})
_NEW_TOKEN: Final = frozenset({Refusal.UNKNOWN_TOKEN, Refusal.CONFLICT})


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
        self.network = Network.UNKNOWN
        self._book = book
        self._relays = relays
        self._take_rules = take_rules
        self._covering = covering
        self._more_due = False
        self._clients: dict[Relay, RelayClient] = {}
        self._wake = asyncio.Event()
        self._woken = 0
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._directory_seen = 0
        self.rejected_directory: DirectoryRejected | None = None
        """Why the newest directory that the relay offers is not believed, None when it is: to be shown."""
        book.outgoing.subscribe(self.wake)

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
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    def wake(self) -> None:
        """Look now: something was filed, or the network came back."""
        self._woken += 1
        self._wake.set()

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
        for client in self._clients.values():
            client.ask_again()
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
            silent = await self._push()
            relay = self._relay()
            if relay and relay.url not in silent:
                silent = {**silent, **await self._pull(relay)}
            if relay and relay.url in silent:
                self.network = silent[relay.url]
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
        await self._push()
        self._book.wiped.ring()

    async def _loop(self) -> None:
        while True:
            self._wake.clear()
            # Whatever went wrong in one pass (a full disk, a fault in this program) must not end the sending for ever.
            with contextlib.suppress(Exception):
                await self.once()
            pause = self._pause()
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the bell.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause + secrets.randbelow(pause + 1)):
                    await self._wake.wait()

    def _pause(self) -> int:
        if self._more_due:
            return NEXT_SYNC
        if self.waiting:
            return PAUSE
        asked = any(entry.record_id != NO_RECORD for entry, _ in self._book.on_the_way)
        return ANSWER_PAUSE if asked else IDLE_PAUSE

    def _relay(self) -> Relay | None:
        trust = self._book.trust
        return trust.directory.relay if trust else None

    def _relay_of(self, meta: OutboxMeta) -> Relay:
        """Return where an envelope goes, by the pin of the newest directory as long as the address is the same."""
        newest = self._relay()
        return newest if newest and newest.url == meta.relay else Relay(meta.relay, meta.pin)

    # --- To the relay ----------------------------------------------------------------------------------

    async def _push(self) -> dict[str, Network]:
        """Drop what is due, urgent first, and covers behind it; returns the relays that need not be asked more now."""
        now = self._book.clock.now()
        due = [(entry, meta) for entry, meta in self._book.on_the_way if outbox.is_due(meta, now)]
        due.sort(key=lambda pair: (self._rank(pair), pair[1].seq))
        self._more_due = False
        if self._covering is None:
            return await self._drop(due)
        if not due and not (self.network is Network.ONLINE and self._covering.is_time(now)):
            return {}
        drops = self._covering.drops(len(due))
        silent = await self._drop(due[:drops])
        self._more_due = bool(len(due) > MOST_DROPS or self._book.with_pieces_to_come) and not silent
        if not silent:
            self._covering.synced(now)
            silent = await self._drop(await self._covers(drops - len(due)))
        return silent

    def _rank(self, pair: Outgoing) -> int:
        """Return the turn of an envelope: what is urgent, other records, pieces of files, covers."""
        entry, meta = pair
        if self._book.is_chunk(meta.env_hash):
            return 2
        if meta.urgent:
            return 0
        return 3 if entry.record_id == NO_RECORD else 1

    async def _covers(self, count: int) -> list[Outgoing]:
        """Seal covers and return them; none when the disk refuses, for they must not hold up what follows."""
        if count <= 0 or self._covering is None:
            return []
        before = {entry.entry_id for entry, _ in self._book.on_the_way}
        with contextlib.suppress(StorageFailed):
            await self._book.seal_covers(self._covering.sizes(count))
        return [pair for pair in self._book.on_the_way if pair[0].entry_id not in before and _is_cover(pair)]

    async def _drop(self, envelopes: Sequence[Outgoing]) -> dict[str, Network]:
        """Offer these one after the other; returns the relays that do not answer as themselves.

        A piece of a file takes long where the network is slow. What was filed meanwhile does not wait for the next one.
        """
        silent: dict[str, Network] = {}
        woken = self._woken
        for entry, meta in envelopes:
            if woken != self._woken and self._book.is_chunk(meta.env_hash):
                break
            if meta.relay not in silent:
                with contextlib.suppress(RelayUnreachable):
                    silent |= await self._offer(entry, meta)
                    continue
                silent[meta.relay] = Network.OFFLINE
        return silent

    async def _offer(self, entry: OutboxEntry, meta: OutboxMeta) -> dict[str, Network]:
        """Offer one envelope; returns its relay if that does not answer as itself. RelayUnreachable."""
        if meta.offered_at:
            # The relay took these bytes once and no longer has them: it would only answer for the old token.
            renewed = await self._note(entry, lambda m: outbox.missing(m, self._book.clock.now()), renew=True)
            if renewed is None:
                return {}
            meta = renewed
        try:
            client = self._client(self._relay_of(meta))
        except ValueError:
            await self._refused(entry, meta, Refusal.BAD_REQUEST)
            return {}
        try:
            await client.drop(meta.box, meta.drop_token, entry.envelope)
        except RelayRefused as error:
            await self._refused(entry, meta, error.reason, error.retry_after)
            return {meta.relay: _network(error)} if error.reason in _STOP else {}
        self.network = Network.ONLINE
        await self._note(entry, lambda m: outbox.stored(m, self._book.clock.now()))
        return {}

    async def _offer_again(self) -> None:
        """Let the next pass offer all that no person has opened; its tokens stay: the relay knows what it kept."""
        for entry, meta in self._book.on_the_way:
            if meta.offered_at:
                await self._book.change_meta(
                    entry.entry_id, lambda m: outbox.missing(m, self._book.clock.now())
                )
        self._wake.set()  # not `wake`: what the relay still has to say may make some of it needless

    async def _refused(self, entry: OutboxEntry, meta: OutboxMeta, reason: str, wait: int = 0) -> None:
        """Write down why; a portal or a busy relay says nothing about this record and costs it nothing."""
        if reason in _STOP:
            if meta.last_reason != reason:
                await self._note(entry, lambda m: replace(m, last_reason=reason))
            return

        def failed(m: OutboxMeta) -> OutboxMeta:
            return outbox.failed(m, reason, self._book.clock.now(), secrets.randbelow, wait)

        renew = reason in _NEW_TOKEN and self._book.tokens_left > 0
        await self._note(entry, failed, renew=renew)

    async def _note(self, entry: OutboxEntry, step: Step, *, renew: bool = False) -> OutboxMeta | None:
        """Write the new state down. A disk that refuses must not hold up the next envelope: all of this is repeated."""
        write = self._book.renew_token if renew else self._book.change_meta
        try:
            return await write(entry.entry_id, step)
        except VaultLocked:
            raise
        except VaultError:
            return None

    # --- From the centre -------------------------------------------------------------------------------

    async def _pull(self, relay: Relay) -> dict[str, Network]:
        """Hear what the centre says; returns the state of its relay, or nothing when there is no token to read with."""
        membership = self._book.membership
        tokens = membership.read_tokens_by_chance(self._book.clock.now()) if membership else ()
        state: dict[str, Network] = {}
        for token in tokens:
            try:
                await self._pull_with(self._client(relay), token)
            except RelayUnreachable:
                return {relay.url: Network.OFFLINE}
            except VaultLocked:
                raise
            except VaultError:
                return {relay.url: Network.ONLINE}  # nothing was taken in, so the relay says it again
            except RelayRefused as error:
                state = {relay.url: _network(error)}
                if error.reason != Refusal.UNKNOWN_TOKEN:
                    return state
            else:
                return {relay.url: Network.ONLINE}
        return state

    async def _pull_with(self, client: RelayClient, token: bytes) -> None:
        if not 0 <= self._book.clock.now() - self._directory_seen < DAY:
            await self._refresh_directory(client, token)
        # What the worker sends meanwhile goes first: a shard holds everybody's messages. The cursor is on the disk.
        woken = self._woken
        while await self._pull_page(client, token) and woken == self._woken:
            pass

    async def _pull_page(self, client: RelayClient, token: bytes) -> bool:
        """Hear one page; returns whether more is there. Its cursor is never ahead of what it stands for."""
        membership, trust = self._book.membership, self._book.trust
        if membership is None or trust is None:
            return False
        try:
            page = await client.shard(membership.shard, membership.cursor, token)
        except RelayRefused as error:
            if error.reason != Refusal.CURSOR_UNKNOWN or not membership.cursor:
                raise
            # The relay was restored from a backup. First offer again, then read everything again: a crash in between
            # only does it twice, and all of it is idempotent.
            await self._offer_again()
            await self._book.hear("", News())
            return True
        if page.cursor == membership.cursor:
            return False
        handled = self._book.orders.handled
        news = await asyncio.to_thread(listen, page.envelopes, membership, trust, handled)
        if news.newer_directory and await self._refresh_directory(client, token):
            newer = self._book.trust or trust
            news = await asyncio.to_thread(listen, page.envelopes, membership, newer, handled)
        for rules in news.rules:  # before the cursor, which must never be ahead of them
            await self._take_rules(rules)
        await self._book.hear(page.cursor, news)
        return page.more

    async def _refresh_directory(self, client: RelayClient, token: bytes) -> bool:
        """Fetch the directory and tell whether it is newer; a bad one changes nothing, the last good one stays.

        A relay that has none must not keep us from the receipts: only an odd answer ends the pass.
        """
        trust = self._book.trust
        if trust is None:
            return False
        try:
            blob = await client.directory(token)
        except RelayRefused as error:
            if error.reason in _STOP:
                raise
            return False
        self._directory_seen = self._book.clock.now()
        try:
            newer = await asyncio.to_thread(update, trust, blob)
        except DirectoryRejected as error:
            self._judged(error.with_traceback(None))
            return False
        self._judged(None)
        if newer is trust:
            return False
        await self._book.save_trust(newer)
        return True

    def _judged(self, rejected: DirectoryRejected | None) -> None:
        known, self.rejected_directory = self.rejected_directory, rejected
        if (known is None) != (rejected is None):
            self._book.changes.ring()

    def _client(self, relay: Relay) -> RelayClient:
        if relay not in self._clients:
            self._clients[relay] = self._relays(relay)
        return self._clients[relay]


def _is_cover(pair: Outgoing) -> bool:
    return pair[0].record_id == NO_RECORD


def _network(error: RelayRefused) -> Network:
    return Network.PORTAL if error.reason in IN_BETWEEN else Network.ONLINE
