"""The desk's loop: pull, judge, store, answer; then tell the relay that it may delete.

One page is one transaction: the envelopes with what was said about them, the devices' state, the receipts to be sent,
and the cursor. A crash before it means that the relay delivers again; a crash after it, that the relay is told later.
What comes twice is acknowledged twice and stored once. One bad item is a row in the quarantine and holds up nobody.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fieldapp.errors import FieldappError
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.downstream import Sender
from fieldapp.services.desk.judging import Judged, PageJudge
from fieldapp.services.desk.publishing import Publishing
from fieldapp.services.desk.repair import Repair
from fieldapp.services.desk.telling import Telling
from fieldapp.services.desk.tokens import Tokens
from fieldapp.services.desk.upkeep import ask_for_signatures, destroy_old_prekeys
from fieldapp.services.network import Network
from sync.answers import IN_BETWEEN, Page, Refusal
from sync.carried import unpack
from sync.client import CentreClient
from sync.errors import RelayRefused, RelayUnreachable, SyncError

PAUSE: Final = 5
"""Seconds between two looks; up to as much again is added at random."""


_ENDS_A_PASS: Final = frozenset({*IN_BETWEEN, Refusal.BUSY, Refusal.UNAUTHORIZED})
"""Refusals after which nothing else need be asked now."""
_RESTORED: Final = frozenset({Refusal.CURSOR_UNKNOWN, Refusal.NOT_FOUND})
"""What a relay says that lost a cursor, or the whole box."""


CARRIED_PAGE: Final = 100
"""Envelopes of a carried file that are stored in one transaction."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a file that was carried here: envelopes in it, new ones among them, and those that failed a check.

    The rest was here already.
    """

    envelopes: int
    new: int
    aside: int

    @property
    def known(self) -> int:
        """How many were here before."""
        return self.envelopes - self.new - self.aside


class Receiving:
    """Pulls for one unlocked desk. `problem` is a plain sentence while something hinders it, else ""."""

    def __init__(
        self, book: DeskBook, client: CentreClient, tokens: Tokens, publishing: Publishing, telling: Telling
    ) -> None:
        self.network = Network.UNKNOWN
        self.problem = ""
        self.registered = True
        """False while the relay does not know this centre: its operator has to register it."""
        self._book = book
        self._client = client
        self._tokens = tokens
        self._publishing = publishing
        self._telling = telling
        self._sender = Sender(book, client)
        self._repair = Repair(book, client, publishing)
        self._told = ""
        self._looked_again = False
        self._caught_up = False
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._woken = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look at the relay, until `stop`."""
        if self._task is None:
            self._task = asyncio.create_task(self._loop(), name="receiving")

    async def stop(self) -> None:
        """End the loop; a page under way is stored whole or comes again. Idempotent."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def wake(self) -> None:
        """Look now: there is something to send, or the network came back."""
        self._woken += 1
        self._wake.set()

    async def take_in(self, data: bytes) -> Carried:
        """Judge what was carried here by hand as if the relay had given it; CarriedRejected: nothing was used.

        A page at a time, each stored whole. What is known already is acknowledged again. VaultError: what was stored
        before stays; take the same file in once more.
        """
        envelopes = unpack(data)
        new = aside = 0
        for start in range(0, len(envelopes), CARRIED_PAGE):
            async with self._book.turn:
                before = len(self._book.quarantined)
                judged = await self._judge(envelopes[start : start + CARRIED_PAGE])
                counted = Counter(self._book.progress.counted) + judged.counted
                await self._book.write([*judged.records, replace(self._book.progress, counted=counted)])
                kept_aside = len(self._book.quarantined) - before
            new += judged.new - kept_aside
            aside += kept_aside + judged.counted.total()
        self.wake()
        return Carried(len(envelopes), new, aside)

    async def once(self) -> None:
        """Publish, pull and send once. Faults end in `network` and `problem`, never in an exception."""
        async with self._turn:
            before = (self.network, self.problem, self.registered)
            try:
                await self._pass()
                self.network, self.problem, self.registered = Network.ONLINE, "", True
            except RelayUnreachable as error:
                self.network, self.problem = Network.OFFLINE, error.diagnostics()
            except RelayRefused as error:
                portal = error.reason in IN_BETWEEN
                self.network = Network.PORTAL if portal else Network.ONLINE
                self.registered = error.reason != Refusal.UNAUTHORIZED
                self.problem = error.diagnostics()
            except (SyncError, FieldappError) as error:
                self.problem = error.diagnostics()
            except Exception:  # whatever it is, it must be seen here and must not end the receiving for ever
                self.problem = SyncError().diagnostics()
            if (self.network, self.problem, self.registered) != before:
                self._book.changes.ring()

    async def _loop(self) -> None:
        while True:
            self._wake.clear()
            await self.once()
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the bell.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE + secrets.randbelow(PAUSE + 1)):
                    await self._wake.wait()

    async def _pass(self) -> None:
        await destroy_old_prekeys(self._book)
        await ask_for_signatures(self._book)
        await self._publishing.publish()
        await self._send()
        await self._catch_up()
        await self._look_again()
        # What a person here has opened is told before a long box is read to its end. The cursor is on the disk.
        woken, more = self._woken, True
        while more and woken == self._woken:
            more = await self._pull_page()
        if not more:
            await self._repair.once()
        await self._tokens.refill()
        await self._telling.announce()
        await self._send()

    async def _send(self) -> None:
        if self._book.outgoing:
            await self._repair.ask()
            await self._sender.flush()

    async def _pull_page(self) -> bool:
        """Pull, commit, then move the relay's cursor; returns whether more is there."""
        before = self._book.progress.cursor
        page = await self._page(before)
        if page.items:
            await self._store(page)
        await self._tell(page.cursor)
        return page.more and page.cursor != before

    async def _page(self, cursor: str) -> Page:
        box = self._book.identity.box
        try:
            return await self._client.box(box, cursor)
        except RelayRefused as error:
            if error.reason not in _RESTORED:
                raise
            # The relay was restored from a backup: give it back what it lost, and read everything again. What is
            # known is a duplicate. What devices should hear follows when their records are in.
            await self._publishing.publish(again=True)
            page = await self._client.box(box)
            await self._repair.doubt()
            await self._book.write([replace(self._book.progress, cursor="")])
            return page

    async def _store(self, page: Page) -> None:
        async with self._book.turn:
            judged = await self._judge(page.envelopes)
            counted = Counter(self._book.progress.counted) + judged.counted
            progress = replace(self._book.progress, cursor=page.cursor, counted=counted)
            await self._book.write([*judged.records, progress])

    async def _judge(self, envelopes: Sequence[bytes]) -> Judged:
        judge = await self._book.worker.run(PageJudge, self._book)
        return await self._book.worker.run(judge.judge, envelopes)

    async def _tell(self, cursor: str) -> None:
        """Let the relay delete what is committed here; if that fails now, the next pass says so again."""
        if not cursor.strip("0") or cursor == self._told:
            return
        try:
            await self._client.commit(self._book.identity.box, cursor)
        except RelayRefused as error:
            # The relay's own cursor is ahead (this vault was restored), or it forgot this one: neither loses anything.
            if error.reason not in (Refusal.CONFLICT, Refusal.CURSOR_UNKNOWN):
                raise
        self._told = cursor

    async def _catch_up(self) -> None:
        """Ask once after unlocking for directories that this vault does not know; a refusal keeps no record waiting."""
        if self._caught_up:
            return
        try:
            await self._publishing.catch_up()
        except RelayRefused as error:
            if error.reason in _ENDS_A_PASS:
                raise
            return
        self._caught_up = True

    async def _look_again(self) -> None:
        """Judge once more, after unlocking, what nobody vouched for: a key or a certificate may be back."""
        if self._looked_again:
            return
        async with self._book.turn:
            unproven = [arrival.envelope for arrival in self._book.quarantined if arrival.opened is None]
            judged = await self._judge(unproven)
            if judged.records:
                await self._book.write(judged.records)
        self._looked_again = True
