"""Plain dictionaries for screenings and contacts: what the vault stores and what envelopes carry.

Only text, whole numbers, true/false, null, lists and tables with keys ``[a-z0-9_]+``; the canonical JSON
bytes are made by ``sync.canonical``. Keys of the instrument therefore travel in lower case (``s04t``).
Every body carries ``v``; every key is always present. Reading is strict: an unknown version or key, a
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

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import TypeVar

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
    contact_alarm,
)
from fieldapp.domain.instrument import Answer, Instrument
from fieldapp.domain.judgement import MAX_REASON, Override, OverrideCause
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
    Place,
    ReasonNotAsked,
    Screening,
)
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, Fields
from fieldapp.domain.triage import RULE_VERSION, Band, FiredRule, FollowUpValue, Level, TriageResult
from fieldapp.errors import CodecError, ContactError, InstrumentError, ScreeningError

VERSION = 1
"""Version of every body in this module."""

Body = dict[str, object]
"""A plain dictionary, ready for canonical JSON."""

Instruments = Callable[[str, int], Instrument]
"""Finds the instrument of an id and version; raises InstrumentError when it is not installed."""

ValueT = TypeVar("ValueT")
LevelOrBand = TypeVar("LevelOrBand", Level, Band)


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


@dataclass(frozen=True, slots=True, repr=False)
class ContactReport:
    """A contact as it arrived, with the alarm that the device raised from the case's history."""

    event: ContactEvent
    claimed: ContactAlarm | None

    @property
    def alarm(self) -> ContactAlarm | None:
        """The alarm that counts: the stronger of the claimed one and of the contact's own."""
        alarms = [alarm for alarm in (self.claimed, contact_alarm([self.event])) if alarm]
        return max(alarms, key=lambda alarm: (alarm.band, alarm.level), default=None)


# Screenings: writing


def draft_body(screening: Screening) -> Body:
    """Return everything about a screening, for the vault of this device."""
    contact = screening.safe_contact
    return {
        **_core(screening),
        "identity": _identity(screening.identity),
        "safe_contact": None if contact is None else _safe_contact(contact),
        "position": screening.position,
    }


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
    return {"v": VERSION, "id": case_id.hex(), **_safe_contact(contact)}


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
        "override": override
        and {
            "cause": override.cause.value,
            "level": override.level.code,
            "band": override.band.code,
            "reason": override.reason,
        },
        "finish": finish
        and {
            "kind": finish.kind.value,
            "until": finish.until and finish.until.isoformat(),
            "reason": finish.reason,
        },
        "continues": screening.continues and list(screening.continues),
        "handover": screening.handover and list(screening.handover),
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
    fields = _body(data)
    with _domain_rules("the draft"):
        identity = _read_identity(fields.table("identity"))
        contact = None if fields.null("safe_contact") else _read_safe_contact(fields.table("safe_contact"))
        position = fields.text("position", longest=24, empty=True)
        screening = _read_core(fields, instruments, identity, contact, position)
    fields.done()
    return screening


def parse_screening_body(data: object, instruments: Instruments) -> ScreeningReport:
    """Read a screening from another device; the result is read, not recomputed: see ``agrees``."""
    fields = _body(data)
    version, result = _read_result(fields.table("result"))
    with _domain_rules("the screening"):
        screening = _read_core(fields, instruments, Identity(), None, "")
    if screening.ended is None or screening.finish is None:
        fields.fail("ended", "a screening that was sent is finished")
    fields.done()
    return ScreeningReport(screening, result, version)


def parse_identity_body(data: object) -> tuple[bytes, Identity]:
    """Read an identity: the screening's id and who the person is."""
    fields = _body(data)
    with _domain_rules("the identity"):
        return _id(fields, "id"), _read_identity(fields)


