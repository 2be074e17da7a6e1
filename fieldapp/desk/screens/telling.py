"""Write a short message to the worker of a device, and see what was written before."""

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import note_field, typed
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, section
from fieldapp.kit.notices import notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.times import local_time, past_words
from fieldapp.kit.trying import use_trying
from fieldapp.services.desk.said import Said
from sync.downstream import MAX_TEXT

MOST_SAID = 20


@component
def message_screen(state: DeskState) -> ft.View:
    """Ask for the text; the place names the device."""
    t, trying = state.t, use_trying(state, trouble_notice)
    text, set_text = ft.use_state("")
    about = state.place.about
    row = state.open.devices.row(about) if isinstance(about, bytes) else None
    if row is None:
        return framed(state, Pane(t("Devices"), [], on_back=state.back))

    async def send() -> None:
        await state.open.telling.message(row.device_id, text)
        set_text("")

    said = state.open.telling.said_to(row.device_id)[:MOST_SAID]
    hint = t("Only the worker sees it, after unlocking. No notification shows it. Write no names.")
    content = [
        notice(state, hint),
        *trying.shown(),
        note_field(state, t("Message"), text, typed(set_text), max_length=MAX_TEXT, lines=4),
        *([section(state, t("Sent before"), [_said(state, one) for one in said])] if said else []),
    ]
    button = primary_button(
        state,
        t("Send"),
        trying.of(send) if text.strip() else None,
        icon=ft.Icons.SEND_ROUNDED,
        identifier="send-message",
    )
    title = t("Message to {name}", name=isolate(row.name))
    return framed(state, Pane(title, content, on_back=bound(state.back), bottom=[button]))


def _said(state: DeskState, said: Said) -> ft.Control:
    t, now = state.t, state.gate.clock.local()
    when = past_words(t, local_time(said.at), now)
    return card(
        state,
        [
            body(state, isolate(said.text)),
            quiet(state, t("{time}, {who}", time=when, who=isolate(said.by))),
        ],
    )
