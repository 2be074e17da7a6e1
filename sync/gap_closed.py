"""The body of a `GAP_CLOSED` event: a person explains why numbers of a sender's chain will not come (PROTOCOL.md, 9)."""

from dataclasses import dataclass, field
from typing import Final

from sync import canonical
from sync.chain import Gap
from sync.errors import CanonicalError, EnvelopeRejected
from sync.fields import Fields
from sync.protocol import Reason

MAX_REASON: Final = 500
"""Characters of a reason: with four bytes each it still fits the smallest class."""


@dataclass(frozen=True, slots=True)
class GapClosed:
    """The numbers `gap` of `sender` (16 bytes) are explained. The envelopes are still accepted if they come."""

    sender: bytes
    gap: Gap
    reason: str = field(repr=False)

    def to_bytes(self) -> bytes:
        """Make the body; CanonicalError for a reason that is empty or too long, or numbers that are no range."""
        if not self.reason.strip() or len(self.reason) > MAX_REASON:
            raise CanonicalError("reason")
        if not 1 <= self.gap.first <= self.gap.last:
            raise CanonicalError("range")
        return canonical.dumps(
            {
                "from": self.gap.first,
                "reason": self.reason,
                "sender": self.sender.hex(),
                "to": self.gap.last,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, body: bytes) -> "GapClosed":
        """Read a body; EnvelopeRejected(body_form | schema)."""
        try:
            value = canonical.loads(body)
        except CanonicalError:
            raise EnvelopeRejected(Reason.BODY_FORM) from None
        try:
            fields = Fields(value).exactly("from", "reason", "sender", "to", "v")
            fields.number("v", 1, 1)
            first = fields.number("from", 1)
            reason = fields.text("reason", MAX_REASON)
            if not reason.strip():
                raise CanonicalError("reason")
            return cls(fields.binary("sender", 16), Gap(first, fields.number("to", first)), reason)
        except CanonicalError:
            raise EnvelopeRejected(Reason.SCHEMA) from None
