"""The second notebook of a vault: the other partition, with keys of its own, for whoever is forced to open the device.

    vault_id of a second notebook = H("fsv1 second", VMK, "", 16)      of the first one: random

So whoever opens a partition knows which of the two it is, and nobody else learns anything. The places of its words in
the header follow from the slot of the first passphrase (see `sheet` for the reason): the second passphrase lies one
place after it, the wipe passphrase two. Only the first notebook remembers the second one, in a record of its own whose
id is its vault id; nothing leads back.

    companion record = slot plaintext 120 | commitment of the second passphrase's slot 16 | of the wipe passphrase's 16

A word counts as set while the header holds a slot with the remembered commitment.

A second notebook may have a record under its own id as well: by how many seqs an older header was behind when somebody
there had understood that notice. It ends the notice there and nowhere else: the first one has still to be told of it.

    understood record = u64
"""

from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.vault.cells import Record
from fieldapp.vault.errors import VaultDamaged
from fieldapp.vault.header import Header
from fieldapp.vault.slots import COMMIT_SIZE, COUNT, PLAINTEXT_SIZE, SlotContent, SlotKind
from sync.primitives import KEY_SIZE, blake, random_bytes, same

COMPANION_KIND: Final = 255
UNDERSTOOD_KIND: Final = 254
_OFFSETS: Final = {SlotKind.OPEN: 1, SlotKind.WIPE_THEN_OPEN: 2}
_NOT_SET: Final = bytes(COMMIT_SIZE)


def word_place(first_slot: int, kind: SlotKind) -> int:
    """Return the slot of the second (`OPEN`) or of the wipe passphrase, from the slot of the first passphrase."""
    return (first_slot + _OFFSETS[kind]) % COUNT


def new_second(part: int, now: int) -> SlotContent:
    """Return fresh keys for a second notebook in partition `part`; `now` is Unix seconds."""
    vmk = random_bytes(KEY_SIZE)
    return SlotContent(part, 0, second_id(vmk), vmk, now % 2**32)


def second_id(vmk: bytes) -> bytes:
    """Return the vault id of a second notebook: 16 bytes."""
    return blake(b"fsv1 second", b"", key=vmk, n=16)


def is_second(content: SlotContent) -> bool:
    """Tell whether these are the keys of a second notebook: it has no outbox, no network and no enrolment."""
    return same(content.vault_id, second_id(content.vmk))


def understood(behind: int) -> bytes:
    """Return the payload of the record that says so of a header that is `behind` by so much."""
    return behind.to_bytes(8, "little")


def is_understood(record: Record | None, behind: int) -> bool:
    """Tell whether a second notebook's own record says so; False for none, and for one of another header."""
    return record is not None and record.kind == UNDERSTOOD_KIND and same(record.payload, understood(behind))


@dataclass(frozen=True, slots=True)
class Companion:
    """What the first notebook remembers of the second one."""

    content: SlotContent = field(repr=False)
    second: bytes = _NOT_SET
    wipe: bytes = _NOT_SET

    def pack(self) -> bytes:
        """Return the payload of the record."""
        return self.content.pack() + self.second + self.wipe

    @classmethod
    def of(cls, record: Record | None) -> "Companion | None":
        """Read the record; None when there is none, VaultDamaged when it is not one."""
        if record is None:
            return None
        data = record.payload
        if record.kind != COMPANION_KIND or len(data) != PLAINTEXT_SIZE + 2 * COMMIT_SIZE:
            raise VaultDamaged("companion record")
        second, wipe = data[PLAINTEXT_SIZE:-COMMIT_SIZE], data[-COMMIT_SIZE:]
        return cls(SlotContent.unpack(data[:PLAINTEXT_SIZE]), second, wipe)

    def with_slot(self, kind: SlotKind, slot: bytes) -> "Companion":
        """Remember the slot that is about to be written."""
        commit = slot[:COMMIT_SIZE]
        return replace(self, second=commit) if kind is SlotKind.OPEN else replace(self, wipe=commit)

    def is_set(self, kind: SlotKind, header: Header, first_slot: int) -> bool:
        """Tell whether the header holds the slot that was remembered last."""
        commit = self.second if kind is SlotKind.OPEN else self.wipe
        return same(commit, header.slots[word_place(first_slot, kind)][:COMMIT_SIZE])
