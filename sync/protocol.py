"""Wire constants and limits. PROTOCOL.md explains each; a test holds the two together.

Lengths are bytes, times are seconds since 1970 (UTC) unless a name says otherwise; integers on the wire are
little-endian. This module imports nothing, so that the relay can share it without any cryptography.
"""

from enum import IntEnum, IntFlag, StrEnum
from typing import Final

# --- Envelope, suite 1 -------------------------------------------------------------------------------------

ENVELOPE_MAGIC: Final = b"FSE1"
ENVELOPE_VERSION: Final = 1
SUITE: Final = 1
SLOT_COUNT: Final = 8
SLOT_SIZE: Final = 112
"""SealedBox of 64 bytes: 32 ephemeral key + 16 tag + K_h | K_b."""
OUTER_SIZE: Final = 1016
"""Magic to the last slot: the associated data of both ciphertexts."""
HEADER_SIZE: Final = 320
HEADER_SIGNED_SIZE: Final = 242
HEADER_CT_SIZE: Final = 336
BODY_OFFSET: Final = 1352
ENVELOPE_SIZES: Final = {1: 4096, 2: 16384, 3: 65536}
"""Class -> whole length. No other length ever leaves a device or a desk."""
BODY_CAPACITY: Final = {1: 2724, 2: 15012, 3: 64164}
"""Class -> longest body: size - 1352 - 16 (tag) - 4 (length)."""
HEADER_MAGIC: Final = b"FSH1"
HEADER_VERSION: Final = 1
MAX_COUNTER: Final = (1 << 53) - 1
"""Highest seq or version: what canonical JSON can hold."""
MAX_RECIPIENTS: Final = 7
CHUNK_CAPACITY: Final = BODY_CAPACITY[3]

# --- Signature tags (16 bytes, NUL-padded) -----------------------------------------------------------------

TAG_ENVELOPE: Final = b"fs envelope 1".ljust(16, b"\0")
TAG_REQUEST: Final = b"fs request 1".ljust(16, b"\0")
TAG_ROOT: Final = b"fs root 1".ljust(16, b"\0")
TAG_DIRECTORY: Final = b"fs directory 1".ljust(16, b"\0")
TAG_CERT: Final = b"fs cert 1".ljust(16, b"\0")
TAG_SIGNING: Final = b"fs signing 1".ljust(16, b"\0")
TAG_KEY_CARD: Final = b"fs key card 1".ljust(16, b"\0")


class SenderKind(IntEnum):
    """Who may sign an envelope. The certificate says which kind a key is."""

    DEVICE = 1
    DESK = 2


class MsgType(IntEnum):
    """What an envelope carries. Numbers are final: 1-31 upstream, 32-63 downstream, 64-95 between desks."""

    SCREENING = 1
    IDENTITY = 2
    SAFE_CONTACT = 3
    CONTACT = 4
    CHUNK = 5
    COVER = 6
    DEVICE_REPORT = 7
    RECEIPT = 32
    TOKENS = 33
    DIRECTORY = 34
    POLICY = 35
    MESSAGE = 36
    SAFE_CONTACT_UPDATE = 37
    WIPE = 38
    REKEY = 39
    CASE_EVENT = 64
    GRANT = 65
    DEVICE_ENROLLED = 66
    GAP_CLOSED = 67
    PREKEY_SHARE = 68


ALLOWED_TYPES: Final[dict[SenderKind, frozenset[MsgType]]] = {
    SenderKind.DEVICE: frozenset(m for m in MsgType if m < 32),
    SenderKind.DESK: frozenset(m for m in MsgType if m >= 32) | {MsgType.COVER},
}


class Reason(StrEnum):
    """Why an envelope was rejected, in the receiver's order (PROTOCOL.md, section 5.4).

    Up to SIGNATURE nobody known vouches for the bytes: such failures are only counted. From there on (SIGNED_REASONS)
    an enrolled sender stands behind them: the envelope is kept, quarantined and shown.
    """

    LENGTH = "length"
    MAGIC = "magic"
    VERSION = "version"
    SUITE = "suite"
    CLASS = "class"
    SLOT_COUNT = "slot_count"
    NOT_FOR_US = "not_for_us"
    DOUBLE_SLOT = "double_slot"
    ROLE_MISMATCH = "role_mismatch"
    SLOTS_DISAGREE = "slots_disagree"
    HEADER_COMMITMENT = "header_commitment"
    HEADER_CIPHER = "header_cipher"
    HEADER_FORM = "header_form"
    FOREIGN_CENTRE = "foreign_centre"
    UNKNOWN_SENDER = "unknown_sender"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    SIGNATURE = "signature"
    REVOKED = "revoked"
    BODY_HASH = "body_hash"
    FORK = "fork"
    NO_BODY_KEY = "no_body_key"
    BODY_COMMITMENT = "body_commitment"
    BODY_CIPHER = "body_cipher"
    BODY_PADDING = "body_padding"
    BODY_FORM = "body_form"
    SCHEMA = "schema"
    CHUNK = "chunk"
    RECIPIENTS = "recipients"


