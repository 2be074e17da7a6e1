"""Another passphrase, or a PIN where the centre allows it on this device model: the old one, then the new one."""

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.interface import Interface
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.passphrase import Choose
from fieldapp.kit.passphrase_change import PassphraseForm, PassphraseWords, use_passphrase_form
from fieldapp.kit.pin import pin_chooser
from fieldapp.kit.text import body
from fieldapp.services.passphrases import PIN_DIGITS, Choice
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import FieldState
from fieldapp.vault import SlotKind


@component
def passphrase_screen(state: FieldState) -> ft.View:
    """Change to a strong passphrase, from one or from a PIN."""
    t = state.t
    title = t("Use a passphrase") if state.open.book.opened_by_pin else ""
    changed = " ".join(
        [t("From now on only the new one opens this device."), *_other_words(state, pin=False)]
    )
    words = PassphraseWords(_wrong(state), changed, title, old_pin=_old_pin(state))
    form = use_passphrase_form(state, use_trying(state), state.open.book.change_passphrase, words, state.back)
    return _framed(state, form, [])


@component
def pin_screen(state: FieldState) -> ft.View:
    """Change to a PIN, from a passphrase or another PIN, after saying what it is worth."""
    t, choice = state.t, state.open.book.choice

    def chooser(ui: Interface, on_choose: Choose, words: str) -> ft.Control:
        return pin_chooser(ui, on_choose, words, choice)

    words = PassphraseWords(
        _wrong(state),
        " ".join([t("From now on only the PIN opens this device."), *_other_words(state, pin=True)]),
        t("Change the PIN") if state.open.book.opened_by_pin else t("Use a PIN"),
        t("The PIN is set"),
        _old_pin(state),
    )
    form = use_passphrase_form(
        state, use_trying(state), state.open.book.change_passphrase, words, state.back, chooser
    )
    explained = [
        body(
            state,
            t(
                "A PIN is quicker to type. It holds only together with the secret that this device's chip keeps."
            ),
        ),
        notice(
            state,
            t(
                "Whoever gets that secret out of the chip finds a PIN of {n} digits within hours; five random words "
                "would still hold. Your recovery sheet stays good.",
                n=PIN_DIGITS[0],
            ),
            urgency=Urgency.WARNING,
        ),
        *_apart(state),
    ]
    return _framed(state, form, explained if choice is Choice.PIN_OR_PASSPHRASE else _withdrawn(state))


def _framed(state: FieldState, form: PassphraseForm, above: list[ft.Control]) -> ft.View:
    content = form.content if form.bottom else [*above, *form.content]
    return framed(state, content, title=form.title, bottom=form.bottom)


def _withdrawn(state: FieldState) -> list[ft.Control]:
    """Say that the centre has changed its mind while this was open."""
    return [notice(state, state.t("Your centre does not allow a PIN on this device any more."))]


def _wrong(state: FieldState) -> str:
    t = state.t
    if state.open.book.opened_by_pin:
        return t("That is not the PIN of this device.")
    return t("That is not the passphrase of this device.")


def _old_pin(state: FieldState) -> str:
    return state.t("Old PIN") if state.open.book.opened_by_pin else ""


def _apart(state: FieldState) -> list[ft.Control]:
    """Warn of a PIN beside the others: the app does not know them, and six digits meet more easily than five words."""
    if not _others_set(state):
        return []
    t = state.t
    words = t(
        "Choose one that is far from your other PINs: one slip of a finger, and you type the wrong one, such as the one "
        "that wipes."
    )
    return [body(state, words)]


def _others_set(state: FieldState) -> bool:
    book = state.open.book
    return any(book.word_is_set(kind) for kind in (SlotKind.OPEN, SlotKind.WIPE_THEN_OPEN))


def _other_words(state: FieldState, *, pin: bool) -> list[str]:
    """Say that a second and a wipe passphrase stay as they are: then what is typed no longer looks alike."""
    t = state.t
    if not _others_set(state):
        return []
    if pin:
        return [t("Your other passphrases stay as they are. Set them anew as PINs, so that all look alike.")]
    if not state.gate.pad.tried:
        return []
    return [
        t("Your other PINs, if any, stay as they are. Set them anew as passphrases, so that all look alike.")
    ]
