"""Sealing and opening: what the right readers see, and what sealing refuses to do."""

import pytest

from sync.envelope import (
    OpenedHeader,
    Reader,
    chain_hash,
    open_body,
    recip_hash,
    reopen,
    seal,
    verify_recipients,
    verify_signature,
)
from sync.errors import EnvelopeRejected, SealRefused
from sync.keys import LivePrekey, SlotRole
from sync.primitives import BoxKeyPair, blake
from sync.protocol import BODY_CAPACITY, ENVELOPE_SIZES, Reason
from sync.receipts import opened_proof, received_proof
from tests.unit.sync.made_up import BODY, Parties, header


def sealed(parties: Parties, body: bytes = BODY, size_class: int | None = None) -> bytes:
    return seal(
        header(),
        body,
        registrar=parties.registrar.public,
        recipients=parties.content_pks,
        key=parties.sender,
        size_class=size_class,
    ).envelope


@pytest.mark.parametrize("index", [0, 1, 2])
def test_every_content_recipient_reads_header_and_body(index: int) -> None:
    parties = Parties()
    envelope = sealed(parties)
    assert parties.receive(envelope, parties.reader(content=(index,))) == BODY
    opened = parties.reader(content=(index,)).open_header(envelope)
    assert opened.header == header()
    assert opened.roles == {SlotRole.CONTENT}


def test_the_registrar_reads_the_header_and_never_the_body() -> None:
    parties = Parties()
    opened = parties.reader(registrar=True, content=()).open_header(sealed(parties))
    verify_signature(opened, parties.sender.public)
    assert opened.k_b is None
    assert opened.roles == {SlotRole.REGISTRAR}
    assert [slot for slot, _ in opened.opened] == [0]
    with pytest.raises(EnvelopeRejected, match=Reason.NO_BODY_KEY):
        open_body(opened)


def test_one_desk_with_both_roles_reads_all() -> None:
    parties = Parties()
    reader = parties.reader(registrar=True, content=(0, 1, 2))
    assert parties.receive(sealed(parties), reader) == BODY
    assert len(reader.open_header(sealed(parties)).opened) == 4


def test_who_is_no_recipient_reads_nothing() -> None:
    stranger = Reader([LivePrekey(SlotRole.CONTENT, BoxKeyPair.generate())])
    with pytest.raises(EnvelopeRejected, match=Reason.NOT_FOR_US):
        stranger.open_header(sealed(Parties()))
    with pytest.raises(EnvelopeRejected, match=Reason.NOT_FOR_US):
        Reader([]).open_header(sealed(Parties()))


def test_a_device_tries_only_slot_1() -> None:
    parties = Parties(content=[BoxKeyPair.generate()])
    envelope = sealed(parties)
    device = LivePrekey(SlotRole.CONTENT, parties.content[0])
    assert open_body(Reader([device], slots=(1,)).open_header(envelope)) == BODY
    with pytest.raises(EnvelopeRejected, match=Reason.NOT_FOR_US):
        Reader([device], slots=(2, 3)).open_header(envelope)


@pytest.mark.parametrize("size_class", [1, 2, 3])
def test_the_smallest_class_that_holds_the_body(size_class: int) -> None:
    parties = Parties()
    longest = b"x" * BODY_CAPACITY[size_class]
    envelope = sealed(parties, longest)
    assert len(envelope) == ENVELOPE_SIZES[size_class]
    assert open_body(parties.reader().open_header(envelope)) == longest
    if size_class < 3:
        assert len(sealed(parties, longest + b"x")) == ENVELOPE_SIZES[size_class + 1]


def test_a_given_class_is_used_and_an_empty_body_is_a_body() -> None:
    parties = Parties()
    envelope = sealed(parties, b"", size_class=3)
    assert len(envelope) == ENVELOPE_SIZES[3]
    assert open_body(parties.reader().open_header(envelope)) == b""


@pytest.mark.parametrize(
    ("length", "size_class"), [(BODY_CAPACITY[3] + 1, None), (BODY_CAPACITY[1] + 1, 1), (1, 4), (1, 0)]
)
def test_too_long_is_refused(length: int, size_class: int | None) -> None:
    with pytest.raises(SealRefused, match="too_long"):
        sealed(Parties(), b"x" * length, size_class)


def test_no_too_many_or_repeated_recipients_are_refused() -> None:
    registrar, one = BoxKeyPair.generate().public, BoxKeyPair.generate().public
    many = [BoxKeyPair.generate().public for _ in range(8)]
    for recipients in ([], [one, one], [registrar], many):
        with pytest.raises(SealRefused, match="recipients"):
            seal(header(), BODY, registrar=registrar, recipients=recipients, key=Parties().sender)


