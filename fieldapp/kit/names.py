"""Words of the interface for values of the domain: outcomes, channels, permissions, and the network."""

from fieldapp.domain.contact import Channel, Direction, Outcome, Permission, SeenBy, Tie
from fieldapp.kit.i18n import Translator
from fieldapp.services.network import Network


def network_words(t: Translator, network: Network) -> str:
    """Say what the last look at the relay showed."""
    match network:
        case Network.ONLINE:
            return t("Connected.")
        case Network.OFFLINE:
            return t("No network.")
        case Network.PORTAL:
            return t("Log in to this network first.")
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


def tie_inside(t: Translator, tie: Tie) -> str:
    """Name what makes a window safe, inside a line; "" when nothing does."""
    match tie:
        case Tie.NONE:
            return ""
        case Tie.SCHOOL:
            return t("not in school holidays")
        case Tie.WORK:
            return t("not on days off work")


def permission_words(t: Translator, permission: Permission) -> str:
    """Say whether contact is safe now and, if not, why not."""
    match permission:
        case Permission.SAFE:
            return t("Contact is safe now.")
        case Permission.NEVER_WINDOW:
            return t("Do not make contact: not at this time.")
        case Permission.OUTSIDE_WINDOWS:
            return t("Do not make contact: this is not a safe time.")
        case Permission.EXPIRED:
            return t("Do not make contact: the rules are older than 14 days. Ask the centre.")
        case Permission.NO_RULES:
            return t("Do not make contact: no safe times are known.")
