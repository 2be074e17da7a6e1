"""The header: two copies, of which one is always whole, and slots that all cost the same to try."""

import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.vault import header as header_module
from fieldapp.vault import slots
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.errors import NoVault, StorageFailed, VaultDamaged
from fieldapp.vault.header import COPY_SIZE, FILE_SIZE, Header, HeaderFile, new_header, parse_copy
from fieldapp.vault.kdf import FLOOR
from fieldapp.vault.slots import SlotContent, SlotKind, SlotState, open_slots, seal_slot
from sync.primitives import blake

SECRET = b"\xd5" * 32
LONG = bool(os.environ.get("FIELDAPP_LONG"))
"""Whether every byte of the whole file is tried; every byte of a copy always is."""
KEK = b"\x11" * 32
CONTENT = SlotContent(1, 0, b"v" * 16, b"k" * 32, 1_800_000_000)


def made() -> Header:
    header = new_header(FLOOR)
    return header.with_slot(5, seal_slot(KEK, 5, CONTENT, header.fixed))


@pytest.fixture
def file(tmp_path: Path) -> HeaderFile:
    file = HeaderFile(tmp_path / "v.hdr")
    file.create(made(), SECRET)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v.hdr"


def with_mac(data: bytes) -> bytes:
    """What somebody who has the device secret could write."""
    return data[:4064] + blake(b"fsv1 hmac", data[:4064], key=SECRET)


def test_the_bytes_are_where_the_specification_puts_them() -> None:
    header = replace(made(), seq=0x0102, attempts=AttemptRecord(3, 4, 5, 6))
    data = header.pack(SECRET)
    assert len(data) == COPY_SIZE
    assert data[:16] == b"FSVH\x01\0\0\0" + struct.pack("<Q", 0x0102)
    assert data[16:20] == b"\x01\x08\0\0"
    assert data[20:32] == struct.pack("<III", 32 * 1024, 3, 1)
    assert data[32:64] == header.header_id + header.salt
    assert data[64 : 64 + 1408] == b"".join(header.slots)
    assert data[1472:4032] == header.filler
    assert data[4032:4052] == struct.pack("<IQQ", 3, 4, 5)
    assert data[4064:] == blake(b"fsv1 hmac", data[:4064], key=SECRET)
    assert parse_copy(data, SECRET) == header


def test_the_slot_is_bound_to_the_fields_of_its_header() -> None:
    header = made()
    data = header.pack(SECRET)
    assert header.fixed == data[0:8] + data[16:64]
    assert open_slots(KEK, header.slots, header.fixed) == (5, CONTENT)
    with pytest.raises(VaultDamaged):
        open_slots(KEK, header.slots, header.fixed[:-1] + bytes([header.fixed[-1] ^ 1]))


def test_every_flipped_byte_of_a_copy_is_rejected() -> None:
    data = replace(made(), seq=9).pack(SECRET)
    for at in range(COPY_SIZE):
        damaged = bytearray(data)
        damaged[at] ^= 1 + at % 255
        with pytest.raises(VaultDamaged):
            parse_copy(bytes(damaged), SECRET)


def test_every_truncation_of_a_copy_is_rejected() -> None:
    data = replace(made(), seq=9).pack(SECRET)
    for size in range(COPY_SIZE):
        with pytest.raises(VaultDamaged):
            parse_copy(data[:size], SECRET)
    with pytest.raises(VaultDamaged):
        parse_copy(data + b"\0", SECRET)


@pytest.mark.parametrize(
    ("at", "field"),
    [
        (0, b"FSVX"),
        (4, b"\x02"),
        (8, bytes(8)),
        (16, b"\x02"),
        (17, b"\x07"),
        (18, b"\x01\0"),
        (20, struct.pack("<I", 8 * 1024)),
        (20, struct.pack("<I", 31 * 1024)),
        (20, struct.pack("<I", 513 * 1024)),
        (20, struct.pack("<I", 2**32 - 1)),
        (24, struct.pack("<I", 1)),
        (24, struct.pack("<I", 1_000_000)),
        (28, struct.pack("<I", 2)),
        (4060, b"\x01"),
    ],
)
def test_a_downgrade_is_refused_even_with_a_valid_mac(at: int, field: bytes) -> None:
    data = replace(made(), seq=9).pack(SECRET)
    forged = with_mac(data[:at] + field + data[at + len(field) :])
    with pytest.raises(VaultDamaged):
        parse_copy(forged, SECRET)


