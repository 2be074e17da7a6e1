"""The envelope, suite 1: the only thing that ever leaves a device or a desk (PROTOCOL.md, section 5).

Sealing is one call. Opening is a chain of small steps in the receiver's order, because between them stand
judgements that need the directory and the sender's history (`sync.intake`):

    opened = Reader(prekeys).open_header(envelope)      # form, slots, commitment, header
    check_centre(opened, centre_id)                     # then: certificate, type allowed for this sender
    verify_signature(opened, sign_pk)                   # from here on failures are quarantined, not just counted
    verify_body_hash(opened)                            # then: chain (registrar)
    body = parse_body(open_body(opened))                # then: schema
    verify_recipients(opened, registrar, content)

Every failure is `EnvelopeRejected` with a `Reason`; no step returns part of what it could not verify.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sync import canonical
from sync.errors import CanonicalError, EnvelopeRejected, PrimitiveError, SealRefused
from sync.header import GENESIS, Header, check_header, complete, pack, parse
from sync.keys import LivePrekey, SlotRole
from sync.primitives import (
    KEY_SIZE,
    NONCE_SIZE,
    BoxKeyPair,
    SigningKey,
    aead_open,
    aead_seal,
    blake,
    box_open,
    box_seal,
    is_low_order,
    random_bytes,
    same,
    verify,
)
from sync.protocol import (
    BODY_CAPACITY,
    BODY_OFFSET,
    ENVELOPE_MAGIC,
    ENVELOPE_SIZES,
    ENVELOPE_VERSION,
    MAX_RECIPIENTS,
    OUTER_SIZE,
    SLOT_COUNT,
    SLOT_SIZE,
    SUITE,
    TAG_ENVELOPE,
    Reason,
)
from sync.receipts import opened_proof, received_proof

NONCE_H_OFFSET: Final = 8
NONCE_B_OFFSET: Final = 32
HCOMMIT_OFFSET: Final = 56
BCOMMIT_OFFSET: Final = 88
SLOTS_OFFSET: Final = 120
HEADER_OFFSET: Final = OUTER_SIZE
NO_KEY: Final = bytes(KEY_SIZE)

__all__ = [
    "GENESIS",
    "Header",
    "OpenedHeader",
    "Reader",
    "Sealed",
    "chain_hash",
    "check_centre",
    "check_outer",
    "open_body",
    "parse_body",
    "recip_hash",
    "reopen",
    "seal",
    "verify_body_hash",
    "verify_recipients",
    "verify_signature",
]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A finished envelope, its chain hash, and the two proofs that its receipts must carry (32 bytes each)."""

    envelope: bytes = field(repr=False)
    hash: bytes
    received_proof: bytes = field(repr=False)
    opened_proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedHeader:
    """An envelope whose header was decrypted. Nobody vouches for it before `verify_signature`.

    `k_b` is None for someone who may read headers only. `opened` lists the slots that opened, with the prekey.
    """

    header: Header
    body_hash: bytes
    recip_hash: bytes
    k_h: bytes = field(repr=False)
    k_b: bytes | None = field(repr=False)
    opened: tuple[tuple[int, LivePrekey], ...]
    signed_part: bytes
    signature: bytes
    envelope: bytes = field(repr=False)

    @property
    def hash(self) -> bytes:
        """The chain hash of the envelope."""
        return chain_hash(self.envelope)

    @property
    def roles(self) -> frozenset[SlotRole]:
        """The kinds of slot that opened."""
        return frozenset(prekey.role for _, prekey in self.opened)


def chain_hash(envelope: bytes) -> bytes:
    """H("fse1 chain", whole envelope): what the sender's next envelope names, and what receipts refer to."""
    return blake(b"fse1 chain", envelope)


def recip_hash(registrar: bytes, content: Iterable[bytes]) -> bytes:
    """H("fse1 recip", registrar's prekey | content prekeys in byte order): to whom the sender sealed."""
    return blake(b"fse1 recip", registrar + b"".join(sorted(content)))


# --- Sealing -----------------------------------------------------------------------------------------------


def seal(
    header: Header,
    body: bytes,
    *,
    registrar: bytes,
    recipients: Sequence[bytes],
    key: SigningKey,
    size_class: int | None = None,
) -> Sealed:
    """Seal `body` for the content prekeys `recipients`, its header also for the `registrar` prekey.

    Takes the smallest class that holds the body unless `size_class` says otherwise. Raises SealRefused
    (recipients | prekey | header | too_long) and then has produced nothing.
    """
    check_header(header)
    content = _check_recipients(registrar, recipients)
    size_class = _fitting_class(len(body), size_class)
    k_h, k_b, nonce_h, nonce_b = map(random_bytes, (KEY_SIZE, KEY_SIZE, NONCE_SIZE, NONCE_SIZE))
    outer = b"".join(
        (
            ENVELOPE_MAGIC,
            bytes((ENVELOPE_VERSION, SUITE, size_class, SLOT_COUNT)),
            nonce_h,
            nonce_b,
            blake(b"fse1 hcommit", nonce_h, key=k_h),
            blake(b"fse1 bcommit", nonce_b, key=k_b),
            _slots(registrar, content, k_h, k_b),
        )
    )
    padded = len(body).to_bytes(4, "little") + body.ljust(BODY_CAPACITY[size_class], b"\0")
    body_ct = aead_seal(k_b, nonce_b, padded, outer)
    signed_part = pack(header, blake(b"fse1 body", body_ct), recip_hash(registrar, content))
    signature = key.sign(TAG_ENVELOPE, _signing_message(outer, signed_part))
    envelope = outer + aead_seal(k_h, nonce_h, complete(signed_part, signature), outer) + body_ct
    env_hash = chain_hash(envelope)
    return Sealed(envelope, env_hash, received_proof(k_h, env_hash), opened_proof(k_b, env_hash))


