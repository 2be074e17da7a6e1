"""A screen's value that is on the disk as soon as it is on the screen, for whatever is kept outside a screening."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Generic, TypeVar

import flet as ft

from fieldapp.kit.hooks import use_once
from fieldapp.kit.trying import EXPECTED, Trying
from fieldapp.ui.state import FieldState

T = TypeVar("T")
Edit = Callable[[T], T]
"""A change of a value: a function of what it is then, so that a quick second tap loses nothing."""


class Kept(Generic[T]):
    """What `use_kept` gives to a screen."""

    def __init__(
        self,
        state: FieldState,
        latest: list[T],
        shown: tuple[T, Callable[[T], object]],
        save: Callable[[T], Awaitable[object]],
        trying: Trying,
    ) -> None:
        """Use `use_kept`; `latest` holds one value, `shown` is a value with its setter."""
        self._state = state
        self._latest = latest
        self.value, self._show = shown
        """What the screen shows."""
        self._save = save
        self._trying = trying

    @property
    def latest(self) -> T:
        """The value with every tap and letter so far, also those that are not drawn yet."""
        return self._latest[0]

    async def keep(self, edit: Edit[T]) -> None:
        """Write a change, then show it; what cannot be written does not happen, and the screen says why."""
        before = self.latest
        if not self._changed(edit):
            return
        changed = self.latest
        if await self._written(changed):
            # What was typed meanwhile stands in the field already.
            self._show(self.latest)
        elif self.latest is changed:
            self._latest[0] = before

    async def show(self, edit: Edit[T]) -> None:
        """Show a change, then write it: for typed text, and for what a person must see even on a broken disk."""
        if self._changed(edit):
            self._show(self.latest)
            await self._written(self.latest)

    def _changed(self, edit: Edit[T]) -> bool:
        try:
            self._latest[0] = edit(self.latest)
        except EXPECTED as error:
            self._trying.fail(error)
            return False
        return True

    async def _written(self, value: T) -> bool:
        notebook = self._state.open
        try:
            await self._save(value)
        except EXPECTED as error:
            if self._state.notebook is notebook:
                self._trying.fail(error)
            return False
        # Whoever locked while this was written must not get the value back on the screen.
        if self._state.notebook is not notebook:
            return False
        if self._trying.error:
            self._trying.clear()
        return True


def use_kept(
    state: FieldState, first: Callable[[], T], save: Callable[[T], Awaitable[object]], trying: Trying
) -> Kept[T]:
    """Keep a value that begins as `first()`; failures to `save` it are shown by `trying`. A hook."""
    latest = use_once(lambda: [first()])
    return Kept(state, latest, ft.use_state(latest[0]), save, trying)


def altered(**changes: object) -> Edit[Any]:
    """Return the edit that replaces fields of a dataclass."""
    return lambda now: replace(now, **changes)
