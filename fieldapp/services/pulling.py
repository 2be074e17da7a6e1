"""From the centre: what it says to this device, page by page, and its directory.

A page's cursor is written with what it stands for, never before it. What cannot be believed changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable

from fieldapp.services.connections import Bell, Connections
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.listening import News, listen
from fieldapp.services.network import Network, network_of
from fieldapp.services.pushing import STOP, Pushing
from fieldapp.vault.errors import VaultError, VaultLocked
from sync.answers import Refusal
from sync.client import RelayClient
from sync.directory import Relay
from sync.downstream import RulesUpdate
from sync.errors import DirectoryRejected, RelayRefused, RelayUnreachable
from sync.protocol import DAY
from sync.trust import update

TakeRules = Callable[[RulesUpdate], Awaitable[None]]
"""Takes in what the centre says about reaching somebody; it is on the disk when this returns."""


class Pulling:
    """Hears for one unlocked device."""

    def __init__(
        self,
        book: DeviceBook,
        connections: Connections,
        bell: Bell,
        pushing: Pushing,
        take_rules: TakeRules,
    ) -> None:
        """Hear for `book`; a relay that was restored makes `pushing` offer again what it may have lost."""
        self.rejected_directory: DirectoryRejected | None = None
        """Why the newest directory that the relay offers is not believed, None when it is: to be shown."""
        self.directory_seen = 0
        """When the relay was last asked for the directory, in seconds."""
        self._book = book
        self._connections = connections
        self._bell = bell
        self._pushing = pushing
        self._take_rules = take_rules

    async def pull(self, relay: Relay) -> dict[str, Network]:
        """Hear what the centre says; returns the state of its relay, or nothing when there is no token to read with."""
        membership = self._book.membership
        tokens = membership.read_tokens_by_chance(self._book.clock.now()) if membership else ()
        state: dict[str, Network] = {}
        for token in tokens:
            try:
                await self._pull_with(self._connections.to(relay), token)
            except RelayUnreachable:
                return {relay.url: Network.OFFLINE}
            except VaultLocked:
                raise
            except VaultError:
                return {relay.url: Network.ONLINE}  # nothing was taken in, so the relay says it again
            except RelayRefused as error:
                state = {relay.url: network_of(error)}
                if error.reason != Refusal.UNKNOWN_TOKEN:
                    return state
            else:
                return {relay.url: Network.ONLINE}
        return state

    async def _pull_with(self, client: RelayClient, token: bytes) -> None:
        if not 0 <= self._book.clock.now() - self.directory_seen < DAY:
            await self._refresh_directory(client, token)
        # What the worker sends meanwhile goes first: a shard holds everybody's messages. The cursor is on the disk.
        rung = self._bell.rung
        while await self._pull_page(client, token) and rung == self._bell.rung:
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
            await self._pushing.offer_again()
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
            if error.reason in STOP:
                raise
            return False
        self.directory_seen = self._book.clock.now()
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
