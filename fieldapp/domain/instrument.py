"""The screening instrument as data: its items, follow-ups, texts and the references of its rule.

An instrument is one TOML file (``assets/instruments/htp-q20.toml``), read once by ``instrument_file``, validated to the
last key and then immutable. Keys of answers and follow-ups are those of the file: ``S01`` to ``S20`` and
``G1`` for answers, ``S04t`` or ``F14d`` for follow-ups. Nothing here decides anything: see ``triage``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """A language in which every text of the instrument exists."""

    EN = "en"
    NL = "nl"
    FR = "fr"
    DE = "de"


@dataclass(frozen=True, slots=True)
class Texts:
    """The same text in every language: ``texts[Language.NL]`` or ``texts["nl"]``."""

    en: str
    nl: str
    fr: str
    de: str

    def __getitem__(self, language: str) -> str:
        """Return the text in ``language``; ValueError for a language we do not have."""
        match Language(language):
            case Language.EN:
                return self.en
            case Language.NL:
                return self.nl
            case Language.FR:
                return self.fr
            case Language.DE:
                return self.de


class Answer(StrEnum):
    """The answer to an item or to the gate; *yes* always means more risk, except for the gate."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


class Time(StrEnum):
    """The value of a time follow-up: when it happened, or for the expected kind when it will."""

    NOW = "now"
    LE72H = "le72h"
    LE14D = "le14d"
    LATER = "later"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What a follow-up takes."""

    TIME_PAST = "time_past"
    TIME_EXPECTED = "time_expected"
    YES_NO_UNKNOWN = "yes_no_unknown"
    CHOICE = "choice"
    SEVERAL = "several"


TIME_KINDS = frozenset({Kind.TIME_PAST, Kind.TIME_EXPECTED})
"""The kinds whose values are those of ``Time``."""


class Asked(StrEnum):
    """When a follow-up is asked under *yes*; ``never``: accepted when given, but not asked."""

    AT_ONCE = "at_once"
    OPTIONAL = "optional"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a follow-up and its label."""

    value: str
    label: Texts


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A question under an item; it counts only while its parent is answered *yes*.

    ``options`` are offered to the worker; ``values`` are accepted (a time question accepts all of
    ``Time`` even where it offers fewer). ``quiet`` is None where quiet mode does not ask it.
    """

    key: str
    parent: str
    kind: Kind
    asked: Asked
    prompt: Texts
    quiet: Texts | None
    options: tuple[Option, ...]
    values: frozenset[str]

    @property
    def several(self) -> bool:
        """Whether the value is a tuple of texts rather than one text."""
        return self.kind is Kind.SEVERAL


@dataclass(frozen=True, slots=True)
class Item:
    """One of the questions: ``prompt`` is the worker's keyword line, ``say`` is for the person.

    ``label`` names the item in a result ("Death threats"), ``quiet`` is a keyword that a bystander may
    read, ``hint`` helps the worker. ``critical`` items suffice alone; others carry ``points``.
    """

    id: str
    critical: bool
    points: int
    dimensions: tuple[str, ...]
    sources: tuple[str, ...]
    prompt: Texts
    label: Texts
    say: Texts
    quiet: Texts
    hint: Texts
    followups: tuple[FollowUp, ...]

    @property
    def time(self) -> FollowUp | None:
        """The item's time follow-up, whose key is its id plus ``t``; S13's discovery is no ``Time``."""
        return next((f for f in self.followups if f.kind in TIME_KINDS), None)

    @property
    def expected(self) -> bool:
        """Whether its time says when something is *expected* (travel, marriage, cutting)."""
        return self.time is not None and self.time.kind is Kind.TIME_EXPECTED


@dataclass(frozen=True, slots=True)
class Gate:
    """The question before all others: whether the person is alone and nobody can hear."""

    id: str
    prompt: Texts
    say: Texts
    hint: Texts


@dataclass(frozen=True, slots=True)
class Observation:
    """Something a worker may see without asking; ``keyword`` is neutral, ``meaning`` is for training."""

    id: str
    keyword: Texts
    meaning: Texts


@dataclass(frozen=True, slots=True)
class RuleData:
    """What the triage rule reads from the file: thresholds in points, and the items by their role."""

    points_serious: int
    points_high: int
    always_now: frozenset[str]
    violence: str
    breath: str
    trigger: str
    trigger_time: str
    trigger_old: str
    collective: str
    decided: str
    control: str
    separation: str
    cluster: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    """A whole instrument; ``items`` in the order of its table, orders as tuples of item ids."""

    id: str
    version: int
    title: Texts
    reviewed: Mapping[str, frozenset[Language]]
    gate: Gate
    items: tuple[Item, ...]
    observations: tuple[Observation, ...]
    officer_order: tuple[str, ...]
    outreach_order: tuple[str, ...]
    answer_labels: Mapping[str, Texts]
    level_labels: Mapping[str, Texts]
    band_labels: Mapping[str, Texts]
    rules: RuleData
    by_id: Mapping[str, Item]
    followups: Mapping[str, FollowUp]

    @property
    def answer_keys(self) -> tuple[str, ...]:
        """The gate and every item: the keys that an answer may have."""
        return (self.gate.id, *self.by_id)

    def is_reviewed(self, part: str, language: Language) -> bool:
        """Say whether practitioners reviewed ``part`` (``prompt`` or ``say``) in ``language``."""
        return language in self.reviewed[part]
