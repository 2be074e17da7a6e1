"""Malicious relays and malicious senders against the envelope: each attack of ATTACKS.md, rejected for its reason.

A malicious sender is played by the independent implementation of the vectors, which can be told to deviate.
"""

import os
from typing import Any

import pytest

from sync.envelope import (
    HCOMMIT_OFFSET,
    HEADER_OFFSET,
    SLOTS_OFFSET,
    Reader,
    open_body,
    parse_body,
    seal,
    verify_body_hash,
    verify_signature,
)
from sync.errors import EnvelopeRejected
from sync.keys import LivePrekey, SlotRole
from sync.primitives import BoxKeyPair, SigningKey, aead_open, aead_seal, blake, random_bytes
from sync.protocol import (
    BODY_CAPACITY,
    BODY_OFFSET,
    ENVELOPE_SIZES,
    OUTER_SIZE,
    SIGNED_REASONS,
    SLOT_SIZE,
    MsgType,
    Reason,
)
from tests.unit.sync.made_up import BODY, Parties, header
from tests.vectors.generate_envelopes import SIZES, Source, sample_header, sealed_box
from tests.vectors.generate_envelopes import envelope as build

LONG = bool(os.environ.get("FIELDAPP_LONG"))

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
STRUCTURE = sorted(
    {edge + d for edge in (0, 4, 8, 32, 56, 88, 120, *range(120, 1017, 112), 1016, 1352) for d in (-1, 0, 1)}
    - {-1}
)


def honest(parties: Parties, size_class: int = 1, **changes: object) -> bytes:
    return seal(
        header(**changes),
        BODY,
        registrar=parties.registrar.public,
        recipients=parties.content_pks,
        key=parties.sender,
        size_class=size_class,
    ).envelope


def malicious(parties: Parties, body: bytes = BODY, size_class: int = 1, **deviations: Any) -> bytes:
    changes = deviations.pop("header", {})
    return build(
        Source(random_bytes(32)),
        sample_header(**changes),
        body,
        registrar=parties.registrar.public,
        content=parties.content_pks,
        seed=parties.sender.seed,
        size_class=size_class,
        **deviations,
    )


def slot_for(public: bytes, k_h: bytes, k_b: bytes) -> bytes:
    return sealed_box(Source(random_bytes(32)), public, k_h + k_b)


def rejected(parties: Parties, envelope: bytes, reason: Reason, reader: Reader | None = None) -> None:
    with pytest.raises(EnvelopeRejected) as caught:
        parties.receive(envelope, reader)
    assert caught.value.reason == reason


def test_the_independent_implementation_is_accepted_when_it_does_not_deviate() -> None:
    parties = Parties()
    for size_class in SIZES:
        assert parties.receive(malicious(parties, size_class=size_class)) == BODY


# --- The relay, or anybody between ------------------------------------------------------------------------


def test_every_flipped_byte_of_class_1_is_rejected() -> None:
    parties = Parties()
    envelope = honest(parties)
    for i in range(len(envelope)):
        broken = bytearray(envelope)
        broken[i] ^= 1 << i % 8
        with pytest.raises(EnvelopeRejected):
            parties.receive(bytes(broken))


@pytest.mark.parametrize("size_class", [2, 3])
def test_flipped_bytes_of_the_larger_classes_are_rejected(size_class: int) -> None:
    parties = Parties()
    envelope = honest(parties, size_class)
    for i in (*STRUCTURE, *range(BODY_OFFSET, len(envelope), 1 if LONG else 499), len(envelope) - 1):
        for mask in (0x01, 0x80, 0xFF):
            broken = bytearray(envelope)
            broken[i] ^= mask
            with pytest.raises(EnvelopeRejected):
                parties.receive(bytes(broken))


def test_every_truncation_and_extension_is_rejected() -> None:
    parties = Parties()
    envelope = honest(parties)
    for length in range(len(envelope)):
        rejected(parties, envelope[:length], Reason.LENGTH)
    for extra in (1, 16, 100_000):
        rejected(parties, envelope + bytes(extra), Reason.LENGTH)
    for size_class in (2, 3):
        rejected(parties, envelope.ljust(ENVELOPE_SIZES[size_class], b"\0"), Reason.CLASS)
        larger = honest(parties, size_class)
        for length in range(len(larger)):
            known = length in ENVELOPE_SIZES.values()
            rejected(parties, larger[:length], Reason.CLASS if known else Reason.LENGTH)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [(0, Reason.MAGIC), (4, Reason.VERSION), (5, Reason.SUITE), (6, Reason.CLASS), (7, Reason.SLOT_COUNT)],
)
def test_every_other_value_of_the_first_bytes_is_rejected(offset: int, reason: Reason) -> None:
    parties = Parties()
    envelope = honest(parties)
    for value in range(256):
        if value != envelope[offset]:
            broken = envelope[:offset] + bytes((value,)) + envelope[offset + 1 :]
            rejected(parties, broken, reason)


