"""Nothing that goes wrong in a screen may freeze the app or show a traceback, and no tap meets an outdated screen.

Flet 1.0.5 has three traps here. An error while rendering kills the session's update task, so that the screen
freezes for ever without a word. An error in a handler replaces the whole interface by the full traceback,
with a copy button, which may contain what a person said. And while the app is busy, a tap can be answered by the
screen as it was before the last letter was typed. `component` and `guard_session` close them. What is recorded is
the function and the class of the exception: never a message, an argument or a line.
"""

import asyncio
import contextlib
import functools
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final, ParamSpec, cast

import flet as ft
from flet.messaging.session import Session

from fieldapp.kit.interface import Gone, Interface
from fieldapp.kit.theme import LIGHT, Theme, theme_for

P = ParamSpec("P")
LOG: Final = logging.getLogger("fieldapp")

_ROUNDS: Final = 10
"""Rounds of the event loop that an event waits for the screen. Flet needs one; after a crash it never draws again."""


def record_failure(where: str, error: BaseException) -> None:
    """Log that `where` (a function's name) failed with the class of `error`, and nothing else."""
    LOG.error("%s failed: %s", where, type(error).__name__)


def component(fn: Callable[P, ft.Control | list[ft.View] | ft.View]) -> Callable[P, ft.Control]:
    """Make `fn` a Flet component that shows a calm fallback instead of failing.

    The component takes Flet's ``key`` keyword as well. A failing component that returns a view, or whose
    name ends in ``_screen``, falls back to a whole view; any other one to a short line in its place.
    """

    @functools.wraps(fn)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> object:
        try:
            return fn(*args, **kwargs)
        except Gone:
            return _fallback(fn, args, kwargs, gone=True)
        except Exception as error:
            record_failure(fn.__qualname__, error)
            return _fallback(fn, args, kwargs)

    return cast(Callable[P, ft.Control], ft.component(guarded))


def drawn_once(screen: Callable[P, ft.Control]) -> Callable[P, ft.Control]:
    """Draw a component only for its own changes, not for those of the component that holds it.

    For a screen that gets nothing but the state: it follows the state by itself, and so does the component that
    chooses it. Flet draws both for one change, in no particular order, and without this the screen twice.
    """
    return cast(Callable[P, ft.Control], ft.memo(screen))  # type: ignore[no-untyped-call]


def guard_session(page: ft.Page, ui: Interface) -> None:
    """Replace what the session does with an unhandled error of a handler, an effect or ``main``.

    Flet would send the traceback to the client. Instead the failure is recorded and `ui.trouble` is set, so
    that `screen` says calmly that it did not work; the state, and so the screen, is kept. Call it first in
    ``main``. An error while Flet compares and sends the screen cannot be mended: then Flet's own crash page replaces
    the screen, with one calm sentence on it. `Session.error` is semi-private: flet is pinned, and a test holds this.

    An event also waits until what earlier ones changed is drawn (`docs/adr/0040`). And what the client answers to a
    method of a part that is gone by then (a camera that was left while it opened) is dropped: Flet would raise where it
    reads from the client, which ends the connection, and that locks.
    """

    def calm(message: str) -> None:
        # The message is a traceback with values in it. Flet calls this while it handles the exception.
        error = sys.exception()
        if isinstance(error, Gone):
            return  # a tap was on its way to what is not there any more
        if error is not None:
            record_failure(_innermost_function(error), error)
        ui.trouble = True

    session = page.session
    crash, patch, dispatch = session.error, session.patch_control, session.dispatch_event
    take_answer = session.handle_invoke_method_results

    def patch_or_crash(*args: Any, **kwargs: Any) -> None:
        try:
            patch(*args, **kwargs)
        except Exception as error:
            # Flet's update task ends now, so nothing could be covered any more: better no screen than a frozen one.
            record_failure(_innermost_function(error), error)
            with contextlib.suppress(Exception):  # the connection may be what failed
                crash(ui.t("Please load this page again. What you saved is safe."))
            raise

    last: tuple[int, str] | None = None
    gone_on = 0

    async def dispatch_to_what_is_drawn(control_id: int, event_name: str, event_data: Any) -> None:
        nonlocal last, gone_on
        event = (control_id, event_name)
        rounds, seen = 0, gone_on
        # Letters typed into one field need not wait for each other: the last one says it all, and is drawn once.
        while _waits_to_be_drawn(session) and not event == last == (control_id, "change"):
            if seen != gone_on:  # an earlier event went on, and what waits now is what that one changed
                rounds, seen = 0, gone_on
            if rounds == _ROUNDS:
                break
            rounds += 1
            await asyncio.sleep(0)
        last = event
        gone_on += 1
        await dispatch(control_id, event_name, event_data)

    def take_answer_if_there(*args: Any, **kwargs: Any) -> None:
        with contextlib.suppress(RuntimeError):
            take_answer(*args, **kwargs)

    session.error = calm  # type: ignore[method-assign]
    session.patch_control = patch_or_crash  # type: ignore[method-assign]
    session.dispatch_event = dispatch_to_what_is_drawn  # type: ignore[method-assign]
    session.handle_invoke_method_results = take_answer_if_there  # type: ignore[method-assign]


def _waits_to_be_drawn(session: Session) -> bool:
    """Whether a change of state has not reached the screen yet. Private in Flet: it is pinned, and a test holds this."""
    return bool(session._Session__pending_updates)  # type: ignore[attr-defined]


def _innermost_function(error: BaseException) -> str:
    frames = traceback.walk_tb(error.__traceback__)
    return [frame.f_code.co_qualname for frame, _ in frames][-1]


def _fallback(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], *, gone: bool = False
) -> ft.Control:
    ui = next((a for a in (*args, *kwargs.values()) if isinstance(a, Interface)), None)
    theme = ui.theme if ui is not None else theme_for(LIGHT)
    t: Callable[[str], str] = ui.t if ui is not None else str
    text = _calm_text(theme, "" if gone else t("This part cannot be shown. What you saved is safe."))
    returned = str(fn.__annotations__.get("return", ""))
    if "View" not in returned and not fn.__name__.endswith("_screen"):
        return text
    return ft.View(
        route="/",
        bgcolor=theme.palette.paper,
        padding=theme.side,
        vertical_alignment=ft.MainAxisAlignment.CENTER,
        controls=[text],
    )


def _calm_text(theme: Theme, words: str) -> ft.Text:
    return ft.Text(words, size=theme.text, color=theme.palette.muted)
