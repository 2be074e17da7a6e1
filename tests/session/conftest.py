"""Fixtures of the in-process session tests."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Flet runs on asyncio only."""
    return "asyncio"
