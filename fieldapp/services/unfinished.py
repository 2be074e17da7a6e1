"""What was begun about a case and is not filed yet, written down at every tap and every letter.

    await unfinished.save(log)      # encrypted on the disk when this returns
    unfinished.contacts             # offered back on home; nothing is resumed by itself
    await contacts.log(case, ..., begun=log)

Filing gives the filed record the id of what was begun: one vault record takes the place of the other in one
transaction, so that it is never there twice and never gone (the same as with a screening's draft).

Every save is handed to the storage thread at once and in order, also behind the veil. Locking closes the vault on the
same thread, and so after the last letter. While the disk is slow, the saves that wait become one: each writes the
newest state, and writes nothing when that is on the disk already.
"""

import contextlib
from collections.abc import Iterable
from typing import cast

from fieldapp.codec import parse_unfinished, unfinished_body
from fieldapp.domain.unfinished import OpenContact, OpenRules, Unfinished
from fieldapp.errors import FieldappError
from fieldapp.services.attaching import Attachments
from fieldapp.services.filing import Book, Damaged
from fieldapp.services.kinds import Kind
from fieldapp.vault.errors import UnknownRecord
from fieldapp.vault.vault import Transaction
from sync.canonical import Value, dumps


class UnfinishedWork:
    """All open contact logs and open changes of rules of one unlocked device."""

    def __init__(self, book: Book, attachments: Attachments | None = None) -> None:
        self._book = book
        self.attachments = attachments or Attachments(book)
        self._saved: dict[bytes, Unfinished] = {}
        for record_id, body in book.stored(Kind.UNFINISHED).items():
            try:
                self._saved[record_id] = parse_unfinished(body)
            except FieldappError:
                book.damaged.append(Damaged(Kind.UNFINISHED))
        self._newest = dict(self._saved)

    @property
    def contacts(self) -> tuple[OpenContact, ...]:
        """Contacts that are not saved yet, the newest first."""
        return tuple(begun for begun in self._all() if isinstance(begun, OpenContact))

    @property
    def rules(self) -> tuple[OpenRules, ...]:
        """Changes of rules that are not saved yet, the newest first."""
        return tuple(begun for begun in self._all() if isinstance(begun, OpenRules))

    def contact(self, log_id: bytes) -> OpenContact | None:
        """Return one open contact as it was last saved."""
        return next((log for log in self.contacts if log.id == log_id), None)

    def rules_of(self, case_id: bytes) -> OpenRules | None:
        """Return the open changes of the rules of a case."""
        return next((edit for edit in self.rules if edit.case_id == case_id), None)

    def about(self, case_id: bytes) -> tuple[Unfinished, ...]:
        """Return everything that is open about a case."""
        return tuple(begun for begun in self._all() if begun.case_id == case_id)

    async def save(self, begun: Unfinished) -> None:
        """Write it; when this returns it is encrypted on the disk. VaultError: the former state stays there.

        What was filed meanwhile stays filed: a late letter does not open it again.
        """
        self._newest[begun.id] = begun
        written: list[Unfinished] = []

        def write(tx: Transaction) -> None:
            newest = self._newest.get(begun.id)
            if newest is None or newest is self._saved.get(begun.id) or self._book.record(begun.id):
                return
            tx.put(begun.id, Kind.UNFINISHED, dumps(cast(Value, unfinished_body(newest))))
            self.attachments.restore(tx, begun.id)
            written.append(newest)

        await self._book.commit(write)
        if written:
            self.attachments.restored(begun.id)
        if begun.id in self._newest:  # neither filed nor locked away meanwhile
            self._saved = {**self._saved, **{one.id: one for one in written}}

    async def discard(self, begun: Unfinished) -> None:
        """Erase it; `save` takes that back."""
        await self.attachments.settling(begun.id)
        await self._book.commit(lambda tx: self.erase(tx, [begun]))
        self.drop([begun])
        self._book.changes.ring()

    def erase(self, tx: Transaction, begun: Iterable[Unfinished]) -> None:
        """Erase what was begun as a part of `tx`; what was filed meanwhile stays."""
        gone = [one.id for one in begun if self._book.record(one.id) is None]
        for one_id in gone:
            with contextlib.suppress(UnknownRecord):  # nothing of it was written yet
                tx.erase(one_id)
        self.attachments.erase(tx, gone)

    def drop(self, begun: Iterable[Unfinished]) -> None:
        """Forget what was erased or filed."""
        gone = {one.id for one in begun}
        for file_owner in gone:
            self.attachments.dropped(file_owner)
        self._newest = {key: one for key, one in self._newest.items() if key not in gone}
        self._saved = {key: one for key, one in self._saved.items() if key not in gone}

    def forget(self) -> None:
        """Drop everything that was read: the notebook is being locked."""
        self._saved, self._newest = {}, {}

    def _all(self) -> list[Unfinished]:
        begun = (one for one in self._saved.values() if self._book.record(one.id) is None)
        return sorted(begun, key=lambda one: one.started, reverse=True)
