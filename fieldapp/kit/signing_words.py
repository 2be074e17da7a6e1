"""What a signing request says, in plain words: read at the desk and by key holders before they sign.

Names come from whoever wrote the request, so nothing that could move a cursor or hide a line is let through.
"""

from collections.abc import Iterable

from fieldapp.kit.i18n import Translator
from fieldapp.kit.times import date_words
from sync.comparison import TIMES, Change, What
from sync.signing import Quorum, Tally


def change_lines(t: Translator, changes: Iterable[Change]) -> list[str]:
    """Return one or more lines for each change."""
    return [line for change in changes for line in _lines(t, change)]


def tally_words(t: Translator, tally: Tally) -> str:
    """Say whose signatures these are."""
    match tally.quorum:
        case Quorum.DIRECTORY:
            return t("Address list of the centre")
        case Quorum.ROOT:
            return t("New key holders")
        case Quorum.FORMER_ROOT:
            return t("Key holders until now")


def plain(words: str) -> str:
    """Return words without what cannot be seen: controls, line breaks, marks that turn the direction."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _lines(t: Translator, change: Change) -> list[str]:
    if change.what is What.ISSUED:
        return [t("Made on {day}", day=_number(change.what, change.after))]
    if change.what is What.PREKEYS_REPLACED:
        return [t("Keys already published are replaced at once: {names}", names=_names(change.added))]
    if change.what is What.PREKEYS_RENEWED:
        return [t("New keys for records: {names}", names=_names(change.added))]
    label = _label(t, change.what)
    if not change.added and not change.removed:
        before, after = (_number(change.what, n) for n in (change.before, change.after))
        return [t("{what}: {after} (until now {before})", what=label, after=after, before=before)]
    lines = []
    if change.added:
        lines.append(t("{what}, new: {names}", what=label, names=_names(change.added)))
    if change.removed:
        lines.append(t("{what}, no longer: {names}", what=label, names=_names(change.removed)))
    return lines


def _number(what: What, number: int) -> str:
    try:
        return date_words(number) if what in TIMES else str(number)
    except (OverflowError, ValueError, OSError):  # a time that no calendar holds is shown as it stands there
        return str(number)


def _names(names: tuple[str, ...]) -> str:
    """Return all of them, however many: what is left out could be what matters."""
    return "; ".join(plain(name) for name in names)


def _label(t: Translator, what: What) -> str:
    words = {
        What.ROOT_KEYS: t("Root keys"),
        What.DIRECTORY_KEYS: t("Keys of key holders"),
        What.COMMAND_KEYS: t("Desks that may order a wipe"),
        What.ROLES: t("Groups that receive records"),
        What.DESKS: t("Desks"),
        What.ENROL_KEYS: t("Desks that may enrol devices"),
        What.DEVICES_REVOKED: t("Devices withdrawn (device / from number)"),
        What.DEVICES_SUSPENDED: t("Devices that shall wait"),
        What.POLICY: t("Rules for devices"),
        What.PIN_MODELS: t("Devices that a PIN of six digits may open"),
        What.RELAY: t("Relay"),
        What.PHONES: t("Phone numbers on devices"),
        What.PREKEYS_UNTIL: t("Keys for records last until"),
        What.ROOT_THRESHOLD: t("Key holders that must sign a change of key holders"),
        What.DIRECTORY_THRESHOLD: t("Key holders that must sign"),
        What.ROOT_EXPIRES: t("Key holders confirmed until"),
        What.EXPIRES: t("Address list valid until"),
        What.MIN_SUITE: t("Lowest kind of encryption"),
        What.SHARDS: t("Groups of devices at the relay"),
    }
    return words[what]