@pytest.mark.parametrize(
    "deviation", [{"version": 0}, {"version": 2}, {"suite": 0}, {"suite": 2}, {"nslots": 7}]
)
def test_a_signed_downgrade_is_rejected_too(deviation: dict[str, Any]) -> None:
    parties = Parties()
    with pytest.raises(EnvelopeRejected):
        parties.receive(malicious(parties, **deviation))


def test_swapped_slots_are_rejected() -> None:
    parties = Parties()
    envelope = honest(parties)
    for a, b in ((0, 1), (1, 2), (3, 7)):
        cut = [envelope[SLOTS_OFFSET + i * SLOT_SIZE :][:SLOT_SIZE] for i in range(8)]
        cut[a], cut[b] = cut[b], cut[a]
        swapped = envelope[:SLOTS_OFFSET] + b"".join(cut) + envelope[HEADER_OFFSET:]
        for reader in (parties.reader(), parties.reader(registrar=True, content=())):
            with pytest.raises(EnvelopeRejected):
                parties.receive(swapped, reader)


def test_a_recipient_cannot_pass_the_header_on_under_other_slots() -> None:
    """Someone who may read re-targets the header to a third party: the signature covers the slots."""
    parties, third = Parties(), BoxKeyPair.generate()
    envelope = honest(parties)
    opened = parties.reader().open_header(envelope)
    assert opened.k_b is not None
    plain = opened.signed_part + opened.signature + bytes(14)
    nonce_h, nonce_b = envelope[8:32], envelope[32:56]
    slot_1 = SLOTS_OFFSET + SLOT_SIZE
    outer = envelope[:slot_1] + slot_for(third.public, opened.k_h, opened.k_b)
    outer += envelope[len(outer) : OUTER_SIZE]
    body = aead_open(opened.k_b, nonce_b, envelope[BODY_OFFSET:], envelope[:OUTER_SIZE])
    moved = outer + aead_seal(opened.k_h, nonce_h, plain, outer) + aead_seal(opened.k_b, nonce_b, body, outer)
    reader = Reader([LivePrekey(SlotRole.CONTENT, third)])
    rejected(parties, moved, Reason.SIGNATURE, reader)


def test_the_registrar_cannot_alter_a_header() -> None:
    parties = Parties()
    envelope = honest(parties)
    opened = parties.reader(registrar=True, content=()).open_header(envelope)
    for offset in (5, 6, 22, 38, 46, 54, 86, 118, 134, 138, 142, 146, 178, 210):
        altered = bytearray(opened.signed_part)
        altered[offset] ^= 2
        plain = bytes(altered) + opened.signature + bytes(14)
        header_ct = aead_seal(opened.k_h, envelope[8:32], plain, envelope[:OUTER_SIZE])
        with pytest.raises(EnvelopeRejected):
            parties.receive(envelope[:OUTER_SIZE] + header_ct + envelope[BODY_OFFSET:])


def test_a_body_of_another_envelope_is_rejected_after_the_signature() -> None:
    parties = Parties()
    one, other = honest(parties), honest(parties)
    rejected(parties, one[:BODY_OFFSET] + other[BODY_OFFSET:], Reason.BODY_HASH)
    assert Reason.BODY_HASH in SIGNED_REASONS


def test_an_envelope_of_another_sender_or_centre_is_rejected() -> None:
    parties = Parties()
    opened = parties.reader().open_header(honest(parties))
    with pytest.raises(EnvelopeRejected, match=Reason.SIGNATURE):
        verify_signature(opened, SigningKey.generate().public)
    rejected(parties, honest(parties, centre_id=b"OTHER-MADE-UP-CE"), Reason.FOREIGN_CENTRE)


def test_a_malleated_signature_is_rejected() -> None:
    parties = Parties()
    envelope = honest(parties)
    opened = parties.reader().open_header(envelope)
    s = int.from_bytes(opened.signature[32:], "little") + ED25519_ORDER
    plain = opened.signed_part + opened.signature[:32] + s.to_bytes(32, "little") + bytes(14)
    header_ct = aead_seal(opened.k_h, envelope[8:32], plain, envelope[:OUTER_SIZE])
    rejected(parties, envelope[:OUTER_SIZE] + header_ct + envelope[BODY_OFFSET:], Reason.SIGNATURE)


