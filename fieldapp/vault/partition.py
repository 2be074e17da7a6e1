"""One partition of v.db while it is open: its keys, its root cell, the tags of its cells and its records."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fieldapp.vault.cells import RecordCipher, tag_of
from fieldapp.vault.errors import VaultDamaged
from fieldapp.vault.pool import DamagedCells, Pool, Staged
from fieldapp.vault.root import ChainState, Root, bits_of, cells_hash
from fieldapp.vault.slots import SlotContent
from sync.primitives import TAG_SIZE, same


@dataclass(frozen=True, slots=True)
class NextRoot:
    """The root cell that goes with prepared changes: becomes the current one when they are durable."""

    root: Root
    blob: bytes
    tags: bytearray = field(repr=False)


class Partition:
    """The state that a VMK opens. `root` is None when the root cell is lost: then records can only be read."""

    def __init__(self, content: SlotContent, root: Root | None, tags: bytearray, pool: Pool) -> None:
        """Use `Partition.load`."""
        self._content = content
        self.root = root
        self.tags = tags
        self.pool = pool

    @classmethod
    def load(cls, content: SlotContent, blobs: Mapping[int, bytes | None], now: int) -> "Partition":
        """Open all cells of the partition. A cell that does not open is reported, and the others work."""
        cipher = RecordCipher(content.vmk, content.vault_id, content.epoch)
        part = content.part
        others = {n: blob for n, blob in blobs.items() if n != part}
        tags = tags_of(blobs, part)
        try:
            root = _open_root(cipher, content, blobs.get(part))
        except VaultDamaged:
            return cls(content, None, tags, _salvage(cipher, others, part))
        others |= {n: None for n in root.used_cells(part) if n not in blobs}
        if not root.altered and not same(cells_hash(content.vmk, tags), root.cells_hash):
            root = replace(root, altered=now)
        return cls(content, root, tags, Pool.load(cipher, others, root.is_used))

    def next_root(
        self, root: Root, staged: Staged, blobs: list[tuple[int, bytes]], chain: ChainState, now: int
    ) -> NextRoot:
        """Return the root cell that follows `root` when the sealed `blobs` of `staged` are written."""
        tags = bytearray(self.tags)
        for n, blob in blobs:
            at = (n // 2 - 1) * TAG_SIZE
            tags[at : at + TAG_SIZE] = tag_of(blob)
        following = replace(
            root,
            generation=root.generation + 1,
            wall=now,
            used=(root.used | bits_of(staged.taken)) & ~bits_of(staged.freed),
            cells_hash=cells_hash(self._content.vmk, tags),
            chain=chain,
        )
        blob = following.seal(self.pool.cipher, self._content.vault_id, self._content.part)
        return NextRoot(following, blob, tags)

    def apply(self, following: NextRoot) -> None:
        """Make a root that is durable the current one."""
        self.root, self.tags = following.root, following.tags


def tags_of(blobs: Mapping[int, bytes | None], part: int) -> bytearray:
    """Return the tags of all cells of a partition but its root cell, in order; zeros for one that cannot be read."""
    tags = (bytes(TAG_SIZE) if blob is None else tag_of(blob) for n, blob in blobs.items() if n != part)
    return bytearray(b"".join(tags))


def first_root(content: SlotContent, tags: bytearray, outbox_key: bytes, now: int) -> bytes:
    """Return the root cell of an empty partition whose free cells have these tags."""
    cipher = RecordCipher(content.vmk, content.vault_id, content.epoch)
    root = Root(1, now, 1, cells_hash(content.vmk, tags), ChainState(), outbox_key)
    return root.seal(cipher, content.vault_id, content.part)


def _open_root(cipher: RecordCipher, content: SlotContent, blob: bytes | None) -> Root:
    if blob is None:
        raise VaultDamaged("root cell unreadable")
    return Root.open(cipher, content.vault_id, content.part, blob)


def _salvage(cipher: RecordCipher, blobs: Mapping[int, bytes | None], part: int) -> Pool:
    """Without a root nobody knows which cells are free: take what opens, give nothing away."""
    pool = Pool.load(cipher, blobs)
    pool.free.clear()
    incomplete = [entry for entry in pool.damaged if entry.record_id is not None]
    pool.damaged = [DamagedCells((part,), None), *incomplete]
    return pool
