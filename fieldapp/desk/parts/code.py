"""An enrolment code as groups to be typed or read aloud, and as a picture for a device that can scan it."""

import io
from collections.abc import Sequence

import flet as ft
import segno

from fieldapp.desk.state import DeskState
from fieldapp.kit.layout import card
from fieldapp.kit.text import body, quiet
from fieldapp.kit.text import question as large
from fieldapp.services.desk.devices import Enrolment

_MODULE_PIXELS = 8
_QUIET_ZONE = 4
"""Modules of white around the code (ISO/IEC 18004)."""


def qr_png(text: str) -> bytes:
    """Return `text` as a QR code, black on white whatever the theme, as a PNG file."""
    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        picture, kind="png", scale=_MODULE_PIXELS, border=_QUIET_ZONE, dark="black", light="white"
    )
    return picture.getvalue()


def code_card(state: DeskState, enrolment: Enrolment) -> ft.Control:
    """Show the code in both forms, with the relay's host, which is typed apart."""
    t, theme = state.t, state.theme
    scanned = t("For devices that can scan")
    image = ft.Image(
        src=qr_png(enrolment.qr_text),
        width=theme.code_side,
        height=theme.code_side,
        border_radius=theme.radius_chip,
        semantics_label=scanned,
    )
    caption = ft.Semantics(exclude_semantics=True, content=quiet(state, scanned))
    picture = ft.Column(
        [image, caption], spacing=theme.tight, horizontal_alignment=ft.CrossAxisAlignment.CENTER
    )
    lines: list[ft.Control] = [quiet(state, t("Type these two lines:"))]
    lines += [_groups(state, half.split("-")) for half in enrolment.typed]
    lines += [quiet(state, t("and this address:")), large(state, enrolment.relay_host)]
    words = ft.Column(lines, spacing=theme.small)
    if state.width is not state.width.DESKTOP or theme.stacked:
        return card(state, [ft.Row([picture], alignment=ft.MainAxisAlignment.CENTER), words])
    words.expand = True
    return card(state, [ft.Row([picture, words], spacing=theme.wide)])


def digits_card(state: DeskState, enrolment: Enrolment) -> ft.Control:
    """Show the eight groups of digits, four in a row, or two on a phone."""
    beside = 2 if state.phone else 4
    digits = enrolment.digits
    rows = [_groups(state, digits[i : i + beside]) for i in range(0, len(digits), beside)]
    return card(state, [body(state, state.t("The device must show the same digits:")), *rows])


def _groups(state: DeskState, groups: Sequence[str]) -> ft.Control:
    """Set groups of characters apart, so that a line breaks between two of them and never within one."""
    theme = state.theme
    shown = ft.Row(
        [large(state, group) for group in groups], wrap=True, spacing=theme.side, run_spacing=theme.tight
    )
    # Broken lines would be read out in any order: the whole line is one thing to hear.
    return ft.Semantics(label=" ".join(groups), exclude_semantics=True, content=shown)
