"""Envelopes under hypothesis: any body survives the trip, any mutation is the domain error and nothing else."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.envelope import open_body, seal
from sync.errors import EnvelopeRejected
from sync.protocol import BODY_CAPACITY, ENVELOPE_SIZES
from tests.unit.sync.made_up import BODY, Parties, header

LONG = os.environ.get("FIELDAPP_LONG") == "1"
MUTATIONS = 1_000_000 if LONG else 4_000
PARTIES = Parties()


def sealed(body: bytes, size_class: int | None = None) -> bytes:
    return seal(
        header(),
        body,
        registrar=PARTIES.registrar.public,
        recipients=PARTIES.content_pks,
        key=PARTIES.sender,
        size_class=size_class,
    ).envelope


@given(st.binary(max_size=3000) | st.integers(0, BODY_CAPACITY[3]).map(bytes))
@settings(max_examples=60, deadline=None)
def test_any_body_survives_and_only_three_lengths_leave(body: bytes) -> None:
    envelope = sealed(body)
    assert len(envelope) in ENVELOPE_SIZES.values()
    assert open_body(PARTIES.reader().open_header(envelope)) == body


SEALED = {size_class: sealed(BODY, size_class) for size_class in (1, 2)}

MUTATION = st.tuples(
    st.sampled_from((1, 1, 1, 2)),
    st.lists(
        st.tuples(
            st.sampled_from(("set", "cut", "insert", "copy")),
            st.integers(0, 16_383),
            st.binary(min_size=1, max_size=40),
        ),
        min_size=1,
        max_size=4,
    ),
)


def mutated(size_class: int, steps: list[tuple[str, int, bytes]]) -> bytes:
    data = bytearray(SEALED[size_class])
    for kind, where, value in steps:
        at = where % max(1, len(data))
        if kind == "set":
            data[at : at + len(value)] = value
        elif kind == "cut":
            del data[at : at + len(value)]
        elif kind == "insert":
            data[at:at] = value
        else:
            data[at : at + 112] = data[: len(data[at : at + 112])]
    return bytes(data)


@given(MUTATION)
@settings(max_examples=MUTATIONS, deadline=None)
def test_a_mutated_envelope_is_the_domain_error(mutation: tuple[int, list[tuple[str, int, bytes]]]) -> None:
    envelope = mutated(*mutation)
    if envelope == SEALED[mutation[0]]:
        return
    with pytest.raises(EnvelopeRejected):
        PARTIES.receive(envelope)


@given(st.sampled_from(sorted(ENVELOPE_SIZES.values())), st.binary(max_size=2000))
@settings(max_examples=1000 if LONG else 100, deadline=None)
def test_noise_of_the_right_length_is_the_domain_error(length: int, start: bytes) -> None:
    with pytest.raises(EnvelopeRejected):
        PARTIES.receive((b"FSE1\x01\x01\x01\x08" + start).ljust(length, b"\xa5")[:length])
