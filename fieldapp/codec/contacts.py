"""Plain dictionaries for logged contacts and for how a person can be reached (see ``fieldapp.codec``)."""

from __future__ import annotations

from dataclasses import dataclass

from fieldapp.codec.attachments import read_attachments
from fieldapp.codec.fields import (
    VERSION,
    Body,
    closed,
    domain_rules,
    open_body,
    read_code,
    read_date,
    read_id,
    read_moment,
    wall_text,
)
from fieldapp.domain.attachment import Attachment
from fieldapp.domain.contact import (
    AlarmCause,
    Channel,
    CheckIn,
    ContactAlarm,
    ContactEvent,
    ContactRules,
    Direction,
    Outcome,
    SafeContact,
    SafeWindow,
    SeenBy,
    Tie,
    Window,
    contact_alarm,
)
from fieldapp.domain.strict import MAX_LINE, MAX_NOTE, Fields
from fieldapp.domain.triage import Band, Level


@dataclass(frozen=True, slots=True, repr=False)
class ContactReport:
    """A contact as it arrived, with the alarm that the device raised from the case's history."""

    event: ContactEvent
    claimed: ContactAlarm | None
    attachments: tuple[Attachment, ...] = ()

    @property
    def alarm(self) -> ContactAlarm | None:
        """The alarm that counts: the stronger of the claimed one and of the contact's own."""
        alarms = [alarm for alarm in (self.claimed, contact_alarm([self.event])) if alarm]
        return max(alarms, key=lambda alarm: (alarm.band, alarm.level), default=None)


def safe_contact_fields(contact: SafeContact) -> Body:
    """Return the fields of a safe contact, without id and version."""
    return {
        "channel": contact.channel and contact.channel.value,
        "number": contact.number,
        "seen_by": contact.seen_by.value,
        "contact_person": contact.contact_person,
        "rules": _rules(contact.rules),
    }


def _rules(rules: ContactRules) -> Body:
    check_in = rules.check_in
    return {
        "made_at": wall_text(rules.made_at),
        "safe": [
            {
                **_window(safe.window),
                "valid_until": safe.valid_until and safe.valid_until.isoformat(),
                "tie": safe.tie.value,
            }
            for safe in rules.safe
        ],
        "never": [_window(window) for window in rules.never],
        "who_may_answer": rules.who_may_answer,
        "what_to_say": rules.what_to_say,
        "cover_story": rules.cover_story,
        "code_word": rules.code_word,
        "distress_word": rules.distress_word,
        "voicemail": rules.voicemail,
        "sms": rules.sms,
        "check_in": check_in and {"after_hours": check_in.after_hours, "who_acts": check_in.who_acts},
    }


def _window(window: Window) -> Body:
    return {"weekday": window.weekday, "start": window.start, "end": window.end}


def read_safe_contact(fields: Fields) -> SafeContact:
    """Read the fields of a safe contact to the last one."""
    contact = SafeContact(
        rules=_read_rules(fields.table("rules")),
        channel=None if fields.null("channel") else fields.member("channel", Channel),
        number=fields.text("number", longest=MAX_LINE, empty=True),
        seen_by=fields.member("seen_by", SeenBy),
        contact_person=fields.text("contact_person", longest=MAX_LINE, empty=True),
    )
    fields.done()
    return contact


def _read_rules(table: Fields) -> ContactRules:
    notes = {
        key: table.text(key, longest=MAX_NOTE, empty=True)
        for key in ("who_may_answer", "what_to_say", "cover_story", "code_word", "distress_word")
    }
    rules = ContactRules(
        made_at=read_moment(table, "made_at"),
        safe=tuple(_read_safe_window(entry) for entry in table.tables("safe")),
        never=tuple(closed(entry, _read_window(entry)) for entry in table.tables("never")),
        voicemail=table.flag("voicemail"),
        sms=table.flag("sms"),
        check_in=None if table.null("check_in") else _read_check_in(table.table("check_in")),
        **notes,
    )
    table.done()
    return rules


def _read_window(table: Fields) -> Window:
    return Window(table.integer("weekday"), table.integer("start"), table.integer("end"))


def _read_safe_window(table: Fields) -> SafeWindow:
    until = None if table.null("valid_until") else read_date(table, "valid_until")
    return closed(table, SafeWindow(_read_window(table), until, table.member("tie", Tie)))


def _read_check_in(table: Fields) -> CheckIn:
    hours = table.integer("after_hours")
    return closed(table, CheckIn(hours, table.text("who_acts", longest=MAX_LINE, empty=True)))


def contact_body(event: ContactEvent, alarm: ContactAlarm | None) -> Body:
    """Return one contact and the alarm that it raised in the light of its case."""
    return {
        "v": VERSION,
        "id": event.id.hex(),
        "case_id": event.case_id.hex(),
        "alias": event.alias,
        "at": event.at,
        "outcome": event.outcome.value,
        "direction": event.direction.value,
        "channel": event.channel.value,
        "seen_by": event.seen_by.value,
        "next_safe": event.next_safe and wall_text(event.next_safe),
        "note": event.note,
        "reason": event.reason,
        "alarm": alarm and {"cause": alarm.cause.value, "level": alarm.level.code, "band": alarm.band.code},
    }


def parse_contact_body(data: object) -> ContactReport:
    """Read one contact with its alarm."""
    fields = open_body(data)
    with domain_rules("the contact"):
        event = ContactEvent(
            id=read_id(fields, "id"),
            case_id=read_id(fields, "case_id"),
            alias=fields.text("alias", longest=MAX_LINE),
            at=fields.integer("at"),
            outcome=fields.member("outcome", Outcome),
            direction=fields.member("direction", Direction),
            channel=fields.member("channel", Channel),
            seen_by=fields.member("seen_by", SeenBy),
            next_safe=None if fields.null("next_safe") else read_moment(fields, "next_safe"),
            note=fields.text("note", longest=MAX_NOTE, empty=True),
            reason=fields.text("reason", longest=MAX_NOTE, empty=True),
        )
    alarm = None if fields.null("alarm") else _read_alarm(fields.table("alarm"))
    attachments = read_attachments(fields)
    fields.done()
    return ContactReport(event, alarm, attachments)


def _read_alarm(table: Fields) -> ContactAlarm:
    cause = table.member("cause", AlarmCause)
    return closed(
        table, ContactAlarm(cause, read_code(table, "level", Level), read_code(table, "band", Band))
    )
