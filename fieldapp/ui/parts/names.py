"""Words of the interface for values of the domain and the services: levels, stages, outcomes, channels."""

from typing import Final

from fieldapp.domain.contact import Channel, Direction, Outcome, Permission, SeenBy, Tie
from fieldapp.kit.i18n import Translator
from fieldapp.kit.notices import Level
from fieldapp.services.delivery import Network
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
            local = standing is not Standing.ENROLLED
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


def network_words(t: Translator, network: Network) -> str:
    """Say what the last look at the relay showed."""
    match network:
        case Network.ONLINE:
            return t("Connected.")
        case Network.OFFLINE:
            return t("No network.")
        case Network.PORTAL:
            return t("A login page is in the way.")
        case Network.UNKNOWN:
            return ""


def outcome_words(t: Translator, outcome: Outcome) -> str:
    """Name what a contact led to."""
    match outcome:
        case Outcome.REACHED_SAFE:
            return t("Reached, safe to talk")
        case Outcome.REACHED_NOT_ALONE:
            return t("Reached, not alone")
        case Outcome.SOMEONE_ELSE_ANSWERED:
            return t("Someone else answered")
        case Outcome.NO_ANSWER:
            return t("No answer")
        case Outcome.DISTRESS_WORD:
            return t("Distress word")
        case Outcome.OTHER:
            return t("Something else")


def channel_words(t: Translator, channel: Channel) -> str:
    """Name a way of contact."""
    match channel:
        case Channel.CALL:
            return t("Call")
        case Channel.SMS:
            return t("Text message")
        case Channel.CHAT:
            return t("Chat")
        case Channel.EMAIL:
            return t("Email")
        case Channel.IN_PERSON:
            return t("In person")
        case Channel.OTHER:
            return t("Another way")


def seen_by_words(t: Translator, seen_by: SeenBy) -> str:
    """Name who else sees the device that a contact reaches."""
    match seen_by:
        case SeenBy.NOBODY:
            return t("Nobody")
        case SeenBy.PARTNER:
            return t("Partner")
        case SeenBy.FAMILY:
            return t("Family")
        case SeenBy.OTHERS:
            return t("Others")
        case SeenBy.UNKNOWN:
            return t("Unknown")


def direction_words(t: Translator, direction: Direction) -> str:
    """Name who began a contact."""
    return t("I made contact") if direction is Direction.OUT else t("The person made contact")


def tie_words(t: Translator, tie: Tie) -> str:
    """Name what makes a window safe."""
    match tie:
        case Tie.NONE:
            return t("Always")
        case Tie.SCHOOL:
            return t("Not in school holidays")
        case Tie.WORK:
            return t("Not on days off work")


def permission_words(t: Translator, permission: Permission) -> str:
    """Say whether contact is safe now and, if not, why not."""
    match permission:
        case Permission.SAFE:
            return t("Contact is safe now.")
        case Permission.NEVER_WINDOW:
            return t("Do not make contact: this is a time to stay away.")
        case Permission.OUTSIDE_WINDOWS:
            return t("Do not make contact: this is not a safe time.")
        case Permission.EXPIRED:
            return t("Do not make contact: the rules are older than 14 days. Ask the centre.")
        case Permission.NO_RULES:
            return t("Do not make contact: no safe times are known.")
