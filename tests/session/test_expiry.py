"""The centre's address list runs out: the device says so a month before, and records all the same."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from fieldapp.ui.state import Screen
from sync.protocol import DAY
from sync.trust import TrustedState
from tests.session.field_harness import Field, StillClock, open_field
from tests.unit.sync.made_up import NOW, make_centre

pytestmark = pytest.mark.anyio

CENTRE = make_centre()
CENTRE.directory = replace(CENTRE.directory, expires=NOW + 60 * DAY)
TRUST = TrustedState.pin(CENTRE.root.centre_id, CENTRE.blob)
END = datetime.fromtimestamp(TRUST.expires)


async def at(app: Field, moment: datetime) -> str:
    app.clock.at = moment
    app.state.open.book.changes.ring()
    await app.screen.settle()
    return "\n".join(app.screen.texts())


async def test_it_is_told_from_thirty_days_before_and_keeps_recording_possible(tmp_path: Path) -> None:
    async with open_field(tmp_path, clock=StillClock(END - timedelta(days=40))) as app:
        app.state.open.book.trust = TRUST
        day = f"{END.day}/{END.month}/{END.year}"
        assert "address list" not in await at(app, END - timedelta(days=31))
        assert f"address list runs out on {day}" in await at(app, END - timedelta(days=29))
        assert "You can go on recording" in await at(app, END - timedelta(days=1))
        assert f"address list has run out on {day}. Go on recording." in await at(
            app, END + timedelta(days=90)
        )
        await app.press("new-screening")
        assert app.state.place.screen is Screen.OPENING
        assert list(app.state.open.screenings.unfinished)


@pytest.mark.parametrize("year", [1971, 2037])
async def test_no_clock_stops_the_work(tmp_path: Path, year: int) -> None:
    async with open_field(tmp_path, clock=StillClock(datetime(year, 6, 1, 12, 0))) as app:
        app.state.open.book.trust = TRUST
        said = await at(app, datetime(year, 6, 1, 12, 1))
        assert ("address list has run out" in said) is (year == 2037)
        await app.press("new-screening")
        assert app.state.place.screen is Screen.OPENING
