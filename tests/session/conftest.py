"""Fixtures of the in-process session tests."""

import hashlib
from collections.abc import Iterator
from threading import Event
from typing import Any

import flet as ft
import pytest

from fieldapp.ui.parts import camera as cameras
from tests.fakes.capture import PlayedCamera, PlayedMicrophone
from tests.unit.centre.desk import founded


@pytest.fixture
def anyio_backend() -> str:
    """Flet runs on asyncio only."""
    return "asyncio"


@pytest.fixture(scope="session")
def made_up_centre() -> None:
    """Make the centre of which each test of the desk gets a copy; it needs an event loop of its own."""
    founded()


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> PlayedCamera:
    """A camera that the test plays."""
    monkeypatch.setattr(cameras, "SECONDS_BETWEEN_PICTURES", 0.01)
    return PlayedCamera(monkeypatch)


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> PlayedMicrophone:
    """A microphone that the test plays."""
    return PlayedMicrophone(monkeypatch)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page says of the device: a phone, unless a test says otherwise."""
    said: dict[str, Any] = {"web": False, "platform": ft.PagePlatform.ANDROID}
    for name in said:
        monkeypatch.setattr(ft.Page, name, property(lambda _page, name=name: said[name], lambda *_: None))
    return said


@pytest.fixture
def held_argon2id(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Stand in for Argon2id, which waits while the event that this gives is cleared."""
    goes_on = Event()
    goes_on.set()

    def held(passphrase: bytes, salt: bytes, *, passes: int, memory_kib: int) -> bytes:
        assert goes_on.wait(60)
        return hashlib.blake2b(passphrase, key=salt, digest_size=32).digest()

    monkeypatch.setattr("fieldapp.vault.kdf.argon2id", held)
    yield goes_on
    goes_on.set()
