"""Settings: every choice shows at once and is kept in the vault; changing the passphrase has a screen of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flet as ft

from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import password_field
from fieldapp.kit.i18n import LANGUAGES
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, list_row, section
from fieldapp.kit.names import network_words
from fieldapp.kit.notices import empty_state
from fieldapp.kit.passphrase import strength_bar
from fieldapp.kit.text import question as large
from fieldapp.kit.text import quiet
from fieldapp.services import passphrases
from fieldapp.services.settings import BACKGROUND_CHOICES, IDLE_CHOICES, TEXT_SCALES, Look, Work
from fieldapp.ui.parts.frame import framed, typed
from fieldapp.ui.parts.standing import standing_words
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState, Screen
from fieldapp.vault.errors import WrongPassphrase


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
    return [enrolled, send, sent, cases]


def _choices(state: FieldState, trying: Trying) -> list[ft.Control]:
    t, settings = state.t, state.open.book.settings
    looks = {Look.SYSTEM: t("As the device"), Look.LIGHT: t("Light"), Look.DARK: t("Dark")}
    works = {Work.OFFICER: t("On call-outs"), Work.OUTREACH: t("In longer contact")}
    scales = {str(scale): f"{scale} %" for scale in TEXT_SCALES}
    return [
        _chips(state, trying, t("Language"), "language", LANGUAGES, settings.language, str),
        _chips(state, trying, t("Light or dark"), "look", looks, settings.look, Look),
        _chips(state, trying, t("Text size"), "text_scale", scales, str(settings.text_scale), int),
        _chips(state, trying, t("Kind of work"), "work", works, settings.work, Work),
    ]


def _timing(state: FieldState, trying: Trying) -> list[ft.Control]:
    t, tn, settings = state.t, state.tn, state.open.book.settings
    idle = {str(s): tn("{n} minute", "{n} minutes", s // 60) for s in IDLE_CHOICES}
    hidden = {str(s): tn("{n} second", "{n} seconds", s) if s else t("At once") for s in BACKGROUND_CHOICES}
    return [
        _chips(
            state,
            trying,
            t("Lock without a tap after"),
            "idle_seconds",
            idle,
            str(settings.idle_seconds),
            int,
        ),
        _chips(
            state,
            trying,
            t("Lock in the background after"),
            "background_seconds",
            hidden,
            str(settings.background_seconds),
            int,
        ),
    ]


def _chips(
    state: FieldState,
    trying: Trying,
    label: str,
    name: str,
    words: Mapping[Any, str],
    chosen: str,
    value_of: Callable[[str], object],
) -> ft.Control:
    async def choose(key: str) -> None:
        await state.change_settings(**{name: value_of(key)})

    def tapped(key: str) -> object:
        return trying.of(choose, key)()

    options = [Option(str(key), shown) for key, shown in words.items()]
    return chips(state, label, options, frozenset({str(chosen)}), tapped, identifier=name)


def _passphrase_rows(state: FieldState) -> list[ft.Control]:
    t = state.t
    sheet = t("A code on paper, for when the passphrase is forgotten.")
    return [
        _row(
            state,
            t("Change the passphrase"),
            t("The old one is asked first."),
            Screen.PASSPHRASE,
            "passphrase",
        ),
        _row(state, t("Recovery sheet"), sheet, Screen.SHEET, "sheet"),
    ]


def _about_words(state: FieldState) -> str:
    return state.t("What is protected and what is not")


def _row(state: FieldState, title: str, detail: str, screen: Screen, identifier: str) -> ft.Control:
    return list_row(state, title, detail, on_click=bound(state.go, screen), identifier=identifier)


@component
def passphrase_screen(state: FieldState) -> ft.View:
    """Change the passphrase: the old one, a strong new one, the same once more."""
    t, trying = state.t, use_trying(state)
    old, set_old = ft.use_state("")
    new, set_new = ft.use_state("")
    again, set_again = ft.use_state("")
    asked, set_asked = ft.use_state(False)
    done, set_done = ft.use_state(False)

    async def change() -> None:
        set_asked(True)
        if not old or passphrases.judge(new).weakness is not None or new != again:
            return
        await state.open.book.change_passphrase(old, new)
        for forget in (set_old, set_new, set_again):
            forget("")
        set_done(True)

    handler = trying.of(change)
    wrong = isinstance(trying.error, WrongPassphrase)
    if done:
        return _changed(state)
    return framed(
        state,
        [
            password_field(
                state,
                t("Old passphrase"),
                old,
                typed(set_old),
                autofocus=True,
                error=t("That is not the passphrase of this device.") if wrong else None,
            ),
            password_field(state, t("New passphrase"), new, typed(set_new)),
            strength_bar(state, new),
            password_field(
                state,
                t("The same once more"),
                again,
                typed(set_again),
                on_submit=handler,
                error=t("The two are not the same.") if asked and new != again else None,
            ),
            *_suggestion(state, set_new),
            *(trying.shown(t("Changing. This takes a moment.")) if not wrong else []),
        ],
        title=t("Change the passphrase"),
        bottom=[primary_button(state, t("Change it"), handler, identifier="change")],
    )


def _suggestion(state: FieldState, take: Callable[[str], None]) -> Sequence[ft.Control]:
    t = state.t
    words, set_words = ft.use_state("")

    def propose() -> None:
        proposed = passphrases.suggest(state.language)
        set_words(proposed)
        take(proposed)

    shown = [
        quiet(state, t("Write these five words down, then type them once more:")),
        card(state, [large(state, words)]),
    ]
    return [
        *(shown if words else []),
        secondary_button(state, t("Propose five words"), propose, identifier="passphrase-propose"),
    ]


def _changed(state: FieldState) -> ft.View:
    t = state.t
    return framed(
        state,
        [
            empty_state(
                state,
                ft.Icons.LOCK_OUTLINED,
                t("The passphrase is changed"),
                t("From now on only the new one opens this device."),
            )
        ],
        title=t("Change the passphrase"),
        bottom=[primary_button(state, t("Done"), state.back, identifier="done")],
    )
