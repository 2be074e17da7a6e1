"""The body of a `tokens` envelope: new single-use drop tokens and read tokens for a device (PROTOCOL.md, section 7)."""

from dataclasses import dataclass, field
from typing import Final

from sync import canonical
from sync.canonical import Value
from sync.enrolment import ReadToken
from sync.errors import CanonicalError, EnvelopeRejected
from sync.fields import Fields, hex_list
from sync.protocol import TOKEN_SIZE, Reason

MAX_DROP: Final = 200
MAX_READ: Final = 4


@dataclass(frozen=True, slots=True)
class TokenRefill:
    """Drop tokens (32 bytes each, any order) and read tokens by quarter; `at` is the centre's time in seconds."""

    drop: tuple[bytes, ...] = field(repr=False)
    read: tuple[ReadToken, ...] = field(repr=False)
    at: int

    def to_bytes(self) -> bytes:
        """Encode the body: canonical JSON {at, drop, read, v}; CanonicalError when there are too many."""
        if len(self.drop) > MAX_DROP or len(self.read) > MAX_READ:
            raise CanonicalError("number of tokens")
        read: list[Value] = [{"quarter": t.quarter, "token": t.token.hex()} for t in self.read]
        return canonical.dumps({"at": self.at, "drop": hex_list(self.drop), "read": read, "v": 1})

    @classmethod
    def from_bytes(cls, body: bytes) -> "TokenRefill":
        """Read the body; EnvelopeRejected(schema)."""
        try:
            fields = Fields.parse(body).exactly("at", "drop", "read", "v")
            fields.number("v", 1, 1)
            return cls(
                drop=fields.binaries("drop", TOKEN_SIZE, MAX_DROP),
                read=tuple(
                    ReadToken(row.number("quarter"), row.binary("token", TOKEN_SIZE))
                    for row in fields.objects("read", MAX_READ)
                ),
                at=fields.number("at"),
            )
        except CanonicalError:
            raise EnvelopeRejected(Reason.SCHEMA) from None
