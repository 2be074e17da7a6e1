"""A relay that was restored from a backup gets again what this desk had given it for devices: identical bytes.

Devices offer again what they sent (`services.delivery`). What a desk sent, only the desk can. So it keeps a copy of
every envelope that the relay has, for as long as the relay would keep it, or until it needs no second arrival. Receipts
that a device asks for again by itself are not kept.

A restored copy lacks the newest of what was given to it. So one cheap question tells: does the relay still know what
was posted last? It is asked after unlocking, every ten minutes, and before anything else is posted; a cursor of the box
that is unknown says the same. From then on the desk is in doubt, also over a restart, until it has compared: tokens,
desks and directory are registered again, the shards are read as a device reads them, and what is not in them waits to
be sent once more, with the number that it always had. A relay that lost nothing gets nothing twice.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.downstream import KEPT_FREE
from fieldapp.services.desk.envelopes import Posted
from fieldapp.services.desk.publishing import Publishing
from sync.answers import IN_BETWEEN, Page, Refusal
from sync.client import CentreClient, quarter_of
from sync.enrolment import MAX_DROP_TOKENS
from sync.errors import RelayRefused
from sync.protocol import DAY, ITEM_LIFETIME, MsgType

LOOK_EVERY: Final = 600
"""Seconds between two questions whether the relay still has what was posted last."""

_KEPT_FOR: Final = ITEM_LIFETIME - DAY
"""A day less than the relay keeps an item, so that what it deleted in time is never taken for lost."""
_LAST_COUNTS: Final = frozenset({MsgType.DIRECTORY, MsgType.POLICY, MsgType.REKEY})
"""Of these only the last one to a device says anything."""
_ALSO_WITHDRAWN: Final = frozenset({MsgType.DIRECTORY, MsgType.WIPE})
"""What a withdrawn device is given again: that it is withdrawn, and orders. Whoever holds it now learns nothing else."""
_NOT_NOW: Final = frozenset({*IN_BETWEEN, Refusal.BUSY})


class Repair:
    """Gives the relay again what it lost, for one unlocked desk."""

    def __init__(self, book: DeskBook, client: CentreClient, publishing: Publishing) -> None:
        self._book = book
        self._client = client
        self._publishing = publishing
        self._looked = 0
        self._compared = 0

    async def ask(self) -> None:
        """Ask whether the relay still knows what was posted last; if not, begin to doubt. RelayUnreachable, RelayRefused.

        Needed before the next post, whose own mark would hide that the one before is gone.
        """
        progress = self._book.progress
        if progress.doubt or not progress.mark:
            return
        try:
            await self._page(progress.mark_shard, progress.mark)
        except RelayRefused as error:
            if error.reason in _NOT_NOW:
                raise
            await self.doubt()

    async def doubt(self) -> None:
        """Note durably that the relay may have lost something."""
        self._compared = 0
        await self._book.write([replace(self._book.progress, doubt=True)])

    async def once(self) -> None:
        """Look whether the relay lost something, if that is due, and if so have it sent again.

        RelayUnreachable or RelayRefused when the relay answers nobody now; anything else that it says here holds up
        nothing, and is tried again at the next look.
        """
        now = self._book.clock.now()
        if not 0 <= now - self._looked < LOOK_EVERY:
            await self._tidy(now)
            await self.ask()
            self._looked = now
        if self._book.progress.doubt and not 0 <= now - self._compared < LOOK_EVERY:
            try:
                await self._publishing.publish(again=True)
                await self._compare()
            except RelayRefused as error:
                if error.reason in _NOT_NOW:
                    raise
            self._compared = now

    async def _compare(self) -> None:
        """Read the shards of what was posted; what is not there waits to be sent again. One transaction."""
        newest_first = sorted(self._book.posted, key=_order, reverse=True)
        posted = self._needed(newest_first, self._book.clock.now())
        found: dict[bytes, str] = {}
        for shard in sorted({one.waiting.shard for one in posted}):
            wanted = {one.waiting.envelope: one.vault_id for one in posted if one.waiting.shard == shard}
            found |= await self._find(shard, wanted)
        there = [one for one in posted if one.vault_id in found]
        lost = [one for one in posted if one.vault_id not in found]
        last = max(there, key=_order, default=None)
        progress = replace(
            self._book.progress,
            mark=found[last.vault_id] if last else "",
            mark_shard=last.waiting.shard if last else 0,
            doubt=False,
        )
        await self._book.write([progress, *(one.waiting for one in lost)], lost)

    async def _find(self, shard: int, wanted: Mapping[bytes, bytes]) -> dict[bytes, str]:
        """Return the relay's ids of the wanted envelopes (bytes -> our name for them) that stand in a shard."""
        found: dict[bytes, str] = {}
        cursor, more = "", True
        while more and len(found) < len(wanted):
            page = await self._page(shard, cursor)
            found |= {wanted[item.envelope]: item.item_id for item in page.items if item.envelope in wanted}
            more, cursor = page.more and page.cursor != cursor, page.cursor
        return found

    async def _page(self, shard: int, after: str) -> Page:
        """Read a shard as a device does. The clocks may disagree about the quarter: the neighbours are tried as well."""
        this = quarter_of(self._book.clock.now())
        tokens = self._book.pool.read
        for quarter in (this, this - 1, this + 1):
            if quarter in tokens:
                try:
                    return await self._client.shard(shard, after, tokens[quarter])
                except RelayRefused as error:
                    if error.reason != Refusal.UNKNOWN_TOKEN:
                        raise
        raise RelayRefused(Refusal.UNKNOWN_TOKEN)

    async def _tidy(self, now: int) -> None:
        """Drop copies that nobody needs any more; when the vault fills up, also the oldest: the least likely lost."""
        posted = sorted(self._book.posted, key=_order, reverse=True)
        needed = self._needed(posted, now)
        if self._book.room <= KEPT_FREE:
            del needed[len(needed) // 2 :]
        kept = {one.vault_id for one in needed}
        over = [one for one in posted if one.vault_id not in kept]
        if over:
            await self._book.write((), over)

    def _needed(self, posted: Iterable[Posted], now: int) -> list[Posted]:
        """Return the copies of `posted` (the newest first) that a restored relay would have to be given again."""
        needed: list[Posted] = []
        later: Counter[tuple[bytes, MsgType | None]] = Counter()
        for one in posted:
            name = one.waiting.device_id, one.waiting.msg_type
            if now - one.at < _KEPT_FOR and not self._is_over(one, later[name], now):
                needed.append(one)
            later[name] += 1
        return needed

    def _is_over(self, one: Posted, later: int, now: int) -> bool:
        """Tell whether an envelope was heard, or says nothing any more; `later` ones of its type were sent since."""
        device_id, msg_type = one.waiting.device_id, one.waiting.msg_type
        wipe = self._book.wipe(device_id)
        if wipe is not None and wipe.done_at > 0:
            return True
        if msg_type not in _ALSO_WITHDRAWN and self._book.revoked_from(device_id) is not None:
            return True
        if msg_type in _LAST_COUNTS:
            return later > 0
        if msg_type is MsgType.WIPE:
            return wipe is None or wipe.order.expiry < now
        device = self._book.device(device_id)
        if msg_type is MsgType.TOKENS and device is not None:
            # It sent more than it could without these tokens, so it has them.
            left = device.issued - self._book.ledger(device_id).highest
            batch = min(self._book.trust.directory.policy.token_batch, MAX_DROP_TOKENS)
            return left < (later + 1) * batch
        return False


def _order(one: Posted) -> tuple[int, int]:
    return one.at, one.waiting.seq
