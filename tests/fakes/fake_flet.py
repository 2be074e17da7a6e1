"""Run a Flet app in-process against a fake client: no browser, no Flutter, milliseconds a test.

    async with FakeSession(main) as session:
        await session.press("New screening")
        await session.fill("Name as spoken", "Made-up Name")
        assert "5 of 20" in session.texts()

The fake answers what Flutter would: it encodes every message (Flet renders components during encoding), gives a
result to every method call, and follows navigation. It keeps every message, so that a test can search all that
ever left for the client. Any message that tells the client about a crash fails the test at once.

Tests that use it are ``async`` and marked ``@pytest.mark.anyio``.
"""

import asyncio
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Protocol, TypeVar

import flet as ft
import msgpack  # type: ignore[import-untyped]
from flet.controls.context import _context_page
from flet.messaging.connection import Connection
from flet.messaging.protocol import (
    Message,
    MessageAction,
    RegisterClientResponseBody,
    configure_encode_object_for_msgpack,
)
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub

ControlT = TypeVar("ControlT", bound=ft.BaseControl)
Main = Callable[[ft.Page], Any]


class Extension(Protocol):
    """An extension of the client that answers method calls, as one package of Flet's does."""

    methods: frozenset[str]

    def answer(
        self, method: str, arguments: dict[str, Any], sent: list[bytes]
    ) -> tuple[object, str | None] | None:
        """Return result and error of a call, None when it is never answered; `sent` is all that the client got."""


URL = "http://made-up.invalid"


