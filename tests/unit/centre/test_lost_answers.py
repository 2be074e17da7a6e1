"""What is lost, odd or unforeseen on the way between device and desk stops neither the receiving nor the answers."""

import asyncio
from pathlib import Path

import pytest

from fieldapp.services.desk.inbox_rows import RowKind
from fieldapp.services.desk.judging import PageJudge
from sync.canonical import dumps, loads_object
from sync.chain import ChainLedger, Link
from sync.envelope import GENESIS
from sync.protocol import MsgType
from sync.receipts import ReceiptKind
from tests.unit.centre.desk import World, in_world, kinds, parts, screening, seal_record


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


def test_a_record_of_an_instrument_that_this_desk_does_not_have_stops_nothing(tmp_path: Path) -> None:
    """A phone was updated before the desk: failures 15 and 16."""

    async def body(world: World) -> None:
        device = await world.device()
        newer = screening("from a newer phone")
        ((kind, data),) = parts(newer)
        changed = loads_object(data) | {"instrument_version": 99}
        await device.drop(device.seal(kind, newer.id, dumps(changed)).envelope)
        await device.drop(seal_record(device, screening("good"))[0].envelope)
        await world.centre.receiving.once()
        unreadable, row = world.centre.inbox.rows().rows
        assert (unreadable.kind, unreadable.reason) == (RowKind.UNREADABLE, "schema")
        assert row.alias == "good"
        assert kinds(await device.hear()) == [ReceiptKind.RECEIVED] * 2

    in_world(tmp_path, body)


def test_a_fault_that_nobody_foresaw_is_told_and_ends_neither_the_receiving_nor_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await device.drop(seal_record(device, screening("good"))[0].envelope)
        with monkeypatch.context() as patched:

            def fault(*_: object) -> None:
                raise ZeroDivisionError("made-up fault")

            patched.setattr(PageJudge, "judge", fault)
            await world.centre.receiving.once()
            assert world.centre.receiving.problem
            assert "made-up" not in world.centre.receiving.problem
        await world.centre.receiving.once()
        assert world.centre.receiving.problem == ""
        assert [row.alias for row in world.centre.inbox.rows().rows] == ["good"]

        async def broken() -> None:
            raise ZeroDivisionError("made-up fault")

        world.centre.receiving._task = asyncio.create_task(broken())
        await asyncio.sleep(0)
        await world.restart()

    in_world(tmp_path, body)


def test_a_cancelled_lock_still_locks_the_desk(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        world.centre.start()
        await asyncio.sleep(0)
        task = asyncio.create_task(world.centre.lock())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await world.restart()

    in_world(tmp_path, body)
