"""The camera of the device, where this installation has one: opened, looked through in memory, and let go.

Used for scanning a code and for taking a photo. A phone sends frames when it is asked to. A browser sends none, so there
a picture is taken, which stays in the memory of the page. On a phone no picture is ever taken: that would write a file.
"""

import asyncio
import importlib
from types import ModuleType
from typing import Any, Final

import flet as ft

from fieldapp.kit.boundary import component, drawn_once

SECONDS_BETWEEN_PICTURES: Final = 0.4
PATIENCE: Final = 15
"""Seconds that one picture may take."""
PHONES: Final = (ft.PagePlatform.ANDROID, ft.PagePlatform.IOS)


class CameraUnusable(Exception):
    """There is no camera, it was refused, or it gives no frames in memory."""


def has_camera(page: ft.Page) -> bool:
    """Tell whether a camera may be offered here; whether there is one shows when it is opened."""
    return _cameras() is not None and (page.web or page.platform in PHONES)


def lens(page: ft.Page) -> "Lens":
    """Return a camera for `page`, not opened yet; CameraUnusable where there is none."""
    return Lens(_cameras(), in_browser=page.web, platform=page.platform)


class Lens:
    """One camera, from opening to letting go. Every method raises CameraUnusable when the client cannot do it."""

    def __init__(
        self, cameras: ModuleType | None, *, in_browser: bool, platform: ft.PagePlatform | None
    ) -> None:
        """Use `lens`; `in_browser` allows to take pictures, which stay in the page's memory."""
        if cameras is None:
            raise CameraUnusable
        self._module = cameras
        self._in_browser = in_browser
        self._platform = platform
        self._streams = self._flows = False
        self._latest = b""
        self._forgotten = False
        self._came = asyncio.Event()
        self.mirrored = False
        """Whether a frame shows the world as a mirror does."""
        self.turns = 0
        """By how many quarters a frame must be turned clockwise, while the phone is held upright."""
        self.shown: ft.LayoutControl = cameras.Camera(on_stream_image=self._keep)
        """What the worker looks at."""

    async def open(self, resolution: str) -> None:
        """Open the camera at the back, without sound, with a preset of Flet's such as ``MEDIUM``."""
        camera: Any = self.shown
        try:
            found = await camera.get_available_cameras() or []
            if not found:
                raise CameraUnusable
            back = self._module.CameraLensDirection.BACK
            chosen = next((one for one in found if one.lens_direction is back), found[0])
            preset = self._module.ResolutionPreset[resolution]
            await camera.initialize(chosen, preset, enable_audio=False)
            self._streams = await camera.supports_image_streaming()
        except (RuntimeError, TimeoutError):  # what the client could not do, in its own words
            raise CameraUnusable from None
        if not self._streams and not self._in_browser:
            raise CameraUnusable
        # A browser's client mirrors what does not come from the back; Android's frames lie as the sensor does.
        self.mirrored = not self._streams and chosen.lens_direction is not back
        if self._streams and self._platform is ft.PagePlatform.ANDROID:
            self.turns = round(chosen.sensor_orientation / 90) % 4

    async def frame(self) -> bytes:
        """Return the newest frame; those that came since the last call are gone."""
        camera: Any = self.shown
        try:
            if not self._streams:
                await asyncio.sleep(SECONDS_BETWEEN_PICTURES)
                return await self._taken()
            if not self._flows:
                await camera.start_image_stream()
                self._flows = True
            return await self._next()
        except (RuntimeError, TimeoutError):
            raise CameraUnusable from None

    async def take(self) -> bytes:
        """Return one picture; frames flow only until it is there."""
        camera: Any = self.shown
        try:
            async with asyncio.timeout(PATIENCE):
                if not self._streams:
                    return await self._taken()
                # A frame that came after the last picture shows what was there then.
                self._latest = b""
                self._came.clear()
                await camera.start_image_stream()
                frame = await self._next()
                await camera.stop_image_stream()
        except (RuntimeError, TimeoutError):
            raise CameraUnusable from None
        self._latest = b""
        return frame

    def forget(self) -> None:
        """Drop the last frame, and keep none of those that are still on their way."""
        self._forgotten = True
        self._latest = b""

    def _keep(self, event: Any) -> None:
        # Flet hands over what the client sent, whatever it is.
        if self._forgotten or not isinstance(event.bytes, bytes):
            return
        self._latest = event.bytes
        self._came.set()

    async def _next(self) -> bytes:
        await self._came.wait()
        self._came.clear()
        return self._latest

    async def _taken(self) -> bytes:
        camera: Any = self.shown
        taken = await camera.take_picture()
        return taken if isinstance(taken, bytes) else b""


@drawn_once
@component
def picture(camera: Lens, height: float, radius: float) -> ft.Control:
    """Show what the camera sees, undistorted. Drawn once: Flet loses a control whose frame is replaced."""
    return ft.Container(camera.shown, height=height, border_radius=radius, alignment=ft.Alignment.CENTER)


def _cameras() -> ModuleType | None:
    """Return the camera's package, None where this installation was made without it."""
    try:
        return importlib.import_module("flet_camera")
    except ImportError:
        return None
