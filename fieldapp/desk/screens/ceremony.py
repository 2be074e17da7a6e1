"""What a new centre must write down, and what the operator of its relay must hear."""

import flet as ft

from fieldapp.desk.parts.relay import handover_card, publishing_card
from fieldapp.desk.state import ROUTE, DeskState, Screen
from fieldapp.kit import layout
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.layout import card
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.text import body, quiet, selectable
from fieldapp.kit.text import question as large
from fieldapp.services.desk.ceremony import KeyCeremony


@component
def ceremony_screen(state: DeskState) -> ft.View:
    """Show the words of the key vault until somebody says that they are on paper; hidden until they are asked for."""
    t, ceremony = state.t, state.gate.ceremony
    shown, set_shown = ft.use_state(False)
    content: list[ft.Control] = [
        large(state, t("The centre exists. Now write down its key")),
        body(
            state,
            t(
                "Seven words open the centre's root key. It is needed to add desks, and to renew the "
                "centre's keys in half a year. The words are shown only now."
            ),
        ),
    ]
    if ceremony is None or not shown:
        show = primary_button(
            state, t("I have paper. Show the words"), lambda: set_shown(True), identifier="show"
        )
        return layout.screen(state, ROUTE, content, bottom=[show] if ceremony else [])
    content += [
        card(state, [large(state, ceremony.passphrase)]),
        quiet(state, t("Write them in this order. Keep the paper in a safe, away from this computer.")),
        *_where(state, ceremony),
    ]

    def confirm() -> None:
        state.confirm_ceremony()
        if not state.open.publishing.done:
            state.go(Screen.HANDOVER)

    written = primary_button(state, t("I wrote the words down"), confirm, identifier="written")
    return layout.screen(state, ROUTE, content, bottom=[written])


def _where(state: DeskState, ceremony: KeyCeremony) -> list[ft.Control]:
    if ceremony.removable:
        return []
    words = state.t(
        "The root key is still on this computer. Whoever has it and the words can speak for "
        "the centre. Move this folder to a USB stick, and keep that in a safe:"
    )
    folder = selectable(state, str(ceremony.key_directory))
    return [notice(state, words, urgency=Urgency.WARNING), folder]


@component
def handover_screen(state: DeskState) -> ft.View:
    """Show the line for the relay's operator, and whether the relay knows the centre by now."""
    t = state.t
    done = state.open.publishing.done
    go_on = primary_button if done else secondary_button
    return layout.screen(
        state,
        ROUTE,
        [publishing_card(state), handover_card(state)],
        title=t("The relay"),
        on_back=state.back,
        bottom=[go_on(state, t("Go to the inbox"), lambda: state.only(Screen.INBOX), identifier="to-inbox")],
    )
