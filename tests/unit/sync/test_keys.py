"""Which prekey is chosen, whatever the clock says, and when private halves die."""

from dataclasses import dataclass

import pytest

from sync.canonical import Value
from sync.errors import CanonicalError
from sync.fields import Fields
from sync.keys import (
    DevicePrekeys,
    Prekey,
    PrekeyRing,
    SlotRole,
    choose_prekey,
    destruction_time,
    prekey_of_week,
    prekey_time,
    week_of,
)
from sync.protocol import (
    DAY,
    DEVICE_PREKEY_LIFETIME,
    PREKEY_GRACE,
    PREKEY_WEEKS_AHEAD,
    QUARTER,
    WEEK,
)
from tests.unit.sync.made_up import NOW

YEAR = 365 * DAY
FIRST = week_of(NOW)


@dataclass(frozen=True)
class Published:
    prekeys: tuple[Prekey, ...]
    last_resort: Prekey


def ring(now: int = NOW) -> PrekeyRing:
    return PrekeyRing.generate(SlotRole.CONTENT, now)


def test_26_weeks_ahead_and_one_last_resort() -> None:
    prekeys, last_resort = ring().published(NOW)
    assert [prekey.week for prekey in prekeys] == list(range(FIRST, FIRST + PREKEY_WEEKS_AHEAD + 1))
    assert all(prekey.naf - prekey.nbf == WEEK for prekey in prekeys)
    assert last_resort.naf == prekeys[-1].naf + QUARTER
    assert len({prekey.pk for prekey in (*prekeys, last_resort)}) == len(prekeys) + 1


def test_the_week_of_the_time_chooses_and_the_receiver_finds_the_same() -> None:
    role = Published(*ring().published(NOW))
    for at in (NOW, NOW + WEEK, NOW + 26 * WEEK):
        chosen = choose_prekey(role, at)
        assert chosen.nbf <= at < chosen.naf
        assert prekey_of_week(role, week_of(at)) == chosen


@pytest.mark.parametrize("at", [NOW + 28 * WEEK, NOW + 10 * YEAR, NOW - 2 * WEEK, 0, -5, 1 << 60])
def test_no_prekey_for_the_week_means_the_last_resort(at: int) -> None:
    role = Published(*ring().published(NOW))
    assert choose_prekey(role, at) == role.last_resort
    assert prekey_of_week(role, week_of(at)) == role.last_resort


@pytest.mark.parametrize(
    ("wall", "expected"), [(0, NOW), (NOW - YEAR, NOW), (NOW + YEAR, NOW + YEAR), (NOW + 5, NOW + 9)]
)
def test_a_clock_set_back_never_chooses_a_destroyed_prekey(wall: int, expected: int) -> None:
    centre_time = NOW + 9 if wall == NOW + 5 else NOW - DAY
    assert prekey_time(wall, NOW, centre_time) == expected


def test_private_halves_die_120_days_after_their_week() -> None:
    start = ring()
    first = start.weekly[0]
    end = first.prekey.naf + PREKEY_GRACE
    assert first in start.destroy_expired(end - 1).weekly
    later = start.destroy_expired(end)
    assert first not in later.weekly
    assert first.pair.public not in {prekey.pair.public for prekey in later.live()}
    assert first.secret.hex().encode() not in later.to_bytes()


def test_an_unmaintained_ring_keeps_its_newest_last_resort() -> None:
    old = ring().destroy_expired(NOW + 10 * YEAR)
    assert old.weekly == ()
    assert len(old.live()) == 1


def test_a_clock_that_jumps_ahead_destroys_nothing_that_is_planned() -> None:
    assert destruction_time(NOW + 20 * YEAR, NOW) == NOW + PREKEY_WEEKS_AHEAD * WEEK
    assert destruction_time(NOW - YEAR, NOW) == NOW - YEAR
    kept = ring().destroy_expired(destruction_time(NOW + 20 * YEAR, NOW))
    assert {held.prekey.week for held in kept.weekly} >= set(range(FIRST + 9, FIRST + 27))


