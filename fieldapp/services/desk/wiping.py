"""Ordering a device to erase itself: two command keys sign the same order (security: section 2.5).

    await wiping.order(device_id)                     # signed by this desk's command key
    await wiping.confirm(device_id, folder, words)    # by a second one, from the key vault of another person

This desk's own key is one command key. The second is the key of a key holder, in its vault on a removable medium: so no
desk alone can destroy evidence, and a small centre with one desk can still order a wipe with the person who keeps the
medium. Nothing is erased before both signatures have reached the device, and only while it is unlocked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from fieldapp.errors import FieldappError
from fieldapp.services.custody import command_key
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.downstream import Voice, seal_as, seal_for_device
from fieldapp.services.desk.envelopes import Outgoing
from fieldapp.services.desk.records import EnrolledDevice
from fieldapp.services.desk.said import Wipe
from fieldapp.services.desk.telling import UnknownDevice
from sync.directory import DeskEntry
from sync.downstream import WipeOrder
from sync.primitives import SigningKey, random_bytes
from sync.protocol import DAY, MsgType

ORDER_LIFETIME: Final = 28 * DAY
"""Less than the 30 days that a device accepts, so that clocks may differ by two days."""

_SECOND_CHAIN: Final = 1 << 48
"""Added to a second key's numbers where they stand beside this desk's own, so that the two never meet."""


class WipeState(StrEnum):
    """How far an order is."""

    ORDERED = "ordered"
    """Signed by one key: the device does nothing."""
    SIGNED = "signed"
    """Signed by two: the device erases itself at its next contact."""
    DONE = "done"
    """The device reported that it was carried out."""
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class WipeRow:
    """An order to wipe, for a screen. Times in seconds, 0 for not yet."""

    state: WipeState
    expiry: int
    at: int
    by: str
    second_at: int
    second_by: str
    done_at: int


class NotACommandKey(FieldappError):
    """A key that is none that may order a wipe, or it is the one that has signed already."""

    advice = "Use the key of another key holder of this centre."


class NoWipeOrder(FieldappError):
    """There is no order that waits for a second signature."""

    advice = "Order the wipe first."


class Wiping:
    """Orders to wipe, given at one desk."""

    def __init__(self, book: DeskBook, wake: Callable[[], None] = lambda: None) -> None:
        """Order for devices of `book`; `wake` is called when there is something to be sent."""
        self._book = book
        self._wake = wake

    @property
    def command_keys(self) -> int:
        """How many command keys can speak to devices; a wipe needs two. A centre of an early release has one."""
        return len(self._speakers())

    @property
    def may_order(self) -> bool:
        """Whether this desk's own key is a command key, and there is a second one."""
        own = self._book.identity.signing.public
        return self.command_keys >= 2 and any(entry.sign_pk == own for entry in self._speakers())

    def row(self, device_id: bytes) -> WipeRow | None:
        """Return the last order for a device, None when there was none."""
        wipe = self._book.wipe(device_id)
        if wipe is None:
            return None
        return WipeRow(
            self._state(wipe),
            wipe.order.expiry,
            wipe.at,
            wipe.by,
            wipe.second_at,
            wipe.second_by,
            wipe.done_at,
        )

    async def order(self, device_id: bytes) -> None:
        """Order a wipe with this desk's key. NotACommandKey when it is none; an order that is in force stays."""
        async with self._book.turn:
            device = self._device(device_id)
            if not self.may_order:
                raise NotACommandKey("This desk's key is no command key, or there is no second one.")
            before = self._book.wipe(device_id)
            if before is not None and self._state(before) in (WipeState.ORDERED, WipeState.SIGNED):
                return
            now = self._book.clock.now()
            order = WipeOrder(random_bytes(16), device_id, now + ORDER_LIFETIME)
            device, waiting = seal_for_device(self._book, device, MsgType.WIPE, order.to_bytes())
            given = Wipe(order, now, self._book.identity.desk_name)
            if before is not None:  # the second key's chain to this device goes on
                given = replace(given, second_seq=before.second_seq, second_prev=before.second_prev)
            await self._book.write([device, waiting, given])
        self._wake()

    async def confirm(self, device_id: bytes, folder: Path, words: str) -> None:
        """Sign the order with the key of a key holder, from its vault in `folder`.

        NoWipeOrder, NotACommandKey, KeyFolderUnusable; WrongPassphrase, UnlockDelayed or another VaultError from the key
        vault. Then nothing was sent.
        """
        key = await self._book.worker.run(command_key, folder, words, self._book.clock)
        await self.confirm_with(device_id, key)

    async def confirm_with(self, device_id: bytes, key: SigningKey) -> None:
        """Sign the order with a second command key: the same body, as an envelope of that key's own."""
        async with self._book.turn:
            device, wipe = self._device(device_id), self._book.wipe(device_id)
            if wipe is None or self._state(wipe) is not WipeState.ORDERED:
                raise NoWipeOrder("There is no order that waits for a second signature.")
            own = self._book.identity.signing.public
            entry = next((e for e in self._speakers() if e.sign_pk == key.public and e.sign_pk != own), None)
            if entry is None:
                raise NotACommandKey("This is no second command key of this centre.")
            voice = Voice(entry.id, key, wipe.second_seq, wipe.second_prev)
            sealed = seal_as(self._book, voice, device, MsgType.WIPE, wipe.order.to_bytes())
            signed = replace(
                wipe,
                second_at=self._book.clock.now(),
                second_by=entry.name,
                second_seq=voice.seq + 1,
                second_prev=sealed.hash,
            )
            # Its number among what waits for this device: behind everything of our own chain.
            waiting = Outgoing(
                device_id, device.shard, _SECOND_CHAIN + signed.second_seq, sealed.envelope, MsgType.WIPE
            )
            await self._book.write([waiting, signed])
        self._wake()

    def _speakers(self) -> Sequence[DeskEntry]:
        """Return the senders that devices know and whose keys are command keys of the root."""
        trust = self._book.trust
        return [entry for entry in trust.directory.desks if entry.sign_pk in trust.root.command_keys]

    def _state(self, wipe: Wipe) -> WipeState:
        if wipe.done_at:
            return WipeState.DONE
        if wipe.order.expiry < self._book.clock.now():
            return WipeState.EXPIRED
        return WipeState.SIGNED if wipe.second_at else WipeState.ORDERED

    def _device(self, device_id: bytes) -> EnrolledDevice:
        device = self._book.device(device_id)
        if device is None:
            raise UnknownDevice("There is no such device.")
        return device
