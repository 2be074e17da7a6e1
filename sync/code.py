"""The enrolment code: what a clerk shows and a worker scans or types (PROTOCOL.md, section 8.1).

Two halves of 26 Crockford base-32 characters: the centre's id and a secret, 128 bits and 2 check bits each. Typing is
forgiving (lower case, spaces, hyphens, O for 0, I and L for 1). The relay's host is typed apart, or stands in the QR
text, so that nothing can be sent to a mistyped place: the id pins whatever that host answers.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from sync.address import relay_address
from sync.errors import EnrolmentFailed
from sync.primitives import blake, random_bytes, same

QR_MAGIC: Final = "FSE0"
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
HALF_LENGTH: Final = 26
CODE_LENGTH: Final = 2 * HALF_LENGTH
CHECK_BITS: Final = 2
_GROUPS: Final = (5, 5, 5, 5, 6)
_SAME: Final = str.maketrans("OIL", "011", " -\t\r\n\u00a0\u2010\u2011\u2013")
_PERSON_CENTRE: Final = b"fsd1 code centre"
_PERSON_SECRET: Final = b"fsd1 code secret"


@dataclass(frozen=True, slots=True)
class EnrolmentCode:
    """A centre id and a secret of 16 bytes each; `relay` is an address such as https://relay.example, or ""."""

    centre_id: bytes
    secret: bytes = field(repr=False)
    relay: str = ""

    @classmethod
    def generate(cls, centre_id: bytes, relay: str) -> "EnrolmentCode":
        """Make a fresh code for one device, good for 15 minutes; EnrolmentFailed(relay) for a strange address."""
        return cls(centre_id, random_bytes(16), _address(relay))

    @classmethod
    def parse(cls, text: str, relay: str = "") -> "EnrolmentCode":
        """Read the QR text, or a typed code with the relay host typed apart.

        EnrolmentFailed: code_length, code_character, code_centre or code_secret (that half has a typing error), relay.
        """
        if text.strip().upper().startswith(QR_MAGIC + ":"):
            _, text, relay = (*text.strip().split(":", 2), "")[:3]
        characters = text.upper().translate(_SAME)
        if len(characters) != CODE_LENGTH:
            raise EnrolmentFailed("code_length")
        centre_id = _decode(characters[:HALF_LENGTH], _PERSON_CENTRE, "code_centre")
        secret = _decode(characters[HALF_LENGTH:], _PERSON_SECRET, "code_secret")
        return cls(centre_id, secret, _address(relay))

    def typed(self) -> tuple[str, str]:
        """Return the two halves for reading aloud, in groups of five (the last of six)."""
        return (
            _grouped(_encode(self.centre_id, _PERSON_CENTRE)),
            _grouped(_encode(self.secret, _PERSON_SECRET)),
        )

    def qr_text(self) -> str:
        """Return the text of the QR code: FSE0:<52 characters>:<HOST[:PORT]>, all in QR's compact alphabet."""
        code = _encode(self.centre_id, _PERSON_CENTRE) + _encode(self.secret, _PERSON_SECRET)
        return f"{QR_MAGIC}:{code}:{urlsplit(self.relay).netloc.upper()}"


def _address(host: str) -> str:
    try:
        return relay_address(host)
    except ValueError:
        raise EnrolmentFailed("relay") from None


def _check_bits(value: bytes, person: bytes) -> int:
    """The top two bits of a hash: three of four typing errors show before anything is sent."""
    return blake(person, value, n=16)[0] >> (8 - CHECK_BITS)


def _encode(value: bytes, person: bytes) -> str:
    number = int.from_bytes(value, "big") << CHECK_BITS | _check_bits(value, person)
    shifts = range(5 * (HALF_LENGTH - 1), -1, -5)
    return "".join(ALPHABET[number >> shift & 31] for shift in shifts)


def _decode(characters: str, person: bytes, reason: str) -> bytes:
    number = 0
    for character in characters:
        digit = ALPHABET.find(character)
        if digit < 0:
            raise EnrolmentFailed("code_character")
        number = number << 5 | digit
    value = (number >> CHECK_BITS).to_bytes(16, "big")
    check = number & ((1 << CHECK_BITS) - 1)
    if not same(bytes((check,)), bytes((_check_bits(value, person),))):
        raise EnrolmentFailed(reason)
    return value


def _grouped(half: str) -> str:
    groups, start = [], 0
    for length in _GROUPS:
        groups.append(half[start : start + length])
        start += length
    return "-".join(groups)
