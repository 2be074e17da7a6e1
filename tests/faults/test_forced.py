"""The power fails, or the disk refuses, at any write of the other passphrases, a wipe, an erasure and a change of keys.

The old state or the new one, never neither; what was wiped never opens again, and a wipe that was cut is finished at the
next start. The short form takes the first, the middle and the last call of every phase on a device with small partitions,
and every fault with every kind of call. FIELDAPP_LONG=1 takes every fault at every call on such a device, and on one of
the real size at each of these places and at one of 12 to 60 calls where a whole partition is overwritten; and it kills a
process that does all of this at 500 random instants.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import forced_driver
from tests.faults.disk import library

LONG = bool(os.environ.get("FIELDAPP_LONG"))
STEPS = {
    "set-second": 1,
    "set-wipe": 1,
    "set-again": 1,
    "remove": 1,
    "passphrase": 1,
    "rekey": 12,
    "migrate": 1,
    "wipe": 40,
    "guess": 40,
    "erase": 60,
    "erase-plain": 60,
}
"""Each operation, and at which of its calls the long form looks beside the places: every one, every 12th, and so on."""
SHORT = ("set-second", "passphrase", "rekey", "migrate", "wipe", "guess", "erase-plain")
FORMS = {"small": dict.fromkeys(STEPS, 1), "real": STEPS} if LONG else {"small": dict.fromkeys(SHORT, 0)}
"""The sizes of the device, and for each the operations with their steps; 0 for the sample."""
KILLS = 500 if LONG else 4


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    fast = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=fast if os.access(fast, os.W_OK) else tmp_path) as made:
        yield Path(made)


@pytest.mark.parametrize("size", FORMS)
def test_a_disk_that_fails_at_any_call_leaves_the_old_or_the_new_state(folder: Path, size: str) -> None:
    if sys.platform != "linux":
        pytest.skip("needs fork")
    if library() is None:
        pytest.skip("this Python hides the functions of its SQLite")
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.forced_driver", str(folder), size],
        input="".join(f"{name} {step}\n" for name, step in FORMS[size].items()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["operation"] for answer in answers] == list(FORMS[size])
    assert {answer["operation"]: answer["wrong"] for answer in answers if answer["wrong"]} == {}
    assert all(answer["calls"] >= 12 and answer["tried"] >= 15 for answer in answers)
    # Were the cache not too small for a partition, its pages would be written in one turn.
    assert all(answer["phases"] >= 20 for answer in answers if answer["calls"] > 200)
    assert {outcome for answer in answers for outcome in answer["outcomes"]} == {"old", "new"}


def test_a_kill_at_any_instant_leaves_a_device_that_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child says what it begins and what it has done: what opens is what the last one left, or the one under way."""
    forced_driver.replace_argon2id(monkeypatch.setattr)
    template = forced_driver.template(folder / "template")
    begin = forced_driver.look(template)
    device = folder / "device"
    for kill in range(KILLS):
        shutil.rmtree(device, ignore_errors=True)
        shutil.copytree(template, device)
        last = ("wipe", "erase", "guess", "")[kill % 4]
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forced_driver", str(device), "loop", last],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        time.sleep(secrets.randbelow(200) / 1000)
        child.send_signal(signal.SIGKILL)
        said = [line.split() for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        child.wait()
        state = begin
        for words in said:
            if words[0] == "done":
                state = forced_driver.after(state, words[1])
        allowed = [state]
        if said and said[-1][0] == "begin":
            allowed.append(forced_driver.after(state, said[-1][1]))
        assert forced_driver.look(device) in allowed, said
