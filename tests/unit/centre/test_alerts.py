"""What the registrar sees in a chain, and how a person settles it."""

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.errors import InputError
from fieldapp.services.desk.alerts import Alert, AlertKind, UnknownAlert
from fieldapp.services.desk.devices import DeviceState
from fieldapp.services.desk.inbox import NotExaminable
from fieldapp.services.desk.rulings import ClosedAlert
from fieldapp.services.keeping import put_back_report
from sync.chain import Gap
from sync.envelope import GENESIS, verify_signature
from sync.errors import EnvelopeRejected
from sync.gap_closed import GapClosed
from sync.protocol import GAP_ALERT_AFTER, MsgType, Withheld
from sync.receipts import ReceiptKind
from tests.unit.centre.desk import NOW, Device, World, in_world, kinds, screening, seal_record


def seal(device: Device, alias: str) -> bytes:
    """Seal a screening as the next envelope of the device."""
    return seal_record(device, screening(alias))[0].envelope


async def arrive(world: World, device: Device, *envelopes: bytes) -> None:
    """Let envelopes arrive at the desk."""
    await device.drop(*envelopes)
    await world.centre.receiving.once()


async def a_gap(world: World) -> tuple[Device, bytes]:
    """Let number 2 of 3 be missing; returns it."""
    device = await world.device()
    first, missing, third = (seal(device, alias) for alias in ("first", "missing", "third"))
    await arrive(world, device, first, third)
    return device, missing


def only(world: World) -> Alert:
    (alert,) = world.centre.alerts.page().alerts
    return alert


