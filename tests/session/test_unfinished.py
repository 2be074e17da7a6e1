"""Nothing half-typed is lost: contacts, rules and the end of a screening are there again after any lock."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import flet as ft
import pytest

from fieldapp.domain.contact import (
    Channel,
    ContactRules,
    Outcome,
    SafeContact,
    SafeWindow,
    SeenBy,
    Tie,
    Window,
)
from fieldapp.domain.judgement import OverrideCause
from fieldapp.domain.screening import FinishKind, Mode
from fieldapp.domain.unfinished import Hours, LogStep
from fieldapp.services.case_file import Case
from fieldapp.services.filed import Filed, What
from fieldapp.services.settings import Settings, Work
from fieldapp.ui.state import Place, Screen
from fieldapp.vault.errors import StorageFailed
from fieldapp.vault.vault import Vault
from tests.fakes.fake_flet import held_text
from tests.session.field_harness import TUESDAY_AFTERNOON, Field, field, open_field

pytestmark = pytest.mark.anyio

OUTREACH = Settings(work=Work.OUTREACH)
NOT_SAVED = "Contact, not yet saved: made up"
RULES_NOT_SAVED = "Contact rules, not yet saved: made up"
AFTERNOONS = tuple(SafeWindow(Window(day, 13 * 60, 17 * 60)) for day in range(7))


async def case_of(app: Field) -> Case:
    contacts = app.state.open.contacts
    case = await contacts.open_case(app.state.open.book.ids.new_id(), "made up")
    rules = ContactRules(TUESDAY_AFTERNOON, safe=AFTERNOONS)
    return await contacts.set_rules(case, SafeContact(rules, Channel.CALL, "0 made up", SeenBy.FAMILY))


def tag(thing_id: bytes) -> str:
    return thing_id.hex()[:8]


def in_the_tree(app: Field) -> str:
    return held_text(app.screen.page.views)


def broken_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StorageFailed("made-up failure")

    monkeypatch.setattr(Vault, "_commit", refuse)


def contact_of(app: Field, case: Case) -> Filed:
    (record,) = [r for r in app.state.open.contacts.history(case.id) if r.what is What.CONTACT]
    return record


async def resume_contact(app: Field) -> None:
    (log,) = app.state.open.unfinished.contacts
    await app.press(f"resume-{tag(log.id)}")


# Contacts


async def test_a_contact_is_resumed_where_it_was_and_was_when_it_began(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}", "direction-in", "outcome-reached_safe")
        await app.press("channel-chat", "seen-by-nobody", "log-next")
        await app.screen.fill("Or at another time", "15.30")
        await app.press("day-2")
        await app.screen.fill("Note, optional", "made-up note")
        await app.press("cover")
        assert "made-up note" not in in_the_tree(app)
        app.clock.at += timedelta(hours=3)
        await app.unlock()
        shown = app.screen.texts()
        assert NOT_SAVED in shown
        assert "Begun: 14:05" in shown
        assert app.state.open.contacts.history(case.id)[0].what is What.RULES, "nothing is filed by itself"
        await resume_contact(app)
        assert "When is the next safe time?" in app.screen.texts()
        assert app.screen.find(ft.TextField, label="Note, optional")[0].value == "made-up note"
        await app.press("log-save", "log-done")
        record = contact_of(app, case)
        assert record.at == int(TUESDAY_AFTERNOON.timestamp())
        assert record.content is not None
        said = {key: record.content[key] for key in ("direction", "outcome", "channel", "seen_by", "note")}
        assert said == {
            "direction": "in",
            "outcome": "reached_safe",
            "channel": "chat",
            "seen_by": "nobody",
            "note": "made-up note",
        }
        assert record.content["next_safe"] == "2026-12-03T15:30"
        assert NOT_SAVED not in app.screen.texts()


@pytest.mark.parametrize("end", ["lock", "disconnect", "veil and lock"])
async def test_the_last_letter_survives_whatever_ends_the_session(tmp_path: Path, end: str) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}", "outcome-no_answer", "log-next")
        (note,) = app.screen.find(ft.TextField, label="Note, optional")
        state = app.state
        for text in ("m", "ma", "made-up last letter"):
            app.screen.session.apply_patch(note._i, {"value": text})
            typing = asyncio.ensure_future(app.screen.session.dispatch_event(note._i, "change", text))
            await asyncio.sleep(0)
            if text == "made-up last letter" and end == "veil and lock":
                await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
            await typing
        if end == "disconnect":
            await app.screen.disconnect()
        else:
            await state.presence.lock()
    async with field(tmp_path) as app:
        await app.unlock()
        (log,) = app.state.open.unfinished.contacts
        assert log.note == "made-up last letter"


async def test_every_tap_is_on_the_disk_before_the_next_step_shows(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        unfinished = app.state.open.unfinished
        await app.press("log-contact", f"log-{tag(case.id)}")
        assert unfinished.contacts == ()
        steps = []
        for tap in ("outcome-no_answer", "log-next", "next-tomorrow"):
            await app.press(tap)
            (log,) = unfinished.contacts
            steps.append((log.outcome, log.step, log.next_safe is not None))
        assert steps == [
            (Outcome.NO_ANSWER, LogStep.HOW, False),
            (Outcome.NO_ANSWER, LogStep.NEXT, False),
            (Outcome.NO_ANSWER, LogStep.NEXT, True),
        ]


async def test_a_tap_that_cannot_be_written_does_not_happen_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}")
        with monkeypatch.context() as patch:
            broken_disk(patch)
            await app.press("outcome-no_answer")
            assert "What happened?" in app.screen.texts()
            assert any("could not" in words or "cannot" in words for words in app.screen.texts())
        await app.press("outcome-other")
        assert "How?" in app.screen.texts()


async def test_the_distress_card_shows_also_on_a_broken_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}")
        broken_disk(monkeypatch)
        await app.press("outcome-distress_word")
        assert "Keep the cover story." in app.screen.texts()


async def test_the_distress_card_is_the_first_thing_after_resuming(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}", "outcome-distress_word", "cover")
        await app.unlock()
        await resume_contact(app)
        assert "Keep the cover story." in app.screen.texts()


async def test_a_log_in_which_nothing_was_answered_is_not_offered(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}", "cover")
        await app.unlock()
        assert NOT_SAVED not in app.screen.texts()


async def test_the_wrong_person_is_corrected_and_leaves_no_second_contact(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        other = await app.state.open.contacts.open_case(b"o" * 16, "another made up")
        await app.press("log-contact", f"log-{tag(case.id)}", "outcome-no_answer", "back", "back")
        await app.press(f"log-{tag(other.id)}")
        (log,) = app.state.open.unfinished.contacts
        assert log.case_id == other.id
        await app.press("outcome-other", "log-next", "reason-first", "log-save")
        assert app.state.open.unfinished.contacts == ()
        assert len(app.state.open.contacts.history(other.id)) == 1
        assert [r.what for r in app.state.open.contacts.history(case.id)] == [What.RULES]


async def test_leaving_by_the_arrow_loses_no_answer(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        to_how = ["log-contact", f"log-{tag(case.id)}", "outcome-no_answer"]
        await app.press(*to_how, "channel-chat", "back", "back", f"log-{tag(case.id)}")
        (log,) = app.state.open.unfinished.contacts
        assert (log.outcome, log.channel) == (Outcome.NO_ANSWER, Channel.CHAT)
        await app.press("back", "back")
        await resume_contact(app)
        assert "What happened?" in app.screen.texts()
        (log,) = app.state.open.unfinished.contacts
        assert (log.outcome, log.channel) == (Outcome.NO_ANSWER, Channel.CHAT)


async def test_a_discarded_contact_can_be_taken_back(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}", "outcome-no_answer", "back", "back", "back")
        (log,) = app.state.open.unfinished.contacts
        assert NOT_SAVED in app.screen.texts()
        await app.press(f"discard-{tag(log.id)}")
        assert NOT_SAVED not in app.screen.texts()
        assert app.state.open.unfinished.contacts == ()
        await app.press("undo")
        assert app.state.open.unfinished.contacts == (log,)
        assert NOT_SAVED in app.screen.texts()


async def test_a_moment_agreed_yesterday_is_shown_or_asked_again(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        to_next = ["log-contact", f"log-{tag(case.id)}", "outcome-reached_safe", "log-next"]
        await app.press(*to_next, "next-week", "cover")
        app.clock.at += timedelta(days=1)
        await app.unlock()
        await resume_contact(app)
        assert "Tue 8/12 14:05" in app.screen.texts(), "what was agreed stands beside the choices of today"
        await app.press("cover")
        app.clock.at += timedelta(days=8)
        await app.unlock()
        await resume_contact(app)
        (log,) = app.state.open.unfinished.contacts
        assert log.next_safe == datetime(2026, 12, 8, 14, 5)
        await app.press("log-save")
        content = contact_of(app, case).content
        assert content is not None
        assert content["next_safe"] is None


# Rules


async def test_changed_rules_are_resumed_to_the_letter_and_dated_by_their_last_change(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        app.clock.at += timedelta(hours=1)
        app.state.go(Screen.RULES, case.id)
        await app.screen.settle()
        await app.press("leave-sms", "check-in-48", "safe-weekend", "safe-other", "safe-day-2", "tie-work")
        await app.screen.fill("From", "8:")
        await app.screen.fill("Cover story", "made-up story")
        await app.screen.fill("Code word", "made-up code")
        await app.screen.fill("Who acts then, and how", "made-up aunt")
        await app.press("cover")
        assert "made-up" not in in_the_tree(app).replace("made-up canoe", "")
        app.clock.at += timedelta(days=3)
        await app.unlock()
        assert app.state.open.contacts.case(case.id) == case, "the case keeps its rules until they are saved"
        assert RULES_NOT_SAVED in app.screen.texts()
        (edit,) = app.state.open.unfinished.rules
        assert edit.safe_hours == Hours(frozenset({2}), "8:", "", Tie.WORK)
        await app.press(f"resume-{tag(edit.id)}")
        assert "These changes are not saved yet. Begun: Tue 1/12 15:05" in app.screen.texts()
        assert app.screen.find(ft.TextField, label="From")[0].value == "8:"
        await app.press("rules-save")
        changed = app.state.open.contacts.case(case.id)
        assert changed is not None
        assert changed.contact is not None
        rules = changed.contact.rules
        assert (rules.cover_story, rules.code_word, rules.sms) == ("made-up story", "made-up code", True)
        assert rules.check_in is not None
        assert (rules.check_in.after_hours, rules.check_in.who_acts) == (48, "made-up aunt")
        assert len(rules.safe) == len(AFTERNOONS) + 2
        assert rules.made_at == TUESDAY_AFTERNOON + timedelta(hours=1), "they hold from when they were said"
        assert app.state.open.unfinished.rules == ()


async def test_rules_that_are_saved_unchanged_hold_from_now(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        app.clock.at += timedelta(days=3)
        app.state.go(Screen.RULES, case.id)
        await app.screen.settle()
        assert app.state.open.unfinished.rules == ()
        await app.press("rules-save")
        changed = app.state.open.contacts.case(case.id)
        assert changed is not None
        assert changed.contact is not None
        assert changed.contact.rules.made_at == TUESDAY_AFTERNOON + timedelta(days=3)


async def test_opening_the_rules_says_what_is_not_saved_and_lets_it_be_discarded(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        app.state.go(Screen.CASE, case.id)
        app.state.go(Screen.RULES, case.id)
        await app.screen.settle()
        await app.press("leave-sms", "back", "case-rules")
        assert "These changes are not saved yet. Begun: 14:05" in app.screen.texts()
        await app.press("rules-discard")
        assert app.state.place == Place(Screen.CASE, case.id)
        assert app.state.open.unfinished.rules == ()
        await app.press("undo")
        assert len(app.state.open.unfinished.rules) == 1


async def test_removing_a_case_takes_its_open_things_along_and_back(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        case = await case_of(app)
        await app.press("log-contact", f"log-{tag(case.id)}", "outcome-no_answer")
        log = app.state.open.unfinished.contacts
        app.state.home()
        app.state.go(Screen.CASE, case.id)
        await app.screen.settle()
        await app.press("case-remove")
        assert app.state.open.unfinished.contacts == ()
        assert NOT_SAVED not in app.screen.texts()
        await app.press("undo")
        assert app.state.open.unfinished.contacts == log


# The end of a screening


async def test_a_half_made_end_of_a_screening_is_there_again(tmp_path: Path) -> None:
    async with open_field(tmp_path, OUTREACH) as app:
        draft = await app.state.open.screenings.begin(Mode.OUTREACH, language="en")
        await app.state.open.screenings.save(draft.with_position("finish"))
        app.state.open.book.changes.ring()
        await app.screen.settle()
        resume = f"resume-{tag(draft.id)}"
        await app.press(resume, "finish-keep_until", "keep-28", "finish-send_without_consent")
        await app.screen.fill("Why?", "made-up")
        await app.press("cover")
        assert "made-up" not in in_the_tree(app).replace("made-up canoe", "")
        await app.unlock()
        await app.press(resume)
        assert app.screen.find(ft.TextField, label="Why?")[0].value == "made-up"
        saved = app.state.open.screenings.draft(draft.id)
        assert saved is not None
        assert saved.finish is None
        assert saved.open_finish is not None
        assert (saved.open_finish.kind, saved.open_finish.days) == (FinishKind.SEND_WITHOUT_CONSENT, 28)
        await app.screen.fill("Why?", "made-up reason of some length")
        await app.press("finish-done")
        (record,) = app.state.open.screenings.finished
        assert record.content is not None
        assert "open_finish" not in record.content
        assert record.content["finish"] == {
            "kind": "send_without_consent",
            "until": None,
            "reason": "made-up reason of some length",
        }


async def test_a_half_made_raise_counts_for_nothing_and_is_there_again(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        draft = await app.state.open.screenings.begin(Mode.OFFICER, language="en")
        await app.state.open.screenings.save(draft.with_position("result"))
        app.state.open.book.changes.ring()
        await app.screen.settle()
        resume = f"resume-{tag(draft.id)}"
        await app.press(resume, "raise", "cause-not_alone", "band-NOW")
        await app.screen.fill("Why?", "made-up")
        await app.press("cover")
        await app.unlock()
        saved = app.state.open.screenings.draft(draft.id)
        assert saved is not None
        assert saved.open_override is not None
        assert saved.open_override.cause is OverrideCause.NOT_ALONE
        assert saved.effective == draft.effective
        await app.press(resume, "raise")
        assert app.screen.find(ft.TextField, label="Why?")[0].value == "made-up"
        await app.screen.fill("Why?", "made-up reason of some length")
        await app.press("raise-save")
        raised = app.state.open.screenings.draft(draft.id)
        assert raised is not None
        assert raised.open_override is None
        assert raised.override is not None
        assert (raised.override.level.code, raised.override.band.code) == ("HIGH", "NOW")
