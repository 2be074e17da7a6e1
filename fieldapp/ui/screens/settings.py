"""Settings: every choice shows at once and is kept in the vault; changing the passphrase has a screen of its own."""

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import secondary_button
from fieldapp.kit.choices import appearance_choices, lock_choices, setting_chips
from fieldapp.kit.interface import Question, bound
from fieldapp.kit.layout import list_row, section
from fieldapp.kit.names import network_words
from fieldapp.kit.notices import notice
from fieldapp.services.passphrases import Choice
from fieldapp.services.settings import Work
from fieldapp.services.shelf import MOST_NOTEBOOKS
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.standing import standing_words
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.screens.front import front_words
from fieldapp.ui.state import FieldState, Screen
from sync.downstream import DevicePolicy


@component
def settings_screen(state: FieldState) -> ft.View:
    """Offer every setting as chips, and the few things that are done from here."""
    t, trying = state.t, use_trying(state)
    return framed(
        state,
        [
            *trying.shown(),
            section(state, t("This device"), _device(state, trying)),
            *_choices(state, trying),
            section(state, t("Protection"), [*_timing(state, trying), *_passphrase_rows(state)]),
            section(state, t("More"), [_row(state, t("About"), _about_words(state), Screen.ABOUT, "about")]),
        ],
        title=t("Settings"),
        bottom=[
            secondary_button(
                state, t("Lock now"), state.cover, icon=ft.Icons.LOCK_OUTLINED, identifier="lock-now"
            )
        ],
    )


def _device(state: FieldState, trying: Trying) -> list[ft.Control]:
    t, tn, book, delivery = state.t, state.tn, state.open.book, state.open.delivery
    title, words = standing_words(t, book.standing)
    if book.standing.may_enrol:
        enrolled = _row(state, title, words, Screen.ENROL, "enrol")
    else:
        enrolled = list_row(state, title, words)
    waiting = tn("{n} waiting", "{n} waiting", delivery.waiting) if delivery.waiting else t("Nothing waits.")

    async def send_now() -> None:
        await delivery.send_now()

    send = list_row(
        state,
        t("Send now"),
        " ".join(filter(None, (network_words(t, delivery.network), waiting))),
        on_click=trying.of(send_now),
        identifier="send-now",
    )
    sent = _row(state, t("Sent from here"), t("How far each record has come"), Screen.OUTBOX, "outbox")
    cases = _row(state, t("My cases"), t("Who you are in touch with"), Screen.CASES, "cases")
    unread = state.open.messages.unread
    new = tn("{n} new", "{n} new", unread) if unread else t("What the centre wrote to you")
    messages = _row(state, t("Messages"), new, Screen.MESSAGES, "messages")
    return [enrolled, send, sent, messages, cases, shared_device(state)]


@component
def shared_device(state: FieldState) -> ft.Control:
    """Offer a notebook for a colleague, after saying that this one is locked for it."""
    t, shelf = state.t, state.gate.shelf
    trying = use_trying(state)
    question = Question(
        title=t("Add a notebook for a colleague?"),
        words=t(
            "Yours is locked now, and stays as it is: what waits in it is sent when you open it again. Then your "
            "colleague chooses a passphrase. Nobody can open the notebook of the other."
        ),
        yes=t("Lock mine, and add one"),
        no=t("Go back"),
        on_yes=trying.of(state.add_notebook),
    )
    count, own = len(shelf.notebooks), t("This is notebook {n}.", n=shelf.chosen)
    if count == MOST_NOTEBOOKS:
        full = list_row(state, t("Shared device"), " ".join((own, t("All four are in use."))))
        return ft.Column([*trying.shown(), full])
    words = t("Each worker gets their own, with their own passphrase.")
    row = list_row(
        state,
        t("Add a notebook for a colleague"),
        " ".join((own, words)) if count > 1 else words,
        on_click=bound(state.ask, question),
        identifier="add-notebook",
    )
    return ft.Column(
        [*trying.shown(), row], horizontal_alignment=ft.CrossAxisAlignment.STRETCH, spacing=state.theme.gap
    )


def _choices(state: FieldState, trying: Trying) -> list[ft.Control]:
    t, settings, change = state.t, state.open.book.settings, state.change_settings
    works = {Work.OFFICER: t("On call-outs"), Work.OUTREACH: t("In longer contact")}
    return [
        *appearance_choices(state, trying, change, settings),
        setting_chips(state, trying, change, t("Kind of work"), "work", works, settings.work, Work),
    ]


def _timing(state: FieldState, trying: Trying) -> list[ft.Control]:
    limits = state.open.book.orders.policy
    limited = [] if limits is None else [_limits(state, limits)]
    policy = state.open.book.policy
    if policy is not None and policy.wipe_after and state.open.book.is_bound:
        words = state.t(
            "Your centre lets this device erase this notebook after {n} wrong passphrases. What is sealed is still sent.",
            n=policy.wipe_after,
        )
        limited.append(notice(state, words))
    if policy is not None and policy.keep == 0:
        words = state.t(
            "Your centre wants nothing readable to stay here: what is sealed can no longer be opened on this device, "
            "also not by you."
        )
        limited.append(notice(state, words))
    return [*limited, *lock_choices(state, trying, state.change_settings, state.open.book.settings)]


def _limits(state: FieldState, limits: DevicePolicy) -> ft.Control:
    words = state.t(
        "Your centre locks this device after at most {idle} seconds without a tap and {hidden} seconds in the "
        "background. The shorter time counts.",
        idle=limits.idle_seconds,
        hidden=limits.background_seconds,
    )
    return notice(state, words)


def _opening_rows(state: FieldState) -> list[ft.Control]:
    """Offer another passphrase, and a PIN where the centre allows it on this device."""
    t, book = state.t, state.open.book
    title = t("Use a passphrase") if book.opened_by_pin else t("Change the passphrase")
    rows = [_row(state, title, t("The old one is asked first."), Screen.PASSPHRASE, "passphrase")]
    if book.choice is Choice.PIN_OR_PASSPHRASE:
        title = t("Change the PIN") if book.opened_by_pin else t("Use a PIN")
        words = t("Six digits or more. Your centre allows it on this device.")
        rows.append(_row(state, title, words, Screen.PIN, "pin"))
    return rows


def _passphrase_rows(state: FieldState) -> list[ft.Control]:
    t = state.t
    sheet = t("A code on paper, for when the passphrase is forgotten.")
    return [
        *_opening_rows(state),
        _row(state, t("Recovery sheet"), sheet, Screen.SHEET, "sheet"),
        _row(
            state,
            t("What others see"),
            front_words(t, notes=state.gate.front.chosen),
            Screen.FRONT,
            "front",
        ),
        _row(
            state,
            t("If somebody forces you"),
            t("More passphrases, and erasing at once"),
            Screen.FORCED,
            "forced",
        ),
        _row(
            state,
            t("If this device was copied"),
            t("Whom to tell, and a new key"),
            Screen.COPIED,
            "copied",
        ),
    ]


def _about_words(state: FieldState) -> str:
    return state.t("What is protected and what is not")


def _row(state: FieldState, title: str, detail: str, screen: Screen, identifier: str) -> ft.Control:
    return list_row(state, title, detail, on_click=bound(state.go, screen), identifier=identifier)
