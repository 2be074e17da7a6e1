"""The one sync loop of a device: push what waits, pull what the centre says, never lose, never block.

Every entry of the outbox stands alone: what the relay refuses waits and says why, and the next one goes on. No network
is not a failure of a record, so nothing backs off because of it: the loop looks again after a few seconds. Identical
bytes are offered every time; only the single-use token may change.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import Final

from fieldapp.services.filing import Book
from fieldapp.services.listening import News, listen
from fieldapp.services.membership import Membership
from fieldapp.vault.errors import VaultError
from fieldapp.vault.outbox_file import OutboxEntry
from sync import outbox
from sync.answers import Refusal
from sync.client import RelayClient
from sync.errors import DirectoryRejected, OutboxError, RelayRefused, RelayUnreachable, SyncError
from sync.outbox import OutboxMeta
from sync.protocol import DAY
from sync.receipts import ReceiptKind
from sync.trust import TrustedState, update

RelayFactory = Callable[[str], RelayClient]
"""Makes the client for a relay's address; the demo and the tests give it another transport."""

PAUSE: Final = 10
"""Seconds between two looks while something waits; up to as much again is added at random."""
IDLE_PAUSE: Final = 60
"""The same while nothing waits."""

_STOP: Final = frozenset({Refusal.CAPTIVE_PORTAL, Refusal.BUSY})
_NEW_TOKEN: Final = frozenset({Refusal.UNKNOWN_TOKEN, Refusal.CONFLICT})


class Network(StrEnum):
    """What the last look at the relay showed."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    OFFLINE = "offline"
    PORTAL = "portal"
    """Something else answers in the relay's place: a login page of a public network."""


