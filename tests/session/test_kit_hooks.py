"""A repeated call lives as long as its component is on the screen."""

import asyncio

import flet as ft
import pytest

from fieldapp.kit import layout, text
from fieldapp.kit.boundary import component
from fieldapp.kit.hooks import use_every, use_redraw_every
from fieldapp.kit.interface import Interface
from tests.fakes.fake_flet import FakeSession

pytestmark = pytest.mark.anyio


class State(Interface):
    def __init__(self) -> None:
        super().__init__()
        self.shown = True
        self._calls = 0
        self._draws = 0


@component
def ticking(state: State) -> ft.Control:
    async def count() -> None:
        state._calls += 1

    use_every(0.01, count)
    return text.body(state, "ticking")


@component
def redrawn(state: State) -> ft.Control:
    use_redraw_every(0.01)
    state._draws += 1
    return text.body(state, "redrawn")


@component
def root(state: State) -> list[ft.View]:
    parts = [ticking(state), redrawn(state)] if state.shown else [text.body(state, "nothing")]
    return [layout.screen(state, "/", parts)]


async def test_calls_repeat_while_shown_and_end_with_the_component() -> None:
    state = State()
    async with FakeSession(lambda page: page.render_views(root, state)) as session:
        await session.wait_for(lambda: state._calls > 2 and state._draws > 2)
        state.shown = False
        await session.settle()
        calls, draws = state._calls, state._draws
        await asyncio.sleep(0.1)
        assert (state._calls, state._draws) == (calls, draws)
