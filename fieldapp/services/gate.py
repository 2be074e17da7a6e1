"""The door of a device: set a notebook up, unlock it, lock it. At most one of them is open at a time.

Argon2id runs in a thread of its own, so that the screen stays alive; files are touched only on the storage thread.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from datetime import date
from pathlib import Path
from typing import TypeVar

from fieldapp.domain.ids import Clock, Ids
from fieldapp.errors import InputError
from fieldapp.services import passphrases
from fieldapp.services.connections import RelayFactory
from fieldapp.services.covering import Covering
from fieldapp.services.even_reading import read_for_nothing
from fieldapp.services.front_notes import FrontNotes
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.locked_sender import LockedSender, nowhere
from fieldapp.services.notebook import Notebook
from fieldapp.services.number_pad import HowOpened, NumberPad
from fieldapp.services.passphrases import Choice
from fieldapp.services.settings import Settings
from fieldapp.services.shelf import Shelf
from fieldapp.services.worker import StorageWorker
from fieldapp.vault import (
    KdfParameters,
    Keystore,
    KeystoreUnavailable,
    NoKeystore,
    Recovery,
    UnlockAttempt,
    Vault,
    VaultDamaged,
    VaultError,
    WrongPassphrase,
    WrongRecoveryCode,
    calibrate,
    create,
    exists,
    finish_rekey,
    finish_wipe,
    read_code,
)

T = TypeVar("T")


class Gate:
    """One data directory with one vault for each worker; `shelf` says which of them is meant.

    Opening and closing are never left half done: when whoever waits for them is cancelled (a window was closed), they
    go on to their end, and what was opened for nobody is closed again. Else the files would stay locked.
    """

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
        covering: Covering | None = None,
        locked_sending: bool = False,
        model: str | None = None,
    ) -> None:
        """Guard `directory`; with `covering` the device hides among covers how much it sends, and when.

        With `locked_sending` what is sealed is also sent while nothing, or a second notebook, is open. `model` is what a
        phone calls itself, "" for one that does not say; None for a computer, which never takes a PIN.
        """
        self.shelf = Shelf(directory, keystore)
        self.clock = clock
        self._ids = ids
        self._relays = relays
        self._holidays = holidays
        self._calibrated = calibrated
        self._covering = covering
        self._worker = StorageWorker()
        self.front = FrontNotes(directory, self._worker)
        self.model = model or ""
        self.pad = NumberPad(self.shelf, self._worker, possible=model is not None and self.has_keystore)
        self._sender = LockedSender(self.shelf, self._worker, clock, relays) if locked_sending else None
        self._turn = asyncio.Lock()
        self._unfinished: asyncio.Task[None] | None = None
        self._finishing: asyncio.Task[None] | None = None
        self.notebook: Notebook | None = None

    @property
    def is_new(self) -> bool:
        """Whether there is no vault yet in the notebook that is chosen: the first start, or another worker's."""
        return not exists(self.shelf.folder)

    @property
    def has_keystore(self) -> bool:
        """Whether the operating system guards a secret of this device; else only the passphrase protects it."""
        return not isinstance(self.shelf.keystore, NoKeystore)

    async def create(self, passphrase: str, settings: Settings) -> Notebook:
        """Set the device up and open it. InputError for a weak passphrase; VaultError when nothing was made."""
        if passphrases.judge(passphrase, Choice.PASSPHRASE).weakness:
            raise InputError("This passphrase is not strong enough.")
        return await self._to_the_end(self._set_up(passphrase, settings))

    async def unlock(self, passphrase: str) -> Notebook:
        """Open the device. WrongPassphrase, UnlockDelayed, VaultBusy or another VaultError: it stays closed.

        The attempt is counted on the disk before the passphrase is tried. A notebook that is open is locked first.
        """
        return await self._to_the_end(self._unlock(passphrases.meant(passphrase)))

    async def search(self, word: str) -> Notebook | None:
        """Try a word from the search box of the notes in front of the lock: the notebook it opens, or None.

        Every word costs the same derivation, reads and writes. One that may be a passphrase is counted as an attempt. One
        that cannot be, or that comes while attempts are delayed, opens nothing and is not counted; nor does whoever
        searches learn which it was, or that the storage does not answer. However many there are, none of them erases:
        whoever looks for a sentence in the notes has not guessed, and a notebook that opens by it would betray them.
        """
        return await self._to_the_end(self._search(passphrases.meant(word)))

    async def is_sheet(self, word: str) -> bool:
        """Tell whether a word from the search box is the code of the recovery sheet; nothing changes or is counted.

        Ask this before `search`: to whoever has the sheet no attempt may cost anything.
        """
        return await self._to_the_end(self._try_sheet(word))

    async def recover(self, code: str, passphrase: str) -> Notebook:
        """Open the device with the code of a recovery sheet; from now on `passphrase` opens it, and no sheet does.

        WrongRecoveryCode, InputError for a weak passphrase, VaultBusy or another VaultError: it stays as it was.
        Nothing is counted and nothing delayed: nobody guesses 130 bits. A key store that does not answer is left out of
        it: from then on the passphrase alone protects this notebook, until a sheet is used again.
        """
        if passphrases.judge(passphrase, Choice.PASSPHRASE).weakness:
            raise InputError("This passphrase is not strong enough.")
        return await self._to_the_end(self._recover(code, passphrase))

    def new_note_id(self) -> str:
        """Return the id of a note that begins in front of the lock."""
        return self._ids.new_id().hex()

    async def lock(self, only: Notebook | None = None) -> None:
        """Close what is open, or `only` this one if it still is: what is being written is finished first. Idempotent."""
        await self._to_the_end(self._lock(only))

    async def sends_locked(self) -> bool:
        """Tell whether what is sealed is sent while this is locked: the key store still has the outbox key."""
        return self._sender is not None and await self._worker.run(self._sender.has_key)

    def send_while_locked(self) -> None:
        """Begin to send what is sealed, if nothing is open that does so itself. Idempotent."""
        if self._sender and (self.notebook is None or self.notebook.book.is_second):
            self._sender.start()

    async def shut(self) -> None:
        """Lock and end the storage thread: the program ends. Idempotent."""
        await self._to_the_end(self._shut())

    async def _shut(self) -> None:
        async with self._turn:
            # A window that comes or goes meanwhile, or afterwards, must not begin to send.
            sender, self._sender = self._sender, None
            try:
                if sender:
                    await sender.stop()
                await self._close()
            finally:
                self._worker.close()

    async def _hush(self) -> None:
        if self._sender:
            await self._sender.stop()

    async def _to_the_end(self, work: Coroutine[None, None, T]) -> T:
        """Run `work` to its end even if the caller is cancelled; then close what was opened for nobody."""
        task = asyncio.create_task(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._unfinished = asyncio.create_task(self._close_after(task))
            raise

    async def _close_after(self, task: "asyncio.Task[T]") -> None:
        await asyncio.gather(task, return_exceptions=True)
        await self._lock()

    async def _set_up(self, passphrase: str, settings: Settings) -> Notebook:
        async with self._turn:
            await self._close()
            try:
                parameters = await asyncio.to_thread(self._calibrated)
                vault = await self._worker.run(self._create, passphrase, parameters)
                notebook = await self._open(vault, passphrase)
                await self.pad.forget()  # what was noted there before was of another one
                with contextlib.suppress(
                    VaultError
                ):  # the device is set up all the same, with the settings of a new one
                    await notebook.book.save_settings(settings)
                return notebook
            finally:
                self.send_while_locked()

    async def _unlock(self, passphrase: str) -> Notebook:
        async with self._turn:
            await self._close()
            try:
                return await self._attempt(passphrase)
            finally:
                self.send_while_locked()

    async def _attempt(self, passphrase: str) -> Notebook:
        attempt = await self._worker.run(
            UnlockAttempt.begin, self.shelf.folder, self.shelf.keystore, self.clock.now()
        )
        stretched = await self._stretched(attempt, passphrase)
        return await self._open(await self._finished(attempt, stretched), passphrase)

    async def _finished(self, attempt: UnlockAttempt, stretched: bytes, *, erases: bool = True) -> Vault:
        """Open the vault; after a wrong passphrase, read as much for nothing as after a right one."""
        try:
            return await self._worker.run(attempt.finish, stretched, self.clock.now(), erases=erases)
        except WrongPassphrase:
            await self._worker.run(read_for_nothing)
            raise

    async def _stretched(self, attempt: UnlockAttempt, passphrase: str) -> bytes:
        """Stretch the passphrase, and read meanwhile what every passphrase needs."""
        try:
            stretched, _ = await asyncio.gather(
                asyncio.to_thread(attempt.stretch, passphrase), self._worker.run(attempt.prepare)
            )
            return stretched
        except BaseException:
            await self._worker.run(attempt.abandon)
            raise

    async def _search(self, word: str) -> Notebook | None:
        async with self._turn:
            await self._close()
            try:
                return await self._attempt_to_search(word)
            except VaultError:
                return None  # a search has no result, whatever the reason
            finally:
                self.send_while_locked()

    async def _attempt_to_search(self, word: str) -> Notebook | None:
        attempt = await self._worker.run(
            UnlockAttempt.search,
            self.shelf.folder,
            self.shelf.keystore,
            self.clock.now(),
            passphrases.could_open(word, pins=self.pad.tried),
        )
        stretched = await self._stretched(attempt, word)
        if not attempt.counted:
            await self._worker.run(attempt.decline, stretched)
            await self._worker.run(read_for_nothing)
            return None
        vault = await self._finished(attempt, stretched, erases=False)
        return await self._open(vault, word)

    async def _try_sheet(self, word: str) -> bool:
        try:
            read_code(word)
        except WrongRecoveryCode:
            return False
        async with self._turn:
            await self._close()
            try:
                recovery = await self._worker.run(Recovery.begin, self.shelf.folder, self.shelf.keystore)
                try:
                    await asyncio.to_thread(recovery.open, word)
                finally:
                    await self._worker.run(recovery.abandon)
            except VaultError:
                return False
            finally:
                self.send_while_locked()
        return True

    async def _recover(self, code: str, passphrase: str) -> Notebook:
        async with self._turn:
            await self._close()
            try:
                notebook = await self._open(await self._recovered(code, passphrase), passphrase)
                # Not forgotten: the sheet of a second notebook leaves the first one's PIN, and both must look alike.
                await self.pad.prefer_letters()
                return notebook
            finally:
                self.send_while_locked()

    async def _recovered(self, code: str, passphrase: str) -> Vault:
        """Open with a sheet; without the key store where that fails: whoever has the sheet must get in."""
        try:
            return await self._open_with_sheet(code, passphrase, self.shelf.keystore)
        except KeystoreUnavailable as error:
            silent = error.with_traceback(None)  # its frames hold what was typed
        with contextlib.suppress(VaultDamaged):  # the sheet of a second notebook needs the key store
            return await self._open_with_sheet(code, passphrase, NoKeystore())
        raise silent

    async def _open_with_sheet(self, code: str, passphrase: str, keystore: Keystore) -> Vault:
        recovery = await self._worker.run(Recovery.begin, self.shelf.folder, keystore)
        try:
            await asyncio.to_thread(recovery.open, code)
            return await self._worker.run(recovery.finish, passphrase, self.clock.now())
        except BaseException:
            await self._worker.run(recovery.abandon)
            raise

    async def _lock(self, only: Notebook | None = None) -> None:
        async with self._turn:
            if only is not None and self.notebook is not only:
                return
            await self._close()
            self.send_while_locked()

    def _create(self, passphrase: str, parameters: KdfParameters) -> Vault:
        shelf = self.shelf
        return create(shelf.folder, passphrase, shelf.keystore, parameters, now=self.clock.now())

    async def _open(self, vault: Vault, passphrase: str) -> Notebook:
        by_pin = passphrases.is_pin(passphrase)
        try:
            book = await DeviceBook.open(vault, self._worker, self.clock, self._ids)
            book.know(HowOpened(self.model, self.pad, by_pin=by_pin))
            relays = nowhere if book.is_second else self._relays
            self.notebook = Notebook(book, relays, self._holidays, self._covering)
        except BaseException:
            await self._worker.run(vault.lock)
            raise
        if by_pin and not self.pad.tried:
            with contextlib.suppress(
                KeystoreUnavailable
            ):  # an entry that was lost would hide the PIN from a search
                await self.pad.choose(digits=True)
        await book.report_put_back()
        self.notebook.delivery.start()
        self._finishing = asyncio.create_task(self._finish(vault))
        return self.notebook

    async def _finish(self, vault: Vault) -> None:
        """Behind the notebook that is shown: what the key store is owed, what a wipe has closed, a rotation of the key.

        One call: the storage thread may have ended before a second one.
        """
        await self._worker.run(_finish_all, vault)

    async def _close(self) -> None:
        await self._hush()
        notebook, self.notebook = self.notebook, None
        if notebook:
            await notebook.lock()


def _finish_all(vault: Vault) -> None:
    vault.settle()
    for finish in (finish_wipe, finish_rekey):
        with contextlib.suppress(VaultError):  # the next unlock tries again
            finish(vault)
