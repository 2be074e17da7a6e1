"""The inbox: order and words of its rows, opening on purpose, acknowledging, and what a lock leaves."""

from dataclasses import replace
from pathlib import Path

import flet as ft
import pytest

from fieldapp.desk.state import DeskState, Screen
from fieldapp.domain.contact import Outcome
from fieldapp.services.desk.inbox import InboxPage
from sync.protocol import Withheld
from sync.receipts import ReceiptKind
from tests.fakes import desk_cases
from tests.fakes.fake_flet import walk
from tests.session.desk_harness import Desk, open_desk
from tests.unit.centre.desk import NOW, Device, kinds, seal_record

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("made_up_centre")]

PHONE = 412


async def everything(app: Desk) -> Device:
    device, local = await app.device(), app.gate.clock.local()
    await app.arrive(
        device,
        *desk_cases.envelopes(device, desk_cases.quiet("pebble", NOW - 7200)),
        *desk_cases.envelopes(device, desk_cases.raised("cedar", NOW - 30 * 3600)),
        *desk_cases.envelopes(device, desk_cases.raised("marble", NOW - 80 * 3600)),
        *desk_cases.envelopes(device, desk_cases.full("willow", NOW - 600, local), Withheld.TOWN_HALL),
        desk_cases.contact_envelope(device, "harbour", NOW - 900, Outcome.DISTRESS_WORD),
        desk_cases.unreadable_envelope(device),
    )
    return device


def order(app: Desk, *words: str) -> list[str]:
    """Return those of `words` that the screen shows, in its order."""
    return [text for text in app.screen.texts() if text in words]


