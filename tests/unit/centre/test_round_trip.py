"""From a device to a person at the centre and back."""

from pathlib import Path

from fieldapp.domain.contact import Outcome
from fieldapp.domain.triage import Band, Level
from fieldapp.services.desk.inbox_rows import RowKind, RowState
from sync.protocol import MsgType
from sync.receipts import Expected, ReceiptKind, match
from tests.unit.centre.desk import World, contact, in_world, kinds, screening, seal_record


def test_a_screening_is_received_opened_and_acknowledged(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        made = screening(identity=True, safe_contact=True)
        sealed = seal_record(device, made)
        assert len(sealed) == 3
        await device.drop(*(s.envelope for s in sealed))
        await world.centre.receiving.once()

        page = world.centre.inbox.rows()
        (row,) = page.rows
        assert (row.kind, row.alias, row.agency) == (RowKind.SCREENING, "heron basalt", "police")
        assert (row.level, row.band) == (Level.HIGH, Band.NOW) == made.effective
        assert row.state is RowState.NEW
        assert row.has_identity
        assert row.has_safe_contact
        assert not row.from_arrival
        assert page.alarms == 1

        received = await device.hear()
        expected = {s.hash: Expected(s.hash, s.received_proof, s.opened_proof) for s in sealed}
        assert kinds(received) == [ReceiptKind.RECEIVED] * 3
        assert all(match(item, expected[item.env_hash]) for item in received)

        record = await world.centre.inbox.open(row.key)
        assert record.agrees
        assert record.identity
        assert record.identity.name == "Made-up Name Canary"
        assert record.safe_contact
        assert record.answers[0].id == "G1"
        assert record.because == made.because
        assert record.row.state is RowState.OPENED
        await world.centre.receiving.once()
        opened = await device.hear()
        assert kinds(opened) == [ReceiptKind.OPENED] * 3
        assert {item.env_hash for item in opened} == set(expected)
        assert all(match(item, expected[item.env_hash]) for item in opened)

        await world.centre.inbox.acknowledge(row.key)
        await world.centre.receiving.once()
        assert kinds(await device.hear()) == [ReceiptKind.ACTED] * 3
        (row,) = world.centre.inbox.rows().rows
        assert (row.state, row.acknowledged_by) == (RowState.ACKNOWLEDGED, "Desk 1")
        assert [h.seq for h in device.heard] == [1, 2, 3]

        await world.restart()
        assert world.centre.inbox.rows().rows == (row,)
        again = await world.centre.inbox.open(row.key)
        assert again.screening
        assert again.screening.screening.answers == made.answers

    in_world(tmp_path, body)


def test_a_distress_word_is_an_alarm_like_any_other(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        for outcome in (Outcome.NO_ANSWER, Outcome.DISTRESS_WORD):
            record_id, data = contact(outcome)
            await device.drop(device.seal(MsgType.CONTACT, record_id, data).envelope)
        await world.centre.receiving.once()
        first, second = world.centre.inbox.rows().rows
        assert (first.kind, first.band, second.band) == (RowKind.CONTACT, Band.NOW, None)
        assert (await world.centre.inbox.open(second.key)).contact

    in_world(tmp_path, body)
