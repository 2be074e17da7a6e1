"""Home: what waits for the worker first, then the few large actions, in thumb reach."""

from datetime import datetime

import flet as ft

from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, Screening
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, quiet_button, secondary_button, tile_button
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import card
from fieldapp.kit.names import network_words
from fieldapp.kit.notices import notice, status_line
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, past_words
from fieldapp.services.filed import Filed
from fieldapp.services.membership import Standing
from fieldapp.services.network import Network
from fieldapp.services.settings import Work
from fieldapp.ui.parts.frame import framed, quiet_switch
from fieldapp.ui.parts.screening_steps import begin, resume
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.parts.unfinished import resume_card, unfinished_cards
from fieldapp.ui.parts.warnings import device_warnings
from fieldapp.ui.state import FieldState, Screen, Undo

MOST_UNFINISHED = 3
"""Unfinished things of a kind shown at once; the rest follows when these are finished or discarded."""

_NETWORK_ICONS = {
    Network.ONLINE: ft.Icons.CLOUD_DONE_OUTLINED,
    Network.OFFLINE: ft.Icons.CLOUD_OFF_OUTLINED,
    Network.PORTAL: ft.Icons.WIFI_LOCK_OUTLINED,
    Network.UNKNOWN: ft.Icons.CLOUD_OUTLINED,
}


@component
def home_screen(state: FieldState) -> ft.View:
    """Greet, say what is unfinished or due, and offer the actions."""
    t = state.t
    later, set_later = ft.use_state(False)
    trying = use_trying(state)
    outreach = state.open.book.settings.work is Work.OUTREACH
    local = state.open.book.standing is Standing.LOCAL
    settings = icon_button(
        state,
        ft.Icons.SETTINGS_OUTLINED,
        t("Settings"),
        bound(state.go, Screen.SETTINGS),
        identifier="settings",
    )
    return framed(
        state,
        [
            _status(state),
            *trying.shown(),
            *device_warnings(state),
            *_pin_withdrawn(state),
            *_messages(state),
            *_unfinished(state, trying),
            *_due(state, trying),
            *([_enrol_hint(state, lambda: set_later(True))] if local and not later else []),
        ],
        title=_greeting(t, state.open.book.clock.local()),
        actions=[*([quiet_switch(state)] if state.quiet else []), settings],
        bottom=[
            _records(state, outreach=outreach),
            tile_button(
                state,
                ft.Icons.CHAT_BUBBLE_OUTLINE_ROUNDED,
                t("Log a contact"),
                t("What happened, in under a minute"),
                bound(state.go, Screen.CONTACT),
                identifier="log-contact",
            ),
            tile_button(
                state,
                ft.Icons.CHECKLIST_ROUNDED,
                t("New screening"),
                t("In any order, pause when you like") if outreach else t("20 questions, under 3 minutes"),
                trying.once(begin, state, Mode.OUTREACH if outreach else Mode.OFFICER),
                tone=state.theme.palette.accent,
                identifier="new-screening",
            ),
            _other_order(state, trying, Mode.OFFICER if outreach else Mode.OUTREACH),
        ],
    )


def _greeting(t: Translator, now: datetime) -> str:
    if 5 <= now.hour < 12:
        return t("Good morning")
    return t("Good afternoon") if 12 <= now.hour < 18 else t("Good evening")


def _status(state: FieldState) -> ft.Control:
    t, tn, delivery = state.t, state.tn, state.open.delivery
    if delivery.waiting:
        count = tn("{n} waiting, safe on this device.", "{n} waiting, safe on this device.", delivery.waiting)
    elif state.open.book.filed:
        count = t("All sent.")
    else:
        count = t("Nothing waits.")
    words = " ".join(filter(None, (network_words(t, delivery.network), count)))
    return status_line(state, _NETWORK_ICONS[delivery.network], words)


def _pin_withdrawn(state: FieldState) -> list[ft.Control]:
    """Ask for a passphrase, calmly, until there is one; the PIN goes on to open the device."""
    if not state.open.book.pin_withdrawn:
        return []
    words = state.t(
        "Your centre no longer allows a PIN on this device. Choose a passphrase when you have a quiet moment. Until then "
        "the PIN opens it."
    )
    to = bound(state.go, Screen.PASSPHRASE)
    return [notice(state, words, on_click=to, identifier="pin-withdrawn")]


