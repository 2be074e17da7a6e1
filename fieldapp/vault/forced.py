"""For whoever is forced to open the device: a second passphrase, a wipe passphrase, and erasing in need.

    words = ForcedWords(vault)
    words.set(SlotKind.OPEN, passphrase, second, now)            # slow: opens the second notebook
    words.set(SlotKind.WIPE_THEN_OPEN, passphrase, wipe, now)    # slow: as well, after the first one's keys are gone
    words.remove(SlotKind.OPEN, passphrase, now)
    erase(vault, now)                                            # at once; the same passphrase then opens the second one
    finish_wipe(vault)                                           # overwrites what a wipe has closed for good

Setting a word writes the second notebook's first cell and the first one's memory of it in one transaction, and then
the slot: a cut in between leaves a word that is not set. A wipe first exchanges the header, so that whatever instant the
power fails at, either the old words open as before or nothing of the first notebook opens any more; overwriting its
cells comes after that, and is taken up again at the next unlock until it is done. The sealed outbox stays: it needs no
key of a notebook, and still reaches the centre.
"""

import hmac
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from fieldapp.vault.cells import CELL_SIZE, Record
from fieldapp.vault.errors import (
    PassphraseTaken,
    StorageFailed,
    VaultDamaged,
    VaultFull,
    VaultReadOnly,
    WrongOtherWord,
)
from fieldapp.vault.partition import Partition, first_root, tags_of
from fieldapp.vault.pool import Staged
from fieldapp.vault.second import COMPANION_KIND, Companion, is_second, new_second, word_place
from fieldapp.vault.slots import SlotContent, SlotKind, SlotState, unused_slot
from fieldapp.vault.store import CellStore
from fieldapp.vault.vault import OpenFiles, Vault
from sync.primitives import KEY_SIZE, random_bytes


class ForcedWords:
    """The second and the wipe passphrase, as the first notebook sets and removes them.

    A second notebook has none: `VaultReadOnly` there, because its other partition is the first one's.
    """

    def __init__(self, vault: Vault) -> None:
        """Work on an unlocked vault."""
        self._vault = vault

    def is_set(self, kind: SlotKind) -> bool:
        """Tell whether this word is set, as far as this notebook knows; False in a second one."""
        files = self._vault.opened
        companion = _companion(files)
        return companion is not None and companion.is_set(kind, files.guard.header, files.index)

    def set(
        self,
        kind: SlotKind,
        passphrase: str,
        word: str,
        now: int,
        *,
        other: str = "",
        copied: Collection[bytes] = (),
    ) -> None:
        """Let `word` open the second notebook (`OPEN`), or wipe and then open it. Slow: Argon2id up to four times.

        `passphrase` is the first notebook's, `other` the other one of the two words if that is set; a fresh second
        notebook begins with copies of the records `copied`, so that it looks like this one. The word is tried
        from the disk before this returns. WrongPassphrase, WrongOtherWord and UnlockDelayed count like every attempt;
        PassphraseTaken when `word` opens something else; VaultFull, VaultReadOnly, StorageFailed: nothing has changed, or
        the word is not set. ValueError for an empty word.
        """
        if not word:
            raise ValueError("empty word")
        vault, files = self._vault, self._vault.opened
        _refuse_second(files)
        first, _, _ = vault.prove(passphrase, now)
        place = word_place(first, kind)
        self._check_other(_another(kind), other)
        stretched = vault.stretch(word)
        found = files.guard.find(stretched)
        if found is not None and found[0] != place:
            files.guard.end_attempt(now)
            raise PassphraseTaken("opens something else")
        companion, cells = _known_or_new(files, now, copied)
        content = replace(companion.content, kind=kind, created=now % 2**32)
        slot = files.guard.seal(place, content, stretched)
        try:
            with vault.transaction(now) as tx:
                tx.put(files.content.vault_id, COMPANION_KIND, companion.with_slot(kind, slot).pack())
                tx.beside += cells
        except (StorageFailed, VaultFull, VaultReadOnly):
            if not vault.is_locked:  # the passphrase was right: want of room must not look like guesses
                with suppress(StorageFailed):
                    files.guard.end_attempt(now)
            raise
        if cells:
            _mirror_fresh(files, content)
        # The other word of a second notebook that nobody remembers would open cells that are written over now.
        lost = {word_place(first, _another(kind)): unused_slot()} if cells else {}
        files.guard.set_slots({place: slot, **lost})
        found = files.guard.find_on_disk(stretched)
        if found is None or not hmac.compare_digest(found[1].pack(), content.pack()):
            raise VaultDamaged("word does not open")
        files.guard.end_attempt(now)

    def remove(self, kind: SlotKind, passphrase: str, now: int) -> None:
        """Let this word open nothing any more. What is in the second notebook stays, and is there again with a new word.

        WrongPassphrase and UnlockDelayed as in `set`; VaultReadOnly in a second notebook; StorageFailed.
        """
        files = self._vault.opened
        _refuse_second(files)
        first, _, _ = self._vault.prove(passphrase, now)
        files.guard.set_slots({word_place(first, kind): unused_slot()})
        files.guard.end_attempt(now)

    def _check_other(self, kind: SlotKind, word: str) -> None:
        if not self.is_set(kind):
            return
        files = self._vault.opened
        found = files.guard.find(self._vault.stretch(word)) if word else None
        if found is None or found[0] != word_place(files.index, kind):
            raise WrongOtherWord("not the other word")


