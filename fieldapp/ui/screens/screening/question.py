"""One question a screen: four answers under the thumb, follow-ups under *yes*, and the overview of all questions.

An answer that needs nothing more moves on at once. *Yes* with a question that is asked at once stays until that is
tapped, *not asked* until a reason or *Next* is. Every tap is saved before the next question shows.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import flet as ft

from fieldapp.domain.instrument import Answer, Asked, FollowUp, Item
from fieldapp.domain.screening import Basis, ReasonNotAsked, Screening
from fieldapp.domain.strict import MAX_NOTE
from fieldapp.domain.triage import Band, FollowUpValue
from fieldapp.kit.answer_bar import AnswerName, Option, answer_bar, chips
from fieldapp.kit.boundary import component
from fieldapp.kit.buttons import icon_button, primary_button, quiet_button, secondary_button
from fieldapp.kit.fields import note_field
from fieldapp.kit.hooks import use_once
from fieldapp.kit.interface import Handler, bound
from fieldapp.kit.layout import Progress, card, list_row
from fieldapp.kit.notices import act_now_bar
from fieldapp.kit.text import heading, quiet
from fieldapp.kit.text import question as large
from fieldapp.ui.parts.frame import quiet_switch
from fieldapp.ui.parts.screening import open_screening, options_of, step_screen, use_draft_text
from fieldapp.ui.parts.screening_steps import Change, TapGuard, after_question, move, position_of
from fieldapp.ui.state import FieldState, Place, Screen


class Asking:
    """The taps of one question: what they change and whether they move on."""

    def __init__(self, state: FieldState, item: Item, *, more: bool) -> None:
        """Ask `item`; while `more` is open nothing moves on by itself."""
        self.state = state
        self.item = item
        self.more = more

    @property
    def screening(self) -> Screening:
        """The screening as it was last saved."""
        return open_screening(self.state)

    @property
    def chosen(self) -> Answer | None:
        """The answer that was tapped; None before."""
        return self.screening.answers.get(self.item.id)

    @property
    def at_once(self) -> list[FollowUp]:
        """What is asked at once under *yes*."""
        return [f for f in self.item.followups if f.asked is Asked.AT_ONCE]

    async def answer(self, name: AnswerName) -> None:
        """Save an answer; tapping the chosen one again moves on."""
        answer = Answer(name)
        again = answer is self.chosen
        stays = answer is Answer.NOT_ASKED or (answer is Answer.YES and bool(self.at_once or self.more))
        reason = self.screening.reasons.get(self.item.id) if again else None
        await self._save(lambda s: s.with_answer(self.item.id, answer, reason), moves=again or not stays)

    async def reason(self, key: str) -> None:
        """Say why it was not asked, and move on."""
        why = ReasonNotAsked(key)
        await self._save(lambda s: s.with_answer(self.item.id, Answer.NOT_ASKED, why), moves=not self.more)

    async def follow_up(self, followup: FollowUp, value: str) -> None:
        """Set a follow-up, one of several or take it back; moves on when nothing at once is left to tap."""
        now = self.screening.followups.get(followup.key)
        new: FollowUpValue | None
        if followup.several:
            chosen = now if isinstance(now, tuple) else ()
            new = tuple(v for v in chosen if v != value) if value in chosen else (*chosen, value)
        else:
            new = None if value == now else value
        moves = new is not None and self._last_at_once(followup)
        await self._save(lambda s: s.with_followup(followup.key, new), moves=moves)

    async def basis(self, key: str) -> None:
        """Say what the answer rests on, or take it back."""
        new = None if self.screening.bases.get(self.item.id) == key else Basis(key)
        await self._save(lambda s: s.with_basis(self.item.id, new), moves=False)

    async def next(self) -> None:
        """Go to the next question."""
        await self._save(lambda s: s, moves=True)

    async def go(self, screen: Screen) -> None:
        """Leave the questions for another step."""
        await move(self.state, Place(screen))

    def _last_at_once(self, followup: FollowUp) -> bool:
        """Whether nothing is left to tap after `followup`; a choice of several is never known to be complete."""
        if self.more or followup not in self.at_once or any(f.several for f in self.at_once):
            return False
        return all(f is followup or f.key in self.screening.followups for f in self.at_once)

    async def _save(self, change: Change, *, moves: bool) -> None:
        if moves:
            await move(self.state, after_question(self.state, self.screening, self.item.id), change)
        else:
            here = position_of(Place(Screen.QUESTION, self.item.id))
            await self.state.change(lambda s: change(s).with_position(here))


class Turns:
    """Two bars of answers that take turns, one question each, so that a late tap never answers the next question.

    The client's events arrive in order, and it shows a bar again only after a tap on the other one was answered. A tap
    on the bar whose turn it is not was therefore on its way when its question left; one on the other bar was not.
    """

    SIDES: Final = (0, 1)

    def __init__(self) -> None:
        self._guard = TapGuard()
        self._asking: Asking | None = None
        self._side = self.SIDES[0]

    def ask(self, asking: Asking) -> None:
        """Let the present question, or from now on the next one, be answered."""
        if self._asking is not None and self._asking.item is not asking.item:
            self._side = 1 - self._side
        self._asking = asking

    def shows(self, side: int) -> bool:
        """Tell whether it is this bar's turn."""
        return side == self._side

    async def answer(self, side: int, name: AnswerName) -> None:
        """Take a tap on an answer of a bar; late and double ones do nothing."""
        if self._asking is not None and self.shows(side) and not self._guard.doubled(name):
            await self._asking.answer(name)


