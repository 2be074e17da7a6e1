"""The screening alone: a real vault in a temporary folder, opened, and a home with one button."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import flet as ft

from fieldapp.assets import default_law
from fieldapp.domain.screening import Screening
from fieldapp.kit import buttons, layout
from fieldapp.kit.boundary import component, install_error_handler
from fieldapp.kit.interface import bound
from fieldapp.kit.presence import Presence
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemClock, SystemIds
from fieldapp.ui.parts.screening_steps import begin, resume
from fieldapp.ui.screens.screening import (
    act_now,
    finish,
    opening,
    question,
    result,
    safe_contact,
    show,
    who,
    withhold,
)
from fieldapp.ui.state import FieldState, Screen
from fieldapp.vault import FLOOR, NoKeystore

PASSPHRASE = "canary-basalt-heron-lantern-ember-pebble"


def no_relay(address: str, pins: object = None) -> object:
    raise AssertionError("a screening needs no relay")


def make_gate(directory: Path) -> Gate:
    return Gate(directory, NoKeystore(), SystemClock(), SystemIds(), no_relay, calibrated=lambda: FLOOR)  # type: ignore[arg-type]


@component
def home_screen(state: FieldState) -> ft.View:
    drafts: tuple[Screening, ...] = state.open.screenings.unfinished if state.notebook else ()
    return layout.screen(
        state,
        "/",
        [
            buttons.secondary_button(state, "Resume", bound(resume, state, draft), identifier="resume")
            for draft in drafts
        ],
        title="Home",
        bottom=[
            buttons.primary_button(state, "New screening", bound(begin, state), identifier="new-screening")
        ],
    )


@component
def stub_screen(state: FieldState) -> ft.View:
    return layout.screen(state, "/", [], title=state.place.screen.value)


SCREENS: dict[Screen, Callable[[FieldState], ft.Control]] = {
    Screen.HOME: home_screen,
    Screen.LOCK: stub_screen,
    Screen.CONTACT: stub_screen,
    Screen.OPENING: opening.opening_screen,
    Screen.ALONE: opening.alone_screen,
    Screen.OBSERVE: opening.observe_screen,
    Screen.WHO: who.who_screen,
    Screen.QUESTION: question.question_screen,
    Screen.OVERVIEW: question.overview_screen,
    Screen.SHOW: show.show_screen,
    Screen.ACT_NOW: act_now.act_now_screen,
    Screen.SAFE_CONTACT: safe_contact.safe_contact_screen,
    Screen.WITHHOLD: withhold.withhold_screen,
    Screen.RESULT: result.result_screen,
    Screen.RAISE: result.raise_screen,
    Screen.FINISH: finish.finish_screen,
    Screen.DONE: finish.done_screen,
}


@component
def root(state: FieldState) -> list[ft.View]:
    """The place that is shown."""
    _ = state.beat
    return [SCREENS[state.place.screen](state)]  # type: ignore[list-item]


async def start(page: ft.Page, gate: Gate, settings: Settings) -> FieldState:
    """Open the device (set it up when it is new) and show home."""
    state = FieldState(gate, default_law(), language=settings.language)
    install_error_handler(page, state)
    state.attach(page)
    state.presence = Presence(page, state, state.forget)
    if gate.is_new:
        await state.create(PASSPHRASE, settings)
    else:
        await state.unlock(PASSPHRASE)
    page.render_views(root, state)
    return state


async def main(page: ft.Page) -> None:
    """Serve a fresh device to each window; the environment chooses the kind of work."""
    work = Work(os.environ.get("SCREENING_WORK", Work.OFFICER))
    await start(page, make_gate(Path(tempfile.mkdtemp())), Settings(work=work))
