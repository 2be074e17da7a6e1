"""Failure story 22 at the desk: a relay that was restored gets again what the desk had said to its devices.

The real desk services and the real device services meet at a real relay, whose database is put back to a real copy.
"""

import os
import random
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import httpx
import pytest

from fieldapp.domain.contact import Channel, ContactRules, SafeContact
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.desk import repair
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.centre import Centre, open_centre
from fieldapp.services.gate import Gate
from fieldapp.services.membership import Standing
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import CentreClient, RelayClient
from sync.downstream import DevicePolicy
from sync.protocol import DAY, MsgType
from sync.relay.app import declare_restored, register_centre
from tests.relay.conftest import Copies
from tests.relay.harness import FakeClock, relay, run
from tests.unit.centre.desk import NOW, PASSPHRASE, DeskClock, founded

SCHEDULES = 200 if os.environ.get("FIELDAPP_LONG") else 4


class Wire(httpx.AsyncBaseTransport):
    """The way to whichever relay stands now. It notes what is posted to devices, and can fail at one part of it."""

    def __init__(self) -> None:
        self.inner: httpx.ASGITransport
        self.posted: list[bytes] = []
        self.fails: Callable[[httpx.Request], bool] = lambda _request: False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.fails(request):
            return httpx.Response(500)
        if request.method == "POST" and "/v1/shard/" in request.url.path:
            self.posted.append(await request.aread())
        return await self.inner.handle_async_request(request)


@dataclass
class Scene:
    """A desk and a device that was enrolled with it."""

    folder: Path
    clock: FakeClock
    wire: Wire
    centre: Centre
    notebook: Notebook = field(init=False)

    @property
    def book(self) -> DeskBook:
        return self.centre._book

    @property
    def phone(self) -> bytes:
        assert self.notebook.book.membership
        return self.notebook.book.membership.device_id

    @property
    def messages(self) -> list[str]:
        return sorted(letter.text for letter in self.notebook.messages.all)

    async def restart(self) -> None:
        """Lock the desk and unlock it again."""
        await self.centre.lock()
        self.centre = await opened(self.folder, self.clock, self.wire)

    async def carry(self) -> None:
        """Let both look at the relay, so that what either says reaches the other."""
        for _ in range(2):
            await self.notebook.delivery.once()
            await self.centre.receiving.once()
            assert self.centre.receiving.problem == ""
        await self.notebook.delivery.once()

    async def say(self, text: str) -> None:
        """Send a message to the device; the relay has it when this returns."""
        await self.centre.telling.message(self.phone, text)
        await self.centre.receiving.once()
        assert self.book.outgoing == []


async def opened(folder: Path, clock: FakeClock, wire: Wire) -> Centre:
    return await open_centre(
        folder / "desk",
        PASSPHRASE,
        clock=DeskClock(clock),
        client=lambda at, key: CentreClient(at, key, transport=wire),
    )


@asynccontextmanager
async def served(scene: Scene, database: str) -> AsyncIterator[None]:
    """Let a relay stand at the address that everybody knows."""
    async with relay(database, scene.clock) as made:
        scene.wire.inner = httpx.ASGITransport(app=made.app)
        yield


@asynccontextmanager
async def enrolled(scene: Scene) -> AsyncIterator[None]:
    """Enrol the real device services at the desk."""
    gate = Gate(
        scene.folder / "phone", NoKeystore(), DeskClock(scene.clock), SystemIds(),
        lambda at: RelayClient(at, transport=scene.wire), calibrated=lambda: FLOOR,
    )  # fmt: skip
    scene.notebook = await gate.create(PASSPHRASE, Settings())
    await scene.notebook.delivery.stop()
    enrolment = await scene.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
    await scene.notebook.enrolling.begin(enrolment.qr_text)
    assert await scene.centre.devices.poll(enrolment)
    await scene.centre.devices.confirm(enrolment)
    assert await scene.notebook.enrolling.finish()
    try:
        yield
    finally:
        await gate.shut()


Part = Callable[[Scene], Awaitable[None]]
"""What happens while one relay stands."""


async def staged(stack: AsyncExitStack, database: str, folder: Path, first: Part) -> Scene:
    """Give a desk with an enrolled device after the first part, for which a relay stood."""
    copytree(founded()[0], folder / "centre")
    clock, wire = FakeClock(NOW), Wire()
    centre = await opened(folder / "centre", clock, wire)
    scene = Scene(folder / "centre", clock, wire, centre)
    async with served(scene, database):
        # This relay knows nothing but the key: the desk makes it what the one of the template was.
        await register_centre(database, centre.centre_id, centre.desk_key, "Made-up centre")
        await scene.centre.receiving.once()
        await stack.enter_async_context(enrolled(scene))
        await first(scene)
    return scene


