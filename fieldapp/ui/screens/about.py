"""About: what is protected and what is not, in plain words, without promising more than is true."""

from importlib.metadata import PackageNotFoundError, version

import flet as ft

from fieldapp.assets import default_instrument
from fieldapp.domain.instrument import Language
from fieldapp.kit.boundary import component
from fieldapp.kit.layout import section
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.state import FieldState


@component
def about_screen(state: FieldState) -> ft.View:
    """Say what the worker can rely on, and what nobody can."""
    t = state.t
    return framed(
        state,
        [
            notice(
                state,
                t(
                    "No outside expert has reviewed this app yet. Until then use it only as your centre decided."
                ),
                urgency=Urgency.WARNING,
            ),
            section(state, t("What is protected"), _lines(state, ft.Icons.CHECK_ROUNDED, _protected(state))),
            section(state, t("What is not"), _lines(state, ft.Icons.REMOVE_ROUNDED, _not_protected(state))),
            section(state, t("The questions"), [body(state, words) for words in _questions(state)]),
            *_model(state),
            section(state, t("Version"), [body(state, _version(state))]),
        ],
        title=t("About"),
    )


def _model(state: FieldState) -> list[ft.Control]:
    """Show what a phone calls itself, to be read out to the centre; it is not sent."""
    t = state.t
    if not state.gate.model:
        return []
    words = t(
        "By this name your centre can allow a PIN on it. The name is not sent: read it out, letter by letter."
    )
    return [
        section(
            state,
            t("This device"),
            [body(state, isolate(state.gate.model), strong=True), quiet(state, words)],
        )
    ]


def _protected(state: FieldState) -> list[str]:
    t = state.t
    return [
        t("Everything you write is encrypted on this device before it is kept, from the first tap."),
        t("What you send can be opened by your centre only. The relay that carries it can read nothing."),
        t("After many wrong passphrases the device makes whoever tries wait longer and longer."),
        *_guarded(state),
        t("Lists show random words, never names. The screen goes blank when you look away from the app."),
        t("Nothing is asked from any other server: no map, no statistics, no fonts."),
    ]


def _guarded(state: FieldState) -> list[str]:
    if not state.open.book.is_bound:
        return []
    return [
        state.t(
            "A copy of its files opens on no other device without a recovery sheet: this device's key store guards a "
            "secret."
        )
    ]


def _not_protected(state: FieldState) -> list[str]:
    t = state.t
    return [
        *(
            []
            if state.open.book.is_bound
            else [t("This device guards no secret for the app: only the passphrase does.")]
        ),
        t(
            "Whoever forces you to unlock sees what is on the device. See the settings: If somebody forces you."
        ),
        *(
            [t("The notes that stand in front of the lock can be read by anybody.")]
            if state.gate.front.chosen
            else []
        ),
        t("A camera, or a screenshot on some devices, sees what you see."),
        t("A device that is taken while it is open, or that was tampered with, can give everything away."),
        t("Whoever watches the network can see that the app is used, and when. Not what is in it."),
        t(
            "The relay knows the address of your network and can hold records back. You see it in their state."
        ),
        t("What is erased is overwritten, but traces in the device's memory chips can remain."),
        t("After locking, traces can stay in the working memory until the app is closed."),
        t("The device's own usage lists and keyboards are out of the app's reach."),
        t("People at the centre who may read a record can pass it on."),
        t(
            "If you forget the passphrase, only a recovery sheet opens what is only here. Make one in the settings."
        ),
    ]


def _questions(state: FieldState) -> list[str]:
    t, instrument = state.t, default_instrument()
    language = Language(state.language)
    reviewed = all(instrument.is_reviewed(part, language) for part in ("prompt", "say"))
    review = (
        t("Practitioners have reviewed the wording in this language.")
        if reviewed
        else t(
            "Practitioners have not reviewed the wording in this language yet. A person judges, not the list."
        )
    )
    return [t("Instrument {id}, version {n}.", id=instrument.id.upper(), n=instrument.version), review]


def _version(state: FieldState) -> str:
    try:
        return version("fieldapp")
    except PackageNotFoundError:
        return state.t("Unknown")


def _lines(state: FieldState, icon: ft.IconData, lines: list[str]) -> list[ft.Control]:
    return [_line(state, icon, words) for words in lines]


def _line(state: FieldState, icon: ft.IconData, words: str) -> ft.Control:
    theme = state.theme
    text = body(state, words)
    text.expand = True
    mark = ft.Icon(icon, size=theme.icon_small, color=theme.palette.accent.ink)
    return ft.Row([mark, text], spacing=theme.gap, vertical_alignment=ft.CrossAxisAlignment.START)
