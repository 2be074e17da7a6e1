"""Rotate the key of a notebook: after somebody may have copied the device (docs/adr/0041).

    rekey(vault, passphrase, code, now)     # slow; `code` is that of a new recovery sheet
    finish_rekey(vault)                     # goes on with what a power cut interrupted; nothing to do, mostly

    1  header: the slots of passphrase and sheet say REKEYING and hold both keys, durable in both copies
    2  v.db: one transaction writes every cell of the notebook anew, under the next key and epoch + 1
    3  header: the slots hold the next key alone

The cells tell which key is in force: if one of them opens under the next key, all of them do. So whatever instant the
power fails at, the next unlock opens everything, and goes on from there. A slot that nobody could write once more, for
want of its code, keeps both keys and finds the right one in the same way.

Only the key of the first notebook is rotated. Its second and its wipe passphrase open the second notebook as before,
and v.box is not under this key.
"""

from collections.abc import Mapping
from dataclasses import replace

from fieldapp.vault.cells import RecordCipher
from fieldapp.vault.errors import StorageFailed, VaultDamaged, VaultReadOnly
from fieldapp.vault.partition import Partition, tags_of
from fieldapp.vault.root import cells_hash
from fieldapp.vault.second import is_second
from fieldapp.vault.sheet import read_code
from fieldapp.vault.slots import SlotContent, SlotState
from fieldapp.vault.vault import OpenFiles, Vault, mirror
from sync.primitives import KEY_SIZE, random_bytes


def rekey(vault: Vault, passphrase: str, code: str, now: int) -> None:
    """Give the first notebook a new key and a new sheet; its passphrase stays. Slow: Argon2id twice, and every cell.

    WrongPassphrase and UnlockDelayed count like every attempt; WrongRecoveryCode when `code` is none; VaultReadOnly in a
    second notebook, after a rollback, and without a root cell: nothing has changed. VaultDamaged and StorageFailed:
    nothing has changed either, or the new key comes into force at the next unlock; the vault may be locked then.
    """
    files = vault.opened
    if is_second(files.content) or vault.read_only:
        raise VaultReadOnly("no key to rotate")
    sheet = vault.stretch(read_code(code))
    index, content, stretched = vault.prove(passphrase, now)
    pending = replace(content, state=SlotState.REKEYING, vmk_next=random_bytes(KEY_SIZE))
    slots = {index: files.guard.seal(index, pending, stretched)}
    slots |= files.guard.seal_sheet(index, pending, sheet)
    before = {place: files.guard.header.slots[place] for place in slots}
    files.guard.set_slots(slots)
    files.content, files.index, files.stretched = pending, index, stretched
    files.guard.end_attempt(now)
    try:
        files.guard.check_sheet(pending, sheet)
        finish_rekey(vault, sheet=sheet)
    except (StorageFailed, VaultDamaged):
        # Only while the cells are as they were; a header is written in place, also on a full disk.
        if files.content is pending and not vault.is_locked:
            files.guard.set_slots(before)
            files.content = content
        raise
    files.guard.check_sheet(files.content, sheet)


def finish_rekey(vault: Vault, *, sheet: bytes | None = None) -> None:
    """Go on with a rotation that is under way, if one is. `sheet`: the stretched code of its sheet, when it is known.

    StorageFailed, VaultDamaged: the old key is in force, or the vault is locked and the next unlock finds out.
    """
    files = vault.opened
    if files.content.state is not SlotState.REKEYING or vault.read_only:
        return
    following = _rotated(files.content)
    cells = _under(following, files)
    partition = _checked(following, files, cells)
    try:
        files.store.write(cells.items())
    except StorageFailed:
        on_disk = files.store.read_one(following.part)
        if on_disk is None:
            vault.lock()
        # A fault may be reported after the commit was durable: then the new root cell is there.
        if on_disk != cells[following.part]:
            raise
    slots = {files.index: files.guard.seal(files.index, following, files.stretched)}
    if sheet is not None:
        slots |= files.guard.seal_sheet(files.index, following, sheet)
    files.content, files.partition = following, partition
    files.mirror = files.mirror.under(following.vmk)
    mirror(files)
    try:
        files.guard.set_slots(slots)
    except StorageFailed:
        vault.lock()  # the header is behind the cells: the next unlock brings it there
        raise


def in_force(content: SlotContent, blobs: Mapping[int, bytes | None]) -> SlotContent:
    """Return the keys that the cells of a partition are under, from a slot that may hold two."""
    if content.state is not SlotState.REKEYING:
        return content
    following = _rotated(content)
    cipher = _cipher(following)
    done = any(blob is not None and _opened(cipher, n, blob) is not None for n, blob in blobs.items())
    return following if done else content


def _rotated(content: SlotContent) -> SlotContent:
    return replace(
        content,
        state=SlotState.NORMAL,
        epoch=content.epoch + 1,
        vmk=content.vmk_next,
        vmk_next=bytes(KEY_SIZE),
    )


def _under(following: SlotContent, files: OpenFiles) -> dict[int, bytes]:
    """Return every cell of the partition as it will be; what does not open, or cannot be read, stays as it is."""
    part, root, old, new = following.part, files.partition.root, _cipher(files.content), _cipher(following)
    if root is None:
        raise VaultReadOnly("root cell is lost")
    blobs = files.store.read(part=part)
    for n, blob in blobs.items():
        if blob is None or n == part:
            continue
        if not root.is_used(n):
            blobs[n] = new.free(n)
        elif (plaintext := _opened(old, n, blob)) is not None:
            blobs[n] = new.seal(n, plaintext)
    tags = tags_of(blobs, part)
    following_root = replace(root, generation=root.generation + 1, cells_hash=cells_hash(following.vmk, tags))
    blobs[part] = following_root.seal(new, following.vault_id, part)
    return {n: blob for n, blob in blobs.items() if blob is not None}


def _checked(following: SlotContent, files: OpenFiles, cells: dict[int, bytes]) -> Partition:
    """Open what will be written and compare it with what is there, before anything is; VaultDamaged."""
    before = files.partition
    every = {n: cells.get(n) for n in files.store.read(part=following.part)}
    after = Partition.load(following, every, 1)
    known = before.pool.places, before.pool.free, set(before.pool.damaged)
    found = after.pool.places, after.pool.free, set(after.pool.damaged)
    if before.root is None or after.root is None or found != known:
        raise VaultDamaged("other records under the next key")
    if replace(after.root, generation=0, cells_hash=b"") != replace(
        before.root, generation=0, cells_hash=b""
    ):
        raise VaultDamaged("another root under the next key")
    return after


def _cipher(content: SlotContent) -> RecordCipher:
    return RecordCipher(content.vmk, content.vault_id, content.epoch)


def _opened(cipher: RecordCipher, n: int, blob: bytes) -> bytes | None:
    try:
        return cipher.open(n, blob)
    except VaultDamaged:
        return None
