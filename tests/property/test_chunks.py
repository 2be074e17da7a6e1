"""Files in pieces: any size, any order, doubled pieces; nothing exchanged, moved, cut or missing is ever assembled."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldapp.codec import attachment_body, read_attachment
from fieldapp.domain import attachment as domain
from fieldapp.domain.attachment import Attachment, AttachmentKind
from fieldapp.domain.strict import Fields
from fieldapp.errors import CodecError
from sync import chunk
from sync.chunk import (
    Chunk,
    Withdrawal,
    assemble,
    chunk_body,
    file_hash,
    is_listed,
    parse_chunk,
    piece_hash,
    split,
)
from sync.errors import EnvelopeRejected
from sync.protocol import CHUNK_CAPACITY

FILE_ID = bytes(range(16))
SIZES = st.one_of(
    st.integers(1, 200),
    st.integers(-2, 2).map(lambda d: chunk.PIECE_SIZE + d),
    st.integers(-2, 2).map(lambda d: 3 * chunk.PIECE_SIZE + d),
)


def made(size: int, salt: int = 0) -> bytes:
    return bytes((i * 7 + salt) % 251 for i in range(1009)) * (size // 1009) + bytes(
        (i * 3 + salt) % 251 for i in range(size % 1009)
    )


def bodies(data: bytes, file_id: bytes = FILE_ID) -> list[bytes]:
    whole = file_hash(data)
    return [chunk_body(file_id, i, len(data), whole, piece) for i, piece in enumerate(split(data))]


def hashes(data: bytes) -> list[bytes]:
    return [piece_hash(FILE_ID, i, piece) for i, piece in enumerate(split(data))]


def test_the_domain_and_the_wire_agree_on_a_piece_which_fills_an_envelope_and_sixteen_cells() -> None:
    assert domain.PIECE_SIZE == chunk.PIECE_SIZE
    assert domain.MAX_FILE_PIECES <= chunk.MAX_PIECES
    assert chunk.CHUNK_HEAD_SIZE + chunk.PIECE_SIZE <= CHUNK_CAPACITY
    assert chunk.PIECE_SIZE <= 16 * 3972


@settings(max_examples=40, deadline=None)
@given(SIZES, st.randoms(use_true_random=False))
def test_any_size_comes_back_from_any_order_and_from_doubled_pieces(size: int, chance) -> None:
    data = made(size)
    arrived = [*bodies(data), *bodies(data)]
    chance.shuffle(arrived)
    found = {}
    for body in arrived:
        part = parse_chunk(body)
        assert isinstance(part, Chunk)
        assert is_listed(part, len(data), file_hash(data), hashes(data))
        found[part.index] = part.data
    assert assemble(FILE_ID, len(data), file_hash(data), hashes(data), found) == data


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_flipped_bit_or_a_cut_is_refused_in_form_or_by_the_list(data: st.DataObject) -> None:
    whole = made(data.draw(SIZES))
    sent = bodies(whole)
    body = bytearray(sent[data.draw(st.integers(0, len(sent) - 1))])
    if data.draw(st.booleans()):
        body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del body[data.draw(st.integers(0, len(body) - 1)) :]
    try:
        part = parse_chunk(bytes(body))
    except EnvelopeRejected:
        return
    if isinstance(part, Chunk) and part.file_id == FILE_ID:
        assert not is_listed(part, len(whole), file_hash(whole), hashes(whole))


def test_swapped_missing_foreign_and_exchanged_pieces_are_never_assembled() -> None:
    data, other = made(3 * chunk.PIECE_SIZE), made(3 * chunk.PIECE_SIZE, salt=9)
    good = dict(enumerate(split(data)))
    listed = (FILE_ID, len(data), file_hash(data), hashes(data))
    assert assemble(*listed, good) == data
    for bad in (
        {**good, 0: good[1], 1: good[0]},
        {0: good[0], 1: good[1]},
        {**good, 3: good[2]},
        {**good, 2: split(other)[2]},
        {**good, 2: good[2][:-1]},
    ):
        with pytest.raises(EnvelopeRejected):
            assemble(*listed, bad)
    with pytest.raises(EnvelopeRejected):  # the file is as listed, its pieces are not
        assemble(FILE_ID, len(data), file_hash(data), hashes(other), good)
    with pytest.raises(EnvelopeRejected):  # every piece is as listed, the file's hash is not
        assemble(FILE_ID, len(data), file_hash(other), hashes(data), good)


def test_a_withdrawal_has_exactly_one_form() -> None:
    body = chunk.withdrawal_body(FILE_ID)
    assert parse_chunk(body) == Withdrawal(FILE_ID)
    for odd in (body[:-1], body + b"\0", b"", b"FSA1"):
        with pytest.raises(EnvelopeRejected):
            parse_chunk(odd)


def test_the_list_is_read_back_and_no_other_form_of_it() -> None:
    data = made(100_000)
    file = Attachment(
        FILE_ID,
        AttachmentKind.PHOTO,
        "image/jpeg",
        "the door",
        len(data),
        file_hash(data),
        tuple(hashes(data)),
    )
    body = attachment_body(file)
    assert read_attachment(Fields(body, "", CodecError)) == file
    for wrong in (
        {"size": 0},
        {"size": len(data) + chunk.PIECE_SIZE},
        {"media": "video/mp4"},
        {"kind": "audio"},
        {"label": "x" * 61},
        {"pieces": []},
        {"hash": "00"},
        {"id": "00"},
    ):
        with pytest.raises(CodecError):
            read_attachment(Fields({**body, **wrong}, "", CodecError))