def played(copies: Copies, folder: Path, *parts: Part, restored: bool = True) -> None:
    """Play parts: behind the first one the database is copied, before the last one that copy is put in its place."""

    founded()

    async def whole() -> None:
        async with AsyncExitStack() as stack:
            scene = await staged(stack, copies.database, folder, parts[0])
            copy = copies.copy()
            for part in parts[1:-1]:
                async with served(scene, copies.database):
                    await part(scene)
            async with served(scene, copy if restored else copies.database):
                scene.wire.posted.clear()
                scene.clock.now += repair.LOOK_EVERY
                await parts[-1](scene)
            await scene.centre.lock()

    run(whole())


async def case_of(scene: Scene) -> bytes:
    """A case of the worker, whose rules the desk has seen."""
    case = await scene.notebook.contacts.open_case(scene.notebook.book.ids.new_id(), "made-up alias")
    await scene.notebook.contacts.set_rules(case, rules(scene, "first"))
    await scene.notebook.delivery.send_now()
    await scene.carry()
    return case.id


def rules(scene: Scene, number: str) -> SafeContact:
    made_at = DeskClock(scene.clock).local().replace(second=0, microsecond=0)
    return SafeContact(ContactRules(made_at - timedelta(minutes=1)), Channel.CALL, number)


def test_all_that_the_desk_had_said_is_heard_after_all_with_the_bytes_it_had(
    copies: Copies, tmp_path: Path
) -> None:
    cases: list[bytes] = []
    lost: list[bytes] = []

    async def before(scene: Scene) -> None:
        cases.append(await case_of(scene))
        await scene.say("before")
        await scene.carry()

    async def after_the_copy(scene: Scene) -> None:
        scene.wire.posted.clear()
        telling = scene.centre.telling
        await telling.change_rules(telling.reach(scene.phone, cases[0]), rules(scene, "from the centre"))
        await telling.set_policy(scene.phone, DevicePolicy(9, 2, 5, 1, 60, 0))
        await scene.centre.tokens.give(scene.phone)
        await scene.centre.wiping.order(scene.phone)
        await scene.say("lost")
        lost.extend(scene.wire.posted)
        assert len(lost) == 5

    async def restored(scene: Scene) -> None:
        numbers, left = [d.down_seq for d in scene.book.devices], scene.notebook.book.tokens_left
        await scene.carry()
        assert sorted(scene.wire.posted) == sorted(lost), "the same bytes, each once"
        assert [d.down_seq for d in scene.book.devices] == numbers
        assert scene.messages == ["before", "lost"]
        held = scene.notebook.contacts.case(cases[0])
        assert held
        assert held.contact
        assert held.contact.number == "from the centre"
        orders = scene.notebook.book.orders
        assert orders.policy
        assert orders.policy.keep_days == 5
        assert len(orders.pending) == 1
        assert scene.notebook.book.tokens_left == left + scene.centre.tokens.batch
        scene.clock.now += 2 * repair.LOOK_EVERY
        await scene.carry()
        assert len(scene.wire.posted) == len(lost), "nothing is given again that is there"

    played(copies, tmp_path, before, after_the_copy, restored)


def test_what_the_device_had_heard_comes_twice_and_counts_once(copies: Copies, tmp_path: Path) -> None:
    async def before(scene: Scene) -> None:
        await scene.say("first")

    async def heard(scene: Scene) -> None:
        await scene.say("second")
        await scene.carry()
        for letter in scene.notebook.messages.all:
            if letter.text == "second":
                await scene.notebook.messages.remove(letter)

    async def restored(scene: Scene) -> None:
        await scene.carry()
        await scene.carry()
        assert scene.messages == ["first"], "what was removed stays so"
        await scene.say("third")
        await scene.carry()
        assert scene.messages == ["first", "third"]

    played(copies, tmp_path, before, heard, restored)


