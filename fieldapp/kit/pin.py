"""Choosing a PIN, where the centre lets this device model use one: 6 to 12 digits, typed twice (ADR 0052)."""

from hmac import compare_digest

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import pin_field, typed
from fieldapp.kit.interface import Interface
from fieldapp.kit.passphrase import Choose
from fieldapp.kit.text import quiet
from fieldapp.services import passphrases
from fieldapp.services.passphrases import PIN_DIGITS, Choice, Weakness


@component
def pin_chooser(ui: Interface, on_choose: Choose, words: str, choice: Choice) -> ft.Control:
    """Let a person choose; `words` name what the button does. Where `choice` allows no PIN, every one is too weak."""
    t = ui.t
    first, set_first = ft.use_state("")
    again, set_again = ft.use_state("")
    asked, set_asked = ft.use_state(False)
    weakness = passphrases.judge(first, choice).weakness
    alike = compare_digest(passphrases.meant(first).encode(), passphrases.meant(again).encode())

    async def go_on() -> None:
        set_asked(True)
        if weakness is None and alike:
            await on_choose(first)

    return ft.Column(
        [
            pin_field(ui, t("New PIN"), first, typed(set_first)),
            quiet(ui, _said(ui, first, weakness)),
            pin_field(
                ui,
                t("The same PIN once more"),
                again,
                typed(set_again),
                on_submit=go_on,
                error=t("The two are not the same.") if asked and not alike else None,
            ),
            primary_button(ui, words, go_on, identifier="pin-choose"),
        ],
        spacing=ui.theme.gap,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _said(ui: Interface, pin: str, weakness: Weakness | None) -> str:
    t, (fewest, most) = ui.t, PIN_DIGITS
    if len(pin) < fewest:
        return t("{fewest} to {most} digits, drawn by lot if you can.", fewest=fewest, most=most)
    if weakness is not None:
        return t("Too easy to guess. No date, no row, nothing that repeats, no pattern on the keys.")
    return t("Good enough for this device")
