"""Plain dictionaries for screenings and contacts: what the vault stores and what envelopes carry.

Only text, whole numbers, true/false, null, lists and tables with keys ``[a-z0-9_]+``; the canonical JSON
bytes are made by ``sync.canonical``. Keys of the instrument therefore travel in lower case (``s04t``).
Every body carries ``v``; every key is always present, except for ``open_override`` and ``open_finish`` of a draft, which
are there while something is half chosen at the end. Reading is strict: an unknown version or key, a
wrong type or an impossible value raises CodecError that names the field and never shows its content.

==================  ==============================================================================
draft               everything, for this device's vault only
screening body      answers, context and the result, without identity and contact details
identity body       who the person is, for matching
safe-contact body   how the person can be reached
contact body        one logged contact with its alarm
==================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from fieldapp.codec_contacts import (
    ContactReport,
    contact_body,
    parse_contact_body,
    read_safe_contact,
    safe_contact_fields,
)
from fieldapp.codec_fields import (
    VERSION,
    Body,
    ValueT,
    closed,
    domain_rules,
    open_body,
    read_code,
    read_date,
    read_id,
    read_pair,
)
from fieldapp.domain.contact import SafeContact
from fieldapp.domain.instrument import Answer, Instrument
from fieldapp.domain.judgement import MAX_REASON, OpenOverride, Override, OverrideCause
from fieldapp.domain.screening import (
    MAX_NOTES,
    AgeGroup,
    Agency,
    Basis,
    FinishChoice,
    FinishKind,
    Identity,
    Interpreter,
    Mode,
    MustNotSee,
    OpenFinish,
    Place,
    ReasonNotAsked,
    Screening,
)
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, Fields
from fieldapp.domain.triage import RULE_VERSION, Band, FiredRule, FollowUpValue, Level, TriageResult
from fieldapp.errors import ScreeningError

__all__ = [
    "VERSION",
    "Body",
    "ContactReport",
    "Instruments",
    "ScreeningReport",
    "case_contact_body",
    "contact_body",
    "draft_body",
    "identity_body",
    "parse_contact_body",
    "parse_draft",
    "parse_identity_body",
    "parse_safe_contact_body",
    "parse_screening_body",
    "safe_contact_body",
    "screening_body",
]

Instruments = Callable[[str, int], Instrument]
"""Finds the instrument of an id and version; raises InstrumentError when it is not installed."""


@dataclass(frozen=True, slots=True, repr=False)
class ScreeningReport:
    """A screening as it arrived: without identity, with the result that the device computed."""

    screening: Screening
    result: TriageResult
    rule_version: int

    @property
    def agrees(self) -> bool:
        """Whether this installation computes the same result; if not, both are shown."""
        return self.screening.result == self.result


# Screenings: writing


def draft_body(screening: Screening) -> Body:
    """Return everything about a screening, for the vault of this device."""
    contact = screening.safe_contact
    return {
        **_core(screening),
        "identity": _identity(screening.identity),
        "safe_contact": None if contact is None else safe_contact_fields(contact),
        "position": screening.position,
        **_half_made(screening),
    }


def _half_made(screening: Screening) -> Body:
    override, finish = screening.open_override, screening.open_finish
    half_made: Body = {}
    if override:
        half_made["open_override"] = _override(override)
    if finish:
        kind = finish.kind and finish.kind.value
        half_made["open_finish"] = {"kind": kind, "days": finish.days, "reason": finish.reason}
    return half_made


def screening_body(screening: Screening) -> Body:
    """Return the answers and the result of a finished screening, without identity and contact details.

    Raises ScreeningError while the screening is not finished.
    """
    if screening.ended is None:
        raise ScreeningError("This screening is not finished.")
    return {**_core(screening), "result": _result(screening.result)}


def identity_body(screening: Screening) -> Body | None:
    """Return who the person is, or None when nothing is known or it stays on the device."""
    if not screening.carries_identity or screening.identity == Identity():
        return None
    return {"v": VERSION, "id": screening.id.hex(), **_identity(screening.identity)}


def safe_contact_body(screening: Screening) -> Body | None:
    """Return how the person can be reached, or None when unknown or it stays on the device."""
    if not screening.carries_identity or screening.safe_contact is None:
        return None
    return case_contact_body(screening.id, screening.safe_contact)


def case_contact_body(case_id: bytes, contact: SafeContact) -> Body:
    """Return how the person of a case (16 bytes) can be reached: the same form as after a screening."""
    return {"v": VERSION, "id": case_id.hex(), **safe_contact_fields(contact)}


def _core(screening: Screening) -> Body:
    override, finish = screening.override, screening.finish
    return {
        "v": VERSION,
        "id": screening.id.hex(),
        "alias": screening.alias,
        "instrument": screening.instrument.id,
        "instrument_version": screening.instrument.version,
        "started": screening.started,
        "ended": screening.ended,
        "mode": screening.mode.value,
        "language": screening.language,
        "interpreter": screening.interpreter.value,
        "age_group": screening.age_group.value,
        "place": screening.place.value,
        "answers": _lower(screening.answers),
        "followups": {
            key.lower(): list(value) if isinstance(value, tuple) else value
            for key, value in screening.followups.items()
        },
        "reasons": _lower(screening.reasons),
        "bases": _lower(screening.bases),
        "notes": {key.lower(): note for key, note in screening.notes.items()},
        "observations": sorted(screening.observations),
        "must_not_see": {
            "agencies": sorted(agency.value for agency in screening.must_not_see.agencies),
            "person": screening.must_not_see.person,
        },
        "override": override and _override(override),
        "finish": finish
        and {
            "kind": finish.kind.value,
            "until": finish.until and finish.until.isoformat(),
            "reason": finish.reason,
        },
        "continues": screening.continues and list(screening.continues),
        "handover": screening.handover and list(screening.handover),
    }


def _override(override: Override | OpenOverride) -> Body:
    return {
        "cause": override.cause.value,
        "level": override.level.code,
        "band": override.band.code,
        "reason": override.reason,
    }


def _lower(values: Mapping[str, Enum]) -> Body:
    return {key.lower(): value.value for key, value in values.items()}


def _identity(identity: Identity) -> Body:
    return {
        "name": identity.name,
        "birth_year": identity.birth_year,
        "phone": identity.phone,
        "children_present": identity.children_present,
        "report_number": identity.report_number,
    }


def _result(result: TriageResult) -> Body:
    return {
        "rule_version": RULE_VERSION,
        "level": result.level.code,
        "band": result.band.code,
        "points": result.points,
        "unanswered": result.unanswered,
        "could_be_higher": result.could_be_higher,
        "rules": [
            {"rule": r.rule, "level": r.level.code, "band": r.band.code, "items": list(r.items)}
            for r in result.rules
        ],
    }


# Screenings: reading


def parse_draft(data: object, instruments: Instruments) -> Screening:
    """Read a draft of this device back, with the instrument that made it."""
    fields = open_body(data)
    with domain_rules("the draft"):
        identity = _read_identity(fields.table("identity"))
        contact = None if fields.null("safe_contact") else read_safe_contact(fields.table("safe_contact"))
        position = fields.text("position", longest=24, empty=True)
        screening = _read_core(fields, instruments, identity, contact, position)
        if fields.has("open_override"):
            screening = screening.with_open_override(_read_open_override(fields.table("open_override")))
        if fields.has("open_finish"):
            screening = screening.with_open_finish(_read_open_finish(fields.table("open_finish")))
    fields.done()
    return screening


def parse_screening_body(data: object, instruments: Instruments) -> ScreeningReport:
    """Read a screening from another device; the result is read, not recomputed: see ``agrees``."""
    fields = open_body(data)
    version, result = _read_result(fields.table("result"))
    with domain_rules("the screening"):
        screening = _read_core(fields, instruments, Identity(), None, "")
    if screening.ended is None or screening.finish is None:
        fields.fail("ended", "a screening that was sent is finished")
    fields.done()
    return ScreeningReport(screening, result, version)


def parse_identity_body(data: object) -> tuple[bytes, Identity]:
    """Read an identity: the screening's id and who the person is."""
    fields = open_body(data)
    with domain_rules("the identity"):
        return read_id(fields, "id"), _read_identity(fields)


