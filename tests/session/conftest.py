"""Fixtures of the in-process session tests."""

import hashlib
from collections.abc import Iterator
from threading import Event

import pytest

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
