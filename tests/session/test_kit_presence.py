"""T8: veil, cover and lock, without a browser and with a clock that the test moves."""

import flet as ft
import pytest

from fieldapp.kit import layout, text
from fieldapp.kit.boundary import component, guard_session
from fieldapp.kit.interface import Interface
from fieldapp.kit.presence import LiveSessions, LockPolicy, Presence
from tests.fakes.fake_flet import FakeSession

pytestmark = pytest.mark.anyio

SECRET = "made-up secret"
LIFE = ft.AppLifecycleState


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class State(Interface):
    def __init__(self) -> None:
        super().__init__()
        self.open = False
        self.locks = 0
        self.taps = 0


@component
def some_screen(state: State) -> ft.View:
    words = SECRET if state.open else "locked"
    tap = ft.Button("tap", on_click=lambda: setattr(state, "taps", state.taps + 1))
    return layout.screen(state, "/", [text.body(state, words), tap], unlocked=state.open)


@component
def root(state: State) -> list[ft.View]:
    return [some_screen(state)]  # type: ignore[list-item]


class App:
    """The smallest app that can be unlocked."""

    def __init__(self, live: LiveSessions | None = None, *, lock_fails: bool = False) -> None:
        self.clock = Clock()
        self.state = State()
        self.live = live or LiveSessions()
        self.lock_fails = lock_fails
        self.presence: Presence

    async def main(self, page: ft.Page) -> None:
        guard_session(page, self.state)
        self.state.attach(page)
        self.presence = Presence(page, self.state, self.forget, policy=LockPolicy(60, 180), clock=self.clock)
        await self.live.claim("vault", self.presence)
        page.render_views(root, self.state)

    async def forget(self) -> None:
        self.state.locks += 1
        if self.lock_fails:
            raise OSError
        self.state.open = False

    def unlock(self) -> None:
        self.state.open = True
        self.presence.opened()


async def open_session(app: App, session: FakeSession) -> None:
    app.unlock()
    await session.settle()
    assert SECRET in session.texts()


async def test_losing_focus_blanks_the_screen_and_coming_back_lifts() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        await session.lifecycle(LIFE.INACTIVE)
        assert session.texts() == []
        await session.lifecycle(LIFE.RESUME)
        assert SECRET in session.texts()
        assert app.presence.unlocked


@pytest.mark.parametrize("away", [LIFE.INACTIVE, LIFE.HIDE])
async def test_what_opens_while_somebody_looks_elsewhere_comes_up_blank(away: ft.AppLifecycleState) -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await session.lifecycle(away)
        app.unlock()
        await session.settle()
        assert session.texts() == []
        await session.lifecycle(LIFE.RESUME)
        assert SECRET in session.texts()


async def test_what_opens_while_hidden_locks_after_the_time_in_the_background() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await session.lifecycle(LIFE.HIDE)
        app.clock.now += 40
        app.unlock()
        app.clock.now += 20
        await app.presence.check()
        assert not app.presence.unlocked


@pytest.mark.parametrize("away", [LIFE.INACTIVE, LIFE.HIDE])
async def test_whoever_taps_the_lock_screen_is_back_also_where_no_event_has_said_so(
    away: ft.AppLifecycleState,
) -> None:
    """Else every unlock would come up blank, until a RESUME that never comes."""
    app = App()
    async with FakeSession(app.main) as session:
        await session.lifecycle(away)
        app.clock.now += 61
        (button,) = session.find(ft.Button)
        await session.fire(button, "click")
        app.unlock()
        await session.settle()
        assert SECRET in session.texts()
        await app.presence.check()
        assert app.presence.unlocked
        await session.lifecycle(away)
        await session.fire(button, "click")  # what was open stays blank until the system says more
        assert session.texts() == []


async def test_the_locked_screen_is_not_blanked() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await session.lifecycle(LIFE.INACTIVE)
        assert "locked" in session.texts()


async def test_a_minute_in_the_background_locks_without_any_event() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        await session.lifecycle(LIFE.INACTIVE)
        await session.lifecycle(LIFE.HIDE)
        app.clock.now += 59
        await app.presence.check()
        assert app.state.locks == 0
        app.clock.now += 1
        await app.presence.check()
        assert not app.presence.unlocked
        assert not app.state.open
        await session.settle()
        assert session.texts() == [], "nothing is lifted while the app is hidden"
        await session.lifecycle(LIFE.RESUME)
        assert "locked" in session.texts()


