"""A camera and a microphone that a test plays: what a client would answer, and what it was asked for."""

import asyncio
from typing import Any

import flet_audio_recorder
import flet_camera
import pytest


class PlayedCamera:
    """What a client would answer to the camera's methods, and what it was asked for."""

    METHODS = (
        "get_available_cameras", "initialize", "supports_image_streaming", "start_image_stream", "stop_image_stream",
        "take_picture",
    )  # fmt: skip

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.found = [
            flet_camera.CameraDescription("front", flet_camera.CameraLensDirection.FRONT, 0),
            flet_camera.CameraDescription("back", flet_camera.CameraLensDirection.BACK, 90),
        ]
        self.refused = False
        self.streams = True
        self.pictures: list[bytes] = []
        self.develops: asyncio.Event | None = None
        """Set when a picture that was taken may be handed over."""
        for name in self.METHODS:
            monkeypatch.setattr(
                flet_camera.Camera,
                name,
                lambda _self, *args, _name=name, **named: self.answer(_name, *args, **named),
            )

    async def answer(self, name: str, *args: Any, **named: Any) -> Any:
        self.calls.append((name, (args, named)))
        match name:
            case "get_available_cameras":
                return self.found
            case "initialize" if self.refused:
                raise RuntimeError("CameraException(CameraAccessDenied, made up)")
            case "supports_image_streaming":
                return self.streams
            case "take_picture":
                if self.develops is not None:
                    await self.develops.wait()
                return self.pictures.pop(0) if len(self.pictures) > 1 else self.pictures[0]
        return None

    @property
    def called(self) -> list[str]:
        return [name for name, _ in self.calls]


class PlayedMicrophone:
    """The same for the microphone; `says` hands over what it heard, as the client's events do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recorder: flet_audio_recorder.AudioRecorder | None = None
        self.allowed: bool | Exception = True
        self.stopped = 0
        self.sent = 0
        self.asks: asyncio.Event | None = None
        """Set when the worker has answered the system's question."""

        async def start(recorder: flet_audio_recorder.AudioRecorder, *args: object) -> bool:
            assert args == (), "no path: nothing is written"
            self.recorder, self.sent = recorder, 0
            if self.asks is not None:
                await self.asks.wait()
            if isinstance(self.allowed, Exception):
                raise self.allowed
            return self.allowed

        async def stop(_recorder: flet_audio_recorder.AudioRecorder) -> None:
            self.stopped += 1

        monkeypatch.setattr(flet_audio_recorder.AudioRecorder, "start_recording", start)
        monkeypatch.setattr(flet_audio_recorder.AudioRecorder, "stop_recording", stop)

    def event(self, chunk: bytes) -> dict[str, Any]:
        """Return the next event of the client."""
        self.sent += 1
        return {"chunk": chunk, "sequence": self.sent, "bytes_streamed": self.sent * len(chunk)}