def test_renewal_adds_weeks_and_keeps_what_is_there() -> None:
    start = ring()
    later = start.renewed(NOW + 3 * WEEK)
    assert later.weekly[: len(start.weekly)] == start.weekly
    assert later.weekly[-1].prekey.week == FIRST + 3 + PREKEY_WEEKS_AHEAD
    assert later.last_resorts == start.last_resorts
    assert len(start.renewed(NOW + QUARTER + WEEK).last_resorts) == 2
    assert start.renewed(NOW) == start


def test_replacing_prekeys_publishes_new_ones_and_still_opens_the_old() -> None:
    start = ring()
    replaced = start.replaced(NOW)
    old, new = start.published(NOW), replaced.published(NOW)
    assert not {prekey.pk for prekey in (*old[0], old[1])} & {prekey.pk for prekey in (*new[0], new[1])}
    alive = {prekey.pair.public for prekey in replaced.live()}
    assert {prekey.pk for prekey in (*old[0], old[1], *new[0], new[1])} <= alive


def test_a_ring_survives_the_vault() -> None:
    start = ring()
    assert PrekeyRing.from_bytes(start.to_bytes()) == start
    with pytest.raises(CanonicalError):
        PrekeyRing.from_bytes(start.to_bytes().replace(b'"content"', b'"reader"'))
    damaged = start.to_bytes().replace(start.weekly[0].secret.hex().encode(), b"00" * 32)
    with pytest.raises(CanonicalError):
        PrekeyRing.from_bytes(damaged)


def test_prekey_times_must_fit_the_week() -> None:
    good: dict[str, Value] = {"naf": (FIRST + 1) * WEEK, "nbf": FIRST * WEEK, "pk": "11" * 32, "week": FIRST}
    assert Prekey.from_fields(Fields(dict(good))).week == FIRST
    changes: list[dict[str, Value]] = [
        {"nbf": FIRST * WEEK + 1},
        {"naf": FIRST * WEEK},
        {"week": FIRST + 1},
        {"pk": "11" * 31},
    ]
    for change in changes:
        with pytest.raises(CanonicalError):
            Prekey.from_fields(Fields({**good, **change}))


def test_a_device_announces_a_new_prekey_at_most_once_a_day() -> None:
    start = DevicePrekeys.generate(NOW)
    same_day = start.announce(NOW + DAY - 1)
    assert same_day.current == start.current
    next_day = same_day.announce(NOW + DAY)
    assert next_day.current != start.current
    assert next_day.announce(NOW + DAY + 5).current == next_day.current
    assert next_day.announce(NOW - YEAR).current == next_day.current
    assert [prekey.pair.public for prekey in next_day.live()] == [next_day.current, start.current]


def test_device_prekeys_live_60_days_after_last_announced() -> None:
    start = DevicePrekeys.generate(NOW).announce(NOW + 100)
    later = start.announce(NOW + DAY)
    last = NOW + 100 + DEVICE_PREKEY_LIFETIME
    assert len(later.destroy_expired(last - 1).held) == 2
    assert [held.pair.public for held in later.destroy_expired(last).held] == [later.current]
    assert later.destroy_expired(NOW + 10 * YEAR).current == later.current


def test_device_prekeys_survive_the_vault() -> None:
    start = DevicePrekeys.generate(NOW).announce(NOW + DAY)
    assert DevicePrekeys.from_bytes(start.to_bytes()) == start
    with pytest.raises(CanonicalError):
        DevicePrekeys.from_bytes(b'{"held":[]}')


def test_no_secret_in_a_repr() -> None:
    start = ring()
    assert repr(start.weekly[0].secret)[2:-1] not in repr(start)
    device = DevicePrekeys.generate(NOW)
    assert repr(device.held[0].secret)[2:-1] not in repr(device)
