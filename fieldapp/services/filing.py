"""The records of an unlocked device and every durable change to them.

`Book` is the one place that writes to the vault: drafts, cases, settings, finished records, receipts. A change is first
committed on the storage thread, then shown in memory, then told to the screens; a screen never shows what is not on
the disk. Finishing is one transaction: record state, sealed envelopes, chain, tokens.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Self

from fieldapp.domain.ids import Clock, Ids
from fieldapp.errors import FieldappError
from fieldapp.services import ageing
from fieldapp.services.changes import Changes
from fieldapp.services.contents import Contents, Damaged, read_contents
from fieldapp.services.filed import Filed
from fieldapp.services.heard import heard
from fieldapp.services.holdings import Holdings
from fieldapp.services.kinds import Kind
from fieldapp.services.listening import News
from fieldapp.services.membership import Membership, Standing
from fieldapp.services.orders import Orders, in_force
from fieldapp.services.parts import bodies_of
from fieldapp.services.rejoining import unsealed
from fieldapp.services.sealing import CANNOT_SEAL, SealedCopyLost, Sealer, entry
from fieldapp.services.settings import Settings
from fieldapp.services.worker import StorageWorker
from fieldapp.vault.errors import (
    StorageFailed,
)
from fieldapp.vault.migration import migrate
from fieldapp.vault.vault import Transaction, Vault
from sync import outbox
from sync.errors import SyncError
from sync.outbox import OutboxMeta
from sync.trust import TrustedState

__all__ = ["Book", "Change", "Damaged", "singleton"]

Change = Callable[[Transaction], object]
Step = Callable[[OutboxMeta], OutboxMeta]


def singleton(kind: Kind) -> bytes:
    """The record id (16 bytes) of a kind of which there is exactly one record."""
    return int(kind).to_bytes(16, "little")


class Book(Holdings):
    """All state of one unlocked device, and its changes. Not shared between devices or workers.

    Memory is changed on the storage thread, right after the commit and even if nobody waits any more.
    """

    def __init__(self, vault: Vault, worker: StorageWorker, clock: Clock, ids: Ids) -> None:
        """Use `await Book.open(...)`."""
        super().__init__(vault, clock)
        self.ids = ids
        self.changes = Changes()
        self.outgoing = Changes()
        """Rings when there may be something new to send."""
        self.blocked: dict[bytes, FieldappError | SyncError] = {}
        """Why a record could not be sealed, by record id."""
        self._worker = worker

    @classmethod
    async def open(cls, vault: Vault, worker: StorageWorker, clock: Clock, ids: Ids) -> Self:
        """Read everything that the vault holds; what cannot be read is listed in `damaged`."""
        book = cls(vault, worker, clock, ids)
        await worker.run(book._load)
        return book

    # --- Durable changes -------------------------------------------------------------------------------

    async def commit(self, change: Change, then: Callable[[], None] | None = None) -> None:
        """Run `change` as one durable transaction on the storage thread; VaultError and nothing changed otherwise.

        `then` brings memory up to date, on the same thread and right behind the commit: also if nobody waits any more.
        """
        await self._worker.run(self._commit_then, change, then)

    async def save_settings(self, settings: Settings) -> None:
        """Keep the worker's choices."""
        await self._worker.run(self._save_settings, settings)
        self.changes.ring()

    async def change_passphrase(self, old: str, new: str) -> None:
        """Let `new` open this device instead of `old`; WrongPassphrase, UnlockDelayed."""
        await self._worker.run(self._vault.change_passphrase, old, new, self.clock.now())

    async def set_recovery(self, passphrase: str, code: str) -> None:
        """Let the code of a recovery sheet open this device; WrongPassphrase, UnlockDelayed, WrongRecoveryCode."""
        await self._worker.run(self._vault.set_recovery, passphrase, code, self.clock.now())

    async def file(self, record: Filed, also: Change | None = None) -> Filed:
        """File a finished record and seal it at once if that is possible; the draft with its id is replaced.

        One transaction holds everything: what is a draft is never sealed and what is sealed is never a draft. A
        record that is filed already stays as it is and is returned: finishing twice finishes once.
        """
        filed = await self._worker.run(self._file, record, also)
        self.outgoing.ring()
        self.changes.ring()
        return filed

    async def refile(self, record: Filed, also: Change | None = None) -> Filed:
        """File a record that was kept here once more, with another choice; one that is sealed stays as it is."""
        filed = await self._worker.run(self._refile, record, also)
        self.outgoing.ring()
        self.changes.ring()
        return filed

    async def seal_waiting(self) -> int:
        """Seal what waits, in the order in which it was made; returns how many. One that cannot be holds up no other.

        What waits: records finished before enrolment, without room or without tokens, those whose sealed copy was lost
        with a damaged outbox, and those that nobody opened in 60 days: what was sealed then still goes its way.
        """
        count = 0
        on_the_way = self._on_the_way()
        for record in sorted(self._filed.values(), key=lambda r: r.at):
            if self._waits(record, on_the_way):
                count += await self._worker.run(self._seal_waiting, record.record_id)
        if count:
            self.changes.ring()
        return count

    async def join(self, membership: Membership, trust: TrustedState, tokens: Iterable[bytes]) -> None:
        """Become a member of the centre: identity, directory and tokens in one transaction, with a new chain.

        A device that is enrolled anew unseals in the same transaction what nobody has opened, so that it goes out under
        the new identity. Idempotent: a second call for the same identity changes nothing, because its chain must not
        begin again.
        """
        await self._worker.run(self._join, membership, trust, tuple(tokens))
        self.changes.ring()
        try:
            await self.seal_waiting()
        except StorageFailed:
            return  # it is a member; what could not be sealed now is tried at every look for the relay

    async def save_trust(self, trust: TrustedState) -> None:
        """Put a newer directory in force."""
        await self._worker.run(self._save_trust, trust)
        self.changes.ring()

    async def change_meta(self, entry_id: bytes, step: Step) -> OutboxMeta | None:
        """Write the new state of an envelope on its way; None when it has arrived meanwhile."""
        meta = await self._worker.run(self._change_meta, entry_id, step, False)
        self.changes.ring()
        return meta

    async def renew_token(self, entry_id: bytes, step: Step) -> OutboxMeta | None:
        """Give an envelope a fresh drop token, in one transaction with `step`; None when there is none left."""
        meta = await self._worker.run(self._change_meta, entry_id, step, True)
        self.changes.ring()
        return meta

    async def hear(self, cursor: str, news: News) -> None:
        """Take in what the centre said: receipts, tokens, messages, orders, and the cursor behind them: one transaction.

        Changed contact rules are no part of it: they are written before, by `Contacts.take`.
        """
        await self._worker.run(self._hear, cursor, news)
        self.changes.ring()

    async def close(self) -> None:
        """Finish what is being written and drop keys and records."""
        try:
            await self._worker.run(self._vault.lock)
        finally:
            self.blocked = {}
            self._take(Contents(settings=self.settings))

    # --- On the storage thread -------------------------------------------------------------------------

    def _load(self) -> None:
        migrate(self._vault, self.clock.now())
        self._take(read_contents(self._vault))
        self.put_back = self._vault.rollback.records
        self.keys_put_back = self._vault.rollback.header and not self.put_back
        self._tell_vault()
        on_the_way = self._on_the_way()
        lost = (r for r in self._filed.values() if r.content is None and self._is_lost(r, on_the_way))
        self.blocked = {record.record_id: SealedCopyLost() for record in lost}

    def _commit_then(self, change: Change, then: Callable[[], None] | None) -> None:
        self._commit(change)
        if then:
            then()

    def _commit(self, change: Change) -> None:
        """Write what the worker or the centre has changed."""
        self._write(change)

    def _write(self, change: Change) -> None:
        with self._vault.transaction(self.clock.now()) as tx:
            change(tx)

    def _save_settings(self, settings: Settings) -> None:
        self._commit(lambda tx: _put(tx, singleton(Kind.SETTINGS), Kind.SETTINGS, settings.to_bytes()))
        self.settings = settings

    def _save_trust(self, trust: TrustedState) -> None:
        self._commit(lambda tx: _put(tx, singleton(Kind.TRUST), Kind.TRUST, trust.to_bytes()))
        self.trust = trust
        self._tell_vault()

    def _tell_vault(self) -> None:
        """Leave outside the notebook what the policy says of it while it is locked; an older copy says nothing.

        Where there is no centre, as after an order to wipe, nothing stays of what one wished.
        """
        if not self.put_back:
            self._vault.set_wipe_after(self.policy.wipe_after if self.policy else 0)

    def _file(self, record: Filed, also: Change | None) -> Filed:
        if record.record_id in self._filed:
            return self._filed[record.record_id]
        return self._seal_or_keep(record, also)

    def _refile(self, record: Filed, also: Change | None) -> Filed:
        known = self._filed.get(record.record_id)
        return known if known and known.sealed else self._seal_or_keep(record, also)

    def _seal_or_keep(self, record: Filed, also: Change | None) -> Filed:
        try:
            return self._seal_and_write(record, also)
        except CANNOT_SEAL as error:
            # The record is finished all the same: it stays here, says why, and is tried again.
            filed = self._write_local(record, also)
            self._block(record.record_id, error)
            return filed

    def _seal_waiting(self, record_id: bytes) -> bool:
        record = self._filed.get(record_id)
        if record is None or not self._waits(record, self._on_the_way()):
            return False  # somebody else was quicker
        if record.sealed:
            # The pieces of its files are good as they are: what binds them to the record is its id and its list.
            record = replace(record, parts=record.chunk_parts, version=record.version + 1)
        try:
            return self._seal_and_write(record, None).sealed
        except CANNOT_SEAL as error:
            self._block(record_id, error)
            return False

    def _seal_all_waiting(self) -> None:
        on_the_way = self._on_the_way()
        for record in sorted(self._filed.values(), key=lambda r: r.at):
            if self._waits(record, on_the_way):
                self._seal_waiting(record.record_id)

    def _block(self, record_id: bytes, error: FieldappError | SyncError) -> None:
        # A traceback would keep the content of the record.
        self.blocked = {**self.blocked, record_id: error.with_traceback(None)}

    def _seal_and_write(self, record: Filed, also: Change | None) -> Filed:
        if (
            self.standing is not Standing.ENROLLED
            or self.membership is None
            or self.trust is None
            or record.keep_until is not None
        ):
            return record if record == self._filed.get(record.record_id) else self._write_local(record, also)
        now = self.clock.now()
        sealer = self._sealer(self.membership, self.trust, now)
        sealed = sealer.seal(record, bodies_of(record))
        kept = sealed.without_content() if self._write_only(now) else sealed

        def change(tx: Transaction) -> None:
            if also:
                also(tx)
            _put(tx, record.record_id, Kind.FILED, kept.to_bytes())

        self._commit_sealed(sealer, change)
        self._filed = {**self._filed, record.record_id: kept}
        self.blocked = {key: why for key, why in self.blocked.items() if key != record.record_id}
        return kept

    def _sealer(self, membership: Membership, trust: TrustedState, now: int) -> Sealer:
        policy = in_force(trust.directory.policy, self.orders.policy)
        return Sealer(membership, trust, self._vault.chain, self._tokens, now, opened_by=policy.opened_by)

    def _commit_sealed(self, sealer: Sealer, change: Change) -> None:
        """Commit envelopes with the chain and tokens that they used, and `change`, or nothing of it."""
        new = {e.entry_id: (e, OutboxMeta.from_bytes(e.meta)) for e in sealer.entries}
        with self._vault.transaction(self.clock.now()) as tx:
            _put(tx, singleton(Kind.DEVICE), Kind.DEVICE, sealer.membership.to_bytes())
            _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(sealer.tokens))
            change(tx)
            tx.set_chain(sealer.chain)
            for envelope in sealer.entries:
                tx.enqueue(envelope)
        self.membership, self._tokens = sealer.membership, sealer.tokens
        self._entries = {**self._entries, **new}

    def _write_only(self, now: int) -> bool:
        policy = self.policy
        if self.membership is None or policy is None:
            return False
        return ageing.write_only(policy, self.membership.centre_time, now)

    def _write_local(self, record: Filed, also: Change | None) -> Filed:
        def change(tx: Transaction) -> None:
            if also:
                also(tx)
            _put(tx, record.record_id, Kind.FILED, record.to_bytes())

        self._commit(change)
        self._filed = {**self._filed, record.record_id: record}
        return record

    def _join(self, membership: Membership, trust: TrustedState, tokens: tuple[bytes, ...]) -> None:
        if self.membership and self.trust and self.membership.device_id == membership.device_id:
            return

        again = unsealed(self._filed.values(), self._entries)
        with self._vault.transaction(self.clock.now(), anew=True) as tx:
            _put(tx, singleton(Kind.DEVICE), Kind.DEVICE, membership.to_bytes())
            _put(tx, singleton(Kind.TRUST), Kind.TRUST, trust.to_bytes())
            _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(tokens))
            _put(tx, singleton(Kind.DOWNSTREAM), Kind.DOWNSTREAM, Orders().to_bytes())
            tx.set_chain(type(tx.chain)())
            for record in again.filed.values():
                _put(tx, record.record_id, Kind.FILED, record.to_bytes())
            for entry_id in again.entries:
                tx.remove_entry(entry_id)
        self.membership, self.trust, self._tokens = membership, trust, tokens
        self.orders = Orders()
        self.put_back = self.keys_put_back = False
        self._filed = {**self._filed, **again.filed}
        self._entries = {key: pair for key, pair in self._entries.items() if key not in again.entries}
        self._tell_vault()

    def _change_meta(self, entry_id: bytes, step: Step, fresh_token: bool) -> OutboxMeta | None:
        known = self._entries.get(entry_id)
        if known is None or (fresh_token and not self._tokens):
            return None
        envelope, meta = known[0], step(known[1])
        tokens = self._tokens
        if fresh_token:
            token, *rest = tokens
            meta, tokens = outbox.with_token(meta, token), tuple(rest)
        updated = entry(entry_id, envelope.record_id, meta, envelope.envelope)

        def change(tx: Transaction) -> None:
            if fresh_token:
                _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(tokens))
            tx.update_entry(updated)

        self._write(change)
        self._tokens = tokens
        self._entries = {**self._entries, entry_id: (updated, meta)}
        return meta

    def _hear(self, cursor: str, news: News) -> None:
        if self.membership is None or self.trust is None:
            return
        now = self.clock.now()
        after = heard(
            news,
            cursor,
            membership=self.membership,
            trust=self.trust,
            orders=self.orders,
            tokens=self._tokens,
            letters=self.letters,
            entries=self._entries,
            filed=self._filed,
            centre_now=self.centre_now,
            now=now,
        )
        effect = after.effect
        with self._vault.transaction(now) as tx:
            # What shrinks comes first: in a full vault it makes the room for the rest.
            for record in effect.filed.values():
                _put(tx, record.record_id, Kind.FILED, record.to_bytes())
            for entry_id in effect.gone:
                tx.remove_entry(entry_id)
            for updated, _ in effect.under_way.values():
                tx.update_entry(updated)
            for letter_id in self.letters.keys() - after.letters.keys():
                tx.erase(letter_id)
            _put(tx, singleton(Kind.DEVICE), Kind.DEVICE, after.membership.to_bytes())
            if news.drop_tokens:
                _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(after.tokens))
            if after.orders != self.orders:
                _put(tx, singleton(Kind.DOWNSTREAM), Kind.DOWNSTREAM, after.orders.to_bytes())
            for letter in after.new_letters:
                _put(tx, letter.id, Kind.MESSAGE, letter.to_bytes())
        self.membership, self._tokens, self.orders = after.membership, after.tokens, after.orders
        self._filed = {**self._filed, **effect.filed}
        entries = {**self._entries, **effect.under_way}
        self._entries = {key: pair for key, pair in entries.items() if key not in effect.gone}
        self.letters = after.letters


def _put(tx: Transaction, record_id: bytes, kind: Kind, payload: bytes) -> None:
    tx.put(record_id, int(kind), payload)
