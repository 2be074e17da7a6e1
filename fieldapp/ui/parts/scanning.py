"""Scanning the centre's code, where this installation and the device have a camera; typing it is possible everywhere.

A frame is decoded and dropped; the camera is let go when the view is left, covered or locked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.hooks import use_once
from fieldapp.services.scanning import read_code
from fieldapp.ui.parts.camera import CameraUnusable, Lens, lens, picture
from fieldapp.ui.state import FieldState
from sync.code import QR_MAGIC

HEIGHT: Final = 320
"""Pixels of the picture."""
RESOLUTION: Final = "MEDIUM"


@component
def viewfinder(
    state: FieldState, on_read: Callable[[str], Awaitable[None]], on_unusable: Callable[[], None]
) -> ft.Control:
    """Show what the camera sees until it sees a centre's code; `on_read` gets its text."""
    camera = use_once(lambda: lens(ft.context.page))

    async def look() -> None:
        try:
            text = await _code_before(camera)
        except CameraUnusable:
            on_unusable()
            return
        # What is read takes this view off the screen, which would cancel the rest of it.
        await asyncio.shield(asyncio.create_task(_awaited(on_read(text))))

    # Flet cancels an effect's task before its cleanup, and only if there is one.
    ft.use_effect(look, [], cleanup=camera.forget)
    return picture(camera, HEIGHT, state.theme.radius)


async def _code_before(camera: Lens) -> str:
    """Open the camera and return the text of the first code of a centre that it sees; CameraUnusable."""
    try:
        await camera.open(RESOLUTION)
        while True:
            frame = await camera.frame()
            text = await asyncio.to_thread(read_code, frame)
            if text and text.startswith(f"{QR_MAGIC}:"):
                return text
    finally:
        camera.forget()


async def _awaited(work: Awaitable[None]) -> None:
    await work
