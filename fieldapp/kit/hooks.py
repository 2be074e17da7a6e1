"""Typed hooks on top of Flet's own."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import flet as ft

T = TypeVar("T")


def use_once(factory: Callable[[], T]) -> T:
    """Return what `factory` made at the component's first render, the same object at every later one.

    Unlike ``ft.use_state(factory)`` the type is kept, and an observable in it does not re-render the
    component unless it is also passed as an argument.
    """
    return ft.use_memo(factory, [])


def use_every(seconds: float, work: Callable[[], Any]) -> None:
    """Call `work` (plain or ``async``) every `seconds` as long as the component is on the screen.

    It is the `work` of the first render: let it read the state anew. What it raises ends the calls.
    """

    async def repeat() -> None:
        while True:
            await asyncio.sleep(seconds)
            result = work()
            if inspect.isawaitable(result):
                await result

    # Flet cancels an effect's task before its cleanup, and only if there is one.
    ft.use_effect(repeat, [], cleanup=lambda: None)


def use_redraw_every(seconds: float) -> Callable[[], None]:
    """Draw the component anew every `seconds`: what it shows depends on the clock. Returns what draws it at once."""
    _, set_count = ft.use_state(0)

    def redraw() -> None:
        set_count(lambda count: count + 1)

    use_every(seconds, redraw)
    return redraw
