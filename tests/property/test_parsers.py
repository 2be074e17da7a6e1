"""Every parser of bytes from outside: whatever comes, it answers or raises the one error of its boundary.

Not only noise. Each sample is what a true peer writes; its bytes are flipped, cut, repeated and spliced with another
sample, and its values are changed where they stand in the document: other types and sizes, fields taken away, added
and exchanged. What is signed or encrypted is signed or encrypted again, as a malicious member of the centre would do,
so that the reader behind the signature is what is tried. 1,000,000 inputs with FIELDAPP_LONG=1, else 20,000.

A failure shows the input.
"""

import copy
import json
import os
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import pytest

from fieldapp.assets import instrument_for
from fieldapp.codec import contact_body, draft_body, parse_draft
from fieldapp.domain.contact import Channel, ContactEvent, Direction, Outcome, SeenBy, contact_alarm
from fieldapp.errors import CodecError
from fieldapp.services.desk.envelopes import Outgoing, Posted
from fieldapp.services.desk.reading import validate
from fieldapp.vault import FLOOR, VaultDamaged
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.cells import Fragment
from fieldapp.vault.header import new_header, parse_copy
from fieldapp.vault.slots import SlotContent
from sync import canonical, carried, chunk, enrolment, header, receipts
from sync.answers import PAGE_MAGIC, parse_page
from sync.certificate import Certificate, verify_certificate
from sync.chain import ChainLedger, Gap
from sync.code import EnrolmentCode
from sync.directory import Directory, verify_directory
from sync.downstream import DevicePolicy, DirectoryNotice, Message, Rekey, RulesUpdate, WipeOrder
from sync.enrolment import Answer, Hello, ReadToken
from sync.envelope import parse_body
from sync.errors import (
    CanonicalError,
    CarriedRejected,
    DirectoryRejected,
    EnrolmentFailed,
    EnvelopeRejected,
    OutboxError,
    RelayRefused,
)
from sync.gap_closed import GapClosed
from sync.outbox import OutboxMeta
from sync.primitives import SigningKey, aead_seal, blake
from sync.protocol import (
    DOC_CERTIFICATE,
    DOC_DIRECTORY,
    DOC_KEY_CARD,
    DOC_SIGNING_REQUEST,
    ENVELOPE_MAGIC,
    ENVELOPE_SIZES,
    MsgType,
    SenderKind,
)
from sync.receipts import ReceiptItem, ReceiptKind
from sync.root import Root
from sync.signed import SignedDocument, parse_row
from sync.signing import read_card, read_request, write_card
from sync.tokens import TokenRefill
from tests.fakes import desk_cases
from tests.unit.centre.desk import parts
from tests.unit.sync import test_signing as signing_case
from tests.unit.sync.made_up import NOW, make_centre
from tests.unit.sync.made_up import header as made_header

LONG: Final = bool(os.environ.get("FIELDAPP_LONG"))
INPUTS: Final = 1_000_000 if LONG else 20_000
ODD: Final[list[Any]] = [
    None, True, False, 0, -1, 1, 2**31, 2**53 - 1, 2**53, -(2**53), 10**40, 1.5, "", " ", "0", "x" * 300, "é", "e\u0301",
    "\ud800", "\u202e", "\0", "00" * 16, "FF" * 16, "0" * 31, [], {}, [[]], [None], [0] * 400, {"a": {}}, {"": 1},
    "2026-02-30", "2026-11-22T25:00", "2026-11-22T10:00+00:00", "9999-12-31T23:59", "NOW", "high",
]  # fmt: skip


# --- Making inputs -----------------------------------------------------------------------------------------


def shaken(dice: random.Random, samples: list[bytes]) -> bytes:
    """Return a sample with its bytes changed in one to three places."""
    data = bytearray(dice.choice(samples))
    for _ in range(dice.randint(1, 3)):
        at, length = dice.randrange(len(data) + 1), dice.randint(1, 40)
        match dice.randrange(6):
            case 0 if data:
                data[at % len(data)] ^= 1 << dice.randrange(8)
            case 1 if data:
                data[at % len(data)] = dice.choice(
                    (0, 0x22, 0x5C, 0x7B, 0x7F, 0x80, 0xFF, dice.randrange(256))
                )
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = dice.randbytes(length)
            case 4:
                data[at:at] = data[at : at + length]
            case _:
                other = dice.choice(samples)
                cut = dice.randrange(len(other) + 1)
                data = data[:at] + other[cut:]
    return bytes(data)


