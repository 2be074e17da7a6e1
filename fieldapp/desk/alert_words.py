"""What an alert says: what it means, what it does not mean, and what to do. Plain words, and no blame."""

from fieldapp.desk.words import duration_words, kind_words
from fieldapp.kit.i18n import Translator
from fieldapp.services.desk.alerts import Alert, AlertKind, Version
from fieldapp.services.desk.inbox_rows import RowKind
from sync.chain import Gap

_RECORDS = frozenset(RowKind) - {RowKind.UNREADABLE}


def title_words(t: Translator, alert: Alert) -> str:
    """Say in a few words what is wrong."""
    match alert.kind:
        case AlertKind.GAP:
            return t("A record is missing") if _single(alert) else t("Records are missing")
        case AlertKind.FORK:
            return t("Two records with one number")
        case AlertKind.ROLLBACK:
            return t("A device went back in time")
        case AlertKind.RECIPIENTS:
            return t("Sealed to other readers")
        case AlertKind.PUT_BACK:
            return t("Older files were put back")


def meaning_words(t: Translator, alert: Alert) -> str:
    """Say what is known."""
    match alert.kind:
        case AlertKind.GAP if alert.proven:
            return t("This desk once had it and cannot find it any more. Waiting will not bring it back.")
        case AlertKind.GAP:
            return t("The device made it: a later record names it. It has not arrived here.")
        case AlertKind.FORK:
            return t(
                "The device sent two different records under one number. Someone may use a copy of the device, "
                "or it was restored from an older copy."
            )
        case AlertKind.ROLLBACK:
            return t(
                "The device had gone on, and then went on once more from an earlier point. It was probably "
                "restored from an older copy, or someone uses a copy of it."
            )
        case AlertKind.RECIPIENTS:
            return t(
                "The device sealed it to other readers than your rules say, or used a list of readers that your "
                "centre never published."
            )
        case AlertKind.PUT_BACK:
            return t(
                "The device noticed it itself: its lock or its records were older than they had been. An older "
                "passphrase may have opened it, and what was saved since may be missing on it."
            )


def limits_words(t: Translator, alert: Alert) -> str:
    """Say what must not be concluded."""
    match alert.kind:
        case AlertKind.GAP:
            return t(
                "Not that somebody hid something. Phones are out of reach, break and get lost. Nobody can tell "
                "how urgent it was."
            )
        case AlertKind.FORK | AlertKind.ROLLBACK:
            return t(
                "Not that one of them is false. Each may be a real call for help, so both stay and can be read."
            )
        case AlertKind.RECIPIENTS:
            return t(
                "Not that a stranger has read it. An old version of the app, or a mistake in it, looks the same."
            )
        case AlertKind.PUT_BACK:
            return t("Not that somebody meant harm. A backup that was put back looks the same.")


def steps_words(t: Translator, alert: Alert) -> tuple[str, ...]:
    """Say what to do, in order."""
    match alert.kind:
        case AlertKind.GAP:
            return (
                t(
                    "Call the worker of this device, by voice. Ask what waits on it, and whether it was reset."
                ),
                t("Is it lost? Ask what it was about. The worker records it once more."),
                t("Then say below why it will not come."),
            )
        case AlertKind.FORK | AlertKind.ROLLBACK:
            return (
                t("Read both versions now, the more urgent one first."),
                t("Call the worker of this device, by voice. Compare what was made on it, and when."),
                t("Withdraw the device, and enrol it anew: what waits on it is then sent again."),
            )
        case AlertKind.RECIPIENTS:
            return (
                t("Read it: it may be urgent."),
                t("Call the worker. Ask who had the device, and which version of the app is on it."),
                t("If nobody can explain it, suspend the device."),
            )
        case AlertKind.PUT_BACK:
            return (
                t("Call the worker of this device, by voice. Ask who had it, and whether it was restored."),
                t("Can nobody explain it? The worker changes the passphrase and makes a new key."),
                t("Withdraw the device, and enrol it anew, if somebody may have a copy of it."),
            )


def gap_words(t: Translator, gap: Gap) -> str:
    """Name the numbers of a gap."""
    if gap.first == gap.last:
        return t("Number {n}", n=gap.first)
    return t("Numbers {first} to {last}", first=gap.first, last=gap.last)


def gaps_words(t: Translator, gaps: tuple[Gap, ...]) -> str:
    """Name the first few gaps of a chain in one line."""
    shown = ", ".join(str(g.first) if g.first == g.last else f"{g.first}-{g.last}" for g in gaps[:5])
    return t("{numbers} and more", numbers=shown) if len(gaps) > 5 else shown


def age_words(t: Translator, alert: Alert, now: int) -> str:
    """Say for how long it has been there."""
    return duration_words(t, now - alert.since)


def version_words(t: Translator, version: Version) -> str:
    """Say what kind of envelope it is."""
    kinds = {kind.value: kind for kind in _RECORDS}
    kind = kinds.get(version.msg_type)
    return kind_words(t, kind) if kind else t("Other")


def fingerprint(env_hash: bytes) -> str:
    """Return the beginning of a hash in groups that two people can compare aloud."""
    text = env_hash.hex()[:12]
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def _single(alert: Alert) -> bool:
    return alert.gap is not None and alert.gap.first == alert.gap.last
