"""The header in force together with what the keystore mirrors of it: seq and attempt record.

The file is written first and the keystore second: a cut in between leaves a keystore that lags, which is harmless,
never one that leads, which would look like a rollback. Before a passphrase is stretched only the attempt record is
written there; what follows the answer is owed (`Opening.later`) until `settle`, whatever was typed.

`ds2` lies ready at all times: a fresh device secret for the next header that closes everything. So a wipe asks the
keystore for nothing that other passphrases do not ask for, and the secret of its header has been kept for long.
"""

import secrets
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from fieldapp.vault import attempts
from fieldapp.vault import keystore as keys
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.errors import (
    KeystoreUnavailable,
    StorageFailed,
    UnlockDelayed,
    VaultDamaged,
    WrongPassphrase,
)
from fieldapp.vault.header import (
    Header,
    HeaderFile,
    header_id_of,
    new_header,
    one_is_damaged,
    valid_copies,
)
from fieldapp.vault.kdf import key_encryption_key
from fieldapp.vault.keystore import Opening
from fieldapp.vault.sheet import NO_DEVICE_SECRET, place_of
from fieldapp.vault.slots import COUNT, SlotContent, open_slots, seal_slot
from sync.primitives import KEY_SIZE, same

HEADER_FILE: Final = "v.hdr"
WIPE_AFTER: Final = "wpn"
"""Keystore entry: limit u32 | since u32: everything is erased when `limit` wrong passphrases were counted above `since`,
the count when the first notebook was last opened. The header has no place for it, and without a keystore whoever copies
the files counts nothing anyway."""
_LIMIT: Final = struct.Struct("<II")
_COPIES: Final = 2
_WRITES: Final = 2
"""By so much an update raises the seq of a header: both copies are written."""
_NO_SEQ: Final = 2**62
"""No header comes so far: a keystore that says so is damaged, and nothing is continued above it."""


