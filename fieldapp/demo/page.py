"""The demo's own page: where the two apps are, their passphrases, and the switch that takes the phone off the net."""

import asyncio
import contextlib
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field

import flet as ft

from fieldapp.kit import buttons, layout, notices, text
from fieldapp.kit.boundary import component, guard_session
from fieldapp.kit.interface import Interface


class NetworkSwitch:
    """Whether the demo's phone has a network."""

    def __init__(self) -> None:
        self.on = True


@dataclass(frozen=True, slots=True)
class Door:
    """One of the demo's apps: a fresh one-time address each time, and the passphrase of its made-up vault."""

    name: str
    detail: str
    passphrase: str = field(repr=False)
    icon: ft.IconData
    new_url: Callable[[], str]


class DemoState(Interface):
    """What the page shows."""

    def __init__(self, doors: tuple[Door, ...], network: NetworkSwitch, wake: Callable[[], None]) -> None:
        super().__init__()
        self.doors = doors
        self.online = network.on
        self.addresses: dict[str, str] = {}
        self._network = network
        self._wake = wake

    def switch(self) -> None:
        """Take the phone off the net, or bring it back."""
        self._network.on = self.online = not self.online
        self._wake()


def demo_page(
    doors: tuple[Door, ...], network: NetworkSwitch, wake: Callable[[], None]
) -> Callable[[ft.Page], object]:
    """Return Flet's `main` of the page; `wake` is called after the network was switched."""

    async def main(page: ft.Page) -> None:
        state = DemoState(doors, network, wake)
        guard_session(page, state)
        page.title = "Demo"
        state.attach(page)
        page.render_views(demo_views, state)

    return main


@component
def demo_views(state: DemoState) -> list[ft.View]:
    """Draw the one view of the page."""
    return [demo_screen(state)]  # type: ignore[list-item]


@component
def demo_screen(state: DemoState) -> ft.View:
    """Draw the two doors and the switch."""
    icon = ft.Icons.WIFI_ROUNDED if state.online else ft.Icons.WIFI_OFF_ROUNDED
    words = (
        "The phone has a network."
        if state.online
        else "The phone has no network. Finished records wait on it."
    )
    return layout.screen(
        state,
        "/",
        [
            text.quiet(state, "Everything here is made up and stays on this computer."),
            *(_door(state, door) for door in state.doors),
            layout.section(
                state,
                "Things to try",
                [
                    layout.numbered(state, 1, "Open the phone and answer a screening."),
                    layout.numbered(state, 2, "Switch the network off, finish, and see the record wait."),
                    layout.numbered(state, 3, "Switch it on again, and open the record at the desk."),
                ],
            ),
        ],
        title="Demo",
        bottom=[
            notices.status_line(state, icon, words),
            buttons.primary_button(
                state,
                "Switch the network off" if state.online else "Switch the network on",
                state.switch,
                icon=icon,
                identifier="network",
            ),
        ],
        unlocked=False,
    )


def _door(state: DemoState, door: Door) -> ft.Control:
    async def open_it() -> None:
        # The app's guard takes no visitor that another page sent, so this machine's browser is asked directly.
        address = door.new_url()
        state.addresses = {**state.addresses, door.name: address}
        with contextlib.suppress(webbrowser.Error):
            await asyncio.to_thread(webbrowser.open, address)

    shown = [text.quiet(state, address)] if (address := state.addresses.get(door.name)) else []
    return layout.card(
        state,
        [
            buttons.tile_button(
                state, door.icon, door.name, door.detail, open_it, identifier=f"open-{door.name.lower()}"
            ),
            *shown,
            layout.fact(state, "Passphrase", door.passphrase),
        ],
    )