def parse_safe_contact_body(data: object) -> tuple[bytes, SafeContact]:
    """Read a safe contact: the screening's id and how the person can be reached."""
    fields = _body(data)
    with _domain_rules("the safe contact"):
        return _id(fields, "id"), _read_safe_contact(fields)


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
        id=_id(fields, "id"),
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
        continues=_pair(fields, "continues"),
        handover=_pair(fields, "handover"),
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
        _code(table, "level", Level),
        _code(table, "band", Band),
        table.text("reason", longest=MAX_REASON),
    )
    table.done()
    return override


def _read_finish(table: Fields) -> FinishChoice:
    choice = FinishChoice(
        table.member("kind", FinishKind),
        None if table.null("until") else _date(table, "until"),
        table.text("reason", longest=MAX_REASON, empty=True),
    )
    table.done()
    return choice


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
            _code(entry, "level", Level),
            _code(entry, "band", Band),
            entry.texts("items", longest=8),
        )
        entry.done()
        rules.append(fired)
    result = TriageResult(
        level=_code(table, "level", Level),
        band=_code(table, "band", Band),
        points=table.integer("points", 0, 1000),
        unanswered=table.integer("unanswered", 0, 1000),
        could_be_higher=table.flag("could_be_higher"),
        rules=tuple(rules),
    )
    table.done()
    return version, result


# Safe contact and contacts


def _safe_contact(contact: SafeContact) -> Body:
    return {
        "channel": contact.channel and contact.channel.value,
        "number": contact.number,
        "seen_by": contact.seen_by.value,
        "contact_person": contact.contact_person,
        "rules": _rules(contact.rules),
    }


def _rules(rules: ContactRules) -> Body:
    check_in = rules.check_in
    return {
        "made_at": _wall(rules.made_at),
        "safe": [
            {
                **_window(safe.window),
                "valid_until": safe.valid_until and safe.valid_until.isoformat(),
                "tie": safe.tie.value,
            }
            for safe in rules.safe
        ],
        "never": [_window(window) for window in rules.never],
        "who_may_answer": rules.who_may_answer,
        "what_to_say": rules.what_to_say,
        "cover_story": rules.cover_story,
        "code_word": rules.code_word,
        "distress_word": rules.distress_word,
        "voicemail": rules.voicemail,
        "sms": rules.sms,
        "check_in": check_in and {"after_hours": check_in.after_hours, "who_acts": check_in.who_acts},
    }


def _window(window: Window) -> Body:
    return {"weekday": window.weekday, "start": window.start, "end": window.end}


def _read_safe_contact(fields: Fields) -> SafeContact:
    contact = SafeContact(
        rules=_read_rules(fields.table("rules")),
        channel=None if fields.null("channel") else fields.member("channel", Channel),
        number=fields.text("number", longest=MAX_LINE, empty=True),
        seen_by=fields.member("seen_by", SeenBy),
        contact_person=fields.text("contact_person", longest=MAX_LINE, empty=True),
    )
    fields.done()
    return contact


def _read_rules(table: Fields) -> ContactRules:
    notes = {
        key: table.text(key, longest=MAX_NOTE, empty=True)
        for key in ("who_may_answer", "what_to_say", "cover_story", "code_word", "distress_word")
    }
    rules = ContactRules(
        made_at=_moment(table, "made_at"),
        safe=tuple(_read_safe_window(entry) for entry in table.tables("safe")),
        never=tuple(_closed(entry, _read_window(entry)) for entry in table.tables("never")),
        voicemail=table.flag("voicemail"),
        sms=table.flag("sms"),
        check_in=None if table.null("check_in") else _read_check_in(table.table("check_in")),
        **notes,
    )
    table.done()
    return rules


def _read_window(table: Fields) -> Window:
    return Window(table.integer("weekday"), table.integer("start"), table.integer("end"))


def _closed(table: Fields, value: ValueT) -> ValueT:
    """Return ``value`` once nothing is left over in the table that it came from."""
    table.done()
    return value


def _read_safe_window(table: Fields) -> SafeWindow:
    until = None if table.null("valid_until") else _date(table, "valid_until")
    return _closed(table, SafeWindow(_read_window(table), until, table.member("tie", Tie)))


