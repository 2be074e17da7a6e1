"""What a worker is told when the centre lets this device wait, has withdrawn it, or the records were put back.

Calm, and only in the unlocked app: nothing is lost, work goes on, and there is one thing to do.
"""

import flet as ft

from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import bound
from fieldapp.kit.notices import Urgency, error_notice, notice
from fieldapp.services.membership import Standing
from fieldapp.ui.state import FieldState, Screen


def standing_notice(state: FieldState) -> list[ft.Control]:
    """Return the notice for the device's standing, with the way to a new code; nothing when all is well."""
    t, standing = state.t, state.open.book.standing
    words = _words(t, standing)
    if words is None:
        return _keys_notice(state) if state.open.book.keys_put_back else []
    if standing is Standing.SUSPENDED:  # nothing failed, and there is nothing to do here but to call
        return [
            notice(
                state, "\n".join(words), urgency=Urgency.WARNING, icon=ft.Icons.PAUSE_CIRCLE_OUTLINE_ROUNDED
            )
        ]
    anew = t("Enrol this device again") if standing.may_enrol else None
    return [error_notice(state, *words, action=anew, on_click=bound(state.go, Screen.ENROL))]


def _keys_notice(state: FieldState) -> list[ft.Control]:
    """Say that an older header was put back, until the worker has understood it."""
    t = state.t
    notice = error_notice(
        state,
        t("An older copy of this device's lock was put back. An older passphrase may open it again."),
        t("Your records are as you left them, and you can keep working."),
        t("If you did not do this yourself: call the centre, change the passphrase, and make a new key."),
        action=t("I have understood"),
        on_click=state.open.book.understood_put_back,
    )
    return [notice]


def _words(t: Translator, standing: Standing) -> tuple[str, str, str] | None:
    match standing:
        case Standing.SUSPENDED:
            return (
                t("The centre asks this device to wait."),
                t(
                    "You can keep working. What you finish stays here, encrypted, until the centre lets it go on."
                ),
                t("Call the centre and ask why. If someone is in danger, do not wait: call."),
            )
        case Standing.REVOKED:
            return (
                t("This device no longer belongs to the centre."),
                t("You can keep working. Everything stays here, encrypted, and nothing is lost."),
                t("Ask the centre for a new code. Then everything that waits is sent, in order."),
            )
        case Standing.PUT_BACK:
            return (
                t("The records on this device are older than they were. It may come from an older copy."),
                t("They can be read. Nothing new can be saved until the device is enrolled again."),
                t("Call the centre and ask for a new code. Until then, write on paper and call."),
            )
        case Standing.LOCAL | Standing.PENDING | Standing.ENROLLED:
            return None


def standing_words(t: Translator, standing: Standing) -> tuple[str, str]:
    """Return a title and a line for the settings."""
    match standing:
        case Standing.ENROLLED:
            return t("Enrolled at a centre"), t("Finished records are sent automatically.")
        case Standing.SUSPENDED:
            return t("Waits for the centre"), t("Records stay here until the centre lets them go on.")
        case Standing.REVOKED | Standing.PUT_BACK:
            return t("To be enrolled again"), t("Records stay here until it is.")
        case Standing.LOCAL | Standing.PENDING:
            return t("Not enrolled yet"), t("Records stay here until it is.")
