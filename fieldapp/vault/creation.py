"""Make a vault, in an order that leaves either no vault or a whole one, whatever instant the power fails at.

All three files are written under names ending in `.new` and made durable; then v.box, v.db and, last of all, v.hdr
get their names. `v.hdr.new` is written first and renamed last, so as long as it exists the rest is an unfinished
creation that holds nothing and may be cleaned away. Files without it are somebody's records: they are never touched.

The partition that holds the records is chosen by a coin. The other one is random bytes: its VMK would be used by
nobody before a second passphrase is set, and that step can fill the partition with cells of a fresh VMK, because
random bytes and cells of a forgotten key cannot be told apart.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from fieldapp.vault import guard, kdf, partition
from fieldapp.vault import keystore as keys
from fieldapp.vault.cells import BoxCipher, RecordCipher, tag_of
from fieldapp.vault.errors import StorageFailed, VaultDamaged, VaultExists
from fieldapp.vault.generation import BLOB_SIZE
from fieldapp.vault.header import Header, HeaderFile, new_header
from fieldapp.vault.kdf import KdfParameters
from fieldapp.vault.keystore import Keystore
from fieldapp.vault.outbox_file import BOX_CELLS, BOX_FILE
from fieldapp.vault.root import MAX_PARTITION
from fieldapp.vault.slots import COUNT, SlotContent, seal_slot
from fieldapp.vault.store import BLOCK, CellStore, create_cells
from fieldapp.vault.unlocking import CELLS_FILE, UnlockAttempt
from fieldapp.vault.vault import Vault
from sync.primitives import KEY_SIZE, random_bytes

_NEW: Final = ".new"
_FILES: Final = (BOX_FILE, CELLS_FILE, guard.HEADER_FILE)
"""In the order in which they get their names."""


def exists(directory: Path) -> bool:
    """Tell whether there is a vault: a header, or cells without one that are not the rest of a creation."""
    if (directory / guard.HEADER_FILE).exists():
        return True
    unfinished = (directory / (guard.HEADER_FILE + _NEW)).exists()
    return not unfinished and any((directory / name).exists() for name in _FILES)


def create(
    directory: Path,
    passphrase: str,
    keystore: Keystore,
    parameters: KdfParameters,
    *,
    now: int,
    partition_cells: int = BLOCK,
) -> Vault:
    """Make a vault in `directory` and return it unlocked. Runs Argon2id once: slow. `now` is Unix seconds.

    VaultExists when there is one, KeystoreUnavailable before anything is written, StorageFailed when the disk
    refuses. ValueError for an empty passphrase, an illegal cost or a number of cells that is no multiple of 1024.
    """
    if not passphrase or not parameters.is_legal():
        raise ValueError("empty passphrase or illegal key derivation cost")
    if partition_cells % BLOCK or not BLOCK <= partition_cells <= MAX_PARTITION:
        raise ValueError("cells of a partition")
    if exists(directory):
        raise VaultExists("already there")
    header = new_header(parameters)
    stretched = kdf.stretch(passphrase, header.salt, parameters)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clean(directory)
    except OSError:
        raise StorageFailed("directory cannot be used") from None
    secret, outbox_key = _new_device_keys(keystore, header)
    content = SlotContent(secrets.randbelow(2), 0, random_bytes(16), random_bytes(KEY_SIZE), now % 2**32)
    kek = kdf.key_encryption_key(stretched, secret, header.header_id)
    index = secrets.randbelow(COUNT)
    header = header.with_slot(index, seal_slot(kek, index, content, header.fixed))
    HeaderFile(_new(directory, guard.HEADER_FILE)).create(header, secret)
    _write_cells(_new(directory, CELLS_FILE), content, 2 * partition_cells, outbox_key, now)
    create_cells(_new(directory, BOX_FILE), BOX_CELLS, BoxCipher(outbox_key).free)
    _take_names(directory)
    return UnlockAttempt.begin(directory, keystore, now).finished(stretched, now)


def _new_device_keys(keystore: Keystore, header: Header) -> tuple[bytes, bytes]:
    """Store fresh keys and read them back: what the keystore returns is what counts (zeros when there is none)."""
    keys.remember(keystore, keys.DEVICE_KEY, random_bytes(KEY_SIZE))
    keys.remember(keystore, keys.OUTBOX_KEY, random_bytes(KEY_SIZE))
    keys.remember(keystore, keys.INSTALL_ID, header.header_id)
    keys.remember(keystore, keys.HEADER_SEQ, bytes(8))
    keys.remember(keystore, keys.ATTEMPTS, header.attempts.pack())
    keys.forget(keystore, guard.WIPE_AFTER)  # a vault before this one may have left it
    for name in keys.GENERATION:
        keys.remember(keystore, name, random_bytes(BLOB_SIZE))
    return keys.recall_key(keystore, keys.DEVICE_KEY), keys.recall_key(keystore, keys.OUTBOX_KEY)


def _write_cells(path: Path, content: SlotContent, count: int, outbox_key: bytes, now: int) -> None:
    cipher = RecordCipher(content.vmk, content.vault_id, content.epoch)
    tags = bytearray()

    def fill(n: int) -> bytes:
        blob = cipher.free(n)
        if n % 2 == content.part and n != content.part:
            tags.extend(tag_of(blob))
        return blob

    create_cells(path, count, fill)
    store = CellStore(path)
    try:
        store.write([(content.part, partition.first_root(content, tags, outbox_key, now))])
    finally:
        store.close()


def _take_names(directory: Path) -> None:
    try:
        _sync(directory)
        for name in _FILES:
            _new(directory, name).rename(directory / name)
            _sync(directory)
    except OSError:
        raise StorageFailed("files cannot be renamed") from None


def _clean(directory: Path) -> None:
    """Remove the rest of an interrupted creation, its marker last; VaultDamaged when it is not certain to be one."""
    marker = _new(directory, guard.HEADER_FILE)
    if not marker.exists() and any((directory / name).exists() for name in _FILES):
        raise VaultDamaged("cells without a header")
    for name in (BOX_FILE, CELLS_FILE):
        for stale in (name, name + _NEW):
            for path in (directory / stale, directory / f"{stale}-journal"):
                path.unlink(missing_ok=True)
    _sync(directory)
    marker.unlink(missing_ok=True)


def _new(directory: Path, name: str) -> Path:
    return directory / (name + _NEW)


def _sync(directory: Path) -> None:
    """Make names durable, where a directory can be opened at all (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
