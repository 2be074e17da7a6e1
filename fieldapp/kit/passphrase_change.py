"""Changing a passphrase, in both applications: the old one, then a strong new one, or a PIN where that is allowed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import flet as ft

from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import password_field, pin_field, typed
from fieldapp.kit.interface import Handler, Interface
from fieldapp.kit.layout import section
from fieldapp.kit.notices import empty_state
from fieldapp.kit.passphrase import Choose, passphrase_chooser
from fieldapp.kit.trying import Trying
from fieldapp.vault.errors import WrongPassphrase

Chooser = Callable[[Interface, Choose, str], ft.Control]
"""Draws the choice of a new one; the words name what the button does."""


@dataclass(frozen=True, slots=True)
class PassphraseWords:
    """What the form calls the application: why the old one was refused, and what opens from now on.

    The rest is for a PIN: how the form is called, and the label of the old one when that is a PIN, else "".
    """

    wrong: str
    changed: str
    title: str = ""
    done: str = ""
    old_pin: str = ""


@dataclass(frozen=True, slots=True)
class PassphraseForm:
    """What is read, and what stands in the thumb zone, of a screen that changes a passphrase."""

    title: str
    content: Sequence[ft.Control]
    bottom: Sequence[ft.Control] = ()


def use_passphrase_form(
    ui: Interface,
    trying: Trying,
    change: Callable[[str, str], Awaitable[object]],
    words: PassphraseWords,
    on_done: Handler,
    chooser: Chooser = passphrase_chooser,
) -> PassphraseForm:
    """Return the form; `change` gets the old and the new passphrase, WrongPassphrase stands at the old one. A hook.

    `chooser` draws the new one.
    """
    t = ui.t
    old, set_old = ft.use_state("")
    asked, set_asked = ft.use_state(False)
    done, set_done = ft.use_state(False)
    title = words.title or t("Change the passphrase")

    async def change_to(new: str) -> None:
        await change(old, new)
        set_old("")
        set_done(True)

    async def choose(new: str) -> None:
        set_asked(True)
        if old:
            await trying.of(change_to, new)()

    if done:
        changed = empty_state(
            ui, ft.Icons.LOCK_OUTLINED, words.done or t("The passphrase is changed"), words.changed
        )
        return PassphraseForm(title, [changed], [primary_button(ui, t("Done"), on_done, identifier="done")])
    wrong = isinstance(trying.error, WrongPassphrase)
    error = words.wrong if wrong else None
    if asked and not old:
        error = t("Type what is asked above first.") if words.old_pin else t("Type the old passphrase first.")
    said = [] if wrong else trying.shown(t("Changing. This takes a moment."))
    asking = pin_field if words.old_pin else password_field
    content = [
        asking(ui, words.old_pin or t("Old passphrase"), old, typed(set_old), autofocus=True, error=error),
        # Always there: what comes and goes above the fields would empty them.
        ft.Column([*said], spacing=ui.theme.gap),
        section(ui, t("The new one"), [chooser(ui, choose, t("Change it"))]),
    ]
    return PassphraseForm(title, content)
