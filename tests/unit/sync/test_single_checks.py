"""Checks that nothing else stands behind: each was removed once, and only these inputs showed it."""

from dataclasses import replace

import pytest

from sync import canonical, enrolment
from sync.chain import Gap
from sync.code import EnrolmentCode
from sync.directory import Directory
from sync.downstream import RulesUpdate
from sync.enrolment import CAPACITY, UP_MAGIC, Hello, ReadToken, enrol_id, open_hello, seal_hello
from sync.errors import CanonicalError, DirectoryRejected, EnrolmentFailed, EnvelopeRejected, SealRefused
from sync.gap_closed import MAX_REASON, GapClosed
from sync.header import check_header
from sync.primitives import NONCE_SIZE, BoxKeyPair, SigningKey, aead_seal, random_bytes
from sync.protocol import DOC_ROOT, MAX_COUNTER, MAX_SIGNERS, SIGNED_MAGIC
from sync.signed import parse_row
from sync.tokens import MAX_DROP, MAX_READ, TokenRefill
from tests.unit.sync.made_up import CENTRE_ID, header, make_centre


def hello_of(code: EnrolmentCode, padded: bytes) -> bytes:
    """Seal a hello as who knows the code can, whatever is in it."""
    nonce = random_bytes(NONCE_SIZE)
    key = enrolment._key(code, b"up")
    return UP_MAGIC + nonce + aead_seal(key, nonce, padded, UP_MAGIC + enrol_id(code) + code.centre_id)


def test_a_hello_of_another_length_is_refused_also_from_who_knows_the_code() -> None:
    code = EnrolmentCode.generate(CENTRE_ID, "relay.example")
    hello = Hello.make(SigningKey.generate().public, BoxKeyPair.generate().public)
    nonce_and_rest = seal_hello(code, hello)
    assert open_hello(code, nonce_and_rest) == hello
    document = canonical.dumps(
        {
            "first_prekey": hello.first_prekey.hex(),
            "nonce": hello.nonce.hex(),
            "sign_pk": hello.sign_pk.hex(),
            "v": 1,
        }
    )
    head = len(document).to_bytes(4, "little") + document
    assert open_hello(code, hello_of(code, head.ljust(CAPACITY + 4, b"\0"))) == hello
    for size in (CAPACITY + 3, CAPACITY + 5, len(head)):
        with pytest.raises(EnrolmentFailed, match="message"):
            open_hello(code, hello_of(code, head.ljust(size, b"\0")))


def test_a_length_that_reaches_beyond_a_hello_is_refused() -> None:
    code = EnrolmentCode.generate(CENTRE_ID, "relay.example")
    full = canonical.dumps({"v": "x" * (CAPACITY - 8)})
    assert len(full) == CAPACITY
    read = enrolment._open(code, UP_MAGIC, b"up", hello_of(code, CAPACITY.to_bytes(4, "little") + full))
    assert read.names() == ("v",)
    with pytest.raises(EnrolmentFailed, match="document"):
        enrolment._open(code, UP_MAGIC, b"up", hello_of(code, (CAPACITY + 1).to_bytes(4, "little") + full))


@pytest.mark.parametrize(
    "change", [{"base": "ab" * 16}, {"base": "ab" * 33}, {"role": "In\u202etake"}, {"role": "a\nb"}]
)
def test_rules_with_half_a_hash_or_an_odd_role_are_refused(change: dict[str, str]) -> None:
    good = RulesUpdate(b"c" * 16, 1, b"h" * 32, 1_800_000_000, "Intake", {"v": 1}).to_value()
    assert RulesUpdate.from_bytes(canonical.dumps(good)).role == "Intake"
    with pytest.raises(EnvelopeRejected, match="schema"):
        RulesUpdate.from_bytes(canonical.dumps({**good, **change}))


@pytest.mark.parametrize("seq", [0, -1, MAX_COUNTER + 1])
def test_no_number_out_of_range_is_sealed(seq: int) -> None:
    check_header(header(seq=MAX_COUNTER, prev_hash=b"p" * 32))
    with pytest.raises(SealRefused, match="header"):
        check_header(header(seq=seq, prev_hash=b"p" * 32))


