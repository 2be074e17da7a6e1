"""No repr of any value of ours carries content or a secret: a traceback or a log line shows reprs."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import fieldapp.domain
import fieldapp.services
import fieldapp.vault
import sync

CANARY = "Canary Madeupname"
SECRET = bytes.fromhex("5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2")

CONTENT = frozenset(
    [
        "phone", "report_number", "note", "notes", "person", "cover_story", "code_word", "distress_word",
        "body", "content", "payload", "answers", "bases", "followups", "identity", "safe_contact",
        "must_not_see", "data", "handover", "values",
    ]
)  # fmt: skip
"""Fields that hold what somebody said or typed."""
SECRETS = frozenset(
    [
        "secret", "seed", "prekey_secret", "vmk", "vmk_next", "drop", "drop_token", "drop_tokens",
        "read_tokens", "token", "tokens", "k_h", "k_b", "envelope", "meta", "received_proof", "opened_proof",
        "proof", "outbox_key", "passphrase", "words", "answer",
    ]
)  # fmt: skip
"""Fields that hold keys, tokens, codes, or bytes that are as good as them."""


PUBLISHED = frozenset({"fieldapp.domain.instrument", "fieldapp.domain.law", "sync.directory"})
"""Modules whose values are signed and public: questions, law, the centre's directory."""


def modules() -> Iterator[ModuleType]:
    for package in (sync, fieldapp.services, fieldapp.domain, fieldapp.vault):
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if not found.ispkg and "__main__" not in found.name:
                yield importlib.import_module(found.name)
    for name in ("fieldapp.codec.contacts", "fieldapp.codec.fields", "fieldapp.codec.reading"):
        yield importlib.import_module(name)


def dataclasses_of_ours() -> list[type[Any]]:
    found = {
        value
        for module in modules()
        for value in vars(module).values()
        if module.__name__ not in PUBLISHED
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
        if field.name in CONTENT:
            object.__setattr__(made, field.name, CANARY)
        elif field.name in SECRETS:
            object.__setattr__(made, field.name, SECRET)
        else:
            object.__setattr__(made, field.name, 0)
    shown = repr(made)
    assert "Madeupname" not in shown
    assert repr(SECRET)[2:20] not in shown
