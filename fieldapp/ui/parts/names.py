"""Words of the interface for values of the domain and the services: levels, stages, outcomes, channels."""

from typing import Final

from fieldapp.domain.contact import Outcome
from fieldapp.kit.i18n import Translator
from fieldapp.kit.names import outcome_words
from fieldapp.kit.notices import Level
from fieldapp.services.filed import Filed, Stage, What
from fieldapp.services.membership import Standing
from sync.protocol import MsgType

BANDS: Final = ("NOW", "24H", "72H", "PLANNED")
"""Codes of the bands, the most urgent first."""


def level_of(record: Filed) -> Level | None:
    """Return the level of a record as it is drawn; a quiet contact has none."""
    return Level(record.level.lower()) if record.level else None


def band_words(t: Translator, band: str) -> str:
    """Say what a band asks for; "" without one."""
    words = (
        t("Act now"),
        t("Act within 24 hours"),
        t("Act within 72 hours"),
        t("Plan the next step"),
    )
    return dict(zip(BANDS, words, strict=True)).get(band, "")


def what_words(t: Translator, record: Filed) -> str:
    """Say what was recorded."""
    match record.what:
        case What.SCREENING:
            return t("Screening")
        case What.RULES:
            return t("Contact rules")
        case What.CONTACT:
            return outcome_words(t, Outcome(record.outcome)) if record.outcome else t("Contact")


def stage_words(t: Translator, stage: Stage, standing: Standing) -> str:
    """Say how far a record has come."""
    match stage:
        case Stage.KEPT:
            return t("Kept on this device")
        case Stage.LOCAL:
            local = standing.may_enrol or standing is Standing.PENDING
            return t("Waits until this device is enrolled") if local else t("Waits on this device")
        case Stage.SEALED:
            return t("Waits to be sent")
        case Stage.STORED:
            return t("At the relay, not yet at the centre")
        case Stage.RECEIVED:
            return t("At the centre, not opened yet")
        case Stage.OPENED:
            return t("Opened at the centre")


def part_words(t: Translator, kind: MsgType) -> str:
    """Name one part of a record, as the worker knows it."""
    match kind:
        case MsgType.SCREENING:
            return t("The answers")
        case MsgType.IDENTITY:
            return t("Who it is about")
        case MsgType.SAFE_CONTACT:
            return t("How to reach the person safely")
        case MsgType.CONTACT:
            return t("The contact")
        case _:
            return t("Another part")
