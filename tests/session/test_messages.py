"""What the centre says, on the screens of the field app: messages, changed rules, lock times, a wipe."""

from datetime import timedelta
from pathlib import Path

import flet as ft
import pytest

from fieldapp.codec import case_contact_body
from fieldapp.domain.contact import Channel, ContactRules, SafeContact, SafeWindow, Window
from fieldapp.services.case_file import Case
from fieldapp.services.listening import News
from fieldapp.services.orders import Orders
from fieldapp.ui.state import Screen
from sync.downstream import DevicePolicy, Message, RulesUpdate, WipeOrder, rules_hash
from tests.fakes.centre import ScriptedCentre
from tests.session.field_harness import Field, open_field

pytestmark = pytest.mark.anyio

CANARY = "Made-up question: is the door still green?"
EVERY_DAY = tuple(SafeWindow(Window(day, 60, 1380)) for day in range(7))


async def enrol(app: Field) -> ScriptedCentre:
    centre = ScriptedCentre("https://relay.example", app.clock.now())
    await app.state.open.book.join(centre.member(), centre.trust, [bytes([n]) * 32 for n in range(40)])
    await app.rest()
    return centre


async def hear(app: Field, news: News) -> None:
    await app.state.open.book.hear("", news)
    await app.rest()


def letter(app: Field, text: str = CANARY, number: int = 1) -> News:
    return News(messages=[(bytes([number]) * 32, Message(app.clock.now() - 60, "Intake", text), "Desk 1")])


async def test_a_message_is_announced_without_a_word_of_it_and_read_on_its_own_screen(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        await hear(app, letter(app))
        said = "\n".join(app.screen.texts())
        assert "1 new message from the centre" in said
        assert CANARY not in said
        await app.press("messages")
        said = "\n".join(app.screen.texts())
        assert CANARY in said
        assert "Intake" in said
        (one,) = app.state.open.messages.all
        await app.press(f"read-{one.id.hex()[:8]}")
        assert app.state.open.messages.unread == 0
        await app.press(f"remove-{one.id.hex()[:8]}")
        assert app.state.open.messages.all == ()
        await app.press("undo")
        assert [kept.text for kept in app.state.open.messages.all] == [CANARY]
        await app.state.presence.lock()
        await app.rest()
        assert CANARY not in "\n".join(app.screen.texts())


async def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        await hear(app, News(odd=[b"o" * 32, b"p" * 32]))
        await app.press("settings", "messages")
        assert "2 messages of the centre cannot be read" in "\n".join(app.screen.texts())


async def test_the_centres_lock_times_count_when_they_are_shorter(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        await hear(app, News(policies=[DevicePolicy(1, 1, 0, 1, idle_seconds=60, background_seconds=3600)]))
        policy = app.state.presence.policy
        assert (policy.idle, policy.background) == (60, 60)
        await app.press("settings")
        assert "at most 60 seconds without a tap" in "\n".join(app.screen.texts())


def contact(app: Field, number: str, *, safe: tuple[SafeWindow, ...] = EVERY_DAY) -> SafeContact:
    made_at = app.clock.local() - timedelta(hours=1)
    return SafeContact(ContactRules(made_at, safe=safe), Channel.CALL, number)


def update(case: Case, said: SafeContact, base: SafeContact) -> RulesUpdate:
    seen = rules_hash(case_contact_body(case.id, base))  # type: ignore[arg-type]
    return RulesUpdate(case.id, 1, seen, 1_796_000_000, "Intake", case_contact_body(case.id, said))  # type: ignore[arg-type]


async def test_two_changes_of_the_rules_stand_beside_each_other_until_one_is_chosen(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        contacts = app.state.open.contacts
        case = await contacts.open_case(b"c" * 16, "made-up alias")
        case = await contacts.set_rules(case, contact(app, "111 mine"))
        await contacts.take(update(case, contact(app, "222 theirs"), contact(app, "000 older")))
        app.state.go(Screen.CASE, case.id)
        await app.rest()
        said = "\n".join(app.screen.texts())
        assert "You and the centre both changed these rules" in said
        assert "111 mine" not in said
        assert "222 theirs" not in said
        await app.press("use-centre")
        held = contacts.case(case.id)
        assert held
        assert held.contact
        assert (held.contact.number, held.in_question) == ("222 theirs", None)
        assert "You and the centre both changed" not in "\n".join(app.screen.texts())


async def test_rules_that_only_the_centre_changed_say_so(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        contacts = app.state.open.contacts
        mine = contact(app, "111 mine")
        case = await contacts.set_rules(await contacts.open_case(b"c" * 16, "made-up alias"), mine)
        await contacts.take(update(case, contact(app, "222 theirs"), mine))
        app.state.go(Screen.CASE, case.id)
        await app.rest()
        plain = "\n".join(app.screen.texts()).replace("\u2068", "").replace("\u2069", "")
        assert "Intake at the centre changed these rules" in plain
        held = contacts.case(case.id)
        assert held
        await contacts.set_rules(held, contact(app, "333 mine again"))
        await app.rest()
        assert "at the centre changed these rules" not in "\n".join(app.screen.texts())


async def test_a_wipe_locks_at_once_without_a_word(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        await enrol(app)
        await hear(app, letter(app))
        book = app.state.open.book
        assert book.membership
        await book.wipe(WipeOrder(b"o" * 16, book.membership.device_id, app.clock.now() + 60))
        book.wiped.ring()
        await app.screen.wait_for(
            lambda: "Passphrase" in [field.label for field in app.screen.find(ft.TextField)]
        )
        assert app.state.place.screen is Screen.LOCK
        await app.unlock()
        assert app.state.place.screen is Screen.HOME
        assert app.state.open.book.orders == Orders()
        assert app.state.open.messages.all == ()
        said = "\n".join(app.screen.texts())
        assert "Nothing waits." in said
        assert "erase" not in said.lower()
