"""The system's back gesture does what the arrow on the screen does, in one stack of views and with no address."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.ui.state import Screen
from tests.session.field_harness import Field, open_field
from tests.session.screening_device import steady_finger

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures(steady_finger.__name__)]
__all__ = ["steady_finger"]


async def gesture(app: Field) -> None:
    """Go back as the system does: by its gesture, its button, or the browser's."""
    await app.screen.fire(app.screen.page, "view_pop", {"route": "/notebook"})
    await app.rest()


def where(app: Field) -> Screen:
    return app.state.place.screen


async def test_in_a_screening_it_saves_where_one_is(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "alone-yes", "who-next", "answer-no", "answer-no")
        assert app.state.place.about == "S03"
        await gesture(app)
        (draft,) = app.state.open.screenings.unfinished
        assert (app.state.place.about, draft.position) == ("S02", "s02")
        await gesture(app)
        await gesture(app)
        await gesture(app)
        (draft,) = app.state.open.screenings.unfinished
        assert (where(app), draft.position) == (Screen.OPENING, "opening")
        await gesture(app)
        assert where(app) is Screen.HOME
        assert app.state.screening is None


async def test_from_an_untouched_screening_it_leaves_no_draft(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening")
        await gesture(app)
        assert app.state.open.screenings.unfinished == ()


async def test_in_the_contact_log_it_goes_one_step_back_and_not_out(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.state.open.contacts.open_case(bytes(16), "made-up alias")
        await app.press("log-contact", f"log-{bytes(16).hex()[:8]}", "outcome-no_answer")
        assert "How?" in app.screen.texts()
        await gesture(app)
        assert "What happened?" in app.screen.texts()
        await gesture(app)
        assert "With whom?" in app.screen.texts()
        await gesture(app)
        assert where(app) is Screen.HOME


async def test_from_what_was_finished_it_goes_home_and_forgets_how_to_reach_the_person(
    tmp_path: Path,
) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "alone-yes", "who-next", "finish-now", "contact-next")
        await app.press("withhold-next", "send")
        assert where(app) is Screen.DONE
        await gesture(app)
        assert where(app) is Screen.HOME
        assert app.state.reach is None


async def test_behind_the_veil_and_at_the_door_it_does_nothing(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await app.press("new-screening", "alone-yes")
        await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        await gesture(app)
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        assert where(app) is Screen.WHO
        await app.press("cover")
        await gesture(app)
        assert where(app) is Screen.LOCK
        assert not app.state.trouble
