"""The recovery sheet: made from the settings, used from the lock screen."""

from functools import partial

import flet as ft

from fieldapp.kit import layout
from fieldapp.kit.boundary import component
from fieldapp.kit.notices import notice
from fieldapp.kit.recovery import recovery_form, sheet_maker
from fieldapp.ui.parts.frame import ROUTE, framed
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import FieldState, Screen


@component
def sheet_screen(state: FieldState) -> ft.View:
    """Make a sheet and test it."""
    t, trying = state.t, use_trying(state)

    async def keep(passphrase: str, code: str) -> None:
        await state.open.book.set_recovery(passphrase, code)

    return framed(
        state,
        [*_why(state), sheet_maker(state, trying, keep, state.back, pin=state.open.book.opened_by_pin)],
        title=t("Recovery sheet"),
    )


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
