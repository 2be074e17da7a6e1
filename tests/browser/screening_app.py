"""The field app on a fresh device that is open already: a real vault in a temporary folder, and no relay."""

import os
import tempfile
from pathlib import Path

import flet as ft

from fieldapp.assets import default_law
from fieldapp.kit.boundary import guard_session
from fieldapp.kit.presence import Presence
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemClock, SystemIds
from fieldapp.ui.app import app_screen
from fieldapp.ui.state import FieldState
from fieldapp.vault import FLOOR, NoKeystore

PASSPHRASE = "canary-basalt-heron-lantern-ember-pebble"


def no_relay(*_: object) -> object:
    raise AssertionError("a screening needs no relay")


def make_gate(directory: Path) -> Gate:
    return Gate(directory, NoKeystore(), SystemClock(), SystemIds(), no_relay, calibrated=lambda: FLOOR)  # type: ignore[arg-type]


async def start(page: ft.Page, gate: Gate, settings: Settings) -> FieldState:
    """Open the device (set it up when it is new) and show home."""
    state = FieldState(gate, default_law(), language=settings.language)
    guard_session(page, state)
    state.attach(page)
    state.presence = Presence(page, state, state.forget)
    if gate.is_new:
        await state.create(PASSPHRASE, settings)
    else:
        await state.unlock(PASSPHRASE)
    page.render_views(app_screen, state)
    return state


async def main(page: ft.Page) -> None:
    """Serve a fresh device to each window; the environment chooses work, language and text size."""
    chosen = Settings(
        work=Work(os.environ.get("SCREENING_WORK", Work.OFFICER)),
        language=os.environ.get("SCREENING_LANGUAGE", "en"),
        text_scale=int(os.environ.get("SCREENING_SCALE", "100")),
    )
    await start(page, make_gate(Path(tempfile.mkdtemp())), chosen)
