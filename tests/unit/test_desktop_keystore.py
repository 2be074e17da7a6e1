"""The key store of a desktop: only the system's own, patient but not for ever, and silent about what it holds."""

import logging
import socket
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from types import ModuleType
from typing import Any

import keyring.backend
import keyring.errors
import pytest

from fieldapp.host import desktop_keystore
from fieldapp.host.desktop_keystore import DesktopStore, StillWaiting, desktop_offer
from fieldapp.vault import (
    FLOOR,
    KeystoreUnavailable,
    NoKeystore,
    SystemKeystore,
    create,
    device_keystore,
    unlock,
)
from fieldapp.vault.keystore import recall, remember
from fieldapp.vault.system_keystore import works

FOLDER = "0f" * 16
NOW = 1_800_000_000
WORDS = "made up words for a desktop"


class MemoryBackend(keyring.backend.KeyringBackend):
    """A backend of the library itself, in memory; like the real ones it raises for what is not there to delete."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.fault = ""
        self.answer = Event()
        self.entered = Event()

    def get_password(self, service: str, username: str) -> str | None:
        self._fail()
        if self.fault == "garbage":
            return "Data has been reset"
        return None if self.fault == "forgot" else self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail(password)
        self.held[(service, username)] = password

    def delete_password(self, service: str, username: str) -> None:
        self._fail()
        if (service, username) not in self.held:
            raise keyring.errors.PasswordDeleteError("none")
        del self.held[(service, username)]

    def _fail(self, said: str = "") -> None:
        if self.fault == "raises":
            raise keyring.errors.KeyringError(f"the system says: {said}")
        if self.fault == "hangs":
            self.entered.set()
            self.answer.wait(60)


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


def system_keystore(backend: MemoryBackend, *, patience: float = 20.0) -> SystemKeystore:
    return SystemKeystore(DesktopStore(backend, FOLDER, patience=patience))


def test_entries_stand_under_neutral_names_and_are_all_of_one_size(backend: MemoryBackend) -> None:
    keystore = system_keystore(backend)
    for name, value in (("ds", b"k" * 32), ("seq", b"8bytes!!"), ("2.gen0", b"g" * 48)):
        keystore.set(name, value)
        assert keystore.get(name) == value
    assert {service for service, _ in backend.held} == {
        f"notebook.{FOLDER}.ds",
        f"notebook.{FOLDER}.seq",
        f"notebook.{FOLDER}.2.gen0",
    }
    assert {user for _, user in backend.held} == {"notebook"}
    assert {len(text) for text in backend.held.values()} == {88}
    for name in ("ds", "seq", "2.gen0", "never there"):
        keystore.delete(name)
    assert not backend.held


def test_it_works_and_two_folders_of_one_user_do_not_meet(backend: MemoryBackend, tmp_path: Path) -> None:
    def offer(folder_id: str) -> DesktopStore:
        return DesktopStore(backend, folder_id)

    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        create(folder, WORDS, device_keystore(folder, offer), FLOOR, now=NOW).lock()
    for folder in folders:
        vault = unlock(folder, WORDS, device_keystore(folder, offer), now=NOW + 10)
        assert vault.is_bound
        vault.lock()


@pytest.mark.parametrize("fault", ["raises", "forgot", "garbage", "hangs"])
def test_a_backend_that_fails_is_a_key_store_that_fails_and_wipes_nothing(
    backend: MemoryBackend, tmp_path: Path, fault: str
) -> None:
    keystore = system_keystore(backend)
    create(tmp_path / "data", WORDS, keystore, FLOOR, now=NOW).lock()
    held = dict(backend.held)
    files = {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()}
    backend.fault = fault
    with pytest.raises(KeystoreUnavailable):
        unlock(tmp_path / "data", WORDS, system_keystore(backend, patience=0.05), now=NOW + 10)
    backend.answer.set()
    assert backend.held == held
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == files
    backend.fault = ""
    unlock(tmp_path / "data", WORDS, keystore, now=NOW + 10).lock()


@pytest.mark.parametrize("fault", ["raises", "forgot", "garbage", "hangs"])
def test_a_backend_that_fails_the_probe_is_no_key_store(
    backend: MemoryBackend, tmp_path: Path, fault: str
) -> None:
    backend.fault = fault
    offered = device_keystore(tmp_path, lambda folder_id: DesktopStore(backend, folder_id, patience=0.05))
    backend.answer.set()
    assert isinstance(offered, NoKeystore)
    assert not list(tmp_path.iterdir())


def test_nothing_follows_a_call_that_still_waits(backend: MemoryBackend) -> None:
    """A late write that comes after a newer one would be worse than none."""
    store = DesktopStore(backend, FOLDER, patience=0.05)
    backend.fault = "hangs"
    with pytest.raises(StillWaiting):
        store.set("seq", "older")
    assert backend.entered.is_set()
    backend.fault = ""
    with pytest.raises(StillWaiting):
        store.set("seq", "newer")
    late = store._waiting
    assert late is not None
    backend.answer.set()
    late.join(60)
    store.set("seq", "newer")
    assert store.get("seq") == "newer"


def test_what_a_backend_says_is_not_repeated(
    backend: MemoryBackend, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    backend.fault = "raises"
    with pytest.raises(KeystoreUnavailable) as caught:
        remember(system_keystore(backend), "ds", b"secret device key of a test 32by")
    assert str(caught.value) == "keystore failed: KeyringError"
    with pytest.raises(KeystoreUnavailable):
        recall(system_keystore(backend), "ds", 32)
    said = caplog.text + "".join(capfd.readouterr())
    assert "notebook." not in said
    assert "c2VjcmV0" not in said  # base64 of what was to be kept


def test_only_the_systems_own_backend_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    for platform in ("linux", "darwin", "win32", "freebsd13"):
        if platform != sys.platform or platform == "linux":
            assert desktop_offer(platform) is None
    modules = {module for module, _ in desktop_keystore._BACKENDS.values()}
    assert modules == {"keyring.backends.macOS", "fieldapp.host.secret_service", "keyring.backends.Windows"}


@pytest.mark.skipif(sys.platform != "linux", reason="a session bus")
def test_a_session_bus_that_falls_silent_does_not_keep_the_app_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It takes the connection and answers the greeting, and nothing after that."""
    bus = socket.socket(socket.AF_UNIX)
    bus.bind(str(tmp_path / "bus"))
    bus.listen()
    taken: list[socket.socket] = []

    def serve() -> None:
        taken.append(bus.accept()[0])
        while b"AUTH" not in taken[0].recv(4096):
            pass
        taken[0].sendall(b"OK 00\r\n")

    greeting = Thread(target=serve)
    greeting.start()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
    assert desktop_offer("linux", patience=0.5) is None
    greeting.join()
    taken[0].close()
    bus.close()


