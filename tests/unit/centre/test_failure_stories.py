"""How comparable systems lost data, told of this centre: each test is named after what happens here instead."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.services.custody import REQUEST_SUFFIX, KeyFolderUnusable
from fieldapp.services.desk.devices import DeviceState
from fieldapp.services.desk.inbox_rows import RowKind
from fieldapp.services.kinds import Kind
from sync.chain import Gap
from tests.unit.centre.desk import NOW, World, in_world, screening, seal_record
from tests.unit.centre.test_alerts import arrive, only, seal


def test_15_a_second_identity_of_one_device_leaves_the_records_of_the_first_readable(tmp_path: Path) -> None:
    """A key made anew on the same device must not make what the old one sealed unreadable, or hold it up."""

    async def body(world: World) -> None:
        first = await world.device("Made-up phone 1")
        await arrive(world, first, seal(first, "by the first"))
        await world.centre.devices.revoke(first.device_id)
        second = await world.device("Made-up phone 1, again")
        await arrive(world, second, seal(second, "by the second"))
        await first.drop(seal(first, "too late"))
        await arrive(world, second, seal(second, "after it"))
        await world.restart()
        rows = world.centre.inbox.rows().rows
        assert {row.alias for row in rows if row.alias} == {"by the first", "by the second", "after it"}
        assert [row.reason for row in rows if row.kind is RowKind.UNREADABLE] == ["revoked"]
        for row in rows:
            if row.alias:
                assert (await world.centre.inbox.open(row.key)).screening

    in_world(tmp_path, body)


def test_16_one_damaged_of_many_stored_records_is_told_and_the_others_open(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, *(seal(device, f"record {n}") for n in range(12)))
        row = next(row for row in world.centre.inbox.rows().rows if row.alias == "record 4")
        await world.centre.inbox.open(row.key)
        book = world.centre._book
        damaged = next(a for a in book.received if a.header and a.header.seq == 5)
        with book._vault.transaction(NOW) as tx:
            tx.put(damaged.vault_id, int(Kind.RECEIVED), damaged.to_bytes()[:-1])
        await world.restart()
        assert world.centre.damaged == 1
        shown = {row.alias for row in world.centre.inbox.rows().rows}
        assert shown == {f"record {n}" for n in range(12) if n != 4}
        # Nobody has to notice the hole: this desk told the device that it opened the record.
        assert (only(world).gap, only(world).proven) == (Gap(5, 5), True)

    in_world(tmp_path, body)


def test_17_what_was_sealed_before_the_keys_were_replaced_still_opens(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        old = seal(device, "sealed to the old keys")
        (paper,), signing = world.ceremony.papers, world.centre.signing
        for _ in range(2):
            await signing.replace_prekeys()
            await signing.sign_here(paper.folder, paper.words)
            await signing.publish()
            await world.centre.receiving.once()
            world.clock.pass_days(30)
        await arrive(world, device, old)
        (row,) = world.centre.inbox.rows().rows
        assert (await world.centre.inbox.open(row.key)).row.alias == "sealed to the old keys"
        assert world.centre.alerts.page().alerts == ()

    in_world(tmp_path, body)


def test_18_two_devices_that_send_one_record_overwrite_nothing(tmp_path: Path) -> None:
    """As after a device was enrolled anew: both say what they say, each with its sender."""

    async def body(world: World) -> None:
        one, two = await world.device("Made-up phone 1"), await world.device("Made-up phone 2")
        made = screening("same record", now=False)
        other = replace(screening("same record", now=True), id=made.id)
        await arrive(world, one, seal_record(one, made)[0].envelope)
        await arrive(world, two, seal_record(two, other)[0].envelope)
        rows = world.centre.inbox.rows().rows
        assert [row.device for row in rows] == ["Made-up phone 2", "Made-up phone 1"]
        answers = [(await world.centre.inbox.open(row.key)).screening for row in rows]
        assert [a.screening.answers for a in answers if a] == [other.answers, made.answers]

    in_world(tmp_path, body)


def test_31_a_lock_during_an_export_leaves_the_whole_file_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(world: World) -> None:
        stick = tmp_path / "made-up stick"
        stick.mkdir()
        signing = world.centre.signing
        await signing.renew()
        writing = asyncio.ensure_future(signing.write_request(stick))
        await asyncio.sleep(0)
        await world.centre.lock()
        await asyncio.gather(writing, return_exceptions=True)
        whole = list(stick.glob(f"*{REQUEST_SUFFIX}"))
        assert all(path.stat().st_size > 1000 for path in whole)
        await world.restart()

        def refuse(_: int) -> None:
            raise OSError("the made-up stick was pulled out")

        for path in whole:
            path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", refuse)
            with pytest.raises(KeyFolderUnusable):
                await world.centre.signing.write_request(stick)
        assert list(stick.glob(f"*{REQUEST_SUFFIX}")) == []
        assert (await world.centre.signing.write_request(stick)).stat().st_size > 1000

    in_world(tmp_path, body)


@pytest.mark.parametrize("days", [400, -400])
def test_32_the_order_of_what_a_device_says_is_its_numbers_and_not_its_clock(
    tmp_path: Path, days: int
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        first = screening("corrected", now=False, at=NOW + days * 86_400)
        last = replace(screening("corrected", now=True, at=NOW - days * 86_400), id=first.id)
        envelopes = [
            seal_record(device, made, rec_ver=version)[0].envelope
            for version, made in enumerate((first, last), 1)
        ]
        await arrive(world, device, *reversed(envelopes))
        (row,) = world.centre.inbox.rows().rows
        record = await world.centre.inbox.open(row.key)
        assert record.screening
        assert record.screening.screening.answers == last.answers
        assert len(record.earlier) == 1

    in_world(tmp_path, body)


def test_32_the_last_decision_about_a_device_counts_when_the_desks_clock_was_set_back(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await world.centre.devices.suspend(device.device_id)
        world.clock.pass_days(-400)
        await world.centre.devices.resume(device.device_id)
        await world.restart()
        row = world.centre.devices.row(device.device_id)
        assert row
        assert row.state is DeviceState.ENROLLED

    in_world(tmp_path, body)
