"""A certificate counts only when an enrol key of this centre signed exactly these bytes."""

from dataclasses import replace

import pytest

from sync.certificate import Certificate, verify_certificate
from sync.errors import DirectoryRejected
from sync.primitives import BoxKeyPair, SigningKey
from sync.protocol import SenderKind
from tests.unit.sync.made_up import CENTRE_ID, NOW

ENROL = SigningKey.generate()


def certificate() -> Certificate:
    return Certificate(
        kind=SenderKind.DEVICE,
        centre_id=CENTRE_ID,
        device_id=b"MADE-UP-DEVICE-1",
        sign_pk=SigningKey.generate().public,
        first_prekey=BoxKeyPair.generate().public,
        not_before=NOW,
        agency="Made-up agency",
        roles=("officer",),
    )


def refused(reason: str, data: bytes, keys: list[bytes], centre_id: bytes = CENTRE_ID) -> None:
    with pytest.raises(DirectoryRejected) as caught:
        verify_certificate(data, centre_id, keys)
    assert caught.value.reason == reason


@pytest.mark.parametrize("position", [0, 1, 2])
def test_any_of_the_trusted_enrol_keys_will_do(position: int) -> None:
    keys = [SigningKey.generate().public for _ in range(2)]
    keys.insert(position, ENROL.public)
    original = certificate()
    assert verify_certificate(original.sign(ENROL), CENTRE_ID, keys) == original


def test_other_keys_and_other_centres_are_refused() -> None:
    data = certificate().sign(ENROL)
    refused("signature", data, [SigningKey.generate().public])
    refused("signature", data, [])
    refused("centre", data, [ENROL.public], b"OTHER-MADE-UP-CE")


def test_every_flip_and_truncation_is_the_domain_error() -> None:
    data = certificate().sign(ENROL)
    for i in range(len(data)):
        broken = bytearray(data)
        broken[i] ^= 1 << i % 8
        with pytest.raises(DirectoryRejected):
            verify_certificate(bytes(broken), CENTRE_ID, [ENROL.public])
    for length in range(len(data)):
        refused("container", data[:length], [ENROL.public])
    refused("container", data + data, [ENROL.public])


def test_a_signed_but_malformed_certificate_is_refused() -> None:
    for broken in (
        replace(certificate(), first_prekey=bytes(32)),
        replace(certificate(), device_id=b"short"),
        replace(certificate(), sign_pk=bytes(31)),
        replace(certificate(), kind=9),  # type: ignore[arg-type]
        replace(certificate(), not_before=-1),
    ):
        refused("document", broken.sign(ENROL), [ENROL.public])
