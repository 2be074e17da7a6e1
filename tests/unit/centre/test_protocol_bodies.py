"""PROTOCOL.md, section 12, holds the fields and words that records really have."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from fieldapp.assets import default_instrument
from fieldapp.codec import contact_body, identity_body, safe_contact_body, screening_body
from fieldapp.domain.contact import (
    AlarmCause,
    Channel,
    CheckIn,
    ContactAlarm,
    ContactEvent,
    ContactRules,
    Direction,
    Outcome,
    SafeContact,
    SafeWindow,
    SeenBy,
    Tie,
    Window,
)
from fieldapp.domain.instrument import Answer
from fieldapp.domain.judgement import Override, OverrideCause
from fieldapp.domain.screening import (
    AgeGroup,
    Agency,
    Basis,
    FinishKind,
    Identity,
    Interpreter,
    Mode,
    Place,
    ReasonNotAsked,
)
from fieldapp.domain.triage import Band, Level
from tests.unit.centre.desk import NOW, screening
from tests.unit.sync.test_protocol_document import TEXT, rows, word

TABLES = {"answers", "bases", "followups", "notes", "reasons"}
"""Objects whose keys are the instrument's."""
WORDS: dict[str, Any] = {
    "answers": Answer,
    "reasons": ReasonNotAsked,
    "bases": Basis,
    "mode": Mode,
    "interpreter": Interpreter,
    "age_group": AgeGroup,
    "place": Place,
    "agencies": Agency,
    "finish.kind": FinishKind,
    "override.cause": OverrideCause,
    "channel": Channel,
    "seen_by": SeenBy,
    "tie": Tie,
    "outcome": Outcome,
    "direction": Direction,
    "alarm.cause": AlarmCause,
}


def objects(name: str, body: object) -> dict[str, set[str]]:
    """Return the fields of a body and of every object in it, by name."""
    if isinstance(body, list):
        return {key: fields for item in body for key, fields in objects(name, item).items()}
    if not isinstance(body, Mapping):
        return {}
    found = {name: set(body)}
    for key, value in body.items():
        if key not in TABLES:
            found |= objects(f"{name}.{key}", value)
    return found


def test_fields_of_records() -> None:
    window = Window(0, 60, 120)
    rules = ContactRules(
        datetime(2027, 1, 15, 8, 0),
        safe=(SafeWindow(window, date(2027, 2, 1)),),
        never=(Window(1, 60, 120),),
        check_in=CheckIn(24, "made-up colleague"),
    )
    made = screening(identity=True)
    made = replace(
        made,
        instrument=default_instrument(),
        override=Override(OverrideCause.JUDGEMENT, Level.HIGH, Band.NOW, "made-up reason"),
        identity=Identity(name="Made-up Name"),
        safe_contact=SafeContact(rules, Channel.CALL, "000 00 00 00"),
    )
    event = ContactEvent(
        b"e" * 16, b"c" * 16, "otter slate", NOW, Outcome.NO_ANSWER, Direction.OUT, Channel.CALL
    )
    alarm = ContactAlarm(next(iter(AlarmCause)), Level.HIGH, Band.NOW)
    written = {
        **objects("SCREENING", screening_body(made)),
        **objects("IDENTITY", identity_body(made)),
        **objects("SAFE_CONTACT", safe_contact_body(made)),
        **objects("CONTACT", contact_body(event, alarm)),
    }
    table = {word(name): set(fields.split(", ")) for name, fields in rows(TEXT, "## 12.", "object")}
    assert table == written


def test_words_of_records() -> None:
    words = {name: [member.value for member in kind] for name, kind in WORDS.items()}
    words |= {"level": [level.code for level in Level], "band": [band.code for band in Band]}
    table = {word(name): values.split(", ") for name, values in rows(TEXT, "## 12.", "word of")}
    assert table == words
