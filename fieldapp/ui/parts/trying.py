"""Doing something that may fail or take a while: one at a time, with progress, and a calm notice when it failed."""

from collections.abc import Awaitable, Callable
from typing import Any

import flet as ft

from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.notices import progress
from fieldapp.ui.words import EXPECTED, trouble_notice


class _Turn:
    """Whether something is under way: a second tap while it is does nothing, so that nothing is filed twice."""

    taken = False


class Trying:
    """What `use_trying` gives to a screen."""

    def __init__(self, ui: Interface, turn: _Turn, error: Exception | None, busy: bool) -> None:
        self.error = error
        self.busy = busy
        self._ui = ui
        self._turn = turn
        self._set_error: Callable[[Exception | None], None]
        self._set_busy: Callable[[bool], None]

    def of(self, work: Callable[..., Awaitable[Any]], *args: object) -> Handler:
        """Return a handler that awaits `work(*args)`; what a service raises on purpose is shown, not thrown."""

        async def handle() -> None:
            if self._turn.taken:
                return
            self._turn.taken = True
            self._set_error(None)
            self._set_busy(True)
            try:
                await work(*args)
            except EXPECTED as error:
                # A traceback would keep what was typed in memory after locking.
                self._set_error(error.with_traceback(None))
            finally:
                self._turn.taken = False
                self._set_busy(False)

        return handle

    def clear(self) -> None:
        """Forget the last failure."""
        self._set_error(None)

    def shown(self, words: str = "") -> list[ft.Control]:
        """Return the notice of the last failure, and `words` with a ring while a wait lasts."""
        waits = [progress(self._ui, words)] if self.busy and words else []
        return [*waits, *([trouble_notice(self._ui, self.error)] if self.error else [])]


def use_trying(ui: Interface) -> Trying:
    """Remember what is under way and what failed. A hook."""
    turn = use_once(_Turn)
    error, set_error = ft.use_state(_no_error)
    busy, set_busy = ft.use_state(False)
    trying = Trying(ui, turn, error, busy)
    trying._set_error, trying._set_busy = set_error, set_busy
    return trying


def _no_error() -> Exception | None:
    return None
