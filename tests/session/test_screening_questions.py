"""The questions of a screening, tap by tap, against a real vault."""

import asyncio
from pathlib import Path
from typing import Any

import flet as ft
import pytest
from flet.components.component import Component

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import Basis, ReasonNotAsked, Screening
from fieldapp.services.settings import Work
from fieldapp.ui.parts import screening, screening_steps
from fieldapp.ui.parts.screening_steps import TapGuard
from fieldapp.ui.screens.screening import question
from fieldapp.ui.state import Screen
from fieldapp.vault.errors import StorageFailed
from tests.browser import screening_app
from tests.fakes.fake_flet import walk
from tests.session.screening_device import device, steady_finger

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures(steady_finger.__name__)]
__all__ = ["steady_finger"]


async def test_no_moves_on_at_once_and_is_on_the_disk(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        assert "1 of 20" in d.session.texts()
        await d.tap("answer-no")
        assert "2 of 20" in d.session.texts()
        assert d.saved.answers["S01"] is Answer.NO


async def test_yes_with_a_question_at_once_stays_until_a_chip_is_tapped(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-no", "answer-no", "answer-no", "answer-yes")
        assert "4 of 20" in d.session.texts()
        assert "When was the last threat?" in d.session.texts()
        await d.tap("S04t-le72h")
        assert "5 of 20" in d.session.texts()
        assert d.saved.followups["S04t"] == "le72h"


async def test_with_two_questions_at_once_both_are_waited_for(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap(*["answer-no"] * 4, "answer-yes", "F05n-no")
        assert "5 of 20" in d.session.texts()
        await d.tap("S05t-later")
        assert "6 of 20" in d.session.texts()


async def test_a_choice_of_several_waits_for_next(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-yes", "S01t-le14d", "F01c-medical", "F01c-sexual", "F01c-medical")
        assert "1 of 20" in d.session.texts()
        await d.tap("next")
        assert d.saved.followups["F01c"] == ("sexual",)
        assert "2 of 20" in d.session.texts()


async def test_times_of_travel_look_forward(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap(*["answer-no"] * 5, "answer-yes")
        assert "Within 3 days" in d.session.texts()
        assert "Within the last 72 hours" not in d.session.texts()


async def test_yes_without_more_to_ask_moves_on_and_offers_help(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-no")
        assert "act-now" not in d.session.identifiers()
        await d.tap("answer-yes")
        assert "3 of 20" in d.session.texts()
        await d.tap("act-now")
        assert {"101", "112"} <= set(d.session.texts())
        assert "Stay with the person." in d.session.texts()
        await d.tap("to-questions")
        assert "3 of 20" in d.session.texts()


async def test_not_asked_takes_a_reason_and_declined_counts_as_unknown(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-not_asked")
        assert "1 of 20" in d.session.texts()
        await d.tap("reason-declined")
        assert "2 of 20" in d.session.texts()
        assert d.saved.reasons["S01"] is ReasonNotAsked.DECLINED
        assert d.saved.answer("S01") is Answer.UNKNOWN


async def test_not_asked_needs_no_reason(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-not_asked", "next", "answer-not_asked", "answer-not_asked")
        assert "3 of 20" in d.session.texts()
        assert not d.saved.reasons


async def test_tapping_the_chosen_answer_again_moves_on_and_keeps_the_reason(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-not_asked", "reason-no_time", "back", "answer-not_asked")
        assert "2 of 20" in d.session.texts()
        assert d.saved.reasons["S01"] is ReasonNotAsked.NO_TIME


async def test_an_answer_can_be_changed_back_and_nothing_said_is_lost(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap(*["answer-no"] * 3, "answer-yes", "S04t-now", "back", "answer-no", "back", "answer-yes")
        assert d.saved.followups["S04t"] == "now"
        assert d.saved.answers["S04"] is Answer.YES


async def test_more_holds_note_basis_and_optional_questions(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        assert "basis-said" not in d.session.identifiers()
        await d.tap(*["answer-no"] * 3, "more", "answer-yes", "F04r-yes", "basis-seen")
        await d.session.fill("Note", "made-up note")
        await d.session.settle(30)
        assert "4 of 20" in d.session.texts()
        assert d.saved.notes["S04"] == "made-up note"
        assert d.saved.bases["S04"] is Basis.SEEN
        assert d.saved.followups["F04r"] == "yes"
        await d.tap("next")
        assert "basis-said" not in d.session.identifiers()


async def test_quiet_mode_shows_nothing_of_what_is_asked(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("quiet", *["answer-no"] * 3)
        item = d.screening.instrument.by_id["S04"]
        shown = " ".join(d.session.texts())
        assert item.quiet["en"] in shown
        assert item.prompt["en"] not in shown
        assert item.hint["en"] not in shown
        sizes = [text.size for text in d.session.find(ft.Text) if text.value == item.quiet["en"]]
        assert all(size and size < d.state.theme.question for size in sizes)
        await d.tap("overview")
        assert not any(i.label["en"] in " ".join(d.session.texts()) for i in d.screening.instrument.items)


async def test_a_second_tap_of_the_same_finger_is_one_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screening_steps, "DOUBLE_TAP", 60)
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-no", "answer-no")
        assert "2 of 20" in d.session.texts()
        assert "S02" not in d.saved.answers
        await d.tap("answer-unknown")
        assert "3 of 20" in d.session.texts()


def test_the_same_answer_a_moment_later_is_a_new_tap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening_steps, "DOUBLE_TAP", 0.2)
    now = [0.0]
    guard = TapGuard(lambda: now[0])
    assert not guard.doubled("no")
    now[0] += 0.1
    assert guard.doubled("no")
    assert not guard.doubled("yes")
    now[0] += 1
    assert not guard.doubled("yes")


async def test_taps_while_saving_are_neither_lost_nor_doubled(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        no, unknown = d.session.pressable("answer-no"), d.session.pressable("answer-unknown")
        dispatch = d.session.session.dispatch_event
        # Three taps arrive before the first one is on the disk: the last one counts, and one question is passed.
        await asyncio.gather(*(dispatch(control._i, "click", None) for control in (no, no, unknown)))
        await d.session.settle(40)
        assert d.saved.answers == {"G1": Answer.YES, "S01": Answer.UNKNOWN}
        assert [place.about for place in d.state.places].count("S02") == 1


async def test_a_tap_on_its_way_to_the_last_question_does_not_answer_the_next(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        old = d.session.pressable("answer-unknown")
        await d.tap("answer-no")
        await d.session.session.dispatch_event(old._i, "click", None)
        await d.session.settle(40)
        assert "S02" not in d.saved.answers


async def test_a_tap_on_its_way_does_not_answer_the_question_that_back_shows(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-no")
        old = d.session.pressable("answer-unknown")
        await d.tap("back")
        await d.session.session.dispatch_event(old._i, "click", None)
        await d.session.settle(40)
        assert "1 of 20" in d.session.texts()
        assert d.saved.answers["S01"] is Answer.NO


async def test_answers_work_after_the_screen_was_veiled(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-no", "answer-no")
        d.state.veiled = True
        await d.session.settle()
        assert d.session.identifiers() == []
        d.state.veiled = False
        await d.session.settle()
        await d.tap("answer-unknown", "answer-no")
        assert "5 of 20" in d.session.texts()
        assert d.saved.answers["S03"] is Answer.UNKNOWN


@pytest.mark.parametrize("first", ["app_screen", "question_screen"])
async def test_a_change_draws_a_screen_once_whatever_flet_updates_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    drawn: list[object] = []
    draw = screening.step_screen

    def counted(*args: Any, **kwargs: Any) -> ft.View:
        drawn.append(args)
        return draw(*args, **kwargs)

    async with device(tmp_path) as d:
        await d.to_questions()
        monkeypatch.setattr(question, "step_screen", counted)
        components = [control for control in walk(d.session.page.views) if isinstance(control, Component)]
        touched = [one for one in components if one.fn.__name__ in ("app_screen", "question_screen")]
        assert len(touched) == 2
        for component in touched:
            component._state.is_dirty = True
        for component in sorted(touched, key=lambda one: one.fn.__name__ != first):
            component.update()  # type: ignore[no-untyped-call]
        assert len(drawn) == 1


async def test_a_failing_save_keeps_the_question_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()

        async def fail(screening: Screening) -> None:
            raise StorageFailed

        with monkeypatch.context() as full:
            full.setattr(d.state.open.screenings, "save", fail)
            await d.tap("answer-no")
            assert "1 of 20" in d.session.texts()
            assert "This step was not saved. Everything before it was." in d.session.texts()
            assert "S01" not in d.screening.answers
        await d.tap("answer-no")
        assert "2 of 20" in d.session.texts()
        assert "This step was not saved. Everything before it was." not in d.session.texts()


async def test_a_lock_during_a_save_leaves_no_record_behind(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        control = d.session.pressable("answer-no")
        tap = d.session.session.dispatch_event(control._i, "click", None)
        await asyncio.gather(tap, d.state.presence.lock())
        await d.session.settle(40)
        assert d.state.screening is None
        assert d.state.unsaved is None
        assert d.state.place.screen is Screen.LOCK
        await d.state.unlock(screening_app.PASSPHRASE)
        assert d.saved.answers["G1"] is Answer.YES


async def test_resuming_lands_at_the_same_question(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap(*["answer-no"] * 3, "answer-yes")
    async with device(tmp_path) as d:
        await d.resume()
        assert "4 of 20" in d.session.texts()
        assert "When was the last threat?" in d.session.texts()
        await d.tap("back")
        assert "3 of 20" in d.session.texts()
        assert d.saved.position == "s03"


async def test_resuming_lands_at_a_question_that_was_only_shown(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap(*["answer-no"] * 3)
    async with device(tmp_path) as d:
        await d.resume()
        assert "4 of 20" in d.session.texts()


async def test_outreach_starts_at_the_overview_in_its_own_order(tmp_path: Path) -> None:
    async with device(tmp_path, Work.OUTREACH) as d:
        await d.tap("new-screening", "alone-yes", "who-next")
        assert d.state.place.screen is Screen.OVERVIEW
        assert d.session.texts()[0] == "0 of 20 answered"
        await d.tap("row-S13", "answer-no")
        assert d.state.place.about == "S14"
        await d.tap("overview")
        assert "1 of 20 answered" in d.session.texts()


async def test_finish_now_is_there_at_any_question(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("answer-unknown", "finish-now")
        assert d.state.place.screen is Screen.SAFE_CONTACT
        await d.tap("back")
        assert "2 of 20" in d.session.texts()


@pytest.mark.parametrize("language", ["nl", "fr", "de"])
async def test_questions_and_chips_speak_the_workers_language(tmp_path: Path, language: str) -> None:
    async with device(tmp_path, language=language) as d:
        await d.to_questions()
        item = d.screening.instrument.by_id["S01"]
        assert item.prompt[language] in d.session.texts()
        await d.tap("answer-yes")
        assert item.followups[0].options[0].label[language] in d.session.texts()
