"""Whether devices erase themselves after many wrong passphrases: off, unless the key holders sign otherwise."""

from typing import Final

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.choices import setting_chips
from fieldapp.kit.interface import Question
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body
from fieldapp.kit.trying import use_trying

CHOICES: Final = (0, 20, 50)


@component
def guesses_screen(state: DeskState) -> ft.View:
    """Say what it costs, and draft the change for the key holders."""
    t, signing = state.t, state.open.signing
    trying = use_trying(state, trouble_notice)

    async def draft(attempts: int) -> None:
        await signing.set_wipe_after(attempts)
        state.go(Screen.KEYS)

    async def choose(wipe_after: int) -> None:
        if wipe_after == signing.wipe_after:
            return
        if not wipe_after:
            await draft(0)
            return
        words = t(
            "Whoever types {n} wrong passphrases on a device destroys what is only there: a child at play, or somebody "
            "who wants a record to disappear. What is sealed still reaches you.",
            n=wipe_after,
        )
        state.ask(
            Question(
                title=t("Let devices erase themselves?"),
                words=words,
                yes=t("Ask the key holders"),
                no=t("Go back"),
                on_yes=trying.of(draft, wipe_after),
                danger=True,
            )
        )

    options = {0: t("Never"), **{n: t("After {n}", n=n) for n in CHOICES if n}}
    content = [
        *trying.shown(),
        body(
            state,
            t(
                "After five wrong passphrases a device makes whoever guesses wait, up to an hour each time. That goes on "
                "for ever, and erases nothing."
            ),
        ),
        notice(
            state,
            t(
                "Erasing protects against somebody with much time. It destroys drafts and whatever was not sealed, "
                "and no one can bring that back. Without a good reason leave it off."
            ),
            urgency=Urgency.WARNING,
        ),
        *(
            [
                body(
                    state,
                    t("You allow a PIN on some devices. That is a good reason: digits are guessed sooner."),
                )
            ]
            if signing.pin_models
            else []
        ),
        setting_chips(
            state,
            trying,
            choose,
            t("Erase a device after wrong passphrases"),
            "wipe_after",
            options,
            signing.wipe_after,
            int,
        ),
        body(
            state,
            t(
                "It holds for devices with a key store of their own, from when they next hear of you. The key holders "
                "sign it, as they sign everything about devices."
            ),
        ),
    ]
    return framed(state, Pane(t("Guessed passphrases"), content, on_back=state.back))
