"""The records of an unlocked device and every durable change to them.

`Book` is the one place that writes to the vault: drafts, cases, settings, finished records, receipts. A change is first
committed on the storage thread, then shown in memory, then told to the screens; a screen never shows what is not on
the disk. Finishing is one transaction: record state, sealed envelopes, chain, tokens.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from fieldapp.domain.ids import Clock, Ids
from fieldapp.errors import CodecError, FieldappError
from fieldapp.services.changes import Changes
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.kinds import Kind
from fieldapp.services.membership import Membership, Standing
from fieldapp.services.parts import bodies_of
from fieldapp.services.sealing import STATES, NoDropToken, Sealer, entry
from fieldapp.services.settings import Settings
from fieldapp.services.worker import StorageWorker
from fieldapp.vault.errors import OutboxFull, VaultError
from fieldapp.vault.outbox_file import OutboxEntry
from fieldapp.vault.vault import Transaction, Vault
from sync import outbox
from sync.canonical import loads_object
from sync.errors import SealRefused, SyncError
from sync.outbox import OutboxMeta, OutboxState
from sync.protocol import TOKEN_SIZE
from sync.trust import TrustedState

Change = Callable[[Transaction], object]

_UNREADABLE: Final = (SyncError, FieldappError, ValueError, VaultError)


def singleton(kind: Kind) -> bytes:
    """The record id (16 bytes) of a kind of which there is exactly one record."""
    return int(kind).to_bytes(16, "little")


@dataclass(frozen=True, slots=True)
class Damaged:
    """A stored record that cannot be read: it is shown, kept as it is, and does not hinder the others."""

    kind: int
    cells: tuple[int, ...] = ()


class Book:
    """All state of one unlocked device. Not shared between devices or workers.

    Memory is changed on the storage thread, right after the commit and even if nobody waits any more; the maps are
    replaced, never changed in place, so that the event loop always reads a whole one.
    """

    def __init__(self, vault: Vault, worker: StorageWorker, clock: Clock, ids: Ids) -> None:
        """Use `await Book.open(...)`."""
        self.clock = clock
        self.ids = ids
        self.changes = Changes()
        self.settings = Settings()
        self.membership: Membership | None = None
        self.trust: TrustedState | None = None
        self.damaged: list[Damaged] = []
        self.blocked: dict[bytes, str] = {}
        """Why a LOCAL record could not be sealed, by record id: a plain sentence."""
        self._tokens: tuple[bytes, ...] = ()
        self._filed: dict[bytes, Filed] = {}
        self._entries: dict[bytes, tuple[OutboxEntry, OutboxMeta]] = {}
        self._vault = vault
        self._worker = worker

    @classmethod
    async def open(cls, vault: Vault, worker: StorageWorker, clock: Clock, ids: Ids) -> "Book":
        """Read everything that the vault holds; what cannot be read is listed in `damaged`."""
        book = cls(vault, worker, clock, ids)
        await worker.run(book._load)
        return book

    # --- What there is ---------------------------------------------------------------------------------

    @property
    def standing(self) -> Standing:
        """Whether this device belongs to a centre."""
        return Standing.LOCAL if self.membership is None or self.trust is None else Standing.ENROLLED

    @property
    def filed(self) -> tuple[Filed, ...]:
        """All finished records, the newest first."""
        return tuple(sorted(self._filed.values(), key=lambda record: record.at, reverse=True))

    def record(self, record_id: bytes) -> Filed | None:
        """Return one finished record."""
        return self._filed.get(record_id)

    @property
    def on_the_way(self) -> tuple[tuple[OutboxEntry, OutboxMeta], ...]:
        """What is in the sealed outbox, in the order of its seq."""
        return tuple(sorted(self._entries.values(), key=lambda pair: pair[1].seq))

    @property
    def tokens_left(self) -> int:
        """How many envelopes can still be sealed before the centre sends new drop tokens."""
        return len(self._tokens)

    def stage(self, record: Filed) -> Stage:
        """Tell how far a record has come: as far as its slowest part."""
        if not record.sealed:
            return Stage.KEPT if record.keep_until else Stage.LOCAL
        if record.opened_at:
            return Stage.OPENED
        metas = [meta for entry_, meta in self._entries.values() if entry_.record_id == record.record_id]
        slowest = min((STATES.index(meta.state) for meta in metas), default=STATES.index(OutboxState.OPENED))
        return Stage(min(int(Stage.SEALED) + slowest, int(Stage.OPENED)))

    def last_reason(self, record: Filed) -> str:
        """Why the last attempt to send a part of this record failed (a word of RelayRefused), or ""."""
        metas = (meta for entry_, meta in self._entries.values() if entry_.record_id == record.record_id)
        return next((meta.last_reason for meta in metas if meta.last_reason), "")

    def stored(self, kind: Kind) -> dict[bytes, dict[str, object]]:
        """Return the plain dictionaries of one kind by record id, for services that keep their own models."""
        found: dict[bytes, dict[str, object]] = {}
        for record in self._vault.records(kind):
            try:
                found[record.record_id] = dict(loads_object(record.payload))
            except SyncError:
                self.damaged.append(Damaged(kind))
        return found

    # --- Durable changes -------------------------------------------------------------------------------

    async def commit(self, change: Change) -> None:
        """Run `change` as one durable transaction on the storage thread; VaultError and nothing changed otherwise."""
        await self._worker.run(self._commit, change)

    async def save_settings(self, settings: Settings) -> None:
        """Keep the worker's choices."""
        await self.commit(lambda tx: _put(tx, singleton(Kind.SETTINGS), Kind.SETTINGS, settings.to_bytes()))
        self.settings = settings
        self.changes.ring()

    async def change_passphrase(self, old: str, new: str) -> None:
        """Let `new` open this device instead of `old`; WrongPassphrase, UnlockDelayed."""
        await self._worker.run(self._vault.change_passphrase, old, new, self.clock.now())

    async def file(self, record: Filed, also: Change | None = None) -> Filed:
        """File a finished record and seal it at once if that is possible; the draft with its id is replaced.

        One transaction holds everything: what is a draft is never sealed and what is sealed is never a draft.
        """
        filed = await self._worker.run(self._file, record, also)
        self.changes.ring()
        return filed

    async def seal_waiting(self) -> int:
        """Seal what was finished before enrolment, in the order in which it was made; returns how many."""
        count = 0
        for record in sorted(self._filed.values(), key=lambda r: r.at):
            if not record.sealed and record.keep_until is None:
                count += (await self._worker.run(self._file, record, None)).sealed
        if count:
            self.changes.ring()
        return count

    async def join(self, membership: Membership, trust: TrustedState, tokens: Iterable[bytes]) -> None:
        """Become a member of the centre: identity, directory and tokens in one transaction, with a new chain."""
        await self._worker.run(self._join, membership, trust, tuple(tokens))
        await self.seal_waiting()
        self.changes.ring()

    async def save_trust(self, trust: TrustedState) -> None:
        """Put a newer directory in force; records that waited for room or readers are tried again."""
        payload = trust.to_bytes()
        await self.commit(lambda tx: _put(tx, singleton(Kind.TRUST), Kind.TRUST, payload))
        self.trust = trust
        await self.seal_waiting()
        self.changes.ring()

    async def update_meta(self, envelope: OutboxEntry, meta: OutboxMeta) -> None:
        """Write the new state of an envelope on its way."""
        await self._worker.run(self._update_meta, envelope, meta)
        self.changes.ring()

    async def hear(
        self,
        membership: Membership,
        metas: Iterable[tuple[OutboxEntry, OutboxMeta]],
        acted: Iterable[tuple[bytes, int]],
        tokens: Iterable[bytes],
    ) -> None:
        """Take in what the centre said: receipts, tokens, and the cursor behind them, in one transaction."""
        await self._worker.run(self._hear, membership, tuple(metas), tuple(acted), tuple(tokens))
        if tokens:
            await self.seal_waiting()
        self.changes.ring()

    async def take_token(self) -> bytes | None:
        """Spend a drop token in place of one that the relay refused; None when there is none."""
        if not self._tokens:
            return None
        token, *rest = self._tokens
        await self.commit(lambda tx: _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(rest)))
        self._tokens = tuple(rest)
        return token

    async def close(self) -> None:
        """Finish what is being written and drop keys and records."""
        await self._worker.run(self._vault.lock)
        self._filed, self._entries, self._tokens = {}, {}, ()
        self.membership = self.trust = None

    # --- On the storage thread -------------------------------------------------------------------------

    def _load(self) -> None:
        self.damaged = [Damaged(0, tuple(d.cells)) for d in self._vault.damaged]
        for record in self._vault.records():
            try:
                self._load_one(Kind(record.kind), record.record_id, record.payload)
            except _UNREADABLE:
                self.damaged.append(Damaged(record.kind))
        for envelope in self._vault.outbox():
            self._entries[envelope.entry_id] = (envelope, OutboxMeta.from_bytes(envelope.meta))

    def _load_one(self, kind: Kind, record_id: bytes, payload: bytes) -> None:
        match kind:
            case Kind.SETTINGS:
                self.settings = Settings.from_bytes(payload)
            case Kind.DEVICE:
                self.membership = Membership.from_bytes(payload)
            case Kind.TRUST:
                self.trust = TrustedState.from_bytes(payload)
            case Kind.TOKENS:
                self._tokens = _split_tokens(payload)
            case Kind.FILED:
                self._filed[record_id] = Filed.from_bytes(payload)
            case _:
                pass

    def _commit(self, change: Change) -> None:
        with self._vault.transaction(self.clock.now()) as tx:
            change(tx)

    def _file(self, record: Filed, also: Change | None) -> Filed:
        try:
            return self._seal_and_write(record, also)
        except (NoDropToken, OutboxFull, SealRefused, CodecError) as error:
            # The record is finished all the same: it stays here, says why, and is tried again.
            self.blocked = {**self.blocked, record.record_id: error.diagnostics()}
            return self._write_local(record, also)

    def _seal_and_write(self, record: Filed, also: Change | None) -> Filed:
        if self.membership is None or self.trust is None or record.keep_until is not None:
            return self._write_local(record, also)
        now = self.clock.now()
        sealer = Sealer(self.membership, self.trust, self._vault.chain, self._tokens, now)
        sealed = sealer.seal(record, bodies_of(record))
        kept = sealed if self.trust.directory.policy.keep else sealed.without_content()
        with self._vault.transaction(now) as tx:
            if also:
                also(tx)
            _put(tx, record.record_id, Kind.FILED, kept.to_bytes())
            _put(tx, singleton(Kind.DEVICE), Kind.DEVICE, sealer.membership.to_bytes())
            _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(sealer.tokens))
            tx.set_chain(sealer.chain)
            for envelope in sealer.entries:
                tx.enqueue(envelope)
        self.membership, self._tokens = sealer.membership, sealer.tokens
        self._filed = {**self._filed, record.record_id: kept}
        self.blocked = {key: why for key, why in self.blocked.items() if key != record.record_id}
        new = {e.entry_id: (e, OutboxMeta.from_bytes(e.meta)) for e in sealer.entries}
        self._entries = {**self._entries, **new}
        return kept

    def _write_local(self, record: Filed, also: Change | None) -> Filed:
        with self._vault.transaction(self.clock.now()) as tx:
            if also:
                also(tx)
            _put(tx, record.record_id, Kind.FILED, record.to_bytes())
        self._filed = {**self._filed, record.record_id: record}
        return record

    def _join(self, membership: Membership, trust: TrustedState, tokens: tuple[bytes, ...]) -> None:
        def change(tx: Transaction) -> None:
            _put(tx, singleton(Kind.DEVICE), Kind.DEVICE, membership.to_bytes())
            _put(tx, singleton(Kind.TRUST), Kind.TRUST, trust.to_bytes())
            _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(tokens))
            tx.set_chain(type(tx.chain)())

        self._commit(change)
        self.membership, self.trust, self._tokens = membership, trust, tokens

    def _update_meta(self, envelope: OutboxEntry, meta: OutboxMeta) -> None:
        updated = entry(envelope.entry_id, envelope.record_id, meta, envelope.envelope)
        self._commit(lambda tx: tx.update_entry(updated))
        self._entries = {**self._entries, envelope.entry_id: (updated, meta)}

    def _hear(
        self,
        membership: Membership,
        metas: tuple[tuple[OutboxEntry, OutboxMeta], ...],
        acted: tuple[tuple[bytes, int], ...],
        tokens: tuple[bytes, ...],
    ) -> None:
        now = self.clock.now()
        opened = [(e, m) for e, m in metas if m.may_erase]
        under_way = [(entry(e.entry_id, e.record_id, m, e.envelope), m) for e, m in metas if not m.may_erase]
        filed = self._after_receipts([(e.record_id, m.env_hash) for e, m in opened], acted, now)
        all_tokens = self._tokens + tokens
        with self._vault.transaction(now) as tx:
            _put(tx, singleton(Kind.DEVICE), Kind.DEVICE, membership.to_bytes())
            if tokens:
                _put(tx, singleton(Kind.TOKENS), Kind.TOKENS, b"".join(all_tokens))
            for record in filed.values():
                _put(tx, record.record_id, Kind.FILED, record.to_bytes())
            for updated, _ in under_way:
                tx.update_entry(updated)
            for envelope, meta in opened:
                outbox.erased(meta)
                tx.remove_entry(envelope.entry_id)
        self.membership, self._tokens = membership, all_tokens
        gone = {envelope.entry_id for envelope, _ in opened}
        new = {updated.entry_id: (updated, meta) for updated, meta in under_way}
        self._filed = {**self._filed, **filed}
        self._entries = {key: pair for key, pair in {**self._entries, **new}.items() if key not in gone}

    def _after_receipts(
        self, opened: list[tuple[bytes, bytes]], acted: tuple[tuple[bytes, int], ...], now: int
    ) -> dict[bytes, Filed]:
        """Return the records that receipts change; plaintext goes once every part is opened (policy `keep`)."""
        changed: dict[bytes, Filed] = {}
        for record_id, env_hash in opened:
            record = changed.get(record_id) or self._filed.get(record_id)
            if record:
                changed[record_id] = self._erase_if_opened(record.with_opened(env_hash, now))
        for env_hash, at in acted:
            for record in self._filed.values():
                if any(part.env_hash == env_hash for part in record.parts):
                    latest = changed.get(record.record_id, record)
                    changed[record.record_id] = replace(latest, acted_at=latest.acted_at or at)
        return changed

    def _erase_if_opened(self, record: Filed) -> Filed:
        keep = self.trust.directory.policy.keep if self.trust else 1
        return record.without_content() if record.opened_at and keep < 2 else record


def _put(tx: Transaction, record_id: bytes, kind: Kind, payload: bytes) -> None:
    tx.put(record_id, int(kind), payload)


def _split_tokens(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[i : i + TOKEN_SIZE] for i in range(0, len(data), TOKEN_SIZE))
