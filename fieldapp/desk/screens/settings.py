"""Settings of the desk: language, look, lock, and what the relay's operator needs; and what is protected."""

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import secondary_button
from fieldapp.kit.choices import appearance_choices, lock_choices
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, list_row
from fieldapp.kit.panes import Pane
from fieldapp.kit.passphrase_change import PassphraseWords, use_passphrase_form
from fieldapp.kit.text import body, heading
from fieldapp.kit.trying import use_trying


@component
def settings_screen(state: DeskState) -> ft.View:
    """Offer every setting as chips; each shows at once."""
    t, settings, trying = state.t, state.settings, use_trying(state, trouble_notice)
    content = [
        *trying.shown(),
        *appearance_choices(state, trying, state.change_settings, settings),
        *lock_choices(state, trying, state.change_settings, settings),
        _row(
            state,
            t("Change the passphrase"),
            t("The old one is asked first."),
            Screen.PASSPHRASE,
            "passphrase",
        ),
        _row(state, t("The centre's keys"), t("How long they last, and who signs"), Screen.KEYS, "keys"),
        _row(
            state,
            t("Guessed passphrases"),
            t("What devices do after many wrong ones"),
            Screen.GUESSES,
            "guesses",
        ),
        _row(state, t("PIN on devices"), t("On which models six digits are enough"), Screen.PINS, "pins"),
        _row(
            state, t("The relay"), t("How it stands, and what its operator needs"), Screen.HANDOVER, "relay"
        ),
        _row(
            state, t("Sealed copies"), t("Take in what was carried here by hand"), Screen.CARRIED, "carried"
        ),
        _row(state, t("About"), t("What is protected and what is not"), Screen.ABOUT, "about"),
    ]
    lock = secondary_button(
        state, t("Lock now"), state.cover, icon=ft.Icons.LOCK_OUTLINED, identifier="lock-now"
    )
    return framed(state, Pane(t("Settings"), content, bottom=[lock]))


def _row(state: DeskState, title: str, detail: str, screen: Screen, identifier: str) -> ft.Control:
    return list_row(state, title, detail, on_click=bound(state.go, screen), identifier=identifier)


@component
def passphrase_screen(state: DeskState) -> ft.View:
    """Change the passphrase: the old one, then a strong new one."""
    t, trying = state.t, use_trying(state, trouble_notice)
    words = PassphraseWords(
        t("That is not the passphrase of this desk."), t("From now on only the new one opens this desk.")
    )
    form = use_passphrase_form(state, trying, state.open.change_passphrase, words, state.back)
    return framed(state, Pane(form.title, form.content, on_back=state.back, bottom=form.bottom))


@component
def about_screen(state: DeskState) -> ft.View:
    """Say in plain words what is protected and what is not."""
    t = state.t
    protected = [
        t("Everything on this desk is encrypted with the desk's passphrase, from the moment it arrives."),
        t(
            "The relay sees sealed envelopes, when they come, and how large they are. It can read none of them."
        ),
        t("A record is opened only by a person. The device then hears that it was read, and nothing of it."),
        t("Nothing else leaves this computer."),
    ]
    open_still = [
        t("Whoever reads over your shoulder, or has a camera in the room, sees what you see."),
        t(
            "After locking, remains of what was read may stay in the computer's memory until the program ends."
        ),
        t("There is one desk in this version: keep its backups as safe as the desk itself."),
        t("The encryption still has to be reviewed by someone from outside."),
    ]
    return framed(
        state,
        Pane(
            t("About"),
            [
                card(state, [heading(state, t("Protected")), *(body(state, line) for line in protected)]),
                card(
                    state, [heading(state, t("Not protected")), *(body(state, line) for line in open_still)]
                ),
            ],
            on_back=state.back,
        ),
    )
