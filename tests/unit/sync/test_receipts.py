"""Receipts: only who really opened can say so."""

from dataclasses import replace

import pytest

from sync import canonical
from sync.envelope import seal
from sync.errors import CanonicalError, EnvelopeRejected
from sync.primitives import random_bytes
from sync.protocol import BODY_CAPACITY, Reason
from sync.receipts import (
    MAX_ITEMS,
    Expected,
    ReceiptItem,
    ReceiptKind,
    decode,
    encode,
    match,
    opened_proof,
    received_proof,
)
from tests.unit.sync.made_up import BODY, NOW, Parties, header


def sealed_and_receipts() -> tuple[Expected, ReceiptItem, ReceiptItem]:
    parties = Parties()
    sealed = seal(
        header(),
        BODY,
        registrar=parties.registrar.public,
        recipients=parties.content_pks,
        key=parties.sender,
    )
    registrar = parties.reader(registrar=True, content=()).open_header(sealed.envelope)
    content = parties.reader().open_header(sealed.envelope)
    assert content.k_b is not None
    return (
        Expected(sealed.hash, sealed.received_proof, sealed.opened_proof),
        ReceiptItem(ReceiptKind.RECEIVED, registrar.hash, received_proof(registrar.k_h, registrar.hash), NOW),
        ReceiptItem(ReceiptKind.OPENED, content.hash, opened_proof(content.k_b, content.hash), NOW),
    )


def test_true_receipts_match() -> None:
    expected, received, opened = sealed_and_receipts()
    assert match(received, expected)
    assert match(opened, expected)
    assert match(replace(opened, kind=ReceiptKind.ACTED), expected)


def test_the_registrar_cannot_say_opened() -> None:
    expected, received, _ = sealed_and_receipts()
    for kind in (ReceiptKind.OPENED, ReceiptKind.ACTED):
        assert not match(replace(received, kind=kind), expected)


def test_guessed_and_foreign_receipts_do_not_match() -> None:
    expected, received, opened = sealed_and_receipts()
    _, other, _ = sealed_and_receipts()
    for item in (
        other,
        replace(received, env_hash=other.env_hash),
        replace(other, env_hash=received.env_hash),
        replace(opened, proof=random_bytes(32)),
        replace(opened, proof=bytes(32)),
        replace(opened, proof=opened.proof[:31]),
    ):
        assert not match(item, expected)


def test_a_batch_survives_and_the_largest_fits_an_envelope() -> None:
    _, received, opened = sealed_and_receipts()
    assert decode(encode([received, opened])) == (received, opened)
    largest = encode([replace(received, at=(1 << 53) - 1)] * MAX_ITEMS)
    assert len(largest) <= BODY_CAPACITY[3]


def test_empty_and_oversized_batches_are_not_written() -> None:
    _, received, _ = sealed_and_receipts()
    for items in ([], [received] * (MAX_ITEMS + 1)):
        with pytest.raises(CanonicalError):
            encode(items)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"v":1', '"v":2', Reason.SCHEMA),
        ('"kind":"received"', '"kind":"erased"', Reason.SCHEMA),
        ('"kind":"received"', '"kind":1', Reason.SCHEMA),
        ('"at":1800000000', '"at":-1', Reason.SCHEMA),
        ('"at":1800000000', '"at":true', Reason.SCHEMA),
        ('{"at"', '{"aa":1,"at"', Reason.SCHEMA),
        ('"v":1', '"v":1.0', Reason.BODY_FORM),
        ('"v":1', '"v": 1', Reason.BODY_FORM),
    ],
)
def test_other_bodies_are_rejected(old: str, new: str, reason: Reason) -> None:
    _, received, _ = sealed_and_receipts()
    body = encode([received]).decode()
    assert old in body
    with pytest.raises(EnvelopeRejected) as caught:
        decode(body.replace(old, new, 1).encode())
    assert caught.value.reason == reason


@pytest.mark.parametrize("value", [[], {"items": [], "v": 1}, {"items": [1], "v": 1}, {"v": 1}])
def test_malformed_batches_are_rejected(value: canonical.Value) -> None:
    with pytest.raises(EnvelopeRejected, match=Reason.SCHEMA):
        decode(canonical.dumps(value))


def test_no_flip_and_no_truncation_of_a_receipt_makes_another_one_true() -> None:
    """A flip may leave the form as it was; but the proof shows only what it was made for. The time is told only."""
    expected, received, opened = sealed_and_receipts()
    body = encode([received, opened])
    true = {(item.kind, item.env_hash, item.proof) for item in (received, opened)}
    for at in range(len(body)):
        for mask in (0x01, 0x02, 0x80, 0xFF):
            broken = bytearray(body)
            broken[at] ^= mask
            try:
                items = decode(bytes(broken))
            except EnvelopeRejected:
                continue
            assert {(i.kind, i.env_hash, i.proof) for i in items if match(i, expected)} <= true
    for length in range(len(body)):
        with pytest.raises(EnvelopeRejected):
            decode(body[:length])


def test_no_proof_in_a_repr() -> None:
    expected, received, _ = sealed_and_receipts()
    assert repr(received.proof)[2:-1] not in repr(received) + repr(expected)