def restated(dice: random.Random, samples: list[bytes]) -> bytes:
    """Return a JSON sample with one to three values changed, in the canonical form if it still has one."""
    value = json.loads(dice.choice(samples))
    for _ in range(dice.randint(1, 3)):
        places = list(_places(value))
        if not places:
            break
        holder, key = dice.choice(places)
        other, name = dice.choice(places)
        match dice.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[dice.choice(("a", "v", "id", "zz", "made_up"))] = copy.deepcopy(dice.choice(ODD))
            case 2:
                holder[key] = copy.deepcopy(other[name])
            case _:
                holder[key] = copy.deepcopy(dice.choice(ODD))
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def _places(value: Any) -> Any:
    """Yield every (container, key) of a document."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


# --- What is parsed ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Boundary:
    """A parser, what true peers write, and the only errors that it may raise."""

    parse: Callable[[bytes], object]
    samples: list[bytes]
    errors: tuple[type[Exception], ...]
    document: bool = True

    def input(self, name: str, number: int) -> bytes:
        """Make input `number` of the boundary with this name."""
        dice = random.Random(f"{name} {number}")
        return (restated if self.document and dice.random() < 0.7 else shaken)(dice, self.samples)


CENTRE = make_centre()
LISTED = replace(
    CENTRE.directory,
    policy=replace(CENTRE.directory.policy, wipe_after=20, pin_models=("Made Up 8", "madeup15,2")),
)
"""With every later field of the policy."""
KEY = SigningKey.generate()
CODE = EnrolmentCode.generate(b"MADE-UP-CENTRE-1", "https://relay.example")
HELLO = Hello.make(KEY.public, bytes(range(32)))
SECRET = b"\xd5" * 32


def resigned_directory(document: bytes) -> object:
    """Read a directory that its own keys signed, whatever it says."""
    keys = [key.public for key in CENTRE.dir_keys]
    return verify_directory(SignedDocument.sign(DOC_DIRECTORY, document, keys, CENTRE.dir_keys), CENTRE.root)


def resigned_certificate(document: bytes) -> object:
    signed = SignedDocument.sign(DOC_CERTIFICATE, document, [KEY.public], [KEY]).to_bytes()
    return verify_certificate(signed, b"MADE-UP-CENTRE-1", [KEY.public])


def resealed(magic: bytes, direction: bytes, read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Encrypt a document of the enrolment as somebody who knows the code would."""

    def parse(document: bytes) -> object:
        document = document[: enrolment.CAPACITY]
        padded = len(document).to_bytes(4, "little") + document.ljust(enrolment.CAPACITY, b"\0")
        nonce = bytes(24)
        bound = enrolment._bound_to(CODE, magic)
        return read(magic + nonce + aead_seal(enrolment._key(CODE, direction), nonce, padded, bound))

    return parse


def remacked(data: bytes) -> object:
    unsigned = data[:4064].ljust(4064, b"\0")
    return parse_copy(unsigned + blake(b"fsv1 hmac", unsigned, key=SECRET), SECRET)


def body_of(kind: MsgType) -> Callable[[bytes], object]:
    """Read a body as the intake does; its header names the id that the body claims, where that is one."""

    def parse(data: bytes) -> object:
        body = parse_body(data)
        try:
            record_id = bytes.fromhex(str(body.get("id")))
        except ValueError:
            record_id = b""
        return validate(made_header(msg_type=kind, record_id=record_id), body)

    return parse


def signed_part() -> bytes:
    return header.complete(header.pack(made_header(), b"b" * 32, b"r" * 32), b"s" * 64)


def page_of(*envelopes: bytes) -> bytes:
    items = b"".join(
        bytes([n]) * 16 + struct.pack("<II", 7, len(one)) + one for n, one in enumerate(envelopes)
    )
    last = bytes([len(envelopes) - 1]) * 16
    return PAGE_MAGIC + struct.pack("<BBH", 0, 0, len(envelopes)) + last + items


def answer_document() -> bytes:
    sealed = enrolment.seal_answer(CODE, ANSWER)
    fields = enrolment._open(CODE, enrolment.DOWN_MAGIC, b"down", sealed)
    return canonical.dumps(fields._value)


