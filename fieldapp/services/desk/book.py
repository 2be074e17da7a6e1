"""Everything an unlocked desk knows, and the one place that writes it to the disk.

A change is first one durable transaction on the storage thread, then visible in memory, then told to the screens.
Whoever reads state, decides, and writes holds `turn` meanwhile, so that two decisions never build on the same state.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from fieldapp.domain.ids import Clock
from fieldapp.services.changes import Changes
from fieldapp.services.desk.draft import Draft
from fieldapp.services.desk.envelopes import Arrival, Outgoing, Posted
from fieldapp.services.desk.events import OwnEvent
from fieldapp.services.desk.records import (
    DeskIdentity,
    DeskRecord,
    DeskSettings,
    EnrolledDevice,
    Issued,
    Marks,
    Progress,
    Published,
    RoleKeys,
    TokenPool,
    vault_id,
)
from fieldapp.services.desk.rulings import ClosedAlert, Ruling, RulingKind
from fieldapp.services.desk.said import CaseRules, CoverLinks, Said, Told, Wipe
from fieldapp.services.kinds import Kind
from fieldapp.services.settings import Settings
from fieldapp.services.worker import StorageWorker
from fieldapp.vault import Vault, VaultDamaged, VaultLocked, migrate
from sync.chain import ChainLedger
from sync.directory import Directory
from sync.errors import SyncError
from sync.trust import TrustedState

RecordT = TypeVar("RecordT")

_READERS: Final[dict[Kind, Callable[[bytes], DeskRecord]]] = {
    Kind.SETTINGS: DeskSettings.from_bytes,
    Kind.CENTRE: DeskIdentity.from_bytes,
    Kind.TRUST: Published.from_bytes,
    Kind.PREKEYS: RoleKeys.from_bytes,
    Kind.ENROLLED_DEVICE: EnrolledDevice.from_bytes,
    Kind.TOKENS: TokenPool.from_bytes,
    Kind.CURSOR: Progress.from_bytes,
    Kind.ACKNOWLEDGEMENT: Marks.from_bytes,
    Kind.OUTGOING: Outgoing.from_bytes,
    Kind.POSTED: Posted.from_bytes,
    Kind.ISSUED: Issued.from_bytes,
    Kind.SIGNING: Draft.from_bytes,
    Kind.RECEIVED: Arrival.from_bytes,
    Kind.QUARANTINED: Arrival.from_bytes,
    Kind.CHUNK: Arrival.from_bytes,
    Kind.RULING: Ruling.from_bytes,
    Kind.OWN_EVENT: OwnEvent.from_bytes,
    Kind.CLOSED_ALERT: ClosedAlert.from_bytes,
    Kind.SAID: Said.from_bytes,
    Kind.CASE_RULES: CaseRules.from_bytes,
    Kind.TOLD: Told.from_bytes,
    Kind.WIPE_ORDER: Wipe.from_bytes,
    Kind.LEDGER: CoverLinks.from_bytes,
}
"""How each kind of a desk's records is read."""

_ARRIVED: Final = (Kind.RECEIVED, Kind.QUARANTINED, Kind.CHUNK)
"""Where an arrival may stand; each has one vault id, whatever was said about it."""
_UNREADABLE: Final = (SyncError, ValueError)
"""What a damaged record raises."""


