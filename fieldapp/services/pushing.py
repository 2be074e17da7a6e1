"""To the relay: what is sealed is dropped, urgent first, with covers behind it; what became of it is written down.

Every entry of the outbox stands alone: what the relay refuses waits and says why, and the next one goes on. Identical
bytes are offered every time; only the single-use token may change.

With a `Covering` each push drops one to four envelopes, padded with covers that are members of the chain like all
others. They are sealed and sent right behind what is due, with no other call between, and only where the relay answers.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fieldapp.services.connections import Bell, Connections
from fieldapp.services.covering import MOST_DROPS, Covering
from fieldapp.services.filing import Step
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.network import Network, network_of
from fieldapp.services.sealing import NO_RECORD
from fieldapp.vault.errors import StorageFailed, VaultError, VaultLocked
from fieldapp.vault.outbox_file import OutboxEntry
from sync import outbox
from sync.answers import IN_BETWEEN, Refusal
from sync.directory import Relay
from sync.errors import RelayRefused, RelayUnreachable
from sync.outbox import OutboxMeta

Outgoing = tuple[OutboxEntry, OutboxMeta]
"""An envelope on its way, with how far it is."""

STOP: Final = frozenset({*IN_BETWEEN, Refusal.BUSY})
"""After these the relay need not be asked more in this pass; they say nothing about what was asked."""
_NEW_TOKEN: Final = frozenset({Refusal.UNKNOWN_TOKEN, Refusal.CONFLICT})


class Pushing:
    """Drops what waits in the outbox of one unlocked device."""

    def __init__(
        self, book: DeviceBook, connections: Connections, bell: Bell, covering: Covering | None
    ) -> None:
        """Send for `book`; without `covering` everything that is due goes at once, and no covers."""
        self.more_due = False
        """Whether the last push was too small for all that is due."""
        self._book = book
        self._connections = connections
        self._bell = bell
        self._covering = covering

    async def push(self) -> dict[str, Network]:
        """Drop what is due, urgent first, and covers behind it; returns the relays that need not be asked more now."""
        now = self._book.clock.now()
        due = [(entry, meta) for entry, meta in self._book.on_the_way if outbox.is_due(meta, now)]
        due.sort(key=lambda pair: (self._rank(pair), pair[1].seq))
        self.more_due = False
        if self._covering is None:
            return await self._drop(due)
        if not due and not (self._connections.network is Network.ONLINE and self._covering.is_time(now)):
            return {}
        drops = self._covering.drops(len(due))
        silent = await self._drop(due[:drops])
        self.more_due = bool(len(due) > MOST_DROPS or self._book.with_pieces_to_come) and not silent
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
        rung = self._bell.rung
        for entry, meta in envelopes:
            if rung != self._bell.rung and self._book.is_chunk(meta.env_hash):
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
            client = self._connections.to(self._relay_of(meta))
        except ValueError:
            await self._refused(entry, meta, Refusal.BAD_REQUEST)
            return {}
        try:
            await client.drop(meta.box, meta.drop_token, entry.envelope)
        except RelayRefused as error:
            await self._refused(entry, meta, error.reason, error.retry_after)
            return {meta.relay: network_of(error)} if error.reason in STOP else {}
        self._connections.network = Network.ONLINE
        await self._note(entry, lambda m: outbox.stored(m, self._book.clock.now()))
        return {}

    async def offer_again(self) -> None:
        """Let the next pass offer all that no person has opened; its tokens stay: the relay knows what it kept."""
        for entry, meta in self._book.on_the_way:
            if meta.offered_at:
                await self._book.change_meta(
                    entry.entry_id, lambda m: outbox.missing(m, self._book.clock.now())
                )
        self._bell.again()  # not `ring`: what the relay still has to say may make some of it needless

    async def _refused(self, entry: OutboxEntry, meta: OutboxMeta, reason: str, wait: int = 0) -> None:
        """Write down why; a portal or a busy relay says nothing about this record and costs it nothing."""
        if reason in STOP:
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

    def _relay_of(self, meta: OutboxMeta) -> Relay:
        """Return where an envelope goes, by the pin of the newest directory as long as the address is the same."""
        newest = self._book.trust.directory.relay if self._book.trust else None
        return newest if newest and newest.url == meta.relay else Relay(meta.relay, meta.pin)


def _is_cover(pair: Outgoing) -> bool:
    return pair[0].record_id == NO_RECORD
