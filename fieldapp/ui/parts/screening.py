"""What the screens of a screening share: the frame with its errors, texts of the instrument, text that is saved."""

from collections.abc import Callable, Sequence

import flet as ft

from fieldapp.domain.instrument import Answer, FollowUp
from fieldapp.domain.judgement import Reason
from fieldapp.domain.screening import Screening
from fieldapp.domain.triage import Band, Level
from fieldapp.kit import layout
from fieldapp.kit.answer_bar import Option
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Gone, Handler
from fieldapp.kit.layout import Progress
from fieldapp.kit.notices import Level as Shown
from fieldapp.ui.parts.frame import ROUTE
from fieldapp.ui.parts.screening_steps import go_back
from fieldapp.ui.state import FieldState
from fieldapp.ui.words import trouble_notice

SHOWN_LEVEL = {Level.CONCERN: Shown.CONCERN, Level.SERIOUS: Shown.SERIOUS, Level.HIGH: Shown.HIGH}
"""The domain's levels as the kit draws them."""


def open_screening(state: FieldState) -> Screening:
    """The screening that is on the screen; Gone when there is none any more (no step is shown then)."""
    if state.screening is None:
        raise Gone("no screening is open")
    return state.screening


def step_screen(
    state: FieldState,
    content: Sequence[ft.Control],
    *,
    title: str = "",
    step: Progress | None = None,
    on_back: Handler | None = None,
    actions: Sequence[ft.Control] = (),
    bottom: Sequence[ft.Control] = (),
) -> ft.View:
    """Return one step; above its content stands why the last change could not be saved, if it could not."""

    async def back() -> None:
        await go_back(state)

    trouble = [trouble_notice(state, state.unsaved)] if state.unsaved else []
    return layout.screen(
        state,
        ROUTE,
        [*trouble, *content],
        title=title,
        step=step,
        on_back=on_back or back,
        actions=actions,
        bottom=bottom,
    )


def use_draft_text(
    state: FieldState, initial: str, store: Callable[[Screening, str], Screening]
) -> tuple[str, Handler]:
    """Keep a text field's value, and save every change of it in the draft. A hook.

    The value on the screen is the local one: a slower save never takes back what was typed meanwhile. Whoever types
    faster than the device writes waits for one save, not for one a letter.
    """
    value, set_value = ft.use_state(initial)
    latest = use_once(lambda: [initial])

    async def changed(event: ft.Event[ft.TextField]) -> None:
        latest[0] = str(event.data or "")
        set_value(latest[0])
        await state.change(lambda s: store(s, latest[0]))

    return value, changed


def options_of(followup: FollowUp, language: str) -> list[Option]:
    """Return the choices of a follow-up as chips."""
    return [Option(option.value, option.label[language]) for option in followup.options]


def band_words(screening: Screening, band: Band, language: str) -> str:
    """Return "Within 24 hours" and its like, from the instrument."""
    return screening.instrument.band_labels[band.code.lower()][language]


def level_words(screening: Screening, level: Level, language: str) -> str:
    """Return "High" and its like, from the instrument."""
    return screening.instrument.level_labels[level.code.lower()][language]


def reason_words(screening: Screening, reason: Reason, language: str) -> tuple[str, str]:
    """Return one line of "because" as what was asked and what was answered: ("Death threats", "Yes, today")."""
    instrument = screening.instrument
    if reason.key in instrument.followups:
        followup = instrument.followups[reason.key]
        return followup.prompt[language], _option_label(followup, reason.value, language)
    item = instrument.by_id.get(reason.key)
    asked = item.label[language] if item else instrument.gate.prompt[language]
    said = instrument.answer_labels[Answer(reason.value).value][language]
    if reason.time_key and reason.time:
        when = _option_label(instrument.followups[reason.time_key], reason.time, language)
        return asked, f"{said}, {when[:1].lower()}{when[1:]}"
    return asked, said


def _option_label(followup: FollowUp, value: str, language: str) -> str:
    return next((o.label[language] for o in followup.options if o.value == value), value)
