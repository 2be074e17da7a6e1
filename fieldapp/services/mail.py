"""One message of the centre, as the vault keeps it. It has no other place: no notification, no list of the system."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fieldapp.services.kinds import Kind
from sync import canonical
from sync.downstream import MAX_ROLE, MAX_TEXT, Message
from sync.fields import Fields
from sync.primitives import blake

MAX_KEPT: Final = 100
"""Messages on a device: beyond that the oldest that was read makes room, or the oldest of all."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message. `id` 16 bytes, `at` the centre's time, `read_at` 0 until the worker has read it, `desk` its name."""

    id: bytes
    at: int
    role: str
    desk: str
    text: str = field(repr=False)
    about: bytes = b""
    read_at: int = 0

    kind = Kind.MESSAGE

    @classmethod
    def of(cls, env_hash: bytes, message: Message, desk: str) -> "Letter":
        """Make the one that came in this envelope; the same envelope always has the same id."""
        return cls(letter_id(env_hash), message.at, message.role, desk, message.text, message.about)

    def to_bytes(self) -> bytes:
        """Encode for the vault: canonical JSON."""
        return canonical.dumps(
            {
                "about": self.about.hex(),
                "at": self.at,
                "desk": self.desk,
                "id": self.id.hex(),
                "read_at": self.read_at,
                "role": self.role,
                "text": self.text,
                "v": 1,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Letter":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        return cls(
            id=fields.binary("id", 16),
            at=fields.number("at"),
            role=fields.text("role", MAX_ROLE),
            desk=fields.text("desk"),
            text=fields.text("text", MAX_TEXT),
            about=fields.binary("about"),
            read_at=fields.number("read_at"),
        )


def beyond_room(letters: Mapping[bytes, Letter]) -> frozenset[bytes]:
    """Return the messages that make room for newer ones: what was read first, then the oldest."""
    order = sorted(letters.values(), key=lambda letter: (not letter.read_at, letter.at, letter.id))
    return frozenset(letter.id for letter in order[: max(0, len(order) - MAX_KEPT)])


def letter_id(env_hash: bytes) -> bytes:
    """Return the id of the message in an envelope: it can name no other record of the vault."""
    return blake(b"fsv1 message", env_hash, n=16)
