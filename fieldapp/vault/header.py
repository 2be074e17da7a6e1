"""One copy of the vault's header, 4096 bytes, and the file that holds two of them.

    0 8 "FSVH" 01 00 00 00 | 8 8 seq u64 | 16 1 kdf=1 (Argon2id13) | 17 1 nslots=8 | 18 2 zero
    20 4 m KiB | 24 4 t | 28 4 p=1 | 32 16 hdr_uuid | 48 16 salt | 64 1408 slots
    1472 2560 random | 4032 32 attempt record | 4064 32 H("fsv1 hmac", ds, bytes 0..4063)

The highest valid copy counts. An update writes seq+1 to the copy that does not hold the current header, makes it
durable, and then writes the same content as seq+2 over the other, so that no old slot stays. Whatever instant the
power fails at, one copy is whole: the old one or the new one.
"""

import contextlib
import os
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fieldapp.vault import attempts, slots
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.errors import NoVault, StorageFailed, VaultDamaged
from fieldapp.vault.kdf import KdfParameters
from sync.primitives import blake, random_bytes, same

COPY_SIZE: Final = 4096
FILE_SIZE: Final = 2 * COPY_SIZE
MAGIC: Final = b"FSVH\x01\x00\x00\x00"
_FIXED: Final = struct.Struct("<8sQBBHIII16s16s")
_SLOTS_AT: Final = 64
_RANDOM_AT: Final = _SLOTS_AT + slots.COUNT * slots.SIZE
_ATTEMPTS_AT: Final = 4032
_MAC_AT: Final = 4064
RANDOM_SIZE: Final = _ATTEMPTS_AT - _RANDOM_AT
_ARGON2ID13: Final = 1
_MAX_SEQ: Final = 2**63


@dataclass(frozen=True, slots=True)
class Header:
    """The content of a copy. `header_id` is hdr_uuid; `filler` the 2560 random bytes."""

    seq: int
    parameters: KdfParameters
    header_id: bytes
    salt: bytes
    slots: tuple[bytes, ...] = field(repr=False)
    filler: bytes = field(repr=False)
    attempts: AttemptRecord

    @property
    def fixed(self) -> bytes:
        """The fields that every slot is bound to: magic, and everything from kdf to salt, without seq."""
        return _fixed_fields(self.pack_unsigned())

    def pack_unsigned(self) -> bytes:
        """Return bytes 0..4063."""
        fixed = _FIXED.pack(
            MAGIC,
            self.seq,
            _ARGON2ID13,
            slots.COUNT,
            0,
            self.parameters.memory_kib,
            self.parameters.passes,
            1,
            self.header_id,
            self.salt,
        )
        return fixed + b"".join(self.slots) + self.filler + self.attempts.pack()

    def pack(self, device_secret: bytes) -> bytes:
        """Return the 4096 bytes."""
        unsigned = self.pack_unsigned()
        return unsigned + _mac(device_secret, unsigned)

    def with_slot(self, index: int, slot: bytes) -> "Header":
        """Return this header with one slot exchanged; the others stay where their commitments bind them."""
        return replace(self, slots=(*self.slots[:index], slot, *self.slots[index + 1 :]))

    def says_what(self, other: "Header") -> bool:
        """Tell whether two copies differ in nothing but their seq: then neither is repaired."""
        return replace(other, seq=self.seq) == self


def new_header(parameters: KdfParameters) -> Header:
    """Return a header with seq 0, fresh id and salt, and eight unused slots."""
    unused = tuple(slots.unused_slot() for _ in range(slots.COUNT))
    return Header(
        0, parameters, random_bytes(16), random_bytes(16), unused, random_bytes(RANDOM_SIZE), AttemptRecord()
    )


def parse_copy(data: bytes, device_secret: bytes) -> Header:
    """Read one copy; VaultDamaged unless its MAC, every fixed field and the cost limits are right."""
    if len(data) != COPY_SIZE:
        raise VaultDamaged("header length")
    if not same(_mac(device_secret, data[:_MAC_AT]), data[_MAC_AT:]):
        raise VaultDamaged("header not authentic")
    return parse_unchecked(data)


def parse_unchecked(data: bytes) -> Header:
    """Read one copy whose MAC nobody can check; VaultDamaged unless fixed fields and cost limits are right.

    A slot that opens proves id, salt and cost, which it is bound to; nothing proves seq and attempt record.
    """
    if len(data) != COPY_SIZE:
        raise VaultDamaged("header length")
    magic, seq, kdf, count, zero, memory, passes, lanes, header_id, salt = _FIXED.unpack(data[:_SLOTS_AT])
    if (magic, kdf, count, zero, lanes) != (MAGIC, _ARGON2ID13, slots.COUNT, 0, 1) or not 0 < seq < _MAX_SEQ:
        raise VaultDamaged("header fields")
    parameters = KdfParameters(memory, passes)
    parameters.check()
    cut = tuple(data[at : at + slots.SIZE] for at in range(_SLOTS_AT, _RANDOM_AT, slots.SIZE))
    record = AttemptRecord.unpack(data[_ATTEMPTS_AT : _ATTEMPTS_AT + attempts.SIZE])
    return Header(seq, parameters, header_id, salt, cut, data[_RANDOM_AT:_ATTEMPTS_AT], record)