LOCAL = datetime(2026, 11, 24, 14, 5)
MADE = [
    desk_cases.full("willow", NOW, LOCAL),
    desk_cases.raised("cedar", NOW),
    desk_cases.quiet("pebble", NOW),
]
DRAFT = desk_cases.blank("otter", NOW).with_identity(MADE[0].identity)
EVENT = ContactEvent(
    b"e" * 16,
    b"c" * 16,
    "otter",
    NOW,
    Outcome.DISTRESS_WORD,
    Direction.OUT,
    Channel.CALL,
    SeenBy.FAMILY,
    note="made up",
)
META = OutboxMeta(b"h" * 32, 3, b"t" * 32, "00" * 16, "https://relay.example", "", b"r" * 32, b"o" * 32)
LEDGER = ChainLedger()
LEDGER.record(1, b"1" * 32, bytes(32))
LEDGER.record(3, b"3" * 32, b"2" * 32)
LEDGER.close_gap(Gap(2, 2))
ITEMS = [ReceiptItem(kind, bytes([n]) * 32, b"p" * 32, NOW) for n, kind in enumerate(ReceiptKind)]
ANSWER = Answer(
    HELLO.nonce, b"certificate", 1, b"d" * 32, (b"t" * 32,), (ReadToken(1, b"r" * 32),), 3, "00" * 16, NOW
)
CERTIFICATE = Certificate(
    SenderKind.DEVICE, CODE.centre_id, b"d" * 16, KEY.public, HELLO.first_prekey, NOW, "police", ("intake",)
)
POSTED = Posted(Outgoing(b"d" * 16, 3, 7, b"made up envelope", MsgType.MESSAGE), NOW)
RULES = RulesUpdate(b"c" * 16, 2, b"b" * 32, NOW, "Intake", {"id": "00" * 16, "made_up": ["x", 1]})


def bodies(kind: MsgType) -> list[bytes]:
    return [body for made in MADE for part, body in parts(made) if part is kind]


def document_of(container: bytes) -> bytes:
    return parse_row(container)[0].document


SIGNING = signing_case.made()
PROPOSAL = SIGNING.rotation([*SIGNING.holders[:2], signing_case.holder()], 2)
REQUEST = PROPOSAL.request(SIGNING.desk_key)
HOLDER = SIGNING.holders[0]
CARD = write_card("Made-up key", HOLDER.root, HOLDER.directory)
FILE = b"made up picture" * 10
PIECE = chunk.chunk_body(b"f" * 16, 0, len(FILE), chunk.file_hash(FILE), FILE)
CARRIED = carried.pack(
    [(ENVELOPE_MAGIC + bytes([0, 0, name])).ljust(ENVELOPE_SIZES[name], b"e") for name in (1, 2, 1)]
)


def resigned(
    doc_type: int, read: Callable[[bytes], object], *signers: SigningKey
) -> Callable[[bytes], object]:
    """Read a document that its own keys signed, whatever it says."""
    keys = [key.public for key in signers]
    return lambda document: read(SignedDocument.sign(doc_type, document, keys, signers).to_bytes())


