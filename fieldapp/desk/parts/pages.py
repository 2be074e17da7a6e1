"""The way to the other pages of a list: a list on the screen holds at most a hundred rows."""

from collections.abc import Callable

import flet as ft

from fieldapp.desk.state import DeskState
from fieldapp.kit.buttons import secondary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.text import quiet


def page_turner(
    state: DeskState, number: int, pages: int, total: int, turn: Callable[[int], object]
) -> list[ft.Control]:
    """Return where one is and two buttons; nothing when there is one page. `number` counts from 0."""
    if pages == 1:
        return []
    t = state.t
    before = bound(turn, number - 1) if number else None
    after = None if number + 1 == pages else bound(turn, number + 1)
    return [
        quiet(state, t("Page {n} of {pages}, {total} in all", n=number + 1, pages=pages, total=total)),
        ft.Row(
            [
                secondary_button(state, t("Previous"), before, expand=True, identifier="page-before"),
                secondary_button(state, t("Next"), after, expand=True, identifier="page-next"),
            ],
            spacing=state.theme.gap,
        ),
    ]
