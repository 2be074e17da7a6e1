"""A recording of an open record, played by the browser from its own memory.

Its bytes go to the page in the address of the sound (``data:``): nothing is asked of a server and nothing is kept.
Foreign bytes are decoded where the browser decodes those of any web page, in a process that is shut in. When the part
leaves the screen, for whatever reason, the page lets go of the sound.
"""

import base64
import importlib
from types import ModuleType
from typing import Any, Final

import flet as ft

from fieldapp.desk.parts.copying import copy_part
from fieldapp.desk.shown import ShownFile
from fieldapp.desk.state import DeskState
from fieldapp.domain.attachment import MEDIA, Attachment, AttachmentKind
from fieldapp.kit.boundary import component, record_failure
from fieldapp.kit.buttons import quiet_button, secondary_button
from fieldapp.kit.hooks import use_once
from fieldapp.kit.text import body, quiet
from fieldapp.services.media.sniffing import media_of

STEP: Final = 10
"""Seconds that one tap goes back or on."""
_NEVER: Final = frozenset({"audio/amr"})
"""What no browser plays."""


@component
def sound_part(state: DeskState, shown: ShownFile, file: Attachment) -> ft.Control:
    """Show the controls of a recording, and what to do where it does not play."""
    player = use_once(lambda: Player(shown, file.media))
    # Flet cancels an effect's task before its cleanup, and only if there is one.
    ft.use_effect(player.open, [], cleanup=player.close)
    return _controls(state, player, file)


@component
def _controls(state: DeskState, player: "Player", file: Attachment) -> ft.Control:
    t = state.t
    if player.fails:
        return copy_part(state, file, t("This recording does not play here."))
    place = now = clock_words(player.second)
    if player.length:
        place = t("{now} of {total}", now=now, total=clock_words(player.length))
    words, icon = (
        (t("Pause"), ft.Icons.PAUSE_ROUNDED) if player.plays else (t("Play"), ft.Icons.PLAY_ARROW_ROUNDED)
    )
    back, on = t("{n} s back", n=STEP), t("{n} s on", n=STEP)
    bar = ft.ProgressBar(
        value=min(1.0, player.second / player.length) if player.length else 0.0,
        bar_height=state.theme.progress_bar,
        border_radius=state.theme.progress_bar,
        color=state.theme.palette.accent.solid,
        bgcolor=state.theme.palette.line,
    )
    steps: list[ft.Control] = [
        quiet_button(state, back, player.back, icon=ft.Icons.REPLAY_10_ROUNDED, identifier="sound-back"),
        quiet_button(state, on, player.on, icon=ft.Icons.FORWARD_10_ROUNDED, identifier="sound-on"),
    ]
    beside = ft.Row([ft.Container(step, expand=True) for step in steps], spacing=state.theme.gap)
    return ft.Column(
        [
            secondary_button(state, words, player.toggle, icon=icon, identifier="sound-play"),
            bar,
            body(state, place),
            ft.Column(steps, spacing=0) if state.theme.stacked else beside,
            quiet(state, t("Make sure that nobody else hears it.")),
            copy_part(state, file, ""),
        ],
        spacing=state.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


class Player(ft.Observable):
    """One recording at the browser. `second` is where it stands, `length` its seconds (0 where unknown)."""

    def __init__(self, shown: ShownFile, media: str) -> None:
        """Prepare to play what is `shown`; `media` is what its list says it is."""
        self._shown = shown
        self._media = media
        self._page: ft.Page | None = None
        self._audio: Any = None
        self.plays = False
        self.second = shown.second
        self.length = 0
        # A play list, for one, would lead some players to fetch what it names.
        other = bool(shown.data) and MEDIA.get(media_of(shown.data)) is not AttachmentKind.AUDIO
        self.fails = other or media in _NEVER or _sounds() is None

    def open(self) -> None:
        """Give the sound to the browser. Called when its part is on the screen."""
        module = _sounds()
        if self.fails or module is None or not self._shown.data:
            return
        self._page = ft.context.page
        # The name is there for the dot: what has none, the client would take for bytes of an MP3.
        address = f"data:{self._media};name=sound.x;base64,{base64.b64encode(self._shown.data).decode()}"
        self._audio = module.Audio(
            src=address,
            release_mode=module.ReleaseMode.STOP,
            on_duration_change=self._on_length,
            on_position_change=self._on_place,
            on_state_change=self._on_state,
        )
        self._shown.stop = self.close

    def close(self) -> None:
        """Take the sound from the browser: it stops at once. Idempotent.

        Flet counts the references to a service to find out whether it is still wanted; here it must not depend on that.
        The list of services is private in Flet: it is pinned, and a test holds this.
        """
        audio, page, self._audio, self._page = self._audio, self._page, None, None
        if self._shown.stop == self.close:
            self._shown.stop = None
        if audio is None or page is None:
            return
        registry = page._services
        registry._services = [service for service in registry._services if service is not audio]
        try:
            registry.update()
        except Exception as error:  # locking goes on whatever happens here
            record_failure("Player.close", error)
        audio.src = None

    async def toggle(self) -> None:
        """Play from where it stands, or pause."""
        if self._audio is None:
            return
        try:
            if self.plays:
                await self._audio.pause()
            else:
                await self._audio.resume()
        except (RuntimeError, TimeoutError):  # what the client could not do, in its own words
            self._failed()

    async def back(self) -> None:
        """Go back by `STEP` seconds."""
        await self._go(self.second - STEP)

    async def on(self) -> None:
        """Go on by `STEP` seconds."""
        await self._go(self.second + STEP)

    async def _go(self, second: int) -> None:
        # The client waits for ever when it is asked to move in a sound that it has not loaded yet.
        if self._audio is None or not self.length:
            return
        self.second = self._shown.second = max(0, min(second, self.length))
        try:
            await self._audio.seek(self.second * 1000)
        except (RuntimeError, TimeoutError):
            self._failed()

    def _failed(self) -> None:
        self.fails, self.plays = True, False
        self.close()

    async def _on_length(self, event: Any) -> None:
        known, self.length = self.length, max(self.length, -(-_milliseconds(event.duration) // 1000))
        if not known and self.second:
            await self._go(self.second)  # where it was left

    def _on_place(self, event: Any) -> None:
        if not self.length:
            return  # of a sound that is being loaded: its beginning
        self.second = self._shown.second = _milliseconds(event.position) // 1000

    def _on_state(self, event: Any) -> None:
        state = str(getattr(event.state, "value", event.state))
        self.plays = state == "playing"
        if state == "completed":
            self.second = self._shown.second = 0


def clock_words(seconds: int) -> str:
    """Return a time as minutes and seconds: "2:05"."""
    return f"{seconds // 60}:{seconds % 60:02}"


def _milliseconds(value: Any) -> int:
    return int(getattr(value, "in_milliseconds", value) or 0)


def _sounds() -> ModuleType | None:
    """Return the package of sounds, None where this installation was made without it."""
    try:
        return importlib.import_module("flet_audio")
    except ImportError:
        return None