def test_a_gap_is_an_alert_after_72_hours_and_not_before(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device, missing = await a_gap(world)
        assert {row.alias for row in world.centre.inbox.rows().rows} == {"first", "third"}
        world.clock.now += GAP_ALERT_AFTER - 1
        assert world.centre.alerts.page().alerts == ()
        world.clock.now += 1
        alert = only(world)
        assert (alert.kind, alert.gap, alert.since, alert.proven) == (AlertKind.GAP, Gap(2, 2), NOW, False)
        assert (alert.device_id, alert.is_open) == (device.device_id, True)
        assert world.centre.alerts.page().waiting == 1
        await arrive(world, device, missing)
        assert world.centre.alerts.page().alerts == ()
        assert world.centre.devices.rows()[0].gaps == ()

    in_world(tmp_path, body)


def test_a_gap_that_a_person_explains_is_closed_by_a_sealed_event_and_stays_closed(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device, missing = await a_gap(world)
        world.clock.now += GAP_ALERT_AFTER
        key = only(world).key
        for empty in ("", "  ", "x" * 501):
            with pytest.raises(InputError):
                await world.centre.alerts.close(key, empty)
        await world.centre.alerts.close(key, " Made-up worker dropped the phone. ")
        await world.restart()
        alert = only(world)
        assert (alert.key, alert.is_open, alert.closed_by) == (key, False, world.centre.desk_name)
        assert alert.reason == "Made-up worker dropped the phone."
        assert world.centre.alerts.page().waiting == 0
        assert world.centre.devices.rows()[0].gaps == ()
        with pytest.raises(UnknownAlert):
            await world.centre.alerts.close(key, "once more")
        # It still comes: accepted as any other, and there is nothing left to explain.
        await arrive(world, device, missing)
        assert "missing" in {row.alias for row in world.centre.inbox.rows().rows}
        assert world.centre.alerts.page().alerts == ()

    in_world(tmp_path, body)


def test_events_of_the_desk_are_one_signed_chain(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        for _ in range(2):
            await a_gap(world)
        world.clock.now += GAP_ALERT_AFTER
        for alert in world.centre.alerts.page().alerts:
            await world.centre.alerts.close(alert.key, "Made-up reason.")
        await world.restart()
        book = world.centre._book
        first, second = sorted(book.events, key=lambda event: event.opened.header.seq)
        assert [e.opened.header.msg_type for e in (first, second)] == [MsgType.GAP_CLOSED] * 2
        assert [e.opened.header.seq for e in (first, second)] == [1, 2]
        assert first.opened.header.prev_hash == GENESIS
        assert second.opened.header.prev_hash == first.opened.hash
        for event in (first, second):
            verify_signature(event.opened, book.identity.signing.public)
            assert event.gap_closed
            assert event.gap_closed.gap == Gap(2, 2)

    in_world(tmp_path, body)


def test_a_gap_of_which_the_desk_told_a_device_that_it_opened_it_is_an_alert_at_once(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        lost = seal_record(device, screening("lost here"))[0]
        await arrive(world, device, lost.envelope, seal(device, "next"))
        row = next(row for row in world.centre.inbox.rows().rows if row.alias == "lost here")
        await world.centre.inbox.open(row.key)
        book = world.centre._book
        arrival = book.arrival(lost.hash)
        assert arrival
        await book.write((), [arrival])  # as when cells of this desk's vault were damaged
        await world.restart()
        alert = only(world)
        assert (alert.gap, alert.proven) == (Gap(1, 1), True)

    in_world(tmp_path, body)


def test_a_lost_end_of_a_chain_is_an_alert_at_once(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        last = seal_record(device, screening("the last"))[0]
        await arrive(world, device, last.envelope)
        book = world.centre._book
        arrival = book.arrival(last.hash)
        assert arrival
        await book.write((), [arrival])
        await world.restart()
        assert (only(world).gap, only(world).proven) == (Gap(1, 1), True)
        await world.centre.alerts.close(only(world).key, "A made-up disk fault.")
        assert world.centre.alerts.page().waiting == 0

    in_world(tmp_path, body)


def test_a_fork_shows_both_versions_side_by_side_and_marks_the_device(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        before = device.seq, device.prev
        first = seal(device, "first")
        device.seq, device.prev = before
        second = seal_record(device, screening("second"))[0]
        await arrive(world, device, first, second.envelope)
        alert = only(world)
        assert (alert.kind, world.centre.devices.rows()[0].state) == (AlertKind.FORK, DeviceState.FORKED)
        (conflict,) = alert.conflicts
        assert conflict.known
        assert (conflict.known.seq, conflict.known.counted) == (1, True)
        assert (conflict.other.seq, conflict.other.counted) == (1, False)
        # Somebody may have asked for help in either of them: both can be read, and no device hears of it.
        read = world.centre.inbox.examine(conflict.other.env_hash)
        assert read.screening
        assert read.screening.screening.alias == "second"
        assert world.centre.inbox.examine(conflict.known.env_hash).row.alias == "first"
        assert kinds(await device.hear()) == [ReceiptKind.RECEIVED]
        # What comes later from it is shown at once, with a mark.
        later = seal_record(device, screening("later"), seq=2, prev_hash=world.centre._book.ledger(
            device.device_id).link(1).hash)[0]  # type: ignore[union-attr]  # fmt: skip
        await arrive(world, device, later.envelope)
        assert next(row for row in world.centre.inbox.rows().rows if row.alias == "later").suspect

    in_world(tmp_path, body)


def test_numbers_that_fall_back_are_shown_as_what_they_are(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        await arrive(world, device, seal(device, "one"))
        backup = device.seq, device.prev
        await arrive(world, device, seal(device, "two"), seal(device, "three"))
        device.seq, device.prev = backup
        await arrive(world, device, seal(device, "two again"), seal(device, "three again"))
        alert = only(world)
        assert (alert.kind, len(alert.conflicts)) == (AlertKind.ROLLBACK, 2)
        assert {c.other.seq for c in alert.conflicts} == {2, 3}
        assert all(c.known and c.known.seq == c.other.seq for c in alert.conflicts)

    in_world(tmp_path, body)


def test_a_closed_alert_opens_again_when_more_of_it_comes(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        start = device.seq, device.prev
        await arrive(world, device, seal(device, "one"))
        device.seq, device.prev = start
        await arrive(world, device, seal(device, "one again"))
        await world.centre.alerts.close(only(world).key, "Made-up: restored from a backup.")
        await world.restart()
        alert = only(world)
        assert (alert.is_open, alert.closed_by) == (False, world.centre.desk_name)
        world.clock.pass_days(-400)  # the clock of this desk was set back: what is new is new all the same
        device.seq, device.prev = start
        await arrive(world, device, seal(device, "one once more"))
        assert only(world).is_open
        assert len(only(world).conflicts) == 2

    in_world(tmp_path, body)


def test_sealed_to_others_than_the_rules_say_is_an_alert(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        made = screening("against the rules")
        wrong = seal_record(device, made, flags=Withheld.POLICE, roles=("intake", "police"))[0]
        await arrive(world, device, wrong.envelope)
        alert = only(world)
        assert (alert.kind, alert.conflicts[0].known) == (AlertKind.RECIPIENTS, None)
        assert world.centre.inbox.examine(wrong.hash).row.alias == "against the rules"

    in_world(tmp_path, body)


def test_what_cannot_be_read_is_refused_to_whoever_examines_it(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        odd = device.seal(MsgType.SCREENING, bytes(16), b'{"odd":"made up"}')
        await arrive(world, device, odd.envelope)
        for env_hash in (odd.hash, bytes(32)):
            with pytest.raises(NotExaminable):
                world.centre.inbox.examine(env_hash)

    in_world(tmp_path, body)


def test_open_alerts_stand_first_and_a_page_holds_a_hundred(tmp_path: Path) -> None:
    async def body(world: World) -> None:
        device = await world.device()
        book = world.centre._book
        enrolled = book.device(device.device_id)
        assert enrolled
        others = [replace(enrolled, device_id=n.to_bytes(16, "big"), prekey_seq=1) for n in range(1, 121)]
        await book.write(others)
        page = world.centre.alerts.page()
        assert (len(page.alerts), page.pages, page.waiting, page.total) == (100, 2, 120, 120)
        closed = page.alerts[0].key
        await world.centre.alerts.close(closed, "Made-up reason.")
        last = world.centre.alerts.page(9)
        assert (last.number, len(last.alerts), last.waiting) == (1, 20, 119)
        assert last.alerts[-1].key == closed

    in_world(tmp_path, body)


def test_the_body_of_an_event_is_read_strictly() -> None:
    event = GapClosed(b"d" * 16, Gap(3, 5), "Made-up reason.")
    body = event.to_bytes()
    assert body == (b'{"from":3,"reason":"Made-up reason.","sender":"' + b"64" * 16 + b'","to":5,"v":1}')
    assert GapClosed.from_bytes(body) == event
    for old, new in (
        (b'"to":5', b'"to":2'),
        (b'"from":3', b'"from":0'),
        (b'"v":1', b'"v":2'),
        (b"Made-up reason.", b""),
        (b'"v":1', b'"v":1,"x":1'),
    ):
        with pytest.raises(EnvelopeRejected):
            GapClosed.from_bytes(body.replace(old, new))


def test_a_closed_alert_survives_the_vault() -> None:
    closed = ClosedAlert(b"k" * 16, NOW, "Made-up desk", "Made-up reason.", 3)
    assert ClosedAlert.from_bytes(closed.to_bytes()) == closed


def test_what_a_device_reports_of_older_files_is_an_alert_that_opens_again_with_each_report(
    tmp_path: Path,
) -> None:
    async def body(world: World) -> None:
        device = await world.device()

        def report() -> bytes:
            said = put_back_report(device.device_id, NOW)
            return device.seal(MsgType.DEVICE_REPORT, bytes(16), said).envelope

        await arrive(world, device, report(), seal(device, "a record"))
        await world.restart()
        alert = only(world)
        assert (alert.kind, alert.count, alert.conflicts) == (AlertKind.PUT_BACK, 1, ())
        assert [row.alias for row in world.centre.inbox.rows().rows] == ["a record"]
        await world.centre.alerts.close(alert.key, "A made-up backup.")
        assert not only(world).is_open
        await arrive(world, device, report())
        assert only(world).is_open

    in_world(tmp_path, body)
