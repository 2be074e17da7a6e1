"""The steps around the questions: opening, who, safe contact, who must not see this, result, finish."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import flet as ft
import pytest

from fieldapp.domain.contact import Channel, SeenBy, Tie
from fieldapp.domain.instrument import Answer, Language, Texts
from fieldapp.domain.screening import AgeGroup, Agency, Interpreter, Mode, Screening
from fieldapp.domain.triage import Band, Level
from fieldapp.kit.theme import DIM, LIGHT
from fieldapp.services.filed import Stage, What
from fieldapp.services.settings import Work
from fieldapp.ui.state import Screen
from fieldapp.vault.errors import StorageFailed
from sync.directory import Hours, Phone
from tests.session.screening_device import Device, device, steady_finger

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures(steady_finger.__name__)]
__all__ = ["steady_finger"]

NAME = "فاطمة المثال"


async def to_result(d: Device, *answers: str) -> None:
    await d.to_questions()
    await d.tap(*answers, "finish-now", "contact-next", "withhold-next")
    assert d.state.place.screen is Screen.RESULT


async def test_a_full_screening_takes_26_taps_from_home_to_done(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "alone-yes", "who-next")
        for _ in range(20):
            await d.tap("answer-no")
        await d.tap("contact-next", "withhold-next", "send")
        assert d.state.place.screen is Screen.DONE
        assert d.taps <= 26
        (record,) = d.state.open.screenings.finished
        assert (record.level, record.band) == ("CONCERN", "PLANNED")
        assert not d.state.open.screenings.unfinished


async def test_the_opening_says_what_to_say_and_is_in_the_workers_language(tmp_path: Path) -> None:
    async with device(tmp_path, language="fr") as d:
        await d.tap("new-screening")
        shown = " ".join(d.session.texts())
        assert "Nous parlons avec chacun séparément." in shown
        assert "Un enfant qui sait parler compte comme une personne qui entend." in shown


async def test_a_relative_as_interpreter_stops_the_way_to_the_questions(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "interpreter-relative_or_community")
        assert "alone-yes" not in d.session.identifiers()
        await d.tap("use-sworn")
        assert d.saved.interpreter is Interpreter.SWORN_REMOTE
        assert "alone-yes" in d.session.identifiers()
        await d.tap("interpreter-relative_or_community", "only-observe")
        assert d.saved.observing


async def test_handover_words_are_taken_only_when_they_are_some(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening")
        await d.session.fill("Continues an earlier contact", "Hedge-Osprey")
        await d.session.settle(30)
        assert d.saved.continues == ("hedge", "osprey")
        await d.session.fill("Continues an earlier contact", "made up")
        await d.session.settle(30)
        cleared = d.saved
        assert cleared.continues is None
        (field,) = d.session.find(ft.TextField, label="Continues an earlier contact")
        assert field.error == "These are not handover words. Check the spelling."


async def test_observing_shows_neutral_words_and_never_the_result(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "alone-no", "seen-mood", "seen-luggage", "seen-mood")
        assert d.saved.observations == {"luggage"}
        shown = " ".join(d.session.texts())
        instrument = d.screening.instrument
        assert not any(o.meaning["en"] in shown for o in instrument.observations)
        neutral = {o.keyword["en"] for o in instrument.observations}
        assert set(d.session.texts()) <= neutral | {"", "Notes", "Questions", "Later", "Finish"}
        await d.tap("finish")
        assert set(d.session.texts()) <= {"Finish", "Send"}
        await d.tap("send")
        (record,) = d.state.open.screenings.finished
        here = "Finished and safe on this device. It waits until this device is enrolled at a centre."
        choices = {"New screening", "Log a contact for this case", "To the start"}
        named = {"", "Finished", here, "Handover words", " ".join(record.handover)}
        assert set(d.session.texts()) <= named | choices
        assert d.state.open.screenings.finished[0].level == "SERIOUS"


async def test_who_takes_a_name_in_any_script_and_keeps_only_a_whole_year(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "alone-yes")
        await d.session.fill("Name as spoken", NAME)
        await d.session.fill("Birth year", "199")
        await d.session.settle(30)
        assert (d.saved.identity.name, d.saved.identity.birth_year) == (NAME, None)
        await d.session.fill("Birth year", "1999")
        await d.tap("age-minor", "children-no")
        assert d.saved.identity.birth_year == 1999
        assert d.saved.age_group is AgeGroup.MINOR
        assert d.saved.identity.children_present is False
        await d.tap("children-no")
        assert d.saved.identity.children_present is None


async def test_safe_contact_is_kept_as_it_is_tapped(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("finish-now")
        assert "Skip" in d.session.texts()
        await d.tap(
            "channel-chat", "seen-by-partner", "safe-school", "never-nights", "safe-weekend", "safe-weekend"
        )
        await d.session.fill("What did the family think this visit was?", "made-up story")
        await d.session.settle(30)
        contact = d.saved.safe_contact
        assert contact is not None
        assert (contact.channel, contact.seen_by) == (Channel.CHAT, SeenBy.PARTNER)
        assert {safe.tie for safe in contact.rules.safe} == {Tie.SCHOOL}
        assert len(contact.rules.never) == 7
        assert contact.rules.cover_story == "made-up story"
        await d.session.fill("What did the family think this visit was?", "")
        await d.tap("channel-chat", "seen-by-unknown", "safe-school", "never-nights")
        assert d.saved.safe_contact is None


async def test_who_must_not_see_this_is_one_tap_or_chosen(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("finish-now", "contact-next")
        assert "No one in particular" in d.session.texts()
        await d.tap("withhold-police", "withhold-school", "withhold-police")
        await d.session.fill("Name of one person", "made-up cousin")
        await d.session.settle(30)
        assert d.saved.must_not_see.agencies == {Agency.SCHOOL}
        assert d.saved.must_not_see.person == "made-up cousin"
        assert "No one in particular" not in d.session.texts()


async def test_the_result_gives_reasons_and_at_most_three_actions_and_no_score(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await to_result(d, *["answer-no"] * 3, "answer-yes", "S04t-now", "answer-yes", "F05n-yes", "S05t-now")
        shown = d.session.texts()
        assert {"High", "Act now", "Death threats", "Yes, today, or going on now"} <= set(shown)
        assert {"1", "2", "3"} <= set(shown)
        assert "4" not in shown
        assert "Sending this is not an alarm. Afterwards you can add, but not change." in shown
        assert not any(
            "point" in text or "score" in text for text in shown if text != "Nothing so far points"
        )
        assert {"101", "112"} <= set(shown)
        await d.tap("do-not")
        assert "Do not mediate in the field." in d.session.texts()


async def test_the_centres_numbers_come_from_the_directory_and_a_closed_centre_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device(tmp_path) as d:
        await to_result(d, "answer-no", "answer-yes")
        book = d.state.open.book
        today = book.clock.local().weekday()
        opens = Phone("centre", "Made-up centre", "0000 11", (Hours((today + 3) % 7, 540, 1020),))
        duty = Phone("duty", "Made-up duty", "0000 22")
        assert "0000 22" not in d.session.texts()
        trust = SimpleNamespace(directory=SimpleNamespace(phones=(opens, duty)))
        monkeypatch.setattr(book, "trust", trust)
        book.changes.ring()
        await d.tap("do-not")
        assert "The centre is closed now. Call the number on duty." in d.session.texts()
        assert "0000 22" in d.session.texts()
        assert "0000 11" not in d.session.texts()


async def test_open_questions_are_counted_and_lead_to_the_first_one_and_back(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await to_result(d, "answer-no", "answer-no", "answer-unknown")
        assert "17 questions open: it could be higher" in d.session.texts()
        await d.tap("open-questions")
        assert d.state.place.about == "S03"
        await d.tap("answer-no")
        assert "16 questions open: it could be higher" in d.session.texts()


async def test_the_result_can_be_raised_with_a_reason_and_never_lowered(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await to_result(d, "answer-no")
        await d.tap("raise")
        assert "level-CONCERN" not in d.session.identifiers()
        assert "band-PLANNED" not in d.session.identifiers()
        await d.tap("cause-not_alone")
        await d.session.fill("Why?", "too short")
        with pytest.raises(AssertionError):
            d.session.pressable("raise-save")
        await d.session.fill("Why?", "made-up reason")
        await d.tap("raise-save")
        assert d.saved.effective == (Level.HIGH, Band.WITHIN_24H)
        assert {"High", "Within 24 hours", "Not allowed to speak alone"} <= set(d.session.texts())


async def test_no_to_help_is_shown_again_before_sending(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("overview", "row-S20", "answer-no")
        await d.tap(
            "withhold-next" if d.state.place.screen is Screen.WITHHOLD else "contact-next", "withhold-next"
        )
        assert "The person does not want help. Say that help stays possible." in d.session.texts()


async def test_what_is_finished_says_where_it_is_and_gives_the_handover_words(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await to_result(d, "answer-no")
        await d.tap("send")
        (record,) = d.state.open.screenings.finished
        assert " ".join(record.handover) in d.session.texts()
        words = "Finished and safe on this device. It waits until this device is enrolled at a centre."
        assert words in d.session.texts()
        assert d.state.screening is None
        await d.tap("new-screening")
        assert d.state.place.screen is Screen.OPENING


async def test_a_contact_can_be_logged_for_the_case_at_once(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        await d.tap("finish-now", "channel-call", "contact-next", "withhold-next", "send", "log-contact")
        (case,) = d.state.open.contacts.cases
        (record,) = d.state.open.screenings.finished
        assert (case.id, case.alias) == (record.case_id, record.alias)
        assert case.contact is not None
        assert case.contact.channel is Channel.CALL
        assert (d.state.place.screen, d.state.place.about) == (Screen.CONTACT, case.id)
        assert d.state.reach is None


async def test_a_failing_finish_keeps_the_draft_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device(tmp_path) as d:
        await to_result(d, "answer-no")

        async def fail(*_: object) -> None:
            raise StorageFailed

        monkeypatch.setattr(d.state.open.screenings, "finish", fail)
        await d.tap("send")
        assert d.state.place.screen is Screen.RESULT
        assert "The device could not write. It may be full." in d.session.texts()
        assert d.saved.answers["S01"] is Answer.NO


@pytest.mark.parametrize("kind", ["send", "advice_without_identity", "keep_until", "send_without_consent"])
async def test_outreach_chooses_what_happens(tmp_path: Path, kind: str) -> None:
    async with device(tmp_path, Work.OUTREACH) as d:
        await d.tap(
            "new-screening", "alone-yes", "who-next", "finish-now", "contact-next", "withhold-next", "finish"
        )
        with pytest.raises(AssertionError):
            d.session.pressable("finish-done")
        await d.tap(f"finish-{kind}")
        if kind == "keep_until":
            await d.tap("keep-14")
        if kind == "send_without_consent":
            await d.session.fill("Why?", "made-up danger")
        await d.tap("finish-done")
        (record,) = d.state.open.book.filed
        assert record.what is What.SCREENING
        kept = d.state.open.book.stage(record) is Stage.KEPT
        assert kept == (kind == "keep_until")
        if kept:
            assert record.keep_until == d.state.open.book.clock.local().date() + timedelta(days=14)
            assert any(text.startswith("Kept on this device until") for text in d.session.texts())


async def test_only_reviewed_sentences_are_shown_to_the_person(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        say = d.screening.instrument.by_id["S01"].say["en"]
        await d.tap("show-person")
        assert say not in d.session.texts()
        assert "There is no reviewed sentence in this language yet: English." in d.session.texts()
        await d.tap("to-question")
        assert "1 of 20" in d.session.texts()


async def test_a_reviewed_sentence_is_shown_large_in_the_persons_language(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.to_questions()
        d.state.screening = reviewed_french(d.screening, say="سؤال مصطنع؟")
        await d.tap("show-person")
        (text,) = [t for t in d.session.find(ft.Text) if "سؤال" in str(t.value)]
        assert text.size == d.state.theme.question
        assert text.text_align is ft.TextAlign.RIGHT
        assert {"Oui", "Non", "Inconnu"} <= set(d.session.texts())
        await d.tap("point-unknown")
        assert d.saved.answers["S01"] is Answer.UNKNOWN
        assert d.state.place.screen is Screen.QUESTION


def reviewed_french(screening: Screening, say: str) -> Screening:
    """Return a screening whose first sentence is reviewed in French, in made-up words written from right to left."""
    instrument = screening.instrument
    first = replace(instrument.by_id["S01"], say=Texts(say, say, say, say))
    reviewed = {**instrument.reviewed, "say": frozenset({Language.FR})}
    changed = replace(instrument, by_id={**instrument.by_id, "S01": first}, reviewed=reviewed)
    return replace(screening, instrument=changed, language="fr")


async def test_an_empty_screening_leaves_no_draft_when_the_worker_goes_back(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "back")
        assert d.state.place.screen is Screen.HOME
        assert not d.state.open.screenings.unfinished


@pytest.mark.parametrize(
    ("taps", "screen"),
    [
        (("new-screening",), Screen.OPENING),
        (("new-screening", "alone-yes"), Screen.WHO),
        (("new-screening", "alone-no"), Screen.OBSERVE),
        (("new-screening", "alone-yes", "who-next", "finish-now"), Screen.SAFE_CONTACT),
        (("new-screening", "alone-yes", "who-next", "finish-now", "contact-next"), Screen.WITHHOLD),
        (
            ("new-screening", "alone-yes", "who-next", "finish-now", "contact-next", "withhold-next"),
            Screen.RESULT,
        ),
    ],
)
async def test_every_step_is_resumed_after_the_program_ended(
    tmp_path: Path, taps: tuple[str, ...], screen: Screen
) -> None:
    async with device(tmp_path) as d:
        await d.tap(*taps)
    async with device(tmp_path) as d:
        await d.resume()
        assert d.state.place.screen is screen
        assert d.screening.mode is Mode.OFFICER


async def test_after_locking_no_screen_holds_what_was_recorded(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "alone-yes")
        await d.session.fill("Name as spoken", NAME)
        await d.tap("who-next", "overview")
        await d.state.presence.lock()
        await d.session.settle(30)
        assert d.state.screening is None
        assert d.state.place.screen is Screen.LOCK
        assert not any("violence" in text or NAME in text for text in d.session.texts())


async def test_who_types_fast_waits_for_few_saves_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "alone-yes")
        save, saves = d.state.open.screenings.save, []

        async def counted(screening: Screening) -> None:
            saves.append(screening.identity.name)
            await save(screening)

        monkeypatch.setattr(d.state.open.screenings, "save", counted)
        (field,) = d.session.find(ft.TextField, label="Name as spoken")
        dispatch = d.session.session.dispatch_event
        await asyncio.gather(*(dispatch(field._i, "change", NAME[:n]) for n in range(1, len(NAME) + 1)))
        assert d.saved.identity.name == NAME
        assert len(saves) <= 3


async def test_whoever_is_not_alone_sees_small_neutral_words_until_they_are(tmp_path: Path) -> None:
    async with device(tmp_path) as d:
        await d.tap("new-screening", "alone-no")
        assert [d.state.quiet] == [True]
        assert d.state.theme.palette is DIM
        await d.tap("to-questions", "alone-yes")
        assert [d.state.quiet] == [False]
        assert d.state.theme.palette is LIGHT
        assert d.saved.answers["G1"] is Answer.YES


async def test_outreach_ends_at_the_overview_while_something_is_open(tmp_path: Path) -> None:
    async with device(tmp_path, Work.OUTREACH) as d:
        await d.tap("new-screening", "alone-yes", "who-next", "row-S11", "answer-no")
        assert d.shows(Screen.OVERVIEW)
        order = d.screening.order
        await d.tap(f"row-{order[0]}", *["answer-no"] * (len(order) - 1))
        assert d.shows(Screen.SAFE_CONTACT)
        assert len(d.saved.answers) == 21


async def test_impatient_taps_finish_once_and_begin_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device(tmp_path) as d:
        await to_result(d)
        screenings, dispatch = d.state.open.screenings, d.session.session.dispatch_event
        calls: list[str] = []

        def counted(name: str) -> None:
            work = getattr(screenings, name)

            async def count(*args: object, **kwargs: object) -> object:
                calls.append(name)
                return await work(*args, **kwargs)

            monkeypatch.setattr(screenings, name, count)

        counted("finish")
        counted("begin")
        send = d.session.pressable("send")
        await asyncio.gather(*(dispatch(send._i, "click", None) for _ in range(3)))
        await d.session.settle(30)
        again = d.session.pressable("new-screening")
        await asyncio.gather(*(dispatch(again._i, "click", None) for _ in range(3)))
        await d.session.settle(30)
        assert calls == ["finish", "begin"]
        assert len(screenings.finished) == len(screenings.unfinished) == 1
        assert d.shows(Screen.OPENING)
        assert not d.state.trouble
