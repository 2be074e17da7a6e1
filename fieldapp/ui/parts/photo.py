"""Taking a photo inside the app: nothing lands in a gallery or in a file.

The picture is kept, encrypted, as soon as it was taken: whoever loses the device in the next second has lost nothing.
Then it is shown once, because a worker must see whether it is sharp. "Take again" puts another one in its place, when
that one is kept. What is shown leaves the screen with the next tap, and whenever the screen is blanked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import flet as ft

from fieldapp.domain.attachment import Attachment
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Handler
from fieldapp.kit.layout import in_place
from fieldapp.kit.notices import notice, status_line
from fieldapp.kit.text import quiet
from fieldapp.ui.parts.camera import CameraUnusable, lens, picture
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState

RESOLUTION: Final = "VERY_HIGH"
"""1080 lines: what is kept has at most 2048 pixels. A phone encodes it in software, so more would take too long."""
HEIGHT: Final = 420
"""Pixels of what the camera sees, and of the picture that was taken."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the camera gave, and how it must be turned."""

    data: bytes = field(repr=False)
    turns: int
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture that is kept: what it was made of, and what it looks like."""

    file: Attachment
    frame: Frame
    picture: bytes = field(repr=False)


_NOTHING: Final[Taken | None] = None


@component
def photo_taking(state: FieldState, owner: bytes, label: str, covers: bool, close: Handler) -> ft.Control:
    """Look through the camera and take a picture for something unfinished (`owner` is its id); then show it once."""
    trying = use_trying(state)
    notebook = use_once(lambda: state.open)
    taken, set_taken = ft.use_state(_NOTHING)
    looking, set_looking = ft.use_state(True)
    unusable, set_unusable = ft.use_state(False)

    async def keep(frame: Frame) -> None:
        # A client may answer long after a lock: what it gives then belongs into no notebook that was opened since.
        if state.notebook is not notebook:
            return
        file, prepared = await notebook.captures.photo(
            owner,
            frame.data,
            label,
            turns=frame.turns,
            mirrored=frame.mirrored,
            instead_of=taken.file.id if taken else None,
        )
        if state.notebook is notebook:
            set_taken(Taken(file, frame, prepared.data))
            set_looking(False)

    def cannot() -> None:
        set_unusable(True)

    if unusable:
        return _without(state, covers, close)
    if taken is None or looking:
        return _finder(state, covers, trying, keep, cannot, close)

    async def turn() -> None:
        await keep(Frame(taken.frame.data, taken.frame.turns + 1, taken.frame.mirrored))

    async def remove() -> None:
        await notebook.attachments.remove(owner, taken.file.id)
        if state.notebook is notebook:
            state.instead = None

    return _review(
        state,
        taken,
        covers,
        trying,
        turn=trying.of(turn),
        again=lambda: set_looking(True),
        remove=trying.of(remove),
        close=close,
    )


@component
def _finder(
    state: FieldState,
    covers: bool,
    trying: Trying,
    keep: Callable[[Frame], Awaitable[None]],
    on_unusable: Callable[[], None],
    close: Handler,
) -> ft.Control:
    """Show what the camera sees, with one button."""
    t = state.t
    camera = use_once(lambda: lens(ft.context.page))
    is_open, set_open = ft.use_state(False)
    taking, set_taking = ft.use_state(False)

    async def look() -> None:
        try:
            await camera.open(RESOLUTION)
        except CameraUnusable:
            on_unusable()
            return
        set_open(True)

    # Flet cancels an effect's task before its cleanup, and only if there is one.
    ft.use_effect(look, [], cleanup=camera.forget)

    async def take() -> None:
        set_taking(True)
        try:
            frame = await camera.take()
        except CameraUnusable:
            on_unusable()
            return
        finally:
            set_taking(False)
        await keep(Frame(frame, camera.turns, camera.mirrored))

    ready = is_open and not (taking or trying.busy)
    busy = taking or trying.busy
    light = [status_line(state, ft.Icons.CIRCLE, t("Taking it. Hold still."))] if busy else []
    return in_place(
        state,
        [
            picture(camera, HEIGHT, state.theme.radius),
            *light,
            *trying.shown(),
            *(
                []
                if state.quiet
                else [quiet(state, t("It stays in this app, encrypted, and in no gallery."))]
            ),
        ],
        title=_title(state),
        covers=covers,
        on_back=close,
        bottom=[
            primary_button(
                state,
                t("Take it"),
                trying.of(take) if ready else None,
                icon=ft.Icons.CAMERA_ALT_OUTLINED,
                identifier="photo-take",
            )
        ],
    )


def _review(
    state: FieldState,
    taken: Taken,
    covers: bool,
    trying: Trying,
    *,
    turn: Handler,
    again: Handler,
    remove: Handler,
    close: Handler,
) -> ft.Control:
    t = state.t
    shown = ft.Image(src=taken.picture, fit=ft.BoxFit.CONTAIN, height=HEIGHT, gapless_playback=False)
    return in_place(
        state,
        [
            ft.Semantics(label=t("The picture just taken"), content=shown),
            status_line(state, ft.Icons.LOCK_OUTLINED, kept_words(state)),
            *trying.shown(t("Making it ready.")),
            quiet_button(
                state, t("Turn it"), turn, icon=ft.Icons.ROTATE_RIGHT_ROUNDED, identifier="photo-turn"
            ),
            quiet_button(state, t("Remove"), remove, icon=ft.Icons.CLOSE_ROUNDED, identifier="photo-remove"),
        ],
        title=_title(state),
        covers=covers,
        on_back=close,
        bottom=[
            secondary_button(state, t("Take it again"), again, identifier="photo-again"),
            primary_button(state, t("Done"), close, identifier="photo-done"),
        ],
    )


def _without(state: FieldState, covers: bool, close: Handler) -> ft.Control:
    t = state.t
    words = t("The camera cannot be used, or was not allowed. You can choose a file instead.")
    return in_place(
        state,
        [notice(state, t("This is not possible here.") if state.quiet else words)],
        title=_title(state),
        covers=covers,
        on_back=close,
        bottom=[primary_button(state, t("Back"), close, identifier="photo-done")],
    )


def kept_words(state: FieldState) -> str:
    """Say that what was taken is safe."""
    return state.t("Saved") if state.quiet else state.t("It is kept, encrypted.")


def _title(state: FieldState) -> str:
    return state.t("Picture") if state.quiet else state.t("Take a photo")
