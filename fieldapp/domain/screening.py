"""One screening as an immutable value: every change returns a new one, checked against its instrument.

The parts stay apart because they travel apart: who the person is (``Identity``) and how to reach them
(``SafeContact``) go into other envelopes than the answers. A left-over follow-up, whose parent is no
longer *yes*, is kept and does not count: changing an answer back must not lose what was said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from fieldapp.domain.contact import SafeContact
from fieldapp.domain.instrument import Answer, Instrument
from fieldapp.domain.judgement import (
    OpenOverride,
    Override,
    Reason,
    check_open_reason,
    check_reason,
    effective,
    explain,
)
from fieldapp.domain.strict import MAX_NOTE, clean_text, is_line
from fieldapp.domain.triage import Band, FollowUpValue, Level, TriageResult, triage
from fieldapp.errors import ScreeningError

MAX_NOTES = 10_000
"""Characters of all notes together, so that a record always fits the largest envelope (64,164 bytes)."""


class Mode(StrEnum):
    """Who asks, which decides the order of the questions and the choices at the end."""

    OFFICER = "officer"
    OUTREACH = "outreach"


class ReasonNotAsked(StrEnum):
    """Why an item was not asked; *declined* counts as unknown."""

    OVERHEARD = "overheard"
    DECLINED = "declined"
    NO_TIME = "no_time"
    NOT_APPLICABLE = "not_applicable"


class Basis(StrEnum):
    """What an answer rests on; it never changes the rule."""

    SAID = "said"
    SEEN = "seen"
    TOLD_BY_OTHER = "told_by_other"
    KNOWN = "known"


class Interpreter(StrEnum):
    """Who interprets; a relative or someone of the community is a danger and calls for a warning."""

    NONE = "none"
    SWORN_REMOTE = "sworn_remote"
    COLLEAGUE = "colleague"
    RELATIVE_OR_COMMUNITY = "relative_or_community"


class AgeGroup(StrEnum):
    """Adult or minor."""

    UNKNOWN = "unknown"
    ADULT = "adult"
    MINOR = "minor"


class Place(StrEnum):
    """The type of place, never an address."""

    UNKNOWN = "unknown"
    HOME = "home"
    STREET = "street"
    STATION = "station"
    HOSPITAL = "hospital"
    SCHOOL = "school"
    SAFE_LOCATION = "safe_location"
    OTHER = "other"


class Agency(StrEnum):
    """Who may have to be kept from seeing a record."""

    POLICE = "police"
    TOWN_HALL = "town_hall"
    INTERPRETER_POOL = "interpreter_pool"
    SCHOOL = "school"
    SHELTER = "shelter"


class FinishKind(StrEnum):
    """What happens to the record when the screening ends."""

    SEND = "send"
    ADVICE_WITHOUT_IDENTITY = "advice_without_identity"
    KEEP_UNTIL = "keep_until"
    SEND_WITHOUT_CONSENT = "send_without_consent"


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Part (c): who the person is, all optional, kept apart from the answers."""

    name: str = ""
    birth_year: int | None = None
    phone: str = ""
    children_present: bool | None = None
    report_number: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that is too long and an odd year."""
        if not all(is_line(line) for line in (self.name, self.phone, self.report_number)):
            raise ScreeningError("A line is too long or holds odd characters.")
        if self.birth_year is not None and not 1900 <= self.birth_year <= 2100:
            raise ScreeningError("A birth year is from 1900 to 2100.")


@dataclass(frozen=True, slots=True, repr=False)
class MustNotSee:
    """The answer to "Who must not see this?": agencies, and one person by name."""

    agencies: frozenset[Agency] = frozenset()
    person: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that is too long."""
        if not is_line(self.person):
            raise ScreeningError("A line is too long or holds odd characters.")


@dataclass(frozen=True, slots=True, repr=False)
class FinishChoice:
    """The choice at the end: *keep until* needs a date, *send without consent* a reason.

    Raises ScreeningError when the one that is needed is missing, or one that is not needed is given.
    """

    kind: FinishKind
    until: date | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        """Hold the choice and what belongs to it together."""
        if (self.until is not None) != (self.kind is FinishKind.KEEP_UNTIL):
            raise ScreeningError("Keeping a record needs a date, and only that does.")
        if self.kind is FinishKind.SEND_WITHOUT_CONSENT:
            check_reason(self.reason)
        elif self.reason:
            raise ScreeningError("Only sending without consent has a reason.")