async def test_rows_stand_in_groups_the_most_urgent_first(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await everything(app)
        groups = (
            "Cannot be read: look at these first",
            "Now and within 24 hours",
            "Within 72 hours",
            "Planned",
        )
        aliases = ("harbour", "willow", "marble", "cedar", "pebble")
        assert order(app, *groups, *aliases) == [
            groups[0],
            groups[1],
            "harbour",
            "willow",
            groups[2],
            "marble",
            "cedar",
            groups[3],
            "pebble",
        ]
        assert order(app, "overdue 8 h", "42 h", "13 days") == ["overdue 8 h", "42 h", "13 days"]
        assert "With name, safe contact" in app.said
        assert "Not for: town hall" in app.said
        assert {"6", "1"} <= set(app.screen.texts())  # the counts beside Inbox and Quarantine


async def test_nothing_of_a_record_is_shown_before_it_is_opened(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await everything(app)
        await device.hear()
        await app.press(app.row("willow"))
        assert "Opening tells the device that a person read this." in app.said
        assert not any(secret in app.said for secret in ("Unsafe tonight", desk_cases.NOTE, desk_cases.NAME))
        assert app.state.record is None
        await app.pull()
        assert await device.hear() == []
        await app.press("open-record")
        assert "Unsafe tonight" in app.said
        await app.pull()
        assert set(kinds(await device.hear())) == {ReceiptKind.OPENED}


async def test_an_open_record_says_everything_and_never_a_profile(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await everything(app)
        await app.read("willow")
        for words in (
            "The person does not agree that the centre is told.",
            "A relative or someone of the community interpreted: what was said may not be what was meant.",
            "Yes, today, or going on now",
            "Not asked: someone could hear",
            f"Note: {desk_cases.NOTE}",
            "Based on: The person said so",
            "Not allowed to speak alone",
            "A made-up uncle would not leave the room at all.",
            "Must not see this",
            "Reach safely",
            "Made-up dentist's reception.",
            "Contact is safe now.",
            "HTP-Q20 version 1, rule 1",
            "Police, Made-up phone",
            "copper meadow",
        ):
            assert words in app.said, words
        assert "rofile" not in app.said
        assert app.screen.find(ft.ProgressBar) == []


async def test_names_numbers_and_code_words_are_seen_only_while_held(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await everything(app)
        await app.read("willow")
        secrets = (desk_cases.NAME, desk_cases.NUMBER, desk_cases.CODE_WORD, "Made-up cousin")
        assert [secret for secret in secrets if secret in app.said] == []
        (held,) = app.screen.find(ft.Semantics, identifier="held-name")
        await app.screen.fire(held, "tap")
        assert desk_cases.NAME in app.said
        await app.screen.fire(held, "tap")
        assert desk_cases.NAME not in app.said


async def test_the_number_is_hidden_when_contact_is_not_safe(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await everything(app)
        app.clock.now += 20 * 86_400
        await app.read("willow")
        assert "Do not make contact: the rules are older than 14 days. Ask the centre." in app.said
        assert "held-number" not in app.screen.identifiers()


async def test_acknowledging_says_who_and_when_and_tells_the_device(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await everything(app)
        await app.read("harbour")
        assert "The distress word was used." in app.said
        await app.press("acknowledge")
        assert "Acknowledged today 08:00 by Desk 1." in app.said
        assert order(app, "Planned", "Acknowledged") == ["Planned", "Acknowledged"]
        assert app.state.page.alarms == 5
        await app.pull()
        assert ReceiptKind.ACTED in kinds(await device.hear())


async def test_what_cannot_be_read_is_taken_on_without_being_opened(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await everything(app)
        await app.press(app.row(""))
        assert "The content is not in a form that this version can read." in app.said
        assert "open-record" not in app.screen.identifiers()
        await app.press("acknowledge")
        assert "Acknowledged today 08:00 by Desk 1." in app.said


async def test_a_part_that_comes_later_is_offered_and_not_called_read(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device, local = await app.device(), app.gate.clock.local()
        answers, contact, identity = seal_record(device, desk_cases.full("willow", NOW - 600, local))
        await app.arrive(device, answers.envelope)
        await app.read("willow")
        await app.arrive(device, contact.envelope, identity.envelope)
        await device.hear()
        assert "held-name" not in app.screen.identifiers()
        await app.press("read-more")
        assert "held-name" in app.screen.identifiers()
        await app.pull()
        assert kinds(await device.hear()) == [ReceiptKind.OPENED, ReceiptKind.OPENED]


async def test_a_result_that_disagrees_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as app:
        device = await app.device()
        monkeypatch.setattr("fieldapp.domain.triage.RULE_VERSION", 1)
        made = desk_cases.quiet("pebble", NOW - 600)
        with monkeypatch.context() as patched:
            other = desk_cases.raised("other", NOW - 600).result
            patched.setattr(type(made), "result", property(lambda self: other))
            envelopes = desk_cases.envelopes(device, made)
        await app.arrive(device, *envelopes)
        await app.read("pebble")
        assert "This desk computes Concern, Planned, within 14 days from the same answers." in app.said
        assert app.state.page.rows[0].level is not None
        assert app.state.page.rows[0].level.name == "SERIOUS"


async def test_a_lock_takes_every_word_of_a_record_away(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await everything(app)
        await app.read("willow")
        await app.lock()
        state: DeskState = app.state
        assert (state.centre, state.record, state.page) == (None, None, InboxPage((), 0, 1, 0, 0))
        held = [str(getattr(control, "value", "")) for control in walk(app.screen.page.views)]
        canaries = ("willow", "Canary", "canary", "Made-up", "harbour")
        assert [word for word in canaries if any(word in text for text in held)] == []


async def test_a_record_that_arrives_shows_by_itself(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        assert "Nothing has arrived" in app.said
        device = await app.device()
        await app.arrive(device, *desk_cases.envelopes(device, desk_cases.quiet("pebble", NOW - 60)))
        assert "pebble" in app.said


async def test_pages_hold_a_hundred_rows(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        device = await app.device()
        await app.arrive(device, *desk_cases.envelopes(device, desk_cases.quiet("pebble", NOW - 60)))
        (row,) = app.centre.inbox.rows().rows
        rows = tuple(replace(row, key=number.to_bytes(16, "little")) for number in range(100))
        pages = {n: InboxPage(rows, n, 3, 250, 250) for n in range(3)}
        app.centre.inbox.rows = lambda page=0: pages[min(page, 2)]  # type: ignore[method-assign]
        app.state.turn(0)
        await app.rest()
        assert len([text for text in app.screen.texts() if text == "pebble"]) == 100
        await app.press("page-next")
        assert "Page 2 of 3, 250 in all" in app.said
        await app.press("page-before")
        assert "Page 1 of 3, 250 in all" in app.said


async def test_a_phone_shows_one_thing_at_a_time(tmp_path: Path) -> None:
    async with open_desk(tmp_path, width=PHONE) as app:
        await everything(app)
        assert "Choose a record" not in app.said
        await app.press(app.row("willow"))
        assert app.at(Screen.RECORD)
        assert "pebble" not in app.said
        await app.press("open-record", "back")
        assert "pebble" in app.said
        assert app.state.record is None


async def test_whoever_chooses_another_row_closes_the_record(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await everything(app)
        await app.read("willow")
        await app.press(app.row("cedar"))
        assert app.state.record is None
        assert "Unsafe tonight" not in app.said


async def test_quarantine_says_why_in_plain_words(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        await app.press("to-quarantine")
        assert "Nothing is in quarantine" in app.said
        await everything(app)
        assert "The content is not in a form that this version can read." in app.said
        assert "Police, Made-up phone" in app.said
