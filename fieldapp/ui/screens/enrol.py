"""Enrolment: type or scan the code, say the digits aloud, and the device belongs to the centre.

The code is never rewritten while it is typed (a field that changes under the fingers loses letters); it is read
back below the field, in the groups that the clerk's screen shows.
"""

import asyncio
from collections.abc import Callable

import flet as ft

from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import text_field
from fieldapp.kit.hooks import use_every
from fieldapp.kit.interface import Handler
from fieldapp.kit.layout import card
from fieldapp.kit.notices import empty_state, notice, status_line
from fieldapp.kit.text import body, heading, quiet
from fieldapp.kit.text import question as large
from fieldapp.services.membership import Standing
from fieldapp.ui.parts.camera import has_camera
from fieldapp.ui.parts.frame import framed, typed
from fieldapp.ui.parts.scanning import viewfinder
from fieldapp.ui.parts.trying import Trying, use_trying
from fieldapp.ui.state import FieldState
from fieldapp.ui.words import EXPECTED
from sync.code import ALPHABET, CODE_LENGTH, HALF_LENGTH, QR_MAGIC
from sync.errors import RelayUnreachable

SECONDS_BETWEEN_LOOKS = 2
GROUP = 5
_LOOKS_LIKE = str.maketrans("OIL", "011")


@component
def enrol_screen(state: FieldState) -> ft.View:
    """Show the step that enrolment is at: the code, the digits, or that it is done."""
    sealed, set_sealed = ft.use_state(0)
    trying = use_trying(state)
    match state.open.enrolling.standing:
        case Standing.LOCAL | Standing.REVOKED | Standing.PUT_BACK:
            return _code_step(state, trying)
        case Standing.PENDING:
            return framed(
                state,
                [_digits(state, trying.fail, set_sealed)],
                title=state.t("Enrol this device"),
                on_back=_cancel(state),
                bottom=[
                    secondary_button(state, state.t("Cancel"), _cancel(state), identifier="enrol-cancel")
                ],
            )
        case Standing.ENROLLED | Standing.SUSPENDED:
            return _done(state, sealed)


def _code_step(state: FieldState, trying: Trying) -> ft.View:
    t = state.t
    code, set_code = ft.use_state("")
    host, set_host = ft.use_state("")
    scanning, set_scanning = ft.use_state(False)
    unusable, set_unusable = ft.use_state(False)
    whole = code.strip().upper().startswith(QR_MAGIC + ":")

    async def begin() -> None:
        await state.open.enrolling.begin(code, "" if whole else host)
        state.open.book.changes.ring()

    async def enter(text: str) -> None:
        await state.open.enrolling.begin(text)
        state.open.book.changes.ring()

    async def scanned(text: str) -> None:
        set_code(text)
        set_scanning(False)
        await trying.of(enter, text)()

    def not_scanned() -> None:
        set_unusable(True)
        set_scanning(False)

    def scan() -> None:
        set_unusable(False)
        set_scanning(True)

    if scanning:
        return _scan_step(state, viewfinder(state, scanned, not_scanned), lambda: set_scanning(False))
    words = t("The camera cannot be used, or was not allowed. Type the code.")
    relay = [
        text_field(
            state,
            t("Address of the relay"),
            host,
            typed(set_host),
            helper=t("It stands under the code, such as relay.example."),
            keyboard=ft.KeyboardType.URL,
            on_submit=trying.of(begin),
        )
    ]
    return framed(
        state,
        [
            body(state, t("Ask the clerk at the centre for a code. It is valid for 15 minutes.")),
            *([notice(state, words)] if unusable else []),
            *(
                [secondary_button(state, t("Scan the code"), scan, identifier="enrol-scan")]
                if has_camera(ft.context.page)
                else []
            ),
            text_field(
                state,
                t("Code"),
                code,
                typed(set_code),
                helper=t("Capitals, spaces and hyphens do not matter."),
                keyboard=ft.KeyboardType.VISIBLE_PASSWORD,
                autofocus=True,
            ),
            *([] if whole or not code else [_read_back(state, code)]),
            *([] if whole else relay),
            *trying.shown(t("Asking the relay.")),
        ],
        title=t("Enrol this device"),
        bottom=[
            primary_button(
                state,
                t("Continue"),
                trying.of(begin) if code and (host or whole) else None,
                identifier="enrol-begin",
            )
        ],
    )


