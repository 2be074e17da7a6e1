"""Taking in a sealed copy that somebody carried here, for records that no relay takes."""

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.notices import notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body
from fieldapp.kit.trying import use_trying
from fieldapp.services.desk.receiving import Carried

NOTHING_YET: Carried | None = None


@component
def carried_screen(state: DeskState) -> ft.View:
    """Explain, let somebody choose the file, and say what became of it."""
    t, trying = state.t, use_trying(state, trouble_notice)
    carried, set_carried = ft.use_state(NOTHING_YET)

    async def take_in() -> None:
        chosen = await ft.FilePicker().pick_files(with_data=True, cancel_upload_on_window_blur=False)
        if chosen:
            set_carried(await state.open.receiving.take_in(chosen[0].bytes or b""))

    lines: list[ft.Control] = [
        body(
            state,
            t(
                "A worker whose record cannot be sent saves a sealed copy of it on the device, and carries it here. It "
                "is checked like everything that arrives, and may come by both ways."
            ),
        ),
        *trying.shown(t("Checking each record.")),
        *([notice(state, _said(state, carried))] if carried is not None else []),
    ]
    button = primary_button(
        state,
        t("Choose the file"),
        None if trying.busy else trying.of(take_in),
        icon=ft.Icons.FILE_OPEN_OUTLINED,
        identifier="take-in",
    )
    return framed(state, Pane(t("Sealed copies"), lines, on_back=state.back, bottom=[button]))


def _said(state: DeskState, carried: Carried) -> str:
    t, tn = state.t, state.tn
    lines = [
        tn("{n} part was new.", "{n} parts were new.", carried.new),
        tn("{n} part was here already.", "{n} parts were here already.", carried.known),
    ]
    if carried.aside:
        lines.append(t("{n} failed a check: see the quarantine.", n=carried.aside))
    return " ".join(lines)
