"""Around the rule: a person's raise-only override, and the lines that explain a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fieldapp.domain.instrument import Answer, Instrument
from fieldapp.domain.strict import clean_text
from fieldapp.domain.triage import Band, FiredRule, FollowUpValue, Form, Level, TriageResult
from fieldapp.errors import ScreeningError

MIN_REASON = 10
"""Characters that a reason must have at least, so that it says something."""

MAX_REASON = 500
"""Characters that a reason may have at most."""


class OverrideCause(StrEnum):
    """The chip that goes with an override."""

    NOT_ALONE = "not_alone"
    JUDGEMENT = "judgement"
    NEW_INFORMATION = "new_information"


@dataclass(frozen=True, slots=True, repr=False)
class Override:
    """A worker's raise of the level, the band or both, stored beside the rule's own result.

    It can never lower: ``effective`` takes the maximum. Raises ScreeningError for a reason that is not
    ``MIN_REASON`` to ``MAX_REASON`` characters long.
    """

    cause: OverrideCause
    level: Level
    band: Band
    reason: str

    def __post_init__(self) -> None:
        """Refuse a reason that says nothing."""
        check_reason(self.reason)


@dataclass(frozen=True, slots=True, repr=False)
class OpenOverride:
    """A raise that is being thought about: nothing of it counts before it is an ``Override``."""

    cause: OverrideCause
    level: Level
    band: Band
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a text that would not fit."""
        check_open_reason(self.reason)


def check_open_reason(reason: str) -> None:
    """Raise ScreeningError unless ``reason``, which may still be typed, can be stored."""
    if len(reason) > MAX_REASON or clean_text(reason) != reason:
        raise ScreeningError(f"A reason has at most {MAX_REASON} characters.")


def check_reason(reason: str) -> None:
    """Raise ScreeningError unless ``reason`` is a clean text of sensible length."""
    if len(reason.strip()) < MIN_REASON or len(reason) > MAX_REASON or clean_text(reason) != reason:
        raise ScreeningError(f"A reason needs {MIN_REASON} to {MAX_REASON} characters.")


def reason_of(text: str) -> str:
    """Return what was typed or pasted as a reason that can be stored."""
    return clean_text(text)[:MAX_REASON]


def proposed(cause: OverrideCause, result: TriageResult) -> tuple[Level, Band]:
    """Return what a chip proposes: not allowed to speak alone is at least HIGH within 24 hours."""
    if cause is OverrideCause.NOT_ALONE:
        return Level.HIGH, max(result.band, Band.WITHIN_24H)
    return result.level, result.band


def effective(result: TriageResult, override: Override | None) -> tuple[Level, Band]:
    """Return the level and band that count: the maximum of the rule and the override on each axis."""
    if override is None:
        return result.level, result.band
    return max(result.level, override.level), max(result.band, override.band)


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of "because": a key of the instrument and what was answered.

    ``key`` is an item, the gate or a follow-up; ``value`` is the answer or the follow-up's value;
    ``time_key`` and ``time`` name the time follow-up that made it more urgent, where there is one.
    """

    rule: str
    key: str
    value: str
    time_key: str | None = None
    time: str | None = None


def explain(
    result: TriageResult,
    answers: Mapping[str, Answer],
    followups: Mapping[str, FollowUpValue],
    instrument: Instrument,
) -> tuple[Reason, ...]:
    """Return why the result is what it is, the most urgent reason first, each key once.

    Open questions (R7) are no reason of their own while an answer fired another rule: they are counted
    in ``unanswered``.
    """
    form = Form(answers, followups, instrument)
    # Stable: reasons of the same weight stay in the order of the rule.
    ranked = sorted(result.rules, key=lambda fired: (-fired.band, -fired.level))
    answered = [fired for fired in ranked if fired.rule != "R7"]
    reasons: dict[str, Reason] = {}
    for fired in answered or ranked:
        for key in fired.items:
            reasons.setdefault(key, _reason(fired, key, form, instrument))
    return tuple(reasons.values())


def _reason(fired: FiredRule, key: str, form: Form, instrument: Instrument) -> Reason:
    if key in instrument.followups:
        return Reason(fired.rule, key, str(form.value(key)))
    item = instrument.by_id.get(key)
    time_key = item.time.key if item and item.time else None
    if key == instrument.rules.trigger:
        time_key = instrument.rules.trigger_time
    time = form.value(time_key) if time_key else None
    given = isinstance(time, str) and time != "unknown"
    return Reason(
        fired.rule,
        key,
        form.answer(key).value,
        time_key if given else None,
        time if given and isinstance(time, str) else None,
    )
