"""Scanning the centre's code, where this installation and the device have a camera; typing it is possible everywhere.

A phone sends frames as they come. A browser sends none, so there a picture is taken again and again, which stays in the
memory of the page. On a phone no picture is ever taken: that would write a file. A frame is decoded and dropped; the
camera is let go when the view is left, covered or locked.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, Final

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.hooks import use_once
from fieldapp.services.scanning import read_code
from fieldapp.ui.state import FieldState
from sync.code import QR_MAGIC

HEIGHT: Final = 320
"""Pixels of the picture."""
SECONDS_BETWEEN_PICTURES: Final = 0.4
_PHONES: Final = (ft.PagePlatform.ANDROID, ft.PagePlatform.IOS)


class CameraUnusable(Exception):
    """There is no camera, it was refused, or it gives no frames in memory."""


def can_scan(page: ft.Page) -> bool:
    """Tell whether a camera may be offered here; whether there is one shows when it is opened."""
    return _cameras() is not None and (page.web or page.platform in _PHONES)


@component
def viewfinder(
    state: FieldState, on_read: Callable[[str], Awaitable[None]], on_unusable: Callable[[], None]
) -> ft.Control:
    """Show what the camera sees until it sees a centre's code; `on_read` gets its text."""
    scanner = use_once(lambda: Scanner(_cameras(), in_browser=ft.context.page.web))

    async def look() -> None:
        try:
            text = await scanner.read()
        except CameraUnusable:
            on_unusable()
            return
        # What is read takes this view off the screen, which would cancel the rest of it.
        await asyncio.shield(asyncio.create_task(_awaited(on_read(text))))

    # Flet cancels an effect's task before its cleanup, and only if there is one.
    ft.use_effect(look, [], cleanup=scanner.forget)
    return ft.Container(scanner.camera, height=HEIGHT, border_radius=state.theme.radius)


class Scanner:
    """One camera, opened for one code."""

    def __init__(self, cameras: ModuleType | None, *, in_browser: bool) -> None:
        """Use the module of the camera; `in_browser` allows to take pictures, which stay in the page's memory."""
        if cameras is None:
            raise CameraUnusable
        self._module = cameras
        self._in_browser = in_browser
        self._latest = b""
        self._forgotten = False
        self._came = asyncio.Event()
        self.camera: ft.LayoutControl = cameras.Camera(on_stream_image=self._keep)

    async def read(self) -> str:
        """Open the camera and return the text of the first code of a centre that it sees; CameraUnusable."""
        camera: Any = self.camera
        try:
            streams = await self._opened(camera)
            while True:
                frame = await (self._next() if streams else self._taken(camera))
                text = await asyncio.to_thread(read_code, frame)
                if text and text.startswith(f"{QR_MAGIC}:"):
                    return text
        except (RuntimeError, TimeoutError):  # what the client could not do, in its own words
            raise CameraUnusable from None
        finally:
            self.forget()

    def forget(self) -> None:
        """Drop the last frame, and keep none of those that are still on their way."""
        self._forgotten = True
        self._latest = b""

    async def _opened(self, camera: Any) -> bool:
        """Open the camera at the back, without sound; True when it sends frames by itself."""
        found = await camera.get_available_cameras() or []
        if not found:
            raise CameraUnusable
        back = self._module.CameraLensDirection.BACK
        chosen = next((one for one in found if one.lens_direction is back), found[0])
        await camera.initialize(chosen, self._module.ResolutionPreset.MEDIUM, enable_audio=False)
        if await camera.supports_image_streaming():
            await camera.start_image_stream()
            return True
        if not self._in_browser:
            raise CameraUnusable
        return False

    def _keep(self, event: Any) -> None:
        if self._forgotten:
            return
        self._latest = bytes(event.bytes)
        self._came.set()

    async def _next(self) -> bytes:
        """Return the newest frame; those that came while another was decoded are gone."""
        await self._came.wait()
        self._came.clear()
        return self._latest

    async def _taken(self, camera: Any) -> bytes:
        await asyncio.sleep(SECONDS_BETWEEN_PICTURES)
        return bytes(await camera.take_picture() or b"")


def _cameras() -> ModuleType | None:
    """Return the camera's package, None where this installation was made without it."""
    try:
        return importlib.import_module("flet_camera")
    except ImportError:
        return None


async def _awaited(work: Awaitable[None]) -> None:
    await work
