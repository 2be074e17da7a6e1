"""What the centre said about reaching somebody: that it changed the rules, or that both have, and which shall hold."""

import flet as ft

from fieldapp.domain.contact import SafeContact, SafeWindow
from fieldapp.kit.buttons import secondary_button
from fieldapp.kit.layout import card, fact
from fieldapp.kit.names import channel_words, seen_by_words
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.reveal import hold_to_reveal
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, moment_words, past_words
from fieldapp.services.case_file import Case
from fieldapp.ui.parts.trying import Trying
from fieldapp.ui.parts.window_editor import grouped, window_words
from fieldapp.ui.state import FieldState


def from_centre(state: FieldState, case: Case, trying: Trying) -> list[ft.Control]:
    """Return what to show of the centre's last word about this case; nothing when it said nothing."""
    said = case.from_centre
    if said is None:
        return []
    t, now = state.t, state.open.book.clock.local()
    when = past_words(t, local_time(said.at), now)
    if case.in_question is None or case.contact is None:
        words = t("{who} at the centre changed these rules, {time}.", who=isolate(said.role), time=when)
        return [notice(state, words)] if state.open.contacts.is_by_centre(case) else []
    warning = t(
        "You and the centre both changed these rules. Choose which ones hold. Until then the more careful ones count."
    )
    theirs = t("From the centre, {time}", time=when)
    mine, made = t("Yours"), case.contact.rules.made_at
    return [
        notice(state, warning, urgency=Urgency.WARNING),
        _choice(
            state,
            case,
            case.in_question,
            theirs,
            t("Use the centre's"),
            trying,
            "use-centre",
            hidden="theirs",
        ),
        _choice(
            state,
            case,
            case.contact,
            t("{whose}, {time}", whose=mine, time=moment_words(t, made, now)),
            t("Keep mine"),
            trying,
            "keep-mine",
            hidden="mine",
        ),
    ]


def _choice(
    state: FieldState,
    case: Case,
    contact: SafeContact,
    title: str,
    words: str,
    trying: Trying,
    identifier: str,
    *,
    hidden: str,
) -> ft.Control:
    async def choose() -> None:
        await state.open.contacts.set_rules(case, contact)
        state.open.delivery.wake()

    button = secondary_button(state, words, trying.of(choose), identifier=identifier)
    return card(state, [body(state, title, strong=True), *_summary(state, case, contact, hidden), button])


def _summary(state: FieldState, case: Case, contact: SafeContact, hidden: str) -> list[ft.Control]:
    """Say what differs most often: how, who sees it, when; the number only by holding, and only when both allow it."""
    t, rules = state.t, contact.rules
    lines: list[ft.Control] = []
    if contact.channel:
        lines.append(fact(state, t("How to reach them?"), channel_words(t, contact.channel)))
    lines.append(fact(state, t("Who else sees that device?"), seen_by_words(t, contact.seen_by)))
    kinds = [(t("Safe"), rules.safe), (t("Never"), tuple(SafeWindow(window) for window in rules.never))]
    for label, windows in kinds:
        said = "\n".join(window_words(t, group) for group in grouped(windows)) or t("nothing agreed")
        lines.append(ft.Column([quiet(state, label), body(state, said)], spacing=0))
    if contact.number and state.open.contacts.state(case).may_call:
        lines.append(
            hold_to_reveal(state, t("Number or address"), contact.number, identifier=f"number-{hidden}")
        )
    if rules.what_to_say:
        lines.append(
            ft.Column(
                [quiet(state, t("What to say then")), body(state, isolate(rules.what_to_say))], spacing=0
            )
        )
    return lines
