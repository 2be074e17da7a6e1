"""Doing something that may fail or take a while: one at a time, with progress, and a calm notice when it failed."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import flet as ft

from fieldapp.errors import FieldappError
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.notices import progress
from fieldapp.vault.errors import VaultError
from sync.errors import SyncError

EXPECTED: Final = (FieldappError, VaultError, SyncError)
"""What a service may raise on purpose; a screen catches these and nothing else."""

Explain = Callable[[Interface, Exception], ft.Control]
"""Turns one of `EXPECTED` into a calm notice in the application's own words."""

_NO_ERROR: Exception | None = None


class _Turn:
    """Whether something is under way: a second tap while it is does nothing, so that nothing is filed twice."""

    taken = False


class Trying:
    """What `use_trying` gives to a screen."""

    def __init__(
        self,
        ui: Interface,
        explain: Explain,
        turn: _Turn,
        error: tuple[Exception | None, Callable[[Exception | None], None]],
        busy: tuple[bool, Callable[[bool], None]],
    ) -> None:
        """Use `use_trying`; `error` and `busy` are a value with its setter."""
        self._ui = ui
        self._explain = explain
        self._turn = turn
        self.error, self._set_error = error
        self.busy, self._set_busy = busy

    def of(self, work: Callable[..., Awaitable[Any]], *args: object) -> Handler:
        """Return a handler that awaits `work(*args)`; what a service raises on purpose is shown, not thrown."""

        async def handle() -> None:
            if not self._turn.taken:
                await self._attempt(work, args)

        return handle

    def once(self, work: Callable[..., Awaitable[Any]], *args: object) -> Handler:
        """Return the same for what leads away: when it has succeeded, no tap on this screen does anything more.

        A second tap may be under way while the screen still shows the button; it must not file a record twice.
        """

        async def handle() -> None:
            if not self._turn.taken:
                self._turn.taken = await self._attempt(work, args)

        return handle

    async def _attempt(self, work: Callable[..., Awaitable[Any]], args: tuple[object, ...]) -> bool:
        self._turn.taken = True
        self._set_error(None)
        self._set_busy(True)
        try:
            await work(*args)
        except EXPECTED as error:
            # A traceback would keep what was typed in memory after locking.
            self._set_error(error.with_traceback(None))
            return False
        else:
            return True
        finally:
            self._turn.taken = False
            self._set_busy(False)

    def fail(self, error: Exception) -> None:
        """Show a failure that happened elsewhere."""
        self._set_error(error.with_traceback(None))

    def clear(self) -> None:
        """Forget the last failure."""
        self._set_error(None)

    def shown(self, words: str = "") -> list[ft.Control]:
        """Return the notice of the last failure, and `words` with a ring while a wait lasts."""
        waits = [progress(self._ui, words)] if self.busy and words else []
        return [*waits, *([self._explain(self._ui, self.error)] if self.error else [])]


def use_trying(ui: Interface, explain: Explain) -> Trying:
    """Remember what is under way and what failed. A hook."""
    turn = use_once(_Turn)
    error, set_error = ft.use_state(_NO_ERROR)
    busy, set_busy = ft.use_state(False)
    return Trying(ui, explain, turn, (error, set_error), (busy, set_busy))