def _scan_step(state: FieldState, picture: ft.Control, stop: Handler) -> ft.View:
    t = state.t
    return framed(
        state,
        [
            body(state, t("Hold the camera before the code on the clerk's screen.")),
            picture,
            quiet(state, t("No picture is stored.")),
        ],
        title=t("Enrol this device"),
        on_back=stop,
        bottom=[secondary_button(state, t("Type the code"), stop, identifier="enrol-type")],
    )


def _read_back(state: FieldState, code: str) -> ft.Control:
    read = "".join(c for c in code.upper().translate(_LOOKS_LIKE) if c in ALPHABET)
    lines = (read[:HALF_LENGTH], read[HALF_LENGTH:])
    counted = state.t("{n} of {all} characters", n=len(read), all=CODE_LENGTH)
    shown: list[ft.Control] = [heading(state, grouped(line)) for line in lines if line]
    return card(state, [*shown, quiet(state, counted)])


def grouped(half: str) -> str:
    """Return up to 26 characters in groups of five, the last of six, as the clerk's screen shows them."""
    groups = [half[i : i + GROUP] for i in range(0, HALF_LENGTH - 1, GROUP)]
    return " ".join(filter(None, groups)) + half[HALF_LENGTH - 1 :]


def _cancel(state: FieldState) -> Handler:
    async def cancel() -> None:
        await state.open.enrolling.cancel()
        state.back()

    return cancel


@component
def _digits(
    state: FieldState, on_failure: Callable[[Exception], None], on_waiting: Callable[[int], None]
) -> ft.Control:
    t, theme = state.t, state.theme
    network, set_network = ft.use_state(True)

    async def look() -> None:
        if state.notebook is None:
            return
        notebook = state.notebook
        on_waiting(notebook.delivery.waiting)
        try:
            if await notebook.enrolling.finish():
                notebook.delivery.wake()
                notebook.book.changes.ring()
            set_network(True)
        except RelayUnreachable:
            set_network(False)
        except EXPECTED as error:
            await notebook.enrolling.cancel()
            on_failure(error)
            notebook.book.changes.ring()

    async def look_to_the_end() -> None:
        # Joining rings the bell, which takes this component off the screen and would cancel the rest of the look.
        await asyncio.shield(asyncio.create_task(look()))

    use_every(SECONDS_BETWEEN_LOOKS, look_to_the_end)
    groups = state.open.enrolling.digits
    rows: list[ft.Control] = [
        ft.Row(
            [ft.Container(large(state, group), expand=True) for group in groups[i : i + 2]],
            spacing=theme.gap,
        )
        for i in range(0, len(groups), 2)
    ]
    waits = (
        t("Waiting for the clerk to confirm.") if network else t("No network. Trying again automatically.")
    )
    icon = ft.Icons.HOURGLASS_EMPTY_ROUNDED if network else ft.Icons.CLOUD_OFF_OUTLINED
    return ft.Column(
        [
            body(state, t("The clerk at the centre sees the same digits. Say them aloud.")),
            card(state, rows),
            status_line(state, icon, waits),
            notice(state, t("If one digit differs, cancel here and tell the clerk.")),
        ],
        spacing=theme.gap,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _done(state: FieldState, sealed: int) -> ft.View:
    t, tn = state.t, state.tn
    words = (
        tn(
            "{n} record made before is sealed now and on its way.",
            "{n} records made before are sealed now and on their way.",
            sealed,
        )
        if sealed
        else t("What you finish from now on is sealed for the centre at once.")
    )
    return framed(
        state,
        [empty_state(state, ft.Icons.VERIFIED_USER_OUTLINED, t("This device is enrolled"), words)],
        title=t("Enrol this device"),
        on_back=state.home,
        bottom=[primary_button(state, t("Done"), state.home, identifier="enrol-done")],
    )
