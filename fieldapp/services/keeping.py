"""What is done to the records of a device without anybody touching it: by time, by the centre's orders, for cover.

await book.tidy()                 # plaintext whose time is over; envelopes to where the relay is now
await book.seal_covers(sizes)     # members of the chain that say nothing
await book.wipe(order)            # everything goes; what is sealed still reaches the centre
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from fieldapp.domain.ids import Clock, Ids
from fieldapp.errors import InputError
from fieldapp.services import ageing, passphrases
from fieldapp.services.changes import Changes
from fieldapp.services.chunking import ChunkBook
from fieldapp.services.contents import Contents
from fieldapp.services.filing import Change, singleton
from fieldapp.services.kinds import Kind
from fieldapp.services.mail import Letter
from fieldapp.services.membership import Membership, Standing
from fieldapp.services.number_pad import HowOpened
from fieldapp.services.passphrases import Choice
from fieldapp.services.sealing import NO_RECORD, TOKENS_FOR_RECORDS, NoDropToken, entry
from fieldapp.services.worker import StorageWorker
from fieldapp.vault.errors import OutboxFull, OutboxUnavailable, VaultError, VaultFull, VaultLocked
from fieldapp.vault.forced import ForcedWords, erase
from fieldapp.vault.rotation import rekey
from fieldapp.vault.slots import SlotKind
from fieldapp.vault.vault import Transaction, Vault
from sync import canonical, outbox
from sync.downstream import WipeOrder
from sync.errors import SealRefused
from sync.trust import TrustedState

MAX_COVERS: Final = 12
"""Covers in the sealed outbox at a time: while the centre answers none, they must not fill it."""


class DeviceBook(ChunkBook):
    """The book of one unlocked device, with its upkeep."""

    def __init__(self, vault: Vault, worker: StorageWorker, clock: Clock, ids: Ids) -> None:
        """Use `await DeviceBook.open(...)`."""
        super().__init__(vault, worker, clock, ids)
        self.wiped = Changes()
        """Rings when a wipe was carried out: lock at once, there is nothing here any more."""
        self._words = ForcedWords(vault)
        self._opening = HowOpened()
        self.emptied = False
        """Whether everything was wiped: nothing can be saved any more, what is sealed can still be sent."""

    # --- By time ---------------------------------------------------------------------------------------

    async def tidy(self) -> None:
        """Drop plaintext whose time is over, and re-address what waits for a relay that the centre has left."""
        if self._outdated_records() or self._misaddressed():
            await self._worker.run(self._tidy)
            self.changes.ring()

    def _outdated_records(self) -> list[bytes]:
        policy, now = self.policy, self.clock.now()
        if policy is None:
            return []
        drop_sealed, on_the_way = self._write_only(now), self._on_the_way()
        return [
            record.record_id
            for record in self._filed.values()
            if ageing.kept_too_long(record, policy, drop_sealed=drop_sealed, now=now)
            and not self._is_lost(record, on_the_way)
        ]

    def _misaddressed(self) -> list[bytes]:
        """Return the entries for another relay than the one that the directory in force names."""
        if self.trust is None:
            return []
        relay = self.trust.directory.relay
        return [key for key, (_, meta) in self._entries.items() if meta.relay != relay.url]

    def _tidy(self) -> None:
        if self.trust is None:
            return
        relay, now = self.trust.directory.relay, self.clock.now()
        records = {key: self._filed[key].without_content() for key in self._outdated_records()}
        entries = {}
        for key in self._misaddressed():
            known, meta = self._entries[key]
            moved = outbox.moved(meta, relay.url, relay.pin, now)
            entries[key] = entry(key, known.record_id, moved, known.envelope), moved

        def change(tx: Transaction) -> None:
            for record in records.values():
                tx.put(record.record_id, Kind.FILED, record.to_bytes())
            for updated, _ in entries.values():
                tx.update_entry(updated)

        self._commit(change)
        self._filed = {**self._filed, **records}
        self._entries = {**self._entries, **entries}

    # --- For cover -------------------------------------------------------------------------------------

    @property
    def covers(self) -> int:
        """How many covers are on their way."""
        return sum(1 for known, _ in self._entries.values() if known.record_id == NO_RECORD)

    async def seal_covers(self, sizes: Sequence[int]) -> int:
        """Seal covers of these classes as the next members of the chain; returns how many.

        Fewer, or none, when tokens are short or many covers are on their way: a record never waits for lack of a token
        that a cover has used.
        """
        return await self._worker.run(self._seal_covers, tuple(sizes))

    def _seal_covers(self, sizes: Sequence[int]) -> int:
        if self.standing is not Standing.ENROLLED or self.membership is None or self.trust is None:
            return 0
        room = min(self.tokens_left - TOKENS_FOR_RECORDS, MAX_COVERS - self.covers)
        sizes = sizes[: max(0, room)]
        if not sizes:
            return 0
        sealer = self._sealer(self.membership, self.trust, self.clock.now())
        try:
            for size in sizes:
                sealer.cover(size)
            self._commit_sealed(sealer, lambda _: None)
        except (SealRefused, OutboxFull, OutboxUnavailable, VaultFull):
            return 0
        return len(sizes)

    # --- Messages --------------------------------------------------------------------------------------

    async def write_letter(self, letter: Letter) -> None:
        """Keep a message of the centre as it is now (read, or put back)."""
        await self._worker.run(self._write_letter, letter)
        self.changes.ring()

    async def erase_letter(self, letter: Letter) -> None:
        """Erase a message; it does not come back when the relay says it again."""
        await self._worker.run(self._erase_letter, letter)
        self.changes.ring()

    # On the storage thread, as all of memory: what is heard at this moment must not be forgotten.
    def _write_letter(self, letter: Letter) -> None:
        self._commit(lambda tx: tx.put(letter.id, Kind.MESSAGE, letter.to_bytes()))
        self.letters = {**self.letters, letter.id: letter}

    def _erase_letter(self, letter: Letter) -> None:
        self._commit(lambda tx: tx.erase(letter.id))
        self.letters = {key: kept for key, kept in self.letters.items() if key != letter.id}

    # --- By order --------------------------------------------------------------------------------------

    def wipe_due(self) -> WipeOrder | None:
        """Return the order to wipe that is in force, None when there is none."""
        if self.trust is None:
            return None
        return self.orders.wipe_due(self.trust.root.command_keys, self.centre_now)

    async def wipe(self, order: WipeOrder) -> None:
        """Erase every record of this notebook, and its keys of the centre, in one transaction; nothing is saved after it.

        What is finished is sealed first. The sealed outbox stays: nobody can read it here, and it still reaches the
        centre (security: section 2.5), with a report that the order was carried out. VaultError: nothing was erased.
        """
        await self.seal_waiting()
        await self.seal_chunks(everything=True)
        await self._worker.run(self._wipe, order)
        self.changes.ring()

    def _wipe(self, order: WipeOrder) -> None:
        if self.membership is None or self.trust is None:
            return
        now = self.clock.now()

        def erase(tx: Transaction) -> None:
            for record in self._vault.records():
                tx.erase(record.record_id)

        sealer = self._sealer(self.membership, self.trust, now)
        try:
            sealer.report(wiped_report(order, self.centre_now))
            self._commit_sealed(sealer, erase)
        except (NoDropToken, SealRefused, OutboxFull, OutboxUnavailable):
            # The centre will not hear that it was done. It is done all the same.
            self._commit_sealed(self._sealer(self.membership, self.trust, now), erase)
        self.emptied = True
        self._take(Contents(settings=self.settings, entries=dict(self._entries)))

    # --- What was put back -----------------------------------------------------------------------------

    async def join(self, membership: Membership, trust: TrustedState, tokens: Iterable[bytes]) -> None:
        """See `Book.join`; under the new identity the centre is told that records of the old one were put back."""
        before = self.membership.device_id if self.put_back and self.membership else b""
        await super().join(membership, trust, tokens)
        if before:
            await self._report_put_back(before)

    async def report_put_back(self) -> None:
        """Tell the centre that an older header was put back, at every unlock until the worker has understood it.

        One at a time: each costs an upload pass, and while nothing can be sent a record may need them all.
        """
        told = any(known.record_id == NO_RECORD and meta.urgent for known, meta in self._entries.values())
        if self.keys_put_back and self.membership is not None and not told:
            await self._report_put_back(self.membership.device_id)

    async def understood_put_back(self) -> None:
        """End it in this notebook: the worker was told. StorageFailed: told again at the next unlock."""
        await self._worker.run(self._vault.acknowledge_rollback, self.clock.now())
        self.keys_put_back = False
        self.changes.ring()

    async def _report_put_back(self, device_id: bytes) -> None:
        with contextlib.suppress(VaultError, SealRefused, NoDropToken):  # the worker is told in any case
            await self._worker.run(self._seal_put_back, device_id)
            self.changes.ring()

    def _seal_put_back(self, device_id: bytes) -> None:
        if self.membership is None or self.trust is None or self.standing is not Standing.ENROLLED:
            return
        sealer = self._sealer(self.membership, self.trust, self.clock.now())
        sealer.report(put_back_report(device_id, self.centre_now))
        self._commit_sealed(sealer, lambda _: None)

    # --- What opens it ---------------------------------------------------------------------------------

    def know(self, opening: HowOpened) -> None:
        """Take in how, and on which device, this notebook was opened."""
        self._opening = opening

    @property
    def choice(self) -> Choice:
        """What may be chosen to open this notebook from now on: the one place that decides whether it may be a PIN.

        A PIN needs a centre to which this device belongs and whose policy lists its model, and a secret in its key store.
        """
        listed = self.policy is not None and self._opening.model in self.policy.pin_models
        member = self.standing in (Standing.ENROLLED, Standing.SUSPENDED)
        return Choice.PIN_OR_PASSPHRASE if listed and member and self.is_bound else Choice.PASSPHRASE

    @property
    def opened_by_pin(self) -> bool:
        """Whether what opens it is a PIN: judged by what was typed, nothing on the disk says so."""
        return self._opening.by_pin

    @property
    def pin_withdrawn(self) -> bool:
        """Whether a PIN opens it and should not any more. It goes on to open it: a tool that refuses is a danger.

        False where nobody can tell: a phone that did not say its model, or a notebook without a centre.
        """
        member = self.standing in (Standing.ENROLLED, Standing.SUSPENDED)
        return bool(
            self.opened_by_pin and member and self._opening.model and self.choice is Choice.PASSPHRASE
        )

    async def change_passphrase(self, old: str, new: str) -> None:
        """Let `new` open this notebook instead of `old`: a passphrase, or a PIN where `choice` says so.

        InputError for a weak one; KeystoreUnavailable when it cannot be noted that digits are typed; see `Book`.
        """
        old, new = passphrases.meant(old), passphrases.meant(new)
        if passphrases.judge(new, self.choice).weakness:
            raise InputError("This passphrase is not strong enough.")
        async with self._opening.changing(digits=passphrases.is_pin(new)):
            await super().change_passphrase(old, new)
        self._opening = replace(self._opening, by_pin=passphrases.is_pin(new))
        self.changes.ring()

    async def set_recovery(self, passphrase: str, code: str) -> None:
        """See `Book.set_recovery`; a PIN in the digits of any script."""
        await super().set_recovery(passphrases.meant(passphrase), code)

    # --- In need ---------------------------------------------------------------------------------------

    @property
    def may_set_words(self) -> bool:
        """Whether a second and a wipe passphrase can be set: once the device belongs to a centre.

        For a wipe destroys what has not been sealed. So nobody sets them in a second notebook, which is never enrolled.
        """
        return self.membership is not None

    def word_is_set(self, kind: SlotKind) -> bool:
        """Tell whether the second (`OPEN`) or the wipe passphrase is set; False where none can be.

        Whoever opens a notebook that the centre has wiped need not learn from it that there is another one.
        """
        return self.may_set_words and self._words.is_set(kind)

    def choice_beside(self, passphrase: str) -> Choice:
        """What a second or a wipe passphrase may be beside the notebook's own: a PIN only where that is one as well."""
        return self.choice if passphrases.is_pin(passphrase) else Choice.PASSPHRASE

    async def set_word(self, kind: SlotKind, passphrase: str, word: str, other: str = "") -> None:
        """Set the second or the wipe passphrase; it is tried from the disk before this returns.

        `other` is the other of the two, if it is set. It may be a PIN where `passphrase` is one, so that they look alike
        when they are typed. InputError for a weak one, one that is too close to the others, or before enrolment;
        WrongPassphrase, WrongOtherWord, PassphraseTaken, UnlockDelayed, StorageFailed.
        """
        if not self.may_set_words:
            raise InputError("This device is not enrolled yet.")
        passphrase, word, other = (passphrases.meant(known) for known in (passphrase, word, other))
        if passphrases.judge(word, self.choice_beside(passphrase)).weakness:
            raise InputError("This passphrase is not strong enough.")
        if any(passphrases.too_close(word, known) for known in (passphrase, other)):
            raise InputError("This passphrase is too close to another one.")
        if passphrases.is_pin(word) and self._opening.pad:
            await self._opening.pad.choose(digits=True)  # it is, unless the key store lost it
        await self._worker.run(
            self._words.set, kind, passphrase, word, self.clock.now(), other=other, copied=self._copied
        )
        self.changes.ring()

    async def remove_word(self, kind: SlotKind, passphrase: str) -> None:
        """Let the second or the wipe passphrase open nothing any more; WrongPassphrase, UnlockDelayed, StorageFailed."""
        await self._worker.run(self._words.remove, kind, passphrases.meant(passphrase), self.clock.now())
        self.changes.ring()

    @property
    def may_change_keys(self) -> bool:
        """Whether the key can be rotated: once the device belongs to a centre, as with the words."""
        return self.may_set_words

    async def change_key(self, passphrase: str, code: str) -> None:
        """Encrypt this notebook under a new key, and let `code`, on a new sheet, open it in place of the older one.

        InputError before enrolment; WrongPassphrase, UnlockDelayed, VaultReadOnly (older than it was, or damaged),
        StorageFailed: see `fieldapp.vault.rotation`.
        """
        if not self.may_change_keys:
            raise InputError("This device is not enrolled yet.")
        await self._worker.run(rekey, self._vault, passphrases.meant(passphrase), code, self.clock.now())

    async def erase(self) -> None:
        """Make this notebook unreadable for good, and close it; the same passphrase opens the second one from now on.

        What is finished is sealed first, as far as it can be, and still reaches the centre. StorageFailed: perhaps not
        everything is overwritten, and the next unlock goes on with it.
        """
        try:
            # One call: whoever erases and puts the device away locks it, and that must not come between.
            await self._worker.run(self._erase)
        finally:
            self.emptied = True
            self._take(Contents(settings=self.settings))
            self.wiped.ring()

    def _erase(self) -> None:
        for seal in (self._seal_all_waiting, self._seal_all_chunks):
            with contextlib.suppress(Exception):  # whatever goes wrong here must not stop the erasing
                seal()
        erase(self._vault, self.clock.now(), copied=self._copied)

    @property
    def _copied(self) -> tuple[bytes, ...]:
        """What a fresh second notebook has of this one: another language than before would give it away."""
        return (singleton(Kind.SETTINGS),)

    def _commit(self, change: Change) -> None:
        """Write a change; VaultLocked after a wipe, for what a screen still holds must not come back to the disk."""
        if self.emptied:
            raise VaultLocked("wiped")
        super()._commit(change)


def put_back_report(device_id: bytes, at: int) -> bytes:
    """Return the body of the report that older files were put back: canonical JSON {at, device_id, kind, v: 1}."""
    return canonical.dumps({"at": at, "device_id": device_id.hex(), "kind": "put_back", "v": 1})


def wiped_report(order: WipeOrder, at: int) -> bytes:
    """Return the body of the report that an order was carried out: canonical JSON {at, kind, order_id, v}."""
    return canonical.dumps({"at": at, "kind": "wiped", "order_id": order.order_id.hex(), "v": 1})