@dataclass(frozen=True, slots=True, repr=False)
class OpenFinish:
    """A choice at the end that is being made: the kind, for how many days to keep it, the reason as far as typed."""

    kind: FinishKind | None = None
    days: int = 7
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be stored."""
        if not 1 <= self.days <= 366:
            raise ScreeningError("A record is kept for 1 to 366 days.")
        check_open_reason(self.reason)


@dataclass(frozen=True, slots=True, repr=False)
class Screening:
    """One screening, from the first tap to *Finish*.

    ``id`` is 16 random bytes; times are epoch seconds; ``ended`` is None while it is open. ``language``
    is the person's, as an ISO 639 code. ``answers`` holds the gate and the items by their keys;
    ``position`` is the step to come back to after an interruption, in the words of the interface. ``open_override``
    and ``open_finish`` are half made, stay in the draft, and count for nothing.
    """

    id: bytes
    alias: str
    instrument: Instrument
    started: int
    mode: Mode
    ended: int | None = None
    language: str = "en"
    interpreter: Interpreter = Interpreter.NONE
    age_group: AgeGroup = AgeGroup.UNKNOWN
    place: Place = Place.UNKNOWN
    answers: Mapping[str, Answer] = field(default_factory=dict)
    followups: Mapping[str, FollowUpValue] = field(default_factory=dict)
    reasons: Mapping[str, ReasonNotAsked] = field(default_factory=dict)
    bases: Mapping[str, Basis] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    observations: frozenset[str] = frozenset()
    identity: Identity = Identity()
    safe_contact: SafeContact | None = None
    must_not_see: MustNotSee = MustNotSee()
    override: Override | None = None
    finish: FinishChoice | None = None
    continues: tuple[str, str] | None = None
    handover: tuple[str, str] | None = None
    position: str = ""
    open_override: OpenOverride | None = None
    open_finish: OpenFinish | None = None

    def __post_init__(self) -> None:
        """Refuse an id of the wrong length and a language or position that is no short code."""
        if len(self.id) != 16:
            raise ScreeningError("An id has 16 bytes.")
        if not re.fullmatch(r"[a-z]{2,3}", self.language):
            raise ScreeningError("A language is an ISO 639 code of two or three letters.")
        if not re.fullmatch(r"[a-z0-9_]{0,24}", self.position):
            raise ScreeningError("A position is a short key.")
        if not is_line(self.alias):
            raise ScreeningError("An alias is one short line.")

    # What the screening says

    @property
    def order(self) -> tuple[str, ...]:
        """Item ids in the order in which this mode asks them."""
        officer = self.mode is Mode.OFFICER
        return self.instrument.officer_order if officer else self.instrument.outreach_order

    @property
    def gate(self) -> Answer:
        """Whether the person is alone; not asked until it is answered."""
        return self.answer(self.instrument.gate.id)

    @property
    def observing(self) -> bool:
        """Whether only observation mode is safe: someone else can hear."""
        return self.gate is Answer.NO

    def answer(self, key: str) -> Answer:
        """Return the answer that counts: what was declined is unknown, what is absent was not asked."""
        if self.reasons.get(key) is ReasonNotAsked.DECLINED:
            return Answer.UNKNOWN
        return self.answers.get(key, Answer.NOT_ASKED)

    @property
    def counted_answers(self) -> dict[str, Answer]:
        """The answers as the rule reads them."""
        return {key: self.answer(key) for key in self.instrument.answer_keys}

    @property
    def result(self) -> TriageResult:
        """The rule's own result, without the override."""
        return triage(self.counted_answers, self.followups, self.instrument)

    @property
    def effective(self) -> tuple[Level, Band]:
        """The level and band that count: the rule's, raised by the override."""
        return effective(self.result, self.override)

    @property
    def because(self) -> tuple[Reason, ...]:
        """The reasons for the rule's result, the most urgent first."""
        return explain(self.result, self.counted_answers, self.followups, self.instrument)

    @property
    def carries_identity(self) -> bool:
        """Whether identity and contact details may leave the device."""
        return self.finish is None or self.finish.kind is not FinishKind.ADVICE_WITHOUT_IDENTITY

    # Changes

    def with_answer(self, key: str, answer: Answer, reason: ReasonNotAsked | None = None) -> Screening:
        """Answer the gate or an item; a ``reason`` goes with *not asked* only."""
        self._require(key in self.instrument.answer_keys, "This question is not in the instrument.")
        self._require(reason is None or answer is Answer.NOT_ASKED, "Only a question not asked has a reason.")
        reasons = {k: v for k, v in self.reasons.items() if k != key}
        if reason is not None:
            reasons[key] = reason
        return replace(self, answers={**self.answers, key: answer}, reasons=reasons)

    def with_followup(self, key: str, value: FollowUpValue | None) -> Screening:
        """Set a follow-up, or clear it with None or an empty tuple."""
        followup = self.instrument.followups.get(key)
        if followup is None:
            raise ScreeningError("This follow-up is not in the instrument.")
        rest = {k: v for k, v in self.followups.items() if k != key}
        if not value:
            return replace(self, followups=rest)
        values = (value,) if isinstance(value, str) else value
        self._require(
            isinstance(value, tuple) == followup.several, "This follow-up takes one value or several."
        )
        self._require(
            set(values) <= followup.values and len(set(values)) == len(values),
            "This follow-up does not have that value.",
        )
        return replace(self, followups={**rest, key: value})

    def with_basis(self, key: str, basis: Basis | None) -> Screening:
        """Say what an answer rests on, or clear it with None."""
        self._require(key in self.instrument.answer_keys, "This question is not in the instrument.")
        rest = {k: v for k, v in self.bases.items() if k != key}
        return replace(self, bases=rest if basis is None else {**rest, key: basis})

    def with_note(self, key: str, note: str) -> Screening:
        """Write the note of an item or of the gate; an empty note clears it."""
        self._require(key in self.instrument.answer_keys, "This question is not in the instrument.")
        rest = {k: v for k, v in self.notes.items() if k != key}
        note = clean_text(note)
        self._require(len(note) <= MAX_NOTE, f"A note has at most {MAX_NOTE} characters.")
        notes = {**rest, key: note} if note.strip() else rest
        self._require(sum(map(len, notes.values())) <= MAX_NOTES, "The notes are too long together.")
        return replace(self, notes=notes)

    def with_observation(self, observation: str, seen: bool) -> Screening:
        """Mark an observation as seen, or take that back; there is no "not seen"."""
        known = {o.id for o in self.instrument.observations}
        self._require(observation in known, "This observation is not in the instrument.")
        others = self.observations - {observation}
        return replace(self, observations=others | {observation} if seen else others)

    def with_context(
        self,
        *,
        language: str | None = None,
        interpreter: Interpreter | None = None,
        age_group: AgeGroup | None = None,
        place: Place | None = None,
    ) -> Screening:
        """Set parts of the context; None leaves a part as it is."""
        return replace(
            self,
            language=language or self.language,
            interpreter=interpreter or self.interpreter,
            age_group=age_group or self.age_group,
            place=place or self.place,
        )

    def with_identity(self, identity: Identity) -> Screening:
        """Set who the person is."""
        return replace(self, identity=identity)

    def with_safe_contact(self, safe_contact: SafeContact | None) -> Screening:
        """Set how the person can be reached."""
        return replace(self, safe_contact=safe_contact)

    def with_must_not_see(self, must_not_see: MustNotSee) -> Screening:
        """Set who must not see this."""
        return replace(self, must_not_see=must_not_see)

    def with_override(self, override: Override | None) -> Screening:
        """Raise the result, or take the raise back; it never lowers."""
        return replace(self, override=override, open_override=None)

    def with_open_override(self, override: OpenOverride) -> Screening:
        """Keep a raise that is being thought about."""
        return replace(self, open_override=override)

    def with_open_finish(self, finish: OpenFinish) -> Screening:
        """Keep a choice at the end that is being made."""
        return replace(self, open_finish=finish)

    def with_continues(self, words: tuple[str, str] | None) -> Screening:
        """Name the handover words of the earlier contact that this one continues."""
        return replace(self, continues=words)

    def with_position(self, position: str) -> Screening:
        """Remember the step to come back to."""
        return replace(self, position=position)

    def finished(self, at: int, choice: FinishChoice, handover: tuple[str, str]) -> Screening:
        """End the screening at ``at`` (epoch seconds); police always send."""
        self._require(
            self.mode is Mode.OUTREACH or choice.kind is FinishKind.SEND, "A police screening is sent."
        )
        return replace(
            self,
            ended=at,
            finish=choice,
            handover=handover,
            position="",
            open_override=None,
            open_finish=None,
        )

    @staticmethod
    def _require(held: bool, message: str) -> None:
        if not held:
            raise ScreeningError(message)


def start_screening(
    *, screening_id: bytes, alias: str, instrument: Instrument, at: int, mode: Mode
) -> Screening:
    """Begin a screening at ``at`` (epoch seconds) with nothing asked yet."""
    return Screening(id=screening_id, alias=alias, instrument=instrument, started=at, mode=mode)
