"""The next version of the directory in a desk's vault, while it waits for signatures.

    length u16 | canonical JSON {base, documents: [{signatures: [{key, signature}], size, type}], v} | the documents

The exact bytes that are signed are kept, because nobody signs a re-encoding.
"""

from dataclasses import dataclass
from typing import Final

from fieldapp.services.desk.records import vault_id
from fieldapp.services.kinds import Kind
from sync import canonical
from sync.canonical import Value
from sync.errors import CanonicalError
from sync.fields import Fields
from sync.primitives import SIGNATURE_SIZE
from sync.protocol import MAX_SIGNERS
from sync.signed import SignedDocument
from sync.signing import Proposal

_HEAD: Final = 2
"""Bytes of the length."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The documents of a `Proposal` and the version of the directory that they are to follow."""

    base: int
    signed: tuple[SignedDocument, ...]

    kind = Kind.SIGNING

    @classmethod
    def of(cls, proposal: Proposal) -> "Draft":
        """Return what is kept of a proposal."""
        return cls(proposal.present.version, proposal.signed)

    @property
    def vault_id(self) -> bytes:
        """There is one."""
        return vault_id(self.kind)

    def to_bytes(self) -> bytes:
        """Encode; see the module."""
        rows: list[Value] = [_row(document) for document in self.signed]
        head = canonical.dumps({"base": self.base, "documents": rows, "v": 1})
        documents = b"".join(document.document for document in self.signed)
        return len(head).to_bytes(_HEAD, "little") + head + documents

    @classmethod
    def from_bytes(cls, data: bytes) -> "Draft":
        """Read what `to_bytes` made; CanonicalError when it is damaged. Signatures are judged by `Proposal`."""
        start = _HEAD + int.from_bytes(data[:_HEAD], "little")
        fields = Fields.parse(data[_HEAD:start])
        signed = []
        for row in fields.objects("documents", 2):
            end = start + row.number("size", 1)
            signed.append(SignedDocument(row.number("type", 1, 255), data[start:end], _signatures(row)))
            start = end
        if start != len(data):
            raise CanonicalError("length of the documents")
        return cls(fields.number("base", 1), tuple(signed))


def _row(document: SignedDocument) -> Value:
    signatures: list[Value] = [{"key": key, "signature": s.hex()} for key, s in document.signatures]
    return {"signatures": signatures, "size": len(document.document), "type": document.doc_type}


def _signatures(row: Fields) -> tuple[tuple[int, bytes], ...]:
    rows = row.objects("signatures", MAX_SIGNERS)
    return tuple((r.number("key", 0, 255), r.binary("signature", SIGNATURE_SIZE)) for r in rows)
