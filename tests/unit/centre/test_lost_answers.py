"""What a device did not hear, it asks for by offering again: the desk answers with everything that it knows."""

from pathlib import Path

from sync.chain import ChainLedger, Link
from sync.envelope import GENESIS
from sync.protocol import MsgType
from sync.receipts import ReceiptKind
from tests.unit.centre.desk import World, in_world, kinds, screening, seal_record


def test_who_offers_again_after_the_answer_was_lost_hears_that_it_was_opened_and_acted_on(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        (sealed,) = seal_record(device, screening())
        await device.drop(sealed.envelope)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        await world.centre.inbox.open(row.key)
        await world.centre.inbox.acknowledge(row.key)
        await world.centre.receiving.once()
        await device.hear()  # and the device loses it
        await device.drop(sealed.envelope)
        await world.centre.receiving.once()
        again = await device.hear()
        assert kinds(again) == [ReceiptKind.RECEIVED, ReceiptKind.OPENED, ReceiptKind.ACTED]
        assert {item.proof for item in again[1:]} == {sealed.opened_proof}

    in_world(tmp_path, body)


def test_tokens_spent_on_offering_again_are_replaced(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        batch = len(device.tokens)
        cover = device.seal(MsgType.COVER, bytes(16), b"").envelope
        for _ in range(batch):
            await device.drop(cover)
        assert device.tokens == []
        await world.centre.receiving.once()
        await device.hear()
        assert len(device.tokens) == batch

    in_world(tmp_path, body)


def test_the_chain_of_a_device_has_no_longest_length() -> None:
    links, prev = [], GENESIS
    for seq in range(1, 10_001):
        links.append(Link(seq, seq.to_bytes(32, "big"), prev))
        prev = links[-1].hash
    ledger = ChainLedger(links)
    other = ledger.copy()
    other.record(10_001, b"h" * 32, prev)
    assert (ledger.highest, other.highest) == (10_000, 10_001)


def test_a_device_with_a_long_chain_is_still_heard(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        links, prev = [], GENESIS
        for seq in range(1, 8_001):
            links.append(Link(seq, seq.to_bytes(32, "big"), prev))
            prev = links[-1].hash
        world.centre._book._ledgers[device.device_id] = ChainLedger(links)
        device.seq, device.prev = 8_000, prev
        await device.drop(seal_record(device, screening())[0].envelope)
        await world.centre.receiving.once()
        assert [row.alias for row in world.centre.inbox.rows().rows] == ["heron basalt"]

    in_world(tmp_path, body)


def test_a_time_that_no_calendar_knows_breaks_no_list(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        for at in (0, 1, 2**40, 2**52):
            odd = screening(f"odd {at}", at=max(at, 300))
            await device.drop(*(s.envelope for s in seal_record(device, odd)))
        good = screening("good")
        await device.drop(*(s.envelope for s in seal_record(device, good)))
        await world.centre.receiving.once()
        rows = world.centre.inbox.rows().rows
        assert "good" in {row.alias for row in rows}
        assert len(rows) == 5
        for row in rows:
            if row.kind != "unreadable":
                await world.centre.inbox.open(row.key)

    in_world(tmp_path, body)
