"""The result: how serious, how soon, because of what, and at most three things to do. Never a number of points.

The rule proposes and the worker decides: it can be raised with a reason, never lowered.
"""

from dataclasses import replace

import flet as ft

from fieldapp.assets import actions, cards
from fieldapp.domain.actions import action_ids
from fieldapp.domain.judgement import (
    MAX_REASON,
    MIN_REASON,
    OpenOverride,
    Override,
    OverrideCause,
    proposed,
    reason_of,
)
from fieldapp.domain.screening import Mode, Screening
from fieldapp.domain.triage import Band, Level
from fieldapp.kit.answer_bar import Option, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import primary_button, quiet_button
from fieldapp.kit.fields import note_field
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import card, fact, numbered, section
from fieldapp.kit.notices import Urgency, level_panel, notice
from fieldapp.kit.text import body, quiet
from fieldapp.ui.parts.files import files_part
from fieldapp.ui.parts.numbers import emergency_numbers, number_card
from fieldapp.ui.parts.screening import (
    SHOWN_LEVEL,
    band_words,
    level_words,
    open_screening,
    reason_words,
    step_screen,
    use_draft_text,
)
from fieldapp.ui.parts.screening_steps import first_open, move
from fieldapp.ui.parts.sending import send_button, wish_notices
from fieldapp.ui.parts.trying import use_trying
from fieldapp.ui.state import FieldState, Place, Screen

MOST_REASONS = 5
"""Lines of "because" that are read at the scene; the rest is one tap away in the overview."""


@component
def result_screen(state: FieldState) -> ft.View:
    """What the answers mean; an officer adds files and sends from here, outreach goes on to choose."""
    screening, t = open_screening(state), state.t
    do_not, set_do_not = ft.use_state(False)
    trying = use_trying(state)
    level, band = screening.effective
    numbers = [number_card(state, emergency_numbers(state))] if band is Band.NOW else []
    return step_screen(
        state,
        [
            *trying.shown(),
            level_panel(state, SHOWN_LEVEL[level], band_words(screening, band, state.language)),
            *wish_notices(state, screening),
            *_open_questions(state, screening),
            section(state, t("Now"), _actions(state, screening)),
            section(state, t("Because"), _because(state, screening)),
            *numbers,
            number_card(state),
            *_do_not(state, do_not, lambda: set_do_not(not do_not)),
            # Below whom to call and what to do: a photo never stands between a person and help.
            *([files_part(state, screening.id)] if screening.mode is Mode.OFFICER else []),
        ],
        title=t("Result"),
        bottom=[
            *(
                [send_button(state, trying)]
                if screening.mode is Mode.OFFICER
                else [
                    primary_button(
                        state, t("Finish"), bound(move, state, Place(Screen.FINISH)), identifier="finish"
                    )
                ]
            ),
            quiet_button(
                state, t("Raise the level, with a reason"), lambda: state.go(Screen.RAISE), identifier="raise"
            ),
        ],
    )


def _open_questions(state: FieldState, screening: Screening) -> list[ft.Control]:
    result, to = screening.result, first_open(screening)
    if not result.could_be_higher or to is None:
        return []
    n = result.unanswered
    words = state.tn("{n} question open: it could be higher", "{n} questions open: it could be higher", n)
    return [
        notice(
            state,
            words,
            urgency=Urgency.WARNING,
            on_click=bound(move, state, to),
            identifier="open-questions",
        )
    ]


def _because(state: FieldState, screening: Screening) -> list[ft.Control]:
    t, language = state.t, state.language
    raised = screening.override
    lines: list[ft.Control] = (
        [fact(state, t("You raised the level"), _cause_words(state)[raised.cause])] if raised else []
    )
    reasons = [r for r in screening.because if r.rule != "R7"]
    shown = [reason_words(screening, reason, language) for reason in reasons[:MOST_REASONS]]
    lines += [fact(state, asked, said) for asked, said in shown]
    if len(reasons) > MOST_REASONS:
        lines.append(quiet(state, t("And {n} more", n=len(reasons) - MOST_REASONS)))
    if not reasons and screening.because:
        lines.append(body(state, t("Important questions are still open. Open does not mean safe.")))
    if not lines:
        lines.append(body(state, t("Nothing so far points to a danger soon. That can change.")))
    return lines