def test_the_wrong_device_secret_opens_no_header() -> None:
    with pytest.raises(VaultDamaged):
        parse_copy(replace(made(), seq=9).pack(SECRET), bytes(32))


def test_an_update_replaces_both_copies(file: HeaderFile, path: Path) -> None:
    old = file.load(SECRET)
    new = file.update(replace(old, attempts=AttemptRecord(1)), SECRET)
    assert (old.seq, new.seq) == (2, 4)
    data = path.read_bytes()
    assert len(data) == FILE_SIZE
    copies = [parse_copy(data[:COPY_SIZE], SECRET), parse_copy(data[COPY_SIZE:], SECRET)]
    assert [copy.seq for copy in copies] == [3, 4]
    assert all(copy.attempts.failures == 1 for copy in copies)
    assert file.load(SECRET) == new


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of repairs, none of which must survive a power cut."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_every_flipped_byte_of_the_file_leaves_the_other_copy(file: HeaderFile, path: Path) -> None:
    whole = path.read_bytes()
    expected = replace(file.load(SECRET), seq=0)
    for at in range(0, FILE_SIZE, 1 if LONG else 7):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        path.write_bytes(damaged)
        assert replace(file.load(SECRET), seq=0) == expected
        repaired = path.read_bytes()
        assert (
            parse_copy(repaired[:COPY_SIZE], SECRET).slots == parse_copy(repaired[COPY_SIZE:], SECRET).slots
        )


@pytest.mark.usefixtures("no_waiting_for_the_disk")
def test_a_file_cut_at_any_length_opens_by_its_first_copy_or_not_at_all(file: HeaderFile, path: Path) -> None:
    whole = path.read_bytes()
    for size in [*range(0, FILE_SIZE, 1 if LONG else 61), COPY_SIZE - 1, COPY_SIZE, FILE_SIZE - 1]:
        path.write_bytes(whole[:size])
        if size < COPY_SIZE:
            with pytest.raises(VaultDamaged):
                file.load(SECRET)
            assert path.read_bytes() == whole[:size]
        else:
            assert file.load(SECRET).slots == made_slots(whole)
            assert len(path.read_bytes()) == FILE_SIZE


def made_slots(whole: bytes) -> tuple[bytes, ...]:
    return parse_copy(whole[COPY_SIZE:], SECRET).slots


def test_no_file_is_no_vault(tmp_path: Path) -> None:
    with pytest.raises(NoVault):
        HeaderFile(tmp_path / "nothing").load(SECRET)