def _check_recipients(registrar: bytes, recipients: Sequence[bytes]) -> list[bytes]:
    prekeys = [registrar, *recipients]
    if not 1 <= len(recipients) <= MAX_RECIPIENTS or len(set(prekeys)) != len(prekeys):
        raise SealRefused("recipients")
    if any(len(prekey) != KEY_SIZE or is_low_order(prekey) for prekey in prekeys):
        raise SealRefused("prekey")
    return sorted(recipients)


def _fitting_class(length: int, wanted: int | None) -> int:
    for size_class in sorted(BODY_CAPACITY):
        if length <= BODY_CAPACITY[size_class] and wanted in (None, size_class):
            return size_class
    raise SealRefused("too_long")


def _slots(registrar: bytes, content: Sequence[bytes], k_h: bytes, k_b: bytes) -> bytes:
    """Seal the eight slots. Unused ones are sealed to throw-away keys: random bytes could be told apart."""
    slots = [box_seal(registrar, k_h + NO_KEY), *(box_seal(prekey, k_h + k_b) for prekey in content)]
    while len(slots) < SLOT_COUNT:
        slots.append(box_seal(BoxKeyPair.generate().public, random_bytes(2 * KEY_SIZE)))
    return b"".join(slots)


def _signing_message(outer: bytes, signed_part: bytes) -> bytes:
    """Bind the header to suite, class, nonces, commitments and slots: no re-targeting, no downgrade."""
    return blake(b"fse1 outer", outer, n=64) + signed_part


# --- Opening -----------------------------------------------------------------------------------------------


class Reader:
    """Opens headers with a set of live prekeys; a device passes slots=(1,), a desk tries all."""

    def __init__(self, prekeys: Sequence[LivePrekey], slots: Sequence[int] = range(SLOT_COUNT)) -> None:
        self._prekeys = tuple(prekeys)
        self._slots = tuple(slots)

    def open_header(self, envelope: bytes) -> OpenedHeader:
        """Decrypt and parse the header; EnvelopeRejected with a reason from `length` to `header_form`."""
        check_outer(envelope)
        return _open_with(envelope, *self._open_slots(envelope))

    def _open_slots(self, envelope: bytes) -> tuple[tuple[tuple[int, LivePrekey], ...], bytes, bytes | None]:
        found: list[tuple[int, LivePrekey]] = []
        header_keys: list[bytes] = []
        body_keys: list[bytes] = []
        for prekey in self._prekeys:
            hits = self._try_prekey(envelope, prekey)
            if len(hits) > 1:
                raise EnvelopeRejected(Reason.DOUBLE_SLOT)
            for slot, k_h, k_b in hits:
                _check_role(prekey.role, slot, k_b)
                found.append((slot, prekey))
                header_keys.append(k_h)
                if prekey.role is SlotRole.CONTENT:
                    body_keys.append(k_b)
        if not found:
            raise EnvelopeRejected(Reason.NOT_FOR_US)
        return tuple(found), _agreed(header_keys), _agreed(body_keys) if body_keys else None

    def _try_prekey(self, envelope: bytes, prekey: LivePrekey) -> list[tuple[int, bytes, bytes]]:
        hits = []
        for slot in self._slots:
            start = SLOTS_OFFSET + slot * SLOT_SIZE
            try:
                plain = box_open(prekey.pair, envelope[start : start + SLOT_SIZE])
            except PrimitiveError:
                continue
            hits.append((slot, plain[:KEY_SIZE], plain[KEY_SIZE:]))
        return hits


def reopen(envelope: bytes, k_h: bytes, k_b: bytes | None) -> OpenedHeader:
    """Open an envelope with keys kept from the first time: prekeys are destroyed, the original bytes stay.

    EnvelopeRejected as in `Reader.open_header`. Nothing but the commitment to K_h and the ciphers is checked again.
    """
    check_outer(envelope)
    return _open_with(envelope, (), k_h, k_b)


