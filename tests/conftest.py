"""The longest tests begin first, so that none of them is still running alone when all others are done.

The whole suite runs twice as many tests at a time as there are cores: many of them wait, for a browser or a disk, and no
test measures time. Some of it, named on the command line, runs in one process.

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


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes `-n auto` means."""
    return 2 * (os.cpu_count() or 1) if config.args == config.getini("testpaths") else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move what takes longest to the front; the rest keeps its order."""

    def rank(item: pytest.Item) -> int:
        return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)

    items.sort(key=rank)