def test_a_header_is_never_created_over_another(file: HeaderFile, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(StorageFailed):
        file.create(made(), SECRET)
    assert path.read_bytes() == before


class _Cut:
    """Lets `allowed` more bytes reach the disk, then fails: what a full or dying disk does."""

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.real = header_module.write_all

    def __call__(self, descriptor: int, data: bytes) -> None:
        part = data[: self.allowed]
        self.allowed -= len(part)
        self.real(descriptor, part)
        if len(part) < len(data):
            raise OSError(28, "no space left")


@pytest.mark.parametrize(
    "allowed", [*range(0, FILE_SIZE, 331), 1, 4063, 4064, 4095, 4096, 4097, FILE_SIZE - 1]
)
def test_an_update_cut_after_any_byte_leaves_the_old_or_the_new_header(
    file: HeaderFile, path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    old = file.load(SECRET)
    new_slot = seal_slot(b"\x22" * 32, 5, CONTENT, old.fixed)
    monkeypatch.setattr(header_module, "write_all", _Cut(allowed))
    with pytest.raises(StorageFailed):
        file.update(old.with_slot(5, new_slot), SECRET)
    monkeypatch.undo()
    loaded = file.load(SECRET)
    # The last byte of a copy is random: once in 256 times the old one is the right one, and nothing was cut.
    possible = {COPY_SIZE - 1: (old.slots[5], new_slot)}.get(allowed)
    assert loaded.slots[5] in (possible or ((old.slots[5] if allowed < COPY_SIZE else new_slot),))
    file.update(replace(loaded, attempts=AttemptRecord(2)), SECRET)
    assert file.load(SECRET).attempts.failures == 2


def test_a_cut_update_leaves_no_copy_of_the_old_slot_after_the_next_start(
    file: HeaderFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = file.load(SECRET)
    monkeypatch.setattr(header_module, "write_all", _Cut(COPY_SIZE))
    with pytest.raises(StorageFailed):
        file.update(old.with_slot(5, seal_slot(b"\x22" * 32, 5, CONTENT, old.fixed)), SECRET)
    monkeypatch.undo()
    assert old.slots[5] in path.read_bytes()
    file.load(SECRET)
    assert old.slots[5] not in path.read_bytes()


@pytest.mark.parametrize("index", range(slots.COUNT))
def test_a_key_opens_its_slot_wherever_it_is(index: int) -> None:
    header = new_header(FLOOR)
    header = header.with_slot(index, seal_slot(KEK, index, CONTENT, header.fixed))
    assert open_slots(KEK, header.slots, header.fixed) == (index, CONTENT)


def test_a_slot_does_not_open_in_another_place() -> None:
    header = new_header(FLOOR)
    slot = seal_slot(KEK, 2, CONTENT, header.fixed)
    assert open_slots(KEK, header.with_slot(3, slot).slots, header.fixed) is None


@pytest.mark.parametrize("kek", [KEK, b"\x33" * 32])
def test_right_and_wrong_keys_cost_the_same_work(kek: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = {"blake": 0, "aead_open": 0, "same": 0}
    for name in counted:
        real = getattr(slots, name)

        def count(*args: object, _real=real, _name=name, **named: object) -> object:  # type: ignore[no-untyped-def]
            counted[_name] += 1
            return _real(*args, **named)

        monkeypatch.setattr(slots, name, count)
    header = made()
    counted.update(dict.fromkeys(counted, 0))
    open_slots(kek, header.slots, header.fixed)
    assert counted == {"blake": 8, "aead_open": 1, "same": 8}


def test_every_flipped_byte_of_a_slot_is_rejected() -> None:
    header = made()
    for at in range(slots.SIZE):
        damaged = bytearray(header.slots[5])
        damaged[at] ^= 0x01
        changed = header.with_slot(5, bytes(damaged))
        if at < slots.COMMIT_SIZE:
            assert open_slots(KEK, changed.slots, changed.fixed) is None
        else:
            with pytest.raises(VaultDamaged):
                open_slots(KEK, changed.slots, changed.fixed)


@pytest.mark.parametrize("kind", SlotKind)
@pytest.mark.parametrize("state", SlotState)
def test_every_kind_and_state_of_the_format_is_read(kind: SlotKind, state: SlotState) -> None:
    content = replace(CONTENT, kind=kind, state=state, part=0, epoch=7, vmk_next=b"n" * 32)
    assert len(content.pack()) == slots.PLAINTEXT_SIZE
    assert SlotContent.unpack(content.pack()) == content


@pytest.mark.parametrize(("at", "value"), [(0, 0), (0, 3), (1, 3), (2, 2), (119, 1)])
def test_a_slot_with_a_field_of_no_meaning_is_damaged(at: int, value: int) -> None:
    data = bytearray(CONTENT.pack())
    data[at] = value
    with pytest.raises(VaultDamaged):
        SlotContent.unpack(bytes(data))


def test_no_key_shows_in_a_representation() -> None:
    text = repr(made()) + repr(CONTENT)
    assert repr(CONTENT.vmk)[2:-1] not in text
