"""Signing a new version of the directory with the keys from their own vault (security: section 4).

Needed before the prekeys run out, 26 weeks after the last version, and to tell devices what was decided about them.
The key vault is open only for the signature.
"""

from dataclasses import replace
from pathlib import Path

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.ceremony import DIRECTORY_SECONDS, KEY_RECORD_KIND
from fieldapp.services.desk.records import Published, RoleKeys
from fieldapp.services.desk.rulings import with_rulings
from fieldapp.vault import NoKeystore, VaultDamaged, unlock
from sync.directory import Directory, sign_directory
from sync.fields import Fields
from sync.keys import PrekeyRing
from sync.primitives import SigningKey
from sync.signed import parse_row
from sync.trust import make_blob, update


async def renew_directory(book: DeskBook, key_directory: Path, words: str) -> None:
    """Sign the next version with prekeys that again reach 26 weeks ahead, and keep it here; publishing follows.

    WrongPassphrase, UnlockDelayed or another VaultError from the key vault; DirectoryRejected when its keys are not
    those of this centre. Then nothing has changed.
    """
    async with book.turn:
        trust, now = book.trust, book.clock.now()
        key = await book.worker.run(_directory_key, key_directory, words, now)
        rings = {keys.role_id: keys.ring.renewed(now) for keys in book.role_keys}
        directory = _next(with_rulings(trust.directory, book.rulings), trust.dir_hash, rings, now)
        roots = [document.to_bytes() for document in parse_row(trust.blob)[:-1]]
        blob = make_blob(roots, sign_directory(directory, trust.root, [key]))
        renewed = Published(update(trust, blob))
        await book.write([renewed, *(RoleKeys(role_id, ring) for role_id, ring in rings.items())])


def _directory_key(folder: Path, words: str, now: int) -> SigningKey:
    vault = unlock(folder, words, NoKeystore(), now=now)
    try:
        records = vault.records(KEY_RECORD_KIND)
        if len(records) != 1:
            raise VaultDamaged("no keys in this vault")
        return SigningKey.from_seed(Fields.parse(records[0].payload).binary("directory", 32))
    finally:
        vault.lock()


def _next(directory: Directory, dir_hash: bytes, rings: dict[str, PrekeyRing], now: int) -> Directory:
    roles = dict(directory.roles)
    for role_id, ring in rings.items():
        prekeys, last_resort = ring.published(now)
        roles[role_id] = replace(roles[role_id], prekeys=prekeys, last_resort=last_resort)
    return replace(
        directory,
        v=directory.v + 1,
        prev_hash=dir_hash,
        issued=now,
        expires=now + DIRECTORY_SECONDS,
        roles=roles,
    )
