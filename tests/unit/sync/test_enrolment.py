"""Enrolment: a code that forgives typing, messages that only both sides read, digits that expose an intruder."""

from dataclasses import replace

import pytest

from sync.address import relay_address
from sync.code import ALPHABET, CODE_LENGTH, EnrolmentCode
from sync.enrolment import (
    MAX_DROP_TOKENS,
    MAX_READ_TOKENS,
    Answer,
    Hello,
    ReadToken,
    digits,
    enrol_id,
    open_answer,
    open_hello,
    seal_answer,
    seal_hello,
)
from sync.errors import EnrolmentFailed
from sync.primitives import BoxKeyPair, SigningKey, aead_open, aead_seal, blake, random_bytes
from sync.protocol import ENROLMENT_SIZE
from tests.unit.sync.made_up import CENTRE_ID, NOW


def code() -> EnrolmentCode:
    return EnrolmentCode.generate(CENTRE_ID, "relay.example")


def hello() -> Hello:
    return Hello.make(SigningKey.generate().public, BoxKeyPair.generate().public)


def answer(to: Hello) -> Answer:
    return Answer(
        nonce=to.nonce,
        certificate=b"made-up certificate",
        dir_version=3,
        dir_hash=b"\xd1" * 32,
        drop_tokens=tuple(random_bytes(32) for _ in range(40)),
        read_tokens=(ReadToken(228, random_bytes(32)),),
        shard=3,
        box="made-up-box",
        centre_time=NOW,
    )


def test_a_code_is_typed_or_scanned() -> None:
    original = code()
    typed = original.typed()
    assert EnrolmentCode.parse(original.qr_text()) == original
    assert EnrolmentCode.parse(" ".join(typed), "relay.example") == original
    assert [len(half.replace("-", "")) for half in typed] == [26, 26]
    assert set("".join(typed)) <= set(ALPHABET + "-")


def test_typing_is_forgiven() -> None:
    original = EnrolmentCode(CENTRE_ID, bytes(range(16)), "https://relay.example")
    text = "".join(original.typed()).replace("-", "")
    for variant in (
        text.lower(),
        " ".join(text),
        "-".join(text),
        text.replace("0", "O").replace("1", "I"),
        text.replace("0", "o").replace("1", "l"),
        f"\t{text}\n",
        "\u2013".join(text),
    ):
        assert EnrolmentCode.parse(variant, " Relay.Example ") == original
    assert EnrolmentCode.parse(original.qr_text().lower()) == original


def test_a_typing_error_is_mostly_seen_and_its_half_named() -> None:
    """Two check bits a half: three of four errors show at once. The others fail at the relay or at the digits."""
    text = "".join(code().typed()).replace("-", "")
    reasons: dict[bool, list[str]] = {True: [], False: []}
    for i, character in enumerate(text):
        for other in ALPHABET.replace(character, ""):
            try:
                EnrolmentCode.parse(text[:i] + other + text[i + 1 :], "relay.example")
            except EnrolmentFailed as failure:
                reasons[i < 26].append(failure.reason)
    assert set(reasons[True]) == {"code_centre"}
    assert set(reasons[False]) == {"code_secret"}
    assert all(len(seen) > 0.65 * 26 * 31 for seen in reasons.values())


@pytest.mark.parametrize(
    ("text", "relay", "reason"),
    [
        ("", "relay.example", "code_length"),
        ("A" * (CODE_LENGTH - 1), "relay.example", "code_length"),
        ("A" * (CODE_LENGTH + 1), "relay.example", "code_length"),
        ("U" * CODE_LENGTH, "relay.example", "code_character"),
        ("\u00e9" * CODE_LENGTH, "relay.example", "code_character"),
        ("FSE0:", "", "code_length"),
    ],
)
def test_other_text_is_refused(text: str, relay: str, reason: str) -> None:
    with pytest.raises(EnrolmentFailed) as caught:
        EnrolmentCode.parse(text, relay)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "relay", ["", "relay.example/path", "user@relay.example", "http://relay.example", "a b"]
)
def test_a_strange_relay_is_refused(relay: str) -> None:
    with pytest.raises(EnrolmentFailed, match="relay"):
        EnrolmentCode.parse("".join(code().typed()), relay)