class Delivery:
    """Sends and hears for one unlocked device."""

    def __init__(self, book: Book, relays: RelayFactory) -> None:
        self.network = Network.UNKNOWN
        self._book = book
        self._relays = relays
        self._clients: dict[str, RelayClient] = {}
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._directory_seen = 0

    def start(self) -> None:
        """Begin to look for the relay, until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._loop(), name="delivery")

    async def stop(self) -> None:
        """End the loop; what is on the disk stays as it is. Idempotent."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    def wake(self) -> None:
        """Look now: something was filed, or the network came back."""
        self._wake.set()

    @property
    def waiting(self) -> int:
        """How many finished records have not reached the relay yet."""
        records = {
            e.record_id for e, meta in self._book.on_the_way if meta.state is outbox.OutboxState.SEALED
        }
        local = sum(1 for r in self._book.filed if not r.sealed and r.keep_until is None)
        return len(records) + local

    async def send_now(self) -> None:
        """Drop every delay and waiting time, and look now."""
        for entry, meta in self._book.on_the_way:
            if meta.state is outbox.OutboxState.SEALED:
                await self._book.update_meta(entry, outbox.send_now(meta))
        self.wake()

    async def once(self) -> None:
        """Push and pull once; errors of the network end in `network`, never in an exception."""
        async with self._turn:
            before = self.network
            try:
                if await self._push():
                    await self._pull()
            except RelayUnreachable:
                self.network = Network.OFFLINE
            except RelayRefused as error:
                self.network = Network.PORTAL if error.reason == Refusal.CAPTIVE_PORTAL else Network.ONLINE
            if self.network is not before:
                self._book.changes.ring()

    async def _loop(self) -> None:
        while True:
            self._wake.clear()
            # A fault of one pass (a full disk, say) must not end the sending for ever.
            with contextlib.suppress(SyncError, VaultError):
                await self.once()
            pause = PAUSE if self.waiting else IDLE_PAUSE
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause + secrets.randbelow(pause + 1))

    # --- To the relay ----------------------------------------------------------------------------------

    async def _push(self) -> bool:
        """Offer everything that is due, urgent first. False when the relay does not answer as itself."""
        now = self._book.clock.now()
        due = [(entry, meta) for entry, meta in self._book.on_the_way if outbox.is_due(meta, now)]
        for entry, meta in sorted(due, key=lambda pair: (not pair[1].urgent, pair[1].seq)):
            if not await self._offer(entry, meta):
                return False
        return True

    async def _offer(self, entry: OutboxEntry, meta: OutboxMeta) -> bool:
        now = self._book.clock.now()
        if meta.offered_at and (token := await self._book.take_token()):
            # The relay took these bytes once and no longer has them: it would only answer for the old token.
            meta = outbox.with_token(meta, token)
        try:
            await self._client(meta.relay).drop(meta.box, meta.drop_token, entry.envelope)
        except RelayRefused as error:
            await self._refused(entry, meta, error.reason)
            if error.reason == Refusal.CAPTIVE_PORTAL:
                self.network = Network.PORTAL
            return error.reason not in _STOP
        self.network = Network.ONLINE
        await self._book.update_meta(entry, outbox.stored(meta, now))
        return True

    async def _refused(self, entry: OutboxEntry, meta: OutboxMeta, reason: str) -> None:
        """Write down why; a portal or a busy relay says nothing about this record and costs it nothing."""
        if reason in _STOP:
            if meta.last_reason != reason:
                await self._book.update_meta(entry, replace(meta, last_reason=reason))
            return
        if reason in _NEW_TOKEN and (token := await self._book.take_token()):
            meta = outbox.with_token(meta, token)
        failed = outbox.failed(meta, reason, self._book.clock.now(), secrets.randbelow)
        await self._book.update_meta(entry, failed)

    # --- From the centre -------------------------------------------------------------------------------

    async def _pull(self) -> None:
        membership, trust = self._book.membership, self._book.trust
        if membership is None or trust is None:
            return
        token = membership.read_token(self._book.clock.now())
        if token is None:
            return
        client = self._client(trust.directory.relay.url)
        await self._refresh_directory(client, trust, token)
        more = True
        while more:
            more = await self._pull_page(client, token)
        self.network = Network.ONLINE

    async def _pull_page(self, client: RelayClient, token: bytes) -> bool:
        membership, trust = self._book.membership, self._book.trust
        if membership is None or trust is None:
            return False
        try:
            page = await client.shard(membership.shard, membership.cursor, token)
        except RelayRefused as error:
            if error.reason != Refusal.CURSOR_UNKNOWN:
                raise
            # The relay was restored from a backup: read everything again, all of it is idempotent.
            await self._book.hear(replace(membership, cursor=""), (), (), ())
            return True
        if page.cursor != membership.cursor:
            news = await asyncio.to_thread(listen, page.envelopes, membership, trust)
            await self._take_in(membership, page.cursor, news)
        return page.more

    async def _take_in(self, membership: Membership, cursor: str, news: News) -> None:
        """Write receipts, tokens and the cursor together: a cursor is never ahead of what it stands for."""
        now = self._book.clock.now()
        metas = {meta.env_hash: (entry, meta) for entry, meta in self._book.on_the_way}
        changed: dict[bytes, tuple[OutboxEntry, OutboxMeta]] = {}
        acted: list[tuple[bytes, int]] = []
        for desk_id, item in news.receipts:
            if item.env_hash in metas:
                entry, meta = changed.get(item.env_hash) or metas[item.env_hash]
                try:
                    changed[item.env_hash] = (entry, outbox.receipt(meta, item, desk_id, now))
                except OutboxError:
                    continue  # a proof that is not true changes nothing
            if item.kind is ReceiptKind.ACTED:
                acted.append((item.env_hash, item.at))
        listened = replace(
            membership.listened(cursor, news.centre_time, news.heard),
            read_tokens={**membership.read_tokens, **news.read_tokens},
        )
        await self._book.hear(listened, changed.values(), acted, news.drop_tokens)

    async def _refresh_directory(self, client: RelayClient, trust: TrustedState, token: bytes) -> None:
        """Fetch the directory once a day; a bad one changes nothing, the last good one stays in force."""
        now = self._book.clock.now()
        if 0 <= now - self._directory_seen < DAY:
            return
        blob = await client.directory(token)
        self._directory_seen = now
        try:
            newer = await asyncio.to_thread(update, trust, blob)
        except DirectoryRejected:
            return
        if newer is not trust:
            await self._book.save_trust(newer)

    def _client(self, url: str) -> RelayClient:
        if url not in self._clients:
            self._clients[url] = self._relays(url)
        return self._clients[url]
