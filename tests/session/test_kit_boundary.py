"""T1 and T2: an error in a screen neither freezes the app nor reaches the client."""

import asyncio
import logging
from typing import Any

import flet as ft
import pytest

from fieldapp.kit import buttons, layout, text
from fieldapp.kit.boundary import component, guard_session
from fieldapp.kit.fields import typed
from fieldapp.kit.interface import Interface
from tests.fakes.fake_flet import FakeSession, Main

pytestmark = pytest.mark.anyio

CANARY = "made-up-canary-7Q"


class State(Interface):
    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.taps = 0
        self.with_effect = False

    def tap(self) -> None:
        self.taps += 1

    def break_screen(self) -> None:
        self.broken = True

    def mend(self) -> None:
        self.broken = False

    def fail(self) -> None:
        raise ValueError(f"{CANARY}\n{CANARY}")

    async def fail_later(self) -> None:
        raise KeyError(CANARY)


@component
def fragile(state: State) -> ft.Control:
    if state.broken:
        raise ValueError(CANARY)
    return text.body(state, "whole")


@component
def effect(state: State) -> ft.Control:
    def fail() -> None:
        raise RuntimeError(CANARY)

    ft.use_effect(fail, [state.taps])
    return text.body(state, "effect")


@component
def some_screen(state: State) -> ft.View:
    if state.taps > 100:
        raise ValueError(CANARY)
    actions = {
        "tap": state.tap,
        "break": state.break_screen,
        "mend": state.mend,
        "fail": state.fail,
        "fail later": state.fail_later,
    }
    return layout.screen(
        state,
        "/",
        [
            fragile(state),
            *([effect(state)] if state.with_effect else []),
            text.body(state, f"taps {state.taps}"),
            *(buttons.secondary_button(state, words, do) for words, do in actions.items()),
        ],
    )


@component
def root(state: State) -> list[ft.View]:
    return [some_screen(state)]  # type: ignore[list-item]


def app(state: State) -> Main:
    def main(page: ft.Page) -> None:
        guard_session(page, state)
        state.attach(page)
        page.render_views(root, state)

    return main


def everything_sent(session: FakeSession) -> bytes:
    return b"".join(session.client.sent)


async def test_a_render_error_shows_a_calm_line_and_the_app_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeSession(app(State())) as session:
        await session.press("break")
        assert "This part cannot be shown. What you saved is safe." in session.texts()
        await session.press("tap")
        assert "taps 1" in session.texts(), "the rest of the screen still lives"
        await session.press("mend")
        assert "whole" in session.texts(), "and so does the part itself"
        assert CANARY.encode() not in everything_sent(session)
    assert "fragile failed: ValueError" in caplog.messages


async def test_a_whole_screen_that_fails_falls_back_to_a_view() -> None:
    state = State()
    async with FakeSession(app(state)) as session:
        state.taps = 101
        await session.settle()
        assert session.texts() == ["This part cannot be shown. What you saved is safe."]