@pytest.mark.parametrize("relay", ["999.1.1.1", "xn--a", "xn--", "xn--\u00e9.example", "\u017f.example"])
def test_what_no_request_can_be_sent_to_is_no_relay(relay: str) -> None:
    """Typed or in a code before the camera: making a client of it raised what no screen explains."""
    for text, host in (
        ("".join(code().typed()), relay),
        (f"{code().qr_text().rsplit(':', 1)[0]}:{relay}", ""),
    ):
        with pytest.raises(EnrolmentFailed, match="relay"):
            EnrolmentCode.parse(text, host)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("relay.example", "https://relay.example"),
        (" Relay.Example:8443/ ", "https://relay.example:8443"),
        ("https://relay.example", "https://relay.example"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_relay_address_has_one_form(typed: str, address: str) -> None:
    assert relay_address(typed) == address
    assert relay_address(address) == address


def test_both_messages_have_one_size_and_open_only_with_the_code() -> None:
    mine, other, greeting = code(), code(), hello()
    up, down = seal_hello(mine, greeting), seal_answer(mine, answer(greeting))
    assert len(up) == len(down) == ENROLMENT_SIZE
    assert open_hello(mine, up) == greeting
    assert open_answer(mine, greeting, down).shard == 3
    for message in (up, down):
        with pytest.raises(EnrolmentFailed, match="message"):
            open_hello(other, message)
    with pytest.raises(EnrolmentFailed, match="message"):
        open_hello(mine, down)
    with pytest.raises(EnrolmentFailed, match="message"):
        open_hello(replace(mine, centre_id=b"OTHER-MADE-UP-CE"), up)


def test_a_reflected_message_is_refused() -> None:
    mine, greeting = code(), hello()
    up = seal_hello(mine, greeting)
    with pytest.raises(EnrolmentFailed):
        open_answer(mine, greeting, up)
    with pytest.raises(EnrolmentFailed):
        open_answer(mine, greeting, b"FSED" + up[4:])


def test_flips_and_truncations_are_the_domain_error() -> None:
    mine, greeting = code(), hello()
    for message in (seal_hello(mine, greeting), seal_answer(mine, answer(greeting))):
        for i in (*range(64), *range(64, ENROLMENT_SIZE, 199), ENROLMENT_SIZE - 1):
            broken = bytearray(message)
            broken[i] ^= 0x10
            with pytest.raises(EnrolmentFailed):
                open_hello(mine, bytes(broken))
            with pytest.raises(EnrolmentFailed):
                open_answer(mine, greeting, bytes(broken))
        for length in (0, 3, 4, 27, 28, 44, ENROLMENT_SIZE - 1):
            with pytest.raises(EnrolmentFailed):
                open_hello(mine, message[:length])


def test_dirty_padding_or_a_wrong_length_is_refused() -> None:
    mine, greeting = code(), hello()
    message = seal_hello(mine, greeting)
    key = blake(b"fsd1 enrol", b"up", key=mine.secret)
    aad = b"FSEU" + enrol_id(mine) + mine.centre_id
    clean = aead_open(key, message[4:28], message[28:], aad)
    for plain in (clean[:-1] + b"\x01", b"\xff\xff\xff\x7f" + clean[4:]):
        with pytest.raises(EnrolmentFailed, match="document"):
            open_hello(mine, message[:28] + aead_seal(key, message[4:28], plain, aad))


def test_an_answer_to_another_hello_is_refused() -> None:
    mine, greeting = code(), hello()
    down = seal_answer(mine, answer(hello()))
    with pytest.raises(EnrolmentFailed, match="not_for_this_device"):
        open_answer(mine, greeting, down)


def test_a_hello_with_an_unusable_prekey_is_refused() -> None:
    mine = code()
    with pytest.raises(EnrolmentFailed, match="document"):
        open_hello(mine, seal_hello(mine, Hello.make(bytes(32), bytes(32))))


def test_the_largest_allowed_answer_fits_and_more_is_refused() -> None:
    mine, greeting = code(), hello()
    full = replace(
        answer(greeting),
        certificate=bytes(2000),
        drop_tokens=(b"t" * 32,) * MAX_DROP_TOKENS,
        read_tokens=(ReadToken(228, b"r" * 32),) * MAX_READ_TOKENS,
    )
    assert open_answer(mine, greeting, seal_answer(mine, full)) == full
    for more in (
        replace(full, drop_tokens=(b"t" * 32,) * (MAX_DROP_TOKENS + 1)),
        replace(full, read_tokens=full.read_tokens * 2),
        replace(full, certificate=bytes(8000)),
    ):
        with pytest.raises(EnrolmentFailed, match="too_long"):
            seal_answer(mine, more)


def test_digits_change_with_every_input() -> None:
    base = (CENTRE_ID, bytes(16), b"\x01" * 32, b"\x02" * 32)
    shown = digits(*base)
    assert len(shown) == 8
    assert all(len(group) == 5 and group.isdecimal() for group in shown)
    assert digits(*base) == shown
    for i, value in enumerate(base):
        changed = list(base)
        changed[i] = bytes([value[0] ^ 1]) + value[1:]
        assert digits(*changed) != shown


def test_the_meeting_point_says_nothing_of_the_secret() -> None:
    mine = code()
    assert len(enrol_id(mine)) == 16
    assert enrol_id(mine) != mine.secret
    assert repr(mine.secret)[2:-1] not in repr(mine)
