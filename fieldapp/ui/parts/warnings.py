"""What is wrong with this device as a whole and not with one record: told on home and over what was sent."""

import flet as ft

from fieldapp.kit.notices import Urgency, error_notice, notice
from fieldapp.kit.times import date_words
from fieldapp.ui.parts.standing import standing_notice
from fieldapp.ui.state import FieldState


def device_warnings(state: FieldState) -> list[ft.Control]:
    """Return what the worker must know before relying on sending, the gravest first; nothing when all is well."""
    t, notebook = state.t, state.open
    found: list[ft.Control] = [*standing_notice(state)]
    if not notebook.book.outbox_readable:
        found.append(
            error_notice(
                state,
                t("What waits to be sent cannot be opened on this device."),
                t("Your records are here and can be read."),
                t("Nothing can be sent from here now. Tell the centre by phone, and ask its technician."),
            )
        )
    if notebook.delivery.rejected_directory is not None:
        found.append(
            error_notice(
                state,
                t("The relay offers a new address list of the centre that cannot be trusted."),
                t("The last good list is still used. Everything is safe on this device."),
                t("Call the centre and report this. Use a number that you know."),
            )
        )
    return [*found, *_expiry(state), *_damaged(state)]


def _expiry(state: FieldState) -> list[ft.Control]:
    """Say from 30 days before it that the centre's address list runs out: recording and sending go on all the same."""
    t, trust, now = state.t, state.open.book.trust, state.open.book.clock.now()
    if trust is None or not trust.expires_soon(now):
        return []
    day = date_words(trust.expires)
    if trust.expired(now):
        words = t(
            "The centre's address list has run out on {day}. Go on recording. Tell the centre.", day=day
        )
    else:
        words = t(
            "The centre's address list runs out on {day}. Connect to a network before then. If this message "
            "stays, tell the centre. You can go on recording.",
            day=day,
        )
    return [notice(state, words, urgency=Urgency.WARNING)]


def _damaged(state: FieldState) -> list[ft.Control]:
    book = state.open.book
    # An outbox that does not open is among what is damaged, and has words of its own above.
    count = len(book.damaged) - (not book.outbox_readable)
    if not count:
        return []
    words = state.tn(
        "{n} stored record cannot be read. It was kept as it is; the others are in order. Tell the centre.",
        "{n} stored records cannot be read. They were kept as they are; the others are in order. Tell the centre.",
        count,
    )
    return [notice(state, words, urgency=Urgency.WARNING)]
