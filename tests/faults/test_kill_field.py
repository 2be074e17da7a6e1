"""SIGKILL at random instants while answering, finishing and syncing: what was confirmed is there, and all drains."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from sync.receipts import ReceiptKind
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.faults.field_driver import PASSPHRASE

KILLS = 1000 if os.environ.get("FIELDAPP_LONG") else 125
HOUR = 3600


class Driver:
    """The warm process, and one child life at a time."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.field_driver", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line.strip())

    def start(self, now: int, task: str) -> int:
        assert self._process.stdin
        print(json.dumps({"now": now, "task": task}), file=self._process.stdin, flush=True)
        heard = []
        while not (line := self._lines.get(timeout=60)).startswith("pid "):
            heard.append(line)
        self.early: list[str] = heard
        return int(line.split()[1])

    def lines_until_gone(self) -> list[str]:
        found = list(self.early)
        while (line := self._lines.get(timeout=60)) != "gone":
            found.append(line)
        return found

    def kill_after(self, now: int, seconds: float, *, unlocked: bool) -> list[str]:
        """Let it work, from the start or once it has unlocked, and kill it; returns every line that it had said."""
        pid = self.start(now, "work")
        if unlocked:
            while "unlocked" not in self.early:
                self.early.append(self._lines.get(timeout=60))
                assert self.early[-1] != "gone", self.early
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        return self.lines_until_gone()

    def run(self, now: int, task: str) -> list[str]:
        self.start(now, task)
        return self.lines_until_gone()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[str]:
    """A relay in a process of its own."""
    port = free_port()
    database = tmp_path / "relay.db"
    process = subprocess.Popen(
        [sys.executable, "-m", "sync.relay", "--port", str(port), "--database", str(database)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert "http" in process.stdout.readline()
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture
def centre(relay: str, tmp_path: Path) -> ScriptedCentre:
    centre = ScriptedCentre(relay, int(time.time()))

    async def prepare() -> None:
        await centre.register(tmp_path / "relay.db")
        client = centre.client()
        await centre.publish(client)
        tokens = [token for _ in range(8) for token in await centre.tokens(client, 250)]
        clock = FixedClock(centre.now)
        gate = Gate(
            tmp_path / "device", NoKeystore(), clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR
        )
        notebook = await gate.create(PASSPHRASE, Settings())
        await notebook.book.join(centre.member(), centre.trust, tokens)
        await gate.shut()
        await client.aclose()

    asyncio.run(prepare())
    return centre


async def open_everything(centre: ScriptedCentre) -> dict[int, set[bytes]]:
    """Pull the whole box, answer OPENED for all of it, and return the envelope hashes by seq."""
    client = centre.client()
    arrived = await centre.pull(client)
    for start in range(0, len(arrived), 100):
        await client.post(3, centre.receipt(arrived[start : start + 100], ReceiptKind.OPENED))
    await client.aclose()
    seqs: dict[int, set[bytes]] = {}
    for one in arrived:
        seqs.setdefault(one.header.seq, set()).add(one.opened.hash)
    return seqs


def test_nothing_that_was_confirmed_is_lost_by_sigkill(centre: ScriptedCentre, tmp_path: Path) -> None:
    driver = Driver(tmp_path / "device")
    now = centre.now
    answers: dict[str, int] = {}
    notes: dict[str, int] = {}
    files: dict[str, int] = {}
    finished: set[str] = set()
    seen_working = 0
    try:
        for kill in range(KILLS):
            now += 2 * HOUR  # an unlocking that was killed counts as a failure: time lets it be forgiven
            lines = driver.kill_after(now, secrets.randbelow(300) / 1000, unlocked=kill % 8 != 0)
            assert not [line for line in lines if line.startswith("failed")], lines
            for line in lines:
                match line.split():
                    case ["saved", screening, count]:
                        answers[screening] = int(count)
                    case ["noted", log, letters]:
                        notes[log] = int(letters)
                    case ["attached", screening, count]:
                        files[screening] = int(count)
                    case ["finished", screening]:
                        finished.add(screening)
            seen_working += any(line.startswith("saved") for line in lines)
            if kill % 20 == 19:
                check(driver.run(now + HOUR, "look"), answers, notes, finished, files)
                asyncio.run(open_everything(centre))
                driver.run(now + HOUR + 1, "sync")
        # The last records drain, and the centre has each seq exactly once.
        for _ in range(4):  # pieces of files come behind their record
            now += 24 * HOUR
            assert "synced" in driver.run(now, "sync")
            seqs = asyncio.run(open_everything(centre))
        driver.run(now + 1, "sync")
        state = check(driver.run(now + 2, "look"), answers, notes, finished, files)
    finally:
        driver.close()
    assert seen_working > KILLS / 4, "most lives were killed before they did anything"
    assert state["seqs"] == [], "something never drained"
    assert set(state["filed"].values()) <= {"OPENED"}
    assert files, "no file was ever added"
    assert state["pieces"] <= sum(n for key, n in state["files"].items() if key in state["drafts"])
    assert sorted(seqs) == list(range(1, len(seqs) + 1)), "a seq is missing"
    assert all(len(hashes) == 1 for hashes in seqs.values()), "a seq was used twice"


def check(
    lines: list[str],
    answers: dict[str, int],
    notes: dict[str, int],
    finished: set[str],
    files: dict[str, int],
) -> dict:
    """Hold what is on the disk against what was confirmed."""
    state = json.loads(next(line for line in lines if line.startswith("{")))
    assert state["damaged"] == 0
    assert not set(state["drafts"]) & set(state["filed"]), "a record is both draft and filed"
    assert not set(state["logs"]) & set(state["filed"]), "a contact is both open and filed"
    for log, letters in notes.items():
        assert log in state["filed"] or state["logs"].get(log, -1) >= letters, "a letter is gone"
    for screening in finished:
        assert screening in state["filed"], "a finished record is gone"
    for screening, count in answers.items():
        assert screening in state["filed"] or state["drafts"].get(screening, -1) >= count, "an answer is gone"
    for screening, count in files.items():
        assert state["files"].get(screening, -1) >= count, "a file is gone"
    assert len(set(state["seqs"])) == len(state["seqs"])
    return state
