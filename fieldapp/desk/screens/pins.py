"""The device models on which a PIN may be used: none, unless the key holders sign otherwise (ADR 0052)."""

from typing import Final

import flet as ft

from fieldapp.desk.parts.frame import framed
from fieldapp.desk.state import DeskState, Screen
from fieldapp.desk.words import trouble_notice
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import text_field, typed
from fieldapp.kit.interface import Handler, Question, bound
from fieldapp.kit.layout import list_row, section
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.panes import Pane
from fieldapp.kit.text import body, isolate, quiet
from fieldapp.kit.trying import Trying, use_trying
from sync.directory import MAX_PIN_MODELS, MODEL_LENGTH, model_name

CORE_HOURS: Final = 23
"""What every PIN of six digits costs one core of a processor, once the device secret is known (security: 2.2)."""


@component
def pins_screen(state: DeskState) -> ft.View:
    """Say what a PIN is worth, list the models, and draft the change for the key holders."""
    t, signing = state.t, state.open.signing
    trying = use_trying(state, trouble_notice)
    name, set_name = ft.use_state("")
    said, set_said = ft.use_state("")

    async def allow(model: str) -> None:
        await signing.allow_pin(model)
        state.go(Screen.KEYS)

    async def add() -> None:
        model = model_name(name)
        if not model:
            set_said(t("Type the name as the device shows it."))
        elif model in signing.pin_models:
            set_said(t("It stands in the list already."))
        else:
            set_said("")
            state.ask(_question(state, model, trying.of(allow, model)))

    content = [
        *trying.shown(),
        body(
            state,
            t(
                "A device is opened with a passphrase. Where you allow it for its model, a worker may choose a PIN "
                "of 6 to 12 digits instead."
            ),
        ),
        notice(
            state,
            t(
                "A PIN is worth what the device's chip is worth. Whoever gets the secret out of it, and copies the "
                "files, tries every PIN of six digits in about {n} hours on one processor core, with more cores in "
                "minutes. Without a good reason list none.",
                n=CORE_HOURS,
            ),
            urgency=Urgency.WARNING,
        ),
        *_advice(state),
        section(state, t("Models with a PIN"), _models(state, trying)),
        *(
            [
                text_field(
                    state,
                    t("Another model"),
                    name,
                    typed(set_name),
                    helper=t("Letter by letter as the device shows it under Settings, About."),
                    error=said or None,
                    max_length=MODEL_LENGTH,
                    on_submit=add,
                ),
                primary_button(state, t("Add it"), add, identifier="pin-add"),
            ]
            if len(signing.pin_models) < MAX_PIN_MODELS
            else [quiet(state, t("The list is full."))]
        ),
        body(
            state,
            t(
                "List a model only when its maker says that the key store lies in the chip, and its devices are kept "
                "up to date. No device tells this app. Where you remove a model, a PIN in use still opens the device, "
                "which asks for a passphrase until there is one."
            ),
        ),
    ]
    return framed(state, Pane(t("PIN on devices"), content, on_back=state.back))


def _models(state: DeskState, trying: Trying) -> list[ft.Control]:
    t, signing = state.t, state.open.signing
    if not signing.pin_models:
        return [quiet(state, t("None: every device needs a passphrase."))]

    async def forbid(model: str) -> None:
        await signing.forbid_pin(model)
        state.go(Screen.KEYS)

    rows: list[ft.Control] = []
    for number, model in enumerate(signing.pin_models):
        remove = secondary_button(
            state, t("Remove"), trying.of(forbid, model), identifier=f"pin-remove-{number}"
        )
        shown = body(state, isolate(model), strong=True)
        shown.expand = True
        rows.append(ft.Row([shown, remove], spacing=state.theme.gap))
    return rows


def _advice(state: DeskState) -> list[ft.Control]:
    """Lead to erasing after guesses, which a PIN needs more than a passphrase does."""
    t = state.t
    if state.open.signing.wipe_after:
        return []
    words = t(
        "With a PIN, let devices erase themselves after wrong ones: now they only make whoever guesses wait."
    )
    to = bound(state.go, Screen.GUESSES)
    return [list_row(state, t("Guessed passphrases"), words, on_click=to, identifier="pin-guesses")]


def _question(state: DeskState, model: str, yes: Handler) -> Question:
    t = state.t
    return Question(
        title=t("Let {model} use a PIN?", model=isolate(model)),
        words=t(
            "If its chip gives its secret away, only six digits stand between a copied device and what is on it: "
            "about {n} hours of one processor core. The key holders sign it.",
            n=CORE_HOURS,
        ),
        yes=t("Ask the key holders"),
        no=t("Go back"),
        on_yes=yes,
        danger=True,
    )
