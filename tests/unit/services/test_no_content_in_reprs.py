"""No repr of any value of ours carries content or a secret: a traceback or a log line shows reprs."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import fieldapp
import sync

CANARY = "Canary Madeupname"
SECRET = bytes.fromhex("5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2")

CONTENT = frozenset(
    [
        "phone", "report_number", "note", "notes", "person", "cover_story", "code_word", "distress_word",
        "body", "content", "payload", "answers", "bases", "followups", "identity", "safe_contact",
        "must_not_see", "data", "handover", "values", "name", "number", "contact_person", "who_may_answer",
        "what_to_say", "who_acts", "reason", "text", "words",
    ]
)  # fmt: skip
"""Fields that hold what somebody said or typed."""
SECRETS = frozenset(
    [
        "secret", "seed", "prekey_secret", "vmk", "vmk_next", "drop", "drop_token", "drop_tokens",
        "read_tokens", "token", "tokens", "k_h", "k_b", "envelope", "meta", "received_proof", "opened_proof",
        "proof", "outbox_key", "box_key", "passphrase", "answer", "url", "blobs", "ds", "bk", "kek", "stretched",
    ]
)  # fmt: skip
"""Fields that hold keys, tokens, codes, or bytes that are as good as them."""


PUBLISHED = ("fieldapp.domain.instrument", "fieldapp.domain.law", "sync.directory")
"""Modules whose values are signed and public: questions, law, the centre's directory."""
OTHERS = ("fieldapp.demo.cases", "fieldapp.kit.", "fieldapp.stage.", "sync.relay.")
"""Made-up cases, words of the interface, a package's files, and a server that holds nothing readable."""
HARMLESS = frozenset(
    [
        "Action.text", "Number.number", "Undo.words",  # words of the interface
        "AlertPage.number", "InboxPage.number",  # which page
        "Arrival.reason", "Row.reason", "QuarantineRow.reason", "Counted.reason", "Quarantined.reason",  # which check
        "CentrePlan.name", "RolePlan.name", "KeyCard.name", "_Form.name", "Door.name",  # of an agency, a key, an app
        "DeviceRow.name", "EnrolledDevice.name", "Enrolment.name",  # how the desk calls a device
    ]
)  # fmt: skip
"""Fields whose name is one of those above, and which hold something else."""


def modules() -> Iterator[ModuleType]:
    for package in (sync, fieldapp):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not found.name.endswith(("__main__", ".page_program")):  # programs
                yield importlib.import_module(found.name)


def dataclasses_of_ours() -> list[type[Any]]:
    found = {
        value
        for module in modules()
        for value in vars(module).values()
        if not module.__name__.startswith((*PUBLISHED, *OTHERS))
        and isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and value.__module__ == module.__name__
    }
    return sorted(found, key=lambda cls: (cls.__module__, cls.__name__))


@pytest.mark.parametrize("cls", dataclasses_of_ours(), ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_no_field_with_content_or_a_secret_is_shown(cls: type[Any]) -> None:
    """Fill every sensitive field with a canary and look for it in the repr."""
    made = object.__new__(cls)
    for field in dataclasses.fields(cls):
        if f"{cls.__name__}.{field.name}" in HARMLESS:
            object.__setattr__(made, field.name, 0)
        elif field.name in CONTENT:
            object.__setattr__(made, field.name, CANARY)
        elif field.name in SECRETS:
            object.__setattr__(made, field.name, SECRET)
        else:
            object.__setattr__(made, field.name, 0)
    shown = repr(made)
    assert "Madeupname" not in shown
    assert repr(SECRET)[2:20] not in shown