@pytest.mark.parametrize("button", ["fail", "fail later"])
async def test_a_handler_error_keeps_the_screen_and_sends_no_traceback(
    button: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeSession(app(State())) as session:
        await session.press("tap")
        await session.press(button)
        assert "taps 1" in session.texts()
        assert any(words.startswith("That did not work.") for words in session.texts())
        assert CANARY.encode() not in everything_sent(session)
        assert b"Traceback" not in everything_sent(session)
        await session.press("trouble")
        assert not any(words.startswith("That did not work.") for words in session.texts())
    ours = [record.getMessage() for record in caplog.records if record.name == "fieldapp"]
    assert ours[-1] in ("State.fail failed: ValueError", "State.fail_later failed: KeyError")
    assert not any(CANARY in message for message in ours)


async def test_an_answer_for_a_part_that_is_gone_does_not_end_the_connection() -> None:
    """Flet raises here where it reads from the client: a camera that was left while it opened locked the app."""
    async with FakeSession(app(State())) as session:
        session.client.session.handle_invoke_method_results(999, "made up", b"a picture", None)
        await session.press("tap")
        assert "taps 1" in session.texts()
        waiting = asyncio.create_task(session.client.session.invoke_method(1, "made_up", None))
        assert await asyncio.wait_for(waiting, 30) is None, "what is there still gets its answers"


async def test_an_effect_error_sends_no_traceback() -> None:
    state = State()
    state.with_effect = True
    async with FakeSession(app(state)) as session:
        await session.press("tap")
        assert "effect" in session.texts()
        assert state.trouble
        assert CANARY.encode() not in everything_sent(session)


async def test_a_control_that_flet_refuses_replaces_the_screen_by_calm_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its error comes outside of any component and ends Flet's update task: the screen would freeze."""

    @component
    def refused_screen(state: State) -> ft.View:
        part = ft.Button() if state.broken else ft.Text(CANARY)
        return ft.View(controls=[part])

    state = State()

    def main(page: ft.Page) -> None:
        guard_session(page, state)
        page.render_views(lambda: [refused_screen(state)])

    async with FakeSession(main) as session:
        state.broken = True
        await session.settle()
        assert session.client.crashes == ["Please load this page again. What you saved is safe."]
    assert any(line.endswith("failed: ValueError") for line in caplog.messages)


async def test_without_the_handler_flet_sends_the_traceback() -> None:
    """The reason for the boundary, and the alarm if a new Flet changes how errors are reported."""

    def main(page: ft.Page) -> None:
        state = State()
        state.attach(page)
        page.render_views(root, state)

    async with FakeSession(main) as session:
        with pytest.raises(AssertionError, match="Traceback"):
            await session.press("fail")


def test_the_log_of_a_failure_names_function_and_class_only(caplog: pytest.LogCaptureFixture) -> None:
    from fieldapp.kit.boundary import record_failure

    with caplog.at_level(logging.ERROR, "fieldapp"):
        record_failure("screen", ValueError(CANARY))
    assert caplog.messages == ["screen failed: ValueError"]
    record: Any = caplog.records[0]
    assert record.exc_info is None


async def test_a_tap_right_after_a_letter_is_answered_with_the_letter() -> None:
    """Both events wait side by side when the app was busy; the handler must not be that of the screen before."""
    answered: list[str] = []

    @component
    def form_screen() -> ft.View:
        words, set_words = ft.use_state("")
        return ft.View(
            controls=[
                ft.TextField(value=words, on_change=typed(set_words), key="field"),
                ft.Button("answer", on_click=lambda: answered.append(words)),
            ]
        )

    def main(page: ft.Page) -> None:
        guard_session(page, State())
        page.render_views(lambda: [form_screen()])

    async with FakeSession(main) as session:
        (field,), (button,) = session.find(ft.TextField), session.find(ft.Button)
        async with asyncio.TaskGroup() as arrived:
            for target, name, data in ((field, "change", "abc"), (button, "click", None)):
                arrived.create_task(session.session.dispatch_event(target._i, name, data))
        assert answered == ["abc"]
        assert session.client.crashes == []


async def test_any_number_of_taps_that_waited_together_meets_what_the_one_before_changed() -> None:
    @component
    def counting_screen() -> ft.View:
        count, set_count = ft.use_state(0)
        return ft.View(controls=[ft.Button(str(count), on_click=lambda: set_count(count + 1))])

    def main(page: ft.Page) -> None:
        guard_session(page, State())
        page.render_views(lambda: [counting_screen()])

    async with FakeSession(main) as session:
        (button,) = session.find(ft.Button)
        async with asyncio.TaskGroup() as arrived:
            for _ in range(60):
                arrived.create_task(session.session.dispatch_event(button._i, "click", None))
        await session.settle()
        (button,) = session.find(ft.Button)
        assert button.content == "60"


async def test_two_fields_changed_at_once_both_keep_what_was_typed_and_a_burst_is_drawn_once() -> None:
    drawn: list[tuple[str, str]] = []

    @component
    def form_screen() -> ft.View:
        both, set_both = ft.use_state(("", ""))
        drawn.append(both)
        return ft.View(
            controls=[
                ft.TextField(on_change=typed(lambda words: set_both((words, both[1]))), key="first"),
                ft.TextField(on_change=typed(lambda words: set_both((both[0], words))), key="second"),
            ]
        )

    def main(page: ft.Page) -> None:
        guard_session(page, State())
        page.render_views(lambda: [form_screen()])

    async with FakeSession(main) as session:
        first, second = session.find(ft.TextField)
        before = len(drawn)
        async with asyncio.TaskGroup() as arrived:
            for field, words in ((first, "a"), (first, "ab"), (first, "abc"), (second, "x"), (second, "xy")):
                arrived.create_task(session.session.dispatch_event(field._i, "change", words))
        await session.settle()
        assert drawn[-1] == ("abc", "xy")
        assert len(drawn) - before == 2
