"""Settings of the desk: language, look, lock, and what the relay's operator needs; and what is protected."""

from collections.abc import Callable, Mapping
from typing import Any

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import password_field, typed
from fieldapp.kit.i18n import LANGUAGES, Translator
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, list_row, section
from fieldapp.kit.notices import empty_state
from fieldapp.kit.panes import Pane
from fieldapp.kit.passphrase import passphrase_chooser
from fieldapp.kit.text import body, heading
from fieldapp.kit.trying import Trying, use_trying
from fieldapp.services.settings import BACKGROUND_CHOICES, IDLE_CHOICES, TEXT_SCALES, Look
from fieldapp.vault.errors import WrongPassphrase


@component
def settings_screen(state: DeskState) -> ft.View:
    """Offer every setting as chips; each shows at once."""
    t, tn, settings, trying = state.t, state.tn, state.settings, use_trying(state, trouble_notice)
    looks = {Look.SYSTEM: t("As the device"), Look.LIGHT: t("Light"), Look.DARK: t("Dark")}
    scales = {str(scale): f"{scale} %" for scale in TEXT_SCALES}
    idle = {str(s): tn("{n} minute", "{n} minutes", s // 60) for s in IDLE_CHOICES}
    hidden = {str(s): tn("{n} second", "{n} seconds", s) if s else t("At once") for s in BACKGROUND_CHOICES}
    content = [
        *trying.shown(),
        _chips(state, trying, t("Language"), "language", LANGUAGES, settings.language, str),
        _chips(state, trying, t("Light or dark"), "look", looks, settings.look, Look),
        _chips(state, trying, t("Text size"), "text_scale", scales, str(settings.text_scale), int),
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
        _row(
            state,
            t("Change the passphrase"),
            t("The old one is asked first."),
            Screen.PASSPHRASE,
            "passphrase",
        ),
        _row(state, t("The centre's keys"), t("How long they last, and who signs"), Screen.KEYS, "keys"),
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


def _row(state: DeskState, title: str, detail: str, screen: Screen, identifier: str) -> ft.Control:
    return list_row(state, title, detail, on_click=bound(state.go, screen), identifier=identifier)


@component
def passphrase_screen(state: DeskState) -> ft.View:
    """Change the passphrase: the old one, then a strong new one."""
    t, trying = state.t, use_trying(state, trouble_notice)
    old, set_old = ft.use_state("")
    asked, set_asked = ft.use_state(False)
    done, set_done = ft.use_state(False)
    title = t("Change the passphrase")

    async def change(new: str) -> None:
        await state.open.change_passphrase(old, new)
        set_old("")
        set_done(True)

    async def choose(new: str) -> None:
        set_asked(True)
        if old:
            await trying.of(change, new)()

    if done:
        words = t("From now on only the new one opens this desk.")
        changed = empty_state(state, ft.Icons.LOCK_OUTLINED, t("The passphrase is changed"), words)
        end = primary_button(state, t("Done"), state.back, identifier="done")
        return framed(state, Pane(title, [changed], on_back=state.back, bottom=[end]))
    wrong = isinstance(trying.error, WrongPassphrase)
    said = [] if wrong else trying.shown(t("Changing. This takes a moment."))
    return framed(
        state,
        Pane(
            title,
            [
                password_field(
                    state,
                    t("Old passphrase"),
                    old,
                    typed(set_old),
                    autofocus=True,
                    error=_old_error(t, missing=asked and not old, wrong=wrong),
                ),
                # Always there: what comes and goes above the fields would empty them.
                ft.Column([*said], spacing=state.theme.gap),
                section(state, t("The new one"), [passphrase_chooser(state, choose, t("Change it"))]),
            ],
            on_back=state.back,
        ),
    )


def _old_error(t: Translator, *, missing: bool, wrong: bool) -> str | None:
    if missing:
        return t("Type the old passphrase first.")
    return t("That is not the passphrase of this desk.") if wrong else None


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
