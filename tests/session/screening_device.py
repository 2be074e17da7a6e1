"""One device with the screening alone on its screen, for session tests; a real vault in a temporary folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import flet as ft
import pytest

from fieldapp.domain.screening import Screening
from fieldapp.services.settings import Settings, Work
from fieldapp.ui.parts import screening_steps
from fieldapp.ui.state import FieldState, Screen
from tests.browser import screening_app
from tests.fakes.fake_flet import FakeSession


class Device:
    """One device with its screen: taps that wait until what they changed is on the disk."""

    def __init__(self, session: FakeSession, state: FieldState) -> None:
        self.session = session
        self.state = state
        self.taps = 0

    @property
    def screening(self) -> Screening:
        assert self.state.screening is not None
        return self.state.screening

    @property
    def saved(self) -> Screening:
        (draft,) = self.state.open.screenings.unfinished
        return draft

    def shows(self, screen: Screen) -> bool:
        return self.state.place.screen is screen

    async def tap(self, *targets: str) -> None:
        for target in targets:
            await self.session.press(target)
            self.taps += 1
            await self.session.settle(30)

    async def resume(self) -> None:
        (draft,) = self.state.open.screenings.unfinished
        await self.tap(f"resume-{draft.id.hex()[:8]}")

    async def to_questions(self) -> None:
        await self.tap("new-screening", "alone-yes", "who-next")
        assert self.state.place.screen is Screen.QUESTION


@pytest.fixture
def steady_finger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests tap faster than any finger."""
    monkeypatch.setattr(screening_steps, "DOUBLE_TAP", 0)


@asynccontextmanager
async def device(directory: Path, work: Work = Work.OFFICER, language: str = "en") -> AsyncIterator[Device]:
    gate = screening_app.make_gate(directory)
    states: list[FieldState] = []

    async def main(page: ft.Page) -> None:
        states.append(await screening_app.start(page, gate, Settings(work=work, language=language)))

    async with FakeSession(main) as session:
        yield Device(session, states[0])
    await gate.shut()
