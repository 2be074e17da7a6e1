"""The neutral lock screen of both applications: a passphrase, and after too many wrong ones a wait.

Nothing here says what is behind it: whoever holds the device may see this screen.
"""

from collections.abc import Awaitable, Callable, Sequence

import flet as ft

from fieldapp.kit import layout
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button, secondary_button
from fieldapp.kit.fields import password_field, pin_field, typed
from fieldapp.kit.hooks import use_every
from fieldapp.kit.interface import Handler, Interface, always
from fieldapp.kit.notices import Urgency, notice, progress
from fieldapp.kit.text import question as large
from fieldapp.kit.times import wait_words
from fieldapp.kit.trying import Trying
from fieldapp.vault.errors import KeystoreUnavailable, UnlockDelayed, WrongPassphrase

Now = Callable[[], int]
"""The time in epoch seconds."""


def use_lock_screen(
    ui: Interface,
    route: str,
    trying: Trying,
    unlock: Callable[[str], Awaitable[object]],
    now: Now,
    *,
    busy: bool,
    on_forgotten: Handler | None = None,
    choice: Sequence[ft.Control] = (),
    told: Sequence[ft.Control] = (),
    digits: bool = False,
) -> ft.View:
    """Return the lock screen; `unlock` gets what was typed, `busy` says that it takes a while. A hook.

    `on_forgotten` leads whoever forgot the passphrase to the recovery sheet. `choice` stands above the passphrase:
    which of several notebooks it is for. `told` stands below what failed. With `digits` the keyboard of digits comes
    first; letters can be typed all the same, whatever this device remembers.
    """
    t = ui.t
    passphrase, set_passphrase = ft.use_state("")
    attempts, set_attempts = ft.use_state(0)
    letters, set_letters = ft.use_state(False)
    by_pin = digits and not letters
    error = trying.error
    delayed = isinstance(error, UnlockDelayed)

    async def attempt() -> None:
        set_passphrase("")
        set_attempts(attempts + 1)
        await unlock(passphrase)

    handler = trying.of(attempt) if passphrase and not delayed else None
    below: list[ft.Control] = []
    if busy:
        below = [progress(ui, t("Opening. This takes a second."))]
    elif isinstance(error, UnlockDelayed):
        below = [countdown(ui, error.not_before, now, trying.clear)]
    elif error is not None and not isinstance(error, WrongPassphrase):
        below = [*trying.shown(), *told]
    wrong = (
        t("That PIN does not open this. Type it once more.")
        if by_pin
        else t("That passphrase does not open this. Type it once more.")
    )
    ask = pin_field if by_pin else password_field

    def turn() -> None:
        set_passphrase("")
        set_letters(not letters)

    return layout.screen(
        ui,
        route,
        [
            ft.Container(height=ui.theme.wide),
            large(ui, t("Locked")),
            *choice,
            ask(
                ui,
                t("PIN") if by_pin else t("Passphrase"),
                passphrase,
                typed(set_passphrase),
                on_submit=always(handler),
                autofocus=True,
                attempts=attempts,
                error=wrong if isinstance(error, WrongPassphrase) and not passphrase else None,
            ),
            *below,
        ],
        bottom=[
            primary_button(ui, t("Open"), handler, identifier="unlock"),
            *([_keyboard(ui, turn, letters=letters)] if digits else []),
            *(
                [_other_way(ui, on_forgotten, needed=isinstance(error, KeystoreUnavailable))]
                if on_forgotten
                else []
            ),
        ],
        unlocked=False,
    )


def _keyboard(ui: Interface, on_press: Handler, *, letters: bool) -> ft.Control:
    words = ui.t("Type digits") if letters else ui.t("Type letters")
    icon = ft.Icons.DIALPAD_OUTLINED if letters else ft.Icons.KEYBOARD_OUTLINED
    return quiet_button(ui, words, on_press, icon=icon, identifier="keyboard")


def _other_way(ui: Interface, on_press: Handler, *, needed: bool) -> ft.Control:
    """Lead to the recovery sheet; plainly where no passphrase can open, because the key store failed."""
    t = ui.t
    if needed:
        return secondary_button(ui, t("Use the recovery sheet"), on_press, identifier="forgotten")
    return quiet_button(ui, t("Forgotten?"), on_press, identifier="forgotten")


@component
def countdown(ui: Interface, until: int, now: Now, on_over: Callable[[], None]) -> ft.Control:
    """Count down to `until` (epoch seconds), then call `on_over`."""
    t = ui.t
    left, set_left = ft.use_state(until - now())

    def tick() -> None:
        now_left = until - now()
        set_left(now_left)
        if now_left <= 0:
            on_over()

    use_every(1, tick)
    words = t("Too many wrong passphrases. Nothing was deleted. Please wait.")
    return ft.Column(
        [notice(ui, words, urgency=Urgency.WARNING), large(ui, wait_words(t, max(left, 0)))],
        spacing=ui.theme.gap,
    )
