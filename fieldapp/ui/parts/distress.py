"""The card for a distress word: what to do in the next ten seconds. Its words are data, as reviewed."""

import flet as ft

from fieldapp.assets import cards
from fieldapp.domain.instrument import Language
from fieldapp.kit.layout import card, numbered
from fieldapp.ui.parts.numbers import centre_numbers, emergency_numbers, number_card
from fieldapp.ui.state import FieldState


def distress_card(state: FieldState) -> ft.Control:
    """Return the lines of the card in the worker's language, with the numbers to call below them."""
    lines = [
        state.law.fill(text[Language(state.language)], state.language) for text in cards()["distress"].lines
    ]
    steps = [numbered(state, number, line) for number, line in enumerate(lines, 1)]
    numbers = [*emergency_numbers(state), *centre_numbers(state)[0]]
    return ft.Column(
        [card(state, steps), number_card(state, numbers)],
        spacing=state.theme.gap,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
