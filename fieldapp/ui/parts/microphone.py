"""The microphone of the device, where this installation has one: what it hears comes as bytes, and no file is written."""

import asyncio
import contextlib
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import flet as ft

from fieldapp.services.media.voice import RATE
from fieldapp.ui.parts.camera import PHONES

PATIENCE: Final = 2.0
"""Seconds that letting go may take before nobody waits for it any more."""


class MicrophoneUnusable(Exception):
    """There is no microphone, or it was refused."""


def has_microphone(page: ft.Page) -> bool:
    """Tell whether a microphone may be offered here; whether there is one shows when it is opened."""
    return _recorders() is not None and (page.web or page.platform in PHONES)


class Microphone:
    """One microphone, opened for one recording after the other."""

    def __init__(self) -> None:
        self.opening = False
        """Whether the system is being asked, or its user."""
        self.refused = False
        """Whether it could not be opened the last time."""
        self._recorder: Any = None
        self._letting_go: asyncio.Task[None] | None = None

    async def open(self, hear: Callable[[int, bytes], None]) -> None:
        """Begin to listen: `hear` gets the number of each chunk, from 1, and its samples; MicrophoneUnusable.

        The first time, the system asks the worker; this waits for the answer.
        """
        recorders = _recorders()
        if recorders is None:
            raise MicrophoneUnusable
        form = recorders.AudioRecorderConfiguration(
            encoder=recorders.AudioEncoder.PCM16BITS,
            channels=1,
            sample_rate=RATE,
            # The phone's own microphone: a headset's would need one more permission, or lie elsewhere.
            android_configuration=recorders.AndroidRecorderConfiguration(manage_bluetooth=False),
            ios_configuration=recorders.IosRecorderConfiguration(
                options=[recorders.IosAudioCategoryOption.DEFAULT_TO_SPEAKER]
            ),
        )

        def heard(event: Any) -> None:
            # Flet hands over what the client sent, whatever it is.
            if isinstance(event.sequence, int) and isinstance(event.chunk, bytes):
                hear(event.sequence, event.chunk)

        recorder: Any = recorders.AudioRecorder(configuration=form, on_stream=heard)
        self._recorder = recorder
        self.opening, self.refused, begun = True, False, False
        try:
            begun = await recorder.start_recording()
        except (RuntimeError, TimeoutError):  # what the client could not do, in its own words
            pass
        finally:
            self.opening = False
        if begun and self._recorder is recorder:
            return
        # Whoever left or locked while the system was still asking must not leave an open microphone behind.
        self.refused = not begun
        self._recorder = recorder
        await self.close()
        raise MicrophoneUnusable

    async def close(self) -> None:
        """Stop listening, once what was heard has been handed over. Never fails, and waits for nobody who is gone."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PATIENCE):
                await recorder.stop_recording()

    def release(self) -> None:
        """Stop listening, without waiting for it."""
        if self._recorder is not None:
            self._letting_go = asyncio.create_task(self.close())


def _recorders() -> ModuleType | None:
    """Return the recorder's package, None where this installation was made without it."""
    try:
        return importlib.import_module("flet_audio_recorder")
    except ImportError:
        return None
