"""Answers: the four of a question, chips for follow-ups, and lists to choose one from.

The four answers are 76 pixels high and lie in the thumb zone. "Not asked" differs from "No": nothing is
chosen until the worker taps, and tapping a chosen answer again calls the handler with the same value.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import flet as ft

from fieldapp.kit.buttons import Look, pressable
from fieldapp.kit.interface import Interface, bound
from fieldapp.kit.text import quiet
from fieldapp.kit.theme import Tone

AnswerName = Literal["yes", "no", "unknown", "not_asked"]
Choose = Callable[[str], Any]
"""Called with the key that was chosen; plain or ``async``."""

_ICONS: Final[dict[AnswerName, ft.IconData]] = {
    "yes": ft.Icons.CHECK_ROUNDED,
    "no": ft.Icons.CLOSE_ROUNDED,
    "unknown": ft.Icons.QUESTION_MARK_ROUNDED,
    "not_asked": ft.Icons.SKIP_NEXT_OUTLINED,
}


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: `key` goes to the handler, `words` are shown, `detail` explains in a second line."""

    key: str
    words: str
    detail: str = ""


def answer_bar(
    ui: Interface, chosen: AnswerName | None, on_answer: Callable[[AnswerName], Any]
) -> ft.Control:
    """Return the four answers, two by two, or below each other when text is very large.

    Test identifiers are ``answer-yes``, ``answer-no``, ``answer-unknown`` and ``answer-not_asked``.
    """
    t, theme = ui.t, ui.theme
    words: dict[AnswerName, str] = {
        "yes": t("Yes"),
        "no": t("No"),
        "unknown": t("Unknown"),
        "not_asked": t("Not asked"),
    }
    buttons = [_answer(ui, name, words[name], name == chosen, on_answer) for name in words]
    if theme.stacked and ui.phone:
        return ft.Column([ft.Row([button], spacing=0) for button in buttons], spacing=theme.small)
    rows = [ft.Row(buttons[i : i + 2], spacing=theme.gap) for i in (0, 2)]
    return ft.Column([*rows], spacing=theme.gap)


def _answer(
    ui: Interface, name: AnswerName, words: str, chosen: bool, on_answer: Callable[[AnswerName], Any]
) -> ft.Control:
    theme, p = ui.theme, ui.theme.palette
    if chosen:
        tone = p.high if name == "yes" else Tone(p.ink, p.on_ink, p.ink, p.on_ink)
        look = Look(tone.solid, tone.on_solid, tone.solid)
    else:
        look = Look(p.card, p.muted if name == "not_asked" else p.ink, p.line)
    content = ft.Row(
        [
            ft.Icon(_ICONS[name], size=theme.icon, color=look.words),
            _loose(ft.Text(words, size=theme.action, weight=ft.FontWeight.W_600, color=look.words)),
        ],
        alignment=ft.MainAxisAlignment.CENTER,
        spacing=theme.gap,
    )
    return pressable(
        ui,
        content,
        bound(on_answer, name),
        look,
        height=theme.answer,
        expand=True,
        selected=chosen,
        identifier=f"answer-{name}",
    )


def chips(
    ui: Interface,
    label: str,
    options: Sequence[Option],
    chosen: frozenset[str],
    on_choose: Choose,
    *,
    identifier: str = "chip",
) -> ft.Control:
    """Return a labelled wrap of chips, for one choice or several: the caller decides what a tap means.

    Each is at least 48 pixels high; its test identifier is ``{identifier}-{key}``.
    """
    theme = ui.theme
    row = ft.Row(
        [_chip(ui, option, option.key in chosen, on_choose, identifier) for option in options],
        wrap=True,
        spacing=theme.small,
        run_spacing=theme.small,
    )
    # With a key, what comes and goes above it leaves it alone: else Flet draws it anew, and a tap on its way is lost.
    return ft.Column([quiet(ui, label), row], spacing=theme.small, key=f"{identifier}-chips")


def _chip(ui: Interface, option: Option, chosen: bool, on_choose: Choose, identifier: str) -> ft.Control:
    theme, p = ui.theme, ui.theme.palette
    look = Look(p.ink, p.on_ink, p.ink) if chosen else Look(p.paper, p.ink, p.line)
    words = ft.Text(
        option.words,
        size=theme.text,
        weight=ft.FontWeight.W_500,
        color=look.words,
    )
    # A row around the words keeps the chip as narrow as they are, and centred in its height.
    return pressable(
        ui,
        ft.Row([_loose(words)], tight=True),
        bound(on_choose, option.key),
        look,
        padding=ft.Padding.symmetric(
            horizontal=theme.gap + theme.tight, vertical=(theme.fit(theme.target) - theme.text * 1.5) / 2
        ),
        radius=theme.radius_chip,
        selected=chosen,
        identifier=f"{identifier}-{option.key}",
    )


def _loose(words: ft.Text) -> ft.Text:
    """Let words in a row break into lines where they would not fit, and take no more room than they need."""
    words.expand, words.expand_loose = True, True
    return words


def choice_list(
    ui: Interface,
    options: Sequence[Option],
    chosen: str | None,
    on_choose: Choose,
    *,
    identifier: str = "choice",
) -> ft.Control:
    """Return one choice of several as a list of full-width rows with a mark before the chosen one."""
    rows = [_choice(ui, option, option.key == chosen, on_choose, identifier) for option in options]
    return ft.Column([*rows], spacing=ui.theme.small, key=f"{identifier}-list")


def _choice(ui: Interface, option: Option, chosen: bool, on_choose: Choose, identifier: str) -> ft.Control:
    theme, p = ui.theme, ui.theme.palette
    mark = ft.Icons.RADIO_BUTTON_CHECKED if chosen else ft.Icons.RADIO_BUTTON_UNCHECKED
    words: list[ft.Control] = [ft.Text(option.words, size=theme.text, color=p.ink)]
    if option.detail:
        words.append(quiet(ui, option.detail))
    content = ft.Row(
        [
            ft.Icon(mark, size=theme.icon, color=p.accent.solid if chosen else p.edge),
            ft.Column(words, spacing=theme.tight, expand=True),
        ],
        spacing=theme.gap,
    )
    return pressable(
        ui,
        content,
        bound(on_choose, option.key),
        Look(p.accent.soft if chosen else p.card, p.ink, p.accent.solid if chosen else p.line),
        padding=ft.Padding.all(theme.gap + theme.tight),
        selected=chosen,
        identifier=f"{identifier}-{option.key}",
    )
