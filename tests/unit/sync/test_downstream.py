"""Bodies from a centre to a device: one form each, and everything else is refused with the one error."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.canonical import dumps
from sync.downstream import (
    MAX_TEXT,
    DevicePolicy,
    DirectoryNotice,
    Downstream,
    Message,
    Rekey,
    RulesUpdate,
    WipeOrder,
    rules_hash,
)
from sync.errors import CanonicalError, EnvelopeRejected
from sync.protocol import BODY_CAPACITY

FROZEN = Path(__file__).parents[2] / "vectors" / "downstream" / "bodies.json"
CONTACT = {"v": 1, "id": "0c" * 16, "number": "000 00 00 00"}

BODIES: dict[str, Downstream] = {
    "directory": DirectoryNotice(7, b"\x07" * 32),
    "policy": DevicePolicy(3, 2, 14, 2, 60, 0),
    "message": Message(1_800_000_000, "Intake", "Made-up question:\nwhat colour was the door?", b"\x0a" * 16),
    "message_about_nothing": Message(1_800_000_000, "Intake", "Made-up text"),
    "safe_contact_update": RulesUpdate(
        b"\x0c" * 16, 2, rules_hash(CONTACT), 1_800_000_000, "Intake", CONTACT
    ),
    "safe_contact_update_first": RulesUpdate(b"\x0c" * 16, 1, b"", 1_800_000_000, "Intake", CONTACT),
    "wipe": WipeOrder(b"\x01" * 16, b"\x02" * 16, 1_802_000_000),
    "rekey": Rekey(1_800_000_000),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_frozen_body_reads_as_what_it_says_and_is_written_the_same(name: str) -> None:
    frozen = bytes.fromhex(json.loads(FROZEN.read_text())[name])
    assert type(BODIES[name]).from_bytes(frozen) == BODIES[name]
    assert BODIES[name].to_bytes() == frozen


def test_the_hash_of_rules_is_frozen() -> None:
    assert rules_hash(CONTACT).hex() == json.loads(FROZEN.read_text())["rules_hash"]


@pytest.mark.parametrize("name", BODIES)
def test_one_field_more_or_less_or_of_another_type_is_refused(name: str) -> None:
    kind, body = type(BODIES[name]), BODIES[name].to_value()
    broken = [{**body, "more": 1}, *({k: v for k, v in body.items() if k != gone} for gone in body)]
    broken += [{**body, key: None} for key in body]
    if "v" in body:
        broken.append({**body, "v": 2})
    for value in broken:
        with pytest.raises(EnvelopeRejected) as refused:
            kind.from_bytes(dumps(value))
        assert refused.value.reason == "schema"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused_with_the_one_error(noise: bytes) -> None:
    for kind in {type(body) for body in BODIES.values()}:
        with pytest.raises(EnvelopeRejected):
            kind.from_bytes(noise)


@pytest.mark.parametrize(
    "message",
    [
        Message(1, "Intake", ""),
        Message(1, "Intake", " \n "),
        Message(1, "Intake", "x" * (MAX_TEXT + 1)),
        Message(1, "Intake", "tab\there"),
        Message(1, "Intake", "turned \u202e round"),
        Message(1, "Two\nlines", "text"),
        Message(1, "Intake", "text", b"short"),
    ],
)
def test_a_message_that_no_device_would_show_is_not_sent(message: Message) -> None:
    with pytest.raises(CanonicalError):
        message.to_bytes()


def test_a_message_in_arabic_script_is_sent() -> None:
    text = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert Message.from_bytes(Message(1, "Intake", text).to_bytes()).text == text


def test_the_longest_message_fits_class_2() -> None:
    assert len(Message(1, "r" * 60, "\u20ac" * MAX_TEXT, b"a" * 16).to_bytes()) <= BODY_CAPACITY[2]


def test_what_was_said_is_in_no_representation() -> None:
    secret = "made-up canary"
    said = [Message(1, "Intake", secret), RulesUpdate(b"c" * 16, 1, b"", 1, "Intake", {"number": secret})]
    assert all(secret not in repr(body) for body in said)