def _actions(state: FieldState, screening: Screening) -> list[ft.Control]:
    texts = [actions()[action].text[state.language] for action in action_ids(screening)]
    return [
        numbered(state, number, state.law.fill(words, state.language))
        for number, words in enumerate(texts, 1)
    ]


def _do_not(state: FieldState, shown: bool, toggle: Handler) -> list[ft.Control]:
    warning = cards()["do_not"]
    title = warning.title[state.language]
    button = quiet_button(state, title, toggle, icon=ft.Icons.BLOCK_ROUNDED, identifier="do-not")
    lines = [body(state, line[state.language]) for line in warning.lines]
    return [button, *([card(state, [*lines])] if shown else [])]


def _cause_words(state: FieldState) -> dict[OverrideCause, str]:
    t = state.t
    return {
        OverrideCause.NOT_ALONE: t("Not allowed to speak alone"),
        OverrideCause.JUDGEMENT: t("My judgement"),
        OverrideCause.NEW_INFORMATION: t("New information"),
    }


def _open_override(screening: Screening) -> OpenOverride:
    """Return the raise as far as it is made: what was begun, what was saved before, or nothing raised."""
    level, band = screening.effective
    begun = screening.open_override or screening.override
    if begun is None:
        return OpenOverride(OverrideCause.JUDGEMENT, level, band)
    # Answers may have raised the rule's own result meanwhile.
    rule = screening.result
    return OpenOverride(begun.cause, max(begun.level, rule.level), max(begun.band, rule.band), begun.reason)


def _with(screening: Screening, **changes: object) -> Screening:
    begun = replace(_open_override(screening), **changes)  # type: ignore[arg-type]
    return screening.with_open_override(begun)


def _with_cause(screening: Screening, cause: OverrideCause) -> Screening:
    begun, (level, band) = _open_override(screening), proposed(cause, screening.result)
    return _with(screening, cause=cause, level=max(begun.level, level), band=max(begun.band, band))


@component
def raise_screen(state: FieldState) -> ft.View:
    """Raise level, band or both; what is lower than the rule's result cannot be chosen."""
    screening, t = open_screening(state), state.t
    begun, rule = _open_override(screening), screening.result
    cause, level, band = begun.cause, begun.level, begun.band
    why, on_why = use_draft_text(state, begun.reason, lambda s, text: _with(s, reason=reason_of(text)))

    async def choose(key: str) -> None:
        await state.change(lambda s: _with_cause(s, OverrideCause(key)))

    async def choose_level(key: str) -> None:
        await state.change(lambda s: _with(s, level=next(x for x in Level if x.code == key)))

    async def choose_band(key: str) -> None:
        await state.change(lambda s: _with(s, band=next(x for x in Band if x.code == key)))

    async def save() -> None:
        override = Override(cause, level, band, reason_of(why).strip())
        await state.change(lambda s: s.with_override(override), state.back)

    levels = [Option(x.code, level_words(screening, x, state.language)) for x in Level if x >= rule.level]
    bands = [Option(x.code, band_words(screening, x, state.language)) for x in Band if x >= rule.band]
    causes = [Option(key, words) for key, words in _cause_words(state).items()]
    raises = level > rule.level or band > rule.band
    ready = raises and len(why.strip()) >= MIN_REASON
    return step_screen(
        state,
        [
            quiet(state, t("You can raise the result, never lower it. Both stay visible at the centre.")),
            chips(state, t("Reason"), causes, frozenset({str(cause)}), choose, identifier="cause"),
            chips(
                state,
                t("Level"),
                levels,
                frozenset({level.code}),
                choose_level,
                identifier="level",
            ),
            chips(
                state,
                t("How soon"),
                bands,
                frozenset({band.code}),
                choose_band,
                identifier="band",
            ),
            note_field(
                state,
                t("Why?"),
                why,
                on_why,
                helper=t("At least {n} characters.", n=MIN_REASON),
                max_length=MAX_REASON,
                lines=2,
            ),
        ],
        title=t("Raise the level"),
        on_back=state.back,
        bottom=[primary_button(state, t("Raise"), save if ready else None, identifier="raise-save")],
    )
