"""The door of a device: set it up, unlock it, lock it. At most one notebook is open at a time.

Argon2id runs in a thread of its own, so that the screen stays alive; files are touched only on the storage thread.
"""

import asyncio
from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path

from fieldapp.domain.ids import Clock, Ids
from fieldapp.errors import InputError
from fieldapp.services import passphrases
from fieldapp.services.delivery import RelayFactory
from fieldapp.services.filing import Book
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.services.worker import StorageWorker
from fieldapp.vault import (
    KdfParameters,
    Keystore,
    NoKeystore,
    UnlockAttempt,
    Vault,
    calibrate,
    create,
    exists,
)


class Gate:
    """One data directory with one vault."""

    def __init__(
        self,
        directory: Path,
        keystore: Keystore,
        clock: Clock,
        ids: Ids,
        relays: RelayFactory,
        *,
        holidays: Collection[date] = frozenset(),
        calibrated: Callable[[], KdfParameters] = calibrate,
    ) -> None:
        self._directory = directory
        self._keystore = keystore
        self.clock = clock
        self._ids = ids
        self._relays = relays
        self._holidays = holidays
        self._calibrated = calibrated
        self._worker = StorageWorker()
        self._turn = asyncio.Lock()
        self.notebook: Notebook | None = None

    @property
    def is_new(self) -> bool:
        """Whether there is no vault here yet: the first start."""
        return not exists(self._directory)

    @property
    def has_keystore(self) -> bool:
        """Whether the operating system guards a secret of this device; else only the passphrase protects it."""
        return not isinstance(self._keystore, NoKeystore)

    async def create(self, passphrase: str, settings: Settings) -> Notebook:
        """Set the device up and open it. InputError for a weak passphrase; VaultError when nothing was made."""
        if passphrases.judge(passphrase).weakness:
            raise InputError("This passphrase is not strong enough.")
        async with self._turn:
            parameters = await asyncio.to_thread(self._calibrated)
            vault = await self._worker.run(self._create, passphrase, parameters)
            notebook = await self._open(vault)
            await notebook.book.save_settings(settings)
            return notebook

    async def unlock(self, passphrase: str) -> Notebook:
        """Open the device. WrongPassphrase, UnlockDelayed, VaultBusy or another VaultError: it stays closed.

        The attempt is counted on the disk before the passphrase is tried. A notebook that is open is locked first.
        """
        async with self._turn:
            await self._close()
            attempt = await self._worker.run(
                UnlockAttempt.begin, self._directory, self._keystore, self.clock.now()
            )
            try:
                stretched = await asyncio.to_thread(attempt.stretch, passphrase)
            except BaseException:
                await self._worker.run(attempt.abandon)
                raise
            vault = await self._worker.run(attempt.finish, stretched, self.clock.now())
            return await self._open(vault)

    async def lock(self) -> None:
        """Close what is open: what is being written is finished first. Idempotent."""
        async with self._turn:
            await self._close()

    async def shut(self) -> None:
        """Lock and end the storage thread: the program ends."""
        await self.lock()
        self._worker.close()

    def _create(self, passphrase: str, parameters: KdfParameters) -> Vault:
        return create(self._directory, passphrase, self._keystore, parameters, now=self.clock.now())

    async def _open(self, vault: Vault) -> Notebook:
        try:
            book = await Book.open(vault, self._worker, self.clock, self._ids)
            self.notebook = Notebook(book, self._relays, self._holidays)
        except BaseException:
            await self._worker.run(vault.lock)
            raise
        self.notebook.delivery.start()
        return self.notebook

    async def _close(self) -> None:
        notebook, self.notebook = self.notebook, None
        if notebook:
            await notebook.lock()
