"""The triage rule: from answers to a level and a band, each with the reasons for it.

Two axes are judged apart (PATRIARCH: severity and imminence), and on each axis the maximum over all
fired rules counts. The rule proposes and a person decides: it can be raised in the field, never lowered.
It is triage, not a prediction, and gives no probability. Device and centre compute the same result from
the same data file. Each rule below names its precedent; the items it reads come from the instrument.

====  ====================================================  =======  ======================================
Rule  If                                                    Level    Band
====  ====================================================  =======  ======================================
R1n   critical yes: S02, time now, or expected within 72 h  HIGH     NOW   (FM guidance; LAP at the scene)
R1p   S06, S07, S08 yes, expected later than in 14 days     HIGH     72H   (own)
R1    any other critical yes                                HIGH     24H   (LAP 1-3: one yes suffices)
R1s   neck or breath                                        HIGH     NOW; 24H if known older than 72 h
R2    family met or decided                                 HIGH     24H   (Banaz Mahmod)
R3    discovery and several people                          HIGH     24H; 72H if known older than 7 days
R4    control and separation, and worse, weapon or violence HIGH     24H   (Plymouth, cluster of 3)
R3b   violence and several people                           HIGH     24H   (Belfrage 2012; Payton)
R9    violence                                              SERIOUS  72H; 24H if within 72 h (own)
R5    points at the high threshold or above                 HIGH     72H   (LAP 4-of-8 analogue)
R6    points at the serious threshold or above              SERIOUS  72H   (own)
R7    a critical item or violence unknown or not asked      SERIOUS  72H   (unknown never clears)
R8    the gate is anything but yes                          SERIOUS  72H   (one-chance rule)
====  ====================================================  =======  ======================================

Otherwise CONCERN and PLANNED: there is no "low".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from fieldapp.domain.instrument import Answer, Instrument, Item, Time

RULE_VERSION = 1
"""Version of the rule in this module; it travels with every result, beside the instrument's version."""

FollowUpValue = str | tuple[str, ...]
"""The value of a follow-up: one of its values, or for the kind ``several`` any number of them."""


class Level(IntEnum):
    """How serious it is, in ascending order."""

    CONCERN = 0
    SERIOUS = 1
    HIGH = 2

    @property
    def code(self) -> str:
        """The word on the wire and in the data files (there in lower case)."""
        return self.name


class Band(IntEnum):
    """How soon to act, in ascending order of urgency."""

    PLANNED = 0
    WITHIN_72H = 1
    WITHIN_24H = 2
    NOW = 3

    @property
    def code(self) -> str:
        """The word on the wire and in the data files (there in lower case): PLANNED, 72H, 24H, NOW."""
        return self.name.removeprefix("WITHIN_")


@dataclass(frozen=True, slots=True)
class FiredRule:
    """A rule that fired, what it demands, and the items or follow-ups that fired it."""

    rule: str
    level: Level
    band: Band
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TriageResult:
    """The result of the rule.

    ``points`` is for the centre only and is never shown in the field. ``unanswered`` counts the critical
    and point items that are unknown or not asked; ``could_be_higher`` says that answering them may raise
    the result. ``rules`` are in the fixed order of the rule.
    """

    level: Level
    band: Band
    points: int
    unanswered: int
    could_be_higher: bool
    rules: tuple[FiredRule, ...]


class Form:
    """Answers and follow-ups as the rule sees them: a follow-up counts only while its parent is yes."""

    def __init__(
        self,
        answers: Mapping[str, Answer],
        followups: Mapping[str, FollowUpValue],
        instrument: Instrument,
    ) -> None:
        """Look at ``answers`` and ``followups``, whose keys are those of ``instrument``."""
        self._answers = answers
        self._followups = followups
        self._instrument = instrument

    def answer(self, item_id: str) -> Answer:
        """Return an item's answer; what is absent was not asked."""
        return self._answers.get(item_id, Answer.NOT_ASKED)

    def yes(self, *item_ids: str) -> bool:
        """Say whether every one of ``item_ids`` is answered yes."""
        return all(self.answer(item_id) is Answer.YES for item_id in item_ids)

    def open(self, item_id: str) -> bool:
        """Say whether an item is still unknown or not asked."""
        return self.answer(item_id) in (Answer.UNKNOWN, Answer.NOT_ASKED)

    def value(self, key: str) -> FollowUpValue | None:
        """Return a follow-up's value, or None when absent, left over, or not in this instrument."""
        followup = self._instrument.followups.get(key)
        return self._followups.get(key) if followup and self.yes(followup.parent) else None

    def time(self, item: Item) -> Time:
        """Return when an item happened or is expected; a missing time is unknown."""
        value = self.value(item.time.key) if item.time else None
        return Time(value) if isinstance(value, str) else Time.UNKNOWN


