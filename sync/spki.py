"""The public key inside an X.509 certificate, found in its DER without a cryptography package.

RFC 5280, section 4.1: a certificate is a SEQUENCE of which the first part, `tbsCertificate`, is a SEQUENCE of

    [0] version (may be absent) | serial | signature | issuer | validity | subject | subjectPublicKeyInfo | ...

Only lengths are read, nothing is interpreted: TLS has judged the certificate before, and what is hashed is exactly what
`openssl x509 -pubkey` prints. So 40 lines are enough, and a phone needs no other package than the one for libsodium.
"""

import hashlib
from typing import Final

PIN_LENGTH: Final = 64
"""Hex digits of a pin."""

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_FIELDS_BEFORE_KEY: Final = 5
"""Serial, signature, issuer, validity, subject."""


def key_pin(certificate: bytes) -> str:
    """Return the SHA-256 of the certificate's SubjectPublicKeyInfo as 64 lower-case hex digits.

    `certificate` is DER; ValueError when it is not one.
    """
    return hashlib.sha256(_public_key_info(certificate)).hexdigest()


def is_pin(text: str) -> bool:
    """Tell whether `text` has the form of a pin."""
    return len(text) == PIN_LENGTH and set(text) <= set("0123456789abcdef")


def _public_key_info(certificate: bytes) -> bytes:
    _, start, end = _element(certificate, 0, len(certificate), _SEQUENCE)
    _, position, end = _element(certificate, start, end, _SEQUENCE)
    tag, _, after = _element(certificate, position, end)
    if tag == _VERSION:
        position = after
    for _ in range(_FIELDS_BEFORE_KEY):
        _, _, position = _element(certificate, position, end)
    _, _, after = _element(certificate, position, end, _SEQUENCE)
    return certificate[position:after]


def _element(data: bytes, position: int, end: int, expected: int | None = None) -> tuple[int, int, int]:
    """Return the tag at `position`, where its content starts, and where it ends; ValueError beyond `end`."""
    try:
        tag, length, start = data[position], data[position + 1], position + 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[start : start + size], "big")
            start += size
    except IndexError:
        raise ValueError("not a certificate") from None
    if start + length > end or (expected is not None and tag != expected):
        raise ValueError("not a certificate")
    return tag, start, start + length
