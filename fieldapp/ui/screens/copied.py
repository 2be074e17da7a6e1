"""If somebody may have copied the device: whom to tell, and a new key with a new sheet, with what that does not do.

The page is the same in every notebook. The key is rotated once the device belongs to a centre, so a second notebook,
which never does, shows what any device shows that is not enrolled.
"""

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import list_row, section
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.recovery import SheetWords, sheet_maker
from fieldapp.kit.text import body
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import FieldState, Screen


@component
def copied_screen(state: FieldState) -> ft.View:
    """Explain, and offer the new key."""
    t, book = state.t, state.open.book
    begin = primary_button(
        state,
        t("Make a new key"),
        bound(state.go, Screen.NEW_KEY) if book.may_change_keys else None,
        identifier="new-key",
    )
    refused = notice(state, t("You can make a new key once this device is enrolled at a centre."))
    passphrase = list_row(
        state,
        t("Change the passphrase"),
        t("Before the new key, if anybody may know the old one."),
        on_click=bound(state.go, Screen.PASSPHRASE),
        identifier="copied-passphrase",
    )
    first = t("Tell your centre. It can stop what is sent in the name of this device, and you enrol it anew.")
    return framed(
        state,
        [
            body(state, t("Somebody had this device for a while, or its files, or saw you type?")),
            section(state, t("First"), [body(state, first), passphrase]),
            section(
                state,
                t("What a new key does"),
                [
                    body(state, t("What you write from now on does not open with the key of an older copy.")),
                    body(state, t("Everything in this notebook is encrypted anew. It takes a moment.")),
                    body(state, t("You get a new recovery sheet. The older one opens nothing any more.")),
                ],
            ),
            section(
                state,
                t("What it cannot do"),
                [
                    body(state, t("What was copied stays copied: with your passphrase it can be read.")),
                    body(state, t("Whoever has a copy can send in your name until your centre stops it.")),
                    body(state, t("What the other passphrases open stays as it is.")),
                ],
            ),
        ],
        title=t("If this device was copied"),
        bottom=[begin] if book.may_change_keys else [refused],
    )


@component
def new_key_screen(state: FieldState) -> ft.View:
    """Have the new sheet written down and read back, and then rotate the key."""
    t, trying = state.t, use_trying(state)
    words = SheetWords(
        t("The key is new"),
        t("It was tested: the new sheet opens this device. The older one no longer does."),
        t("Encrypting anew. This takes a moment."),
    )
    explained = [
        body(
            state, t("First the new recovery sheet: a code on paper, for when the passphrase is forgotten.")
        ),
        notice(
            state,
            t("Have paper at hand. Without this sheet there is no new key."),
            urgency=Urgency.WARNING,
        ),
    ]
    maker = sheet_maker(
        state,
        trying,
        state.open.book.change_key,
        state.back,
        explained=explained,
        words=words,
        pin=state.open.book.opened_by_pin,
    )
    return framed(state, [maker], title=t("New key"))
