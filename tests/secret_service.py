"""A real Secret Service of its own: a session bus and gnome-keyring in a folder, for tests and for the bench.

Import it on Linux only: the libraries are there on no other system."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import secretstorage
from jeepney import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

BUS = "DBUS_SESSION_BUS_ADDRESS"
BUS_SETTINGS = """<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
"""Without the system's services: a key ring that a test has ended is not started by whoever asks for it."""


def can_run() -> bool:
    """Tell whether the programs are there."""
    return bool(shutil.which("dbus-daemon") and shutil.which("gnome-keyring-daemon"))


class SecretService:
    """A session bus with a key ring that is open; `start` and `stop` the latter."""

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self._folder = folder
        self._keyring: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start gnome-keyring, unlocked; returns when it answers on the bus."""
        private = {name: str(self._folder) for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME")}
        self._keyring = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            env={**os.environ, **private, BUS: self.address},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._keyring.stdin is not None
        self._keyring.stdin.write(b"words of a test")
        self._keyring.stdin.close()
        while not self._answers():
            assert self._keyring.poll() is None
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, as an update of the system does."""
        keyring, self._keyring = self._keyring, None
        if keyring is not None:
            keyring.kill()
            keyring.wait()

    def lock(self) -> None:
        """Lock the key ring as its owner would."""
        with closing(open_dbus_connection(self.address)) as connection:
            secretstorage.get_default_collection(connection).lock()

    def _answers(self) -> bool:
        with closing(open_dbus_connection(self.address)) as connection:
            return bool(Proxy(message_bus, connection).NameHasOwner("org.freedesktop.secrets")[0])


@contextmanager
def secret_service(folder: Path) -> Iterator[SecretService]:
    """Run one in `folder` until the end; nothing of this process knows its address yet."""
    folder.mkdir(mode=0o700)
    settings = folder / "bus.conf"
    settings.write_text(BUS_SETTINGS.format(path=folder / "bus"))
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={settings}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    service = SecretService(folder, bus.stdout.readline().strip())
    try:
        service.start()
        yield service
    finally:
        service.stop()
        bus.kill()
        bus.wait()
        bus.stdout.close()