def test_a_new_word_does_not_hide_that_the_one_before_is_gone(copies: Copies, tmp_path: Path) -> None:
    async def before(scene: Scene) -> None:
        await scene.say("before")
        await scene.carry()

    async def after_the_copy(scene: Scene) -> None:
        await scene.say("lost")

    async def restored(scene: Scene) -> None:
        # The box is quiet, so on SQLite its cursor says nothing.
        await scene.say("new")
        await scene.carry()
        assert scene.messages == ["before", "lost", "new"]

    played(copies, tmp_path, before, after_the_copy, restored)


def test_the_doubt_outlives_a_restart_and_holds_up_no_record(copies: Copies, tmp_path: Path) -> None:
    async def before(scene: Scene) -> None:
        await scene.say("before")

    async def after_the_copy(scene: Scene) -> None:
        await scene.say("lost")

    async def restored(scene: Scene) -> None:
        made = await scene.notebook.screenings.begin(Mode.OFFICER, language="en")
        made = made.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
        filed = await scene.notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
        await scene.notebook.delivery.once()
        scene.wire.fails = lambda request: request.method == "GET" and "/v1/shard/" in request.url.path
        await scene.centre.receiving.once()
        assert scene.book.progress.doubt
        assert [row.record_id for row in scene.centre.inbox.rows().rows] == [filed.record_id]
        scene.wire.fails = lambda _request: False
        await scene.restart()
        await scene.carry()
        assert scene.messages == ["before", "lost"]
        assert not scene.book.progress.doubt

    played(copies, tmp_path, before, after_the_copy, restored)


def test_a_relay_that_lost_nothing_gets_nothing_again(copies: Copies, tmp_path: Path) -> None:
    async def before(scene: Scene) -> None:
        await scene.say("before")
        await scene.carry()

    async def declared(scene: Scene) -> None:
        await declare_restored(copies.database)
        for _ in range(3):
            await scene.carry()
            scene.clock.now += repair.LOOK_EVERY
        assert scene.wire.posted == []
        assert scene.messages == ["before"]

    played(copies, tmp_path, before, declared, restored=False)


def test_a_wipe_that_two_keys_signed_is_carried_out_although_the_relay_lost_it(
    copies: Copies, tmp_path: Path
) -> None:
    async def before(scene: Scene) -> None:
        await scene.carry()

    async def after_the_copy(scene: Scene) -> None:
        (paper,) = founded()[1].papers
        await scene.centre.wiping.order(scene.phone)
        await scene.centre.wiping.confirm(scene.phone, scene.folder / "stick", paper.words)
        await scene.centre.receiving.once()

    async def restored(scene: Scene) -> None:
        await scene.centre.receiving.once()
        await scene.notebook.delivery.once()
        await scene.notebook.delivery.once()
        assert scene.notebook.book.standing is Standing.LOCAL

    played(copies, tmp_path, before, after_the_copy, restored)


@pytest.mark.parametrize("how", ["withdrawn", "wiped"])
def test_a_device_that_is_withdrawn_or_wiped_is_not_given_again_what_people_said(
    copies: Copies, tmp_path: Path, how: str
) -> None:
    """Who holds it now may never have read it. Orders still reach it, and a device that is empty needs nothing."""

    async def before(scene: Scene) -> None:
        await scene.say("before")

    async def after_the_copy(scene: Scene) -> None:
        await scene.centre.tokens.give(scene.phone)
        await scene.centre.wiping.order(scene.phone)
        await scene.say("lost")
        if how == "withdrawn":
            await scene.centre.devices.revoke(scene.phone)
        else:
            order = scene.book.wipe(scene.phone)
            assert order
            await scene.book.write([replace(order, done_at=scene.clock.now)])

    async def restored(scene: Scene) -> None:
        wiping = [one.waiting.envelope for one in scene.book.posted if one.waiting.msg_type is MsgType.WIPE]
        # The box tells that the relay lost something before the copies were looked through.
        scene.clock.now -= repair.LOOK_EVERY
        await scene.centre.receiving._repair.doubt()
        await scene.centre.receiving.once()
        await scene.centre.receiving.once()
        assert scene.wire.posted == (wiping if how == "withdrawn" else [])
        assert not scene.book.progress.doubt

    played(copies, tmp_path, before, after_the_copy, restored)


