"""Typed hooks on top of Flet's own."""

from collections.abc import Callable
from typing import TypeVar

import flet as ft

T = TypeVar("T")


def use_once(factory: Callable[[], T]) -> T:
    """Return what `factory` made at the component's first render, the same object at every later one.

    Unlike ``ft.use_state(factory)`` the type is kept, and an observable in it does not re-render the
    component unless it is also passed as an argument.
    """
    return ft.use_memo(factory, [])