class DeskBook:
    """All state of one unlocked desk."""

    def __init__(self, vault: Vault, worker: StorageWorker, clock: Clock) -> None:
        """Use `await DeskBook.open(...)`."""
        self.clock = clock
        self.worker = worker
        self.changes = Changes()
        self.turn = asyncio.Lock()
        self.damaged = 0
        """Stored records that cannot be read: to be shown. They are kept as they are."""
        self._vault = vault
        self._records: dict[Kind, dict[bytes, DeskRecord]] = {}
        self._ledgers: dict[bytes, ChainLedger] = {}

    @classmethod
    async def open(cls, vault: Vault, worker: StorageWorker, clock: Clock) -> "DeskBook":
        """Read the whole vault. VaultDamaged when it does not say whose desk it is."""
        book = cls(vault, worker, clock)
        await worker.run(book._load)
        if not book._all(Kind.CENTRE, DeskIdentity) or not book._all(Kind.TRUST, Published):
            raise VaultDamaged("no centre in this vault")
        return book

    # --- What there is ---------------------------------------------------------------------------------

    @property
    def identity(self) -> DeskIdentity:
        """Who this desk is; VaultLocked after `close`."""
        found = self._all(Kind.CENTRE, DeskIdentity)
        if not found:
            raise VaultLocked("locked")
        return found[0]

    @property
    def settings(self) -> Settings | None:
        """What was chosen at this desk, None while nothing was."""
        return next((record.settings for record in self._all(Kind.SETTINGS, DeskSettings)), None)

    @property
    def trust(self) -> TrustedState:
        """The newest directory with its root; VaultLocked after `close`."""
        if not self.published:
            raise VaultLocked("locked")
        return max(self.published, key=lambda trust: trust.version)

    @property
    def published(self) -> list[TrustedState]:
        """Every version of the directory that this centre has published, with its root, in no particular order."""
        return [record.trust for record in self._all(Kind.TRUST, Published)]

    @property
    def draft(self) -> Draft | None:
        """The next version, while it waits for signatures."""
        return next(iter(self._all(Kind.SIGNING, Draft)), None)

    @property
    def role_keys(self) -> list[RoleKeys]:
        """The prekeys of every role that this desk holds."""
        return self._all(Kind.PREKEYS, RoleKeys)

    @property
    def pool(self) -> TokenPool:
        """Tokens not given out."""
        return next(iter(self._all(Kind.TOKENS, TokenPool)), TokenPool())

    @property
    def issued(self) -> dict[bytes, Issued]:
        """The tokens that devices were given last, by device id."""
        return {issued.device_id: issued for issued in self._all(Kind.ISSUED, Issued)}

    @property
    def progress(self) -> Progress:
        """How far the box was read."""
        return next(iter(self._all(Kind.CURSOR, Progress)), Progress())

    @property
    def devices(self) -> list[EnrolledDevice]:
        """All devices that were ever enrolled here."""
        return self._all(Kind.ENROLLED_DEVICE, EnrolledDevice)

    @property
    def received(self) -> list[Arrival]:
        """What passed every check."""
        return self._all(Kind.RECEIVED, Arrival)

    @property
    def quarantined(self) -> list[Arrival]:
        """What is kept aside."""
        return self._all(Kind.QUARANTINED, Arrival)

    @property
    def all_arrivals(self) -> list[Arrival]:
        """Everything that came and is kept, accepted or not, pieces of files as well."""
        return [arrival for kind in _ARRIVED for arrival in self._all(kind, Arrival)]

    @property
    def chunks(self) -> Mapping[bytes, Arrival]:
        """The pieces of files that were accepted, by vault id."""
        return {
            key: record
            for key, record in self._records.get(Kind.CHUNK, {}).items()
            if isinstance(record, Arrival)
        }

    @property
    def outgoing(self) -> list[Outgoing]:
        """What devices are still to be sent, each device's in order."""
        return sorted(self._all(Kind.OUTGOING, Outgoing), key=lambda item: (item.device_id, item.seq))

    @property
    def posted(self) -> list[Posted]:
        """What the relay has for devices and may have to be given again, in no particular order."""
        return self._all(Kind.POSTED, Posted)

    @property
    def events(self) -> list[OwnEvent]:
        """The desk's own chain, in no particular order."""
        return self._all(Kind.OWN_EVENT, OwnEvent)

    @property
    def rulings(self) -> list[Ruling]:
        """What people decided about devices: the last decision of each."""
        return self._all(Kind.RULING, Ruling)

    @property
    def said(self) -> list[Said]:
        """The messages that this desk sent, in no particular order."""
        return self._all(Kind.SAID, Said)

    @property
    def case_rules(self) -> list[CaseRules]:
        """The last contact rules that this desk sent for each case."""
        return self._all(Kind.CASE_RULES, CaseRules)

    def told(self, device_id: bytes) -> Told:
        """Return what a device was told last."""
        return next(
            (told for told in self._all(Kind.TOLD, Told) if told.device_id == device_id), Told(device_id)
        )

    def wipe(self, device_id: bytes) -> Wipe | None:
        """Return the last order to wipe a device, None when there was none."""
        orders = self._all(Kind.WIPE_ORDER, Wipe)
        return next((order for order in orders if order.order.device_id == device_id), None)

    def covers(self, device_id: bytes, block: int) -> CoverLinks:
        """Return the covers of a device in one block of its numbers."""
        empty = CoverLinks(device_id, block)
        found = self._records.get(Kind.LEDGER, {}).get(empty.vault_id)
        return found if isinstance(found, CoverLinks) else empty

    @property
    def room(self) -> int:
        """Free cells of the vault; each holds 3,972 bytes."""
        return self._vault.room

    def device(self, device_id: bytes) -> EnrolledDevice | None:
        """Return one device."""
        return next((device for device in self.devices if device.device_id == device_id), None)

    def ruling(self, device_id: bytes) -> Ruling | None:
        """Return the last decision of a person about a device, None when there was none."""
        found = self._records.get(Kind.RULING, {}).get(Ruling(device_id, RulingKind.TRUSTED, 0, "").vault_id)
        return found if isinstance(found, Ruling) else None

    def revoked_from(self, device_id: bytes) -> int | None:
        """Return the first number of a device that is not trusted: by the directory or by a ruling of this desk."""
        ruling = self.ruling(device_id)
        decided = (self.trust.directory.revoked_from(device_id), ruling.revoked_from if ruling else None)
        return min((seq for seq in decided if seq is not None), default=None)

    def is_suspended(self, device_id: bytes) -> bool:
        """Tell whether a device shall wait: this desk's ruling counts before the directory's."""
        ruling = self.ruling(device_id)
        if ruling is None:
            return self.trust.directory.is_suspended(device_id)
        return ruling.ruling is RulingKind.SUSPENDED

    def closed_alert(self, key: bytes) -> ClosedAlert | None:
        """Return what somebody said when closing an alert."""
        found = self._records.get(Kind.CLOSED_ALERT, {}).get(ClosedAlert(key, 0, "", "", 0).vault_id)
        return found if isinstance(found, ClosedAlert) else None

    def marks(self, key: bytes) -> Marks:
        """Return what people did with the record behind a row."""
        found = self._records.get(Kind.ACKNOWLEDGEMENT, {}).get(Marks(key).vault_id)
        return found if isinstance(found, Marks) else Marks(key)

    @property
    def all_marks(self) -> list[Marks]:
        """What people did with all records."""
        return self._all(Kind.ACKNOWLEDGEMENT, Marks)

    def arrival(self, env_hash: bytes) -> Arrival | None:
        """Return an envelope by its chain hash, None when it is not here."""
        name = vault_id(Kind.RECEIVED, env_hash)
        found = (self._records.get(kind, {}).get(name) for kind in _ARRIVED)
        return next((record for record in found if isinstance(record, Arrival)), None)

    def ledger(self, device_id: bytes) -> ChainLedger:
        """Return the chain of a device, rebuilt from what is stored: it can never disagree with it."""
        return self._ledgers.get(device_id) or ChainLedger()

    def directory(self, version: int, dir_hash: bytes) -> Directory | None:
        """Return a directory that this centre published, of any age."""
        wanted = (version, dir_hash)
        return next((t.directory for t in self.published if (t.version, t.dir_hash) == wanted), None)

    # --- Changes ---------------------------------------------------------------------------------------

    async def write(self, put: Iterable[DeskRecord], erase: Iterable[DeskRecord] = ()) -> None:
        """Commit records, and the removal of others, as one durable transaction; VaultError, nothing changed.

        Cancelling waits until disk and memory agree again: else a number of a chain could be used twice.
        """
        task = asyncio.ensure_future(self._write(tuple(put), tuple(erase)))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    async def change_passphrase(self, old: str, new: str) -> None:
        """Let `new` open this desk instead of `old`; WrongPassphrase, UnlockDelayed, StorageFailed."""
        await self.worker.run(self._vault.change_passphrase, old, new, self.clock.now())

    async def close(self) -> None:
        """Finish what is being written, drop keys and records. Idempotent."""
        await self.worker.run(self._vault.lock)
        self._records, self._ledgers = {}, {}

    async def _write(self, put: tuple[DeskRecord, ...], erase: tuple[DeskRecord, ...]) -> None:
        await self.worker.run(self._commit, put, erase)
        for record in erase:
            self._records.get(record.kind, {}).pop(record.vault_id, None)
        for record in put:
            self._remember(record)
        self.changes.ring()

    # --- Inside ----------------------------------------------------------------------------------------

    def _commit(self, put: tuple[DeskRecord, ...], erase: tuple[DeskRecord, ...]) -> None:
        with self._vault.transaction(self.clock.now()) as tx:
            for record in erase:
                tx.erase(record.vault_id)
            for record in put:
                tx.put(record.vault_id, int(record.kind), record.to_bytes())

    def _load(self) -> None:
        migrate(self._vault, self.clock.now())
        self.damaged = len(self._vault.damaged)
        for stored in self._vault.records():
            try:
                self._remember(_READERS[Kind(stored.kind)](stored.payload))
            except (*_UNREADABLE, KeyError):
                self.damaged += 1

    def _remember(self, record: DeskRecord) -> None:
        if isinstance(record, Arrival):
            # What is judged anew keeps its id and may change its kind.
            for kind in _ARRIVED:
                self._records.get(kind, {}).pop(record.vault_id, None)
            if record.linked and record.opened:
                header = record.opened.header
                ledger = self._ledgers.setdefault(header.sender_id, ChainLedger())
                ledger.record(header.seq, record.hash, header.prev_hash)
        if isinstance(record, OwnEvent) and (closed := record.gap_closed):
            self._ledgers.setdefault(closed.sender, ChainLedger()).close_gap(closed.gap)
        if isinstance(record, CoverLinks):
            ledger = self._ledgers.setdefault(record.device_id, ChainLedger())
            for link in record.links:
                ledger.record(link.seq, link.hash, link.prev_hash)
        self._records.setdefault(record.kind, {})[record.vault_id] = record

    def _all(self, kind: Kind, record_type: type[RecordT]) -> list[RecordT]:
        return [r for r in self._records.get(kind, {}).values() if isinstance(r, record_type)]
