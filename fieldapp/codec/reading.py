"""Screenings from plain dictionaries (see ``fieldapp.codec``): every key once, every value checked by its instrument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fieldapp.codec.attachments import read_attachments
from fieldapp.codec.contacts import (
    read_safe_contact,
)
from fieldapp.codec.fields import (
    ValueT,
    closed,
    domain_rules,
    open_body,
    read_code,
    read_date,
    read_id,
    read_pair,
)
from fieldapp.domain.attachment import Attachment
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
from fieldapp.domain.triage import Band, FiredRule, FollowUpValue, Level, TriageResult

Instruments = Callable[[str, int], Instrument]
"""Finds the instrument of an id and version; raises InstrumentError when it is not installed."""


@dataclass(frozen=True, slots=True, repr=False)
class ScreeningReport:
    """A screening as it arrived: without identity, with the result that the device computed."""

    screening: Screening
    result: TriageResult
    rule_version: int
    attachments: tuple[Attachment, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether this installation computes the same result; if not, both are shown."""
        return self.screening.result == self.result


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
    attachments = read_attachments(fields)
    fields.done()
    return ScreeningReport(screening, result, version, attachments)


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