class FakeClient(Connection):
    """The client's end of a connection."""

    def __init__(self, extension: Extension | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._extension = extension
        self.page_url = URL
        self.loop = asyncio.get_running_loop()
        self.executor = ThreadPoolExecutor(2)
        self.pubsubhub = PubSubHub(self.loop)
        self.session: Session
        self.sent: list[bytes] = []
        self.crashes: list[str] = []

    def send_message(self, message: Message) -> None:
        """Encode `message` as the real transport does, keep it, and answer a method call."""
        encode = configure_encode_object_for_msgpack(ft.BaseControl)  # type: ignore[no-untyped-call]
        self.sent.append(msgpack.packb([message.action, message.body], default=encode))
        if message.action is MessageAction.SESSION_CRASHED:
            self.crashes.append(message.body.message)
        if message.action is MessageAction.INVOKE_METHOD:
            self.loop.call_soon(self._answer, message.body)

    def _answer(self, call: Any) -> None:
        if call.name == "push_route":
            route = {"route": call.args["route"]}
            self.session.apply_page_patch(route)
            page = self.session.page._i
            self.loop.create_task(self.session.dispatch_event(page, "route_change", route))
        if self._extension and call.name in self._extension.methods:
            answer = self._extension.answer(call.name, call.args, self.sent)
            if answer is not None:
                self.session.handle_invoke_method_results(call.control_id, call.call_id, *answer)
            return
        self.session.handle_invoke_method_results(call.control_id, call.call_id, None, None)

    def dispose(self) -> None:
        """Called by Flet on disconnect; there is nothing to free."""


_PLAIN = (str, bytes, int, float)
"""What holds no control; most of what a control holds is such."""


@functools.cache
def _drawn(kind: type) -> tuple[str, ...]:
    """Return the fields of a kind of control, or of what it holds, in which controls may be drawn."""
    if not dataclasses.is_dataclass(kind):
        return ()
    return tuple(
        spec.name
        for spec in dataclasses.fields(kind)
        if spec.name != "_parent" and (spec.name == "_b" or not spec.metadata.get("skip"))
    )


def walk(
    node: object, seen: set[int] | None = None, *, hidden: bool = True, disabled: bool = True
) -> Iterator[ft.BaseControl]:
    """Yield every control below `node` in drawing order, through the bodies of components.

    With `hidden` also what is not visible, with `disabled` also what cannot be pressed, with all that they hold.
    """
    seen = set() if seen is None else seen
    if isinstance(node, ft.BaseControl):
        if id(node) in seen or not (hidden or getattr(node, "visible", True)):
            return
        if not disabled and getattr(node, "disabled", False):
            return
        seen.add(id(node))
        yield node
    if not isinstance(node, type) and (names := _drawn(type(node))):
        for name in names:
            value = getattr(node, name, None)
            if value is not None and not isinstance(value, _PLAIN):
                yield from walk(value, seen, hidden=hidden, disabled=disabled)
    elif isinstance(node, list | tuple | set):
        for item in node:
            yield from walk(item, seen, hidden=hidden, disabled=disabled)
    elif isinstance(node, dict):
        for item in node.values():
            yield from walk(item, seen, hidden=hidden, disabled=disabled)


def held_text(node: object) -> str:
    """Return every text that the client holds of `node`, also what no eye sees, such as what stands in fields."""
    held = ({**vars(control), **vars(control).get("_values", {})} for control in walk(node))
    return " ".join(value for values in held for value in values.values() if isinstance(value, str))


class FakeSession:
    """One session of the app `main`, as an async context manager."""

    def __init__(
        self,
        main: Main,
        *,
        route: str = "/",
        width: float = 412,
        height: float = 915,
        dark: bool = False,
        extension: Extension | None = None,
    ) -> None:
        self._main = main
        self._extension = extension
        brightness = ft.Brightness.DARK if dark else ft.Brightness.LIGHT
        self._patch = {
            "url": URL,
            "route": route,
            "width": width,
            "height": height,
            "platform_brightness": brightness,
        }

    async def __aenter__(self) -> "FakeSession":
        self.client = FakeClient(self._extension)
        self.session = self.client.session = Session(self.client)
        self.page = self.session.page
        _context_page.set(self.page)
        self.session.apply_page_patch(self._patch)
        patch = self.session.get_page_patch()  # type: ignore[no-untyped-call]
        hello = RegisterClientResponseBody("fake", patch, "")
        self.client.send_message(Message(MessageAction.REGISTER_CLIENT, hello))
        started = self._main(self.page)
        if inspect.isawaitable(started):
            await started
        await self.settle()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()  # type: ignore[no-untyped-call]
        self.client.executor.shutdown(wait=False)
        await asyncio.sleep(0)

    async def settle(self, rounds: int = 10) -> None:
        """Let scheduled updates, effects and navigation run."""
        for _ in range(rounds):
            await asyncio.sleep(0.001)

    async def wait_for(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until `condition` holds, for work that runs in threads.

        Raises:
            AssertionError: it did not hold within `seconds`.

        """
        for _ in range(int(seconds * 100)):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"still not true after {seconds} s; on screen: {self.texts()}")

    # What is on the screen

    def top(self) -> ft.View:
        """Return the visible view."""
        return [control for control in walk(self.page.views) if isinstance(control, ft.View)][-1]

    def find(self, kind: type[ControlT], root: object = None, **properties: object) -> list[ControlT]:
        """Return the controls of `kind` with these `properties` in the visible view.

        What is not `visible`, with all that it holds, is not on the screen.
        """
        return [
            control
            for control in walk(root if root is not None else self.top(), hidden=False)
            if isinstance(control, kind)
            and all(getattr(control, name, None) == value for name, value in properties.items())
        ]

    def texts(self) -> list[str]:
        """Return every text on the screen, top to bottom, without isolation marks."""
        marks = str.maketrans("", "", "\u2068\u2069")
        return [text.value.translate(marks) for text in self.find(ft.Text)]

    def identifiers(self) -> list[str]:
        """Return the test identifiers on the screen."""
        return [mark.identifier for mark in self.find(ft.Semantics) if mark.identifier]

    # What a person does

    async def fire(
        self, control: ft.BaseControl, event: str, data: object = None, **properties: object
    ) -> None:
        """Send `event` of `control` after patching its `properties`, as the client does.

        Raises:
            AssertionError: the handler made the app tell the client about a crash.

        """
        if properties:
            self.session.apply_patch(control._i, properties)
        await self.session.dispatch_event(control._i, event, data)
        await self.settle()
        assert not self.client.crashes, self.client.crashes[-1]

    async def press(self, words_or_identifier: str) -> None:
        """Press the one thing that has this test identifier, this accessible name, or shows this text."""
        await self.fire(self.pressable(words_or_identifier), "click")

    def pressable(self, words_or_identifier: str) -> ft.BaseControl:
        """Return the control that `press` presses.

        Raises:
            AssertionError: there is none, or more than one.

        """
        wanted = words_or_identifier
        marked = [
            self._clickable(mark)[0]
            for mark in walk(self.top(), hidden=False, disabled=False)
            if isinstance(mark, ft.Semantics)
            and wanted in (mark.identifier, mark.label)
            and self._clickable(mark)
        ]
        shown = [
            control
            for control in self._clickable(None)
            if any(text.value == wanted for text in walk(control) if isinstance(text, ft.Text))
        ]
        # Of nested things that show the same text, the innermost one is pressed.
        found = marked or shown[-1:]
        assert len(found) == 1, f"{len(found)} things to press for {wanted!r}; on screen: {self.texts()}"
        return found[0]

    def _clickable(self, root: object) -> list[ft.BaseControl]:
        place = root if root is not None else self.top()
        return [
            control
            for control in walk(place, hidden=False, disabled=False)
            if getattr(control, "on_click", None)
        ]

    async def fill(self, label: str, value: str) -> None:
        """Type `value` into the one text field labelled `label`."""
        found = self.find(ft.TextField, label=label)
        assert len(found) == 1, f"{len(found)} fields {label!r}; on screen: {self.texts()}"
        if found[0].on_change is not None:
            await self.fire(found[0], "change", value, value=value)
        else:
            self.session.apply_patch(found[0]._i, {"value": value})

    async def submit(self, label: str) -> None:
        """Press Enter in the text field labelled `label`."""
        (field,) = self.find(ft.TextField, label=label)
        await self.fire(field, "submit", field.value)

    async def choose(self, label: str, key: str) -> None:
        """Choose `key` in the drop-down list labelled `label`."""
        (menu,) = self.find(ft.Dropdown, label=label)
        await self.fire(menu, "select", key, value=key)

    async def key(self, name: str) -> None:
        """Press a key such as ``Escape``."""
        keys = {"key": name, "shift": False, "ctrl": False, "alt": False, "meta": False}
        await self.fire(self.page, "keyboard_event", keys)

    async def go(self, route: str) -> None:
        """Navigate to `route`."""
        self.page.navigate(route)
        await self.settle(12)

    # What the device does

    async def lifecycle(self, state: ft.AppLifecycleState) -> None:
        """Put the app into `state`: hidden, inactive, resumed and so on."""
        await self.fire(self.page, "app_lifecycle_state_change", {"state": state})

    async def resize(self, width: float, height: float = 915) -> None:
        """Change the size of the window."""
        await self.fire(self.page, "resize", {"width": width, "height": height}, width=width, height=height)

    async def brightness(self, *, dark: bool) -> None:
        """Let the device switch to dark or light."""
        await self.fire(self.page, "platform_brightness_change", "dark" if dark else "light")

    async def disconnect(self) -> None:
        """Lose the connection."""
        await self.session.disconnect(3600)
        await self.settle()
