"""The desk's own words: what went wrong, what a quarantined record failed, who must not see one, where time stands."""

from typing import Final

import flet as ft

from fieldapp.domain.attachment import AttachmentKind
from fieldapp.domain.contact import AlarmCause
from fieldapp.domain.judgement import OverrideCause
from fieldapp.domain.screening import Basis, FinishKind, Interpreter, Mode, ReasonNotAsked
from fieldapp.domain.triage import Band
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Interface
from fieldapp.kit.troubles import Trouble, vault_trouble
from fieldapp.services.custody import KeyFolderUnusable
from fieldapp.services.desk.alerts import UnknownAlert
from fieldapp.services.desk.devices import AlreadyRevoked, DeviceState, EnrolmentNotReady, UnknownDevice
from fieldapp.services.desk.inbox import NotExaminable, NotOpenedYet, UnknownRow
from fieldapp.services.desk.inbox_rows import Doubt, Row, RowKind, RowState
from fieldapp.services.desk.signing import ClockDoubtful, NoFilesFound
from fieldapp.vault import errors as vault
from sync.answers import Refusal
from sync.errors import CarriedRejected, DirectoryRejected, EnrolmentFailed, RelayRefused, RelayUnreachable
from sync.protocol import Reason

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


def trouble_notice(ui: Interface, error: Exception) -> ft.Control:
    """Show an expected error calmly (an `Explain` of the kit's `use_trying`)."""
    return trouble_of(ui.t, error).notice(ui)


def trouble_of(t: Translator, error: Exception) -> Trouble:
    """Return the words for an error that a service raises on purpose."""
    kept = t("Everything that arrived is safe on this computer.")
    match error:
        case vault.VaultFull():
            return Trouble(
                t("This desk has no room left."),
                t("What was saved before is safe. What is new waits at the relay for 45 days."),
                t("Call whoever looks after this desk today."),
            )
        case vault.VaultReadOnly():
            return Trouble(
                t("The stored records look older than they should."),
                t("They can be read. Nothing new can be saved here."),
                t("Call whoever looks after this desk before you continue."),
            )
        case vault.VaultError():
            return vault_trouble(t, error)
        case CarriedRejected():
            return Trouble(
                t("This file is no sealed copy, or only a part of one."),
                t("Nothing of it was used. The device still has the record."),
                t("Choose another file, or ask the worker to save it once more."),
            )
        case RelayUnreachable():
            return Trouble(t("The relay cannot be reached."), kept, t("Check the network, then try again."))
        case RelayRefused(reason=Refusal.UNAUTHORIZED):
            return Trouble(
                t("The relay does not know this centre yet."),
                kept,
                t("Ask its operator to add the centre. The line for it stands in the settings."),
            )
        case RelayRefused():
            return Trouble(t("The relay did not take it."), kept, t("Try again in a few minutes."))
        case KeyFolderUnusable():
            return Trouble(
                t("This folder cannot be used."),
                t("Nothing was made or changed."),
                t("Put the USB stick in and check the path. Each key needs a folder of its own."),
            )
        case NoFilesFound():
            return Trouble(
                t("There is no such file in this folder."),
                t("Nothing was changed."),
                t("Put in the USB stick that was brought back, and check the path."),
            )
        case ClockDoubtful():
            return Trouble(
                t("The date of this computer is more than a year after the last change."),
                t("Nothing was changed."),
                t("Look at the date on this screen. Is it right?"),
            )
        case DirectoryRejected():
            return _signing_trouble(t, error)
        case EnrolmentFailed():
            return Trouble(
                t("What the device sent was not in order. Someone else may have used this code."),
                t("No device was enrolled."),
                t("Begin again with a new code."),
            )
        case EnrolmentNotReady():
            return Trouble(
                t("This code has ended."), t("No device was enrolled."), t("Begin again with a new code.")
            )
        case NotExaminable():
            return Trouble(
                t("This record cannot be read here."),
                t("It is kept as it came."),
                t("Call the worker of this device and ask by voice."),
            )
        case UnknownAlert() | UnknownDevice() | AlreadyRevoked():
            return Trouble(t("This was settled in the meantime."), kept, t("Look at the list again."))
        case NotOpenedYet() | UnknownRow():
            return Trouble(
                t("The record is not open any more."), kept, t("Choose it again in the inbox and open it.")
            )
        case _:
            return Trouble(t("That did not work."), t("What you saved before is safe."), t("Try again."))


