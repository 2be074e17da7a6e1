"""The Secret Service of a Linux desktop, asked over one connection for as long as the program runs.

`keyring`'s own backend connects for every call and agrees on a key each time: Diffie-Hellman over 1,024 bits, twice in
Python, which is 25 of the 30 milliseconds that a call took with gnome-keyring. An unlock waits for four of them
(`docs/adr/0051`, `0053`). The entries are the library's, by names and attributes: either backend reads the other's.

Not for several threads at once. Import it on Linux only, where `keyring` brings `secretstorage`.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import secretstorage
from keyring.backends.SecretService import Keyring
from keyring.errors import KeyringLocked, PasswordDeleteError
from secretstorage.exceptions import PromptDismissedException
from secretstorage.util import open_session

T = TypeVar("T")

_ANSWERS = (KeyringLocked, PasswordDeleteError, PromptDismissedException)
"""What the service, or a person it asked, says on a connection that works: asking anew would not change it."""


class OneConnection(Keyring):
    """The library's backend; connection, session and collection stay. A service that was started anew is found again."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._collection: secretstorage.Collection | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """Return an entry, or None when there is none."""
        query = self._query(service, username)

        def read(collection: secretstorage.Collection) -> str | None:
            for item in collection.search_items(query):
                return item.get_secret().decode()
            return None

        return self._ask(read)

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write an entry."""
        attributes = self._query(service, username, application=self.appid)
        label = f"Password for '{username}' on '{service}'"
        self._ask(lambda held: held.create_item(label, attributes, password.encode(), replace=True))

    def delete_password(self, service: str, username: str) -> None:
        """Delete an entry; raises PasswordDeleteError when there is none."""
        query = self._query(service, username)

        def delete(collection: secretstorage.Collection) -> None:
            for item in collection.search_items(query):
                item.delete()
                return
            raise PasswordDeleteError("No such entry")

        self._ask(delete)

    def _ask(self, call: Callable[[secretstorage.Collection], T]) -> T:
        """Ask on the connection that is there; where that fails, once more on a new one.

        A key ring that its owner locked meanwhile fails as well, and a new connection unlocks it. Each call may be made
        twice: a value that is written replaces what has its attributes.
        """
        if self._collection is not None:
            try:
                return call(self._collection)
            except _ANSWERS:
                raise
            except Exception:  # locked, or service or bus were started anew: libraries say that in many ways
                self._drop()
        self._collection = _connected()
        return call(self._collection)

    def _drop(self) -> None:
        held, self._collection = self._collection, None
        if held is not None:
            with suppress(Exception):
                held.connection.close()


def _connected() -> secretstorage.Collection:
    """Return the user's default collection on a connection of its own with a key agreed on.

    Where it is locked the system asks for its password; KeyringLocked if that does not help.
    """
    connection = secretstorage.dbus_init()
    try:
        collection = secretstorage.get_default_collection(connection)
        if collection.is_locked():
            collection.unlock()
            if collection.is_locked():
                raise KeyringLocked("not unlocked")
        collection.session = open_session(connection)
    except BaseException:
        connection.close()
        raise
    return collection
