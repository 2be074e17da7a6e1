"""The recovery sheet on the screen: making one and testing it at once, and opening with one.

A sheet that was never tried is a promise nobody checked: what is kept is the code as it was read back from the paper.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hmac import compare_digest

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button
from fieldapp.kit.fields import password_field, pin_field, text_field, typed
from fieldapp.kit.interface import Interface, always
from fieldapp.kit.layout import card
from fieldapp.kit.notices import Urgency, empty_state, notice
from fieldapp.kit.passphrase import passphrase_chooser
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.kit.trying import Trying
from fieldapp.vault import (
    CODE_LENGTH,
    WrongPassphrase,
    WrongRecoveryCode,
    grouped,
    new_code,
    read_code,
)
from fieldapp.vault import typed as as_typed

Keep = Callable[[str, str], Awaitable[object]]
"""Called with a passphrase and a code."""


@dataclass(frozen=True, slots=True)
class SheetWords:
    """What is said when the sheet is kept, and while that takes its time."""

    title: str
    done: str
    waiting: str


@component
def sheet_maker(
    ui: Interface,
    trying: Trying,
    keep: Keep,
    on_done: Callable[[], None],
    *,
    explained: Sequence[ft.Control] | None = None,
    words: SheetWords | None = None,
    pin: bool = False,
) -> ft.Control:
    """Show a fresh code, have it written down and read back, then `keep` it with the passphrase.

    `explained` and `words` stand in place of what is said of a sheet, where it is made for something else. With `pin`
    that is what opens the device now.
    """
    t = ui.t
    said = words or SheetWords(
        t("The sheet is good"),
        t("It was tested: this code opens the device. Older sheets no longer do."),
        t("Testing. This takes a moment."),
    )
    code, set_code = ft.use_state("")
    written, set_written = ft.use_state(False)
    kept, set_kept = ft.use_state(False)

    async def test(passphrase: str, again: str) -> None:
        await keep(passphrase, again)
        set_code("")
        set_kept(True)

    if kept:
        return _stack(
            ui,
            [
                empty_state(ui, ft.Icons.DESCRIPTION_OUTLINED, said.title, said.done),
                primary_button(ui, t("Done"), on_done, identifier="sheet-done"),
            ],
        )
    if not code:
        return _stack(
            ui,
            [
                *(_what_it_is(ui) if explained is None else explained),
                primary_button(ui, t("Make a sheet"), lambda: set_code(new_code()), identifier="sheet-make"),
            ],
        )
    if not written:
        return _stack(
            ui,
            [
                large(ui, t("Write this down on paper")),
                card(ui, [large(ui, grouped(code))]),
                quiet(ui, t("There is no letter O, I, L or U in it. After the test it is not shown again.")),
                primary_button(
                    ui, t("I wrote it down"), lambda: set_written(True), identifier="sheet-written"
                ),
            ],
        )
    return _reading_back(ui, trying, code, test, lambda: set_written(False), said.waiting, pin)


def _what_it_is(ui: Interface) -> list[ft.Control]:
    t = ui.t
    return [
        body(ui, t("A code on paper that opens this device when the passphrase is forgotten.")),
        body(ui, t("Keep it locked away, apart from the device, such as in the safe of your service.")),
        notice(
            ui,
            t(
                "Whoever has the paper and the device can read everything on it. An older sheet stops working."
            ),
            urgency=Urgency.WARNING,
        ),
    ]


@component
def _reading_back(
    ui: Interface,
    trying: Trying,
    code: str,
    keep: Keep,
    show_again: Callable[[], None],
    waiting: str,
    pin: bool,
) -> ft.Control:
    t = ui.t
    ask = pin_field if pin else password_field
    again, set_again = ft.use_state("")
    passphrase, set_passphrase = ft.use_state("")
    same = compare_digest(as_typed(again).encode(), code.encode())
    wrong = isinstance(trying.error, WrongPassphrase)
    refused = (
        t("That is not the PIN of this device.") if pin else t("That is not the passphrase of this device.")
    )
    handler = trying.of(keep, passphrase, again) if same and passphrase else None
    full = len(as_typed(again)) >= CODE_LENGTH
    return _stack(
        ui,
        [
            large(ui, t("Now read it from the paper")),
            _code_field(
                ui,
                again,
                set_again,
                t("This is not what was shown. Compare it with the paper.") if full and not same else None,
            ),
            ask(
                ui,
                t("PIN") if pin else t("Passphrase"),
                passphrase,
                typed(set_passphrase),
                on_submit=always(handler),
                error=refused if wrong else None,
            ),
            *(trying.shown(waiting) if not wrong else []),
            primary_button(ui, t("Test the sheet"), handler, identifier="sheet-test"),
            quiet_button(ui, t("Show it again"), show_again, identifier="sheet-again"),
        ],
    )


@component
def recovery_form(
    ui: Interface,
    trying: Trying,
    recover: Keep,
    keep_code: Callable[[str], None],
    *,
    busy: bool,
    found: str = "",
) -> ft.Control:
    """Ask for the code of the newest sheet, then for a new passphrase, and open with them.

    A code that was `found` before is not asked for again; a part of one stands in the field. `keep_code` gets what is
    typed, letter by letter, and "" when it opens nothing: a screen that was blank for a moment begins anew with it.
    """
    t = ui.t
    typed_code, set_typed_code = ft.use_state(found)
    entered, set_entered = ft.use_state(_is_code(found))
    wrong = isinstance(trying.error, WrongRecoveryCode)

    def keep(code: str) -> None:
        set_typed_code(code)
        keep_code(code)

    async def go_on() -> None:
        trying.clear()
        set_entered(True)

    async def choose(passphrase: str) -> None:
        await trying.of(attempt, passphrase)()

    async def attempt(passphrase: str) -> None:
        try:
            await recover(passphrase, typed_code)
        except WrongRecoveryCode:
            keep_code("")
            set_entered(False)
            raise

    if entered:
        waits = trying.shown(t("Opening. This takes a moment.")) if busy or not wrong else []
        return _stack(
            ui,
            [
                large(ui, t("A new passphrase")),
                *waits,
                passphrase_chooser(ui, choose, t("Open with it")),
            ],
        )
    handler = go_on if _is_code(typed_code) else None
    error = t("This code does not open it. Compare it with the newest sheet.") if wrong else None
    return _stack(
        ui,
        [
            large(ui, t("The code on the sheet")),
            _code_field(ui, typed_code, keep, error),
            primary_button(ui, t("Continue"), handler, identifier="recover-next"),
        ],
    )


def _code_field(ui: Interface, value: str, keep: Callable[[str], None], error: str | None) -> ft.Control:
    t = ui.t
    count = t("{n} of {length} characters", n=min(len(as_typed(value)), CODE_LENGTH), length=CODE_LENGTH)
    helper = t("Capitals, spaces and hyphens do not matter.") if not value else count
    return text_field(ui, t("Code"), value, typed(keep), helper=helper, error=error, max_length=80)


def _is_code(text: str) -> bool:
    try:
        read_code(text)
    except WrongRecoveryCode:
        return False
    return True


def _stack(ui: Interface, controls: Sequence[ft.Control]) -> ft.Control:
    return ft.Column([*controls], spacing=ui.theme.gap, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
