"""Whom a worker can call now: emergency numbers of the law file, and those of the centre's signed directory."""

from collections.abc import Sequence
from dataclasses import dataclass

import flet as ft

from fieldapp.kit.layout import card
from fieldapp.kit.notices import status_line
from fieldapp.kit.text import body, heading, isolate
from fieldapp.ui.state import FieldState
from sync.directory import Phone


@dataclass(frozen=True, slots=True)
class Number:
    """A name and the number to dial."""

    label: str
    number: str


def emergency_numbers(state: FieldState) -> list[Number]:
    """Return the numbers that work everywhere, also before enrolment."""
    numbers, t = state.law.numbers, state.t
    return [
        Number(t("Police"), numbers["police_number"]),
        Number(t("Ambulance"), numbers["medical_number"]),
    ]


def centre_numbers(state: FieldState) -> tuple[list[Number], bool]:
    """Return the centre's numbers that somebody answers now, and whether the centre itself is closed.

    Nothing before enrolment: no number is invented, and none is taken from an unsigned source.
    """
    book = state.open.book
    if book.trust is None:
        return [], False
    now = book.clock.local()
    phones = book.trust.directory.phones
    reachable = [p for p in phones if p.reachable(now.weekday(), now.hour * 60 + now.minute)]
    closed = _has(phones, "centre") and not _has(reachable, "centre")
    return [Number(isolate(p.label), p.number) for p in reachable], closed


def number_card(state: FieldState, numbers: Sequence[Number] | None = None) -> ft.Control:
    """Show numbers large enough to be dialled from; by default the centre's, and that it is closed if it is."""
    closed = False
    if numbers is None:
        numbers, closed = centre_numbers(state)
    words = state.t("The centre is closed now. Call the number on duty.")
    if closed and not numbers:
        words = state.t("The centre is closed now, and nobody is on duty. In danger call the police.")
    lines: list[ft.Control] = [status_line(state, ft.Icons.SCHEDULE_ROUNDED, words)] if closed else []
    lines += [_line(state, number) for number in numbers]
    return card(state, lines) if lines else ft.Container()


def _line(state: FieldState, number: Number) -> ft.Control:
    label = body(state, number.label)
    label.expand = True
    return ft.Row([label, heading(state, number.number)], spacing=state.theme.gap)


def _has(phones: Sequence[Phone], kind: str) -> bool:
    return any(phone.kind == kind for phone in phones)
