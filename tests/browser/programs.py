"""The real programs of the product, each in a process of its own, as a user starts them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.browser.conftest import ROOT


class Program:
    """`fieldapp ...` or `fieldapp-relay ...`; the first address that it prints is its `url`."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "BROWSER": "true"},
        )
        self.said = ""
        self.url = self.next_url()

    @classmethod
    def field(cls, folder: Path) -> Self:
        return cls("fieldapp", "--data-dir", str(folder), "--no-browser")

    @classmethod
    def desk(cls, folder: Path) -> Self:
        return cls("fieldapp", "desk", "--data-dir", str(folder), "--no-browser")

    @classmethod
    def relay(cls, database: Path, port: int) -> Self:
        return cls("sync.relay", "--database", str(database), "--port", str(port))

    def next_url(self) -> str:
        assert self.process.stdout
        while line := self.process.stdout.readline():
            self.said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+\S*", line):
                return found.group()
        raise AssertionError(f"it ended without an address: {self.said}")

    def kill(self) -> None:
        """SIGKILL: the battery fell out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)

    def stop(self) -> str:
        """Ctrl-C, and everything that it had said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            rest, _ = self.process.communicate(timeout=60)
            self.said += rest
        return self.said
