"""Levels, bands and reasons in the words of the instrument that asked, in the reader's language."""

from typing import Final

from fieldapp.domain.instrument import Answer, FollowUp, Instrument
from fieldapp.domain.judgement import Reason
from fieldapp.domain.triage import Band, Level
from fieldapp.kit.notices import Level as Shown

SHOWN_LEVEL: Final = {Level.CONCERN: Shown.CONCERN, Level.SERIOUS: Shown.SERIOUS, Level.HIGH: Shown.HIGH}
"""The domain's levels as the kit draws them."""


def band_words(instrument: Instrument, band: Band, language: str) -> str:
    """Return "Within 24 hours" and its like."""
    return instrument.band_labels[band.code.lower()][language]


def level_words(instrument: Instrument, level: Level, language: str) -> str:
    """Return "High" and its like."""
    return instrument.level_labels[level.code.lower()][language]


def answer_words(instrument: Instrument, answer: Answer, language: str) -> str:
    """Return "Yes", "Not asked" and their like."""
    return instrument.answer_labels[answer.value][language]


def reason_words(instrument: Instrument, reason: Reason, language: str) -> tuple[str, str]:
    """Return one line of "because" as what was asked and what was answered: ("Death threats", "Yes, today")."""
    if reason.key in instrument.followups:
        followup = instrument.followups[reason.key]
        return followup.prompt[language], _option_label(followup, reason.value, language)
    item = instrument.by_id.get(reason.key)
    asked = item.label[language] if item else instrument.gate.prompt[language]
    said = answer_words(instrument, Answer(reason.value), language)
    if reason.time_key and reason.time:
        when = _option_label(instrument.followups[reason.time_key], reason.time, language)
        return asked, f"{said}, {when[:1].lower()}{when[1:]}"
    return asked, said


def _option_label(followup: FollowUp, value: str, language: str) -> str:
    return next((o.label[language] for o in followup.options if o.value == value), value)
