"""What a screen needs to draw itself: words, tokens, width, and whether it is veiled.

One `Interface` exists per session. It is made in the composition root, never on module level, because a
shared observable would let a tap in one session change another one's screen. Applications extend it with
their own state and pass it as the first argument to every component and kit part.
"""

import contextvars
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from fieldapp.kit.i18n import Translator
from fieldapp.kit.theme import DARK, DIM, LIGHT, ROOMY, Theme, ThemeChoice, Width, theme_for


class Gone(RuntimeError):
    """What a component shows was locked away: it is about to be removed, and draws nothing until then.

    Locking and leaving change the state before Flet takes the old components off, so that they may be drawn once
    more, or get a tap that was on its way. The boundary keeps this quiet: it is no failure.
    """


Handler = Callable[..., Any]
"""An event handler as Flet takes it: with or without the event, plain or ``async``.

Work longer than a few milliseconds belongs into ``async def`` with `asyncio.to_thread`: a plain handler
runs on the event loop and stops every other tap. A ``lambda`` that returns a coroutine is *not* awaited by
Flet: bind arguments with `bound`.
"""


def bound(handler: Callable[..., Any], *args: Any) -> Handler:
    """Return an event handler that calls `handler` with `args`, and awaits it if it is ``async``."""

    async def handle() -> None:
        result = handler(*args)
        if inspect.isawaitable(result):
            await result

    return handle