SIGNED_REASONS: Final = frozenset(
    {
        Reason.REVOKED,
        Reason.BODY_HASH,
        Reason.FORK,
        Reason.NO_BODY_KEY,
        Reason.BODY_COMMITMENT,
        Reason.BODY_CIPHER,
        Reason.BODY_PADDING,
        Reason.BODY_FORM,
        Reason.SCHEMA,
        Reason.CHUNK,
        Reason.RECIPIENTS,
    }
)
"""Failures after the signature: quarantined and visible, never dropped."""


class Withheld(IntFlag):
    """Answers to "who must not see this?", in the flags of a signed header: they choose the intake roles.

    The lower-case names are the keys of the directory's intake policy. The registrar recomputes the recipients
    from them without reading a body.
    """

    POLICE = 1
    TOWN_HALL = 2
    INTERPRETER_POOL = 4
    SCHOOL = 8
    SHELTER = 16
    NAMED_PERSON = 32

    def names(self) -> tuple[str, ...]:
        """Return the policy keys of the answers given, in the order of their bits."""
        return tuple(str(flag.name).lower() for flag in Withheld if flag in self)


# --- Times -------------------------------------------------------------------------------------------------

DAY: Final = 86_400
WEEK: Final = 7 * DAY
ITEM_LIFETIME: Final = 45 * DAY
PREKEY_WEEKS_AHEAD: Final = 26
RENEW_BEFORE: Final = 8 * WEEK
"""A desk asks for the next directory so long before the present one runs out."""
EXPIRY_WARNING: Final = 30 * DAY
"""Devices and desks say so long before it that root or directory expire."""
PREKEY_GRACE: Final = 120 * DAY
"""A private prekey is destroyed this long after its last valid moment."""
DEVICE_PREKEY_LIFETIME: Final = 60 * DAY
GAP_ALERT_AFTER: Final = 72 * 3600
REOFFER_AFTER: Final = 30 * DAY
ENROLMENT_LIFETIME: Final = 15 * 60
ENROLMENT_SIZE: Final = 16_384
QUARTER: Final = 13 * WEEK
NONCE_LIFETIME: Final = 60

# --- Signed documents (directory, certificate, signing) ----------------------------------------------------

SIGNED_MAGIC: Final = b"FSD1"
MAX_SIGNERS: Final = 16
DOC_ROOT: Final = 1
DOC_DIRECTORY: Final = 2
DOC_CERTIFICATE: Final = 3
DOC_SIGNING_REQUEST: Final = 4
DOC_KEY_CARD: Final = 5

# --- Relay -------------------------------------------------------------------------------------------------

SHARD_COUNT: Final = 16
CENTRE_ID_SIZE: Final = 16
BOX_ID_SIZE: Final = 16
ITEM_ID_SIZE: Final = 16
"""An item's id is also the cursor behind it."""
ENROL_ID_SIZE: Final = 16
TOKEN_SIZE: Final = 32
NONCE_LENGTH: Final = 64
"""Characters of a server nonce: 48 bytes in base64url."""
PAGE_MAGIC: Final = b"FSP1"
MAX_PAGE: Final = 200
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Envelopes in one page; a page always holds at least one item."""
MAX_BODY: Final = 65_536
MAX_TOKEN_BATCH: Final = 512
"""Hashes in one POST /v1/tokens, of all kinds together; keeps the JSON under `MAX_BODY`."""
MAX_RETRY_AFTER: Final = 3600
"""The longest wait that a client lets a Retry-After impose on it, however long the header says."""
DROP_SCHEME: Final = "Drop"
READ_SCHEME: Final = "Read"
CENTRE_SCHEME: Final = "Centre"
REPLAY_NONCE: Final = "replay-nonce"
"""The header that brings the nonce for the next signed request; the name is that of RFC 8555, section 6.5.1."""
USER_AGENT: Final = "fieldapp/1"
"""The same for every client and version: a finer one would tell installations apart."""
