"""How it stands between this desk and its relay, in one line, and what the relay's operator needs."""

import shlex

import flet as ft

from fieldapp.desk.state import DeskState, Screen
from fieldapp.kit.buttons import secondary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card
from fieldapp.kit.names import network_words
from fieldapp.kit.notices import Urgency, notice, status_line
from fieldapp.kit.text import body, quiet, selectable
from fieldapp.services.desk.centre import Centre
from fieldapp.services.network import Network

_ICONS = {
    Network.ONLINE: ft.Icons.CLOUD_DONE_OUTLINED,
    Network.OFFLINE: ft.Icons.CLOUD_OFF_OUTLINED,
    Network.PORTAL: ft.Icons.WIFI_LOCK_OUTLINED,
    Network.UNKNOWN: ft.Icons.CLOUD_OUTLINED,
}


def relay_status(state: DeskState) -> ft.Control:
    """Say in one line whether records can arrive; what needs somebody is a notice that leads to the hand-over."""
    t, centre = state.t, state.open
    receiving = centre.receiving
    if not receiving.registered:
        return _to_handover(state, t("The relay does not know this centre yet. Nothing can arrive."))
    if not centre.publishing.done and receiving.network is not Network.UNKNOWN:
        return _to_handover(state, t("Not published yet. Trying again automatically."))
    words = network_words(t, receiving.network) or t("Looking for the relay.")
    if receiving.network is Network.ONLINE and receiving.problem:
        words = t("The relay could not be reached last time. Trying again automatically.")
    return status_line(state, _ICONS[receiving.network], words)


def _to_handover(state: DeskState, words: str) -> ft.Control:
    return notice(
        state,
        words,
        urgency=Urgency.WARNING,
        on_click=bound(state.go, Screen.HANDOVER),
        identifier="to-handover",
    )


def handover_card(state: DeskState) -> ft.Control:
    """Show what the operator of the relay registers once: nothing of it is secret."""
    t, centre = state.t, state.open
    return card(
        state,
        [
            body(state, t("The operator of the relay adds this centre once, with this line:"), strong=True),
            selectable(state, operator_line(centre)),
            quiet(state, t("Relay: {address}", address=centre.relay)),
            quiet(state, t("Nothing in it is secret. Read it out, or send it by any way.")),
        ],
    )


def operator_line(centre: Centre) -> str:
    """Return the command that registers the centre at its relay."""
    name = shlex.quote(centre.name)
    ids = f"--centre {centre.centre_id.hex()} --key {centre.desk_key.hex()}"
    return f"fieldapp-relay centre add {ids} --name {name}"


def publishing_card(state: DeskState) -> ft.Control:
    """Say how far publishing has come, with a button that tries it now."""
    t, centre = state.t, state.open
    if centre.publishing.done:
        return notice(
            state, t("The relay has everything. Devices can be enrolled."), icon=ft.Icons.CHECK_ROUNDED
        )
    receiving = centre.receiving
    if not receiving.registered:
        words = t(
            "The relay does not know this centre yet. Once it is added, publishing continues automatically."
        )
    elif receiving.network is Network.UNKNOWN:
        words = t("Looking for the relay.")
    else:
        words = t("The centre exists. The relay cannot be reached now. Trying again automatically.")
    retry = secondary_button(state, t("Try now"), receiving.wake, identifier="try-now")
    return card(state, [body(state, words), retry])
