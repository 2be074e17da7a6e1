"""Choosing a passphrase: a proposed one to write down, or an own one typed twice while its strength is shown."""

from collections.abc import Awaitable, Callable, Sequence
from hmac import compare_digest

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.fields import password_field, typed
from fieldapp.kit.interface import Interface, bound
from fieldapp.kit.layout import card
from fieldapp.kit.notices import notice
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.services import passphrases
from fieldapp.services.passphrases import Choice, Weakness

Choose = Callable[[str], Awaitable[object]]
"""Called with a passphrase that is strong enough and was confirmed."""


@component
def passphrase_chooser(ui: Interface, on_choose: Choose, words: str) -> ft.Control:
    """Let a person choose; `words` name what the button does ("Set up this device")."""
    proposed, set_proposed = ft.use_state("")

    def propose() -> None:
        set_proposed(passphrases.suggest(ui.language))

    if proposed:
        return _proposal(ui, proposed, propose, lambda: set_proposed(""), on_choose)
    return _own(ui, propose, on_choose, words)


def _proposal(
    ui: Interface, proposed: str, propose: Callable[[], None], own: Callable[[], None], on_choose: Choose
) -> ft.Control:
    t = ui.t
    return _stack(
        ui,
        [
            body(
                ui, t("Write these five words down now, on paper, in this order. Spaces between them count.")
            ),
            card(ui, [large(ui, proposed)]),
            quiet(ui, t("Keep the paper away from the device. The words are not shown again.")),
            primary_button(
                ui, t("I wrote them down"), bound(on_choose, proposed), identifier="passphrase-written"
            ),
            secondary_button(ui, t("Other words"), propose, identifier="passphrase-other"),
            quiet_button(ui, t("Think of my own"), own, identifier="passphrase-own"),
        ],
    )


@component
def _own(ui: Interface, propose: Callable[[], None], on_choose: Choose, words: str) -> ft.Control:
    t = ui.t
    first, set_first = ft.use_state("")
    again, set_again = ft.use_state("")
    asked, set_asked = ft.use_state(False)
    strength = passphrases.judge(first, Choice.PASSPHRASE)
    alike = compare_digest(first.encode("utf-8", "surrogatepass"), again.encode("utf-8", "surrogatepass"))
    ready = strength.weakness is None and alike

    async def go_on() -> None:
        set_asked(True)
        if ready:
            await on_choose(first)

    return _stack(
        ui,
        [
            secondary_button(ui, t("Propose five words"), propose, identifier="passphrase-propose"),
            quiet(ui, t("Or think of your own: long, and not a saying.")),
            password_field(ui, t("Passphrase"), first, typed(set_first)),
            strength_bar(ui, first),
            password_field(
                ui,
                t("The same once more"),
                again,
                typed(set_again),
                on_submit=go_on,
                error=t("The two are not the same.") if asked and not alike else None,
            ),
            *(
                [notice(ui, t("This is not strong enough yet. Add words."))]
                if asked and strength.weakness
                else []
            ),
            primary_button(ui, words, go_on, identifier="passphrase-choose"),
        ],
    )


def strength_bar(ui: Interface, passphrase: str) -> ft.Control:
    """Show how strong a passphrase is, as a bar and in words; nothing while there is none."""
    theme, p, t = ui.theme, ui.theme.palette, ui.t
    strength = passphrases.judge(passphrase, Choice.PASSPHRASE)
    if strength.weakness is Weakness.EMPTY:
        return quiet(ui, t("At least five random words, or as much strength as that."))
    if strength.weakness is Weakness.TOO_LONG:
        return quiet(ui, t("This is too long: at most {n} characters.", n=passphrases.MAX_LENGTH))
    said = t("Strong enough") if strength.weakness is None else t("Too easy to guess. Add words.")
    bar = ft.ProgressBar(
        value=strength.share,
        bar_height=theme.progress_bar,
        border_radius=theme.progress_bar,
        color=p.serious.solid if strength.weakness else p.accent.solid,
        bgcolor=p.line,
    )
    return ft.Column([bar, quiet(ui, said)], spacing=theme.tight)


def _stack(ui: Interface, controls: Sequence[ft.Control]) -> ft.Control:
    return ft.Column([*controls], spacing=ui.theme.gap, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