@pytest.mark.parametrize("bad", [bytes(32), b"\x01" + bytes(31), b"short"])
def test_unusable_prekeys_are_refused(bad: bytes) -> None:
    good = BoxKeyPair.generate().public
    for registrar, recipients in ((bad, [good]), (good, [bad])):
        with pytest.raises(SealRefused, match="prekey"):
            seal(header(), BODY, registrar=registrar, recipients=recipients, key=Parties().sender)


@pytest.mark.parametrize(
    "change",
    [
        {"sender_id": b"short"},
        {"centre_id": b""},
        {"record_id": bytes(17)},
        {"prev_hash": bytes(31)},
        {"dir_hash": b""},
        {"next_prekey": b""},
        {"seq": 0},
        {"seq": 1 << 53},
        {"seq": 2},
        {"prev_hash": b"\x01" * 32},
        {"dir_version": -1},
        {"rec_ver": 1 << 32},
        {"flags": -1},
        {"week": 1 << 32},
    ],
)
def test_a_header_that_nobody_could_accept_is_not_sealed(change: dict[str, object]) -> None:
    parties = Parties()
    with pytest.raises(SealRefused, match="header"):
        seal(
            header(**change),
            BODY,
            registrar=parties.registrar.public,
            recipients=parties.content_pks,
            key=parties.sender,
        )


def test_two_seals_share_nothing_that_an_observer_could_compare() -> None:
    parties = Parties()
    one, other = sealed(parties), sealed(parties)
    blocks = {one[i : i + 16] for i in range(8, len(one) - 15)}
    assert not any(other[i : i + 16] in blocks for i in range(8, len(other) - 15))


def test_hash_and_proofs_are_what_the_reader_computes() -> None:
    parties = Parties()
    result = seal(
        header(),
        BODY,
        registrar=parties.registrar.public,
        recipients=parties.content_pks,
        key=parties.sender,
    )
    opened = parties.reader().open_header(result.envelope)
    assert result.hash == chain_hash(result.envelope) == opened.hash
    assert opened.k_b is not None
    assert result.received_proof == received_proof(opened.k_h, opened.hash)
    assert result.opened_proof == opened_proof(opened.k_b, opened.hash)


def test_recipients_are_compared_with_the_directory() -> None:
    parties = Parties()
    opened = parties.reader().open_header(sealed(parties))
    verify_recipients(opened, parties.registrar.public, reversed(parties.content_pks))
    for registrar, content in (
        (parties.registrar.public, parties.content_pks[1:]),
        (parties.registrar.public, [*parties.content_pks, BoxKeyPair.generate().public]),
        (parties.content_pks[0], parties.content_pks),
    ):
        with pytest.raises(EnvelopeRejected, match=Reason.RECIPIENTS):
            verify_recipients(opened, registrar, content)


def test_content_slots_are_in_byte_order_of_the_prekeys_whatever_order_was_given() -> None:
    parties = Parties()
    parties.content.sort(key=lambda pair: pair.public, reverse=True)
    opened = parties.reader(content=(0, 1, 2)).open_header(sealed(parties))
    assert [slot for slot, _ in opened.opened] == [3, 2, 1]


def test_recip_hash_puts_the_registrar_first_and_sorts_the_rest() -> None:
    a, b, c = b"\x03" * 32, b"\x02" * 32, b"\x01" * 32
    assert recip_hash(a, [b, c]) == blake(b"fse1 recip", a + c + b)


def test_an_envelope_is_reopened_with_its_own_keys_when_the_prekeys_are_gone() -> None:
    parties = Parties()
    envelope = sealed(parties)
    opened = parties.reader().open_header(envelope)
    again = reopen(envelope, opened.k_h, opened.k_b)
    verify_signature(again, parties.sender.public)
    assert (again.header, open_body(again), again.hash) == (opened.header, BODY, opened.hash)
    assert reopen(envelope, opened.k_h, None).k_b is None
    with pytest.raises(EnvelopeRejected, match=Reason.HEADER_COMMITMENT):
        reopen(envelope, bytes(32), opened.k_b)
    with pytest.raises(EnvelopeRejected, match=Reason.BODY_COMMITMENT):
        open_body(reopen(envelope, opened.k_h, bytes(32)))


def test_no_key_in_a_repr() -> None:
    parties = Parties()
    opened: OpenedHeader = parties.reader().open_header(sealed(parties))
    assert opened.k_b is not None
    for secret in (opened.k_h, opened.k_b, parties.content[0].secret):
        assert repr(secret)[2:-1] not in repr(opened)
