"""What can be said to one device: a message, new upload passes, an order to erase itself."""

from typing import Final

import flet as ft

from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import list_row, section
from fieldapp.kit.notices import notice
from fieldapp.kit.times import local_time, past_words
from fieldapp.kit.trying import use_trying
from fieldapp.services.desk.devices import DeviceRow
from fieldapp.services.desk.wiping import WipeRow, WipeState

FEW_PASSES: Final = 12
"""Below this a device may soon wait for new upload passes."""


@component
def to_the_device(state: DeskState, row: DeviceRow) -> ft.Control:
    """Lead to what can be said to a device, with how it stands."""
    t, trying = state.t, use_trying(state, trouble_notice)
    given, set_given = ft.use_state(False)
    said = state.open.telling.said_to(row.device_id)
    now = state.gate.clock.local()
    last = t("Last one {time}", time=past_words(t, local_time(said[0].at), now)) if said else t("None yet")
    wipe = state.open.wiping.row(row.device_id)

    async def give() -> None:
        await state.open.tokens.give(row.device_id)
        state.open.wake()
        set_given(True)

    passes = state.tn("{n} upload pass left", "{n} upload passes left", row.tokens_left)
    if row.tokens_left < FEW_PASSES:
        passes = t("{passes}: it may run out", passes=passes)
    done = [notice(state, t("New passes are on their way. The device gets them at its next contact."))]
    return section(
        state,
        t("To the device"),
        [
            *trying.shown(),
            list_row(
                state,
                t("Write a message"),
                last,
                on_click=bound(state.go, Screen.MESSAGE_TO, row.device_id),
                identifier="write-message",
            ),
            list_row(
                state,
                t("Send new upload passes"),
                passes,
                on_click=trying.of(give),
                identifier="give-tokens",
            ),
            *(done if given else []),
            list_row(
                state,
                t("Erase the device"),
                wipe_words(t, wipe),
                on_click=bound(state.go, Screen.WIPE, row.device_id),
                identifier="wipe",
            ),
        ],
    )


def wipe_words(t: Translator, wipe: WipeRow | None) -> str:
    """Say in a few words how far an order is."""
    match wipe.state if wipe else None:
        case WipeState.ORDERED:
            return t("Ordered: a second person has to sign")
        case WipeState.SIGNED:
            return t("Ordered by two: waits for the device")
        case WipeState.DONE:
            return t("The device has erased itself")
        case WipeState.EXPIRED:
            return t("The last order has run out")
        case _:
            return t("Needs the signatures of two people")
