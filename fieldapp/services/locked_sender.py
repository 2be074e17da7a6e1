"""Sending what is sealed while the notebook is locked, wiped, or hidden behind a second one.

The sealed outbox holds all that sending needs: address, box, drop token, bytes. Its key comes from the key store, without
a passphrase. What needs a key of the notebook waits until that is open: new tokens, receipts, and covers.

The file is opened for a moment only, on the storage thread, so that an unlock never finds it busy.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import httpx

from fieldapp.domain.ids import Clock
from fieldapp.services.covering import MOST_DROPS
from fieldapp.services.sealing import entry as entry_of
from fieldapp.services.shelf import Shelf
from fieldapp.services.worker import StorageWorker
from fieldapp.vault import OutboxEntry, OutboxFile, VaultError
from fieldapp.vault.keystore import OUTBOX_KEY, recall_key
from sync import outbox
from sync.answers import IN_BETWEEN, Refusal
from sync.client import RelayClient
from sync.directory import Relay
from sync.errors import RelayRefused, RelayUnreachable, SyncError
from sync.outbox import OutboxMeta, OutboxState

PAUSE: Final = 60
"""Seconds between two looks; up to as much again is added at random."""

TOKEN_PAUSE: Final = 900
"""Seconds until an envelope is offered again whose token the relay refused; up to as much again is added."""
MOST_PAUSE: Final = 2 * TOKEN_PAUSE

Outgoing = tuple[OutboxEntry, OutboxMeta]
Step = Callable[[OutboxMeta], OutboxMeta]
_NEW_TOKEN: Final = frozenset({Refusal.UNKNOWN_TOKEN, Refusal.CONFLICT})
_STOP: Final = frozenset({*IN_BETWEEN, Refusal.BUSY})


def nowhere(relay: Relay) -> RelayClient:
    """Make a client that never reaches a relay: the network of a second notebook."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network")

    return RelayClient(relay, transport=httpx.MockTransport(refuse))


class LockedSender:
    """Sends from the sealed outbox of the chosen notebook, as long as that is not open itself."""

    def __init__(
        self, shelf: Shelf, worker: StorageWorker, clock: Clock, relays: Callable[[Relay], RelayClient]
    ) -> None:
        self._shelf = shelf
        self._worker = worker
        self._clock = clock
        self._relays = relays
        self._task: asyncio.Task[None] | None = None
        self._later: dict[bytes, int] = {}
        """When what needs a new token is tried again, by entry. Not on the disk: the open notebook tries it at once."""

    def start(self) -> None:
        """Begin to look for what is due, until `stop`. Idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self._loop(), name="locked sender")

    async def stop(self) -> None:
        """End; the outbox file is closed when this returns. Idempotent."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._worker.run(lambda: None)  # what the thread still does with the file comes before

    async def once(self) -> int:
        """Offer what is due, at most four envelopes; returns how many the relay took. Network errors end here.

        A relay that is silent holds up nothing that is for another one (a centre can move).
        """
        try:
            due = await self._worker.run(self._due)
        except VaultError:
            return 0  # no vault yet, a key store that does not answer, or a file that somebody else has
        answered = count = 0
        silent: set[str] = set()
        for entry, meta in due:
            if (
                meta.relay in silent
                or 0 < self._later.get(entry.entry_id, 0) - self._clock.now() <= MOST_PAUSE
            ):
                continue
            if answered == MOST_DROPS:
                break
            step = await self._offer(entry, meta)
            if step is None:
                silent.add(meta.relay)
                continue
            answered += 1
            with contextlib.suppress(VaultError):  # offered again then: the relay knows these bytes
                await self._worker.run(self._note, entry.entry_id, step)
            count += step(meta).state is OutboxState.STORED
        return count

    async def _loop(self) -> None:
        while True:
            await asyncio.sleep(PAUSE + secrets.randbelow(PAUSE + 1))
            # Whatever went wrong in one pass must not end the sending for ever.
            with contextlib.suppress(Exception):
                await self.once()

    async def _offer(self, entry: OutboxEntry, meta: OutboxMeta) -> Step | None:
        """Drop one envelope; returns what that changes, None when its relay need not be asked more now."""
        now = self._clock.now()
        try:
            client = self._relays(Relay(meta.relay, meta.pin))
        except ValueError:
            return self._refused(entry, Refusal.BAD_REQUEST, now)
        try:
            await client.drop(meta.box, meta.drop_token, entry.envelope)
        except RelayUnreachable:
            return None
        except RelayRefused as error:
            if error.reason in _STOP:
                return None
            return self._refused(entry, error.reason, now, error.retry_after)
        finally:
            await client.aclose()
        return lambda known: outbox.stored(known, now)

    def _refused(self, entry: OutboxEntry, reason: str, now: int, wait: int = 0) -> Step:
        """Return the step of a refusal. One of the token costs no attempt: a new one is only in the notebook."""
        if reason in _NEW_TOKEN:
            self._later[entry.entry_id] = now + TOKEN_PAUSE + secrets.randbelow(TOKEN_PAUSE + 1)
            return lambda known: replace(known, last_reason=reason)
        return lambda known: outbox.failed(known, reason, now, secrets.randbelow, wait)

    # --- On the storage thread -------------------------------------------------------------------------

    def has_key(self) -> bool:
        """Tell whether the key store gives the outbox key."""
        with contextlib.suppress(VaultError):
            return bool(recall_key(self._shelf.keystore, OUTBOX_KEY))
        return False

    def _due(self) -> list[Outgoing]:
        found, now = [], self._clock.now()
        with self._file() as box:
            for entry in box.entries():
                with contextlib.suppress(SyncError):
                    found.append((entry, OutboxMeta.from_bytes(entry.meta)))
        # What the relay has had before needs a new token, and that is in the notebook.
        due = [pair for pair in found if outbox.is_due(pair[1], now) and not pair[1].offered_at]
        return sorted(due, key=lambda pair: (not pair[1].urgent, pair[1].seq))

    def _note(self, entry_id: bytes, step: Step) -> None:
        """Take the step from what the file says now: another window may have opened the notebook meanwhile."""
        with self._file() as box:
            for entry in box.entries():
                if entry.entry_id == entry_id:
                    meta = step(OutboxMeta.from_bytes(entry.meta))
                    box.update(entry_of(entry_id, entry.record_id, meta, entry.envelope))

    def _file(self) -> OutboxFile:
        return OutboxFile.open(self._shelf.folder, recall_key(self._shelf.keystore, OUTBOX_KEY))
