"""A component that is drawn once more after its place was left, or after locking, fails in no case.

Flet draws what a change touches in the order of a set, so that any component may come before the one that takes it off.
Here each one is drawn at exactly that moment.
"""

import logging
from pathlib import Path

import pytest
from flet.components.component import Component

from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.settings import Settings, Work
from fieldapp.ui.parts.screening_steps import resume
from fieldapp.ui.routes import SCREENS
from fieldapp.ui.state import Place, Screen
from tests.fakes.fake_flet import walk
from tests.session.field_harness import Field, open_field

pytestmark = pytest.mark.anyio

BEHIND_THE_DOOR = [screen for screen in Screen if screen not in (Screen.FIRST_START, Screen.LOCK)]
CALM = "This part cannot be shown. What you saved is safe."


async def begin(app: Field) -> dict[Screen, bytes | str]:
    """Open a screening; return what each place is about that is about something."""
    notebook = app.state.open
    done = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    record = await notebook.screenings.finish(done, FinishChoice(FinishKind.SEND))
    case = await notebook.contacts.open_case(bytes(16), "alias of the case")
    resume(app.state, await notebook.screenings.begin(Mode.OUTREACH, language="en"))
    return {
        Screen.QUESTION: "S03",
        Screen.SHOW: "S03",
        Screen.DONE: record.record_id,
        Screen.RECORD: record.record_id,
        Screen.CASE: case.id,
        Screen.RULES: case.id,
        Screen.CONTACT: case.id,
    }


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fieldapp"]


def drawn(app: Field) -> list[Component]:
    return [
        c for c in walk(app.screen.page.views) if isinstance(c, Component) and c.fn.__name__ != "app_screen"
    ]


def draw_stale(components: list[Component]) -> None:
    for component in components:
        component.update()  # type: ignore[no-untyped-call]


async def test_no_component_fails_for_a_place_that_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fieldapp")
    async with open_field(tmp_path, Settings(work=Work.OUTREACH)) as app:
        about = await begin(app)
        screening = app.state.screening
        for screen in BEHIND_THE_DOOR:
            for other in (Screen.HOME, Screen.QUESTION, Screen.CASE):
                app.state.screening = screening
                app.state.places = (Place(Screen.HOME), Place(screen, about.get(screen, "")))
                await app.screen.settle()
                shown = drawn(app)
                assert SCREENS[screen].__name__ in [component.fn.__name__ for component in shown]
                app.state.places = (Place(Screen.HOME), Place(other, about.get(other, "")))
                app.state.screening = screening if other is Screen.QUESTION else None
                draw_stale(shown)
                assert CALM not in app.screen.texts()
                assert (screen, other, failures(caplog)) == (screen, other, [])


async def test_no_component_fails_for_a_notebook_that_was_locked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, "fieldapp")
    async with open_field(tmp_path) as app:
        about, notebook, screening = await begin(app), app.state.open, app.state.screening
        close = app.gate.lock

        async def closes_later() -> None:
            """Leave the vault open, so that the next place can be shown at once."""

        monkeypatch.setattr(app.gate, "lock", closes_later)
        for screen in BEHIND_THE_DOOR:
            app.state.notebook, app.state.screening = notebook, screening
            app.state.places = (Place(Screen.HOME), Place(screen, about.get(screen, "")))
            await app.screen.settle()
            shown = drawn(app)
            await app.state.forget()
            draw_stale(shown)
            assert (screen, failures(caplog)) == (screen, [])
        await close()


async def test_a_tap_on_its_way_to_a_screen_that_was_left_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "fieldapp")
    async with open_field(tmp_path) as app:
        await begin(app)
        app.state.go(Screen.QUESTION, "S03")
        await app.screen.settle()
        answer = app.screen.pressable("answer-yes")
        app.state.home()
        await app.screen.fire(answer, "click")
        assert failures(caplog) == []
        assert not app.state.trouble


async def test_an_impatient_second_tap_goes_there_once(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        app.state.go(Screen.SETTINGS)
        app.state.go(Screen.SETTINGS)
        app.state.back()
        assert app.state.place.screen is Screen.HOME