@pytest.mark.parametrize("sign_pk", [bytes(32), b"\x01" + bytes(31)])
def test_a_small_order_sender_key_vouches_for_nothing(sign_pk: bytes) -> None:
    parties = Parties()
    opened = parties.reader().open_header(honest(parties))
    with pytest.raises(EnvelopeRejected, match=Reason.SIGNATURE):
        verify_signature(opened, sign_pk)


def test_a_low_order_ephemeral_key_opens_no_slot() -> None:
    parties = Parties()
    envelope = honest(parties)
    for start in range(SLOTS_OFFSET, HEADER_OFFSET, SLOT_SIZE):
        envelope = envelope[:start] + bytes(32) + envelope[start + 32 :]
    rejected(parties, envelope, Reason.NOT_FOR_US)


# --- A malicious enrolled device --------------------------------------------------------------------------


def test_two_bodies_for_two_agencies_are_rejected() -> None:
    """The second agency gets another K_b: its commitment does not fit; an office that holds both keys sees both."""
    parties = Parties(content=sorted((BoxKeyPair.generate() for _ in range(2)), key=lambda pair: pair.public))
    k_h, k_b, other = random_bytes(32), random_bytes(32), random_bytes(32)
    slots = [
        slot_for(parties.registrar.public, k_h, bytes(32)),
        slot_for(parties.content_pks[0], k_h, k_b),
        slot_for(parties.content_pks[1], k_h, other),
    ]
    envelope = malicious(parties, k_h=k_h, k_b=k_b, slots=slots)
    assert parties.receive(envelope, parties.reader(content=(0,))) == BODY
    rejected(parties, envelope, Reason.BODY_COMMITMENT, parties.reader(content=(1,)))
    rejected(parties, envelope, Reason.SLOTS_DISAGREE, parties.reader(content=(0, 1)))


def test_two_headers_are_rejected() -> None:
    parties = Parties()
    k_h, k_b, other = random_bytes(32), random_bytes(32), random_bytes(32)
    slots = [
        slot_for(parties.registrar.public, other, bytes(32)),
        *(slot_for(public, k_h, k_b) for public in sorted(parties.content_pks)),
    ]
    envelope = malicious(parties, k_h=k_h, k_b=k_b, slots=slots)
    rejected(parties, envelope, Reason.HEADER_COMMITMENT, parties.reader(registrar=True, content=()))
    rejected(parties, envelope, Reason.SLOTS_DISAGREE, parties.reader(registrar=True))


@pytest.mark.parametrize("hcommit", [bytes(32), b"\x01" * 32])
def test_a_header_key_without_commitment_is_rejected(hcommit: bytes) -> None:
    parties = Parties()
    rejected(parties, malicious(parties, hcommit=hcommit), Reason.HEADER_COMMITMENT)


def test_a_content_slot_without_body_key_is_rejected() -> None:
    parties = Parties()
    k_h, k_b = random_bytes(32), random_bytes(32)
    slots = [slot_for(parties.registrar.public, k_h, bytes(32))]
    slots += [slot_for(public, k_h, bytes(32)) for public in sorted(parties.content_pks)]
    rejected(parties, malicious(parties, k_h=k_h, k_b=k_b, slots=slots), Reason.ROLE_MISMATCH)


def test_a_registrar_slot_with_a_body_key_is_rejected() -> None:
    parties = Parties()
    k_h, k_b = random_bytes(32), random_bytes(32)
    slots = [slot_for(parties.registrar.public, k_h, k_b)]
    slots += [slot_for(public, k_h, k_b) for public in sorted(parties.content_pks)]
    envelope = malicious(parties, k_h=k_h, k_b=k_b, slots=slots)
    rejected(parties, envelope, Reason.ROLE_MISMATCH, parties.reader(registrar=True, content=()))


def test_the_registrar_in_a_content_slot_or_a_reader_in_slot_0_is_rejected() -> None:
    parties = Parties(content=[BoxKeyPair.generate()])
    k_h, k_b = random_bytes(32), random_bytes(32)
    content = slot_for(parties.content_pks[0], k_h, k_b)
    registrar = slot_for(parties.registrar.public, k_h, bytes(32))
    envelope = malicious(parties, k_h=k_h, k_b=k_b, slots=[content, registrar])
    for reader in (parties.reader(), parties.reader(registrar=True, content=())):
        rejected(parties, envelope, Reason.ROLE_MISMATCH, reader)


