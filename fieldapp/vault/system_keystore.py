"""The key store of an operating system: which one a data folder has, and how an entry looks in it.

Every system keeps short texts under a name. An entry is the base64 text (88 characters) of 64 bytes, whatever it holds:

    01 | length u8 | value, at most 54 bytes | zero up to byte 55 | check 8
    check = the first 8 bytes of H("fsv1 ks entry", name | bytes 0..55)

So a text that a system damaged, or gave for another name, is an error of the key store and never a wrong key.

`v.id` in the data folder, 16 random bytes, names the entries of this folder: two folders of one user never touch each
other's, and a folder keeps its own when it is moved. It is made after a key store has shown that it keeps what it is
given. From then on this folder has one: when it does not answer later, that is a key store that fails, never "none".
"""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from fieldapp.vault.header import write_all
from fieldapp.vault.keystore import Keystore, NoKeystore
from sync.primitives import blake, random_bytes, same

ID_FILE: Final = "v.id"
_ID_SIZE: Final = 16
_VERSION: Final = 1
_BODY: Final = 56
_CHECK: Final = 8
MAX_VALUE: Final = _BODY - 2
PROBE: Final = "probe"
"""The name of the entry that is written, read and deleted to see whether a key store works."""


class TextStore(Protocol):
    """What an operating system offers: texts by name. Any method may raise any Exception."""

    def get(self, name: str) -> str | None:
        """Return the text, or None when there is none."""

    def set(self, name: str, text: str) -> None:
        """Keep a text; returns when the system has confirmed it."""

    def delete(self, name: str) -> None:
        """Forget a text; nothing happens when there is none."""


Offer = Callable[[str], TextStore]
"""Makes the system's store for a data folder from the folder's id (32 hexadecimal characters)."""


class SilentStore:
    """In place of a system's key store that is gone: every call raises."""

    def get(self, name: str) -> str | None:
        """Raise OSError."""
        raise OSError("no key store answers")

    def set(self, name: str, text: str) -> None:
        """Raise OSError."""
        raise OSError("no key store answers")

    def delete(self, name: str) -> None:
        """Raise OSError."""
        raise OSError("no key store answers")


class SystemKeystore:
    """A vault's key store over the texts of a system. ValueError for a text that is no entry of that name."""

    def __init__(self, texts: TextStore) -> None:
        self._texts = texts

    def get(self, name: str) -> bytes | None:
        """Return the value, or None when there is none."""
        text = self._texts.get(name)
        return None if text is None else unpack(name, text)

    def set(self, name: str, value: bytes) -> None:
        """Store a value of at most 54 bytes."""
        self._texts.set(name, pack(name, value))

    def delete(self, name: str) -> None:
        """Forget a value."""
        self._texts.delete(name)


def pack(name: str, value: bytes) -> str:
    """Return the text of an entry: always 88 characters. ValueError for a value of more than 54 bytes."""
    if len(value) > MAX_VALUE:
        raise ValueError("too long for an entry")
    body = (bytes([_VERSION, len(value)]) + value).ljust(_BODY, b"\0")
    return base64.b64encode(body + _check(name, body)).decode("ascii")


def unpack(name: str, text: str) -> bytes:
    """Return the value of an entry; ValueError, which names nothing of it, for anything else."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise ValueError("not an entry") from None
    body, check = raw[:_BODY], raw[_BODY:]
    if len(raw) != _BODY + _CHECK or not same(_check(name, body), check):
        raise ValueError("not an entry of this name")
    if body[0] != _VERSION or body[1] > MAX_VALUE:
        raise ValueError("an entry of another form")
    return body[2 : 2 + body[1]]


def works(keystore: Keystore) -> bool:
    """Tell whether a key store gives back what it was given, and forgets what it is told to. Never raises."""
    value = random_bytes(MAX_VALUE)
    try:
        keystore.set(PROBE, value)
        held = keystore.get(PROBE)
        keystore.delete(PROBE)
        return isinstance(held, bytes) and same(held, value) and keystore.get(PROBE) is None
    except Exception:  # whatever the binding raises: this device has no key store that can be used
        return False


def device_keystore(directory: Path, offer: Offer | None) -> Keystore:
    """Return the key store for the vaults in `directory`, which must exist; may take seconds. Never raises.

    `offer` is None where the system has no key store that is safe to use. NoKeystore only where none has ever worked
    for this folder: a vault that depends on one must not be told that there is nothing to ask.
    """
    file = directory / ID_FILE
    try:
        known = _known(file)
        if known is None:
            known = _first(file, offer)
    except OSError:
        return SystemKeystore(SilentStore())
    if known is None:
        return NoKeystore()
    usable = offer is not None and len(known) == _ID_SIZE
    return SystemKeystore(offer(known.hex()) if offer and usable else SilentStore())


def _known(file: Path) -> bytes | None:
    """Return the id of a folder, however damaged; None when it never had one. OSError when that cannot be said."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def _first(file: Path, offer: Offer | None) -> bytes | None:
    """Give a folder its id if a key store works; None where none does, or the id is not certain to be durable.

    Another process may do the same at this moment: what is in the file counts.
    """
    fresh = random_bytes(_ID_SIZE)
    if offer is not None and works(SystemKeystore(offer(fresh.hex()))):
        try:
            _write_new(file, fresh)
        except FileExistsError:
            return _known(file)
        except OSError:
            return None
    return _known(file)


def _write_new(file: Path, data: bytes) -> None:
    """Write a small file durably, whole or not at all; FileExistsError when there is one already."""
    unfinished = file.with_name(f"{file.name}.{random_bytes(4).hex()}.new")
    try:
        with unfinished.open("xb", buffering=0) as opened:
            write_all(opened.fileno(), data)
            os.fsync(opened.fileno())
        try:
            file.hardlink_to(unfinished)
        except FileExistsError:
            raise
        except (
            OSError,
            NotImplementedError,
        ):  # no links: a phone, where nobody else has the folder, or a stick
            if file.exists():
                raise FileExistsError from None
            unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    if os.name != "nt":
        descriptor = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check(name: str, body: bytes) -> bytes:
    return blake(b"fsv1 ks entry", name.encode() + body)[:_CHECK]
