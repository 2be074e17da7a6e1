"""The inbox: what came, the most urgent first, and beside it what was chosen."""

from typing import Final

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.parts.inbox_list import inbox_list
from fieldapp.desk.parts.record import record_pane
from fieldapp.desk.parts.relay import relay_status
from fieldapp.desk.parts.signing import key_notices
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.hooks import use_every
from fieldapp.kit.notices import Urgency, empty_state, notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.trying import Trying, use_trying

SECONDS_BETWEEN_LOOKS: Final = 30
"""How often the time left is drawn anew when nothing else happens."""


@component
def inbox_screen(state: DeskState) -> ft.View:
    """List the records; the place `RECORD` names the row that is chosen."""
    trying = use_trying(state, trouble_notice)
    _beats, set_beats = ft.use_state(0)
    use_every(SECONDS_BETWEEN_LOOKS, lambda: set_beats(lambda n: n + 1))
    about = state.place.about
    chosen = about if isinstance(about, bytes) else b""

    def choose(key: bytes) -> None:
        trying.clear()
        if state.roomy:
            state.only(Screen.RECORD, key)
        else:
            state.go(Screen.RECORD, key)

    listed = Pane(
        state.t("Inbox"), [relay_status(state), *_attention(state), *inbox_list(state, chosen, choose)]
    )
    return framed(state, listed, _detail(state, chosen, trying))


def _detail(state: DeskState, chosen: bytes, trying: Trying) -> Pane | None:
    t = state.t

    def close() -> None:
        state.only(Screen.INBOX)

    row = state.row(chosen) if chosen else None
    if row is not None:
        return record_pane(state, row, trying, None if state.roomy else close)
    if not state.roomy:
        return None
    hint = t("Its content stays closed until you open it.")
    return Pane("", [empty_state(state, ft.Icons.DRAFTS_OUTLINED, t("Choose a record"), hint)])


def _attention(state: DeskState) -> list[ft.Control]:
    """Say what the person at this desk has to know before working on."""
    centre, words = state.open, []
    if centre.damaged:
        words.append(
            state.tn(
                "{n} stored record cannot be read. It was kept as it is; the others are in order.",
                "{n} stored records cannot be read. They were kept as they are; the others are in order.",
                centre.damaged,
            )
        )
    return [
        *key_notices(state, leading=True),
        *(notice(state, line, urgency=Urgency.WARNING) for line in words),
    ]