def always(handler: Handler | None) -> Handler:
    """Return `handler`, or one that does nothing: for Enter in a field.

    The client tells of Enter only while the field has a handler. One that comes with the first letter comes too late
    for an Enter right after it.
    """

    async def handle() -> None:
        if handler is not None:
            await bound(handler)()

    return handle


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before something that cannot be undone, see `Interface.ask`.

    `yes` and `no` name what will happen ("Finish", "Go back"), never only yes and no. `danger` colours `yes`.
    """

    title: str
    words: str
    yes: str
    no: str
    on_yes: Handler
    danger: bool = False


class Interface(ft.Observable):
    """Presentation state of one session; components that receive it re-render when it changes.

    `veiled` blanks every screen; `ended` says that another window took over; `trouble` that a handler failed
    (see `boundary`); `roomy` that a list and what is chosen in it fit side by side; `cover` is the gesture that
    hides everything at once, set while something is unlocked; `asking` is the question in place of the screen;
    `instead` draws what stands in its place for a while, such as a viewfinder; it is told whether a cover button belongs
    there.
    """

    def __init__(
        self,
        language: str = "en",
        theme_choice: ThemeChoice = ThemeChoice.SYSTEM,
        text_scale: float = 1.0,
    ) -> None:
        """Start in `language`, with `theme_choice` and type sizes multiplied by `text_scale` (1.0 to 2.0)."""
        self._page: ft.Page | None = None
        self._context = contextvars.copy_context()
        self._system_dark = False
        self._theme_choice = theme_choice
        self.t: Translator = Translator(language)
        self.theme: Theme = theme_for(LIGHT, text_scale)
        self.width: Width = Width.PHONE
        self.roomy: bool = False
        self.veiled: bool = False
        self.away = 0
        """How often the app was left: what was typed before, and can be read, is not shown afterwards."""
        self.ended: bool = False
        self.trouble: bool = False
        self.asking: Question | None = None
        self.instead: Callable[[bool], ft.Control] | None = None
        self.cover: Callable[[], Awaitable[None]] | None = None
        self._arrow: Handler | None = None
        self._turns: tuple[Handler, Handler] | None = None
        self._quiet = False
        self._choose_theme(text_scale)

    @property
    def tn(self) -> Callable[..., str]:
        """The plural translation of the current language, see `Translator.tn`."""
        return self.t.tn

    @property
    def language(self) -> str:
        """Tag of the current language."""
        return self.t.language

    @property
    def theme_choice(self) -> ThemeChoice:
        """What the user chose, which is not always what is shown: see `ThemeChoice.SYSTEM`."""
        return self._theme_choice

    @property
    def phone(self) -> bool:
        """Whether the window is as narrow as a phone."""
        return self.width is Width.PHONE

    def set_language(self, language: str) -> None:
        """Show every screen in `language` from now on.

        Raises:
            ValueError: the language has no catalogue.

        """
        self.t = Translator(language)
        if self._page is not None:
            self._page.locale_configuration = _locales(self.t)

    def set_theme(self, choice: ThemeChoice) -> None:
        """Show light or dark, or what the device prefers."""
        self._theme_choice = choice
        self._choose_theme(self.theme.scale)

    def set_text_scale(self, scale: float) -> None:
        """Multiply all type sizes by `scale`, held within 1.0 and 2.0."""
        self._choose_theme(scale)

    @property
    def quiet(self) -> bool:
        """Whether somebody may be looking on: small neutral words, dimmed, until it is ended or the device locks."""
        return self._quiet

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        self._quiet = quiet
        self._choose_theme(self.theme.scale)

    def show_arrow(self, on_back: Handler | None) -> None:
        """Say what the back arrow of the screen does that is being drawn, None where there is none."""
        self._arrow = on_back

    async def press_arrow(self, otherwise: Handler) -> None:
        """Do what the back arrow on the screen does, for the system's back gesture; `otherwise` where none is shown.

        A veiled screen has nothing that a gesture could be meant for.
        """
        if not self.veiled:
            await bound(self._arrow or otherwise)()

    def show_turns(self, turns: tuple[Handler, Handler]) -> None:
        """Say what the left and the right arrow key do for as long as pages are shown."""
        self._turns = turns

    def end_turns(self, turns: tuple[Handler, Handler] | None = None) -> None:
        """Say that those pages are gone (without an argument: any); others that are shown since then stay."""
        if turns is None or self._turns == turns:
            self._turns = None

    async def press_turn(self, *, forward: bool) -> None:
        """Turn a page, for an arrow key; nothing where there are no pages, or something hides them."""
        if self._turns is not None and not self.veiled and self.asking is None:
            await bound(self._turns[forward])()

    def ask(self, question: Question) -> None:
        """Show `question` in place of the screen until it is answered; locking and leaving the place withdraw it."""
        self.asking = question

    async def decide(self, question: Question, *, yes: bool) -> None:
        """Take the question away, and do what it was about if the answer is `yes`. A second tap does nothing."""
        if self.asking is not question:
            return
        self.asking = None
        if yes:
            await bound(question.on_yes)()

    async def hidden(self) -> None:
        """End what must not go on while the app cannot be seen. Nothing by default."""

    def attach(self, page: ft.Page) -> None:
        """Follow the window's width and the device's brightness, and set the page's own look."""
        self._page = page
        self._context = contextvars.copy_context()
        self._system_dark = page.platform_brightness is ft.Brightness.DARK
        self._measure(page.width or 0)
        page.enable_screenshots = False
        page.locale_configuration = _locales(self.t)
        page.on_resize = self._on_resize
        page.on_platform_brightness_change = self._on_brightness
        self._choose_theme(self.theme.scale)

    def here(self, work: Callable[[], object]) -> Callable[[], None]:
        """Return a callback that does `work` in this session, whoever calls it on the event loop.

        Flet refuses a change of state that is made outside of one of its own handlers, such as by a service.
        """

        def run() -> None:
            # A copy: a context that is entered already cannot be entered once more.
            self._context.copy().run(work)

        return run

    def _on_resize(self, event: ft.PageResizeEvent) -> None:
        self._measure(event.width)

    def _measure(self, pixels: float) -> None:
        self.width, self.roomy = Width.of(pixels), pixels >= ROOMY

    def _on_brightness(self, event: ft.PlatformBrightnessChangeEvent) -> None:
        # Flet sends a bare word here, so the event has `data` but not the `brightness` of its type.
        self._system_dark = ft.Brightness(event.data) is ft.Brightness.DARK
        self._choose_theme(self.theme.scale)

    def _choose_theme(self, scale: float) -> None:
        dark = self._theme_choice is ThemeChoice.DARK or (
            self._theme_choice is ThemeChoice.SYSTEM and self._system_dark
        )
        dark = dark or self._quiet
        palette = DIM if self._quiet else DARK if dark else LIGHT
        self.theme = theme_for(palette, scale, quiet=self._quiet)
        if self._page is not None:
            self._page.theme = self._page.dark_theme = self.theme.material()
            self._page.theme_mode = ft.ThemeMode.DARK if dark else ft.ThemeMode.LIGHT


def _locales(t: Translator) -> ft.LocaleConfiguration:
    return ft.LocaleConfiguration(supported_locales=[t.locale()], current_locale=t.locale())
