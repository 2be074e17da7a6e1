"""The recovery sheet: made from the settings, used from the lock screen."""

from functools import partial

import flet as ft

from fieldapp.kit import layout
from fieldapp.kit.boundary import component
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.recovery import recovery_form, sheet_maker
from fieldapp.ui.parts.frame import ROUTE, framed
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import USED, FieldState, Screen


@component
def sheet_screen(state: FieldState) -> ft.View:
    """Make a sheet and test it."""
    t, trying = state.t, use_trying(state)

    async def keep(passphrase: str, code: str) -> None:
        await state.open.book.set_recovery(passphrase, code)

    return framed(
        state,
        [
            *_used(state),
            *_why(state),
            sheet_maker(state, trying, keep, state.back, pin=state.open.book.opened_by_pin),
        ],
        title=t("Recovery sheet"),
    )


def _used(state: FieldState) -> list[ft.Control]:
    """Say what a recovery has closed: whoever is forced must not find out by typing it.

    A second notebook's recovery closes no other passphrase; it is told what any notebook without a centre is told.
    """
    t = state.t
    if state.about(Screen.SHEET) != USED:
        return []
    words = [t("You opened this with a recovery sheet. That sheet opens nothing any more.")]
    if state.open.book.may_set_words:
        words.append(
            t(
                "Nor does a second or a wipe passphrase. If you had them, set them again in the settings, under: If "
                "somebody forces you."
            )
        )
    return [notice(state, " ".join(words), urgency=Urgency.WARNING)]


def _why(state: FieldState) -> list[ft.Control]:
    """Say what this notebook's bond with the key store of the device means for a sheet."""
    t = state.t
    if state.open.book.is_bound:
        words = t(
            "This device's key store can lose its secret, for instance with an update. Then only a sheet opens this."
        )
    elif state.gate.has_keystore:
        words = t(
            "Only the passphrase protects this notebook. To have this device's key store protect it too: make a sheet, "
            "lock, and open with that sheet."
        )
    else:
        return []
    return [notice(state, words)]


@component
def recover_screen(state: FieldState) -> ft.View:
    """Open with a sheet and a new passphrase; then the used sheet is replaced at once. The lock falls here as well."""
    t, trying = state.t, use_trying(state)

    async def recover(passphrase: str, code: str) -> None:
        await state.recover(code, passphrase)

    return layout.screen(
        state,
        ROUTE,
        [
            recovery_form(
                state,
                trying,
                recover,
                partial(state.swap, Screen.RECOVER),
                busy=state.busy,
                found=str(state.about(Screen.RECOVER)),
            )
        ],
        title=t("Locked"),
        on_back=state.presence.lock,
    )
