"""The key store of a phone: Android's Keystore and the iOS keychain, through Flet's extension for them.

The extension belongs to a page and answers on the event loop; a vault asks on the storage thread and waits. So a call is
handed to the loop, and its answer is what counts: a write has happened when the system said so, in the vault's order.
Nothing is read ahead, except that the key of the sealed outbox stays in memory once it was read: iOS gives nothing
while the phone's own lock is on, and what waits is to be sent from the pocket.

What does not answer in time has failed, and so does every further call until it has answered or another page is there.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import flet as ft
from flet_secure_storage import AndroidOptions, IOSOptions, KeychainAccessibility, SecureStorage

from fieldapp.vault import TextStore
from fieldapp.vault.keystore import OUTBOX_KEY

T = TypeVar("T")

PREFIX: Final = "notebook"
PATIENCE: Final = 10.0
"""Seconds for one call."""


class PageGone(Exception):
    """There is no page to ask through, or an earlier call has not been answered yet."""


def secure_storage() -> SecureStorage:
    """Return the extension's service with the only options that are safe for keys; belongs to the current page.

    By default it erases everything for ever when Android's Keystore reports any error at all.
    """
    return SecureStorage(
        android_options=AndroidOptions(reset_on_error=False, migrate_on_algorithm_change=True),
        ios_options=IOSOptions(
            accessibility=KeychainAccessibility.UNLOCKED_THIS_DEVICE, synchronizable=False
        ),
    )


class PhoneKeys:
    """The phone's key store, as far as a page is there to ask it through."""

    patience = PATIENCE

    def __init__(self) -> None:
        self._storage: SecureStorage | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: tuple[SecureStorage, Future[Any]] | None = None

    def attach(self, page: ft.Page) -> None:
        """Ask through `page` from now on; called on its event loop, while it is the current one."""
        self._loop = asyncio.get_running_loop()
        self._storage = secure_storage()

    def offer(self, folder_id: str) -> TextStore:
        """Return the entries of the data folder with this id."""
        return _PhoneStore(self, f"{PREFIX}.{folder_id}.")

    def ask(self, question: Callable[[SecureStorage], Coroutine[Any, Any, T]]) -> T:
        """Put a question to the phone and wait for its answer, or raise what it raises. Never on the event loop."""
        storage, loop, waiting = self._storage, self._loop, self._waiting
        if storage is None or loop is None:
            raise PageGone
        if waiting is not None and waiting[0] is storage and not waiting[1].done():
            raise PageGone
        answer = asyncio.run_coroutine_threadsafe(question(storage), loop)
        self._waiting = storage, answer  # a page that comes in the middle of this is another storage
        return answer.result(self.patience)


class _PhoneStore:
    """The entries of one data folder."""

    def __init__(self, phone: PhoneKeys, prefix: str) -> None:
        self._phone = phone
        self._prefix = prefix
        self._held: dict[str, str] = {}

    def get(self, name: str) -> str | None:
        """Return the text, or None when there is none."""
        if name in self._held:
            return self._held[name]
        text: str | None = self._phone.ask(lambda storage: storage.get(self._prefix + name))
        self._hold(name, text)
        return text

    def set(self, name: str, text: str) -> None:
        """Keep a text; returns when the phone has confirmed it."""
        self._held.pop(name, None)
        self._phone.ask(lambda storage: storage.set(self._prefix + name, text))
        self._hold(name, text)

    def delete(self, name: str) -> None:
        """Forget a text; the phone does not mind if there is none."""
        self._held.pop(name, None)
        self._phone.ask(lambda storage: storage.remove(self._prefix + name))

    def _hold(self, name: str, text: str | None) -> None:
        if text is not None and name.rpartition(".")[2] == OUTBOX_KEY:
            self._held[name] = text