class HeaderGuard:
    """The header of an existing vault. The caller holds the lock on v.db, which covers the header as well."""

    def __init__(self, directory: Path, keystore: Opening) -> None:
        """Load the header and repair its copies.

        A vault that was made without a keystore opens with one and without (`docs/adr/0043`). KeystoreUnavailable when
        the keystore of another vault gives no device secret or belongs to another installation, VaultDamaged when no
        copy is valid, NoVault when there is no file.
        """
        self._file = HeaderFile(directory / HEADER_FILE)
        self._keystore = keystore
        self._spare: bytes | None = None
        self._prepared = False
        raw = self._file.read()
        self._secret = self._device_secret(raw)
        self._tell_of_repair(raw)
        try:
            self._header = self._file.load(self._secret)
        except VaultDamaged:
            self._refuse_foreign_keystore(raw)
            raise
        # Without a device secret nothing tells whether the keystore speaks of this vault or of one before it.
        self._behind = 0 if self.is_unguarded else max(0, self._mirrored_seq() - self._header.seq)
        self._before = self._attempts()

    @property
    def header(self) -> Header:
        """The header in force."""
        return self._header

    @property
    def rolled_back(self) -> bool:
        """Whether the header is older than the keystore remembers. It stays so until `acknowledge`, at every start."""
        return self._behind > 0

    @property
    def behind(self) -> int:
        """By how many seqs the header is older, 0 where it is not: until `acknowledge` never less at a later start.

        The same, unless an attempt was cut off, or ended with a wrong passphrase inside an open notebook.
        """
        return self._behind

    def acknowledge(self) -> None:
        """End a rollback of which somebody was told: the header goes on above the seq that the keystore remembers."""
        if self.rolled_back:
            self.settle()
            self._header = self._file.update(self._header, self._secret, above=self._mirrored_seq())
            self._behind = 0
            self._mirror_seq()

    @property
    def is_unguarded(self) -> bool:
        """Whether the device secret is zeros, as without a key store: then a sheet's slot opens like a passphrase's."""
        return same(self._secret, NO_DEVICE_SECRET)

    def prepare(self) -> None:
        """Ask the keystore, while a passphrase is stretched, for what any passphrase may need afterwards."""
        if self.is_unguarded:
            return
        self._prepared = True
        with suppress(KeystoreUnavailable):
            keys.recall(self._keystore, WIPE_AFTER, _LIMIT.size)
        self._spare = self._ready()

    def _ready(self) -> bytes | None:
        """Return the secret that lies ready, a fresh one where that cannot be used; None where the store keeps none."""
        with suppress(KeystoreUnavailable):
            held = keys.recall(self._keystore, keys.NEXT_DEVICE_KEY, KEY_SIZE)
            if held is not None and not same(held, self._secret):
                return held
        return self._next_made()

    def _next_made(self) -> bytes | None:
        """Have the keystore hold a fresh `ds2`; None where it refuses, or where `ds2` alone may open this header."""
        with suppress(KeystoreUnavailable):
            if self._keeps(self._secret):
                return keys.next_device_key(self._keystore)
        return None

    def settle(self) -> None:
        """Write what is owed to the keystore, behind the answer to an attempt. Never raises; idempotent."""
        self._spare, self._prepared = None, False
        self._keystore.settle()

    @property
    def wipes_now(self) -> bool:
        """Whether the attempt that was begun is, if it is wrong, one too many. What cannot be read erases nothing."""
        if self.is_unguarded:  # a keystore that came later may speak of another vault
            return False
        try:
            held = keys.recall(self._keystore, WIPE_AFTER, _LIMIT.size)
        except KeystoreUnavailable:
            return False
        limit, since = _LIMIT.unpack(held or bytes(_LIMIT.size))
        return bool(0 < limit <= self._header.attempts.failures - since)

    def set_wipe_after(self, attempts: int) -> None:
        """Erase everything at so many wrong passphrases from now on; 0 for never. Nothing without a device secret.

        What was counted before stays and delays, and erases nothing: the right passphrase has come since, and at the
        time of some of it nobody had said that guesses erase.
        """
        if self.is_unguarded:
            return
        wished = _LIMIT.pack(attempts, self._attempts().failures) if attempts else None
        held: bytes | None = b""  # something else than what is wished, where it cannot be read
        with suppress(KeystoreUnavailable):
            held = keys.recall(self._keystore, WIPE_AFTER, _LIMIT.size)
        if wished != held:
            self._keystore.later(WIPE_AFTER, wished)

    def begin_attempt(self, now: int) -> None:
        """Count one attempt, durably, before anything is tried; UnlockDelayed when it is too early."""
        self._restart(now)
        self._before.check_delay(now)
        self._store_attempts(self._before.begun(now))

    def may_begin(self, now: int) -> bool:
        """Tell whether an attempt is allowed; nothing is written."""
        record = self._before.rewound(now) or self._before
        with suppress(UnlockDelayed):
            record.check_delay(now)
            return True
        return False

    def keep_attempts(self, now: int) -> None:
        """Write the record as it is, with the reads and writes of an attempt that is counted."""
        self._restart(now)
        self._store_attempts(self._before)

    def _restart(self, now: int) -> None:
        """Read the record anew; its delay begins again when the clock went backwards."""
        self._before = self._attempts()
        restarted = self._before.rewound(now)
        if restarted is not None:
            self._before = restarted
            self._store_attempts(restarted)

    def end_attempt(self, now: int) -> None:
        """Take back the count of an attempt that succeeded; the keystore learns of it behind the answer."""
        record = self._before.succeeded(now)
        self._header = self._file.update(replace(self._header, attempts=record), self._secret)
        self._mirror_seq()
        self._keystore.later(keys.ATTEMPTS, record.pack())

    def fail_attempt(self) -> None:
        """Keep the count of an attempt that failed, with the writes of one that succeeded."""
        with suppress(StorageFailed):  # it is on the disk already
            self._header = self._file.update(self._header, self._secret)

    def open(self, stretched: bytes) -> tuple[int, SlotContent]:
        """Return the slot that a stretched passphrase opens, with its number; WrongPassphrase when there is none."""
        found = self.find(stretched)
        if found is None:
            raise WrongPassphrase("no slot")
        return found

    def find(self, stretched: bytes) -> tuple[int, SlotContent] | None:
        """Return the same, or None when there is none."""
        return open_slots(self._kek(stretched), self._header.slots, self._header.fixed)

    def find_on_disk(self, stretched: bytes) -> tuple[int, SlotContent] | None:
        """Read the header once more and return what a stretched passphrase opens in it, None for nothing."""
        written = self._file.load(self._secret)
        return open_slots(self._kek(stretched), written.slots, written.fixed)

    def seal(self, index: int, content: SlotContent, stretched: bytes) -> bytes:
        """Return a slot for place `index` of this header; nothing is written."""
        return seal_slot(self._kek(stretched), index, content, self._header.fixed)

    def seal_sheet(self, index: int, content: SlotContent, stretched: bytes) -> dict[int, bytes]:
        """Return the slot of the sheet that belongs to slot `index`, at its place; `stretched` is the code's."""
        kek, place = key_encryption_key(stretched, NO_DEVICE_SECRET, self._header.header_id), place_of(index)
        return {place: seal_slot(kek, place, content, self._header.fixed)}

    def set_slots(self, slots: Mapping[int, bytes]) -> None:
        """Write some slots, durably in both copies; all others keep their bytes."""
        header = self._header
        for index, slot in slots.items():
            header = header.with_slot(index, slot)
        self._update(header)

    def replace(self, content: SlotContent, stretched: bytes, now: int) -> int:
        """Write a header in which one stretched passphrase opens one slot and nothing else opens; returns its number.

        It has a fresh device secret as far as the keystore gives one and this vault has one already. The salt stays, so
        that nothing is stretched twice. StorageFailed when the disk refuses: then the old or the new header is in force.
        """
        old = self._header
        secret = self._next_secret()
        header = replace(new_header(old.parameters), salt=old.salt, attempts=self._before.succeeded(now))
        index = secrets.randbelow(COUNT)
        kek = key_encryption_key(stretched, secret, header.header_id)
        header = header.with_slot(index, seal_slot(kek, index, content, header.fixed))
        self._header = self._file.supersede(header, secret, old)
        self._secret = secret
        self.set_wipe_after(0)  # there is nothing left that guessing could reach
        if not self.is_unguarded:
            # Until `ds` is written `ds2` alone opens this header, which the next start finds out. So `ds` comes after
            # what that start does as well, and nobody would do later.
            self._keystore.later(keys.INSTALL_ID, header.header_id)
            if not self._keeps(secret):  # what is there already can only be spoilt by writing it
                self._keystore.later(keys.DEVICE_KEY, secret)
        self._mirror_seq()
        self._keystore.later(keys.ATTEMPTS, header.attempts.pack())
        return index

    def _keeps(self, secret: bytes) -> bool:
        with suppress(KeystoreUnavailable):
            return same(keys.recall_key(self._keystore, keys.DEVICE_KEY), secret)
        return False

    def _next_secret(self) -> bytes:
        """Return the secret of a header under which nothing of before opens; that of today where there is no other."""
        if self.is_unguarded:
            return self._secret
        if self._prepared:  # one that could not be made then is not asked for by a wipe alone
            return self._spare or self._secret
        return self._next_made() or self._secret

    def set_sheet(self, index: int, content: SlotContent, stretched: bytes) -> None:
        """Write the slot of the recovery sheet that belongs to slot `index`, and open it once, from the disk.

        `stretched` is the code's. VaultDamaged when it does not open again; the passphrase does in any case.
        """
        self.set_slots(self.seal_sheet(index, content, stretched))
        self.check_sheet(content, stretched)

    def check_sheet(self, content: SlotContent, stretched: bytes) -> None:
        """Open the slot of a sheet from the disk; VaultDamaged when it is not there with this content."""
        written = self._file.load(self._secret)
        kek = key_encryption_key(stretched, NO_DEVICE_SECRET, written.header_id)
        found = open_slots(kek, written.slots, written.fixed)
        if found is None or not same(found[1].vmk, content.vmk):
            raise VaultDamaged("recovery slot does not open")

    def rewrap(self, index: int, content: SlotContent, stretched: bytes) -> None:
        """Write slot `index` anew under another stretched passphrase, durably in both copies.

        The slot keeps its place: commitment and AAD bind the others to theirs, and which of them are in use nobody
        can know without their passphrases.
        """
        self.set_slots({index: self.seal(index, content, stretched)})

    def _kek(self, stretched: bytes) -> bytes:
        return key_encryption_key(stretched, self._secret, self._header.header_id)

    def _update(self, header: Header) -> None:
        self._keystore.settle()
        self._header = self._file.update(header, self._secret)
        self._mirror_seq()

    def _mirror_seq(self) -> None:
        # A header that was put back stays as far behind as it was found: some guesses later it would not show.
        seq = max(self._header.seq + self._behind, self._mirrored_seq())
        self._keystore.later(keys.HEADER_SEQ, seq.to_bytes(8, "little"))

    def _store_attempts(self, record: AttemptRecord) -> None:
        """Write a record durably to both places, before anything is tried."""
        if self.rolled_back:
            # First, with room for this write and the one at the end: wherever it is cut, it stays behind.
            seq = max(self._header.seq + self._behind + 2 * _WRITES, self._mirrored_seq())
            with suppress(KeystoreUnavailable):
                keys.remember(self._keystore, keys.HEADER_SEQ, seq.to_bytes(8, "little"))
        self._header = self._file.update(replace(self._header, attempts=record), self._secret)
        with suppress(KeystoreUnavailable):
            keys.remember(self._keystore, keys.ATTEMPTS, record.pack())

    def _attempts(self) -> AttemptRecord:
        """Return the larger of the two records; a keystore entry that is none does not count."""
        try:
            data = keys.recall(self._keystore, keys.ATTEMPTS, attempts.SIZE)
            mirrored = AttemptRecord() if data is None else AttemptRecord.unpack(data)
        except (KeystoreUnavailable, VaultDamaged):
            mirrored = AttemptRecord()
        return self._header.attempts.larger(mirrored)

    def _mirrored_seq(self) -> int:
        try:
            data = keys.recall(self._keystore, keys.HEADER_SEQ, 8)
        except KeystoreUnavailable:
            return 0
        seq = 0 if data is None else int.from_bytes(data, "little")
        return seq if seq < _NO_SEQ else 0

    def _device_secret(self, raw: bytes) -> bytes:
        """Return the secret that the header is under. Zeros for a vault made without a keystore, whatever that says now.

        A header under zeros whose id the keystore knows was rewritten by somebody: it counts as damaged. Nothing could be
        gained by it either, since no slot of another secret opens in it.
        """
        unguarded = valid_copies(raw, NO_DEVICE_SECRET)
        try:
            held = keys.recall(self._keystore, keys.DEVICE_KEY, KEY_SIZE)
        except KeystoreUnavailable:
            if unguarded:
                return NO_DEVICE_SECRET
            held = None  # kept badly behind a change of the header, perhaps: then that is under `ds2`
        try:
            if len(unguarded) < _COPIES and (held is None or len(valid_copies(raw, held)) < _COPIES):
                held = self._settled(raw, held) or held
        except KeystoreUnavailable:
            if unguarded:
                return NO_DEVICE_SECRET
            raise
        if unguarded and (held is None or not (valid_copies(raw, held) or self._knows(unguarded))):
            return NO_DEVICE_SECRET
        if held is None:
            raise KeystoreUnavailable("keystore entry ds is missing or cannot be read")
        return held

    def _knows(self, copies: Mapping[int, Header]) -> bool:
        with suppress(KeystoreUnavailable):
            known = keys.recall(self._keystore, keys.INSTALL_ID, 16)
            return any(header.header_id == known for header in copies.values())
        return False

    def _settled(self, raw: bytes, known: bytes | None) -> bytes | None:
        """End a replacement of the header that a power cut interrupted: `ds2` counts once a copy is under it.

        Asked only where a copy is not under what is `known`: while both are, `ds2` is nothing but the next secret. One
        that cannot be read closes nothing where the other copy is damaged and not of another header.
        """
        try:
            waiting = keys.recall(self._keystore, keys.NEXT_DEVICE_KEY, KEY_SIZE)
        except KeystoreUnavailable:
            if known is None or not one_is_damaged(raw, known):
                raise
            return None
        found = {} if waiting is None else valid_copies(raw, waiting)
        if waiting is None or not found:
            return None
        newest = max(found.values(), key=lambda header: header.seq)
        with suppress(KeystoreUnavailable):
            keys.forget(self._keystore, WIPE_AFTER)  # a first notebook that is still there says it anew
        with suppress(KeystoreUnavailable):
            keys.remember(self._keystore, keys.INSTALL_ID, newest.header_id)
        with suppress(KeystoreUnavailable):  # `ds2` stays until it is certain that `ds` is the same
            keys.remember(self._keystore, keys.DEVICE_KEY, waiting)
        return waiting

    def _tell_of_repair(self, raw: bytes) -> None:
        """Raise the seq in the keystore before a header that was put back is repaired, which raises its own by one.

        Else whoever damages a copy at every start lets it catch up. One write behind is what a damaged copy leaves.
        """
        found = sorted(valid_copies(raw, self._secret).values(), key=lambda header: header.seq)
        if self.is_unguarded or not found or (len(found) == _COPIES and found[0].says_what(found[1])):
            return
        mirrored = self._mirrored_seq()
        if mirrored > found[-1].seq + 1:
            with suppress(KeystoreUnavailable):
                keys.remember(self._keystore, keys.HEADER_SEQ, (mirrored + 1).to_bytes(8, "little"))

    def _refuse_foreign_keystore(self, raw: bytes) -> None:
        owner = keys.recall(self._keystore, keys.INSTALL_ID, 16)
        if owner is not None and owner != header_id_of(raw):
            raise KeystoreUnavailable("keystore belongs to another installation")
