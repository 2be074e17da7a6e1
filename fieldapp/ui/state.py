"""What one session of the field app shows: where the worker is, and what is open.

A screen is a function of this state. There are no addresses: a place is kept here and not in the browser's history,
so that nothing of it can be read there, and locking is one change of state. Whoever locks drops everything that names
a person; only the choice of language and look outlives it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from fieldapp.domain.contact import SafeContact
from fieldapp.domain.law import Law
from fieldapp.domain.screening import Screening
from fieldapp.errors import FieldappError
from fieldapp.kit import places
from fieldapp.kit.interface import Gone, Interface
from fieldapp.kit.presence import LockPolicy, Presence
from fieldapp.kit.theme import ThemeChoice
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Look, Settings
from fieldapp.vault.errors import KeystoreUnavailable, VaultError
from sync.errors import SyncError

T = TypeVar("T")

SECONDS_UNTIL_PROGRESS = 0.3
"""A wait that lasts longer shows that something is going on."""


USED = "used"
"""What `Screen.SHEET` is about when a sheet has just opened this notebook."""


class Screen(StrEnum):
    """Every place of the field app."""

    FIRST_START = "first_start"
    LOCK = "lock"
    NOTES = "notes"
    NOTE = "note"
    HOME = "home"
    ENROL = "enrol"
    SETTINGS = "settings"
    PASSPHRASE = "passphrase"  # noqa: S105 - a place, not a secret
    PIN = "pin"
    SHEET = "sheet"
    COPIED = "copied"
    NEW_KEY = "new_key"
    FORCED = "forced"
    FORCED_WORD = "forced_word"
    FRONT = "front"
    RECOVER = "recover"
    ABOUT = "about"
    OUTBOX = "outbox"
    MESSAGES = "messages"
    RECORD = "record"
    CASES = "cases"
    CASE = "case"
    RULES = "rules"
    CONTACT = "contact"
    OPENING = "opening"
    ALONE = "alone"
    OBSERVE = "observe"
    WHO = "who"
    QUESTION = "question"
    OVERVIEW = "overview"
    SHOW = "show"
    ACT_NOW = "act_now"
    SAFE_CONTACT = "safe_contact"
    WITHHOLD = "withhold"
    RESULT = "result"
    RAISE = "raise"
    FINISH = "finish"
    DONE = "done"


Place = places.Place[Screen]
"""A screen and what it is about: a record or case id, the key of a question, or nothing."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Something that was just done and can be taken back once."""

    words: str
    take_back: Callable[[], object]


