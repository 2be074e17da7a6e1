"""Act now, finish later: the card behind the bar that every question shows once a NOW rule has fired."""

import flet as ft

from fieldapp.assets import cards
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button
from fieldapp.kit.layout import numbered, screen
from fieldapp.kit.text import question as large
from fieldapp.ui.parts.frame import ROUTE
from fieldapp.ui.parts.numbers import emergency_numbers, number_card
from fieldapp.ui.state import FieldState


@component
def act_now_screen(state: FieldState) -> ft.View:
    """Whom to call, what to do meanwhile, and the way back; everything answered so far is kept."""
    call, t = cards()["call"], state.t
    lines = [state.law.fill(line[state.language], state.language) for line in call.lines]
    return screen(
        state,
        ROUTE,
        [
            large(state, call.title[state.language]),
            number_card(state, emergency_numbers(state)),
            *[numbered(state, number, line) for number, line in enumerate(lines, 1)],
            number_card(state),
        ],
        on_back=state.back,
        bottom=[
            quiet_button(state, t("Leave it for later"), state.home, identifier="later"),
            primary_button(state, t("Back to the questions"), state.back, identifier="to-questions"),
        ],
    )
