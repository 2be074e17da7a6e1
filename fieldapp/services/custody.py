"""Key vaults: where the keys that speak for a centre lie, and the only place that signs with them.

A key holder has one root key and one directory key in a vault of their own, on a removable medium, with a passphrase of
seven random words (90 bits): there is no key store on a medium, so the words alone protect it. A vault is open for
the time of one signature. It belongs to one centre: made with it, or bound to it by its first signature. It remembers
the last version that it signed and never signs an older one.

The card beside the vault is its public half: what a desk needs to make its owner a key holder.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from fieldapp.domain.ids import Clock
from fieldapp.errors import FieldappError
from fieldapp.services import passphrases
from fieldapp.vault import KdfParameters, NoKeystore, Vault, VaultDamaged, create, exists, unlock
from sync import canonical
from sync.comparison import key_label
from sync.errors import DirectoryRejected, SyncError
from sync.fields import Fields
from sync.primitives import SigningKey, blake
from sync.signing import Proposal, write_card

KEY_WORDS: Final = 7
KEY_RECORD_KIND: Final = 1
"""The one record of its kind: {directory: seed, root: seed}, with the centre's id as its id."""
SIGNED_RECORD_KIND: Final = 2
"""What was signed last: {dir_hash, version}."""
UNBOUND: Final = bytes(16)
"""In place of a centre's id before the first signature."""
CARD_SUFFIX: Final = ".card"
REQUEST_SUFFIX: Final = ".request"
SIGNATURES_SUFFIX: Final = ".signatures"
_SIGNED_ID: Final = blake(b"fsv1 custody", b"signed", n=16)


class KeyFolderUnusable(FieldappError):
    """A folder for keys or signing files is not there, or cannot be read or written; nothing was made."""

    def diagnostics(self) -> str:
        """Say what to do."""
        return "This folder cannot be used. Put the medium in, or choose another one."


@dataclass(frozen=True, slots=True)
class HolderKeys:
    """The two keys of one key holder."""

    root: SigningKey
    directory: SigningKey

    @classmethod
    def generate(cls) -> "HolderKeys":
        """Make fresh ones."""
        return cls(SigningKey.generate(), SigningKey.generate())

    @property
    def label(self) -> str:
        """How people call this key."""
        return key_label(self.directory.public)


@dataclass(frozen=True, slots=True)
class KeyPaper:
    """What a key holder writes down: the words are shown once and stored nowhere. `folder` is the vault's."""

    folder: Path
    label: str
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signatures:
    """A signature file, and whether this key has signed other content of the same version before."""

    data: bytes = field(repr=False)
    again: bool


def key_folder(typed: str) -> Path | None:
    """Return the folder that was typed, None for an empty one. Touches the disk.

    KeyFolderUnusable when it is not there: a mistyped one must not be made, for then the keys would lie on this
    computer and not on the medium. Or when nothing can be written into it.
    """
    if not typed.strip():
        return None
    try:
        folder = Path(typed.strip()).expanduser()
        if not folder.is_absolute():
            raise KeyFolderUnusable("relative")
        with TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError, ValueError):
        raise KeyFolderUnusable("cannot be written") from None


def write_file(folder: Path, name: str, data: bytes) -> Path:
    """Write a file whole or not at all, also when the medium is pulled out; KeyFolderUnusable."""
    path, unfinished = folder / name, folder / f"{name}.new"
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        raise KeyFolderUnusable("cannot be written") from None
    return path


def create_key_vault(
    folder: Path, keys: HolderKeys, centre_id: bytes, name: str, parameters: KdfParameters, clock: Clock
) -> KeyPaper:
    """Write keys into a new vault in `folder`, and its card (`name` is for people) beside it. Slow.

    VaultExists, StorageFailed; KeyFolderUnusable for the card.
    """
    words = passphrases.suggest("en", KEY_WORDS)
    vault = create(folder, words, NoKeystore(), parameters, now=clock.now())
    seeds = canonical.dumps({"directory": keys.directory.seed.hex(), "root": keys.root.seed.hex(), "v": 1})
    try:
        with vault.transaction(clock.now()) as tx:
            tx.put(centre_id, KEY_RECORD_KIND, seeds)
    finally:
        vault.lock()
    card = write_card(name, keys.root, keys.directory)
    write_file(folder, f"key-{keys.directory.public.hex()[:8]}{CARD_SUFFIX}", card)
    return KeyPaper(folder, keys.label, words)


