"""A desk of a Family Justice Centre: create the centre, unlock it, lock it.

    centre, ceremony = await create_centre(folder, passphrase, CentrePlan("Made-up centre", "relay.example"))
    centre.start()                      # publish, pull, judge, answer, until `lock`
    centre.inbox.rows(); centre.devices.rows(); centre.quarantine.rows()

The operator of the relay registers the centre's id and first key once (`fieldapp-relay centre add`); until then the
relay refuses it and `centre.receiving.registered` is False.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from fieldapp.domain.ids import Clock
from fieldapp.errors import InputError
from fieldapp.services import passphrases
from fieldapp.services.changes import Changes
from fieldapp.services.custody import KeyFolderUnusable, KeyPaper, create_key_vault
from fieldapp.services.desk import ceremony
from fieldapp.services.desk.alerts import Alerts
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.ceremony import CentrePlan, Founding, KeyCeremony
from fieldapp.services.desk.devices import Devices
from fieldapp.services.desk.inbox import Inbox
from fieldapp.services.desk.publishing import Publishing
from fieldapp.services.desk.quarantine import Quarantine
from fieldapp.services.desk.receiving import Receiving
from fieldapp.services.desk.records import DeskSettings
from fieldapp.services.desk.signing import Signing
from fieldapp.services.desk.split_view import SplitView, split_views
from fieldapp.services.desk.telling import Telling
from fieldapp.services.desk.tokens import Tokens
from fieldapp.services.desk.wiping import Wiping
from fieldapp.services.settings import Settings
from fieldapp.services.worker import StorageWorker
from fieldapp.system import SystemClock
from fieldapp.vault import (
    DESK,
    KdfParameters,
    Keystore,
    NoKeystore,
    StorageFailed,
    Vault,
    VaultExists,
    create,
    exists,
    unlock,
)
from sync.address import relay_address
from sync.client import CentreClient
from sync.directory import Relay
from sync.primitives import SigningKey

DESK_CELLS: Final = 8192
"""Cells of 4 KB in each half of a new desk's vault: some 1,600 screenings, in a file of 64 MB."""
KEY_FOLDER: Final = "keys"

CentreClientFactory = Callable[[Relay, SigningKey], CentreClient]
"""Makes the client for a relay and a desk's key; the demo and the tests give it another transport."""


class Centre:
    """An unlocked desk with its services. `changes` rings whenever any of them has something new."""

    def __init__(self, book: DeskBook, client: CentreClient, worker: StorageWorker) -> None:
        """Use `create_centre` or `open_centre`."""
        self._book = book
        self._client = client
        self._worker = worker
        self._locked = False
        self._locking: asyncio.Task[None] | None = None
        self.tokens = tokens = Tokens(book, client)
        self.publishing = Publishing(book, client, tokens)
        self.telling = Telling(book, self.wake)
        self.wiping = Wiping(book, self.wake)
        self.receiving = Receiving(book, client, tokens, self.publishing, self.telling)
        self.inbox = Inbox(book, self.receiving.wake)
        self.quarantine = Quarantine(book)
        self.devices = Devices(book, client, tokens)
        self.alerts = Alerts(book)
        self.signing = Signing(book, self.receiving.wake)

    @property
    def changes(self) -> Changes:
        """The bell of everything at this desk."""
        return self._book.changes

    @property
    def name(self) -> str:
        """The centre's name."""
        return self._book.identity.centre_name

    @property
    def desk_name(self) -> str:
        """The name of this installation, as it stands in the directory and beside every acknowledgement."""
        return self._book.identity.desk_name

    @property
    def centre_id(self) -> bytes:
        """16 bytes, for the operator of the relay (in hex) and in every enrolment code."""
        return self._book.trust.centre_id

    @property
    def desk_key(self) -> bytes:
        """The desk's Ed25519 public key (32 bytes), for the operator of the relay (in hex)."""
        return self._book.identity.signing.public

    @property
    def relay(self) -> str:
        """The relay's address."""
        return self._book.trust.directory.relay.url

    @property
    def damaged(self) -> int:
        """Stored records that cannot be read: to be shown; they are kept as they are."""
        return self._book.damaged

    @property
    def split_views(self) -> tuple[SplitView, ...]:
        """Devices that were shown a directory that this centre never published: an alarm."""
        return split_views(self._book)

    @property
    def is_locked(self) -> bool:
        """Whether `lock` was called."""
        return self._locked

    @property
    def settings(self) -> Settings | None:
        """What was chosen at this desk, None while nothing was."""
        return self._book.settings

    async def save_settings(self, settings: Settings) -> None:
        """Keep what was chosen; VaultError: the former choices stay."""
        await self._book.write([DeskSettings(settings)])

    async def change_passphrase(self, old: str, new: str) -> None:
        """Let `new` open this desk instead of `old`. Takes seconds; the screen stays alive.

        InputError for a weak one; WrongPassphrase, UnlockDelayed, StorageFailed: then the old one still opens it.
        """
        if passphrases.judge(new, passphrases.Choice.PASSPHRASE).weakness:
            raise InputError("This passphrase is not strong enough.")
        await self._book.change_passphrase(old, new)

    def wake(self) -> None:
        """Send now what waits."""
        self.receiving.wake()

    def start(self) -> None:
        """Begin to publish, pull and answer in the background, until `lock`."""
        self.receiving.start()

    async def lock(self) -> None:
        """Stop, finish what is being written, drop keys and records. Idempotent.

        It goes on to its end when whoever waits for it is cancelled; else the files would stay locked.
        """
        if self._locking is None:
            self._locked = True
            self._locking = asyncio.create_task(self._lock())
        await asyncio.shield(self._locking)

    async def _lock(self) -> None:
        try:
            await self.receiving.stop()
        finally:
            await self._book.close()
            self.inbox.forget()
            await self._client.aclose()
            self._worker.close()


