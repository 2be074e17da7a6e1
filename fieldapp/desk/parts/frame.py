"""The frame of an unlocked desk: navigation, a list, and what is chosen in it."""

from typing import Final

import flet as ft

from fieldapp.desk.state import ROUTE, DeskState, Screen
from fieldapp.kit.interface import bound
from fieldapp.kit.panes import Destination, Pane, panes_screen

_SECTION: Final = {
    Screen.RECORD: Screen.INBOX,
    Screen.ALERT: Screen.ALERTS,
    Screen.EVIDENCE: Screen.QUARANTINE,
    Screen.DEVICE: Screen.DEVICES,
    Screen.MESSAGE_TO: Screen.DEVICES,
    Screen.WIPE: Screen.DEVICES,
    Screen.CASE_RULES: Screen.INBOX,
    Screen.ENROL: Screen.DEVICES,
}
"""Places that belong to the destination of another one; what is missing leads its own or the settings'."""


def framed(state: DeskState, listed: Pane, detail: Pane | None = None) -> ft.View:
    """Return an unlocked screen of the desk."""
    return panes_screen(state, ROUTE, state.open.name, _destinations(state), listed, detail)


def _destinations(state: DeskState) -> list[Destination]:
    t, centre = state.t, state.open
    waiting, aside = state.page.alarms, len(centre.quarantine.rows())
    # Five places side by side leave a phone no room for a long word.
    kept_aside = t("Quarantine") if state.roomy else t("Aside")
    here = _SECTION.get(state.place.screen, state.place.screen)
    entries = [
        (Screen.INBOX, ft.Icons.INBOX_OUTLINED, t("Inbox"), waiting),
        (Screen.ALERTS, ft.Icons.NOTIFICATIONS_OUTLINED, t("Alerts"), state.alerts.waiting),
        (Screen.QUARANTINE, ft.Icons.REPORT_GMAILERRORRED_ROUNDED, kept_aside, aside),
        (Screen.DEVICES, ft.Icons.DEVICES_OUTLINED, t("Devices"), 0),
        (Screen.SETTINGS, ft.Icons.SETTINGS_OUTLINED, t("Settings"), 0),
    ]
    known = {screen for screen, *_ in entries}
    return [
        Destination(
            icon,
            words,
            bound(state.only, screen),
            identifier=f"to-{screen}",
            selected=screen == (here if here in known else Screen.SETTINGS),
            count=str(count) if count else "",
        )
        for screen, icon, words, count in entries
    ]
