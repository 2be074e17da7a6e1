"""What went wrong, in the worker's language: what happened, what is safe, what to do.

The services raise errors whose own sentences are English and meant for developers and the command line. This is the
one place that turns their types and reasons into words for a screen. Nothing of a record stands in any of them.
"""

import flet as ft

from fieldapp.errors import ContactError, ScreeningError
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Interface
from fieldapp.kit.troubles import Trouble, vault_trouble
from fieldapp.kit.trying import EXPECTED
from fieldapp.services.front_notes import NoRoomForNote, NotesUnwritable
from fieldapp.services.media import FileRefused, Refused
from fieldapp.services.sealing import NoDropToken, SealedCopyLost
from fieldapp.vault import errors as vault
from sync.answers import Refusal
from sync.errors import (
    DirectoryRejected,
    EnrolmentFailed,
    RelayRefused,
    RelayUnreachable,
    SealRefused,
)

__all__ = [
    "EXPECTED",
    "Trouble",
    "refusal_advice",
    "refusal_words",
    "sealing_trouble",
    "trouble_notice",
    "trouble_of",
]


def trouble_notice(ui: Interface, error: Exception) -> ft.Control:
    """Show `error` calmly."""
    return trouble_of(ui.t, error).notice(ui)


def trouble_of(t: Translator, error: Exception) -> Trouble:
    """Return the words for one of `EXPECTED`."""
    match error:
        case vault.VaultError():
            return vault_trouble(t, error)
        case EnrolmentFailed():
            return _of_enrolment(t, error)
        case DirectoryRejected():
            return Trouble(
                t("What the centre's relay answered could not be trusted."),
                t("Nothing was changed. Everything is safe on this device."),
                t("Call the centre. Do not try again on this network."),
            )
        case RelayRefused():
            return Trouble(
                refusal_words(t, error.reason), _everything_is_safe(t), t("Try again in a few minutes.")
            )
        case RelayUnreachable():
            return Trouble(
                t("No network, or the centre's relay does not answer."),
                _everything_is_safe(t),
                t("Check the network and the address, then try again."),
            )
        case NoDropToken() | SealRefused():
            return Trouble(
                t("This cannot be sent now."), _everything_is_safe(t), t("If it is urgent, call the centre.")
            )
        case FileRefused():
            return _of_file(t, error)
        case NotesUnwritable():
            return vault_trouble(t, vault.StorageFailed())
        case ContactError() | ScreeningError() | NoRoomForNote():
            return Trouble(
                t("Something here is too long, missing, or does not fit together."),
                _what_was_saved_is_safe(t),
                t("Check what you filled in."),
            )
        case _:
            return Trouble(t("That did not work."), _what_was_saved_is_safe(t), t("Try again."))


def refusal_words(t: Translator, reason: str) -> str:
    """Say why the relay did not take something; `reason` is a `Refusal`."""
    match reason:
        case Refusal.CAPTIVE_PORTAL:
            return t("This network asks you to log in first.")
        case Refusal.IMPOSTOR:
            return t("Something else answers in the relay's place.")
        case Refusal.BUSY:
            return t("The relay is busy.")
        case Refusal.FULL:
            return t("The relay has no room for this centre at the moment.")
        case Refusal.UNKNOWN_TOKEN | Refusal.UNAUTHORIZED:
            return t("The relay does not accept this device's records at the moment.")
        case Refusal.CONFLICT:
            return t("The relay does not accept this record.")
        case _:
            return t("The relay did not take it.")


def refusal_advice(t: Translator, reason: str) -> str:
    """Say what to do about it; sending is tried again by itself in any case."""
    match reason:
        case Refusal.CAPTIVE_PORTAL:
            return t(
                "Log in to the network in your browser, or use another network. It is then sent "
                "automatically."
            )
        case Refusal.IMPOSTOR:
            return t("Use another network. If it stays so, call the centre.")
        case Refusal.UNKNOWN_TOKEN | Refusal.UNAUTHORIZED | Refusal.CONFLICT | Refusal.FULL:
            return t("Call the centre. The app keeps trying.")
        case _:
            return t("Trying again automatically. You can continue.")


