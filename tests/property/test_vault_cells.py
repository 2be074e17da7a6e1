"""Cells: any record comes back, any change of any byte is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.vault.cells import (
    CELL_SIZE,
    PAYLOAD_SIZE,
    PLAINTEXT_SIZE,
    BoxCipher,
    CellCipher,
    Fragment,
    Record,
    RecordCipher,
    join,
    split,
    tag_of,
)
from fieldapp.vault.errors import VaultDamaged
from fieldapp.vault.root import ChainState, Root, bits_of
from sync.primitives import blake

VMK, VAULT_ID = b"\x41" * 32, b"\x42" * 16
RECORDS = RecordCipher(VMK, VAULT_ID, 0)
BOX = BoxCipher(b"\x43" * 32)

records = st.builds(
    Record,
    st.binary(min_size=16, max_size=16),
    st.integers(1, 255),
    st.integers(0, 2**16 - 1),
    st.integers(1, 2**32 - 1),
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from([PAYLOAD_SIZE - 1, PAYLOAD_SIZE, PAYLOAD_SIZE + 1, 20 * PAYLOAD_SIZE]).map(bytes),
    ),
)


@given(records, st.integers(0, 2**31))
def test_any_record_comes_back_from_its_cells(record: Record, n: int) -> None:
    blobs = [RECORDS.seal(n + i, fragment.pack()) for i, fragment in enumerate(split(record))]
    assert {len(blob) for blob in blobs} == {CELL_SIZE}
    pieces = [Fragment.unpack(RECORDS.open(n + i, blob)) for i, blob in enumerate(blobs)]
    assert join(piece for piece in reversed(pieces) if piece is not None) == record


@given(records.filter(lambda record: len(record.payload) > PAYLOAD_SIZE))
def test_a_record_with_a_piece_missing_or_doubled_is_none(record: Record) -> None:
    fragments = split(record)
    assert join(fragments[1:]) is None
    assert join(fragments[:-1]) is None
    assert join([*fragments, fragments[0]]) is None


@pytest.mark.parametrize("cipher", [RECORDS, BOX])
def test_every_flipped_byte_of_a_cell_is_rejected(cipher: CellCipher) -> None:
    blob = cipher.seal(4, split(Record(b"r" * 16, 1, 0, 1, b"made up"))[0].pack())
    for at in range(CELL_SIZE):
        damaged = bytearray(blob)
        damaged[at] ^= 1 + at % 255
        with pytest.raises(VaultDamaged):
            cipher.open(4, bytes(damaged))
    for size in range(CELL_SIZE):
        with pytest.raises(VaultDamaged):
            cipher.open(4, blob[:size])


def test_a_cell_opens_only_in_its_place_vault_and_epoch() -> None:
    blob = RECORDS.seal(4, bytes(PLAINTEXT_SIZE))
    strangers: list[tuple[CellCipher, int]] = [
        (RECORDS, 6),
        (RecordCipher(VMK, VAULT_ID, 1), 4),
        (RecordCipher(VMK, b"\x99" * 16, 0), 4),
        (RecordCipher(b"\x99" * 32, VAULT_ID, 0), 4),
        (BOX, 4),
    ]
    for cipher, n in strangers:
        with pytest.raises(VaultDamaged):
            cipher.open(n, blob)
    with pytest.raises(VaultDamaged):
        BOX.open(5, BOX.free(4))


def test_the_same_plaintext_never_gives_the_same_cell() -> None:
    assert RECORDS.seal(2, bytes(PLAINTEXT_SIZE))[:24] != RECORDS.seal(2, bytes(PLAINTEXT_SIZE))[:24]
    assert len(RECORDS.free(2)) == len(BOX.free(2)) == CELL_SIZE
    assert Fragment.unpack(BOX.open(2, BOX.free(2))) is None


def test_the_key_and_the_bound_data_are_those_of_the_specification() -> None:
    from sync.primitives import aead_open

    blob = RECORDS.seal(6, bytes(PLAINTEXT_SIZE))
    key = blake(b"fsv1 cell", VAULT_ID + bytes(4), key=VMK)
    aad = b"FSC1" + VAULT_ID + b"\x06\0\0\0" + bytes(4)
    assert aead_open(key, blob[:24], blob[24:], aad) == bytes(PLAINTEXT_SIZE)
    box = BOX.seal(6, bytes(PLAINTEXT_SIZE))
    key = blake(b"fsv1 box", b"", key=b"\x43" * 32)
    assert aead_open(key, box[:24], box[24:], b"FSB1\x06\0\0\0") == bytes(PLAINTEXT_SIZE)


@given(st.binary(min_size=28, max_size=28), st.binary(max_size=40))
def test_an_authentic_cell_of_any_content_is_a_fragment_or_damaged(head: bytes, rest: bytes) -> None:
    data = (head + rest).ljust(PLAINTEXT_SIZE, b"\0")
    try:
        fragment = Fragment.unpack(data)
    except VaultDamaged:
        return
    assert fragment is None or fragment.pack() == data


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 0), (0, 2), (24, 1), (25, 0), (25, 21), (27, 0x10), (28 + 7, 1), (PLAINTEXT_SIZE - 1, 1)],
)
def test_a_cell_with_a_field_of_no_meaning_is_damaged(at: int, value: int) -> None:
    data = bytearray(split(Record(b"r" * 16, 1, 0, 1, b"made up"))[0].pack())
    data[at] = value
    with pytest.raises(VaultDamaged):
        Fragment.unpack(bytes(data))


@given(
    st.builds(
        Root,
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**64 - 1),
        st.sets(st.integers(0, 24_575)).map(lambda cells: bits_of(2 * i for i in cells)),
        st.binary(min_size=32, max_size=32),
        st.builds(ChainState, st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32)),
        st.binary(min_size=32, max_size=32),
        st.integers(0, 2**64 - 1),
    ),
    st.sampled_from([0, 1]),
)
def test_any_root_comes_back(root: Root, part: int) -> None:
    blob = root.seal(RECORDS, VAULT_ID, part)
    assert len(blob) == CELL_SIZE
    assert len(tag_of(blob)) == 16
    assert Root.open(RECORDS, VAULT_ID, part, blob) == root
    with pytest.raises(VaultDamaged):
        Root.open(RECORDS, VAULT_ID, 1 - part, blob)