class NotFound(Exception):
    """What Windows says of an entry that is not there."""

    winerror = 1168

    def __init__(self, funcname: str) -> None:
        super().__init__()
        self.funcname = funcname


class WindowsCredentials(ModuleType):
    """Windows' part of the library's backend for it, in memory."""

    CRED_TYPE_GENERIC, CRED_PERSIST_LOCAL_MACHINE, CRED_PERSIST_ENTERPRISE = 1, 2, 3

    def __init__(self) -> None:
        super().__init__("win32ctypes.pywin32.win32cred")
        self.held: dict[str, dict[str, Any]] = {}

    def CredRead(self, *, Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N802, N803
        if TargetName not in self.held:
            raise NotFound("CredRead")
        return self.held[TargetName]

    def CredWrite(self, credential: dict[str, Any], flags: int) -> None:  # noqa: N802
        text = credential["CredentialBlob"].encode("utf-16-le")
        self.held[credential["TargetName"]] = credential | {"CredentialBlob": text}

    def CredDelete(self, *, Type: int, TargetName: str) -> None:  # noqa: N802, N803
        if self.held.pop(TargetName, None) is None:
            raise NotFound("CredDelete")


def test_windows_keeps_no_value_that_was_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's backend moves what an entry held to another name: an old device secret must not stay there."""
    credentials, types = WindowsCredentials(), ModuleType("win32ctypes.pywin32.pywintypes")
    types.error = NotFound  # type: ignore[attr-defined]
    package = ModuleType("win32ctypes.pywin32")
    package.pywintypes, package.win32cred = types, credentials  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "win32ctypes", ModuleType("win32ctypes"))
    monkeypatch.setitem(sys.modules, "win32ctypes.pywin32", package)
    monkeypatch.delitem(sys.modules, "keyring.backends.Windows", raising=False)
    offer = desktop_offer("win32")
    assert offer
    store = offer(FOLDER)
    for text in ("first", "second", "third"):
        store.set("ds", text)
        assert store.get("ds") == text
        assert {one["CredentialBlob"].decode("utf-16") for one in credentials.held.values()} == {text}
    assert {one["Persist"] for one in credentials.held.values()} == {credentials.CRED_PERSIST_LOCAL_MACHINE}
    store.delete("ds")
    assert not credentials.held


def test_without_the_library_there_is_no_key_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fieldapp.host.secret_service", raising=False)
    for name in ("keyring.backends.SecretService", "keyring.backends.macOS", "keyring.backends.Windows"):
        monkeypatch.setitem(sys.modules, name, None)
    assert desktop_offer(sys.platform) is None


@pytest.mark.parametrize("where", ["here", "in a program"])
def test_no_test_reaches_the_key_store_of_whoever_runs_it(where: str) -> None:
    if where == "here":
        assert desktop_offer() is None
        return
    ask = "from fieldapp.host.desktop_keystore import desktop_offer; print(desktop_offer()); import keyring"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60)
    assert done.stdout == "None\n"
    assert done.stderr.splitlines()[-1] == "ImportError: tests have no key store"


def test_a_probe_finds_a_backend_that_works(backend: MemoryBackend) -> None:
    assert works(system_keystore(backend))
    assert not backend.held