def erase(vault: Vault, now: int, *, copied: Collection[bytes] = ()) -> None:
    """Make this notebook unreadable for good, and lock. Needs no passphrase; the one that opened it opens the second one.

    `copied` as in `ForcedWords.set`. Neither a full disk nor damage stops it: the header is written in place. In a second
    notebook everything but those is erased and its passphrase stays; the first one is not touched. StorageFailed: what
    was there may still be. The vault is locked in every case.
    """
    files = vault.opened
    try:
        if is_second(files.content):
            try:
                with vault.transaction(now, anew=True) as tx:
                    for record in vault.records():
                        if record.record_id not in copied:
                            tx.erase(record.record_id)
            except VaultReadOnly:  # its first cell is lost
                files.store.write(_emptied(files, now, copied).items())
            return
        try:
            companion, cells = _known_or_new(files, now, copied)
        except VaultDamaged:  # the other half cannot be read: then nothing opens, but what is here is closed
            companion, cells = Companion(new_second(1 - files.content.part, now)), []
        refused = not _written(files.store, cells)
        content = replace(companion.content, state=SlotState.WIPING)
        files.index = files.guard.replace(content, files.stretched, now)
        if (
            refused
        ):  # closing what is here came first; where this fails as well, the next unlock writes a first cell
            files.store.write(cells)
        if cells:
            _mirror_fresh(files, content)
        _overwrite(files, content)
    finally:
        vault.lock()


def finish_wipe(vault: Vault) -> None:
    """Overwrite what a wipe has closed, if one is under way; StorageFailed: the next unlock tries again."""
    files = vault.opened
    files.guard.settle()  # the secret of the header that closed it comes before the overwriting
    if files.content.state is SlotState.WIPING:
        files.content = _overwrite(files, files.content)


def _written(store: CellStore, cells: Iterable[tuple[int, bytes]]) -> bool:
    try:
        store.write(cells)
    except StorageFailed:
        return False
    return True


def _overwrite(files: OpenFiles, content: SlotContent) -> SlotContent:
    """Fill the partition beside `content`'s with random bytes, then say in the header that it is done."""
    files.store.fill(1 - content.part)
    done = replace(content, state=SlotState.NORMAL)
    files.guard.rewrap(files.index, done, files.stretched)
    return done


def _known_or_new(
    files: OpenFiles, now: int, copied: Collection[bytes]
) -> tuple[Companion, list[tuple[int, bytes]]]:
    """Return what is known of the second notebook; a fresh one with its first cells, to be written, when nothing is."""
    with suppress(VaultDamaged):
        known = _companion(files)
        if known is not None:
            return known, []
    content = new_second(1 - files.content.part, now)
    cells = files.store.read(part=content.part)
    return Companion(content), _first_cells(content, cells, _copies(files, copied), now)


def _emptied(files: OpenFiles, now: int, copied: Collection[bytes]) -> dict[int, bytes]:
    """Return all cells of this notebook anew, with nothing in them but the records `copied`."""
    noise = {n: random_bytes(CELL_SIZE) for n in files.store.read(part=files.content.part)}
    above = files.mirror.read() or 0  # else it would look older than it was
    return noise | dict(_first_cells(files.content, noise, _copies(files, copied), now, above))


def _copies(files: OpenFiles, copied: Collection[bytes]) -> list[Record]:
    places = files.partition.pool.places
    return [places[record_id].record for record_id in copied if record_id in places]


def _first_cells(
    content: SlotContent,
    cells: Mapping[int, bytes | None],
    records: Iterable[Record],
    now: int,
    above: int = 0,
) -> list[tuple[int, bytes]]:
    """Return the first cell of a notebook over `cells`, in which it opens nothing, and those of its first records.

    Its generation is greater than `above`.
    """
    part = content.part
    cells = {**cells, part: first_root(content, tags_of(cells, part), random_bytes(KEY_SIZE), now)}
    partition = Partition.load(content, cells, now)
    root = partition.root
    if root is None:
        raise VaultDamaged("first root cell")
    root = replace(root, generation=max(root.generation, above))
    staged = Staged(partition.pool, VaultFull)
    for record in records:
        staged.put(record.record_id, record.kind, record.flags, record.payload)
    blobs = staged.seal()
    return [(part, partition.next_root(root, staged, blobs, root.chain, now).blob), *blobs]


def _companion(files: OpenFiles) -> Companion | None:
    if is_second(files.content):  # what it has under its own id is something else
        return None
    place = files.partition.pool.places.get(files.content.vault_id)
    return Companion.of(place.record if place else None)


def _mirror_fresh(files: OpenFiles, content: SlotContent) -> None:
    """Have the keystore know a fresh second notebook: else its records look older as soon as a header is put back."""
    files.mirror.of(content.vmk, content.vault_id, content.part).write(1)


def _another(kind: SlotKind) -> SlotKind:
    return SlotKind.OPEN if kind is SlotKind.WIPE_THEN_OPEN else SlotKind.WIPE_THEN_OPEN


def _refuse_second(files: OpenFiles) -> None:
    if is_second(files.content):
        raise VaultReadOnly("a second notebook has no other")
