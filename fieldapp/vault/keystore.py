"""What the operating system keeps for a vault, and how the vault asks for it.

Names: `ds` 32-byte device secret, `ds2` the next one, which lies ready for the next header that replaces this one, `bk`
32-byte outbox key, `iid` the header's id (so that what survives an uninstallation is recognised as foreign), `seq`
highest header seq, `att` attempt record, `gen0`, `gen1` the sealed generation of each partition.

A keystore that raises or returns nothing never makes the vault erase or recreate anything.

Some key stores take 40 ms for a call. So a vault is opened through an `Opening`: each entry is asked for once, and what
may lag is written behind the answer, by `settle`. From then on nothing is held, and every call goes through.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, TypeVar

from fieldapp.vault.errors import KeystoreUnavailable
from sync.primitives import KEY_SIZE, random_bytes

DEVICE_KEY: Final = "ds"
NEXT_DEVICE_KEY: Final = "ds2"
OUTBOX_KEY: Final = "bk"
INSTALL_ID: Final = "iid"
HEADER_SEQ: Final = "seq"
ATTEMPTS: Final = "att"
GENERATION: Final = ("gen0", "gen1")
MIRRORS: Final = (HEADER_SEQ, *GENERATION)
"""What tells that a file was put back: never written over unread, as long as it can be read."""

T = TypeVar("T")


class Keystore(Protocol):
    """Small secrets under the protection of the operating system. Any method may raise any Exception."""

    def get(self, name: str) -> bytes | None:
        """Return the value, or None when there is none."""

    def set(self, name: str, value: bytes) -> None:
        """Store a value durably."""

    def delete(self, name: str) -> None:
        """Forget a value; nothing happens when there is none."""


class NoKeystore:
    """For a device without a keystore: device secret and outbox key are zeros and nothing is remembered.

    Then only the passphrase protects the vault, and anyone with the files can read the sealed outbox's list.
    """

    def get(self, name: str) -> bytes | None:
        """Return zeros for the two keys and None for everything else."""
        return bytes(KEY_SIZE) if name in (DEVICE_KEY, OUTBOX_KEY) else None

    def set(self, name: str, value: bytes) -> None:
        """Remember nothing."""

    def delete(self, name: str) -> None:
        """Forget nothing."""


class Opening:
    """A key store as a vault that is being opened sees it, until `settle`. Not for several threads at once.

    The caller holds the lock on v.db meanwhile: nobody else changes entries of this folder. What must be durable before
    something else is written by `set` and `delete`, which never wait.
    """

    def __init__(self, keystore: Keystore) -> None:
        self._keystore = keystore
        self._held: dict[str, bytes | None] | None = {}
        self._owed: dict[str, bytes | None] = {}
        self._silent: set[str] = set()

    def get(self, name: str) -> bytes | None:
        """Return the value, asked for at most once before `settle`, answer or not; what is owed counts as written."""
        if self._held is None:
            return self._keystore.get(name)
        if name not in self._held:
            if name in self._silent:
                raise KeystoreUnavailable("it did not answer")
            self._silent.add(name)
            self._held[name] = self._keystore.get(name)
            self._silent.remove(name)
        return self._held[name]

    def set(self, name: str, value: bytes) -> None:
        """Store a value now, durably. Device secrets are asked for again: what comes back is what counts."""
        self._forget(name)
        self._keystore.set(name, value)
        if self._held is not None and name not in (DEVICE_KEY, NEXT_DEVICE_KEY):
            self._held[name] = value

    def delete(self, name: str) -> None:
        """Forget a value now."""
        self._forget(name)
        self._keystore.delete(name)

    def later(self, name: str, value: bytes | None) -> None:
        """Store a value, or forget it for None, behind the answer; at once after `settle`.

        Only for what may lag, or is found again at the next start: a keystore that refuses must not stop an officer.
        """
        self._owed[name] = value
        if self._held is None:
            self.settle()
        else:
            self._held[name] = value

    def settle(self) -> None:
        """Write what is owed, in its order, and hold nothing any more. Never raises; idempotent.

        A mirror that did not answer and does now stays: it may say more than whoever could not ask it.
        """
        owed, silent = self._owed, self._silent
        self._owed, self._silent, self._held = {}, set(), None
        for name, value in owed.items():
            with suppress(KeystoreUnavailable):
                if name in silent and name in MIRRORS and self._answers(name):
                    continue
                if value is None:
                    forget(self._keystore, name)
                else:
                    remember(self._keystore, name, value)

    def _answers(self, name: str) -> bool:
        with suppress(KeystoreUnavailable):
            return _ask(lambda: self._keystore.get(name)) is not None
        return False

    def _forget(self, name: str) -> None:
        self._owed.pop(name, None)
        self._silent.discard(name)
        if self._held is not None:
            self._held.pop(name, None)


def recall(keystore: Keystore, name: str, size: int) -> bytes | None:
    """Read a value of exactly `size` bytes; None when there is none. KeystoreUnavailable for anything else."""
    value = _ask(lambda: keystore.get(name))
    if value is not None and (not isinstance(value, bytes) or len(value) != size):
        raise KeystoreUnavailable(f"keystore entry {name} has an unexpected form")
    return value


def recall_key(keystore: Keystore, name: str) -> bytes:
    """Read a 32-byte key that must be there; KeystoreUnavailable when it is not."""
    value = recall(keystore, name, KEY_SIZE)
    if value is None:
        raise KeystoreUnavailable(f"keystore entry {name} is missing")
    return value


def remember(keystore: Keystore, name: str, value: bytes) -> None:
    """Store a value; KeystoreUnavailable when the keystore refuses."""
    _ask(lambda: keystore.set(name, value))


def forget(keystore: Keystore, name: str) -> None:
    """Delete a value; KeystoreUnavailable when the keystore refuses."""
    _ask(lambda: keystore.delete(name))


def next_device_key(keystore: Keystore) -> bytes:
    """Have the keystore hold a fresh device secret (`ds2`) beside the old one; zeros where there is no keystore."""
    remember(keystore, NEXT_DEVICE_KEY, random_bytes(KEY_SIZE))
    held = recall(keystore, NEXT_DEVICE_KEY, KEY_SIZE)
    return recall_key(keystore, DEVICE_KEY) if held is None else held


def _ask(call: Callable[[], T]) -> T:
    try:
        return call()
    except Exception as error:  # platform keystores raise whatever their binding raises
        failed = type(error).__name__
    # Outside of the block: the error of the binding must not hang on ours, for its frames hold what was to be kept.
    raise KeystoreUnavailable(f"keystore failed: {failed}")
