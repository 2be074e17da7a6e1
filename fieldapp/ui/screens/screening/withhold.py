"""Who must not see this? Asked before anything is sealed, because it chooses who can read it at all."""

from dataclasses import replace

import flet as ft

from fieldapp.domain.screening import Agency, MustNotSee
from fieldapp.domain.strict import MAX_LINE, clean_text
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import text_field
from fieldapp.kit.interface import bound
from fieldapp.kit.text import body
from fieldapp.kit.text import question as large
from fieldapp.ui.parts.screening import open_screening, step_screen, use_draft_text
from fieldapp.ui.parts.screening_steps import move
from fieldapp.ui.state import FieldState, Place, Screen


@component
def withhold_screen(state: FieldState) -> ft.View:
    """Agencies and one named person; nobody in particular is one tap."""
    answer, t = open_screening(state).must_not_see, state.t
    person, on_person = use_draft_text(
        state,
        answer.person,
        lambda s, text: s.with_must_not_see(replace(s.must_not_see, person=clean_text(text).strip())),
    )

    async def choose(key: str) -> None:
        agency = Agency(key)
        await state.change(
            lambda s: s.with_must_not_see(
                replace(s.must_not_see, agencies=s.must_not_see.agencies ^ {agency})
            )
        )

    return step_screen(
        state,
        [
            large(state, t("Who must not see this?")),
            body(
                state,
                t(
                    "A relative or friend may work there. This goes to readers at the centre without that "
                    "service, and the answer travels with it."
                ),
            ),
            chips(
                state,
                t("Services"),
                _agencies(state),
                frozenset(answer.agencies),
                choose,
                identifier="withhold",
            ),
            text_field(
                state,
                t("Name of one person"),
                person,
                on_person,
                helper=t("For example a relative who works at the town hall."),
                max_length=MAX_LINE,
            ),
        ],
        bottom=[
            primary_button(
                state,
                t("No one in particular") if answer == MustNotSee() else t("Next"),
                bound(move, state, Place(Screen.RESULT)),
                identifier="withhold-next",
            )
        ],
    )


def _agencies(state: FieldState) -> list[Option]:
    t = state.t
    return [
        Option(Agency.POLICE, t("Police")),
        Option(Agency.TOWN_HALL, t("Town hall")),
        Option(Agency.INTERPRETER_POOL, t("Interpreters")),
        Option(Agency.SCHOOL, t("School")),
        Option(Agency.SHELTER, t("Shelter")),
    ]
