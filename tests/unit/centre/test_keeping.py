"""What stays when a desk is interrupted or locked, and what must not stay."""

import asyncio
from pathlib import Path

import pytest

from fieldapp.services.desk.book import DeskBook
from fieldapp.vault import VaultLocked
from sync.protocol import DAY, PREKEY_GRACE, WEEK
from sync.receipts import ReceiptKind
from tests.unit.centre.desk import NOW, World, in_world, kinds, screening, seal_record


def test_a_write_that_is_cancelled_is_on_the_disk_and_in_memory_or_in_neither(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        for number in range(12):
            await device.drop(seal_record(device, screening(f"record {number:02}"))[0].envelope)
            pull = asyncio.create_task(world.centre.receiving.once())
            for _ in range(3 * number):
                await asyncio.sleep(0.001)
            pull.cancel()
            await asyncio.wait([pull])
        await world.centre.receiving.once()
        before = world.centre.inbox.rows()
        assert before.total == 12
        items = await device.hear()
        assert {ReceiptKind.RECEIVED} == set(kinds(items))
        assert len({item.env_hash for item in items}) == 12
        seqs = [header.seq for header in device.heard]
        assert sorted(set(seqs)) == list(range(1, len(set(seqs)) + 1))
        hashes = {header.seq: header.prev_hash for header in device.heard}
        assert all(hashes[header.seq] == header.prev_hash for header in device.heard)
        await world.restart()
        assert world.centre.inbox.rows() == before

    in_world(tmp_path, body)


def test_after_locking_nothing_is_left_to_read(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await device.drop(seal_record(device, screening())[0].envelope)
        await world.centre.receiving.once()
        centre = world.centre
        (row,) = centre.inbox.rows().rows
        await centre.lock()
        assert centre.inbox.rows().rows == ()
        assert centre.devices.rows() == ()
        with pytest.raises(VaultLocked):
            _ = centre.name
        with pytest.raises(Exception, match="not in the inbox"):
            await centre.inbox.open(row.key)
        assert centre.is_locked

    in_world(tmp_path, body)


def _halves(book: DeskBook) -> set[bytes]:
    return {prekey.pair.secret for keys in book.role_keys for prekey in keys.ring.live()}


def _last_week(book: DeskBook) -> int:
    return max(held.prekey.week for keys in book.role_keys for held in keys.ring.weekly)


def test_prekeys_are_destroyed_after_their_time_and_not_by_a_clock_that_jumps(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        first = _halves(world.centre._book)
        world.clock.now = float(NOW + PREKEY_GRACE + 3 * WEEK)
        await world.centre.receiving.once()
        await world.restart()
        destroyed = first - _halves(world.centre._book)
        assert len(destroyed) in (6, 9)  # two or three weeks of three roles
        last = _last_week(world.centre._book)
        world.clock.now = float(NOW + 12 * 365 * DAY)
        await world.centre.receiving.once()
        await world.restart()
        assert _last_week(world.centre._book) == last

    in_world(tmp_path, body)
