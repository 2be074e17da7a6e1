"""A real device, a real desk and a real relay: suspended, withdrawn, enrolled anew, and no record lost."""

from pathlib import Path

import httpx

from fieldapp.domain.attachment import PIECE_SIZE
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.desk.devices import DeviceState
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.media import prepare
from fieldapp.services.membership import Standing
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from tests.fakes import media
from tests.unit.centre.desk import DeskClock, World, in_world
from tests.unit.centre.test_standing import sign

PASSPHRASE = "obviously made up passphrase for a phone nobody has"


def phone(world: World, folder: Path) -> Gate:
    transport = httpx.ASGITransport(app=world.relay.app)
    return Gate(
        folder,
        NoKeystore(),
        DeskClock(world.clock),
        SystemIds(),
        lambda url: RelayClient(url, transport=transport),
        calibrated=lambda: FLOOR,
    )


async def enrol(world: World, notebook: Notebook, name: str) -> None:
    enrolment = await world.centre.devices.begin(name, "police", Work.OFFICER)
    await notebook.enrolling.begin(enrolment.qr_text)
    assert await world.centre.devices.poll(enrolment)
    await world.centre.devices.confirm(enrolment)
    assert await notebook.enrolling.finish()


async def record(notebook: Notebook) -> Filed:
    made = await notebook.screenings.begin(Mode.OFFICER, language="en")
    made = made.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
    return await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))


async def unlocked(gate: Gate) -> Notebook:
    """Lock and unlock: the device asks for the directory anew."""
    await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    return notebook


def test_a_suspended_and_then_withdrawn_device_loses_nothing_when_it_is_enrolled_anew(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        gate = phone(world, tmp_path / "phone")
        notebook = await gate.create(PASSPHRASE, Settings())
        await notebook.delivery.stop()
        await enrol(world, notebook, "Made-up phone 1")
        ours = [await record(notebook)]
        await notebook.delivery.once()
        await world.centre.receiving.once()
        (old,) = world.centre.devices.rows()

        await world.centre.devices.suspend(old.device_id)
        await sign(world)
        notebook = await unlocked(gate)
        await notebook.delivery.once()
        assert notebook.book.standing is Standing.SUSPENDED
        ours.append(await record(notebook))
        await notebook.delivery.once()
        assert notebook.book.stage(ours[-1]) is Stage.LOCAL

        await world.centre.devices.revoke(old.device_id)
        await sign(world)
        notebook = await unlocked(gate)
        await notebook.delivery.once()
        assert notebook.book.standing is Standing.REVOKED
        ours.append(await record(notebook))
        await enrol(world, notebook, "Made-up phone 1, again")
        assert notebook.book.standing is Standing.ENROLLED
        await notebook.delivery.once()
        await world.centre.receiving.once()

        rows = world.centre.inbox.rows().rows
        again = [row for row in rows if row.device == "Made-up phone 1, again"]
        assert {row.record_id for row in again} == {filed.record_id for filed in ours}
        assert all(not row.doubts for row in again)
        new = next(row for row in world.centre.devices.rows() if row.device_id != old.device_id)
        assert (new.state, new.gaps) == (DeviceState.ENROLLED, ())
        for row in again:
            await world.centre.inbox.open(row.key)
        await world.centre.receiving.once()
        await notebook.delivery.once()
        assert [notebook.book.stage(filed) for filed in ours] == [Stage.OPENED] * 3
        assert world.centre.alerts.page().alerts == ()
        await gate.shut()

    in_world(tmp_path, body)


def test_files_that_were_half_sent_come_whole_from_the_device_that_was_enrolled_anew(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        gate = phone(world, tmp_path / "phone")
        notebook = await gate.create(PASSPHRASE, Settings())
        await notebook.delivery.stop()
        await enrol(world, notebook, "Made-up phone 1")
        made = await notebook.screenings.begin(Mode.OFFICER, language="en")
        made = made.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
        papers = [prepare(media.pdf(pieces * PIECE_SIZE - 500)) for pieces in (6, 2)]
        for paper in papers:
            await notebook.attachments.add(made.id, paper)
        filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
        kept, cancelled = filed.attachments
        for _ in range(2):
            await notebook.delivery.once()
        assert notebook.book.progress(filed).sent == 4
        await notebook.book.withdraw(filed.record_id, cancelled.id)
        await world.centre.receiving.once()
        (old,) = world.centre.devices.rows()
        await world.centre.devices.revoke(old.device_id)
        await sign(world)
        notebook = await unlocked(gate)
        await notebook.delivery.once()
        await enrol(world, notebook, "Made-up phone 1, again")
        for _ in range(4):
            await notebook.delivery.once()
        await world.centre.receiving.once()
        (row,) = [r for r in world.centre.inbox.rows().rows if r.device == "Made-up phone 1, again"]
        assert (row.files, row.files_whole) == (1, 1)
        await world.centre.inbox.open(row.key)
        assert world.centre.inbox.content(row.key, kept.id) == papers[0].data
        await world.centre.receiving.once()
        await notebook.delivery.once()
        assert notebook.book.stage(filed) is Stage.OPENED
        assert not notebook.book.stored(Kind.PIECE)
        await gate.shut()

    in_world(tmp_path, body)


def test_two_workers_of_one_phone_are_two_devices_of_the_centre(tmp_path: Path) -> None:
    """Story 19 to its end: each notebook is enrolled on its own, and suspending one leaves the other alone."""

    async def body(world: World) -> None:
        gate = phone(world, tmp_path / "phone")
        first = await gate.create(PASSPHRASE, Settings())
        await first.delivery.stop()
        await enrol(world, first, "Made-up phone, worker A")
        waits = await record(first)
        await gate.lock()
        gate.shelf.begin_another()
        second = await gate.create(PASSPHRASE, Settings())
        await second.delivery.stop()
        await enrol(world, second, "Made-up phone, worker B")
        one, two = world.centre.devices.rows()
        await world.centre.devices.suspend(two.device_id)
        await sign(world)
        await second.delivery.once()
        gate.shelf.choose(1)
        first = await unlocked(gate)
        await first.delivery.send_now()
        await first.delivery.once()
        assert first.book.standing is Standing.ENROLLED
        assert first.book.stage(waits) is Stage.STORED
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        assert (row.device, row.record_id) == (one.name, waits.record_id)
        await gate.shut()

    in_world(tmp_path, body)