def _open_with(
    envelope: bytes, opened: tuple[tuple[int, LivePrekey], ...], k_h: bytes, k_b: bytes | None
) -> OpenedHeader:
    nonce_h = envelope[NONCE_H_OFFSET:NONCE_B_OFFSET]
    if not same(blake(b"fse1 hcommit", nonce_h, key=k_h), envelope[HCOMMIT_OFFSET:BCOMMIT_OFFSET]):
        raise EnvelopeRejected(Reason.HEADER_COMMITMENT)
    try:
        plain = aead_open(k_h, nonce_h, envelope[HEADER_OFFSET:BODY_OFFSET], envelope[:OUTER_SIZE])
    except PrimitiveError:
        raise EnvelopeRejected(Reason.HEADER_CIPHER) from None
    parsed = parse(plain)
    return OpenedHeader(
        header=parsed.header,
        body_hash=parsed.body_hash,
        recip_hash=parsed.recip_hash,
        k_h=k_h,
        k_b=k_b,
        opened=opened,
        signed_part=parsed.signed_part,
        signature=parsed.signature,
        envelope=envelope,
    )


def check_outer(envelope: bytes) -> None:
    """Check what needs no key: EnvelopeRejected(length | magic | version | suite | class | slot_count)."""
    if len(envelope) not in ENVELOPE_SIZES.values():
        raise EnvelopeRejected(Reason.LENGTH)
    if envelope[:4] != ENVELOPE_MAGIC:
        raise EnvelopeRejected(Reason.MAGIC)
    version, suite, size_class, slot_count = envelope[4:8]
    if version != ENVELOPE_VERSION:
        raise EnvelopeRejected(Reason.VERSION)
    if suite != SUITE:
        raise EnvelopeRejected(Reason.SUITE)
    if ENVELOPE_SIZES.get(size_class) != len(envelope):
        raise EnvelopeRejected(Reason.CLASS)
    if slot_count != SLOT_COUNT:
        raise EnvelopeRejected(Reason.SLOT_COUNT)


def check_centre(opened: OpenedHeader, centre_id: bytes) -> None:
    """Refuse a header written for another centre: EnvelopeRejected(foreign_centre)."""
    if not same(opened.header.centre_id, centre_id):
        raise EnvelopeRejected(Reason.FOREIGN_CENTRE)


def verify_signature(opened: OpenedHeader, sign_pk: bytes) -> None:
    """Check the sender's signature over outer part and header: EnvelopeRejected(signature)."""
    message = _signing_message(opened.envelope[:OUTER_SIZE], opened.signed_part)
    if not verify(sign_pk, TAG_ENVELOPE, message, opened.signature):
        raise EnvelopeRejected(Reason.SIGNATURE)


def verify_body_hash(opened: OpenedHeader) -> None:
    """Check that the encrypted body is the one that was signed: EnvelopeRejected(body_hash)."""
    if not same(blake(b"fse1 body", opened.envelope[BODY_OFFSET:]), opened.body_hash):
        raise EnvelopeRejected(Reason.BODY_HASH)


def open_body(opened: OpenedHeader) -> bytes:
    """Decrypt the body: EnvelopeRejected(no_body_key | body_commitment | body_cipher | body_padding)."""
    if opened.k_b is None:
        raise EnvelopeRejected(Reason.NO_BODY_KEY)
    envelope = opened.envelope
    nonce_b = envelope[NONCE_B_OFFSET:HCOMMIT_OFFSET]
    if not same(blake(b"fse1 bcommit", nonce_b, key=opened.k_b), envelope[BCOMMIT_OFFSET:SLOTS_OFFSET]):
        raise EnvelopeRejected(Reason.BODY_COMMITMENT)
    try:
        plain = aead_open(opened.k_b, nonce_b, envelope[BODY_OFFSET:], envelope[:OUTER_SIZE])
    except PrimitiveError:
        raise EnvelopeRejected(Reason.BODY_CIPHER) from None
    end = 4 + int.from_bytes(plain[:4], "little")
    if end > len(plain) or any(plain[end:]):
        raise EnvelopeRejected(Reason.BODY_PADDING)
    return plain[4:end]


def parse_body(body: bytes) -> dict[str, canonical.Value]:
    """Parse a body of any type but `chunk` (whose body is raw bytes): EnvelopeRejected(body_form)."""
    try:
        return canonical.loads_object(body)
    except CanonicalError:
        raise EnvelopeRejected(Reason.BODY_FORM) from None


def verify_recipients(opened: OpenedHeader, registrar: bytes, content: Iterable[bytes]) -> None:
    """Compare with whom the directory says it had to be sealed to: EnvelopeRejected(recipients)."""
    if not same(opened.recip_hash, recip_hash(registrar, content)):
        raise EnvelopeRejected(Reason.RECIPIENTS)


def _check_role(role: SlotRole, slot: int, k_b: bytes) -> None:
    """Slot 0 and no body key belong together, and so do the other slots and a body key."""
    is_registrar = role is SlotRole.REGISTRAR
    if (slot == 0) != is_registrar or same(k_b, NO_KEY) != is_registrar:
        raise EnvelopeRejected(Reason.ROLE_MISMATCH)


def _agreed(keys: Sequence[bytes]) -> bytes:
    if any(not same(key, keys[0]) for key in keys):
        raise EnvelopeRejected(Reason.SLOTS_DISAGREE)
    return keys[0]
