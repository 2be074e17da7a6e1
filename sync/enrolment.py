"""Enrolment: how a device and its centre meet (PROTOCOL.md, section 8). Pure functions, no network.

The device posts a hello, the desk answers; both are 16,384 bytes under keys from the code's secret, so the relay
learns nothing. The secret alone decides nothing: a clerk compares the digits on both screens before the answer is
made, and an intruder's key would show other digits.
"""

from dataclasses import dataclass, field
from typing import Final

from sync import canonical
from sync.canonical import Value
from sync.code import EnrolmentCode
from sync.errors import CanonicalError, EnrolmentFailed, PrimitiveError
from sync.fields import Fields, hex_list
from sync.primitives import (
    NONCE_SIZE,
    TAG_SIZE,
    aead_open,
    aead_seal,
    blake,
    is_low_order,
    random_bytes,
    same,
)
from sync.protocol import ENROLMENT_SIZE, TOKEN_SIZE

UP_MAGIC: Final = b"FSEU"
DOWN_MAGIC: Final = b"FSED"
NONCE_OFFSET: Final = 4
CIPHERTEXT_OFFSET: Final = NONCE_OFFSET + NONCE_SIZE
CAPACITY: Final = ENROLMENT_SIZE - CIPHERTEXT_OFFSET - TAG_SIZE - 4
"""Longest document in a message: 16,336 bytes."""
MAX_DROP_TOKENS: Final = 100
MAX_READ_TOKENS: Final = 4
DIGIT_GROUPS: Final = 8
_HELLO: Final = ("first_prekey", "nonce", "sign_pk", "v")
_ANSWER: Final = (
    "box",
    "centre_time",
    "certificate",
    "dir_hash",
    "dir_version",
    "drop_tokens",
    "nonce",
    "read_tokens",
    "shard",
    "v",
)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a device says: its Ed25519 key and first downstream prekey (32 each), and a nonce (16) to be echoed."""

    sign_pk: bytes
    first_prekey: bytes
    nonce: bytes

    @classmethod
    def make(cls, sign_pk: bytes, first_prekey: bytes) -> "Hello":
        """Make a hello with a fresh nonce."""
        return cls(sign_pk, first_prekey, random_bytes(16))


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A token (32 bytes) that reads the device's shard and the directory in one quarter (seconds // 7,862,400)."""

    quarter: int
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the centre answers. The directory itself is fetched from the relay and must match version and hash.

    `box` names the upload box, `shard` the device's shard, `certificate` is its container.
    """

    nonce: bytes
    certificate: bytes
    dir_version: int
    dir_hash: bytes
    drop_tokens: tuple[bytes, ...] = field(repr=False)
    read_tokens: tuple[ReadToken, ...] = field(repr=False)
    shard: int
    box: str
    centre_time: int


def enrol_id(code: EnrolmentCode) -> bytes:
    """H("fsd1 enrol id", secret, "", 16): where both sides meet on the relay."""
    return blake(b"fsd1 enrol id", b"", key=code.secret, n=16)


def digits(centre_id: bytes, meeting: bytes, sign_pk: bytes, first_prekey: bytes) -> tuple[str, ...]:
    """Return the 8 groups of 5 digits that both screens show; `meeting` is the enrol id."""
    value = blake(b"fsd1 digits", centre_id + meeting + sign_pk + first_prekey, n=64)
    numbers = (int.from_bytes(value[8 * i : 8 * i + 8], "little") for i in range(DIGIT_GROUPS))
    return tuple(f"{number % 100_000:05}" for number in numbers)


def seal_hello(code: EnrolmentCode, hello: Hello) -> bytes:
    """Encrypt the device's message to exactly 16,384 bytes."""
    document: Value = {
        "first_prekey": hello.first_prekey.hex(),
        "nonce": hello.nonce.hex(),
        "sign_pk": hello.sign_pk.hex(),
        "v": 1,
    }
    return _seal(code, UP_MAGIC, b"up", document)


