"""The container of signed documents: exact bytes with detached signatures (PROTOCOL.md, section 6.1).

    "FSD1" | type u8 | length u32 | document | nsig u8 | nsig x (signer u8 | Ed25519 signature 64)

`signer` is an index into a list of public keys that the reader knows from elsewhere; indices ascend, so that one
key cannot count twice. Containers delimit themselves: a row of them is one file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sync.errors import DirectoryRejected
from sync.primitives import SIGNATURE_SIZE, SigningKey, verify
from sync.protocol import (
    DOC_CERTIFICATE,
    DOC_DIRECTORY,
    DOC_KEY_CARD,
    DOC_ROOT,
    DOC_SIGNING_REQUEST,
    MAX_BODY,
    MAX_SIGNERS,
    SIGNED_MAGIC,
    TAG_CERT,
    TAG_DIRECTORY,
    TAG_KEY_CARD,
    TAG_ROOT,
    TAG_SIGNING,
)

LENGTH_OFFSET: Final = 5
DOCUMENT_OFFSET: Final = 9
SIGNATURE_ENTRY_SIZE: Final = 1 + SIGNATURE_SIZE
TAGS: Final = {
    DOC_ROOT: TAG_ROOT,
    DOC_DIRECTORY: TAG_DIRECTORY,
    DOC_CERTIFICATE: TAG_CERT,
    DOC_SIGNING_REQUEST: TAG_SIGNING,
    DOC_KEY_CARD: TAG_KEY_CARD,
}


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document as received and the signatures over exactly these bytes; nothing is verified yet."""

    doc_type: int
    document: bytes
    signatures: tuple[tuple[int, bytes], ...]

    @classmethod
    def sign(
        cls, doc_type: int, document: bytes, signers: Sequence[bytes], keys: Sequence[SigningKey]
    ) -> "SignedDocument":
        """Sign `document` with each of `keys`, all of which must be in the list `signers`."""
        signed = cls(doc_type, document, ())
        for key in keys:
            signed = signed.with_signature(signers, key)
        return signed

    def with_signature(self, signers: Sequence[bytes], key: SigningKey) -> "SignedDocument":
        """Add one more signature (a colleague's, on another medium); DirectoryRejected(signer) for a strange key."""
        if key.public not in signers:
            raise DirectoryRejected("signer")
        mine = (list(signers).index(key.public), key.sign(TAGS[self.doc_type], self.document))
        others = (entry for entry in self.signatures if entry[0] != mine[0])
        return SignedDocument(self.doc_type, self.document, tuple(sorted((*others, mine))))

    def valid_signers(self, signers: Sequence[bytes]) -> frozenset[bytes]:
        """Return the keys of `signers` that really signed. A wrong signature refuses the whole document."""
        tag = TAGS[self.doc_type]
        for index, signature in self.signatures:
            if index >= len(signers) or not verify(signers[index], tag, self.document, signature):
                raise DirectoryRejected("signature")
        return frozenset(signers[index] for index, _ in self.signatures)

    def merged(self, other: "SignedDocument") -> "SignedDocument":
        """Return this document with the signatures of `other` too; one signer counts once, whoever brought it.

        DirectoryRejected(document) when `other` is another document: its signatures say nothing about this one.
        """
        if (other.doc_type, other.document) != (self.doc_type, self.document):
            raise DirectoryRejected("document")
        return SignedDocument(
            self.doc_type,
            self.document,
            tuple(sorted({**dict(other.signatures), **dict(self.signatures)}.items())),
        )

    def to_bytes(self) -> bytes:
        """Encode the container."""
        head = SIGNED_MAGIC + bytes((self.doc_type,)) + len(self.document).to_bytes(4, "little")
        entries = (bytes((index,)) + signature for index, signature in self.signatures)
        return head + self.document + bytes((len(self.signatures),)) + b"".join(entries)


def parse_one(data: bytes, doc_type: int, longest: int = MAX_BODY) -> SignedDocument:
    """Read bytes that are one container of `doc_type`; DirectoryRejected(container)."""
    documents = parse_row(data, longest)
    if len(documents) != 1 or documents[0].doc_type != doc_type:
        raise DirectoryRejected("container")
    return documents[0]


def parse_row(data: bytes, longest: int = MAX_BODY) -> tuple[SignedDocument, ...]:
    """Read a row of containers that fills `data` exactly (at most `longest` bytes); DirectoryRejected(container)."""
    if not data or len(data) > longest:
        raise DirectoryRejected("container")
    documents = []
    while data:
        document, data = _take(data)
        documents.append(document)
    return tuple(documents)


def _take(data: bytes) -> tuple[SignedDocument, bytes]:
    if len(data) <= DOCUMENT_OFFSET or data[:4] != SIGNED_MAGIC or data[4] not in TAGS:
        raise DirectoryRejected("container")
    end = DOCUMENT_OFFSET + int.from_bytes(data[LENGTH_OFFSET:DOCUMENT_OFFSET], "little")
    if end >= len(data):
        raise DirectoryRejected("container")
    count = data[end]
    rest = end + 1 + count * SIGNATURE_ENTRY_SIZE
    if not 1 <= count <= MAX_SIGNERS or rest > len(data):
        raise DirectoryRejected("container")
    entries = [data[i : i + SIGNATURE_ENTRY_SIZE] for i in range(end + 1, rest, SIGNATURE_ENTRY_SIZE)]
    signatures = tuple((entry[0], entry[1:]) for entry in entries)
    indices = [index for index, _ in signatures]
    if indices != sorted(set(indices)):
        raise DirectoryRejected("container")
    return SignedDocument(data[4], data[DOCUMENT_OFFSET:end], signatures), data[rest:]