def parse_safe_contact_body(data: object) -> tuple[bytes, SafeContact]:
    """Read a safe contact: the screening's id and how the person can be reached."""
    fields = open_body(data)
    with domain_rules("the safe contact"):
        return read_id(fields, "id"), read_safe_contact(fields)


def _read_core(
    fields: Fields,
    instruments: Instruments,
    identity: Identity,
    safe_contact: SafeContact | None,
    position: str,
) -> Screening:
    instrument = instruments(fields.text("instrument", longest=40), fields.integer("instrument_version", 1))
    questions = {key.lower(): key for key in instrument.answer_keys}
    answers = _keyed(fields, "answers", questions, lambda table, key: table.member(key, Answer))
    reasons = _keyed(fields, "reasons", questions, lambda table, key: table.member(key, ReasonNotAsked))
    for key in reasons:
        if answers.get(key, Answer.NOT_ASKED) is not Answer.NOT_ASKED:
            fields.fail(f"reasons.{key.lower()}", "only a question not asked has a reason")
    notes = _keyed(fields, "notes", questions, lambda table, key: table.text(key, longest=MAX_NOTE))
    if sum(map(len, notes.values())) > MAX_NOTES:
        fields.fail("notes", "are too long together")
    return Screening(
        id=read_id(fields, "id"),
        alias=fields.text("alias", longest=MAX_LINE),
        instrument=instrument,
        started=fields.integer("started"),
        ended=None if fields.null("ended") else fields.integer("ended"),
        mode=fields.member("mode", Mode),
        language=fields.text("language", longest=3),
        interpreter=fields.member("interpreter", Interpreter),
        age_group=fields.member("age_group", AgeGroup),
        place=fields.member("place", Place),
        answers=answers,
        followups=_read_followups(fields, instrument),
        reasons=reasons,
        bases=_keyed(fields, "bases", questions, lambda table, key: table.member(key, Basis)),
        notes=notes,
        observations=_read_observations(fields, instrument),
        identity=identity,
        safe_contact=safe_contact,
        must_not_see=_read_must_not_see(fields.table("must_not_see")),
        override=None if fields.null("override") else _read_override(fields.table("override")),
        finish=None if fields.null("finish") else _read_finish(fields.table("finish")),
        continues=read_pair(fields, "continues"),
        handover=read_pair(fields, "handover"),
        position=position,
    )


