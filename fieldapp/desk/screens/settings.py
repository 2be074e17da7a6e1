"""Settings of the desk: language, look, lock, and what the relay's operator needs; and what is protected."""

from collections.abc import Callable, Mapping
from typing import Any

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState, Screen
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import secondary_button
from fieldapp.kit.i18n import LANGUAGES
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, list_row
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, heading, quiet
from fieldapp.services.settings import BACKGROUND_CHOICES, IDLE_CHOICES, TEXT_SCALES, Look


@component
def settings_screen(state: DeskState) -> ft.View:
    """Offer every setting as chips; each shows at once."""
    t, tn, settings = state.t, state.tn, state.settings
    looks = {Look.SYSTEM: t("As the device"), Look.LIGHT: t("Light"), Look.DARK: t("Dark")}
    scales = {str(scale): f"{scale} %" for scale in TEXT_SCALES}
    idle = {str(s): tn("{n} minute", "{n} minutes", s // 60) for s in IDLE_CHOICES}
    hidden = {str(s): tn("{n} second", "{n} seconds", s) if s else t("At once") for s in BACKGROUND_CHOICES}
    content = [
        _chips(state, t("Language"), "language", LANGUAGES, settings.language, str),
        _chips(state, t("Light or dark"), "look", looks, settings.look, Look),
        _chips(state, t("Text size"), "text_scale", scales, str(settings.text_scale), int),
        _chips(state, t("Lock without a tap after"), "idle_seconds", idle, str(settings.idle_seconds), int),
        _chips(
            state,
            t("Lock in the background after"),
            "background_seconds",
            hidden,
            str(settings.background_seconds),
            int,
        ),
        quiet(state, t("These choices hold until the program ends.")),
        _row(
            state, t("The relay"), t("How it stands, and what its operator needs"), Screen.HANDOVER, "relay"
        ),
        _row(state, t("About"), t("What is protected and what is not"), Screen.ABOUT, "about"),
    ]
    lock = secondary_button(
        state, t("Lock now"), state.cover, icon=ft.Icons.LOCK_OUTLINED, identifier="lock-now"
    )
    return framed(state, Pane(t("Settings"), content, bottom=[lock]))


def _chips(
    state: DeskState,
    label: str,
    name: str,
    words: Mapping[Any, str],
    chosen: str,
    value_of: Callable[[str], object],
) -> ft.Control:
    def choose(key: str) -> None:
        state.apply(state.settings.with_(**{name: value_of(key)}))

    options = [Option(str(key), shown) for key, shown in words.items()]
    return chips(state, label, options, frozenset({str(chosen)}), choose, identifier=name)


def _row(state: DeskState, title: str, detail: str, screen: Screen, identifier: str) -> ft.Control:
    return list_row(state, title, detail, on_click=bound(state.go, screen), identifier=identifier)


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
