"""The certificate: the centre's word that a key belongs to a device or desk (PROTOCOL.md, section 6.5).

Signed at enrolment by one of the directory's `enrol_keys`, after a clerk has compared the digits on both screens.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sync import canonical
from sync.errors import CanonicalError, DirectoryRejected
from sync.fields import Fields
from sync.primitives import SigningKey, is_low_order
from sync.protocol import DOC_CERTIFICATE, SenderKind
from sync.signed import SignedDocument, parse_one

_FIELDS: Final = (
    "agency",
    "centre_id",
    "device_id",
    "first_prekey",
    "kind",
    "not_before",
    "roles",
    "sign_pk",
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who signs: ids of 16 bytes, keys of 32, `not_before` in seconds; `roles` are role ids of the directory."""

    kind: SenderKind
    centre_id: bytes
    device_id: bytes
    sign_pk: bytes
    first_prekey: bytes
    not_before: int
    agency: str
    roles: tuple[str, ...]

    def sign(self, key: SigningKey) -> bytes:
        """Sign with an enrol key; returns the container."""
        document = canonical.dumps(
            {
                "agency": self.agency,
                "centre_id": self.centre_id.hex(),
                "device_id": self.device_id.hex(),
                "first_prekey": self.first_prekey.hex(),
                "kind": int(self.kind),
                "not_before": self.not_before,
                "roles": list(self.roles),
                "sign_pk": self.sign_pk.hex(),
            }
        )
        return SignedDocument.sign(DOC_CERTIFICATE, document, [key.public], [key]).to_bytes()


def verify_certificate(data: bytes, centre_id: bytes, enrol_keys: Iterable[bytes]) -> Certificate:
    """Check a container against the enrol keys that the caller trusts.

    The signer index is always 0: the list of enrol keys changes over the years, a certificate stays. Raises
    DirectoryRejected (container | signature | document | centre).
    """
    signed = parse_one(data, DOC_CERTIFICATE)
    if not any(_signed_by(signed, key) for key in enrol_keys):
        raise DirectoryRejected("signature")
    certificate = _read(signed.document)
    if certificate.centre_id != centre_id:
        raise DirectoryRejected("centre")
    return certificate


def _signed_by(signed: SignedDocument, key: bytes) -> bool:
    try:
        return signed.valid_signers([key]) == {key}
    except DirectoryRejected:
        return False


def _read(document: bytes) -> Certificate:
    try:
        fields = Fields.parse(document).exactly(*_FIELDS)
        certificate = Certificate(
            kind=SenderKind(fields.number("kind")),
            centre_id=fields.binary("centre_id", 16),
            device_id=fields.binary("device_id", 16),
            sign_pk=fields.binary("sign_pk", 32),
            first_prekey=fields.binary("first_prekey", 32),
            not_before=fields.number("not_before"),
            agency=fields.text("agency"),
            roles=fields.texts("roles"),
        )
    except (CanonicalError, ValueError):  # ValueError: not a SenderKind
        raise DirectoryRejected("document") from None
    if is_low_order(certificate.first_prekey):
        raise DirectoryRejected("document")
    return certificate