def test_copies_are_kept_as_long_as_they_say_something(tmp_path: Path) -> None:
    def types(scene: Scene) -> list[str]:
        return sorted(one.waiting.msg_type.name for one in scene.book.posted if one.waiting.msg_type)

    async def begin(scene: Scene) -> None:
        await scene.carry()

    async def say(scene: Scene) -> None:
        for days in (3, 4):
            await scene.centre.telling.set_policy(scene.phone, DevicePolicy(9, 2, days, 1, 60, 0))
        await scene.centre.wiping.order(scene.phone)
        await scene.say("kept")
        await scene.restart()
        await scene.centre.receiving.once()
        assert types(scene) == ["MESSAGE", "POLICY", "WIPE"], "of two policies the last one counts"
        scene.clock.now += 29 * DAY
        await scene.centre.receiving.once()
        assert {"MESSAGE", "POLICY"} <= set(types(scene))
        assert "WIPE" not in types(scene), "the order is over"
        scene.clock.now += 16 * DAY
        await scene.centre.receiving.once()
        assert not {"MESSAGE", "POLICY"} & set(types(scene)), "the relay has deleted them itself"

    played(
        Copies(str(tmp_path / "relay.db"), lambda: str(tmp_path / "relay.db")),
        tmp_path,
        begin,
        say,
        restored=False,
    )


def test_copies_give_way_to_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def begin(scene: Scene) -> None:
        await scene.carry()

    async def say(scene: Scene) -> None:
        for number in range(4):
            await scene.say(f"made up {number}")
            scene.clock.now += 60
        await scene.restart()
        monkeypatch.setattr(repair, "KEPT_FREE", 10_000)
        await scene.centre.receiving.once()
        texts = {said.seq: said.text for said in scene.centre.telling.said_to(scene.phone)}
        kept = [one for one in scene.book.posted if one.waiting.msg_type is MsgType.MESSAGE]
        assert {texts[one.waiting.seq] for one in kept} == {"made up 2", "made up 3"}, "the newest stay"

    played(
        Copies(str(tmp_path / "relay.db"), lambda: str(tmp_path / "relay.db")),
        tmp_path,
        begin,
        say,
        restored=False,
    )


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_whenever_the_relay_is_put_back_each_word_is_heard_once(tmp_path: Path, seed: int) -> None:
    """Copies are made and put back at any moment, also several times; the desk is locked, and time passes."""
    dice = random.Random(seed)
    database, backup = str(tmp_path / "relay.db"), str(tmp_path / "copy.db")
    said: list[str] = []

    async def say(scene: Scene) -> None:
        said.append(f"made up {len(said)}")
        await scene.centre.telling.message(scene.phone, said[-1])
        if dice.random() < 0.7:
            await scene.centre.receiving.once()

    async def look(scene: Scene) -> None:
        await dice.choice((scene.centre.receiving.once, scene.notebook.delivery.once))()

    async def fail(scene: Scene) -> None:
        method, part = dice.choice((("GET", "/v1/shard/"), ("POST", "/v1/shard/"), ("GET", "/v1/box/")))
        scene.wire.fails = lambda request: request.method == method and part in request.url.path
        await scene.centre.receiving.once()
        scene.wire.fails = lambda _request: False

    async def wait(scene: Scene) -> None:
        scene.clock.now += dice.choice((60, repair.LOOK_EVERY, DAY))

    async def some_steps(scene: Scene) -> None:
        for _ in range(dice.randint(1, 4)):
            await dice.choice((say, say, look, look, fail, wait, Scene.restart))(scene)
            assert set(scene.messages) <= set(said)
            assert len(set(scene.messages)) == len(scene.messages)

    async def begin(scene: Scene) -> None:
        await scene.carry()

    async def put_back(_scene: Scene) -> None:
        for old in tmp_path.glob("relay.db*"):
            old.unlink()
        shutil.copy(backup, database)

    async def copy_it(_scene: Scene) -> None:
        shutil.copy(database, backup)

    async def whole() -> None:
        async with AsyncExitStack() as stack:
            scene = await staged(stack, database, tmp_path, begin)
            await copy_it(scene)
            for _ in range(5):
                async with served(scene, database):
                    await some_steps(scene)
                await dice.choice((copy_it, put_back))(scene)
            async with served(scene, database):
                for _ in range(2):
                    scene.clock.now += repair.LOOK_EVERY
                    await scene.carry()
                assert scene.messages == sorted(said)
                numbers = [device.down_seq for device in scene.book.devices]
                scene.wire.posted.clear()
                scene.clock.now += repair.LOOK_EVERY
                await scene.carry()
                assert scene.wire.posted == []
                assert [device.down_seq for device in scene.book.devices] == numbers
            await scene.centre.lock()

    founded()
    run(whole())