def mark_of(signatures: bytes) -> str:
    """Return a short name for a signature file, so that those of two holders never have the same."""
    return blake(b"fsv1 custody", signatures, n=16)[:4].hex()


def find_key_vault(folder: Path) -> Path:
    """Return the folder of the key vault: `folder` itself, or the only one in it that holds one; KeyFolderUnusable."""
    try:
        found = [path for path in (folder, *sorted(folder.iterdir())) if path.is_dir() and exists(path)]
    except OSError:
        raise KeyFolderUnusable("cannot be read") from None
    if len(found) != 1:
        raise KeyFolderUnusable("no key vault, or several")
    return found[0]


def sign(folder: Path, words: str, proposal: Proposal, clock: Clock) -> Signatures:
    """Sign what this vault's keys are asked for. Slow: it runs Argon2id.

    WrongPassphrase, UnlockDelayed or another VaultError, KeyFolderUnusable. DirectoryRejected: centre (the vault belongs
    to another one), signer (its keys are not asked), rollback (it has signed a newer version). Then nothing is signed.
    """
    with _open(find_key_vault(folder), words, clock) as vault:
        bound_to, keys = _keys(vault)
        if bound_to not in (UNBOUND, proposal.present.centre_id):
            raise DirectoryRejected("centre")
        version, dir_hash = _last_signed(vault)
        if proposal.directory.v < version:
            raise DirectoryRejected("rollback")
        data = proposal.signed_by(keys.root, keys.directory)
        _remember(vault, bound_to, proposal, clock)
        return Signatures(data, proposal.directory.v == version and proposal.dir_hash != dir_hash)


def command_key(folder: Path, words: str, clock: Clock) -> SigningKey:
    """Return the key of a key holder that may order a wipe: the directory key. Slow: it runs Argon2id.

    WrongPassphrase, UnlockDelayed or another VaultError, KeyFolderUnusable.
    """
    with _open(find_key_vault(folder), words, clock) as vault:
        return _keys(vault)[1].directory


@contextmanager
def _open(folder: Path, words: str, clock: Clock) -> Iterator[Vault]:
    vault = unlock(folder, " ".join(words.split()).lower(), NoKeystore(), now=clock.now())
    try:
        yield vault
    finally:
        vault.lock()


def _keys(vault: Vault) -> tuple[bytes, HolderKeys]:
    records = vault.records(KEY_RECORD_KIND)
    if len(records) != 1:
        raise VaultDamaged("no keys in this vault")
    try:
        fields = Fields.parse(records[0].payload)
        root, directory = (SigningKey.from_seed(fields.binary(name, 32)) for name in ("root", "directory"))
    except SyncError:
        raise VaultDamaged("no keys in this vault") from None
    return records[0].record_id, HolderKeys(root, directory)


def _last_signed(vault: Vault) -> tuple[int, bytes]:
    record = vault.get(_SIGNED_ID)
    if record is None:
        return 0, b""
    fields = Fields.parse(record.payload)
    return fields.number("version", 1), fields.binary("dir_hash", 32)


def _remember(vault: Vault, bound_to: bytes, proposal: Proposal, clock: Clock) -> None:
    """Write down what is signed before the signature leaves, and to which centre this vault belongs from now on."""
    note = canonical.dumps({"dir_hash": proposal.dir_hash.hex(), "version": proposal.directory.v})
    seeds = vault.records(KEY_RECORD_KIND)[0].payload
    with vault.transaction(clock.now()) as tx:
        tx.put(_SIGNED_ID, SIGNED_RECORD_KIND, note)
        if bound_to == UNBOUND:
            tx.erase(UNBOUND)
            tx.put(proposal.present.centre_id, KEY_RECORD_KIND, seeds)
