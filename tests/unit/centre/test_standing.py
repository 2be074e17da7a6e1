"""Suspending, resuming and withdrawing devices: what counts here at once, and what devices hear of it."""

from pathlib import Path

import pytest

from fieldapp.services.desk.devices import AlreadyRevoked, DeviceState, UnknownDevice
from fieldapp.services.desk.inbox_rows import Doubt, RowKind
from fieldapp.services.desk.rulings import Ruling, RulingKind, with_rulings
from sync.client import quarter_of
from sync.directory import Directory
from sync.fields import Fields
from sync.trust import TrustedState, update
from tests.unit.centre.desk import NOW, Device, World, in_world
from tests.unit.centre.test_alerts import arrive, seal


async def sign(world: World) -> None:
    """Sign the next directory with the keys from the safe, and publish it."""
    (paper,), signing = world.ceremony.papers, world.centre.signing
    await signing.renew()
    await signing.sign_here(paper.folder, paper.words)
    await signing.publish()
    await world.centre.receiving.once()


async def heard(world: World, device: Device) -> TrustedState:
    """Return what the device believes after it asked for the directory."""
    assert device.trust
    return update(device.trust, await device.client.directory(device.read_tokens[quarter_of(NOW)]))


def test_a_suspension_counts_at_once_and_reaches_the_device_with_the_next_directory(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device, other = await world.device("Made-up phone 1"), await world.device("Made-up phone 2")
        await arrive(world, device, seal(device, "before"))
        world.clock.now += 60
        await world.centre.devices.suspend(device.device_id)
        row = world.centre.devices.row(device.device_id)
        assert row
        assert (row.state, row.published, row.decided_by) == (
            DeviceState.SUSPENDED,
            False,
            world.centre.desk_name,
        )
        assert world.centre.devices.unpublished
        await arrive(world, device, seal(device, "while suspended"))
        doubts = {row.alias: row.doubts for row in world.centre.inbox.rows().rows}
        assert doubts == {"before": (), "while suspended": (Doubt.SUSPENDED,)}
        await sign(world)
        await world.restart()
        directory = (await heard(world, device)).directory
        assert directory.is_suspended(device.device_id)
        assert not directory.is_suspended(other.device_id)
        row = world.centre.devices.row(device.device_id)
        assert row
        assert row.published
        assert not world.centre.devices.unpublished

        await world.centre.devices.resume(device.device_id)
        assert world.centre.devices.unpublished
        await sign(world)
        assert not (await heard(world, device)).directory.is_suspended(device.device_id)
        row = world.centre.devices.row(device.device_id)
        assert row
        assert row.state is DeviceState.ENROLLED

    in_world(tmp_path, body)


def test_a_suspended_or_withdrawn_device_gets_no_new_tokens(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        devices = [await world.device(f"Made-up phone {n}") for n in range(3)]
        await world.centre.devices.suspend(devices[0].device_id)
        await world.centre.devices.revoke(devices[1].device_id)
        world.clock.pass_days(100)  # the read tokens of all of them run out
        await world.centre.receiving.once()
        sent = {item.device_id for item in world.centre._book.outgoing}
        issued = world.centre._book.issued
        got = [len(issued[device.device_id].hashes) for device in devices]
        assert got[0] == got[1] < got[2]
        assert sent == set()

    in_world(tmp_path, body)


def test_from_its_number_on_a_withdrawn_device_is_quarantined_and_an_older_gap_is_flagged(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        first, gap, third = (seal(device, alias) for alias in ("first", "older gap", "third"))
        await arrive(world, device, first, third)
        world.clock.now += 60
        await world.centre.devices.revoke(device.device_id)
        row = world.centre.devices.row(device.device_id)
        assert row
        assert (row.state, row.revoked_from, row.highest_seq) == (DeviceState.REVOKED, 4, 3)
        world.clock.now += 60
        await arrive(world, device, seal(device, "too late"), gap)
        rows = world.centre.inbox.rows().rows
        assert [(r.kind, r.reason) for r in rows if r.kind is RowKind.UNREADABLE] == [
            (RowKind.UNREADABLE, "revoked")
        ]
        assert {r.alias: r.doubts for r in rows if r.alias} == {
            "first": (),
            "third": (),
            "older gap": (Doubt.LATE,),
        }
        (kept,) = world.centre.quarantine.rows()
        assert (kept.reason, kept.seq, kept.proven) == ("revoked", 4, True)
        assert world.centre.inbox.examine(kept.hash).row.alias == "too late"

    in_world(tmp_path, body)


def test_a_withdrawal_is_for_good_and_stands_in_the_directory(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, seal(device, "first"))
        await world.centre.devices.revoke(device.device_id)
        for again in (world.centre.devices.resume, world.centre.devices.suspend, world.centre.devices.revoke):
            with pytest.raises(AlreadyRevoked):
                await again(device.device_id)
        with pytest.raises(UnknownDevice):
            await world.centre.devices.suspend(bytes(16))
        await sign(world)
        await sign(world)
        directory = (await heard(world, device)).directory
        assert directory.revoked_from(device.device_id) == 2
        assert len(directory.devices_revoked) == 1

    in_world(tmp_path, body)


def test_a_directory_without_a_suspension_keeps_its_bytes_and_one_with_it_is_read_back(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        directory = world.centre._book.trust.directory
        assert b"devices_suspended" not in directory.to_bytes()
        waits = with_rulings(directory, [Ruling(b"d" * 16, RulingKind.SUSPENDED, NOW, "Made-up desk")])
        assert Fields.parse(waits.to_bytes()).objects("devices_suspended")[0].binary("id", 16) == b"d" * 16
        assert Directory.from_bytes(waits.to_bytes()) == waits
        # What another desk decided stays, unless this one decided otherwise; a withdrawal beats a suspension.
        both = with_rulings(waits, [Ruling(b"e" * 16, RulingKind.SUSPENDED, NOW, "Made-up desk")])
        assert both.devices_suspended == (b"d" * 16, b"e" * 16)
        gone = with_rulings(both, [Ruling(b"d" * 16, RulingKind.REVOKED, NOW, "Made-up desk", 3)])
        assert (gone.devices_suspended, gone.revoked_from(b"d" * 16)) == ((b"e" * 16,), 3)

    in_world(tmp_path, body)
