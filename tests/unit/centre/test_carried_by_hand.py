"""A record that no relay takes is carried to the centre as a sealed copy, and counts like every other one."""

from pathlib import Path

import httpx
import pytest

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Identity, Mode
from fieldapp.services.carrying import may_carry, sealed_copy
from fieldapp.services.desk.inbox_rows import RowKind
from fieldapp.services.desk.receiving import Carried
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from sync.errors import CarriedRejected
from tests.unit.centre.desk import DeskClock, World, in_world

PASSPHRASE = "obviously made up passphrase for a phone nobody has"
NAME = "Made-up Name"


class Refusing(httpx.AsyncBaseTransport):
    """The relay, which takes nothing that is dropped while `closed`, and answers everything else."""

    def __init__(self, real: httpx.AsyncBaseTransport) -> None:
        self._real = real
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.closed and "/v1/drop/" in request.url.path:
            return httpx.Response(403, json={"error": "forbidden"})
        return await self._real.handle_async_request(request)


async def enrolled(world: World, folder: Path, relay: Refusing) -> tuple[Gate, Notebook]:
    gate = Gate(
        folder,
        NoKeystore(),
        DeskClock(world.clock),
        SystemIds(),
        lambda url: RelayClient(url, transport=relay),
        calibrated=lambda: FLOOR,
    )
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    enrolment = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
    await notebook.enrolling.begin(enrolment.qr_text)
    assert await world.centre.devices.poll(enrolment)
    await world.centre.devices.confirm(enrolment)
    assert await notebook.enrolling.finish()
    return gate, notebook


async def screen(notebook: Notebook) -> Filed:
    made = await notebook.screenings.begin(Mode.OFFICER, language="en")
    made = made.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
    made = made.with_identity(Identity(name=NAME))
    return await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))


def test_story_20_a_record_that_the_relay_forbids_reaches_the_centre_by_hand(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        relay = Refusing(httpx.ASGITransport(app=world.relay.app))
        gate, notebook = await enrolled(world, tmp_path / "phone", relay)
        relay.closed = True
        filed = await screen(notebook)
        await notebook.delivery.once()
        assert notebook.book.stage(filed) is Stage.SEALED
        assert notebook.book.last_reason(filed)
        assert may_carry(notebook.book, filed)
        copy = sealed_copy(notebook.book, filed)
        assert NAME.encode() not in copy

        parts = len(filed.parts) or len(notebook.book.on_the_way)
        assert await world.centre.receiving.take_in(copy) == Carried(parts, parts, 0)
        (row,) = world.centre.inbox.rows().rows
        opened = await world.centre.inbox.open(row.key)
        assert opened.identity == Identity(name=NAME)
        # The receipts come back by the relay, which still forbids the record itself.
        await world.centre.receiving.once()
        await notebook.delivery.once()
        assert notebook.book.stage(filed) is Stage.OPENED
        assert not may_carry(notebook.book, filed)
        stub = notebook.book.record(filed.record_id)
        assert stub
        assert stub.content is None
        await gate.shut()

    in_world(tmp_path, body)


def test_what_comes_by_both_ways_is_there_once(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        relay = Refusing(httpx.ASGITransport(app=world.relay.app))
        gate, notebook = await enrolled(world, tmp_path / "phone", relay)
        filed = await screen(notebook)
        copy = sealed_copy(notebook.book, filed)
        await notebook.delivery.once()
        await world.centre.receiving.once()
        carried = await world.centre.receiving.take_in(copy)
        assert (carried.new, carried.aside) == (0, 0)
        assert carried.known == carried.envelopes > 0
        assert len(world.centre.inbox.rows().rows) == 1
        await gate.shut()

    in_world(tmp_path, body)


def test_a_spoilt_copy_changes_nothing_and_an_altered_one_is_set_aside(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        relay = Refusing(httpx.ASGITransport(app=world.relay.app))
        gate, notebook = await enrolled(world, tmp_path / "phone", relay)
        relay.closed = True
        filed = await screen(notebook)
        copy = sealed_copy(notebook.book, filed)
        for spoilt in (b"", copy[:-1], copy + b"x", b"FSC1", b"%PDF-1.7 made up"):
            with pytest.raises(CarriedRejected):
                await world.centre.receiving.take_in(spoilt)
        assert world.centre.inbox.rows().rows == ()
        altered = bytearray(copy)
        altered[-1] ^= 1
        carried = await world.centre.receiving.take_in(bytes(altered))
        assert carried.aside == 1
        assert carried.new == carried.envelopes - 1
        await world.centre.receiving.take_in(copy)
        rows = world.centre.inbox.rows().rows
        (row,) = [row for row in rows if row.kind is not RowKind.UNREADABLE]
        assert (await world.centre.inbox.open(row.key)).identity == Identity(name=NAME)
        await gate.shut()

    in_world(tmp_path, body)
