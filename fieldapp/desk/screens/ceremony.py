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
from fieldapp.services.custody import KeyPaper
from fieldapp.services.desk.ceremony import ONE_HOLDER, KeyCeremony


@component
def ceremony_screen(state: DeskState) -> ft.View:
    """Show each key holder the words of their key vault until they are on paper; hidden until they are asked for."""
    t, ceremony = state.t, state.gate.ceremony
    # The label of the key that is shown: the next holder's words stay hidden.
    shown, set_shown = ft.use_state("")
    if ceremony is None:
        return layout.screen(state, ROUTE, [])
    paper = ceremony.papers[0]
    content = _introduction(state, ceremony)
    if shown != paper.label:
        show = primary_button(
            state, t("I have paper. Show the words"), lambda: set_shown(paper.label), identifier="show"
        )
        return layout.screen(state, ROUTE, content, bottom=[show])
    content += [
        card(state, [large(state, paper.words)]),
        quiet(state, t("Write them in this order. Keep the paper in a safe, away from this computer.")),
        *_where(state, ceremony, paper),
    ]

    def confirm() -> None:
        state.confirm_ceremony()
        if state.gate.ceremony is None and not state.open.publishing.done:
            state.go(Screen.HANDOVER)

    written = primary_button(state, t("I wrote the words down"), confirm, identifier="written")
    return layout.screen(state, ROUTE, content, bottom=[written])


def _introduction(state: DeskState, ceremony: KeyCeremony) -> list[ft.Control]:
    t, holders = state.t, len(state.open.signing.root.root_keys)
    if holders == ONE_HOLDER:
        title = t("The centre exists. Now write down its key")
        words = t(
            "Seven words open the centre's root key. It is needed to add desks, and to renew the "
            "centre's keys in half a year. The words are shown only now."
        )
    else:
        number = holders - len(ceremony.papers) + 1
        title = t("Key {number} of {holders}: now write it down", number=number, holders=holders)
        words = t(
            "Only the person who will keep this key should look at the screen now. Seven words open it. "
            "They are shown only now."
        )
    return [large(state, title), body(state, words)]


def _where(state: DeskState, ceremony: KeyCeremony, paper: KeyPaper) -> list[ft.Control]:
    t = state.t
    if ceremony.removable:
        label = t("Write this on the stick and on the paper: key {label}", label=paper.label)
        return [card(state, [body(state, label, strong=True), selectable(state, str(paper.folder))])]
    words = t(
        "The root key is still on this computer. Whoever has it and the words can speak for "
        "the centre. Move this folder to a USB stick, and keep that in a safe:"
    )
    return [notice(state, words, urgency=Urgency.WARNING), selectable(state, str(paper.folder))]


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
