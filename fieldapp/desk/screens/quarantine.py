"""The quarantine: what failed a check, each with its reason in plain words. Nothing here is ever dropped."""

import flet as ft

from fieldapp.desk.parts.alert import examine_button
from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import agency_words, quarantine_words, trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.layout import card
from fieldapp.kit.notices import empty_state, status_line
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, moment_words
from fieldapp.kit.trying import Trying, use_trying
from fieldapp.services.desk.pieces import NO_ROOM
from fieldapp.services.desk.quarantine import QuarantineRow

MOST_ROWS = 100
"""Rows on the screen; what stands below them is counted, and kept all the same."""


@component
def quarantine_screen(state: DeskState) -> ft.View:
    """List what is kept aside, what an enrolled device signed first."""
    t, rows, trying = state.t, state.open.quarantine.rows(), use_trying(state, trouble_notice)
    content: list[ft.Control] = [
        quiet(
            state,
            t("Each of these failed a check. They are kept as they came, and nothing of them was used."),
        ),
        *trying.shown(),
        *(_row(state, row, trying) for row in rows[:MOST_ROWS]),
    ]
    if not rows:
        content = [
            empty_state(
                state,
                ft.Icons.VERIFIED_USER_OUTLINED,
                t("Nothing is in quarantine"),
                t("Records that fail a check are kept here, each with its reason."),
            )
        ]
    if len(rows) > MOST_ROWS:
        content.append(quiet(state, t("And {n} more", n=len(rows) - MOST_ROWS)))
    return framed(state, Pane(t("Quarantine"), [*content, *_counted(state)]))


def _row(state: DeskState, row: QuarantineRow, trying: Trying) -> ft.Control:
    t = state.t
    sender = ", ".join(filter(None, (agency_words(t, row.agency), isolate(row.device) if row.device else "")))
    when = moment_words(t, local_time(row.arrived_at), state.gate.clock.local())
    arrived = t("Arrived {when}, {size} bytes", when=when, size=row.size)
    if row.proven:
        arrived = t("{arrived}, number {seq} of its device", arrived=arrived, seq=row.seq)
    unknown = t("Sender unknown: nobody we know vouches for it")
    return card(
        state,
        [
            body(state, quarantine_words(t, row.reason), strong=True),
            quiet(state, sender or unknown),
            quiet(state, arrived),
            quiet(state, t("For a technician: {reason}", reason=row.reason)),
            *examine_button(state, row.hash, row.reason, trying),
        ],
    )


def _counted(state: DeskState) -> list[ft.Control]:
    """Say how much came that nobody vouched for: it may be noise, or somebody who tries."""
    counted = dict(state.open.quarantine.counted)
    no_room = counted.pop(NO_ROOM, 0)
    lines: list[ft.Control] = []
    if no_room:
        full = state.t(
            "This desk is short of room: parts of files were not kept. Their devices offer them again."
        )
        lines.append(status_line(state, ft.Icons.INVENTORY_2_OUTLINED, full))
    count = sum(counted.values())
    if not count:
        return lines
    words = state.tn(
        "{n} arrival was refused at once: it was no record of this centre.",
        "{n} arrivals were refused at once: they were no records of this centre.",
        count,
    )
    return [*lines, status_line(state, ft.Icons.BLOCK_ROUNDED, words)]
