"""Every write, sync, truncation and removal of a change of a device is cut, torn or refused: the old state or the new.

What dies in the middle opens again with the state before or after, and does the change when it is asked once more. What
is refused says so, shows what is on the disk, and works when the disk does. Nothing that was confirmed is lost to a
power cut. No seq and no token is ever used twice. The short form takes a sample of the calls; FIELDAPP_LONG=1 takes
every one with every fault. The header at every byte is in `tests/unit/vault/test_vault_header`.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disk import library

LONG = bool(os.environ.get("FIELDAPP_LONG"))
CHANGES = {
    "save": 6,
    "seal": 12,
    "attach": 60,
    "grow": 90,
    "detach": 60,
    "pieces": 90,
    "cancel": 60,
    "hear": 30,
    "store": 30,
    "token": 30,
    "directory": 24,
    "settings": 24,
    "header": 4,
    "join": 24,
    "passphrase": 6,
    "create": 3000,
}
"""Each change, and at which of its calls the short form looks: every sixth one, and so on."""
PLANTED = {"apart": "seal 20", "no-journal": "save 9", "no-fsync": "save 18"}
"""Defects that the search must find, and where it looks."""
MEMORY = Path("/dev/shm")


class Driver:
    """The process that plays the cases."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.disk_driver", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, *lines: str) -> dict[str, dict]:
        said, complaints = self._process.communicate("".join(line + "\n" for line in lines))
        assert complaints == "", "a callback that fails would look like a disk that works"
        assert self._process.returncode == 0
        return {line: json.loads(answer) for line, answer in zip(lines, said.splitlines(), strict=True)}


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    if sys.platform != "linux":
        pytest.skip("needs fork and /proc")
    if library() is None:
        if os.environ.get("FIELDAPP_BROWSER") == "required":
            pytest.fail("everything is required, but this Python hides the functions of its SQLite")
        pytest.skip("this Python hides the functions of its SQLite")
    fast = MEMORY if os.access(MEMORY, os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=fast) as folder:
        yield Driver(Path(folder))


def test_a_disk_that_fails_at_any_call_leaves_the_old_or_the_new_state(driver: Driver) -> None:
    found = driver.ask(*(f"{change} {1 if LONG else step}" for change, step in CHANGES.items()))
    assert {line: answer["wrong"] for line, answer in found.items() if answer["wrong"]} == {}
    assert all(answer["tried"] >= 6 for answer in found.values())
    # A seal goes over two files: were its calls not seen, nothing would have been tried.
    assert {answer["change"]: answer["calls"] > 5 for answer in found.values()} == dict.fromkeys(
        CHANGES, True
    )
    (seal,) = [answer for answer in found.values() if answer["change"] == "seal"]
    assert seal["calls"] > 30


def test_the_search_finds_what_it_is_for(driver: Driver) -> None:
    """Two commits in place of one, no journal, no fsync: each must leave a state that is neither old nor new."""
    found = driver.ask(*(f"{change} {plant}" for plant, change in PLANTED.items()))
    for line, answer in found.items():
        assert answer["wrong"], f"not found: {line}"