class FieldState(places.Places[Screen], Interface):
    """The state of one session; made by `ui.app.main`, never shared."""

    def __init__(self, gate: Gate, law: Law, *, language: str = "en") -> None:
        super().__init__(language)
        self.gate = gate
        self.law = law
        self.notebook: Notebook | None = None
        self.screening: Screening | None = None
        self.places: tuple[Place, ...] = (self._door(),)
        self.busy = False
        self.sends_locked = False
        """Whether what is sealed is still sent, while a key store that failed keeps this closed."""
        self.undo: Undo | None = None
        self.unsaved: Exception | None = None
        """Why the last change of the open screening could not be written; None when it was."""
        self.reach: SafeContact | None = None
        """How the person of the screening that was just finished can be reached, until the worker moves on."""
        self.beat = 0
        """Grows when a service changed: components that show services read it, and so are drawn again."""
        self.presence: Presence
        self._unsubscribe: Callable[[], None] = lambda: None
        self._saving = asyncio.Lock()
        self._ending: asyncio.Task[None] | None = None
        self._taps = 0
        self._locks = 0

    # --- Where the worker is ---------------------------------------------------------------------------

    def leaving(self) -> None:
        """Settle what could be taken back, and withdraw what was asked."""
        self.undo = self.asking = self.instead = None

    def back(self) -> None:
        """Return to the place before; whoever comes home has nothing open any more."""
        super().back()
        if self.place.screen is Screen.HOME:
            self.home()

    def home(self) -> None:
        """Return to the home screen."""
        self.screening = self.reach = self.unsaved = self.undo = self.asking = self.instead = None
        self.places = (Place(Screen.HOME),)

    # --- What is open ----------------------------------------------------------------------------------

    @property
    def open(self) -> Notebook:
        """The unlocked notebook; Gone while locked (no screen that needs it is shown then)."""
        if self.notebook is None:
            raise Gone("locked")
        return self.notebook

    def about(self, screen: Screen) -> bytes | str:
        """What the present place is about, for the component of `screen`; Gone when another one is shown by now.

        Flet draws what a change touches in no particular order, so that a component may be drawn once more after its
        place was left. What such a component needs must come from here, `open` and `open_screening`.
        """
        if self.place.screen is not screen:
            raise Gone("left")
        return self.place.about

    async def create(self, passphrase: str, settings: Settings) -> None:
        """Set this device up and open it; errors as `Gate.create`.

        Where a key store guards it the sheet comes first: a key store that loses its secret must not cost a record.
        """
        if await self._enter(self.gate.create(passphrase, settings)) and self.open.book.is_bound:
            self.go(Screen.SHEET)

    async def unlock(self, passphrase: str) -> None:
        """Open this device; errors as `Gate.unlock`."""
        try:
            await self._enter(self.gate.unlock(passphrase))
        except KeystoreUnavailable:
            self.sends_locked = await self.gate.sends_locked()
            raise

    async def search(self, word: str) -> None:
        """Try a word that was searched for in the notes; whatever it was, nothing fails (see `Gate.search`)."""
        if await self._with_progress(self.gate.is_sheet(word)):
            self.use_sheet(word)
        else:
            await self._enter(self.gate.search(word))

    def use_sheet(self, code: str = "") -> None:
        """Show the page for a recovery sheet; a `code` that is known to be right is not asked for again.

        Whoever finds a code there may set a passphrase: from here on the lock falls as if a notebook were open, and takes
        the page and what was typed with it. `presence.lock` leads back.
        """
        if not self.ended:
            self.go(Screen.RECOVER, code)
            self.presence.opened()

    async def recover(self, code: str, passphrase: str) -> None:
        """Open this device with a recovery sheet and a new passphrase, and show how to make the next sheet.

        Errors as `Gate.recover`. Whoever locks meanwhile finds it closed, and opens it with the new passphrase.
        """
        if await self._enter(self.gate.recover(code, passphrase)):
            self.go(Screen.SHEET, USED)

    async def add_notebook(self) -> None:
        """Lock this notebook, and begin one for a colleague; ShelfFull."""
        self.gate.shelf.begin_another()
        await self.presence.lock()

    def choose_notebook(self, number: int) -> None:
        """Put another notebook in front of whoever holds the locked device; gives up one that was begun."""
        self.gate.shelf.choose(number)
        self.only(self._door().screen)

    async def save(self, screening: Screening) -> None:
        """Write a draft, then show it: what is on the screen is on the disk."""
        notebook = self.open
        await notebook.screenings.save(screening)
        # Whoever locked while this was written must not get the record back on the screen.
        if self.notebook is notebook:
            self.screening = screening

    async def change(
        self, change: Callable[[Screening], Screening], then: Callable[[], object] | None = None
    ) -> None:
        """Save a change of the open screening, then do `then`; a failure is kept in `unsaved` and nothing moves.

        Taps that arrive while one is being written wait their turn and build on it, so that none is lost. Only the
        last of them moves on, and only from the place where it was made: an impatient second tap skips nothing.
        """
        self._taps += 1
        tap, place = self._taps, self.place
        async with self._saving:
            if self.screening is None:
                return
            try:
                changed = change(self.screening)
                if changed != self.screening:
                    await self.save(changed)
            except (FieldappError, SyncError, VaultError) as error:
                # A traceback would keep the record in memory after locking.
                self.unsaved = error.with_traceback(None) if self.screening else None
                return
        self.unsaved = None
        if then is not None and tap == self._taps and place == self.place:
            then()

    async def forget(self) -> None:
        """Lock: drop keys, records and places. The kit's presence calls this, after it has blanked the screen."""
        self._unsubscribe()
        self._locks += 1
        self.notebook = self.screening = self.undo = self.unsaved = self.reach = None
        self.quiet = False
        self.places = (self._door(),)
        await self.gate.lock()

    async def hidden(self) -> None:
        """End a recording when the app cannot be seen any more, and keep it."""
        if self.notebook is not None:
            await self.notebook.captures.settle()

    def apply(self, settings: Settings) -> None:
        """Show the worker's choices at once."""
        self.set_language(settings.language)
        self.set_theme(ThemeChoice[Look(settings.look).name])
        self.set_text_scale(settings.text_scale / 100)
        self._limit_lock(settings)

    def _limit_lock(self, settings: Settings) -> None:
        """Lock after the worker's times or the centre's, whichever are shorter."""
        ordered = self.notebook.book.orders.policy if self.notebook else None
        background, idle = settings.background_seconds, settings.idle_seconds
        if ordered is not None:
            background, idle = min(background, ordered.background_seconds), min(idle, ordered.idle_seconds)
        self.presence.policy = LockPolicy(background, idle)

    async def change_settings(self, **changes: object) -> None:
        """Save changed settings and show them."""
        settings = self.open.book.settings.with_(**changes)
        await self.open.book.save_settings(settings)
        self.apply(settings)

    async def _with_progress(self, opening: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(opening)
        await asyncio.wait({task}, timeout=SECONDS_UNTIL_PROGRESS)
        self.busy = not task.done()
        try:
            return await task
        finally:
            self.busy = False

    async def _enter(self, opening: Coroutine[Any, Any, Notebook | None]) -> bool:
        """Show what is being opened, if it opens; returns whether it is shown: not to whoever locked or went by then."""
        locks = self._locks
        notebook = await self._with_progress(opening)
        if notebook is None:
            return False
        if self.ended or locks != self._locks:
            await self.gate.lock(notebook)
            return False
        self._opened(notebook)
        return True

    def _opened(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.leaving()  # nothing of what stood in front of it goes in
        changed = notebook.book.changes.subscribe(self.here(self._refresh))
        wiped = notebook.book.wiped.subscribe(self.here(self._wiped))

        def unsubscribe() -> None:
            changed()
            wiped()

        self._unsubscribe = unsubscribe
        self.presence.opened()
        self.apply(notebook.book.settings)
        self.places = (Place(Screen.HOME),)

    def _refresh(self) -> None:
        if self.notebook is not None:
            self._limit_lock(self.notebook.book.settings)
        self.beat += 1

    def _wiped(self) -> None:
        """Lock at once, without a word: whoever holds the device now need not learn what happened."""
        self._ending = asyncio.create_task(self.presence.cover())

    def _door(self) -> Place:
        if self.gate.is_new:
            return Place(Screen.FIRST_START)
        return Place(Screen.NOTES if self.gate.front.chosen else Screen.LOCK)
