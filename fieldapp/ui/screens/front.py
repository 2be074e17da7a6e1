"""What others see: the plain lock screen, or notes in front of it. The choice is the device's, not one notebook's."""

import flet as ft

from fieldapp.kit.answer_bar import Option, choice_list
from fieldapp.kit.boundary import component
from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Handler, Question
from fieldapp.kit.layout import section
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.text import body, quiet
from fieldapp.ui.parts.frame import framed
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import FieldState

LOCK, NOTES = "lock", "notes"


@component
def front_screen(state: FieldState) -> ft.View:
    """Offer the two, and say in plain words how the notes are opened and what they do not do."""
    t, trying, front = state.t, use_trying(state), state.gate.front

    async def show_notes() -> None:
        await front.choose()
        state.beat += 1

    async def show_lock() -> None:
        await front.leave()
        state.beat += 1

    async def choose(key: str) -> None:
        if key == NOTES:
            await trying.of(show_notes)()
        elif front.notes:
            state.ask(_leaving(state, trying.of(show_lock)))
        else:
            await trying.of(show_lock)()

    options = [
        Option(LOCK, t("A plain lock screen"), t("It asks for the passphrase, and says nothing else.")),
        Option(NOTES, t("A list of notes"), t("A notes app that works. Its search box opens this device.")),
    ]
    chosen = NOTES if front.chosen else LOCK
    return framed(
        state,
        [
            body(state, t("This is what somebody sees who picks up the device while it is locked.")),
            *trying.shown(),
            choice_list(state, options, chosen, choose, identifier="front"),
            *(
                [quiet(state, t("It counts for everyone who uses this device."))]
                if len(state.gate.shelf.notebooks) > 1
                else []
            ),
            *(_explained(state) if front.chosen else []),
        ],
        title=t("What others see"),
    )


def front_words(t: Translator, *, notes: bool) -> str:
    """Return what is chosen, in few words."""
    return t("A list of notes") if notes else t("A plain lock screen")


def _explained(state: FieldState) -> list[ft.Control]:
    t, pins = state.t, state.gate.pad.tried
    opening = [
        t("Type your passphrase in the search box and press Enter, or the magnifying glass."),
        t("Unlike on a lock screen, it can be read while you type. Afterwards the box is empty."),
        t("Every passphrase of this device works there. A wrong one is a search that finds nothing."),
        t("If you forget it, search for the code on your recovery sheet."),
    ]
    waiting = [
        t(
            "Short words are searches and nothing more. After five long ones that open nothing, your passphrase finds "
            "nothing either for a while: half a minute, longer with each further one, at most an hour. Nothing says so."
        ),
        *([t("Here a number of 6 to 12 digits counts like a long word: it may be a PIN.")] if pins else []),
    ]
    return [
        notice(
            state,
            t("Anybody can read these notes, also without this app. Write nothing in them about your work."),
            urgency=Urgency.WARNING,
        ),
        section(state, t("How it opens"), [body(state, words) for words in opening]),
        section(state, t("When it does not open"), [body(state, words) for words in waiting]),
        section(
            state,
            t("What it does not do"),
            [
                body(
                    state, t("An empty list convinces nobody: write a few everyday notes in it now and then.")
                ),
                body(
                    state, t("Whoever knows this app, or searches the device with tools, knows what it is.")
                ),
            ],
        ),
    ]


def _leaving(state: FieldState, leave: Handler) -> Question:
    t, tn, count = state.t, state.tn, len(state.gate.front.notes)
    return Question(
        title=t("Show the plain lock screen?"),
        words=tn(
            "The note in front of it is removed. Nothing else is.",
            "The {n} notes in front of it are removed. Nothing else is.",
            count,
        ),
        yes=t("Remove the notes"),
        no=t("Go back"),
        on_yes=leave,
    )