def open_hello(code: EnrolmentCode, message: bytes) -> Hello:
    """Decrypt the device's message; EnrolmentFailed(message | document)."""
    fields = _open(code, UP_MAGIC, b"up", message)
    try:
        fields.exactly(*_HELLO).number("v", 1, 1)
        hello = Hello(
            fields.binary("sign_pk", 32), fields.binary("first_prekey", 32), fields.binary("nonce", 16)
        )
    except CanonicalError:
        raise EnrolmentFailed("document") from None
    if is_low_order(hello.first_prekey):
        raise EnrolmentFailed("document")
    return hello


def seal_answer(code: EnrolmentCode, answer: Answer) -> bytes:
    """Encrypt the centre's message to exactly 16,384 bytes; EnrolmentFailed(too_long)."""
    if len(answer.drop_tokens) > MAX_DROP_TOKENS or len(answer.read_tokens) > MAX_READ_TOKENS:
        raise EnrolmentFailed("too_long")
    document: Value = {
        "box": answer.box,
        "centre_time": answer.centre_time,
        "certificate": answer.certificate.hex(),
        "dir_hash": answer.dir_hash.hex(),
        "dir_version": answer.dir_version,
        "drop_tokens": hex_list(answer.drop_tokens),
        "nonce": answer.nonce.hex(),
        "read_tokens": [{"quarter": t.quarter, "token": t.token.hex()} for t in answer.read_tokens],
        "shard": answer.shard,
        "v": 1,
    }
    return _seal(code, DOWN_MAGIC, b"down", document)


def open_answer(code: EnrolmentCode, hello: Hello, message: bytes) -> Answer:
    """Decrypt the centre's message; EnrolmentFailed(message | document | not_for_this_device).

    The certificate inside is not verified yet: that needs the directory.
    """
    fields = _open(code, DOWN_MAGIC, b"down", message)
    try:
        answer = _read_answer(fields.exactly(*_ANSWER))
    except CanonicalError:
        raise EnrolmentFailed("document") from None
    if not same(answer.nonce, hello.nonce):
        raise EnrolmentFailed("not_for_this_device")
    return answer


def _read_answer(fields: Fields) -> Answer:
    fields.number("v", 1, 1)
    return Answer(
        nonce=fields.binary("nonce", 16),
        certificate=fields.binary("certificate"),
        dir_version=fields.number("dir_version", 1),
        dir_hash=fields.binary("dir_hash", 32),
        drop_tokens=fields.binaries("drop_tokens", TOKEN_SIZE, MAX_DROP_TOKENS),
        read_tokens=tuple(
            ReadToken(row.number("quarter"), row.binary("token", TOKEN_SIZE))
            for row in fields.objects("read_tokens", MAX_READ_TOKENS)
        ),
        shard=fields.number("shard", 0, 255),
        box=fields.text("box", 64),
        centre_time=fields.number("centre_time"),
    )


def _key(code: EnrolmentCode, direction: bytes) -> bytes:
    return blake(b"fsd1 enrol", direction, key=code.secret)


def _bound_to(code: EnrolmentCode, magic: bytes) -> bytes:
    return magic + enrol_id(code) + code.centre_id


def _seal(code: EnrolmentCode, magic: bytes, direction: bytes, document: Value) -> bytes:
    data = canonical.dumps(document)
    if len(data) > CAPACITY:
        raise EnrolmentFailed("too_long")
    padded = len(data).to_bytes(4, "little") + data.ljust(CAPACITY, b"\0")
    nonce = random_bytes(NONCE_SIZE)
    return magic + nonce + aead_seal(_key(code, direction), nonce, padded, _bound_to(code, magic))


def _open(code: EnrolmentCode, magic: bytes, direction: bytes, message: bytes) -> Fields:
    if len(message) != ENROLMENT_SIZE or message[:NONCE_OFFSET] != magic:
        raise EnrolmentFailed("message")
    nonce = message[NONCE_OFFSET:CIPHERTEXT_OFFSET]
    try:
        padded = aead_open(_key(code, direction), nonce, message[CIPHERTEXT_OFFSET:], _bound_to(code, magic))
    except PrimitiveError:
        raise EnrolmentFailed("message") from None
    end = 4 + int.from_bytes(padded[:4], "little")
    if end > len(padded) or any(padded[end:]):
        raise EnrolmentFailed("document")
    try:
        return Fields.parse(padded[4:end])
    except CanonicalError:
        raise EnrolmentFailed("document") from None
