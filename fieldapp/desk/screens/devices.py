"""The centre's devices: how each stands, when it was last heard, and what is missing from its chain."""

import flet as ft

from fieldapp.desk.alert_words import gaps_words
from fieldapp.desk.parts.device import decided_notice, device_pane
from fieldapp.desk.parts.facts import fact_line
from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import agency_words, device_state_words
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import Look, pressable, primary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.notices import Urgency, empty_state, notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import day_words, local_time, moment_words
from fieldapp.services.desk.devices import DeviceRow, DeviceState

MOST_ROWS = 100
"""Devices on the screen at once."""


@component
def devices_screen(state: DeskState) -> ft.View:
    """List the devices; the place `DEVICE` names the one that is chosen."""
    t, rows = state.t, state.open.devices.rows()
    about = state.place.about
    chosen = state.open.devices.row(about) if isinstance(about, bytes) else None
    content = [
        *decided_notice(state),
        *(
            _device(state, row, chosen is not None and row.device_id == chosen.device_id)
            for row in rows[:MOST_ROWS]
        ),
    ]
    if not rows:
        content = [
            empty_state(
                state,
                ft.Icons.DEVICES_OUTLINED,
                t("No device yet"),
                t("Enrol a device while its worker stands beside you. It takes two minutes."),
            )
        ]
    if len(rows) > MOST_ROWS:
        content.append(quiet(state, t("And {n} more", n=len(rows) - MOST_ROWS)))
    enrol = primary_button(
        state,
        t("Enrol a device"),
        bound(state.go, Screen.ENROL),
        icon=ft.Icons.ADD_ROUNDED,
        identifier="enrol",
    )
    detail = device_pane(state, chosen, None if state.roomy else state.back) if chosen else None
    return framed(state, Pane(t("Devices"), content, bottom=[enrol]), detail)


def _device(state: DeskState, row: DeviceRow, chosen: bool) -> ft.Control:
    t, theme, today = state.t, state.theme, state.gate.clock.local().date()
    seen = day_words(t, local_time(row.last_seen).date(), today) if row.last_seen else t("not yet")
    enrolled = moment_words(t, local_time(row.enrolled_at), state.gate.clock.local())
    lines: list[ft.Control] = [
        # Not a heading: inside a button it would take the tap away from it.
        body(state, isolate(row.name), strong=True),
        quiet(
            state, t("{agency}, device {id}", agency=agency_words(t, row.agency), id=row.device_id.hex()[:8])
        ),
        *_warnings(state, row),
        fact_line(state, t("Enrolled"), enrolled),
        fact_line(state, t("Last heard"), seen),
        fact_line(state, t("Highest number"), str(row.highest_seq)),
        *([fact_line(state, t("Missing numbers"), gaps_words(t, row.gaps))] if row.gaps else []),
    ]

    def choose() -> None:
        if state.roomy:
            state.only(Screen.DEVICE, row.device_id)
        else:
            state.go(Screen.DEVICE, row.device_id)

    p = theme.palette
    return pressable(
        state,
        ft.Column(lines, spacing=theme.gap, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        choose,
        Look(p.card, p.ink, p.accent.solid if chosen else p.line),
        padding=ft.Padding.all(theme.side),
        radius=theme.radius_card,
        selected=chosen,
        identifier=f"device-{row.device_id.hex()[:8]}",
    )


def _warnings(state: DeskState, row: DeviceRow) -> list[ft.Control]:
    t, words = state.t, []
    if row.state is not DeviceState.ENROLLED:
        words.append(device_state_words(t, row.state))
    if row.gaps:
        missing = sum(gap.last - gap.first + 1 for gap in row.gaps)
        words.append(
            state.tn(
                "{n} number is missing: it may still be on its way. Ask its worker.",
                "{n} numbers are missing: they may still be on their way. Ask its worker.",
                missing,
            )
        )
    return [notice(state, line, urgency=Urgency.WARNING) for line in words]