def header_id_of(data: bytes) -> bytes:
    """Return the id in an unchecked copy, only to tell a foreign keystore from a damaged file."""
    return data[32:48]


class HeaderFile:
    """The file v.hdr: loads the valid copy, repairs the other one, and updates both in order."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        """Return the file's bytes, at most 8192; NoVault when there is no file."""
        try:
            with self._path.open("rb") as file:
                return file.read(FILE_SIZE)
        except FileNotFoundError:
            raise NoVault("no header") from None
        except OSError:
            raise VaultDamaged("header cannot be read") from None

    def load(self, device_secret: bytes) -> Header:
        """Return the highest valid copy; VaultDamaged when there is none. Rewrites the other copy if it differs."""
        data = self.read()
        found = valid_copies(data, device_secret)
        if not found:
            raise VaultDamaged("no valid header copy")
        current = max(found, key=lambda index: found[index].seq)
        header, other = found[current], found.get(1 - current)
        if other is None or not header.says_what(other):
            header = replace(header, seq=header.seq + 1)
            self._write(1 - current, header, device_secret)
        return header

    def update(self, header: Header, device_secret: bytes, *, above: int = 0) -> Header:
        """Make `header` the current one, durably, in both copies; returns it with its new seq, higher than `above`.

        StorageFailed when the disk refuses; then the old or the new header is in force, never neither.
        """
        found = valid_copies(self.read(), device_secret)
        if not found:
            raise VaultDamaged("no valid header copy")
        current = max(found, key=lambda index: found[index].seq)
        first = replace(header, seq=max(found[current].seq, above) + 1)
        self._write(1 - current, first, device_secret)
        second = replace(first, seq=first.seq + 1)
        self._write(current, second, device_secret)
        return second

    def create(self, header: Header, device_secret: bytes) -> Header:
        """Write both copies (seq 1 and 2) of a new file, durably; returns the header in force."""
        first, second = replace(header, seq=1), replace(header, seq=2)
        try:
            with self._path.open("xb", buffering=0) as file:
                write_all(file.fileno(), first.pack(device_secret) + second.pack(device_secret))
                os.fsync(file.fileno())
        except OSError:
            raise StorageFailed("header cannot be created") from None
        return second

    def unchecked(self) -> list[Header]:
        """Return what can be read of both copies without the device secret, the newer first."""
        found = []
        for data in _copies(self.read()):
            with contextlib.suppress(VaultDamaged):
                found.append(parse_unchecked(data))
        return sorted(found, key=lambda header: header.seq, reverse=True)

    def supersede(self, header: Header, device_secret: bytes, old: Header) -> Header:
        """Write a header under another device secret over both copies, durably; returns it with its new seq.

        The copy `old` is written over last. StorageFailed when the disk refuses; then `old` or the new header is whole,
        never neither. Nothing vouches for the seq of `old`: one that leaves no room above it is not continued.
        """
        packed = old.pack_unsigned()
        last = next((i for i, data in enumerate(_copies(self.read())) if data[:_MAC_AT] == packed), 1)
        seq = old.seq if old.seq < _MAX_SEQ - 2 else 0
        self._write(1 - last, replace(header, seq=seq + 1), device_secret)
        second = replace(header, seq=seq + 2)
        self._write(last, second, device_secret)
        return second

    def _write(self, copy: int, header: Header, device_secret: bytes) -> None:
        try:
            with self._path.open("r+b", buffering=0) as file:
                file.seek(copy * COPY_SIZE)
                write_all(file.fileno(), header.pack(device_secret))
                os.fsync(file.fileno())
        except OSError:
            raise StorageFailed("header cannot be written") from None


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte at the file's position: one write may be short."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def valid_copies(data: bytes, device_secret: bytes) -> dict[int, Header]:
    """Return the copies in a file's bytes that are whole under `device_secret`, by their number."""
    found = {}
    for index, copy in enumerate(_copies(data)):
        with contextlib.suppress(VaultDamaged):
            found[index] = parse_copy(copy, device_secret)
    return found


def one_is_damaged(data: bytes, device_secret: bytes) -> bool:
    """Tell whether one copy is whole under `device_secret` and the other one is damaged, not of another header."""
    found = valid_copies(data, device_secret)
    if len(found) != 1:
        return False
    ((index, whole),) = found.items()
    try:
        return parse_unchecked(_copies(data)[1 - index]).header_id == whole.header_id
    except VaultDamaged:
        return True


def _copies(data: bytes) -> tuple[bytes, bytes]:
    return data[:COPY_SIZE], data[COPY_SIZE:FILE_SIZE]


def _fixed_fields(data: bytes) -> bytes:
    return data[:8] + data[16:_SLOTS_AT]


def _mac(device_secret: bytes, unsigned: bytes) -> bytes:
    return blake(b"fsv1 hmac", unsigned, key=device_secret)
