"""Plain dictionaries for what was begun about a case, for this device's vault only (see ``fieldapp.codec``)."""

from __future__ import annotations

from fieldapp.codec.contacts import read_safe_contact, safe_contact_fields
from fieldapp.codec.fields import (
    VERSION,
    Body,
    closed,
    domain_rules,
    open_body,
    read_date,
    read_id,
    read_moment,
    wall_text,
)
from fieldapp.domain.contact import Channel, Direction, Outcome, SeenBy, Tie
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, Fields
from fieldapp.domain.unfinished import Hours, LogStep, OpenContact, OpenRules, Unfinished

_CONTACT, _RULES = "contact", "rules"


def unfinished_body(begun: Unfinished) -> Body:
    """Return all of it, with a word that says which of the two it is."""
    what, fields = (_CONTACT, _contact(begun)) if isinstance(begun, OpenContact) else (_RULES, _rules(begun))
    return {
        "v": VERSION,
        "what": what,
        "id": begun.id.hex(),
        "case_id": begun.case_id.hex(),
        "started": begun.started,
        **fields,
    }


def parse_unfinished(data: object) -> Unfinished:
    """Read what ``unfinished_body`` made; CodecError."""
    fields = open_body(data)
    what = fields.text("what", longest=16)
    if what not in (_CONTACT, _RULES):
        fields.fail("what", f"must be {_CONTACT} or {_RULES}")
    with domain_rules("what was begun"):
        begun = _read_contact(fields) if what == _CONTACT else _read_rules(fields)
    return closed(fields, begun)


def _contact(log: OpenContact) -> Body:
    return {
        "step": log.step.value,
        "direction": log.direction.value,
        "outcome": log.outcome and log.outcome.value,
        "channel": log.channel.value,
        "seen_by": log.seen_by.value,
        "next_safe": log.next_safe and wall_text(log.next_safe),
        "day": log.day and log.day.isoformat(),
        "time": log.time,
        "note": log.note,
        "reason": log.reason,
    }


def _read_contact(fields: Fields) -> OpenContact:
    return OpenContact(
        id=read_id(fields, "id"),
        case_id=read_id(fields, "case_id"),
        started=fields.integer("started"),
        step=fields.member("step", LogStep),
        direction=fields.member("direction", Direction),
        outcome=None if fields.null("outcome") else fields.member("outcome", Outcome),
        channel=fields.member("channel", Channel),
        seen_by=fields.member("seen_by", SeenBy),
        next_safe=None if fields.null("next_safe") else read_moment(fields, "next_safe"),
        day=None if fields.null("day") else read_date(fields, "day"),
        time=fields.text("time", longest=MAX_LINE, empty=True),
        note=fields.text("note", longest=MAX_NOTE, empty=True),
        reason=fields.text("reason", longest=MAX_NOTE, empty=True),
    )


def _rules(edit: OpenRules) -> Body:
    return {
        "contact": safe_contact_fields(edit.contact),
        "who_acts": edit.who_acts,
        "safe_hours": edit.safe_hours and _hours(edit.safe_hours),
        "never_hours": edit.never_hours and _hours(edit.never_hours),
    }


def _read_rules(fields: Fields) -> OpenRules:
    return OpenRules(
        id=read_id(fields, "id"),
        case_id=read_id(fields, "case_id"),
        started=fields.integer("started"),
        contact=read_safe_contact(fields.table("contact")),
        who_acts=fields.text("who_acts", longest=MAX_LINE, empty=True),
        safe_hours=None if fields.null("safe_hours") else _read_hours(fields.table("safe_hours")),
        never_hours=None if fields.null("never_hours") else _read_hours(fields.table("never_hours")),
    )


def _hours(hours: Hours) -> Body:
    return {
        "days": [str(day) for day in sorted(hours.days)],
        "start": hours.start,
        "end": hours.end,
        "tie": hours.tie.value,
        "week_only": hours.week_only,
    }


def _read_hours(table: Fields) -> Hours:
    days = table.texts("days", longest=1)
    if not set(days) <= set("0123456"):
        table.fail("days", "must be from 0 to 6")
    return closed(
        table,
        Hours(
            days=frozenset(int(day) for day in days),
            start=table.text("start", longest=MAX_LINE, empty=True),
            end=table.text("end", longest=MAX_LINE, empty=True),
            tie=table.member("tie", Tie),
            week_only=table.flag("week_only"),
        ),
    )