def sealing_trouble(t: Translator, error: Exception) -> Trouble:
    """Say why a finished record is not sealed, which means that it cannot be sent; one of `Book.blocked`."""
    safe, urgent = t("It is safe on this device."), t("If it is urgent, call the centre.")
    match error:
        case SealedCopyLost():
            return Trouble(
                t("The sealed copy of this record is damaged, and its content is gone from here."),
                t("The other records are in order."),
                t("Call the centre and tell them what you remember."),
            )
        case NoDropToken():
            return Trouble(
                t("This device has used up what it may send."),
                safe,
                " ".join((t("The centre renews this automatically."), urgent)),
            )
        case vault.OutboxFull() | vault.VaultFull():
            return Trouble(
                t("There is no room left to seal this."),
                safe,
                t("Connect to a network so that the centre can receive what waits."),
            )
        case vault.OutboxUnavailable():
            return Trouble(
                t("What waits to be sent cannot be opened on this device."),
                safe,
                t("Nothing can be sent from here now. Tell the centre by phone, and ask its technician."),
            )
        case vault.RecordTooLarge():
            return Trouble(t("This is too long to be sent."), safe, t("Call the centre and tell them."))
        case _:
            return Trouble(
                t("This record cannot be sealed now."),
                t("It is safe on this device. Trying again automatically."),
                urgent,
            )


def _of_enrolment(t: Translator, error: EnrolmentFailed) -> Trouble:
    safe = t("Nothing was changed. Everything is safe on this device.")
    match error.reason:
        case "code_length":
            return Trouble(
                t("The code is not complete."), safe, t("It has two lines of 26 characters. Type both.")
            )
        case "code_character":
            return Trouble(
                t("A character in the code does not exist in codes."),
                safe,
                t("Codes hold digits and letters, without U."),
            )
        case "code_centre":
            return Trouble(
                t("There is a typing error in the first line."), safe, t("Compare it group by group.")
            )
        case "code_secret":
            return Trouble(
                t("There is a typing error in the second line."), safe, t("Compare it group by group.")
            )
        case "relay":
            return Trouble(
                t("This is not an address of a relay."),
                safe,
                t("Type what stands under the code, such as relay.example."),
            )
        case "expired":
            return Trouble(t("The code is older than 15 minutes."), safe, t("Ask the clerk for a new code."))
        case "already_enrolled":
            return Trouble(t("This device is enrolled already."), safe, t("There is nothing to do."))
        case _:
            return Trouble(
                t("Enrolment stopped because an answer was not in order."),
                safe,
                t("Ask the clerk for a new code."),
            )


def _of_file(t: Translator, error: FileRefused) -> Trouble:
    nothing = t("Nothing was added.")
    match error.reason:
        case Refused.EMPTY | Refused.UNREADABLE:
            return Trouble(t("This file cannot be read."), nothing, t("Choose another one."))
        case Refused.KIND:
            return Trouble(
                t("This kind of file cannot be added."),
                nothing,
                t("Photos can be JPEG, PNG or WebP; then there are sound recordings and PDF. No films."),
            )
        case Refused.TOO_LARGE:
            return Trouble(
                t("This file is too large."),
                nothing,
                t("A recording or document has at most 1 MB. Make it shorter, or send a photo of it."),
            )
        case Refused.TOO_MANY:
            return Trouble(
                t("There is no room for more with this record."),
                nothing,
                t("Remove one, or add it to another contact."),
            )
        case Refused.NO_ROOM:
            return Trouble(
                t("There is no room for more files on this device."),
                nothing,
                t("There will be when the centre has opened what was sent before."),
            )


def _everything_is_safe(t: Translator) -> str:
    return t("Everything is safe on this device.")


def _what_was_saved_is_safe(t: Translator) -> str:
    return t("What you saved before is safe.")