@component
def question_screen(state: FieldState) -> ft.View:
    """Ask the item whose id the place names."""
    more_for, set_more_for = ft.use_state("")
    turns = use_once(Turns)
    screening, t = open_screening(state), state.t
    item = screening.instrument.by_id[str(state.about(Screen.QUESTION))]
    asking = Asking(state, item, more=more_for == item.id)
    turns.ask(asking)

    def toggle_more() -> None:
        set_more_for("" if asking.more else item.id)

    waits = asking.chosen is Answer.NOT_ASKED or (
        asking.chosen is Answer.YES and bool(asking.at_once or asking.more)
    )
    go_on = [primary_button(state, t("Next"), asking.next, identifier="next")] if waits else []
    urgent = (
        [act_now_bar(state, lambda: state.go(Screen.ACT_NOW))] if screening.effective[1] is Band.NOW else []
    )
    answers = [_answers(state, turns, side, asking.chosen) for side in Turns.SIDES]
    follow_ups = _follow_ups(asking)
    return step_screen(
        state,
        [
            *_asked(state, item, follow_ups),
            *follow_ups,
            *([ft.Container(_more_panel(asking), key=f"more-{item.id}")] if asking.more else []),
        ],
        step=Progress(screening.order.index(item.id) + 1, len(screening.order)),
        actions=[quiet_switch(state), _show(state, item)],
        bottom=[*urgent, *go_on, *answers, _ways_out(asking, toggle_more)],
    )


def _answers(state: FieldState, turns: Turns, side: int, chosen: Answer | None) -> ft.Control:
    """Return one of the two bars, hidden when it is not its turn. A hook.

    The bar is the same object until its look changes: Flet then compares nothing of it.
    """
    shows = turns.shows(side)
    marked: AnswerName | None = chosen.value if chosen and shows else None
    bar = ft.use_memo(
        lambda: answer_bar(state, marked, partial(turns.answer, side)),
        [marked, state.t, state.theme, state.phone],
    )
    # In a list, where Flet knows how to keep an object: as the only content it would lose its parent.
    return ft.Column([bar], visible=shows, key=f"answers-{side}")


def _asked(state: FieldState, item: Item, follow_ups: Sequence[ft.Control]) -> list[ft.Control]:
    """The keyword line with its hint, or in quiet mode a small neutral keyword alone."""
    if state.quiet:
        return [heading(state, item.quiet[state.language])]
    asked: list[ft.Control] = [large(state, item.prompt[state.language])]
    # Once it is answered, the room under the question belongs to the follow-ups.
    return asked if follow_ups else [*asked, quiet(state, item.hint[state.language])]


def _show(state: FieldState, item: Item) -> ft.Control:
    return icon_button(
        state,
        ft.Icons.TRANSLATE_ROUNDED,
        state.t("Show it to the person"),
        bound(state.go, Screen.SHOW, item.id),
        identifier="show-person",
    )


def _follow_ups(asking: Asking) -> list[ft.Control]:
    state, screening, item = asking.state, asking.screening, asking.item
    if asking.chosen is Answer.NOT_ASKED:
        chosen = frozenset(str(r) for r in [screening.reasons.get(item.id)] if r)
        reasons = chips(
            state, state.t("Why not?"), _reasons(state), chosen, asking.reason, identifier="reason"
        )
        return [card(state, [reasons])]
    if asking.chosen is not Answer.YES:
        return []
    asked = [*asking.at_once, *_optional(item)] if asking.more else asking.at_once
    shown = [f for f in asked if f.quiet is not None or not state.quiet]
    return [card(state, [_follow_up(asking, f) for f in shown])] if shown else []


