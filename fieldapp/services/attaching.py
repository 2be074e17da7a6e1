"""Files of what is not finished yet: added, named, removed; encrypted in the vault before anything else happens to them.

    attached = await attachments.add(screening.id, prepared)     # encrypted on the disk when this returns
    attachments.of(screening.id)
    await attachments.remove(screening.id, attached.id)

The owner is a screening or a contact log, by its id; the filed record has the same one. Its list is one vault record,
every piece another. Discarding the owner erases them in the same transaction; only memory holds them until that is
taken back, or the notebook is locked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from fieldapp.codec import attachment_body, read_attachment
from fieldapp.domain.attachment import (
    MAX_DEVICE_PIECES,
    MAX_FILES,
    MAX_RECORD_PIECES,
    Attachment,
    label_of,
)
from fieldapp.domain.strict import Fields as Table
from fieldapp.errors import AttachmentError, CodecError
from fieldapp.services.chunking import pieces_of
from fieldapp.services.filed import Filed
from fieldapp.services.filing import Book, Change, Damaged
from fieldapp.services.kinds import Kind
from fieldapp.services.media import FileRefused, Prepared, Refused
from fieldapp.vault.errors import VaultFull
from fieldapp.vault.vault import Transaction
from sync.canonical import Value, dumps
from sync.chunk import split
from sync.primitives import blake

_NONE: Final[tuple[Attachment, ...]] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """Files of something that was just discarded, with their pieces by id."""

    files: tuple[Attachment, ...]
    pieces: Mapping[bytes, bytes] = field(repr=False)


class Attachments:
    """The files of all drafts and logs of one unlocked device."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._lists: dict[bytes, tuple[Attachment, ...]] = {}
        self._held: dict[bytes, _Held] = {}
        for body in book.stored(Kind.ATTACHED).values():
            try:
                owner, files = _read(body)
                self._lists[owner] = files
            except (CodecError, KeyError, TypeError, ValueError):
                book.damaged.append(Damaged(Kind.ATTACHED))

    def of(self, owner: bytes) -> tuple[Attachment, ...]:
        """Return the files of something unfinished, in the order in which they were added."""
        return self._lists.get(owner, _NONE)

    async def add(self, owner: bytes, prepared: Prepared, label: str = "") -> Attachment:
        """Keep a file; FileRefused when there are too many or there is no room, VaultError: nothing was kept."""
        file = prepared.listed(self._book.ids.new_id(), label_of(label))
        pieces = dict(zip(pieces_of([file]), split(prepared.data), strict=True))

        def change(tx: Transaction) -> None:
            if self._book.record(owner):
                raise AttachmentError("This record is finished already.")
            files = (*self.of(owner), file)
            self._check(files, len(pieces))
            for one, data in pieces.items():
                tx.put(one, int(Kind.PIECE), data)
            tx.put(_list_id(owner), int(Kind.ATTACHED), _bytes(owner, files))
            self._lists = {**self._lists, owner: files}

        before = self._lists
        try:
            await self._book.commit(change)
        except VaultFull:
            self._lists = before
            raise FileRefused(Refused.NO_ROOM) from None
        except BaseException:
            self._lists = before
            raise
        self._book.changes.ring()
        return file

    async def remove(self, owner: bytes, file_id: bytes) -> None:
        """Erase a file; nothing happens when it is not there. VaultError."""
        gone = [file for file in self.of(owner) if file.id == file_id]
        await self._change(owner, tuple(file for file in self.of(owner) if file.id != file_id), gone)

    async def rename(self, owner: bytes, file_id: bytes, label: str) -> None:
        """Give a file a few words; VaultError."""
        words = label_of(label)
        files = tuple(replace(file, label=words) if file.id == file_id else file for file in self.of(owner))
        await self._change(owner, files, [])

    # --- Parts of somebody else's transaction ----------------------------------------------------------

    def filing(self, record: Filed) -> Change | None:
        """Return what happens to the list and to files that stay behind when `record` is filed; None: nothing."""
        files = self.of(record.record_id)
        if not files:
            return None
        left = [file for file in files if file not in record.attachments]

        def change(tx: Transaction) -> None:
            tx.erase(_list_id(record.record_id))
            _erase(tx, pieces_of(left))

        return change

    def leaving(self, before: Filed, after: Filed) -> Change | None:
        """Return the erasure of files that a record loses when it is filed anew; None when it loses none."""
        lost = [file for file in before.attachments if file not in after.attachments]
        return (lambda tx: _erase(tx, pieces_of(lost))) if lost else None

    def forget_list(self, owner: bytes) -> None:
        """Forget the list of what was filed: its record has it now."""
        self._lists = {key: files for key, files in self._lists.items() if key != owner}

    def erase(self, tx: Transaction, owner: bytes) -> None:
        """Erase the files of what is discarded; memory keeps them for `restore`."""
        files = self.of(owner)
        if not files:
            return
        ids = pieces_of(files)
        stored = {one: record.payload for one in ids if (record := tx.records.get(one))}
        self._held = {owner: _Held(files, stored)}
        tx.erase(_list_id(owner))
        _erase(tx, ids)

    def dropped(self, owner: bytes) -> None:
        """Note that the owner was discarded, or filed."""
        self.forget_list(owner)

    def restore(self, tx: Transaction, owner: bytes) -> None:
        """Write the files of what was just discarded once more; nothing when there are none."""
        held = self._held.get(owner)
        if held is None or self.of(owner):
            return
        for one, data in held.pieces.items():
            tx.put(one, int(Kind.PIECE), data)
        tx.put(_list_id(owner), int(Kind.ATTACHED), _bytes(owner, held.files))

    def restored(self, owner: bytes) -> None:
        """Note that `restore` is on the disk."""
        held = self._held.pop(owner, None)
        if held is not None and not self.of(owner):
            self._lists = {**self._lists, owner: held.files}

    def forget(self) -> None:
        """Drop everything that was read: the notebook is being locked."""
        self._lists, self._held = {}, {}

    # --- Inside ----------------------------------------------------------------------------------------

    async def _change(self, owner: bytes, files: tuple[Attachment, ...], gone: Sequence[Attachment]) -> None:
        def change(tx: Transaction) -> None:
            if self._book.record(owner):
                raise AttachmentError("This record is finished already.")
            if files:
                tx.put(_list_id(owner), int(Kind.ATTACHED), _bytes(owner, files))
            else:
                _erase(tx, [_list_id(owner)])
            _erase(tx, pieces_of(gone))

        await self._book.commit(change)
        self._lists = {**self._lists, owner: files}
        self._book.changes.ring()

    def _check(self, files: tuple[Attachment, ...], added: int) -> None:
        if len(files) > MAX_FILES or sum(len(file.pieces) for file in files) > MAX_RECORD_PIECES:
            raise FileRefused(Refused.TOO_MANY)
        if self.pieces_here + added > MAX_DEVICE_PIECES:
            raise FileRefused(Refused.NO_ROOM)

    @property
    def pieces_here(self) -> int:
        """How many pieces of files this device holds: of what is unfinished, and of what nobody has opened yet."""
        waiting = [
            file
            for record in self._book.filed
            if not record.opened_at and record.content is not None
            for file in record.attachments
            if file.id not in record.withdrawn
        ]
        unfinished = [file for files in self._lists.values() for file in files]
        return sum(len(file.pieces) for file in (*unfinished, *waiting))


def _list_id(owner: bytes) -> bytes:
    """The vault record of a list: the owner's id is that of the draft."""
    return blake(b"fsv1 attached", owner, n=16)


def _erase(tx: Transaction, ids: Sequence[bytes]) -> None:
    for one in ids:
        if tx.records.get(one) is not None:
            tx.erase(one)


def _bytes(owner: bytes, files: Sequence[Attachment]) -> bytes:
    listed = [attachment_body(file) for file in files]
    return dumps(cast(Value, {"files": listed, "owner": owner.hex(), "v": 1}))


def _read(body: Mapping[str, object]) -> tuple[bytes, tuple[Attachment, ...]]:
    listed = body["files"]
    if not isinstance(listed, list):
        raise CodecError("files: must be a list")
    files = tuple(read_attachment(Table(file, "files", CodecError)) for file in listed)
    return bytes.fromhex(str(body["owner"])), files
