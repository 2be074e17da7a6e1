"""The free cells of the frozen vault: noise that anyone can compute again, so that it need not be stored.

In the stored files every free cell is 4040 bytes of "FREE" | n u32 | zeros. `restore` puts the cells back:
in v.db SHAKE-256("fieldapp vector cell" | n u32), in v.box an encrypted cell of zeros with the nonce
SHAKE-256("fieldapp vector box" | n u32).
"""

import hashlib
import re

from sync.primitives import aead_seal, blake

CELL_SIZE = 4040
_MARK = re.compile(rb"FREE(.{4})\0{4032}", re.DOTALL)


def free_cell(n: int) -> bytes:
    """A free cell of v.db."""
    return hashlib.shake_256(b"fieldapp vector cell" + n.to_bytes(4, "little")).digest(CELL_SIZE)


def free_box_cell(n: int, outbox_key: bytes) -> bytes:
    """A free cell of v.box."""
    number = n.to_bytes(4, "little")
    nonce = hashlib.shake_256(b"fieldapp vector box" + number).digest(24)
    return nonce + aead_seal(blake(b"fsv1 box", b"", key=outbox_key), nonce, bytes(4000), b"FSB1" + number)


def mark(n: int) -> bytes:
    """What stands in a stored file for free cell `n`."""
    return (b"FREE" + n.to_bytes(4, "little")).ljust(CELL_SIZE, b"\0")


def restore(stored: bytes, outbox_key: bytes | None = None) -> bytes:
    """Put the free cells back into a stored v.db, or with the outbox key into a stored v.box."""

    def cell(match: re.Match[bytes]) -> bytes:
        n = int.from_bytes(match[1], "little")
        return free_cell(n) if outbox_key is None else free_box_cell(n, outbox_key)

    return _MARK.sub(cell, stored)