def _signing_trouble(t: Translator, error: DirectoryRejected) -> Trouble:
    unchanged = t("Nothing was signed and nothing was changed.")
    match error.reason:
        case "signer":
            return Trouble(
                t("This key is not asked to sign."), unchanged, t("Use the key of one of the key holders.")
            )
        case "centre":
            return Trouble(
                t("This key belongs to another centre."), unchanged, t("Use the key of this centre.")
            )
        case "rollback":
            return Trouble(
                t("This key has signed a newer version already."),
                unchanged,
                t("Ask the other key holders which desk sent it. Do not sign before that is clear."),
            )
        case "document":
            return Trouble(
                t("These signatures belong to another request."),
                unchanged,
                t("Write the request again and have that one signed."),
            )
        case _:
            return Trouble(
                t("A file is damaged, or was not made by this program."),
                unchanged,
                t("Ask for the file again."),
            )


def quarantine_words(t: Translator, reason: str) -> str:
    """Say in plain words which check an envelope failed."""
    match reason:
        case Reason.REVOKED:
            return t("The device was withdrawn before it sent this. It may still be evidence.")
        case Reason.FORK:
            return t(
                "Two different records carry the same number. The device was copied, or restored "
                "from an older copy."
            )
        case Reason.NO_BODY_KEY:
            return t("The content was not sealed to this desk, although the rules say that it must be.")
        case Reason.RECIPIENTS:
            return t("It was sealed to other readers than the rules say.")
        case Reason.BODY_HASH | Reason.BODY_COMMITMENT | Reason.BODY_CIPHER | Reason.BODY_PADDING:
            return t("The content is damaged or was exchanged on the way.")
        case Reason.BODY_FORM | Reason.SCHEMA:
            return t("The content is not in a form that this version can read.")
        case Reason.CHUNK:
            return t("A part of a file is not the one that its record lists. Ask the worker for the file.")
        case Reason.UNKNOWN_SENDER:
            return t("The sender is no device of this centre.")
        case Reason.TYPE_NOT_ALLOWED:
            return t("This sender must not send this kind of record.")
        case Reason.SIGNATURE | Reason.HEADER_COMMITMENT | Reason.HEADER_CIPHER | Reason.HEADER_FORM:
            return t("Nobody we know vouches for it: the outside is damaged or forged.")
        case Reason.FOREIGN_CENTRE:
            return t("It was made for another centre.")
        case _:
            return t("It failed a check and cannot be read.")


def agency_words(t: Translator, agency: str) -> str:
    """Name an agency; one that the centre called by its own name keeps it."""
    known = {
        "police": t("Police"),
        "welfare": t("Welfare"),
        "youth": t("Youth services"),
        "municipality": t("Municipality"),
        "centre": t("Centre"),
        "town_hall": t("Town hall"),
        "interpreter_pool": t("Interpreters"),
        "school": t("School"),
        "shelter": t("Shelter"),
        "named_person": t("A named person"),
    }
    return known.get(agency, agency)


def agency_inside(t: Translator, agency: str) -> str:
    """Name an agency inside a line. Each language has its own capitals there: German keeps them for nouns."""
    known = {
        "police": t("police"),
        "welfare": t("welfare"),
        "youth": t("youth services"),
        "municipality": t("municipality"),
        "centre": t("centre"),
        "town_hall": t("town hall"),
        "interpreter_pool": t("interpreters"),
        "school": t("school"),
        "shelter": t("shelter"),
        "named_person": t("a named person"),
    }
    return known.get(agency, agency)


def withheld_words(t: Translator, row: Row) -> str:
    """Say who must not see a record; "" when nobody was named."""
    if not row.withheld:
        return ""
    return t("Not for: {who}", who=", ".join(agency_inside(t, who) for who in row.withheld))


def kind_words(t: Translator, kind: RowKind) -> str:
    """Say what a row is about."""
    match kind:
        case RowKind.SCREENING:
            return t("Screening")
        case RowKind.CONTACT:
            return t("Contact")
        case RowKind.SAFE_CONTACT:
            return t("Contact rules")
        case RowKind.IDENTITY:
            return t("Who it is about")
        case RowKind.UNREADABLE:
            return t("Cannot be read")


def parts_words(t: Translator, row: Row) -> str:
    """Say which parts came beside the answers."""
    parts = [
        t("name") if row.has_identity else "",
        t("safe contact") if row.has_safe_contact else "",
        files_words(t, row),
    ]
    return ", ".join(filter(None, parts))


def files_words(t: Translator, row: Row) -> str:
    """Say how many files belong to a record, and whether some are still on the way; "" without any."""
    if not row.files:
        return ""
    words = t.tn("{n} file", "{n} files", row.files)
    missing = row.files - row.files_whole
    return t("{files} ({n} still on the way)", files=words, n=missing) if missing else words


def file_words(t: Translator, kind: AttachmentKind) -> str:
    """Name a kind of file."""
    match kind:
        case AttachmentKind.PHOTO:
            return t("Photo")
        case AttachmentKind.AUDIO:
            return t("Recording")
        case AttachmentKind.DOCUMENT:
            return t("Document")