@pytest.mark.parametrize("doc_type", [0, 6, 255])
def test_a_container_of_a_type_that_nobody_knows_is_none(doc_type: int) -> None:
    container = SIGNED_MAGIC + bytes((doc_type,)) + (2).to_bytes(4, "little") + b"{}" + b"\1\0" + bytes(64)
    known = SIGNED_MAGIC + bytes((DOC_ROOT,)) + container[5:]
    assert [document.doc_type for document in parse_row(known)] == [DOC_ROOT]
    with pytest.raises(DirectoryRejected, match="container"):
        parse_row(container)


@pytest.mark.parametrize("count", [0, MAX_SIGNERS + 1])
def test_a_container_has_one_to_sixteen_signatures(count: int) -> None:
    def container(signatures: int) -> bytes:
        entries = b"".join(bytes((index,)) + bytes(64) for index in range(signatures))
        return (
            SIGNED_MAGIC
            + bytes((DOC_ROOT,))
            + (2).to_bytes(4, "little")
            + b"{}"
            + bytes((signatures,))
            + entries
        )

    assert len(parse_row(container(MAX_SIGNERS))[0].signatures) == MAX_SIGNERS
    with pytest.raises(DirectoryRejected, match="container"):
        parse_row(container(count))


@pytest.mark.parametrize("pin", ["0", "ab" * 31, "AB" * 32, "zz" * 32])
def test_a_directory_with_a_pin_of_another_form_is_none(pin: str) -> None:
    directory = make_centre().directory
    good = replace(directory, relay=replace(directory.relay, pin="ab" * 32))
    assert Directory.from_bytes(good.to_bytes()).relay.pin == "ab" * 32
    with pytest.raises(DirectoryRejected, match="document"):
        Directory.from_bytes(replace(good, relay=replace(good.relay, pin=pin)).to_bytes())


@pytest.mark.parametrize(("drop", "read"), [(MAX_DROP + 1, 0), (0, MAX_READ + 1)])
def test_a_refill_of_more_tokens_than_a_reader_takes_is_not_written(drop: int, read: int) -> None:
    def refill(drop: int, read: int) -> TokenRefill:
        return TokenRefill((b"t" * 32,) * drop, tuple(ReadToken(n, b"r" * 32) for n in range(read)), 1)

    most = refill(MAX_DROP, MAX_READ)
    assert TokenRefill.from_bytes(most.to_bytes()) == most
    with pytest.raises(CanonicalError):
        refill(drop, read).to_bytes()


@pytest.mark.parametrize(
    ("gap", "reason"),
    [
        (Gap(2, 3), ""),
        (Gap(2, 3), " \n"),
        (Gap(2, 3), "x" * (MAX_REASON + 1)),
        (Gap(0, 3), "made up"),
        (Gap(4, 3), "made up"),
    ],
)
def test_a_gap_is_not_closed_without_a_reason_or_a_range(gap: Gap, reason: str) -> None:
    closed = GapClosed(b"s" * 16, Gap(2, 2), "x" * MAX_REASON)
    assert GapClosed.from_bytes(closed.to_bytes()) == closed
    with pytest.raises(CanonicalError):
        GapClosed(b"s" * 16, gap, reason).to_bytes()


@pytest.mark.parametrize("change", [{"reason": " "}, {"from": 0}, {"to": 1}, {"sender": "aa"}, {"v": 2}])
def test_a_closed_gap_without_a_reason_or_a_range_is_not_read(change: dict[str, object]) -> None:
    good = {"from": 2, "reason": "made up", "sender": "73" * 16, "to": 2, "v": 1}
    assert GapClosed.from_bytes(canonical.dumps(good))  # type: ignore[arg-type]
    with pytest.raises(EnvelopeRejected, match="schema"):
        GapClosed.from_bytes(canonical.dumps(good | change))  # type: ignore[arg-type]