def test_one_prekey_in_two_slots_is_rejected() -> None:
    parties = Parties(content=[BoxKeyPair.generate()])
    k_h, k_b = random_bytes(32), random_bytes(32)
    slots = [slot_for(parties.registrar.public, k_h, bytes(32))]
    slots += [slot_for(parties.content_pks[0], k_h, k_b)] * 2
    rejected(parties, malicious(parties, k_h=k_h, k_b=k_b, slots=slots), Reason.DOUBLE_SLOT)


def test_substituted_recipients_are_rejected() -> None:
    """A device seals to a friend instead of an agency and states so, or states what is not true."""
    parties, friend = Parties(), BoxKeyPair.generate()
    k_h, k_b = random_bytes(32), random_bytes(32)
    slots = [
        slot_for(parties.registrar.public, k_h, bytes(32)),
        slot_for(parties.content_pks[0], k_h, k_b),
        slot_for(friend.public, k_h, k_b),
    ]
    stated = blake(
        b"fse1 recip",
        parties.registrar.public + b"".join(sorted((parties.content_pks[0], friend.public))),
    )
    envelope = malicious(parties, k_h=k_h, k_b=k_b, slots=slots, recip=stated)
    rejected(parties, envelope, Reason.RECIPIENTS)
    lying = malicious(parties, k_h=k_h, k_b=k_b, slots=slots)
    rejected(
        parties, lying, Reason.NOT_FOR_US, parties.reader(content=(1,))
    )  # the alarm: stated, does not open


@pytest.mark.parametrize(
    "deviation",
    [
        {"magic": b"FSH2"},
        {"header_version": 2},
        {"padding": bytes(13) + b"\x01"},
        {"padding": b"\x01" + bytes(13)},
        {"header": {"msg_type": 0}},
        {"header": {"msg_type": 99}},
        {"header": {"seq": 0}},
        {"header": {"seq": 1 << 53}},
        {"header": {"dir_version": 1 << 53}},
    ],
)
def test_a_malformed_header_is_rejected(deviation: dict[str, Any]) -> None:
    parties = Parties()
    rejected(parties, malicious(parties, **deviation), Reason.HEADER_FORM)


def test_a_signed_wrong_body_hash_is_rejected() -> None:
    parties = Parties()
    rejected(parties, malicious(parties, body_hash=bytes(32)), Reason.BODY_HASH)


def test_a_body_under_another_key_is_rejected() -> None:
    parties = Parties()
    rejected(parties, malicious(parties, body_key=random_bytes(32)), Reason.BODY_CIPHER)


def test_a_wrong_length_or_dirty_padding_is_rejected() -> None:
    parties = Parties()
    room = 4 + BODY_CAPACITY[1]
    clean = (len(BODY).to_bytes(4, "little") + BODY).ljust(room, b"\0")
    over_long = (room - 3).to_bytes(4, "little") + clean[4:]
    huge = b"\xff\xff\xff\xff" + clean[4:]
    dirty_end = clean[:-1] + b"\x01"
    dirty_start = (len(BODY) - 1).to_bytes(4, "little") + clean[4:]
    for plain in (over_long, huge, dirty_end, dirty_start):
        rejected(parties, malicious(parties, body_plain=plain), Reason.BODY_PADDING)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}x", b'{"a":1,"a":2}', b'{"a":1.0}', b'{ "a":1}', b"[" * 2000, b"[]", b'"\xff"', b'{"a":NaN}'],
)
def test_a_body_that_two_readers_could_read_differently_is_rejected(body: bytes) -> None:
    parties = Parties()
    rejected(parties, malicious(parties, body), Reason.BODY_FORM)


def test_a_chunk_has_a_raw_body() -> None:
    parties = Parties()
    opened = parties.reader().open_header(malicious(parties, b"\x00\xff", header={"msg_type": 5}))
    verify_signature(opened, parties.sender.public)
    verify_body_hash(opened)
    assert opened.header.msg_type is MsgType.CHUNK
    assert open_body(opened) == b"\x00\xff"
    with pytest.raises(EnvelopeRejected, match=Reason.BODY_FORM):
        parse_body(open_body(opened))


def test_the_split_between_counted_and_quarantined_reasons() -> None:
    order = list(Reason)
    first = order.index(Reason.SIGNATURE)
    assert set(order[first + 1 :]) == SIGNED_REASONS


def test_commitments_are_checked_at_their_offsets() -> None:
    parties = Parties()
    envelope = honest(parties)
    broken = bytearray(envelope)
    broken[HCOMMIT_OFFSET] ^= 1
    rejected(parties, bytes(broken), Reason.HEADER_COMMITMENT)