def _messages(state: FieldState) -> list[ft.Control]:
    """Lead to what the centre wrote; nothing of it stands here."""
    unread = state.open.messages.unread
    if not unread:
        return []
    words = state.tn("{n} new message from the centre", "{n} new messages from the centre", unread)
    to = bound(state.go, Screen.MESSAGES)
    return [notice(state, words, icon=ft.Icons.MAIL_OUTLINED, on_click=to, identifier="messages")]


def _other_order(state: FieldState, trying: Trying, mode: Mode) -> ft.Control:
    t = state.t
    words = t("Or in the fixed order") if mode is Mode.OFFICER else t("Or in any order")
    return quiet_button(state, words, trying.once(begin, state, mode), identifier="other-order")


def _records(state: FieldState, *, outreach: bool) -> ft.Control:
    t, tn = state.t, state.tn
    if outreach:
        cases = len(state.open.contacts.cases)
        detail = tn("{n} open", "{n} open", cases) if cases else t("None yet")
        return tile_button(
            state,
            ft.Icons.PEOPLE_OUTLINED,
            t("My cases"),
            detail,
            bound(state.go, Screen.CASES),
            identifier="cases",
        )
    return tile_button(
        state,
        ft.Icons.OUTBOX_OUTLINED,
        t("Sent from here"),
        t("How far each record has come"),
        bound(state.go, Screen.OUTBOX),
        identifier="outbox",
    )


def _unfinished(state: FieldState, trying: Trying) -> list[ft.Control]:
    drafts = state.open.screenings.unfinished[:MOST_UNFINISHED]
    return [
        *(_screening_card(state, trying, draft) for draft in drafts),
        *unfinished_cards(state, trying, MOST_UNFINISHED),
    ]


def _screening_card(state: FieldState, trying: Trying, draft: Screening) -> ft.Control:
    t = state.t
    started = past_words(t, local_time(draft.started), state.open.book.clock.local())

    async def discard() -> None:
        dropped = await state.open.screenings.discard(draft.id)

        async def take_back() -> None:
            await state.open.screenings.save(dropped)
            state.open.book.changes.ring()

        state.undo = Undo(t("The screening of {time} was discarded.", time=started), take_back)

    return resume_card(
        state,
        t("Resume the screening of {time}?", time=started),
        isolate(draft.alias),
        t("Resume"),
        bound(resume, state, draft),
        trying.of(discard),
        draft.id.hex()[:8],
    )


def _due(state: FieldState, trying: Trying) -> list[ft.Control]:
    today = state.open.book.clock.local().date()
    kept = state.open.screenings.kept
    return [_due_card(state, trying, r) for r in kept if r.keep_until and r.keep_until <= today]


def _due_card(state: FieldState, trying: Trying, record: Filed) -> ft.Control:
    t, theme = state.t, state.theme
    tag = record.record_id.hex()[:8]

    async def send() -> None:
        await state.open.screenings.release(record.record_id, FinishChoice(FinishKind.SEND))
        state.open.delivery.wake()

    return card(
        state,
        [
            body(state, t("You kept this until today. Send it now?"), strong=True),
            quiet(state, isolate(record.alias)),
            ft.Row(
                [
                    secondary_button(
                        state, t("Send"), trying.of(send), expand=True, identifier=f"send-{tag}"
                    ),
                    quiet_button(
                        state,
                        t("View"),
                        bound(state.go, Screen.RECORD, record.record_id),
                        identifier=f"look-{tag}",
                    ),
                ],
                spacing=theme.gap,
            ),
        ],
    )


def _enrol_hint(state: FieldState, later: Handler) -> ft.Control:
    t, theme = state.t, state.theme
    words = t("This device is not enrolled at a centre yet. You can work; nothing is sent until it is.")
    return card(
        state,
        [
            body(state, words),
            ft.Row(
                [
                    secondary_button(
                        state, t("Enrol now"), bound(state.go, Screen.ENROL), expand=True, identifier="enrol"
                    ),
                    quiet_button(state, t("Later"), later, identifier="enrol-later"),
                ],
                spacing=theme.gap,
            ),
        ],
    )
