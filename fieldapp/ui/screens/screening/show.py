"""Showing the question to the person: one sentence in large type, and answers to point at.

Only a sentence that practitioners and sworn translators have reviewed is shown (instrument: `reviewed`). A wrong word
here can frighten or endanger someone, and the worker who cannot read the language would not notice.
"""

import flet as ft

from fieldapp.domain.instrument import Answer, Item, Language
from fieldapp.domain.screening import Screening
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, secondary_button
from fieldapp.kit.interface import bound
from fieldapp.kit.layout import screen
from fieldapp.kit.notices import notice
from fieldapp.kit.text import body, isolate, right_to_left
from fieldapp.kit.text import question as large
from fieldapp.ui.parts.frame import ROUTE
from fieldapp.ui.parts.languages import PERSON_LANGUAGES
from fieldapp.ui.parts.screening import open_screening
from fieldapp.ui.state import FieldState, Screen

_POINTED_AT = (Answer.YES, Answer.NO, Answer.UNKNOWN)


@component
def show_screen(state: FieldState) -> ft.View:
    """The sentence of the item that the place names, or why there is none to show."""
    screening = open_screening(state)
    item = screening.instrument.by_id[str(state.about(Screen.SHOW))]
    language = reviewed_language(screening)
    if language is None:
        return _nothing_to_show(state, screening)
    return _sentence(state, screening, item, language)


def reviewed_language(screening: Screening) -> Language | None:
    """Return the person's language if the sentences in it have been reviewed."""
    if screening.language not in set(Language):
        return None
    language = Language(screening.language)
    return language if screening.instrument.is_reviewed("say", language) else None


def _nothing_to_show(state: FieldState, screening: Screening) -> ft.View:
    t = state.t
    name = PERSON_LANGUAGES.get(screening.language, screening.language)
    words = t("There is no reviewed sentence in this language yet: {language}.", language=isolate(name))
    return screen(
        state,
        ROUTE,
        [
            notice(state, words),
            body(
                state,
                t("Only sentences that practitioners and sworn translators have checked are shown here."),
            ),
            body(
                state, t("Ask in your own words, one thing at a time, or call a sworn interpreter by phone.")
            ),
        ],
        on_back=state.back,
        bottom=[primary_button(state, t("Back to the question"), state.back, identifier="to-question")],
    )


def _sentence(state: FieldState, screening: Screening, item: Item, language: Language) -> ft.View:
    theme = state.theme
    say = item.say[language]

    async def point(answer: Answer) -> None:
        await state.change(lambda s: s.with_answer(item.id, answer), state.back)

    shown = large(state, isolate(say))
    side = ft.Alignment.CENTER_RIGHT if right_to_left(say) else ft.Alignment.CENTER_LEFT
    labels = screening.instrument.answer_labels
    answers = [
        secondary_button(
            state, labels[answer.value][language], bound(point, answer), identifier=f"point-{answer.value}"
        )
        for answer in _POINTED_AT
    ]
    return screen(
        state,
        ROUTE,
        [ft.Container(height=theme.wide), ft.Container(shown, alignment=side)],
        on_back=state.back,
        bottom=answers,
    )
