r"""Signed requests and server nonces.

A request of a centre or desk carries

    Authorization: Centre <key>.<nonce>.<signature>

with the Ed25519 public key in hex (64 characters), the nonce exactly as POST /v1/nonce gave it, and the
signature in base64url without padding (86 characters). The signature covers

    "fs request 1" NUL-padded to 16 | method "\n" host "\n" path?query "\n" hex H("fs body", body) "\n" nonce

where host is the Host header in lower case and path?query stands as in the request line (no "?" without query).

A nonce is 16 random bytes | 32 bytes BLAKE2b under a key in the database, over the bytes and the current slot
of ten seconds. So giving one out writes nothing (this call is public), any process recognises it, no time can
be read from it, and it is good for 60 to 70 s. The hash of a used one is kept for two days: single use.

The answer to an accepted signed request carries a fresh nonce in the header Replay-Nonce (as in RFC 8555, section 6.5.1),
whatever its status: a client may use it instead of asking for one. Refused with it, it asks, and tries once more.
"""

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey
from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from sync.protocol import CENTRE_SCHEME, NONCE_LIFETIME, TAG_REQUEST
from sync.relay.centres import Signer, find_signer
from sync.relay.database import Database
from sync.relay.limits import KEY_SIZE, Clock, day_number, personal_hash
from sync.relay.schema import secret, used_nonce

_RANDOM_SIZE: Final = 16
_MAC_SIZE: Final = 32
_SIGNATURE_SIZE: Final = 64
_SLOT_SECONDS: Final = 10
_NONCE_KEY: Final = "nonce"
_KEPT_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Credentials:
    """The parsed header of a signed request: not yet believed."""

    key: bytes
    nonce: str
    signature: bytes


def encode_bytes(value: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode_bytes(text: str, size: int) -> bytes | None:
    """Return the bytes of unpadded base64url, or None unless `text` is the one encoding of `size` bytes."""
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size and encode_bytes(value) == text else None


def decode_hex(text: str, size: int) -> bytes | None:
    """Return the bytes of lower-case hex, or None unless `text` is the one encoding of `size` bytes."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if len(value) == size and value.hex() == text else None


def parse_credentials(header: str) -> Credentials | None:
    """Return the parts of an Authorization header of a signed request, or None."""
    scheme, _, rest = header.partition(" ")
    parts = rest.split(".")
    if scheme != CENTRE_SCHEME or len(parts) != 3:
        return None
    key = decode_hex(parts[0], KEY_SIZE)
    signature = decode_bytes(parts[2], _SIGNATURE_SIZE)
    if key is None or signature is None:
        return None
    return Credentials(key, parts[1], signature)


def signed_bytes(method: str, host: str, target: str, body: bytes, nonce: str) -> bytes:
    """Return what a request's signature covers; `target` is path?query."""
    lines = (method, host, target, personal_hash(b"fs body", body).hex(), nonce)
    return TAG_REQUEST + "\n".join(lines).encode()


def verify(credentials: Credentials, message: bytes) -> bool:
    """Say whether the signature is good."""
    try:
        VerifyKey(credentials.key).verify(message, credentials.signature)
    except (BadSignatureError, ValueError):
        return False
    return True


class RequestKey:
    """A key that signs requests, made on the spot and held in memory only: the self-test's throw-away centre."""

    def __init__(self) -> None:
        self._key = SigningKey.generate()
        self.public = bytes(self._key.verify_key)

    def credentials(self, method: str, host: str, target: str, body: bytes, nonce: str) -> str:
        """Return the Authorization header of one request."""
        signature = self._key.sign(signed_bytes(method, host, target, body, nonce)).signature
        return f"{CENTRE_SCHEME} {self.public.hex()}.{nonce}.{encode_bytes(signature)}"


class Nonces:
    """Makes and spends server nonces. `open` it before use."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._key = b""

    async def open(self) -> None:
        """Read the key that all processes of this relay share, or make it."""
        self._key = await self._database.write(_shared_key)

    def issue(self) -> str:
        """Return a fresh nonce."""
        random = secrets.token_bytes(_RANDOM_SIZE)
        return encode_bytes(random + self._mac(random, self._slot()))

    def is_ours(self, nonce: str) -> bool:
        """Say whether this relay gave out `nonce` in the last 60 to 70 s: before any body is read."""
        raw = decode_bytes(nonce, _RANDOM_SIZE + _MAC_SIZE)
        if raw is None:
            return False
        random, mac = raw[:_RANDOM_SIZE], raw[_RANDOM_SIZE:]
        now = self._slot()
        slots = range(now - NONCE_LIFETIME // _SLOT_SECONDS, now + 1)
        return any(hmac.compare_digest(mac, self._mac(random, slot)) for slot in slots)

    async def spend(self, credentials: Credentials, *, changes: bool = True) -> Signer | None:
        """Note that the nonce was used; return whose the key is, None for an unknown key or a used nonce.

        Durable for a request that `changes` something. For one that only reads, a power cut within the nonce's minute
        may make it good once more, which gives whoever repeats the request what it gave before.
        """
        note = self._database.write if changes else self._database.note
        hashed = nonce_hash(credentials.nonce)
        return await note(_spend, credentials.key, hashed, day_number(self._clock()))

    def _slot(self) -> int:
        return int(self._clock() // _SLOT_SECONDS)

    def _mac(self, random: bytes, slot: int) -> bytes:
        return personal_hash(b"fs nonce", random + slot.to_bytes(8, "little"), self._key)


def nonce_hash(nonce: str) -> bytes:
    """Return the only form in which a used nonce is kept."""
    return personal_hash(b"fs nonce", nonce.encode())


def forget_used_nonces(connection: Connection, now: float) -> None:
    """Delete used nonces of past days, long after they expired, so that a clock set back opens nothing."""
    connection.execute(delete(used_nonce).where(used_nonce.c.day < day_number(now) - _KEPT_DAYS))


def _shared_key(connection: Connection) -> bytes:
    query = select(secret.c.value).where(secret.c.name == _NONCE_KEY)
    key: bytes | None = connection.execute(query).scalar_one_or_none()
    if key is None:
        key = secrets.token_bytes(32)
        connection.execute(insert(secret).values(name=_NONCE_KEY, value=key))
    return key


def _spend(connection: Connection, key: bytes, nonce_hash: bytes, day: int) -> Signer | None:
    signer = find_signer(connection, key)
    if signer is None:
        return None
    try:
        connection.execute(insert(used_nonce).values(nonce_hash=nonce_hash, day=day))
    except IntegrityError:
        connection.rollback()
        return None
    return signer
