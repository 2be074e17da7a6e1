"""The door of a desk: create its centre, unlock it, lock it. At most one centre is open at a time."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fieldapp.domain.ids import Clock
from fieldapp.errors import InputError
from fieldapp.services import passphrases
from fieldapp.services.custody import key_folder
from fieldapp.services.desk.centre import (
    DESK_CELLS,
    Centre,
    CentreClientFactory,
    centre_exists,
    create_centre,
    open_centre,
)
from fieldapp.services.desk.ceremony import CentrePlan, KeyCeremony
from fieldapp.services.desk.devices import Enrolment
from fieldapp.services.settings import Settings
from fieldapp.system import SystemClock
from fieldapp.vault import DESK, KdfParameters
from sync.client import CentreClient


class DeskGate:
    """One data directory with one desk.

    `ceremony` is what must be written down and was not confirmed yet: it is kept in memory only, over a lock, so that
    an automatic lock in the middle of writing does not lose the centre's keys. `enrolment` is kept for the same reason:
    typing a code on a device takes longer than a desk stays open without a tap. `settings` are what this desk's user
    chose to see, for the lock screen: they are kept in the vault, and known here after the first unlocking.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock | None = None,
        client: CentreClientFactory = CentreClient,
        parameters: KdfParameters = DESK,
        cells: int = DESK_CELLS,
    ) -> None:
        self.clock = clock or SystemClock()
        self.centre: Centre | None = None
        self.ceremony: KeyCeremony | None = None
        self.enrolment: Enrolment | None = None
        self.settings: Settings | None = None
        self._directory = directory
        self._client = client
        self._parameters = parameters
        self._cells = cells
        self._turn = asyncio.Lock()

    @property
    def is_new(self) -> bool:
        """Whether there is no desk here yet: the first start."""
        return not centre_exists(self._directory)

    async def create(self, passphrase: str, plan: CentrePlan, keys: Sequence[str] = ()) -> Centre:
        """Make the centre and its first desk, and open it. InputError for a weak passphrase; see `create_centre`.

        `keys` are the folders on removable media, one for each key holder, as they were typed; without any the one key
        lies with the desk.
        It starts to publish at once, and goes on by itself until the relay has everything.
        """
        if passphrases.judge(passphrase, passphrases.Choice.PASSPHRASE).weakness:
            raise InputError("This passphrase is not strong enough.")
        folders = [await asyncio.to_thread(key_folder, typed) for typed in keys]
        async with self._turn:
            await self._close()
            centre, self.ceremony = await create_centre(
                self._directory,
                passphrase,
                plan,
                key_directories=[folder for folder in folders if folder is not None],
                parameters=self._parameters,
                cells=self._cells,
                clock=self.clock,
                client=self._client,
            )
            return self._opened(centre)

    async def unlock(self, passphrase: str) -> Centre:
        """Open the desk; errors as `open_centre`. One that is open is locked first."""
        async with self._turn:
            await self._close()
            centre = await open_centre(self._directory, passphrase, clock=self.clock, client=self._client)
            return self._opened(centre)

    async def lock(self) -> None:
        """Close what is open: what is being written is finished first. Idempotent."""
        async with self._turn:
            await self._close()

    async def shut(self) -> None:
        """Lock, and forget what was to be written down: the program ends."""
        await self.lock()
        self.ceremony = self.enrolment = None

    def _opened(self, centre: Centre) -> Centre:
        self.centre = centre
        centre.start()
        return centre

    async def _close(self) -> None:
        centre, self.centre = self.centre, None
        if centre:
            await centre.lock()