def _read_check_in(table: Fields) -> CheckIn:
    hours = table.integer("after_hours")
    return _closed(table, CheckIn(hours, table.text("who_acts", longest=MAX_LINE, empty=True)))


def contact_body(event: ContactEvent, alarm: ContactAlarm | None) -> Body:
    """Return one contact and the alarm that it raised in the light of its case."""
    return {
        "v": VERSION,
        "id": event.id.hex(),
        "case_id": event.case_id.hex(),
        "alias": event.alias,
        "at": event.at,
        "outcome": event.outcome.value,
        "direction": event.direction.value,
        "channel": event.channel.value,
        "seen_by": event.seen_by.value,
        "next_safe": event.next_safe and _wall(event.next_safe),
        "note": event.note,
        "reason": event.reason,
        "alarm": alarm and {"cause": alarm.cause.value, "level": alarm.level.code, "band": alarm.band.code},
    }


def parse_contact_body(data: object) -> ContactReport:
    """Read one contact with its alarm."""
    fields = _body(data)
    with _domain_rules("the contact"):
        event = ContactEvent(
            id=_id(fields, "id"),
            case_id=_id(fields, "case_id"),
            alias=fields.text("alias", longest=MAX_LINE),
            at=fields.integer("at"),
            outcome=fields.member("outcome", Outcome),
            direction=fields.member("direction", Direction),
            channel=fields.member("channel", Channel),
            seen_by=fields.member("seen_by", SeenBy),
            next_safe=None if fields.null("next_safe") else _moment(fields, "next_safe"),
            note=fields.text("note", longest=MAX_NOTE, empty=True),
            reason=fields.text("reason", longest=MAX_NOTE, empty=True),
        )
    alarm = None if fields.null("alarm") else _read_alarm(fields.table("alarm"))
    fields.done()
    return ContactReport(event, alarm)


def _read_alarm(table: Fields) -> ContactAlarm:
    cause = table.member("cause", AlarmCause)
    return _closed(table, ContactAlarm(cause, _code(table, "level", Level), _code(table, "band", Band)))


# Shared


def _body(data: object) -> Fields:
    fields = Fields(data, "", CodecError)
    fields.integer("v", VERSION, VERSION)
    return fields


@contextmanager
def _domain_rules(what: str) -> Iterator[None]:
    """Turn a value that the domain refuses into a CodecError; its messages hold no content."""
    try:
        yield
    except (ScreeningError, ContactError, InstrumentError) as error:
        raise CodecError(f"{what}: {error}") from None


def _id(fields: Fields, key: str) -> bytes:
    text = fields.text(key, longest=32)
    if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        fields.fail(key, "must be 32 hexadecimal digits")
    return bytes.fromhex(text)


def _code(fields: Fields, key: str, kind: type[LevelOrBand]) -> LevelOrBand:
    text = fields.text(key, longest=8)
    found = next((member for member in kind if member.code == text), None)
    if found is None:
        fields.fail(key, "must be one of " + ", ".join(member.code for member in kind))
    return found


def _pair(fields: Fields, key: str) -> tuple[str, str] | None:
    if fields.null(key):
        return None
    words = fields.texts(key, longest=20)
    if len(words) != 2:
        fields.fail(key, "must be two different words")
    return words[0], words[1]


def _wall(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def _moment(fields: Fields, key: str) -> datetime:
    text = fields.text(key, longest=16)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fields.fail(key, "must be a time such as 2026-01-31T14:05")
    if moment.tzinfo is not None or _wall(moment) != text:
        fields.fail(key, "must be a time such as 2026-01-31T14:05")
    return moment


def _date(fields: Fields, key: str) -> date:
    text = fields.text(key, longest=10)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        fields.fail(key, "must be a date such as 2026-01-31")
    if day.isoformat() != text:
        fields.fail(key, "must be a date such as 2026-01-31")
    return day