def centre_exists(directory: Path) -> bool:
    """Tell whether there is a desk in this folder."""
    return exists(directory)


async def create_centre(
    directory: Path,
    passphrase: str,
    plan: CentrePlan,
    *,
    key_directories: Sequence[Path] = (),
    keystore: Keystore | None = None,
    parameters: KdfParameters = DESK,
    cells: int = DESK_CELLS,
    clock: Clock | None = None,
    client: CentreClientFactory = CentreClient,
) -> tuple[Centre, KeyCeremony]:
    """Make a centre with its first desk in `directory`, and return it unlocked with what is shown once.

    `key_directories` are folders on removable media: one for the one key holder of a small centre, or three, two of
    whom must sign. Without any, the one key lies in `<directory>/keys`. Works without a network. ValueError for an
    address that is no relay's or another number of folders; KeyFolderUnusable, VaultExists, StorageFailed,
    KeystoreUnavailable.
    """
    plan = replace(plan, relay=relay_address(plan.relay))
    clock = clock or SystemClock()
    worker = StorageWorker()

    def make() -> tuple[Vault, KeyCeremony]:
        if exists(directory):
            raise VaultExists("already there")
        founding = ceremony.found(plan, clock.now(), len(key_directories) or 1)
        papers = _store_keys(key_directories or [directory / KEY_FOLDER], founding, plan, parameters, clock)
        vault = create(
            directory,
            passphrase,
            keystore or NoKeystore(),
            parameters,
            now=clock.now(),
            partition_cells=cells,
        )
        try:
            with vault.transaction(clock.now()) as tx:
                for record in founding.records:
                    tx.put(record.vault_id, int(record.kind), record.to_bytes())
        except BaseException:
            vault.lock()
            raise
        removable = bool(key_directories)
        return vault, KeyCeremony(papers, removable, founding.centre_id, founding.desk_key)

    try:
        vault, shown_once = await worker.run(make)
        return await _opened(vault, worker, clock, client), shown_once
    except BaseException:
        worker.close()
        raise


def _store_keys(
    media: Sequence[Path], founding: Founding, plan: CentrePlan, parameters: KdfParameters, clock: Clock
) -> tuple[KeyPaper, ...]:
    """Write each holder's keys to its medium, in a folder of its own: an attempt that was cut off is never in the way.

    KeyFolderUnusable; vaults that were written by then hold keys of a centre that does not exist.
    """
    papers = []
    for number, (medium, keys) in enumerate(zip(media, founding.holders, strict=True), start=1):
        folder = medium / founding.centre_id.hex()[:8]
        name = f"{plan.name[:50]} {number}"
        try:
            papers.append(create_key_vault(folder, keys, founding.centre_id, name, parameters, clock))
        except (StorageFailed, VaultExists):
            raise KeyFolderUnusable("keys cannot be written") from None
    return tuple(papers)


async def open_centre(
    directory: Path,
    passphrase: str,
    *,
    keystore: Keystore | None = None,
    clock: Clock | None = None,
    client: CentreClientFactory = CentreClient,
) -> Centre:
    """Unlock the desk in `directory`. NoVault, VaultBusy, WrongPassphrase, UnlockDelayed or another VaultError.

    The attempt is counted on the disk before the passphrase is tried; Argon2id runs off the event loop.
    """
    clock = clock or SystemClock()
    worker = StorageWorker()
    try:
        now = clock.now()
        vault = await worker.run(unlock, directory, passphrase, keystore or NoKeystore(), now=now)
        return await _opened(vault, worker, clock, client)
    except BaseException:
        worker.close()
        raise


async def _opened(vault: Vault, worker: StorageWorker, clock: Clock, client: CentreClientFactory) -> Centre:
    try:
        book = await DeskBook.open(vault, worker, clock)
    except BaseException:
        await worker.run(vault.lock)
        raise
    return Centre(book, client(book.trust.directory.relay, book.identity.signing), worker)
