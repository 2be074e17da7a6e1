"""The key store of a desktop: Windows' credentials, the macOS keychain, or the Secret Service of a Linux desktop.

The backend is the system's own, by name: what an environment variable, a configuration file or an installed plug-in
would choose for the `keyring` library is not asked, because one of those may keep its entries in a readable file.

A key store may wait for a person (a locked keychain asks for its password) or for ever. Each call runs in a thread of
its own and is given up after a while: then it failed, and so does every further call until that one has returned. So
a write that is late can never come after a newer one.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from threading import Thread
from typing import Final, Protocol, TypeVar

from fieldapp.vault.system_keystore import Offer, TextStore

T = TypeVar("T")

SERVICE: Final = "notebook"
"""Neutral, like the window's title. Each entry has a service of its own: Windows keeps one user for each."""
PATIENCE: Final = 20.0
"""Seconds for one call: time to type the password of a keychain."""

_BACKENDS: Final = {
    "darwin": ("keyring.backends.macOS", "Keyring"),
    "linux": ("fieldapp.host.secret_service", "OneConnection"),
    "win32": ("keyring.backends.Windows", "WinVaultKeyring"),
}

_WRITES: Final = {"win32": 2}
"""Windows' backend first moves what an entry held to a second name; the next write moves the new value there."""


class Backend(Protocol):
    """What is used of a backend of `keyring`."""

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry, or None when there is none."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write an entry."""

    def delete_password(self, service: str, username: str) -> None:
        """Delete an entry; raises when there is none."""


class StillWaiting(Exception):
    """The system has not answered in time, or not yet answered an earlier call."""


class DesktopStore:
    """The entries of one data folder in a backend."""

    def __init__(
        self, backend: Backend, folder_id: str, *, patience: float = PATIENCE, writes: int = 1
    ) -> None:
        """Keep entries under names of the folder; `writes` is how often one is written until no older value is left."""
        self._backend = backend
        self._writes = writes
        self._prefix = f"{SERVICE}.{folder_id}."
        self._patience = patience
        self._waiting: Thread | None = None

    def get(self, name: str) -> str | None:
        """Return the text, or None when there is none."""
        return self._within(lambda: self._backend.get_password(self._prefix + name, SERVICE))

    def set(self, name: str, text: str) -> None:
        """Keep a text, and nothing of what was there before."""
        for _ in range(self._writes):
            self._within(lambda: self._backend.set_password(self._prefix + name, SERVICE, text))

    def delete(self, name: str) -> None:
        """Forget a text: backends raise for what is not there."""
        if self.get(name) is not None:
            self._within(lambda: self._backend.delete_password(self._prefix + name, SERVICE))

    def _within(self, call: Callable[[], T]) -> T:
        if self._waiting is not None and self._waiting.is_alive():
            raise StillWaiting
        values: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                values.append(call())
            except BaseException as error:
                errors.append(error)

        # A thread that never ends must not keep the program from ending.
        self._waiting = thread = Thread(target=run, name="key store", daemon=True)
        thread.start()
        thread.join(self._patience)
        if errors:
            raise errors[0]
        if not values:
            raise StillWaiting
        return values[0]


def desktop_offer(platform: str = sys.platform, *, patience: float = PATIENCE) -> Offer | None:
    """Return how this system's key store is opened, None where there is none, or none that answers. Never raises."""
    found: list[Callable[[], Backend] | None] = []
    # A session bus can fall silent too, and must not keep the app from starting.
    look = Thread(target=lambda: found.append(_system_backend(platform)), name="key store", daemon=True)
    look.start()
    look.join(patience)
    backend = found[0] if found else None
    if backend is None:
        return None

    def offer(folder_id: str) -> TextStore:
        return DesktopStore(backend(), folder_id, writes=_WRITES.get(platform, 1))

    return offer


def _system_backend(platform: str) -> Callable[[], Backend] | None:
    """Return what makes a backend; each folder has its own, because a backend is not for several threads at once."""
    if platform not in _BACKENDS:
        return None
    module, name = _BACKENDS[platform]
    try:
        kind = getattr(import_module(module), name)
        if kind.priority <= 0:  # raises where the system lacks what the backend needs
            return None
        kind()
    except Exception:  # not installed, or not on this machine
        return None

    def make() -> Backend:
        backend: Backend = kind()
        if platform == "win32":
            backend.persist = "local machine"  # type: ignore[attr-defined]  # else it travels with a domain's profiles
        return backend

    return make
