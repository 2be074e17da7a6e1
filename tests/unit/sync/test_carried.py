"""A file of sealed envelopes that is carried by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.carried import CARRIED_MAGIC, MAX_CARRIED, pack, unpack
from sync.errors import CarriedRejected
from sync.protocol import ENVELOPE_SIZES


def made_up(size_class: int, filling: int = 7) -> bytes:
    head = b"FSE1\x01\x01" + bytes([size_class])
    return head + bytes([filling]) * (ENVELOPE_SIZES[size_class] - len(head))


CLASSES = st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=8)


@given(CLASSES)
def test_what_was_packed_is_unpacked_in_order(classes: list[int]) -> None:
    envelopes = tuple(made_up(size_class, n % 256) for n, size_class in enumerate(classes))
    assert unpack(pack(envelopes)) == envelopes


@given(CLASSES, st.data())
def test_no_part_of_a_file_is_taken(classes: list[int], data: st.DataObject) -> None:
    envelopes = [made_up(size_class) for size_class in classes]
    whole = pack(envelopes)
    ends = {len(pack(envelopes[:n])) for n in range(1, len(envelopes) + 1)}
    cut = data.draw(st.integers(0, len(whole) - 1))
    if cut not in ends:
        with pytest.raises(CarriedRejected):
            unpack(whole[:cut])
    with pytest.raises(CarriedRejected):
        unpack(whole + data.draw(st.binary(min_size=1, max_size=20)))


@given(st.binary(max_size=300))
def test_any_other_bytes_are_refused_with_the_one_error(noise: bytes) -> None:
    for data in (noise, CARRIED_MAGIC + noise, CARRIED_MAGIC + made_up(1)[:7] + noise):
        with pytest.raises(CarriedRejected):
            unpack(data)


def test_more_than_a_device_can_hold_is_refused() -> None:
    with pytest.raises(CarriedRejected, match="length"):
        unpack(pack([made_up(1)] * (MAX_CARRIED + 1)))
    assert len(unpack(pack([made_up(1)] * MAX_CARRIED))) == MAX_CARRIED
