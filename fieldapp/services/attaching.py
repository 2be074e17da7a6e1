"""Files of what is not finished yet: added, named, removed; encrypted in the vault before anything else happens to them.

    attached = await attachments.add(screening.id, prepared)     # encrypted on the disk when this returns
    attachments.of(screening.id)
    await attachments.remove(screening.id, attached.id)

The owner is a screening or a contact log, by its id; the filed record has the same one. Its list is one vault record,
every piece another. Discarding the owner erases them in the same transaction; only memory holds them until that is
taken back, or the notebook is locked.

Every list is read and changed on the storage thread, behind what was asked before: two taps at once both count, and what
is filed is the list as it is at that moment.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from fieldapp.codec import attachment_body, read_attachment
from fieldapp.domain.attachment import (
    MAX_DEVICE_PIECES,
    MAX_FILE_PIECES,
    MAX_FILES,
    MAX_RECORD_PIECES,
    PIECE_SIZE,
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
_TRIES: Final = 8
"""How often filing is tried while files are still being added or removed."""


class FilesChanged(AttachmentError):
    """A file was added or removed at the moment of filing; nothing was filed."""

    advice = "Try again."


@dataclass(frozen=True, slots=True)
class _Held:
    """Files of something that was just discarded, with their pieces by id."""

    files: tuple[Attachment, ...]
    pieces: Mapping[bytes, bytes] = field(repr=False)


async def _nothing_is_taken(_owner: bytes) -> None:
    """Wait for nothing."""


class Attachments:
    """The files of all drafts and logs of one unlocked device."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.settling: Callable[[bytes], Awaitable[None]] = _nothing_is_taken
        """Waits until what is being taken or made ready for an owner is kept; `Captures` sets it."""
        self._lists: dict[bytes, tuple[Attachment, ...]] = {}
        self._held: dict[bytes, _Held] = {}
        self._gone: set[bytes] = set()
        for body in book.stored(Kind.ATTACHED).values():
            try:
                owner, files = _read(body)
                self._lists[owner] = files
            except (CodecError, KeyError, TypeError, ValueError):
                book.damaged.append(Damaged(Kind.ATTACHED))

    def of(self, owner: bytes) -> tuple[Attachment, ...]:
        """Return the files of something unfinished, in the order in which they were added."""
        return self._lists.get(owner, _NONE)

    async def add(
        self, owner: bytes, prepared: Prepared, label: str = "", *, instead_of: bytes | None = None
    ) -> Attachment:
        """Keep a file; FileRefused when there are too many or there is no room, VaultError: nothing was kept.

        With `instead_of`, the id of a file, that one gets this content in its place: a recording that has grown, a
        picture that was taken again. Only pieces that differ are written. When it is not there any more, it is added.
        """
        file = prepared.listed(instead_of or self._book.ids.new_id(), label_of(label))
        pieces = dict(zip(pieces_of([file]), split(prepared.data), strict=True))

        def listed(files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
            if any(old.id == file.id for old in files):
                return tuple(file if old.id == file.id else old for old in files)
            return (*files, file)

        def change(tx: Transaction, files: tuple[Attachment, ...]) -> None:
            before = {
                one: known
                for old in self.of(owner)
                if old.id == file.id
                for one, known in zip(pieces_of([old]), old.pieces, strict=True)
            }
            self._check(files, len(pieces) - len(before))
            for (one, data), content in zip(pieces.items(), file.pieces, strict=True):
                if before.get(one) != content:
                    tx.put(one, int(Kind.PIECE), data)
            _erase(tx, [one for one in before if one not in pieces])

        try:
            await self._change(owner, listed, change)
        except VaultFull:
            raise FileRefused(Refused.NO_ROOM) from None
        return file

    def room(self, owner: bytes) -> int:
        """Return how many bytes one more file of `owner` may have: 0 when it may have none."""
        files = self.of(owner)
        if len(files) >= MAX_FILES:
            return 0
        here = MAX_RECORD_PIECES - sum(len(file.pieces) for file in files)
        return PIECE_SIZE * max(0, min(MAX_FILE_PIECES, here, MAX_DEVICE_PIECES - self.pieces_here))

    async def remove(self, owner: bytes, file_id: bytes) -> None:
        """Erase a file; nothing happens when it is not there. VaultError."""

        def change(tx: Transaction, _files: tuple[Attachment, ...]) -> None:
            _erase(tx, pieces_of([file for file in self.of(owner) if file.id == file_id]))

        await self._change(owner, lambda files: tuple(file for file in files if file.id != file_id), change)

    async def rename(self, owner: bytes, file_id: bytes, label: str) -> None:
        """Give a file a few words; VaultError."""
        words = label_of(label)

        def renamed(files: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
            return tuple(replace(file, label=words) if file.id == file_id else file for file in files)

        await self._change(owner, renamed)

    async def file_with(
        self, owner: bytes, file: Callable[[tuple[Attachment, ...]], Awaitable[Filed]]
    ) -> Filed:
        """Return what `file` files with the files of `owner`, once more if one came or went at that moment.

        A photo that was just taken, and is still being made ready, is waited for and goes along.
        """
        await self.settling(owner)
        for _ in range(_TRIES):
            try:
                return await file(self.of(owner))
            except FilesChanged:
                continue
        raise FilesChanged("Files are still being added or removed.")

    # --- Parts of somebody else's transaction ----------------------------------------------------------

    def filing(self, record: Filed, files: tuple[Attachment, ...]) -> Change:
        """Return what happens to the list and to files that stay behind when `record` is filed.

        It raises FilesChanged if the list is not `files` any more when it comes to that.
        """

        def change(tx: Transaction) -> None:
            if self.of(record.record_id) != files:
                raise FilesChanged("A file was added or removed just now.")
            _erase(tx, [_list_id(record.record_id)])
            _erase(tx, pieces_of([file for file in files if file not in record.attachments]))

        return change

    def leaving(self, before: Filed, after: Filed) -> Change:
        """Return the erasure of files that a record loses when it is filed anew. FilesChanged, as `filing`."""
        lost = [file for file in before.attachments if file not in after.attachments]

        def change(tx: Transaction) -> None:
            now = self._book.record(before.record_id)
            if now is None or now.attachments != before.attachments:
                raise FilesChanged("A file was removed just now.")
            _erase(tx, pieces_of(lost))

        return change

    def forget_list(self, owner: bytes) -> None:
        """Forget the list of what was filed: its record has it now."""
        self._lists = {key: files for key, files in self._lists.items() if key != owner}

    def erase(self, tx: Transaction, owners: Sequence[bytes]) -> None:
        """Erase the files of what is discarded together; memory keeps them for `restore`."""
        held = {}
        for owner in owners:
            files = self.of(owner)
            if files:
                ids = pieces_of(files)
                stored = {one: record.payload for one in ids if (record := tx.records.get(one))}
                held[owner] = _Held(files, stored)
                _erase(tx, [_list_id(owner), *ids])
        self._held = held or self._held

    def dropped(self, owner: bytes) -> None:
        """Note that the owner was discarded, or filed: nothing is kept for it any more."""
        self._gone.add(owner)
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
        """Note that `restore` is on the disk, and the owner with it."""
        self._gone.discard(owner)
        held = self._held.pop(owner, None)
        if held is not None and not self.of(owner):
            self._lists = {**self._lists, owner: held.files}

    def forget(self) -> None:
        """Drop everything that was read: the notebook is being locked."""
        self._lists, self._held, self._gone = {}, {}, set()

    # --- Inside ----------------------------------------------------------------------------------------

    async def _change(
        self,
        owner: bytes,
        step: Callable[[tuple[Attachment, ...]], tuple[Attachment, ...]],
        also: Callable[[Transaction, tuple[Attachment, ...]], None] = lambda _tx, _files: None,
    ) -> None:
        """Put `step(list)` in place of the list of `owner`, with what belongs to it, in one transaction."""
        written: list[tuple[Attachment, ...]] = []

        def change(tx: Transaction) -> None:
            if self._book.record(owner):
                raise AttachmentError("This record is finished already.")
            if owner in self._gone:  # a file without its owner would lie there unseen, for ever
                raise AttachmentError("This record was discarded.")
            files = step(self.of(owner))
            also(tx, files)
            if files:
                tx.put(_list_id(owner), int(Kind.ATTACHED), _bytes(owner, files))
            else:
                _erase(tx, [_list_id(owner)])
            written.append(files)

        def remember() -> None:
            self._lists = {**self._lists, owner: written[-1]}

        await self._book.commit(change, remember)
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
            if not record.opened_at and (record.content is not None or record.unsealed_pieces)
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