REJECTED, REFUSED = (EnvelopeRejected,), (DirectoryRejected,)
BOUNDARIES: Final = {
    "canonical": Boundary(canonical.loads, bodies(MsgType.SCREENING), (CanonicalError,)),
    "header": Boundary(
        lambda data: header.parse(data[:320].ljust(320, b"\0")), [signed_part()], REJECTED, False
    ),
    "screening": Boundary(body_of(MsgType.SCREENING), bodies(MsgType.SCREENING), REJECTED),
    "identity": Boundary(body_of(MsgType.IDENTITY), bodies(MsgType.IDENTITY), REJECTED),
    "safe contact": Boundary(body_of(MsgType.SAFE_CONTACT), bodies(MsgType.SAFE_CONTACT), REJECTED),
    "contact": Boundary(
        body_of(MsgType.CONTACT),
        [canonical.dumps(contact_body(EVENT, contact_alarm([EVENT])))],  # type: ignore[arg-type]
        REJECTED,
    ),
    "draft": Boundary(
        lambda data: parse_draft(canonical.loads(data), instrument_for),
        [canonical.dumps(draft_body(DRAFT))],  # type: ignore[arg-type]
        (CanonicalError, CodecError),
    ),
    "receipts": Boundary(receipts.decode, [receipts.encode(ITEMS)], REJECTED),
    "tokens": Boundary(
        TokenRefill.from_bytes,
        [TokenRefill((b"t" * 32,), (ReadToken(1, b"r" * 32),), NOW).to_bytes()],
        REJECTED,
    ),
    "message": Boundary(
        Message.from_bytes, [Message(NOW, "Intake", "made up", b"r" * 16).to_bytes()], REJECTED
    ),
    "rules of a case": Boundary(RulesUpdate.from_bytes, [RULES.to_bytes()], REJECTED),
    "order to wipe": Boundary(
        WipeOrder.from_bytes, [WipeOrder(b"o" * 16, b"d" * 16, NOW).to_bytes()], REJECTED
    ),
    "policy": Boundary(DevicePolicy.from_bytes, [DevicePolicy(2, 2, 5, 1, 60, 0).to_bytes()], REJECTED),
    "notice": Boundary(DirectoryNotice.from_bytes, [DirectoryNotice(2, b"d" * 32).to_bytes()], REJECTED),
    "rekey": Boundary(Rekey.from_bytes, [Rekey(NOW).to_bytes()], REJECTED),
    "what was posted": Boundary(Posted.from_bytes, [POSTED.to_bytes()], (CanonicalError,), False),
    "gap closed": Boundary(
        GapClosed.from_bytes, [GapClosed(b"s" * 16, Gap(2, 4), "made up").to_bytes()], REJECTED
    ),
    "directory": Boundary(Directory.from_bytes, [LISTED.to_bytes()], REFUSED),
    "signed directory": Boundary(
        resigned_directory, [CENTRE.directory.to_bytes(), LISTED.to_bytes()], REFUSED
    ),
    "root": Boundary(Root.from_bytes, [document_of(CENTRE.root_container)], REFUSED),
    "containers": Boundary(parse_row, [CENTRE.blob, CENTRE.root_container], REFUSED, False),
    "signing request": Boundary(
        resigned(DOC_SIGNING_REQUEST, read_request, SIGNING.desk_key), [document_of(REQUEST)], REFUSED
    ),
    "signing request as a file": Boundary(read_request, [REQUEST], REFUSED, False),
    "signatures": Boundary(
        PROPOSAL.with_signatures, [one.signs(PROPOSAL) for one in SIGNING.holders[:2]], REFUSED, False
    ),
    "key card": Boundary(
        resigned(DOC_KEY_CARD, read_card, HOLDER.root, HOLDER.directory), [document_of(CARD)], REFUSED
    ),
    "key card as a file": Boundary(read_card, [CARD], REFUSED, False),
    "piece of a file": Boundary(
        chunk.parse_chunk, [PIECE, chunk.withdrawal_body(b"f" * 16)], REJECTED, False
    ),
    "carried copy": Boundary(carried.unpack, [CARRIED], (CarriedRejected,), False),
    "certificate": Boundary(resigned_certificate, [document_of(CERTIFICATE.sign(KEY))], REFUSED),
    "hello": Boundary(
        resealed(enrolment.UP_MAGIC, b"up", lambda message: enrolment.open_hello(CODE, message)),
        [
            b'{"first_prekey":"%s","nonce":"%s","sign_pk":"%s","v":1}'
            % tuple(value.hex().encode() for value in (HELLO.first_prekey, HELLO.nonce, HELLO.sign_pk))
        ],
        (EnrolmentFailed,),
    ),
    "answer": Boundary(
        resealed(enrolment.DOWN_MAGIC, b"down", lambda message: enrolment.open_answer(CODE, HELLO, message)),
        [answer_document()],
        (EnrolmentFailed,),
    ),
    "code": Boundary(
        lambda data: EnrolmentCode.parse(data.decode("utf-8", "replace"), "relay.example"),
        [" ".join(CODE.typed()).encode(), f"FSE0:{''.join(CODE.typed())}:https://relay.example".encode()],
        (EnrolmentFailed,),
        False,
    ),
    "page": Boundary(
        parse_page, [page_of(b"made up", bytes(100)), page_of(bytes(5000))], (RelayRefused,), False
    ),
    "outbox": Boundary(OutboxMeta.from_bytes, [META.to_bytes()], (CanonicalError, OutboxError)),
    "ledger": Boundary(ChainLedger.from_bytes, [LEDGER.to_bytes()], (CanonicalError,)),
    "vault header": Boundary(
        remacked, [replace(new_header(FLOOR), seq=9).pack(SECRET)], (VaultDamaged,), False
    ),
    "cell": Boundary(
        lambda data: Fragment.unpack(data[:4000].ljust(4000, b"\0")),
        [Fragment(b"i" * 16, 1, 0, 1, 0, 1, b"made up").pack()],
        (VaultDamaged,),
        False,
    ),
    "slot": Boundary(
        lambda data: SlotContent.unpack(data[:120].ljust(120, b"\0")),
        [SlotContent(1, 0, b"v" * 16, b"k" * 32, NOW).pack()],
        (VaultDamaged,),
        False,
    ),
    "attempts": Boundary(
        AttemptRecord.unpack, [AttemptRecord(3, NOW, NOW, NOW).pack()], (VaultDamaged,), False
    ),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_any_input_is_read_or_refused_with_the_one_error(name: str) -> None:
    boundary = BOUNDARIES[name]
    for sample in boundary.samples:
        boundary.parse(sample)
    refused = 0
    for number in range(INPUTS // len(BOUNDARIES)):
        data = boundary.input(name, number)
        try:
            boundary.parse(data)
        except boundary.errors:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__} for {data!r}") from error
    assert refused, "nothing was ever refused: the inputs are no attack"
