"""The longest tests begin first, so that none of them is still running alone when all others are done.

No test reaches the key store of whoever runs it: there is no session bus for them, this process has no backend for
Windows and the Mac, and programs that tests start have no library for key stores at all.
"""

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from fieldapp.vault import even

LONGEST: Final = ("test_kill_field", "test_journey", "test_lock_records", "test_desk_alerts", "test_disk")
"""Modules, the longest first."""


os.environ["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"
for backend in ("keyring.backends.macOS", "keyring.backends.Windows"):
    sys.modules[backend] = None  # type: ignore[assignment]
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(Path(__file__).parent / "fakes" / "without_keyring"), os.environ.get("PYTHONPATH")))
)

even.CELLS = 8  # as FLOOR for Argon2id: the tests of equal work set what a device has


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move what takes longest to the front; the rest keeps its order."""

    def rank(item: pytest.Item) -> int:
        return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)

    items.sort(key=rank)
