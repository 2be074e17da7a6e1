"""Changes of the rules of a case that are under way: how they begin, what a tap changes, and what is saved in the end.

Rules hold for 14 days from when they were said. Every change therefore dates them anew; what was begun, left and saved
on another day keeps the date of its last change. Saving without any change confirms them as of now.
"""

from collections.abc import Callable
from dataclasses import replace

from fieldapp.domain.contact import ContactRules, SafeContact, SafeWindow, Window
from fieldapp.domain.unfinished import OpenRules
from fieldapp.services.case_file import Case
from fieldapp.ui.parts.contact_log import wall_time
from fieldapp.ui.parts.keeping import Edit, Kept
from fieldapp.ui.parts.window_editor import Times
from fieldapp.ui.state import FieldState

KeptRules = Kept[OpenRules]
"""The changes that a screen shows."""


def begun_rules(state: FieldState, case: Case) -> OpenRules:
    """Return the rules of a case, unchanged."""
    book = state.open.book
    contact = case.contact or SafeContact(ContactRules(wall_time(state)))
    check_in = contact.rules.check_in
    return OpenRules(
        id=book.ids.new_id(),
        case_id=case.id,
        started=book.clock.now(),
        contact=contact,
        who_acts=check_in.who_acts if check_in else "",
    )


def with_contact(state: FieldState, **changes: object) -> Edit[OpenRules]:
    """Return the edit that replaces fields of the safe contact."""
    return _dated(state, lambda contact: replace(contact, **changes))  # type: ignore[arg-type]


def with_rules(state: FieldState, **changes: object) -> Edit[OpenRules]:
    """Return the edit that replaces fields of the rules."""
    return _dated(state, lambda contact: replace(contact, rules=replace(contact.rules, **changes)))  # type: ignore[arg-type]


def with_who_acts(state: FieldState, who_acts: str) -> Edit[OpenRules]:
    """Return the edit that replaces who acts when nothing is heard."""
    dated = _dated(state, lambda contact: contact)
    return lambda edit: replace(dated(edit), who_acts=who_acts)


def times_of(edit: OpenRules, *, safe: bool) -> Times:
    """Return the safe or the never-windows, with the hours that are being typed."""
    rules = edit.contact.rules
    if safe:
        return Times(rules.safe, edit.safe_hours)
    return Times(tuple(SafeWindow(window) for window in rules.never), edit.never_hours)


def with_times(state: FieldState, change: Callable[[Times], Times], *, safe: bool) -> Edit[OpenRules]:
    """Return the edit that changes the safe or the never-windows, and the hours that are being typed."""

    def edit_times(edit: OpenRules) -> OpenRules:
        times = change(times_of(edit, safe=safe))
        if safe:
            dated = with_rules(state, safe=times.windows)
            return replace(dated(edit), safe_hours=times.hours)
        dated = with_rules(state, never=_never(times))
        return replace(dated(edit), never_hours=times.hours)

    return edit_times


async def save_rules(state: FieldState, case: Case, edit: OpenRules) -> None:
    """Save the changes, in the same transaction that takes what was begun off the disk; errors as `set_rules`."""
    notebook = state.open
    begun = edit if notebook.unfinished.rules_of(case.id) else None
    rules, check_in = edit.contact.rules, edit.contact.rules.check_in
    rules = replace(
        rules,
        made_at=rules.made_at if begun else wall_time(state),
        check_in=replace(check_in, who_acts=edit.who_acts) if check_in else None,
    )
    await notebook.contacts.set_rules(case, replace(edit.contact, rules=rules), begun=begun)
    notebook.delivery.wake()


def _dated(state: FieldState, change: Callable[[SafeContact], SafeContact]) -> Edit[OpenRules]:
    def edit_and_date(edit: OpenRules) -> OpenRules:
        contact = change(edit.contact)
        return replace(edit, contact=replace(contact, rules=replace(contact.rules, made_at=wall_time(state))))

    return edit_and_date


def _never(times: Times) -> tuple[Window, ...]:
    return tuple(window.window for window in times.windows)
