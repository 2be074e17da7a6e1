"""The same work for every unlock: what an emptier notebook, or a wrong passphrase, spares is done for nothing.

Opening a cell that holds a record costs some 20 us, one that is free costs nothing. With a stopwatch that tells a full
first notebook from an empty second one. So every unlock opens as many cells as a partition has: what the notebook has not
is opened from one throw-away cell, under a throw-away key, by the code that opens the real ones.
"""

from collections.abc import Mapping

from fieldapp.vault.cells import PAYLOAD_SIZE, Fragment, RecordCipher
from fieldapp.vault.partition import Partition, tags_of
from fieldapp.vault.pool import Pool
from fieldapp.vault.root import cells_hash
from fieldapp.vault.store import BLOCK
from sync.primitives import KEY_SIZE, random_bytes

CELLS = BLOCK
"""What an unlock opens at least: a whole partition of a device. A desk's is larger, and has no second notebook.

Not final: tests that unlock thousands of times set less, as they take the lowest cost of Argon2id.
"""


def fill_up(partition: Partition) -> None:
    """Do, for a partition that was opened, the work of its free cells. Where its root cell is lost all were tried."""
    if partition.root is not None:
        open_for_nothing(CELLS - partition.root.used.bit_count())


def open_nothing(blobs: Mapping[int, bytes | None], part: int) -> None:
    """Do the work of opening these cells of a partition, of which nobody has the key."""
    cells_hash(random_bytes(KEY_SIZE), tags_of(blobs, part))
    open_for_nothing(CELLS)


def open_for_nothing(count: int) -> None:
    """Open a throw-away cell so many times, each time as a whole record; nothing for 0 or less.

    All of them are held until the last one, as real ones are: what is let go at once makes Python's collector look less
    often.
    """
    cipher = RecordCipher(random_bytes(KEY_SIZE), bytes(16), 0)
    cell = {2: cipher.seal(2, Fragment(bytes(16), 1, 0, 1, 0, 1, bytes(PAYLOAD_SIZE)).pack())}
    _ = [Pool.load(cipher, cell, _is_used) for _ in range(count)]


def _is_used(_n: int) -> bool:
    return True
