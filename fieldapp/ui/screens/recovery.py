"""The recovery sheet: made from the settings, used from the lock screen."""

import flet as ft

from fieldapp.kit import layout
from fieldapp.kit.boundary import component
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

    return framed(state, [sheet_maker(state, trying, keep, state.back)], title=t("Recovery sheet"))


@component
def recover_screen(state: FieldState) -> ft.View:
    """Open with a sheet and a new passphrase; then the used sheet is replaced at once."""
    t, trying = state.t, use_trying(state)

    async def recover(passphrase: str, code: str) -> None:
        await state.recover(code, passphrase)
        state.go(Screen.SHEET)

    return layout.screen(
        state,
        ROUTE,
        [recovery_form(state, trying, recover, busy=state.busy)],
        title=t("Locked"),
        on_back=state.back,
        unlocked=False,
    )
