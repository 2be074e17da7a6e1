"""A contact that is being logged: how it begins, how it is kept, and the warning that goes with a hidden number."""

from dataclasses import replace
from datetime import datetime

import flet as ft

from fieldapp.domain.contact import Channel, Direction, Outcome, SeenBy
from fieldapp.domain.unfinished import LogStep, OpenContact
from fieldapp.kit.names import permission_words
from fieldapp.kit.notices import Urgency, notice
from fieldapp.services.case_file import Case, Entry
from fieldapp.ui.parts.keeping import Kept
from fieldapp.ui.state import FieldState

KeptLog = Kept[OpenContact | None]
"""The log of a screen; None until somebody is chosen."""


def begun(state: FieldState, case: Case, instead_of: OpenContact | None = None) -> OpenContact:
    """Return the log of a contact with `case`: what its rules say is chosen.

    `instead_of` is a log that was begun already. For somebody else by mistake: the contact was at the same time. For the
    same person: nothing of it is lost.
    """
    if instead_of and instead_of.case_id == case.id:
        return replace(instead_of, step=LogStep.WHAT)
    book, contact = state.open.book, case.contact
    return OpenContact(
        id=instead_of.id if instead_of else book.ids.new_id(),
        case_id=case.id,
        started=instead_of.started if instead_of else book.clock.now(),
        channel=(contact.channel if contact else None) or Channel.CALL,
        seen_by=contact.seen_by if contact else SeenBy.UNKNOWN,
    )


def first_log(state: FieldState, about: bytes | str) -> OpenContact | None:
    """Return the log that a place names: one that is resumed, or a new one with a case; None when it names none."""
    if not isinstance(about, bytes):
        return None
    resumed, case = state.open.unfinished.contact(about), state.open.contacts.case(about)
    if resumed:
        return resumed.resumed(wall_time(state))
    return begun(state, case) if case else None


async def keep_log(state: FieldState, log: OpenContact | None) -> None:
    """Write a log once something was answered; VaultError."""
    unfinished = state.open.unfinished
    if log and (log.said or unfinished.contact(log.id)):
        await unfinished.save(log)


def entry_of(log: OpenContact) -> Entry:
    """Return what the service files."""
    return Entry(
        outcome=log.outcome or Outcome.OTHER,
        direction=log.direction,
        channel=log.channel,
        seen_by=log.seen_by,
        next_safe=log.next_safe,
        note=log.note,
        reason=log.reason,
    )


def hidden_notices(state: FieldState, log: OpenContact, case: Case) -> list[ft.Control]:
    """Warn that it was no safe moment, which asks for a reason; nothing when the person made contact."""
    contacts = state.open.contacts
    contact = contacts.state(case, contacts.wall_time(log.started))
    if contact.may_call or log.direction is Direction.IN:
        return []
    return [notice(state, permission_words(state.t, contact.permission), urgency=Urgency.WARNING)]


def wall_time(state: FieldState) -> datetime:
    """Return the local time in whole minutes, as windows and next moments are written."""
    return state.open.book.clock.local().replace(second=0, microsecond=0)
