"""The cryptographic primitives of this product, all of them, and nothing else.

This is the only module that imports PyNaCl (the relay's request check aside). It uses only what both PyNaCl 1.5.0
and 1.6.2 have: XChaCha20-Poly1305-IETF, Argon2id13, keyed BLAKE2b with personalisation, X25519 SealedBox and
Ed25519. Types and lengths are checked here, because PyNaCl's TypeError, ValueError and RuntimeError inherit from
its CryptoError; whatever goes wrong leaves as `PrimitiveError`, which each boundary turns into its own error.

All keys are 32 bytes. No function logs, prints or puts any input into an error.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from sync.errors import PrimitiveError

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 24
TAG_SIZE: Final = 16
SIGNATURE_SIZE: Final = 64
SEALED_OVERHEAD: Final = 48
SIGNING_TAG_SIZE: Final = 16


def random_bytes(n: int) -> bytes:
    """Return `n` bytes from the operating system's generator."""
    return secrets.token_bytes(n)


def same(a: bytes, b: bytes) -> bool:
    """Compare two secrets in constant time; different lengths are simply different."""
    return hmac.compare_digest(a, b)


def blake(person: bytes, msg: bytes, *, key: bytes = b"", n: int = 32) -> bytes:
    """H(person, key, msg, n): BLAKE2b with a NUL-padded personalisation, the one hash and key derivation.

    `person` is at most 16 bytes, `key` 0 to 64, `n` 16 to 64. Equal to
    `hashlib.blake2b(msg, digest_size=n, key=key, person=person)`, the oracle of the tests.
    """
    if len(person) > 16 or len(key) > 64 or not 16 <= n <= 64:
        raise PrimitiveError("blake: bad length")
    return sodium.crypto_generichash_blake2b_salt_personal(
        msg, digest_size=n, key=key, person=person.ljust(16, b"\0")
    )


def aead_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt with XChaCha20-Poly1305-IETF; returns len(plaintext) + 16 bytes. A nonce is used once per key."""
    _exact(key, KEY_SIZE)
    _exact(nonce, NONCE_SIZE)
    return sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, aad, nonce, key)


def aead_open(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """Decrypt and authenticate what `aead_seal` made; PrimitiveError when a single bit differs."""
    _exact(key, KEY_SIZE)
    _exact(nonce, NONCE_SIZE)
    if len(ciphertext) < TAG_SIZE:
        raise PrimitiveError("aead: too short")
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, aad, nonce, key)
    except CryptoError:
        raise PrimitiveError("aead: not authentic") from None


@dataclass(frozen=True, slots=True)
class BoxKeyPair:
    """An X25519 key pair: a prekey and its private half."""

    public: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "BoxKeyPair":
        """Make a fresh pair."""
        return cls.from_secret(random_bytes(KEY_SIZE))

    @classmethod
    def from_secret(cls, secret: bytes) -> "BoxKeyPair":
        """Rebuild the pair from its private half."""
        _exact(secret, KEY_SIZE)
        return cls(sodium.crypto_scalarmult_base(secret), secret)


def box_seal(public: bytes, plaintext: bytes) -> bytes:
    """Wrap `plaintext` to an X25519 key (libsodium's crypto_box_seal); refuses a key of low order."""
    _exact(public, KEY_SIZE)
    try:
        return sodium.crypto_box_seal(plaintext, public)
    except CryptoError:
        raise PrimitiveError("box: unusable public key") from None


def box_open(pair: BoxKeyPair, ciphertext: bytes) -> bytes:
    """Unwrap what `box_seal` made for `pair`; PrimitiveError when it is not for this key."""
    if len(ciphertext) < SEALED_OVERHEAD:
        raise PrimitiveError("box: too short")
    try:
        return sodium.crypto_box_seal_open(ciphertext, pair.public, pair.secret)
    except CryptoError:
        raise PrimitiveError("box: not for this key") from None


def is_low_order(public: bytes) -> bool:
    """Tell whether an X25519 public key is one of the few that give every partner the same secret.

    A scalar multiplication with such a point yields zero, which libsodium reports; any scalar shows it.
    """
    _exact(public, KEY_SIZE)
    try:
        sodium.crypto_scalarmult(b"\x40" + bytes(30) + b"\x40", public)
    except CryptoError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key, kept as its 32-byte seed."""

    public: bytes
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "SigningKey":
        """Make a fresh key."""
        return cls.from_seed(random_bytes(KEY_SIZE))

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """Rebuild the key from its seed."""
        _exact(seed, KEY_SIZE)
        return cls(sodium.crypto_sign_seed_keypair(seed)[0], seed)

    def sign(self, tag: bytes, message: bytes) -> bytes:
        """Sign `tag | message`, where `tag` is one of the 16-byte tags of `sync.protocol`; 64 bytes."""
        _exact(tag, SIGNING_TAG_SIZE)
        signed = sodium.crypto_sign(tag + message, self.seed + self.public)
        return signed[:SIGNATURE_SIZE]


def verify(public: bytes, tag: bytes, message: bytes, signature: bytes) -> bool:
    """Check a signature of `SigningKey.sign`. False for any defect; libsodium refuses malleable and small-order ones."""
    if len(public) != KEY_SIZE or len(signature) != SIGNATURE_SIZE or len(tag) != SIGNING_TAG_SIZE:
        return False
    try:
        sodium.crypto_sign_open(signature + tag + message, public)
    except CryptoError:
        return False
    return True


def argon2id(passphrase: bytes, salt: bytes, *, passes: int, memory_kib: int) -> bytes:
    """Stretch a passphrase to 32 bytes (Argon2id13, one lane). Slow on purpose: never on the event loop."""
    _exact(salt, 16)
    try:
        return sodium.crypto_pwhash_alg(
            KEY_SIZE, passphrase, salt, passes, memory_kib * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13
        )
    except (CryptoError, MemoryError):
        raise PrimitiveError("argon2id: parameters refused or not enough memory") from None


def _exact(value: bytes, size: int) -> None:
    if not isinstance(value, bytes) or len(value) != size:
        raise PrimitiveError("bad length or type")
