"""The order of the inbox, and what a row says of its record."""

import secrets
from dataclasses import replace
from pathlib import Path

from fieldapp.codec import screening_body
from fieldapp.domain.judgement import Override, OverrideCause
from fieldapp.domain.screening import Screening
from fieldapp.domain.triage import Band, Level
from fieldapp.services.desk.inbox_rows import Row, RowKind, RowState, in_order
from sync.canonical import dumps
from sync.protocol import DAY, MsgType
from tests.unit.centre.desk import NOW, World, in_world, parts, screening, seal_record


def row(kind: RowKind, band: Band | None, due: int, state: RowState = RowState.NEW, taken: int = 0) -> Row:
    return Row(
        key=secrets.token_bytes(16),
        record_id=bytes(16),
        kind=kind,
        alias="made up",
        agency="",
        device="",
        level=None,
        band=band,
        ended_at=0,
        arrived_at=0,
        due_at=due,
        acknowledge_by=0,
        from_arrival=False,
        state=state,
        opened_at=0,
        opened_by="",
        acknowledged_at=taken,
        acknowledged_by="",
    )


def test_the_most_urgent_stands_first_and_what_is_taken_on_last() -> None:
    wanted = [
        row(RowKind.UNREADABLE, None, 50),
        row(RowKind.SCREENING, Band.NOW, 10),
        row(RowKind.CONTACT, Band.NOW, 20, RowState.OPENED),
        row(RowKind.SCREENING, Band.WITHIN_24H, -500),
        row(RowKind.SCREENING, Band.WITHIN_72H, 5),
        row(RowKind.SCREENING, Band.PLANNED, 1),
        row(RowKind.CONTACT, None, 0),
        row(RowKind.UNREADABLE, None, 1, RowState.ACKNOWLEDGED, taken=9),
        row(RowKind.SCREENING, Band.NOW, 1, RowState.ACKNOWLEDGED, taken=8),
    ]
    for _ in range(20):
        shuffled = sorted(wanted, key=lambda _row: secrets.randbelow(1000))
        assert in_order(shuffled) == wanted


def test_time_counts_from_the_end_or_from_the_arrival_when_the_clock_is_wrong(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        for alias, at in (
            ("right", NOW - 3600),
            ("ahead", NOW + 2 * DAY),
            ("1970", 1000),
            ("old", NOW - 300 * DAY),
        ):
            await device.drop(seal_record(device, screening(alias, now=False, at=at))[0].envelope)
        await world.centre.receiving.once()
        rows = {r.alias: r for r in world.centre.inbox.rows().rows}
        three_days = 3 * DAY
        assert rows["right"].due_at == NOW - 3600 + three_days
        assert rows["right"].time_left(NOW) == three_days - 3600
        assert not rows["right"].from_arrival
        for alias in ("ahead", "1970", "old"):
            assert rows[alias].from_arrival
            assert rows[alias].due_at == NOW + three_days

    in_world(tmp_path, body)


def test_handover_words_link_two_records(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        first, second = await world.device("Made-up one"), await world.device("Made-up two")
        later = screening("later one", continues=("amber", "willow"), handover=("copper", "meadow"))
        await second.drop(seal_record(second, later)[0].envelope)
        await world.centre.receiving.once()
        assert [r.continues for r in world.centre.inbox.rows().rows] == [""]
        await first.drop(
            seal_record(first, screening("earlier one", handover=("amber", "willow")))[0].envelope
        )
        await world.centre.receiving.once()
        rows = {r.alias: r.continues for r in world.centre.inbox.rows().rows}
        assert rows == {"later one": "earlier one", "earlier one": ""}

    in_world(tmp_path, body)


def test_a_correction_makes_a_record_new_again_and_keeps_what_it_said(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        quiet = screening(now=False)
        await device.drop(seal_record(device, quiet)[0].envelope)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        await world.centre.inbox.open(row.key)
        await world.centre.inbox.acknowledge(row.key)
        urgent = replace(screening(now=True), id=quiet.id)
        await device.drop(seal_record(device, urgent, rec_ver=2)[0].envelope)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        assert (row.band, row.state, row.versions) == (Band.NOW, RowState.NEW, 1)
        record = await world.centre.inbox.open(row.key)
        assert [r.screening.answers for r in record.earlier if hasattr(r, "screening")] == [quiet.answers]
        assert record.row.state is RowState.OPENED

    in_world(tmp_path, body)


def test_a_result_that_does_not_follow_from_the_answers_is_shown_and_never_lowers(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        made = screening(now=True)
        stated = screening_body(screening(now=False))["result"]
        data = dumps({**screening_body(made), "result": stated})  # type: ignore[dict-item]
        await device.drop(device.seal(MsgType.SCREENING, made.id, data).envelope)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        assert (row.level, row.band) == (Level.HIGH, Band.NOW)
        record = await world.centre.inbox.open(row.key)
        assert not record.agrees
        assert record.screening
        assert record.screening.result.band is Band.WITHIN_72H

    in_world(tmp_path, body)


def test_a_workers_raise_counts(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        reason = "an obviously made-up reason"
        made: Screening = screening(now=False).with_override(
            Override(OverrideCause.JUDGEMENT, Level.HIGH, Band.WITHIN_24H, reason)
        )
        await device.drop(seal_record(device, made)[0].envelope)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        assert (row.level, row.band) == (Level.HIGH, Band.WITHIN_24H)

    in_world(tmp_path, body)


def test_the_identity_alone_is_a_row_until_the_rest_arrives(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        made = screening(identity=True)
        sealed = {kind: device.seal(kind, made.id, data) for kind, data in parts(made)}
        await device.drop(sealed[MsgType.IDENTITY].envelope)
        await world.centre.receiving.once()
        assert [r.kind for r in world.centre.inbox.rows().rows] == [RowKind.IDENTITY]
        await device.drop(sealed[MsgType.SCREENING].envelope)
        await world.centre.receiving.once()
        (row,) = world.centre.inbox.rows().rows
        assert (row.kind, row.has_identity, row.band) == (RowKind.SCREENING, True, Band.NOW)

    in_world(tmp_path, body)


def test_pages_beyond_the_end_are_the_last_one(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        empty = world.centre.inbox.rows(7)
        assert (empty.rows, empty.number, empty.pages, empty.total, empty.alarms) == ((), 0, 1, 0, 0)

    in_world(tmp_path, body)
