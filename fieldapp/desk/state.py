"""What one session of the desk shows: where its user is, and what is open.

A screen is a function of this state. Whoever locks drops everything that names a person; only the choice of language
and look outlives it.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

from fieldapp.desk.gate import DeskGate
from fieldapp.desk.shown import ShownFile
from fieldapp.kit.interface import Gone, Interface
from fieldapp.kit.places import Place, Places
from fieldapp.kit.presence import LockPolicy, Presence
from fieldapp.kit.theme import ThemeChoice
from fieldapp.services.desk.alerts import AlertPage
from fieldapp.services.desk.centre import Centre
from fieldapp.services.desk.ceremony import CentrePlan
from fieldapp.services.desk.inbox import InboxPage, OpenedRecord
from fieldapp.services.desk.inbox_rows import Row
from fieldapp.services.settings import Look, Settings, Work
from fieldapp.vault.errors import VaultError

SECONDS_UNTIL_PROGRESS: Final = 0.3
"""A wait that lasts longer shows that something is going on."""
ROUTE: Final = "/desk"
"""Every place has the same route: nothing of what is open can be read in a browser's history."""
EMPTY_PAGE: Final = InboxPage((), 0, 1, 0, 0)
NO_ALERTS: Final = AlertPage((), 0, 1, 0, 0)


class Screen(StrEnum):
    """Every place of the desk."""

    FIRST_START = "first_start"
    LOCK = "lock"
    CEREMONY = "ceremony"
    INBOX = "inbox"
    RECORD = "record"
    ALERTS = "alerts"
    ALERT = "alert"
    EVIDENCE = "evidence"
    QUARANTINE = "quarantine"
    DEVICES = "devices"
    DEVICE = "device"
    MESSAGE_TO = "message_to"
    WIPE = "wipe"
    CASE_RULES = "case_rules"
    ENROL = "enrol"
    SETTINGS = "settings"
    PASSPHRASE = "passphrase"  # noqa: S105 - a place, not a secret
    HANDOVER = "handover"
    KEYS = "keys"
    HOLDERS = "holders"
    CARRIED = "carried"
    GUESSES = "guesses"
    PINS = "pins"
    ABOUT = "about"


