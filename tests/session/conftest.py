"""Fixtures of the in-process session tests."""

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