async def test_returning_after_a_minute_locks_before_anything_is_shown() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        await session.lifecycle(LIFE.HIDE)
        app.clock.now += 61
        sent_before = len(session.client.sent)
        await session.lifecycle(LIFE.RESUME)
        assert SECRET.encode() not in b"".join(session.client.sent[sent_before:])
        assert "locked" in session.texts()


async def test_idle_time_locks_and_a_tap_starts_it_again() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        app.clock.now += 179
        (tap,) = session.find(ft.Button)
        await session.fire(tap, "click")
        app.clock.now += 179
        await app.presence.check()
        assert app.state.locks == 0
        app.clock.now += 1
        await app.presence.check()
        assert not app.presence.unlocked


async def test_a_resize_is_no_activity() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        app.clock.now += 179
        await session.resize(500)
        app.clock.now += 2
        await app.presence.check()
        assert not app.presence.unlocked


@pytest.mark.parametrize(
    "event",
    [
        "duration_change",
        "loaded",
        "position_change",
        "seek_complete",
        "state_change",
        "stream",
        "stream_image",
    ],
)
async def test_what_a_camera_a_microphone_or_a_sound_sends_is_no_activity(event: str) -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        (tap,) = session.find(ft.Button)
        app.clock.now += 179
        await session.fire(tap, event, {"bytes": b"made up"})
        app.clock.now += 2
        await app.presence.check()
        assert not app.presence.unlocked


async def test_arrow_keys_turn_pages_only_where_pages_are_seen() -> None:
    app, turned = App(), []
    async with FakeSession(app.main) as session:
        await session.key("Arrow Right")
        app.state.show_turns((lambda: turned.append("back"), lambda: turned.append("on")))
        await session.key("Arrow Right")
        assert turned == [], "locked"
        await open_session(app, session)
        await session.key("Arrow Right")
        await session.key("Arrow Left")
        await session.key("Arrow Up")
        assert turned == ["on", "back"]
        await session.lifecycle(LIFE.INACTIVE)
        await session.key("Arrow Right")
        await session.lifecycle(LIFE.RESUME)
        app.state.end_turns((print, print))
        assert app.state._turns, "those of other pages stay"
        app.state.end_turns()
        await session.key("Arrow Right")
        assert turned == ["on", "back"]


async def test_the_first_tap_after_sleep_locks_and_does_nothing_else() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        (tap,) = session.find(ft.Button)
        app.clock.now += 3600
        await session.fire(tap, "click")
        assert "locked" in session.texts()
        assert app.state.taps == 0


async def test_the_timer_runs_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fieldapp.kit.presence.SECONDS_BETWEEN_CHECKS", 0.001)
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        app.clock.now += 181
        await session.wait_for(lambda: not app.presence.unlocked)


async def test_the_cover_button_escape_and_the_bottom_edge_lock_at_once() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        await session.press("cover")
        assert "locked" in session.texts()
        await open_session(app, session)
        await session.key("Escape")
        assert "locked" in session.texts()
        await open_session(app, session)
        (edge,) = session.find(ft.GestureDetector)
        await session.fire(edge, "long_press")
        assert "locked" in session.texts()
        assert app.state.locks == 3
        assert "cover" not in session.identifiers()


async def test_a_lost_connection_locks_and_ends_the_session() -> None:
    app = App()
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        await session.disconnect()
        assert not app.presence.unlocked
        assert not app.state.open
        await session.wait_for(lambda: app.state.ended)


async def test_a_new_session_locks_and_ends_the_older_one() -> None:
    live = LiveSessions()
    older, newer = App(live), App(live)
    async with FakeSession(older.main) as first:
        await open_session(older, first)
        async with FakeSession(newer.main) as second:
            assert not older.presence.unlocked
            assert SECRET not in first.texts()
            told = b"".join(first.client.sent[-5:])
            assert b"This window is closed." in told, "the older window itself is told, not the newer one"
            assert "locked" in second.texts()
            assert live.live("vault") is newer.presence
            older.unlock()
            assert not older.presence.unlocked, "an ended session can never be opened again"
            taps = older.state.taps
            await first.session.dispatch_event(first.page._i, "keyboard_event", None)
            assert older.state.taps == taps


async def test_a_lock_that_fails_shows_nothing_any_more() -> None:
    app = App(lock_fails=True)
    async with FakeSession(app.main) as session:
        await open_session(app, session)
        await session.press("cover")
        assert SECRET not in session.texts()
        await session.lifecycle(LIFE.RESUME)
        assert SECRET not in session.texts()
