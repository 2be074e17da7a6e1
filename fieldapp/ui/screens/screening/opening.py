"""Before the first question: see the person alone, and what to do when that is not possible."""

from collections.abc import Callable

import flet as ft

from fieldapp.assets import cards, handover_words
from fieldapp.domain.ids import parse_handover
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import Interpreter, Screening
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.fields import dropdown, text_field
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import card, section
from fieldapp.kit.notices import Urgency, notice
from fieldapp.kit.text import body, heading, quiet
from fieldapp.kit.text import question as large
from fieldapp.ui.parts.languages import PERSON_LANGUAGES
from fieldapp.ui.parts.screening import open_screening, step_screen, use_draft_text
from fieldapp.ui.parts.screening_steps import first_question, move
from fieldapp.ui.state import FieldState, Place, Screen


@component
def opening_screen(state: FieldState) -> ft.View:
    """How to begin, who interprets, and at the bottom the gate."""
    screening, t, language = open_screening(state), state.t, state.language
    opening = cards()["opening"]
    words = [body(state, line[language]) for line in opening.lines]
    return step_screen(
        state,
        [
            large(state, opening.title[language]),
            *words,
            section(
                state,
                t("The conversation"),
                [
                    _interpreter(state, screening),
                    ft.Container(height=state.theme.tight),
                    _language(state, screening),
                ],
            ),
            section(state, t("Earlier contact?"), [_continues(state)]),
        ],
        bottom=_bottom(state, screening),
    )


def _bottom(state: FieldState, screening: Screening) -> list[ft.Control]:
    if screening.interpreter is Interpreter.RELATIVE_OR_COMMUNITY:
        return [_not_this_interpreter(state)]
    return [heading(state, screening.instrument.gate.prompt[state.language]), _gate(state)]


def _not_this_interpreter(state: FieldState) -> ft.Control:
    """Whoever interprets here may report every word: there is no way on to the questions."""
    stop, t = cards()["interpreter"], state.t
    lines = [body(state, line[state.language]) for line in stop.lines]
    return card(
        state,
        [
            notice(state, stop.title[state.language], urgency=Urgency.WARNING),
            *lines,
            primary_button(
                state,
                t("Sworn interpreter by phone"),
                bound(_set_interpreter, state, Interpreter.SWORN_REMOTE.value),
                identifier="use-sworn",
            ),
            secondary_button(
                state, t("Only observe"), bound(_answer_gate, state, Answer.NO), identifier="only-observe"
            ),
        ],
    )


def _gate(state: FieldState) -> ft.Control:
    t = state.t
    return ft.Row(
        [
            secondary_button(
                state, t("No"), bound(_answer_gate, state, Answer.NO), expand=True, identifier="alone-no"
            ),
            primary_button(
                state, t("Yes"), bound(_answer_gate, state, Answer.YES), expand=True, identifier="alone-yes"
            ),
        ],
        spacing=state.theme.gap,
    )


async def _answer_gate(state: FieldState, answer: Answer) -> None:
    gate = open_screening(state).instrument.gate.id
    known = bool(open_screening(state).answers.keys() - {gate})
    go_on = first_question(open_screening(state)) if known else Place(Screen.WHO)
    to = go_on if answer is Answer.YES else Place(Screen.OBSERVE)
    # Whoever is not alone needs every screen that follows to be small and neutral.
    state.quiet = answer is Answer.NO
    await move(state, to, lambda s: s.with_answer(gate, answer))


async def _set_interpreter(state: FieldState, key: str) -> None:
    await state.change(lambda s: s.with_context(interpreter=Interpreter(key)))


def _interpreter(state: FieldState, screening: Screening) -> ft.Control:
    t = state.t
    options = [
        Option(Interpreter.NONE, t("None")),
        Option(Interpreter.SWORN_REMOTE, t("Sworn, by phone")),
        Option(Interpreter.COLLEAGUE, t("Colleague")),
        Option(Interpreter.RELATIVE_OR_COMMUNITY, t("Relative or community")),
    ]
    chosen = frozenset({str(screening.interpreter)})
    choose: Callable[[str], object] = lambda key: _set_interpreter(state, key)  # noqa: E731
    return chips(state, t("Interpreter"), options, chosen, choose, identifier="interpreter")


def _language(state: FieldState, screening: Screening) -> ft.Control:
    async def choose(event: ft.Event[ft.Dropdown]) -> None:
        await state.change(lambda s: s.with_context(language=str(event.control.value)))

    options = [Option(code, name) for code, name in PERSON_LANGUAGES.items()]
    return dropdown(state, state.t("Language of the person"), options, screening.language, choose)


@component
def _continues(state: FieldState) -> ft.Control:
    """Two handover words of an earlier contact, so that the story is told once."""
    t = state.t
    earlier = open_screening(state).continues
    typed, on_change = use_draft_text(
        state,
        " ".join(earlier or ()),
        lambda s, text: s.with_continues(parse_handover(text, handover_words())),
    )
    wrong = len(typed.split()) > 1 and parse_handover(typed, handover_words()) is None
    return text_field(
        state,
        t("Continues an earlier contact"),
        typed,
        on_change,
        helper=t("Two words, if a colleague gave you some."),
        error=t("These are not handover words. Check the spelling.") if wrong else None,
        max_length=40,
    )


@component
def alone_screen(state: FieldState) -> ft.View:
    """The gate alone, for when the situation has changed."""
    gate = open_screening(state).instrument.gate
    language = state.language
    return step_screen(
        state, [large(state, gate.prompt[language]), quiet(state, gate.hint[language])], bottom=[_gate(state)]
    )


@component
def observe_screen(state: FieldState) -> ft.View:
    """Observation mode: neutral keywords that a bystander may read, each seen or left open, never *no*."""
    screening, t = open_screening(state), state.t

    async def toggle(key: str) -> None:
        await state.change(lambda s: s.with_observation(key, key not in s.observations))

    options = [Option(o.id, o.keyword[state.language]) for o in screening.instrument.observations]
    return step_screen(
        state,
        [chips(state, t("Notes"), options, screening.observations, toggle, identifier="seen")],
        bottom=[
            secondary_button(
                state, t("Questions"), bound(move, state, Place(Screen.ALONE)), identifier="to-questions"
            ),
            ft.Row(
                [
                    secondary_button(state, t("Later"), state.home, expand=True, identifier="later"),
                    primary_button(
                        state,
                        t("Finish"),
                        bound(move, state, Place(Screen.FINISH)),
                        expand=True,
                        identifier="finish",
                    ),
                ],
                spacing=state.theme.gap,
            ),
        ],
    )
