"""The map of the desk: every place and the component that draws it."""

from collections.abc import Callable, Mapping
from typing import Final

import flet as ft

from fieldapp.desk.screens import (
    alerts,
    carried,
    case_rules,
    ceremony,
    devices,
    door,
    enrol,
    guesses,
    inbox,
    keys,
    pins,
    quarantine,
    settings,
    telling,
    wipe,
)
from fieldapp.desk.state import DeskState, Screen

SCREENS: Final[Mapping[Screen, Callable[[DeskState], ft.Control]]] = {
    Screen.FIRST_START: door.first_start_screen,
    Screen.LOCK: door.lock_screen,
    Screen.CEREMONY: ceremony.ceremony_screen,
    Screen.INBOX: inbox.inbox_screen,
    Screen.RECORD: inbox.inbox_screen,
    Screen.ALERTS: alerts.alerts_screen,
    Screen.ALERT: alerts.alerts_screen,
    Screen.EVIDENCE: alerts.evidence_screen,
    Screen.QUARANTINE: quarantine.quarantine_screen,
    Screen.DEVICES: devices.devices_screen,
    Screen.DEVICE: devices.devices_screen,
    Screen.MESSAGE_TO: telling.message_screen,
    Screen.WIPE: wipe.wipe_screen,
    Screen.CASE_RULES: case_rules.case_rules_screen,
    Screen.ENROL: enrol.enrol_screen,
    Screen.SETTINGS: settings.settings_screen,
    Screen.PASSPHRASE: settings.passphrase_screen,
    Screen.HANDOVER: ceremony.handover_screen,
    Screen.KEYS: keys.keys_screen,
    Screen.HOLDERS: keys.holders_screen,
    Screen.CARRIED: carried.carried_screen,
    Screen.GUESSES: guesses.guesses_screen,
    Screen.PINS: pins.pins_screen,
    Screen.ABOUT: settings.about_screen,
}