def _optional(item: Item) -> list[FollowUp]:
    return [f for f in item.followups if f.asked is Asked.OPTIONAL]


def _follow_up(asking: Asking, followup: FollowUp) -> ft.Control:
    state = asking.state
    value = asking.screening.followups.get(followup.key, ())
    words = followup.quiet if state.quiet and followup.quiet else followup.prompt
    return chips(
        state,
        words[state.language],
        options_of(followup, state.language),
        frozenset((value,) if isinstance(value, str) else value),
        lambda key: asking.follow_up(followup, key),
        identifier=followup.key,
    )


def _reasons(state: FieldState) -> list[Option]:
    t = state.t
    return [
        Option(ReasonNotAsked.OVERHEARD, t("Could be overheard")),
        Option(ReasonNotAsked.DECLINED, t("Does not want to answer")),
        Option(ReasonNotAsked.NO_TIME, t("No time")),
        Option(ReasonNotAsked.NOT_APPLICABLE, t("Does not apply")),
    ]


@component
def _more_panel(asking: Asking) -> ft.Control:
    """Note and basis of one question."""
    state, item, t = asking.state, asking.item, asking.state.t
    note, on_note = use_draft_text(
        state, asking.screening.notes.get(item.id, ""), lambda s, text: s.with_note(item.id, text)
    )
    bases = [
        Option(Basis.SAID, t("Said by the person")),
        Option(Basis.SEEN, t("Seen")),
        Option(Basis.TOLD_BY_OTHER, t("Told by someone else")),
        Option(Basis.KNOWN, t("Already known")),
    ]
    chosen = frozenset(str(b) for b in [asking.screening.bases.get(item.id)] if b)
    return card(
        state,
        [
            chips(state, t("How do you know?"), bases, chosen, asking.basis, identifier="basis"),
            note_field(state, t("Note"), note, on_note, max_length=MAX_NOTE, lines=2),
        ],
    )


def _ways_out(asking: Asking, toggle_more: Handler) -> ft.Control:
    state, t = asking.state, asking.state.t
    return ft.Row(
        [
            quiet_button(state, t("Less") if asking.more else t("More"), toggle_more, identifier="more"),
            quiet_button(state, t("All questions"), bound(asking.go, Screen.OVERVIEW), identifier="overview"),
            quiet_button(
                state, t("Finish now"), bound(asking.go, Screen.SAFE_CONTACT), identifier="finish-now"
            ),
        ],
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
        wrap=state.theme.stacked,
        spacing=0,
    )


@component
def overview_screen(state: FieldState) -> ft.View:
    """All questions with their answers; a tap goes there."""
    screening, t = open_screening(state), state.t
    answered = sum(key in screening.answers for key in screening.order)

    async def ask(item_id: str) -> None:
        await move(state, Place(Screen.QUESTION, item_id))

    rows = [
        _overview_row(state, screening, item_id, number, bound(ask, item_id))
        for number, item_id in enumerate(screening.order, 1)
    ]
    return step_screen(
        state,
        rows,
        title=t("{done} of {all} answered", done=answered, all=len(screening.order)),
        actions=[quiet_switch(state)],
        bottom=[
            *(
                [act_now_bar(state, lambda: state.go(Screen.ACT_NOW))]
                if screening.effective[1] is Band.NOW
                else []
            ),
            ft.Row(
                [
                    secondary_button(state, t("Later"), state.home, expand=True, identifier="later"),
                    primary_button(
                        state,
                        t("Finish now"),
                        bound(move, state, Place(Screen.SAFE_CONTACT)),
                        expand=True,
                        identifier="finish-now",
                    ),
                ],
                spacing=state.theme.gap,
            ),
        ],
    )


def _overview_row(
    state: FieldState, screening: Screening, item_id: str, number: int, on_click: Handler
) -> ft.Control:
    item = screening.instrument.by_id[item_id]
    words = item.quiet if state.quiet else item.label
    given = item_id in screening.answers or item_id in screening.reasons
    labels = screening.instrument.answer_labels
    answer = labels[screening.answer(item_id).value][state.language] if given else state.t("Not answered yet")
    return list_row(
        state,
        f"{number}. {words[state.language]}",
        answer,
        on_click=on_click,
        identifier=f"row-{item_id}",
    )
