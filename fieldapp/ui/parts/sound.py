"""Recording sound inside the app: nothing lands in a file.

The recording itself belongs to the open notebook (`services.capturing`), which keeps it every few seconds: it goes on
while the screen is only blanked, and is ended and kept when the app is hidden, covered, locked or left.
"""

from typing import Final

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button
from fieldapp.kit.hooks import use_redraw_every
from fieldapp.kit.interface import Handler
from fieldapp.kit.layout import in_place
from fieldapp.kit.notices import notice, status_line
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.services.capturing import Recording
from fieldapp.services.media.tuning import Tuning
from fieldapp.services.media.voice import RATE, samples_in
from fieldapp.ui.parts.microphone import Microphone, MicrophoneUnusable
from fieldapp.ui.parts.photo import kept_words
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import FieldState
from fieldapp.ui.words import trouble_notice

SECONDS_BETWEEN_LOOKS: Final = 0.5
SECONDS_BEFORE_LOCKING: Final = 30
"""So long before the app would lock by itself, in the middle of a recording, it says so."""


@component
def sound_taking(
    state: FieldState, owner: bytes, label: str, microphone: Microphone, covers: bool
) -> ft.Control:
    """Record for something unfinished (`owner` is its id): begin, watch, stop; then it is kept, and can be removed."""
    trying = use_trying(state)
    redraw = use_redraw_every(SECONDS_BETWEEN_LOOKS)
    captures, page = state.open.captures, ft.context.page
    recording = captures.recording

    async def begin() -> None:
        begun = captures.begin(owner, label, Tuning() if page.web else None)
        begun.on_end = microphone.release
        redraw()
        try:
            await microphone.open(begun.take)
        except MicrophoneUnusable:
            # Whoever left while the system was asking may be recording again by now.
            if captures.recording is begun:
                captures.forget()
        redraw()

    async def stop() -> None:
        going_on = captures.recording  # also one that began after this was drawn
        if going_on is not None:
            await microphone.close()
            await going_on.end()
            redraw()

    async def remove() -> None:
        if recording is not None:
            await recording.remove()
            leave()

    def leave() -> None:
        captures.forget()
        state.instead = None

    async def back() -> None:
        await stop()
        leave()

    # Blanking takes this view away too, and the recording goes on; whatever else leads away from it ends it.
    ft.use_effect(lambda: None, [], cleanup=lambda: None if state.instead else captures.end_soon())
    if recording is None or microphone.opening:
        content, bottom = _before(state, owner, microphone, trying.of(begin))
    elif recording.ended:
        content, bottom = _after(state, recording, trying.of(remove), leave)
    else:
        content, bottom = _under_way(state, recording, trying.of(remove), trying.of(stop))
    return in_place(
        state,
        [*content, *trying.shown()],
        title=state.t("Sound") if state.quiet else state.t("Record sound"),
        covers=covers,
        on_back=back,  # also while the system is still asking about the microphone
        bottom=[bottom],
    )


Parts = tuple[list[ft.Control], ft.Control]
"""What is read, and the one button."""


def _before(state: FieldState, owner: bytes, microphone: Microphone, begin: Handler) -> Parts:
    t = state.t
    most = samples_in(state.open.attachments.room(owner)) / RATE
    content: list[ft.Control] = [body(state, t("It ends by itself after {time}.", time=time_words(most)))]
    if not state.quiet:
        content.append(quiet(state, t("It stays in this app, encrypted, and is kept while you record.")))
    if microphone.refused:
        words = t("The microphone cannot be used, or was not allowed. You can choose a file instead.")
        content.append(notice(state, t("This is not possible here.") if state.quiet else words))
    start = None if microphone.opening else begin
    button = primary_button(
        state, t("Start"), start, icon=ft.Icons.MIC_NONE_ROUNDED, identifier="sound-start"
    )
    return content, button


def _under_way(state: FieldState, recording: Recording, remove: Handler, stop: Handler) -> Parts:
    t, theme = state.t, state.theme
    high = theme.palette.high
    dot = ft.Icon(ft.Icons.FIBER_MANUAL_RECORD_ROUNDED, size=theme.icon_large, color=high.solid)
    level = ft.ProgressBar(
        value=recording.level**0.5,  # what is half as loud is more than half of what one hears
        bar_height=theme.gap,
        border_radius=theme.gap,
        color=theme.palette.accent.solid,
        bgcolor=theme.palette.line,
    )
    content: list[ft.Control] = [
        ft.Row([dot, large(state, time_words(recording.seconds))], spacing=theme.gap),
        level,
        quiet(state, t("{time} left", time=time_words(recording.seconds_left))),
    ]
    locking = state.presence.seconds_left
    if locking < min(SECONDS_BEFORE_LOCKING, recording.seconds_left):
        words = t("Touch here to go on: the app locks in {time}.", time=time_words(locking))
        # Any touch that the app hears of puts the lock off.
        content.append(notice(state, words, on_click=lambda: None, identifier="sound-stay"))
    content.append(_remove(state, remove))
    return content, primary_button(
        state, t("Stop"), stop, icon=ft.Icons.STOP_ROUNDED, identifier="sound-stop"
    )


def _after(state: FieldState, recording: Recording, remove: Handler, leave: Handler) -> Parts:
    t = state.t
    content: list[ft.Control] = []
    if recording.trouble is not None:
        content.append(trouble_notice(state, recording.trouble))
    if recording.file is None:
        content.append(body(state, t("Nothing was heard, and nothing is kept.")))
    else:
        content.append(large(state, time_words(recording.kept_seconds)))
        content.append(status_line(state, ft.Icons.LOCK_OUTLINED, kept_words(state)))
        if recording.seconds_left == 0:
            content.append(body(state, t("It ended because there is no room for more.")))
        content.append(_remove(state, remove))
    return content, primary_button(state, t("Done"), leave, identifier="sound-done")


def _remove(state: FieldState, remove: Handler) -> ft.Control:
    return quiet_button(
        state, state.t("Remove"), remove, icon=ft.Icons.CLOSE_ROUNDED, identifier="sound-remove"
    )


def time_words(seconds: float) -> str:
    """Return minutes and seconds, as a clock shows them."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
