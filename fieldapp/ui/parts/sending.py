"""Ending a screening: what the person wishes, the one tap that files it, and what it is called then."""

import flet as ft

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Screening
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.notices import Urgency, notice, status_line
from fieldapp.kit.times import day_words
from fieldapp.services.filed import Filed, Stage
from fieldapp.ui.parts.screening import open_screening
from fieldapp.ui.parts.trying import Trying
from fieldapp.ui.state import FieldState, Screen

WISH = "S20"
"""The item that asks whether the person wants help (instrument.md)."""
CONSENT = "F20c"
"""The follow-up that asks whether the person agrees that the centre is told."""


async def finish_screening(state: FieldState, choice: FinishChoice) -> None:
    """File the open screening and show what became of it; what `Screenings.finish` raises."""
    screening, notebook = open_screening(state), state.open
    record = await notebook.screenings.finish(screening, choice)
    if state.notebook is not notebook:
        return
    state.home()
    state.reach = screening.safe_contact
    state.go(Screen.DONE, record.record_id)


def send_button(state: FieldState, trying: Trying) -> ft.Control:
    """The officer's one way to end: send."""
    t = state.t
    send = trying.once(finish_screening, state, FinishChoice(FinishKind.SEND))
    words = t("Sending this is not an alarm. Afterwards you can add, but not change.")
    reminder = status_line(state, ft.Icons.INFO_OUTLINED, words)
    return ft.Column(
        [
            *([] if state.quiet else [reminder]),
            primary_button(state, t("Send"), send, identifier="send"),
        ],
        spacing=state.theme.small,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def wish_notices(state: FieldState, screening: Screening) -> list[ft.Control]:
    """Show a *no* to help or to telling the centre once more, so that nobody overlooks it."""
    t = state.t
    words: list[str] = []
    if screening.answers.get(WISH) is Answer.NO:
        words.append(t("The person does not want help. Say that help stays possible."))
    if screening.answer(WISH) is Answer.YES and screening.followups.get(CONSENT) == "no":
        words.append(t("The person does not agree that the centre is told."))
    return [notice(state, line, urgency=Urgency.WARNING) for line in words]


def where_it_is(state: FieldState, record: Filed) -> str:
    """Say in plain words how far a record has come: it is never said to be where it is not proven to be."""
    t, book = state.t, state.open.book
    match book.stage(record):
        case Stage.KEPT:
            until = record.keep_until
            day = day_words(t, until, book.clock.local().date()) if until else ""
            return t("Kept on this device until {day}. Nothing was sent.", day=day)
        case Stage.LOCAL if book.membership is None:
            return t("Finished and safe on this device. It waits until this device is enrolled at a centre.")
        case Stage.LOCAL:
            return t("Finished and safe on this device. It cannot be sent now. Trying again automatically.")
        case Stage.SEALED | Stage.STORED:
            return t("Sealed on this device. Not yet at the centre.")
        case Stage.RECEIVED:
            return t("The centre has received it.")
        case Stage.OPENED:
            return t("A person at the centre has opened it.")