def state_words(t: Translator, row: Row, now: int) -> str:
    """Say what people did with a row, and whether somebody should have taken it on by now."""
    if row.state is RowState.ACKNOWLEDGED:
        return t("acknowledged")
    late = now > row.acknowledge_by
    if row.state is RowState.OPENED:
        return t("late, read") if late else t("read")
    return t("late, not yet read") if late else t("not yet read")


def time_left_words(t: Translator, row: Row, now: int) -> str:
    """Say how long there is to act: "now", "3 h", "overdue 2 h"; "" for what is taken on."""
    if row.state is RowState.ACKNOWLEDGED:
        return ""
    if row.band is Band.NOW or row.kind is RowKind.UNREADABLE:
        return t("now")
    left = row.time_left(now)
    return duration_words(t, left) if left > 0 else t("overdue {time}", time=duration_words(t, -left))


def duration_words(t: Translator, seconds: int) -> str:
    """Return a length of time in one unit, rounded down: what is left is never made longer."""
    if seconds >= 2 * _DAY:
        return t.tn("{n} day", "{n} days", seconds // _DAY)
    if seconds >= _HOUR:
        return t("{n} h", n=seconds // _HOUR)
    return t("{n} min", n=max(0, seconds) // _MINUTE)


def mode_words(t: Translator, mode: Mode) -> str:
    """Say in which order it was asked."""
    return t("fixed order") if mode is Mode.OFFICER else t("in conversation")


def not_asked_words(t: Translator, reason: ReasonNotAsked) -> str:
    """Say why a question was not asked."""
    match reason:
        case ReasonNotAsked.OVERHEARD:
            return t("someone could hear")
        case ReasonNotAsked.DECLINED:
            return t("did not want to answer")
        case ReasonNotAsked.NO_TIME:
            return t("no time")
        case ReasonNotAsked.NOT_APPLICABLE:
            return t("does not apply")


def basis_words(t: Translator, basis: Basis) -> str:
    """Say what an answer rests on."""
    match basis:
        case Basis.SAID:
            return t("The person said so")
        case Basis.SEEN:
            return t("Seen")
        case Basis.TOLD_BY_OTHER:
            return t("Told by someone else")
        case Basis.KNOWN:
            return t("Known before")


def interpreter_words(t: Translator, interpreter: Interpreter) -> str:
    """Say who interpreted."""
    match interpreter:
        case Interpreter.NONE:
            return t("No interpreter")
        case Interpreter.SWORN_REMOTE:
            return t("Sworn interpreter, by phone")
        case Interpreter.COLLEAGUE:
            return t("A colleague interpreted")
        case Interpreter.RELATIVE_OR_COMMUNITY:
            return t("A relative or someone of the community interpreted")


def cause_words(t: Translator, cause: OverrideCause) -> str:
    """Say why a worker raised the result."""
    match cause:
        case OverrideCause.NOT_ALONE:
            return t("Not allowed to speak alone")
        case OverrideCause.JUDGEMENT:
            return t("The worker's judgement")
        case OverrideCause.NEW_INFORMATION:
            return t("New information")


def finish_words(t: Translator, kind: FinishKind) -> str:
    """Say how the worker ended it."""
    match kind:
        case FinishKind.SEND:
            return t("Sent")
        case FinishKind.ADVICE_WITHOUT_IDENTITY:
            return t("Asks for advice, without a name")
        case FinishKind.KEEP_UNTIL:
            return t("Kept for a while, then sent")
        case FinishKind.SEND_WITHOUT_CONSENT:
            return t("Sent without consent, because of serious danger")


def alarm_words(t: Translator, cause: AlarmCause) -> str:
    """Say why a contact is an alarm."""
    match cause:
        case AlarmCause.DISTRESS_WORD:
            return t("The distress word was used.")
        case AlarmCause.SOMEONE_ELSE_TWICE:
            return t("Someone else answered, twice in a row.")
        case AlarmCause.MISSED_CHECK_IN:
            return t("A check-in was missed.")


def doubt_words(t: Translator, doubt: Doubt) -> str:
    """Say why a record should be confirmed with its worker."""
    match doubt:
        case Doubt.FORKED:
            return t("From a device that was copied, or restored from an older copy")
        case Doubt.SUSPENDED:
            return t("It came while its device was suspended")
        case Doubt.LATE:
            return t("It came after its device was withdrawn")


def device_state_words(t: Translator, state: DeviceState) -> str:
    """Say how a device stands with the centre."""
    match state:
        case DeviceState.ENROLLED:
            return t("Enrolled")
        case DeviceState.FORKED:
            return t("Copied, or restored from an older copy: do not trust what comes from it")
        case DeviceState.SUSPENDED:
            return t("Suspended")
        case DeviceState.REVOKED:
            return t("Withdrawn")