def triage(
    answers: Mapping[str, Answer],
    followups: Mapping[str, FollowUpValue],
    instrument: Instrument,
) -> TriageResult:
    """Apply the rule. Every form gives a result: an empty one is SERIOUS within 72 hours."""
    form = Form(answers, followups, instrument)
    rules = tuple(_fired(form, instrument))
    level = max((r.level for r in rules), default=Level.CONCERN)
    band = max((r.band for r in rules), default=Band.PLANNED)
    counted = [item for item in instrument.items if item.critical or item.points]
    unanswered = sum(form.open(item.id) for item in counted)
    topped = level is Level.HIGH and band is Band.NOW
    return TriageResult(
        level, band, _points(form, instrument), unanswered, unanswered > 0 and not topped, rules
    )


def strongest(results: Iterable[tuple[Level, Band]]) -> tuple[Level, Band]:
    """Return the maximum on each axis: a person's level sticks until two agencies lower it together."""
    pairs = list(results)
    level = max((level for level, _ in pairs), default=Level.CONCERN)
    return level, max((band for _, band in pairs), default=Band.PLANNED)


def _fired(form: Form, instrument: Instrument) -> Iterator[FiredRule]:
    """Yield the fired rules in the order in which they are always listed."""
    for item in instrument.items:
        if item.critical and form.yes(item.id):
            yield _critical(item, form, instrument)
    yield from _breath(form, instrument)
    yield from _combinations(form, instrument)
    yield from _violence(form, instrument)
    yield from _by_points(form, instrument)
    yield from _open_questions(form, instrument)


def _critical(item: Item, form: Form, instrument: Instrument) -> FiredRule:
    """Choose the one rule that a critical item fires; an unknown time is 24H, never 72H."""
    time = form.time(item)
    if item.id in instrument.rules.always_now or time is Time.NOW or (item.expected and time is Time.LE72H):
        return FiredRule("R1n", Level.HIGH, Band.NOW, (item.id,))
    if item.expected and time is Time.LATER:
        return FiredRule("R1p", Level.HIGH, Band.WITHIN_72H, (item.id,))
    return FiredRule("R1", Level.HIGH, Band.WITHIN_24H, (item.id,))


def _breath(form: Form, instrument: Instrument) -> Iterator[FiredRule]:
    key = instrument.rules.breath
    if form.value(key) == "yes":
        parent = instrument.by_id[instrument.followups[key].parent]
        old = form.time(parent) in (Time.LE14D, Time.LATER)
        yield FiredRule("R1s", Level.HIGH, Band.WITHIN_24H if old else Band.NOW, (key,))


def _combinations(form: Form, instrument: Instrument) -> Iterator[FiredRule]:
    rules = instrument.rules
    if form.value(rules.decided) == "yes":
        yield FiredRule("R2", Level.HIGH, Band.WITHIN_24H, (rules.decided,))
    if form.yes(rules.trigger, rules.collective):
        old = form.value(rules.trigger_time) == rules.trigger_old
        band = Band.WITHIN_72H if old else Band.WITHIN_24H
        yield FiredRule("R3", Level.HIGH, band, (rules.trigger, rules.collective))
    cluster = tuple(item_id for item_id in rules.cluster if form.yes(item_id))
    if form.yes(rules.control, rules.separation) and cluster:
        yield FiredRule("R4", Level.HIGH, Band.WITHIN_24H, (rules.control, rules.separation, *cluster))
    if form.yes(rules.violence, rules.collective):
        yield FiredRule("R3b", Level.HIGH, Band.WITHIN_24H, (rules.violence, rules.collective))


def _violence(form: Form, instrument: Instrument) -> Iterator[FiredRule]:
    violence = instrument.by_id[instrument.rules.violence]
    if form.yes(violence.id):
        recent = form.time(violence) in (Time.NOW, Time.LE72H)
        yield FiredRule("R9", Level.SERIOUS, Band.WITHIN_24H if recent else Band.WITHIN_72H, (violence.id,))


def _points(form: Form, instrument: Instrument) -> int:
    return sum(item.points for item in instrument.items if form.yes(item.id))


def _by_points(form: Form, instrument: Instrument) -> Iterator[FiredRule]:
    points = _points(form, instrument)
    items = tuple(item.id for item in instrument.items if item.points and form.yes(item.id))
    if points >= instrument.rules.points_high:
        yield FiredRule("R5", Level.HIGH, Band.WITHIN_72H, items)
    elif points >= instrument.rules.points_serious:
        yield FiredRule("R6", Level.SERIOUS, Band.WITHIN_72H, items)


def _open_questions(form: Form, instrument: Instrument) -> Iterator[FiredRule]:
    violence = instrument.rules.violence
    missing = tuple(i.id for i in instrument.items if (i.critical or i.id == violence) and form.open(i.id))
    if missing:
        yield FiredRule("R7", Level.SERIOUS, Band.WITHIN_72H, missing)
    if not form.yes(instrument.gate.id):
        yield FiredRule("R8", Level.SERIOUS, Band.WITHIN_72H, (instrument.gate.id,))