class DeskState(Places[Screen], Interface):
    """The state of one session; made by `desk.app`, never shared."""

    def __init__(self, gate: DeskGate, *, language: str = "en") -> None:
        super().__init__(language)
        self.gate = gate
        self.centre: Centre | None = None
        self.places = (self._door(),)
        self.page = EMPTY_PAGE
        """The page of the inbox that is shown, as it was at the last change."""
        self.alerts = NO_ALERTS
        """The page of the alerts that is shown, as it was at the last change."""
        self.record: OpenedRecord | None = None
        """The record that its reader opened, at the places `Screen.RECORD` and `Screen.EVIDENCE` only."""
        self.file: ShownFile | None = None
        """The file that is shown: in memory only, for as long as its record is open."""
        self.busy = False
        self.beat = 0
        """Grows when a service changed: components that show services read it, and so are drawn again."""
        self.presence: Presence
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def open(self) -> Centre:
        """The unlocked centre; Gone while locked (no screen that needs it is shown then)."""
        if self.centre is None:
            raise Gone("locked")
        return self.centre

    def leaving(self) -> None:
        """Close the record that is open, withdraw what was asked, and give up an enrolment that is under way."""
        self.hide_file()
        self.record = self.asking = None
        if self.gate.enrolment is not None and self.centre is not None:
            self.centre.devices.cancel(self.gate.enrolment)
        self.gate.enrolment = None

    async def enrol(self, name: str, agency: str, work: Work) -> None:
        """Begin to enrol a device; errors as `Devices.begin`."""
        centre, place = self.open, self.place
        enrolment = await centre.devices.begin(name, agency, work)
        if self.centre is centre and self.place == place:
            self.gate.enrolment = enrolment
            self.beat += 1

    async def create(self, passphrase: str, plan: CentrePlan, keys: Sequence[str] = ()) -> None:
        """Create the centre and open its desk; errors as `DeskGate.create`."""
        await self._with_progress(self.gate.create(passphrase, plan, keys))
        with contextlib.suppress(VaultError):  # the desk is made all the same, with the settings of a new one
            await self.change_settings()

    async def unlock(self, passphrase: str) -> None:
        """Open this desk; errors as `DeskGate.unlock`."""
        await self._with_progress(self.gate.unlock(passphrase))

    def confirm_ceremony(self) -> None:
        """One key holder's words are on paper: forget them. After the last, begin to work."""
        ceremony = self.gate.ceremony
        if ceremony is not None and len(ceremony.papers) > 1:
            self.gate.ceremony = replace(ceremony, papers=ceremony.papers[1:])
            self.beat += 1
            return
        self.gate.ceremony = None
        self.only(Screen.INBOX)

    def turn(self, number: int) -> None:
        """Show page `number` of the inbox, or the last one; it is computed once, however often it is drawn."""
        self.page = self.open.inbox.rows(number)

    def turn_alerts(self, number: int) -> None:
        """Show page `number` of the alerts, or the last one."""
        self.alerts = self.open.alerts.page(number)

    def examine(self, env_hash: bytes) -> None:
        """Read an envelope that is kept aside, on a screen of its own. NotExaminable."""
        record = self.open.inbox.examine(env_hash)
        self.go(Screen.EVIDENCE, env_hash)
        self.record = record

    def row(self, key: bytes) -> Row | None:
        """Return a row of the inbox as it stands now, on whichever page; None when there is none."""
        inbox = self.open.inbox
        others = (inbox.rows(number) for number in range(self.page.pages) if number != self.page.number)
        pages = itertools.chain((self.page,), others)
        return next((row for page in pages for row in page.rows if row.key == key), None)

    async def read(self, key: bytes) -> None:
        """Open the record of an inbox row: the device will hear that a person read it. Errors as `Inbox.open`."""
        centre, place = self.open, self.place
        record = await centre.inbox.open(key)
        # Whoever locked or went on while this was written must not get the record on the screen.
        if self.centre is centre and self.place == place:
            self.record = record

    async def show_file(self, key: bytes, file_id: bytes) -> None:
        """Put a file of the open record together and show it. Errors as `Inbox.content`.

        One that is shown already stays: its part on the screen is made for these bytes.
        """
        if self.file is not None and self.file.id == file_id:
            return
        data = self.open.inbox.content(key, file_id)
        self.hide_file()
        self.file = ShownFile(file_id, data)

    def hide_file(self) -> None:
        """Drop the bytes of the file that was shown, and stop what draws or plays it."""
        shown, self.file = self.file, None
        self.end_turns()
        if shown is not None:
            shown.let_go()

    async def acknowledge(self, key: bytes) -> None:
        """Take a record on, and show who did and when. Errors as `Inbox.acknowledge`."""
        await self.open.inbox.acknowledge(key)
        if self.record is not None and self.record.row.key == key:
            await self.read(key)

    async def forget(self) -> None:
        """Lock: drop keys, records and places. The kit's presence calls this, after it has blanked the screen."""
        self._unsubscribe()
        self.hide_file()
        self.centre = self.record = None
        self.page, self.alerts = EMPTY_PAGE, NO_ALERTS
        self.places = (self._door(),)
        await self.gate.lock()

    def apply(self, settings: Settings) -> None:
        """Show these choices at once, and after locking too."""
        self.gate.settings = settings
        self.set_language(settings.language)
        self.set_theme(ThemeChoice[Look(settings.look).name])
        self.set_text_scale(settings.text_scale / 100)
        self.presence.policy = LockPolicy(settings.background_seconds, settings.idle_seconds)

    async def change_settings(self, **changes: object) -> None:
        """Save changed settings and show them; VaultError: nothing is changed."""
        centre, settings = self.open, self.settings.with_(**changes)
        await centre.save_settings(settings)
        if self.centre is centre:
            self.apply(settings)

    @property
    def settings(self) -> Settings:
        """What was chosen, or the defaults in the language that is shown."""
        return self.gate.settings or Settings(language=self.language)

    async def _with_progress(self, opening: Coroutine[Any, Any, Centre]) -> None:
        task = asyncio.ensure_future(opening)
        await asyncio.wait({task}, timeout=SECONDS_UNTIL_PROGRESS)
        self.busy = not task.done()
        try:
            await self._opened(await task)
        finally:
            self.busy = False

    async def _opened(self, centre: Centre) -> None:
        if self.ended:
            # Another window took over while this one was opening.
            await self.gate.lock()
            return
        self.centre = centre
        self.turn(0)
        self.turn_alerts(0)
        self._unsubscribe = centre.changes.subscribe(self.here(self._refresh))
        self.presence.opened()
        self.apply(centre.settings or self.settings)
        self.places = self._first_places()

    def _first_places(self) -> tuple[Place[Screen], ...]:
        """Return to what a lock interrupted and must not lose, else to the inbox."""
        if self.gate.ceremony is not None:
            return (Place(Screen.CEREMONY),)
        if self.gate.enrolment is not None:
            return (Place(Screen.DEVICES), Place(Screen.ENROL))
        return (Place(Screen.INBOX),)

    def _refresh(self) -> None:
        self.turn(self.page.number)
        self.turn_alerts(self.alerts.number)
        self.beat += 1

    def _door(self) -> Place[Screen]:
        return Place(Screen.FIRST_START if self.gate.is_new else Screen.LOCK)
