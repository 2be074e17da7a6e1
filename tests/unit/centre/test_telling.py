"""A real desk tells a real device, over a real relay: messages, rules, tokens, policy, directory, wipe, covers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from fieldapp.domain.contact import Channel, ContactRules, SafeContact
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.errors import InputError
from fieldapp.services.covering import Covering
from fieldapp.services.desk.inbox_rows import RowKind
from fieldapp.services.desk.tokens import SILENT
from fieldapp.services.desk.wiping import NotACommandKey, NoWipeOrder, WipeState
from fieldapp.services.gate import Gate
from fieldapp.services.membership import Standing
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from fieldapp.vault.errors import WrongPassphrase
from sync.client import RelayClient
from sync.downstream import DevicePolicy
from sync.primitives import SigningKey
from sync.protocol import DAY, MsgType
from tests.unit.centre.desk import DeskClock, World, in_world

PHONE = "obviously made up passphrase for a phone nobody has"


@asynccontextmanager
async def phone(world: World, path: Path, *, covering: Covering | None = None) -> AsyncIterator[Notebook]:
    """Enrol the real device services with the desk of `world`."""
    transport = httpx.ASGITransport(app=world.relay.app)
    gate = Gate(
        path / "phone",
        NoKeystore(),
        DeskClock(world.clock),
        SystemIds(),
        lambda url: RelayClient(url, transport=transport),
        calibrated=lambda: FLOOR,
        covering=covering,
    )
    notebook = await gate.create(PHONE, Settings())
    await notebook.delivery.stop()
    enrolment = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
    await notebook.enrolling.begin(enrolment.qr_text)
    assert await world.centre.devices.poll(enrolment)
    await world.centre.devices.confirm(enrolment)
    assert await notebook.enrolling.finish()
    try:
        yield notebook
    finally:
        await gate.shut()


def device_id(notebook: Notebook) -> bytes:
    assert notebook.book.membership
    return notebook.book.membership.device_id


def between(path: Path, body: Callable[[World, Notebook], Awaitable[None]], **options: Covering) -> None:
    """Run one test with a desk and an enrolled device."""

    async def whole(world: World) -> None:
        async with phone(world, path, **options) as notebook:
            await body(world, notebook)

    in_world(path, whole)


async def carry(world: World, notebook: Notebook) -> None:
    """Let both look at the relay, so that what either says reaches the other."""
    await notebook.delivery.once()
    await world.centre.receiving.once()
    await notebook.delivery.once()


def rules(world: World, number: str) -> SafeContact:
    made_at = DeskClock(world.clock).local().replace(second=0, microsecond=0)
    return SafeContact(ContactRules(made_at - timedelta(minutes=1)), Channel.CALL, number)


def test_a_message_reaches_the_worker_and_the_desk_keeps_what_it_said(tmp_path: Path) -> None:
    async def body(world: World, notebook: Notebook) -> None:
        telling = world.centre.telling
        await telling.message(device_id(notebook), "  Made-up question: which door?  ")
        await carry(world, notebook)
        (letter,) = notebook.messages.all
        assert (letter.text, letter.role) == ("Made-up question: which door?", "Intake")
        assert letter.desk == world.centre.desk_name
        for odd in ("", " ", "x" * 1001, "bell \a"):
            with pytest.raises(InputError):
                await telling.message(device_id(notebook), odd)
        await world.restart()
        (said,) = world.centre.telling.said_to(device_id(notebook))
        assert said.text == letter.text
        await carry(world, notebook)
        assert len(notebook.messages.all) == 1

    between(tmp_path, body)


def test_changed_rules_reach_the_case_and_come_from_the_record_that_the_desk_opened(tmp_path: Path) -> None:
    async def body(world: World, notebook: Notebook) -> None:
        case = await notebook.contacts.open_case(notebook.book.ids.new_id(), "made-up alias")
        await notebook.contacts.set_rules(case, rules(world, "first"))
        await notebook.delivery.send_now()
        await carry(world, notebook)
        (row,) = world.centre.inbox.rows().rows
        assert row.kind is RowKind.SAFE_CONTACT
        named = world.centre.inbox.case_of(row.key)
        assert named == (device_id(notebook), case.id)
        reach = world.centre.telling.reach(*named)
        assert reach.seen
        assert reach.seen.number == "first"
        await world.centre.telling.change_rules(reach, rules(world, "from the centre"))
        await carry(world, notebook)
        held = notebook.contacts.case(case.id)
        assert held
        assert held.contact
        assert (held.contact.number, held.in_question) == ("from the centre", None)
        # The worker changes them, and the centre does so again without having seen that.
        await notebook.contacts.set_rules(held, rules(world, "mine"))
        await world.centre.telling.change_rules(reach, rules(world, "centre again"))
        await world.centre.receiving.once()
        await notebook.delivery.once()
        held = notebook.contacts.case(case.id)
        assert held
        assert held.contact
        assert held.in_question
        assert (held.contact.number, held.in_question.number) == ("mine", "centre again")
        sent = world.centre.telling.reach(*named).sent
        assert sent
        assert sent.version == 2

    between(tmp_path, body)


def test_a_device_without_any_drop_token_gets_new_ones_when_a_clerk_asks(tmp_path: Path) -> None:
    async def body(world: World, notebook: Notebook) -> None:
        notebook.book._tokens = ()
        made = await notebook.screenings.begin(Mode.OFFICER, language="en")
        made = made.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
        filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
        await carry(world, notebook)
        assert notebook.book.tokens_left == 0, "the desk cannot know"
        await world.centre.tokens.give(device_id(notebook))
        await carry(world, notebook)
        assert notebook.book.tokens_left
        await carry(world, notebook)
        (row,) = world.centre.inbox.rows().rows
        assert row.record_id == filed.record_id

    between(tmp_path, body)


def test_a_device_that_was_silent_for_a_month_gets_tokens_unasked_once_a_month(tmp_path: Path) -> None:
    async def body(world: World, notebook: Notebook) -> None:
        def issued() -> int:
            device = world.centre._book.device(device_id(notebook))
            assert device
            return device.issued

        world.clock.now += 10 * DAY  # into a quarter that lasts for the whole test
        await world.centre.receiving.once()
        before = issued()
        world.clock.now += SILENT - DAY
        await world.centre.receiving.once()
        assert issued() == before
        world.clock.now += 2 * DAY
        for _ in range(2):
            await world.centre.receiving.once()
        batch = world.centre.tokens.batch
        assert issued() == before + batch
        world.clock.now += SILENT + DAY
        await world.centre.receiving.once()
        assert issued() == before + 2 * batch

    between(tmp_path, body)


def test_covers_cost_tokens_that_the_desk_makes_good_and_show_nowhere(tmp_path: Path) -> None:
    draws = iter(range(10**6))

    async def body(world: World, notebook: Notebook) -> None:
        received = 0
        for _ in range(40):
            await notebook.delivery.once()
            await world.centre.receiving.once()
            world.clock.now += 7 * 3600
        centre = world.centre
        (row,) = centre.devices.rows()
        assert row.highest_seq > centre.tokens.batch, "more than the first batch"
        assert notebook.book.tokens_left > 12
        assert row.gaps == ()
        assert centre.inbox.rows().rows == ()
        assert centre.quarantine.rows() == ()
        assert centre._book.received == []
        received = row.highest_seq
        room = centre._book.room
        await world.restart()
        (row,) = world.centre.devices.rows()
        assert (row.highest_seq, row.gaps) == (received, ()), "the chain is known after unlocking"
        assert world.centre._book.room == room
        await notebook.delivery.once()
        assert notebook.book.covers <= 4, "those that arrived were erased"

    between(tmp_path, body, covering=Covering(lambda limit: next(draws) * 7919 % limit))


def test_the_same_cover_twice_is_answered_twice_and_counted_once(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        cover = device.seal(MsgType.COVER, b"c" * 16, b"")
        await device.drop(cover.envelope)
        await world.centre.receiving.once()
        assert [item.kind for item in await device.hear()] == ["opened"]
        await device.drop(cover.envelope)
        await world.centre.receiving.once()
        assert "opened" in [item.kind for item in await device.hear()]
        (row,) = world.centre.devices.rows()
        assert row.highest_seq == 1
        forked = device.seal(MsgType.COVER, b"c" * 16, b"", seq=1, prev_hash=bytes(32))
        await device.drop(forked.envelope)
        await world.centre.receiving.once()
        (aside,) = world.centre.quarantine.rows()
        assert aside.reason == "fork"

    in_world(tmp_path, body)


def test_a_policy_of_one_device_gets_the_next_version(tmp_path: Path) -> None:
    async def body(world: World, notebook: Notebook) -> None:
        for days in (5, 9):
            wanted = DevicePolicy(99, 2, days, 1, 60, 0)
            await world.centre.telling.set_policy(device_id(notebook), wanted)
        await carry(world, notebook)
        assert notebook.book.orders.policy
        assert (notebook.book.orders.policy.version, notebook.book.orders.policy.keep_days) == (2, 9)
        assert notebook.book.membership
        before = notebook.book.membership.prekeys.current
        await world.centre.telling.rekey(device_id(notebook))
        await carry(world, notebook)
        assert notebook.book.membership.prekeys.current != before

    between(tmp_path, body)


def test_a_wipe_needs_the_desk_and_a_key_holder_and_is_reported(tmp_path: Path) -> None:
    async def body(world: World, notebook: Notebook) -> None:
        wiping, phone_id = world.centre.wiping, device_id(notebook)
        assert wiping.may_order
        with pytest.raises(NoWipeOrder):
            await wiping.confirm_with(phone_id, SigningKey.generate())
        await wiping.order(phone_id)
        first = wiping.row(phone_id)
        assert first
        assert first.state is WipeState.ORDERED
        await wiping.order(phone_id)
        assert wiping.row(phone_id) == first, "an order that stands is not given twice"
        for wrong in (SigningKey.generate(), world.centre._book.identity.signing):
            with pytest.raises(NotACommandKey):
                await wiping.confirm_with(phone_id, wrong)
        folder, words = key_vault(world)
        with pytest.raises(WrongPassphrase):
            await wiping.confirm(phone_id, folder, "seven made up words that are wrong")
        await carry(world, notebook)
        assert notebook.book.standing is Standing.ENROLLED
        await wiping.confirm(phone_id, folder, words)
        row = wiping.row(phone_id)
        assert row
        assert row.state is WipeState.SIGNED
        await world.restart()
        await carry(world, notebook)
        assert notebook.book.standing is Standing.LOCAL
        await world.centre.receiving.once()
        row = world.centre.wiping.row(phone_id)
        assert row
        assert row.state is WipeState.DONE

    between(tmp_path, body)


def key_vault(world: World) -> tuple[Path, str]:
    """Return the folder of the key vault, in this test's copy, and its words."""
    (paper,) = world.ceremony.papers
    return world.folder.parent / "stick", paper.words


def test_an_order_ends_and_can_be_given_anew(tmp_path: Path) -> None:
    async def body(world: World, notebook: Notebook) -> None:
        wiping, phone_id = world.centre.wiping, device_id(notebook)
        await wiping.order(phone_id)
        world.clock.now += 29 * DAY
        row = wiping.row(phone_id)
        assert row
        assert row.state is WipeState.EXPIRED
        with pytest.raises(NoWipeOrder):
            await wiping.confirm_with(phone_id, SigningKey.generate())
        await wiping.order(phone_id)
        row = wiping.row(phone_id)
        assert row
        assert row.state is WipeState.ORDERED

    between(tmp_path, body)
