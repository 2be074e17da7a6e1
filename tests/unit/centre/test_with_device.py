"""The real device services and the real desk services meet at a real relay."""

from pathlib import Path

import httpx

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Identity, Mode
from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.membership import Standing
from fieldapp.services.settings import Settings, Work
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient
from tests.unit.centre.desk import DeskClock, World, in_world

PASSPHRASE = "obviously made up passphrase for a phone nobody has"


def test_a_record_made_before_enrolment_is_opened_at_the_centre_and_erased_here(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        transport = httpx.ASGITransport(app=world.relay.app)
        gate = Gate(
            tmp_path / "phone",
            NoKeystore(),
            DeskClock(world.clock),
            SystemIds(),
            lambda url: RelayClient(url, transport=transport),
            calibrated=lambda: FLOOR,
        )
        notebook = await gate.create(PASSPHRASE, Settings())
        await notebook.delivery.stop()
        made = await notebook.screenings.begin(Mode.OFFICER, language="en")
        made = made.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
        made = made.with_identity(Identity(name="Made-up Name"))
        filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
        assert notebook.book.stage(filed) is Stage.LOCAL

        enrolment = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
        digits = await notebook.enrolling.begin(enrolment.qr_text)
        assert await world.centre.devices.poll(enrolment)
        assert enrolment.digits == digits
        await world.centre.devices.confirm(enrolment)
        assert await notebook.enrolling.finish()
        assert notebook.book.standing is Standing.ENROLLED

        async def stage() -> Stage:
            await notebook.delivery.once()
            found = notebook.book.record(filed.record_id)
            assert found
            return notebook.book.stage(found)

        assert await stage() is Stage.STORED
        await world.centre.receiving.once()
        assert await stage() is Stage.RECEIVED
        (row,) = world.centre.inbox.rows().rows
        assert (row.level, row.band) == made.effective
        opened = await world.centre.inbox.open(row.key)
        assert opened.because == made.because
        assert opened.identity == Identity(name="Made-up Name")
        await world.centre.receiving.once()
        assert await stage() is Stage.OPENED
        await world.centre.inbox.acknowledge(row.key)
        await world.centre.receiving.once()
        await notebook.delivery.once()
        stub = notebook.book.record(filed.record_id)
        assert stub
        assert stub.content is None
        assert stub.opened_at
        assert stub.acted_at
        await gate.shut()

    in_world(tmp_path, body)
