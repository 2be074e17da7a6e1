"""The field app of an enrolled device without a network; the test says what the centre tells it."""

import asyncio
from datetime import timedelta

from fieldapp.codec import case_contact_body
from fieldapp.domain.contact import Channel, ContactRules, SafeContact, SafeWindow, SeenBy, Window
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.listening import News
from sync.downstream import DevicePolicy, Message, RulesUpdate
from tests.browser.field_app import GATE, main
from tests.fakes.centre import ScriptedCentre

__all__ = ["answer", "main"]

_TASKS: set[asyncio.Task[None]] = set()
MORNINGS = tuple(SafeWindow(Window(day, 480, 720)) for day in range(5))
ALWAYS = tuple(SafeWindow(Window(day, 1, 1440)) for day in range(7))


async def told() -> None:
    """Enrol, begin a case, and hear two messages, other rules for the case, and a policy."""
    notebook = GATE.notebook
    assert notebook
    await notebook.delivery.stop()
    clock = notebook.book.clock
    now, local = clock.now(), clock.local().replace(second=0, microsecond=0)
    centre = ScriptedCentre("https://relay.example.invalid", now)
    await notebook.book.join(centre.member(), centre.trust, [bytes([n]) * 32 for n in range(40)])
    case = await notebook.contacts.open_case(b"c" * 16, "otter slate")
    mine = ContactRules(local - timedelta(hours=3), safe=ALWAYS)
    case = await notebook.contacts.set_rules(
        case, SafeContact(mine, Channel.CALL, "000 made up", SeenBy.FAMILY)
    )
    theirs = SafeContact(
        ContactRules(local - timedelta(hours=1), safe=MORNINGS, what_to_say="Made-up: the library called."),
        Channel.CHAT,
        "111 made up",
        SeenBy.NOBODY,
    )
    update = RulesUpdate(case.id, 1, b"", now - 3600, "Intake", case_contact_body(case.id, theirs))  # type: ignore[arg-type]
    await notebook.contacts.take(update)
    question = (
        "Made-up question: did the person say since when the door is locked?\nCall the desk when you can."
    )
    messages = [
        (
            b"1" * 32,
            Message(now - 7200, "Intake", "Made-up text: we opened your record. Thank you."),
            "Desk 1",
        ),
        (b"2" * 32, Message(now - 300, "Intake", question, case.id), "Desk 1"),
    ]
    policy = DevicePolicy(1, 1, 0, 1, idle_seconds=120, background_seconds=30)
    await notebook.book.hear("", News(messages=messages, policies=[policy], odd=[b"o" * 32]))


async def trouble() -> None:
    """Finish a record that cannot be sent, and have an older copy of the lock put back."""
    notebook = GATE.notebook
    assert notebook
    draft = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    await notebook.screenings.finish(draft, FinishChoice(FinishKind.SEND))
    notebook.book.keys_put_back = True
    notebook.book.changes.ring()


def answer(line: str) -> str:
    """Play the centre: ``told``, or somebody else: ``trouble``."""
    task: asyncio.Task[None] = asyncio.ensure_future({"told": told, "trouble": trouble}[line]())
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    return "begun"
