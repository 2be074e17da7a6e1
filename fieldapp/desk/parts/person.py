"""Who the person is, by holding, and how to reach them safely: each on a card of its own."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import flet as ft

from fieldapp.desk.parts.facts import fact_line, plain_line
from fieldapp.desk.state import DeskState
from fieldapp.domain.contact import ContactRules, SafeContact, Tie, Window, contact_state
from fieldapp.domain.screening import Identity
from fieldapp.kit.layout import card
from fieldapp.kit.names import channel_words, permission_words, seen_by_words, tie_inside
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.reveal import hold_to_reveal
from fieldapp.kit.text import body, heading, isolate, quiet
from fieldapp.kit.times import clock_words, moment_words, weekday_words


def identity_card(state: DeskState, identity: Identity) -> ft.Control:
    """Show who the person is: names and numbers only while they are held."""
    t = state.t
    held = [
        (t("Name"), identity.name, "held-name"),
        (t("Phone"), identity.phone, "held-phone"),
        (t("Report number"), identity.report_number, "held-report"),
    ]
    plain = []
    if identity.birth_year is not None:
        plain.append(fact_line(state, t("Born"), str(identity.birth_year)))
    if identity.children_present is not None:
        plain.append(
            fact_line(state, t("Children present"), t("Yes") if identity.children_present else t("No"))
        )
    shown = [hold_to_reveal(state, label, value, identifier=tag) for label, value, tag in held if value]
    return card(state, [heading(state, t("Who it is about")), *shown, *plain])


def reach_card(state: DeskState, contact: SafeContact) -> ft.Control:
    """Show how to reach the person, and hide the number whenever contact is not safe now."""
    t, rules = state.t, contact.rules
    now = state.gate.clock.local()
    standing = contact_state(rules, now)
    lines: list[ft.Control] = [
        heading(state, t("Reach safely")),
        notice(
            state,
            permission_words(t, standing.permission),
            urgency=Urgency.INFO if standing.may_call else Urgency.WARNING,
        ),
    ]
    if standing.next_safe:
        lines.append(
            body(state, t("Next safe time: {moment}", moment=moment_words(t, standing.next_safe, now)))
        )
    if contact.channel:
        lines.append(fact_line(state, t("By"), channel_words(t, contact.channel)))
    if contact.number and standing.may_call:
        lines.append(hold_to_reveal(state, t("Number"), contact.number, identifier="held-number"))
    lines.append(fact_line(state, t("Who else sees the device"), seen_by_words(t, contact.seen_by)))
    return card(state, [*lines, *_windows(state, rules), *_manners(state, contact)])


def _windows(state: DeskState, rules: ContactRules) -> list[ft.Control]:
    t = state.t
    lines: list[ft.Control] = []
    for tie in Tie:
        safe = _weekly(state, [s.window for s in rules.safe if s.tie is tie])
        if safe:
            label = t("Safe") if tie is Tie.NONE else t("Safe: {when}", when=tie_inside(t, tie))
            lines.append(plain_line(state, label, safe))
    never = _weekly(state, rules.never)
    if never:
        lines.append(plain_line(state, t("Never"), never))
    return lines


def _weekly(state: DeskState, windows: Iterable[Window]) -> str:
    """Return "Mon to Fri 08:30 to 15:30, Sun 10:00 to 12:00"."""

    def hours(window: Window) -> tuple[int, int]:
        return window.start, window.end

    said = []
    for (start, end), same in groupby(sorted(windows, key=lambda w: (*hours(w), w.weekday)), hours):
        days = _days(state, sorted({window.weekday for window in same}))
        said.append(
            state.t("{days} {start} to {end}", days=days, start=clock_words(start), end=clock_words(end))
        )
    return ", ".join(said)


def _days(state: DeskState, days: Sequence[int]) -> str:
    names = weekday_words(state.t)
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return state.t("{first} to {last}", first=names[days[0]], last=names[days[-1]])
    return ", ".join(names[day] for day in days)


def _manners(state: DeskState, contact: SafeContact) -> list[ft.Control]:
    t, rules = state.t, contact.rules
    held = [
        (t("Contact person"), contact.contact_person, "held-contact-person"),
        (t("Code word"), rules.code_word, "held-code-word"),
        (t("Distress word"), rules.distress_word, "held-distress-word"),
    ]
    plain = [
        (t("Who else may answer"), rules.who_may_answer),
        (t("What to say then"), rules.what_to_say),
        (t("What the family thinks this is"), rules.cover_story),
    ]
    lines: list[ft.Control] = [plain_line(state, label, isolate(words)) for label, words in plain if words]
    lines += [hold_to_reveal(state, label, words, identifier=tag) for label, words, tag in held if words]
    lines.append(fact_line(state, t("Voicemail"), t("allowed") if rules.voicemail else t("never")))
    lines.append(fact_line(state, t("Text messages"), t("allowed") if rules.sms else t("never")))
    if rules.check_in:
        acts = t(
            "Nothing heard for {n} hours: {who} acts.",
            n=rules.check_in.after_hours,
            who=isolate(rules.check_in.who_acts),
        )
        lines.append(body(state, acts))
    made = moment_words(t, rules.made_at, state.gate.clock.local())
    lines.append(quiet(state, t("Agreed {when}. Rules hold for 14 days.", when=made)))
    return lines
