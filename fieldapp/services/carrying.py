"""A sealed copy of a record, to be carried to the centre by hand when no relay takes it.

It is what the relay would get: only the centre can open it, so it may lie on any stick. The record stays in the outbox,
is offered on, and leaves it like every other one: when a person at the centre has provably opened it.
"""

from fieldapp.services.filed import Filed, Stage
from fieldapp.services.filing import Book
from sync.carried import pack


def may_carry(book: Book, record: Filed) -> bool:
    """Tell whether a sealed copy makes sense: the record is sealed, and the centre is not known to have it."""
    return book.stage(record) in (Stage.SEALED, Stage.STORED)


def sealed_copy(book: Book, record: Filed) -> bytes:
    """Return every envelope of `record` that is on its way, in the order of their numbers, as one file."""
    mine = [(meta.seq, entry) for entry, meta in book.on_the_way if entry.record_id == record.record_id]
    return pack(entry.envelope for _, entry in sorted(mine, key=lambda pair: pair[0]))