def _keyed(
    fields: Fields, key: str, known: Mapping[str, str], read: Callable[[Fields, str], ValueT]
) -> dict[str, ValueT]:
    """Read a table whose keys are those of the instrument in lower case."""
    table = fields.table(key)
    found = {known[name]: read(table, name) for name in table.names() if name in known}
    table.done()
    return found


def _read_followups(fields: Fields, instrument: Instrument) -> dict[str, FollowUpValue]:
    known = {key.lower(): key for key in instrument.followups}

    def read(table: Fields, name: str) -> FollowUpValue:
        followup = instrument.followups[known[name]]
        value: FollowUpValue = table.texts(name) if followup.several else table.text(name, longest=MAX_LINE)
        values = (value,) if isinstance(value, str) else value
        if not values or not set(values) <= followup.values:
            table.fail(name, "is no value of this follow-up")
        return value

    return _keyed(fields, "followups", known, read)


def _read_observations(fields: Fields, instrument: Instrument) -> frozenset[str]:
    seen = frozenset(fields.texts("observations"))
    if not seen <= {observation.id for observation in instrument.observations}:
        fields.fail("observations", "holds one that the instrument does not have")
    return seen


def _read_must_not_see(table: Fields) -> MustNotSee:
    names = {agency.value: agency for agency in Agency}
    agencies = table.texts("agencies")
    if not set(agencies) <= set(names):
        table.fail("agencies", "holds one that is not known")
    must_not_see = MustNotSee(
        frozenset(names[name] for name in agencies), table.text("person", longest=MAX_LINE, empty=True)
    )
    table.done()
    return must_not_see


def _read_override(table: Fields) -> Override:
    override = Override(
        table.member("cause", OverrideCause),
        read_code(table, "level", Level),
        read_code(table, "band", Band),
        table.text("reason", longest=MAX_REASON),
    )
    table.done()
    return override


def _read_finish(table: Fields) -> FinishChoice:
    choice = FinishChoice(
        table.member("kind", FinishKind),
        None if table.null("until") else read_date(table, "until"),
        table.text("reason", longest=MAX_REASON, empty=True),
    )
    table.done()
    return choice


def _read_open_override(table: Fields) -> OpenOverride:
    override = OpenOverride(
        table.member("cause", OverrideCause),
        read_code(table, "level", Level),
        read_code(table, "band", Band),
        table.text("reason", longest=MAX_REASON, empty=True),
    )
    return closed(table, override)


def _read_open_finish(table: Fields) -> OpenFinish:
    finish = OpenFinish(
        None if table.null("kind") else table.member("kind", FinishKind),
        table.integer("days"),
        table.text("reason", longest=MAX_REASON, empty=True),
    )
    return closed(table, finish)


def _read_identity(fields: Fields) -> Identity:
    identity = Identity(
        name=fields.text("name", longest=MAX_LINE, empty=True),
        birth_year=None if fields.null("birth_year") else fields.integer("birth_year"),
        phone=fields.text("phone", longest=MAX_LINE, empty=True),
        children_present=None if fields.null("children_present") else fields.flag("children_present"),
        report_number=fields.text("report_number", longest=MAX_LINE, empty=True),
    )
    fields.done()
    return identity


def _read_result(table: Fields) -> tuple[int, TriageResult]:
    rules: list[FiredRule] = []
    version = table.integer("rule_version", 1)
    for entry in table.tables("rules"):
        fired = FiredRule(
            entry.text("rule", longest=8),
            read_code(entry, "level", Level),
            read_code(entry, "band", Band),
            entry.texts("items", longest=8),
        )
        entry.done()
        rules.append(fired)
    result = TriageResult(
        level=read_code(table, "level", Level),
        band=read_code(table, "band", Band),
        points=table.integer("points", 0, 1000),
        unanswered=table.integer("unanswered", 0, 1000),
        could_be_higher=table.flag("could_be_higher"),
        rules=tuple(rules),
    )
    table.done()
    return version, result
