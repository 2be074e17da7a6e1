"""Who the person is: all of it optional, twenty seconds, and kept apart from the answers."""

from dataclasses import replace

import flet as ft

from fieldapp.domain.screening import AgeGroup, Identity, Screening
from fieldapp.domain.screening import Place as PlaceType
from fieldapp.domain.strict import MAX_LINE, clean_text
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button
from fieldapp.kit.fields import number_field, text_field
from fieldapp.kit.interface import bound
from fieldapp.kit.text import quiet
from fieldapp.ui.parts.screening import open_screening, step_screen, use_draft_text
from fieldapp.ui.parts.screening_steps import first_question, move
from fieldapp.ui.state import FieldState


@component
def who_screen(state: FieldState) -> ft.View:
    """A few optional facts; one tap goes on."""
    screening, t = open_screening(state), state.t
    identity = screening.identity
    nothing = identity == Identity() and screening.age_group is AgeGroup.UNKNOWN
    name, on_name = use_draft_text(state, identity.name, lambda s, text: _with_line(s, name=text))
    phone, on_phone = use_draft_text(state, identity.phone, lambda s, text: _with_line(s, phone=text))
    report, on_report = use_draft_text(
        state, identity.report_number, lambda s, text: _with_line(s, report_number=text)
    )
    year, on_year = use_draft_text(state, str(identity.birth_year or ""), _with_year)
    return step_screen(
        state,
        [
            quiet(state, t("Everything here is optional. It is kept apart from the answers.")),
            text_field(state, t("Name as spoken"), name, on_name, max_length=MAX_LINE),
            number_field(
                state,
                t("Birth year"),
                year,
                on_year,
                digits=4,
                error=t("A year such as 2001.") if len(year) == 4 and identity.birth_year is None else None,
            ),
            _age(state, screening),
            _children(state, screening),
            text_field(
                state, t("Phone"), phone, on_phone, max_length=MAX_LINE, keyboard=ft.KeyboardType.PHONE
            ),
            text_field(state, t("Report number"), report, on_report, max_length=MAX_LINE),
            _place(state, screening),
        ],
        title=t("Who"),
        bottom=[
            primary_button(
                state,
                t("Skip") if nothing else t("Next"),
                bound(move, state, first_question(screening)),
                identifier="who-next",
            )
        ],
    )


def _with_line(screening: Screening, **line: str) -> Screening:
    clean = {key: clean_text(text).strip() for key, text in line.items()}
    return screening.with_identity(replace(screening.identity, **clean))  # type: ignore[arg-type]


def _with_year(screening: Screening, text: str) -> Screening:
    """Keep a whole year; what is still being typed is no year yet."""
    whole = text.isdecimal() and 1900 <= int(text) <= 2100
    return screening.with_identity(replace(screening.identity, birth_year=int(text) if whole else None))


def _age(state: FieldState, screening: Screening) -> ft.Control:
    t = state.t

    async def choose(key: str) -> None:
        age = AgeGroup.UNKNOWN if key == screening.age_group else AgeGroup(key)
        await state.change(lambda s: s.with_context(age_group=age))

    options = [Option(AgeGroup.ADULT, t("Adult")), Option(AgeGroup.MINOR, t("Under 18"))]
    return chips(state, t("Age"), options, frozenset({str(screening.age_group)}), choose, identifier="age")


def _children(state: FieldState, screening: Screening) -> ft.Control:
    t = state.t
    present = screening.identity.children_present

    async def choose(key: str) -> None:
        new = None if present is (key == "yes") else key == "yes"
        await state.change(lambda s: s.with_identity(replace(s.identity, children_present=new)))

    options = [Option("yes", t("Yes")), Option("no", t("No"))]
    chosen = frozenset() if present is None else frozenset({"yes" if present else "no"})
    return chips(state, t("Children present?"), options, chosen, choose, identifier="children")


def _place(state: FieldState, screening: Screening) -> ft.Control:
    t = state.t

    async def choose(key: str) -> None:
        place = PlaceType.UNKNOWN if key == screening.place else PlaceType(key)
        await state.change(lambda s: s.with_context(place=place))

    options = [
        Option(PlaceType.HOME, t("At home")),
        Option(PlaceType.STREET, t("Street")),
        Option(PlaceType.STATION, t("Police station")),
        Option(PlaceType.HOSPITAL, t("Hospital")),
        Option(PlaceType.SCHOOL, t("School")),
        Option(PlaceType.SAFE_LOCATION, t("Safe location")),
        Option(PlaceType.OTHER, t("Elsewhere")),
    ]
    chosen = frozenset({str(screening.place)})
    label = t("Kind of place, no address")
    return chips(state, label, options, chosen, choose, identifier="place")
