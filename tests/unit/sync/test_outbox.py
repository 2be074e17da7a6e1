"""The outbox: every allowed step, every forbidden one, and nothing is ever given up."""

import secrets
from dataclasses import replace

import pytest

from sync import canonical
from sync.errors import CanonicalError, OutboxError
from sync.outbox import (
    MAX_BACKOFF,
    MAX_DELAY,
    TRANSITIONS,
    OutboxMeta,
    OutboxState,
    backoff,
    erased,
    failed,
    is_due,
    missing,
    receipt,
    scheduled,
    send_now,
    stored,
    with_token,
)
from sync.protocol import DAY, MAX_RETRY_AFTER, REOFFER_AFTER
from sync.receipts import ReceiptItem, ReceiptKind
from tests.unit.sync.made_up import NOW

YEAR = 365 * DAY
DESKS = (b"MADE-UP-DESK-001", b"MADE-UP-DESK-002")


def meta(**changes: object) -> OutboxMeta:
    values: dict[str, object] = {
        "env_hash": b"\x01" * 32,
        "seq": 1,
        "drop_token": b"\x02" * 32,
        "box": "made-up-box",
        "relay": "https://relay.example",
        "pin": "",
        "received_proof": b"\x03" * 32,
        "opened_proof": b"\x04" * 32,
    }
    return OutboxMeta(**(values | changes))  # type: ignore[arg-type]


def says(kind: ReceiptKind, proof: bytes | None = None) -> ReceiptItem:
    true = b"\x03" * 32 if kind is ReceiptKind.RECEIVED else b"\x04" * 32
    return ReceiptItem(kind, b"\x01" * 32, proof or true, NOW)


def in_state(state: OutboxState) -> OutboxMeta:
    offered = 0 if state is OutboxState.SEALED else NOW
    return meta(state=state, offered_at=offered)


def lowest(_: int) -> int:
    return 0


def highest(n: int) -> int:
    return n - 1


def test_the_whole_way() -> None:
    entry = stored(meta(), NOW)
    assert entry.state is OutboxState.STORED
    entry = receipt(entry, says(ReceiptKind.RECEIVED), DESKS[0], NOW)
    assert entry.state is OutboxState.RECEIVED
    entry = receipt(entry, says(ReceiptKind.OPENED), DESKS[0], NOW)
    assert entry.state is OutboxState.OPENED
    assert entry.may_erase
    assert erased(entry).state is OutboxState.ERASED


@pytest.mark.parametrize("state", [s for s in OutboxState if s is not OutboxState.OPENED])
def test_only_opened_permits_erasure(state: OutboxState) -> None:
    entry = in_state(state)
    assert not entry.may_erase
    with pytest.raises(OutboxError):
        erased(entry)


@pytest.mark.parametrize("state", list(OutboxState))
def test_no_event_makes_a_step_outside_the_table_or_loses_progress(state: OutboxState) -> None:
    before = in_state(state)
    rank = list(OutboxState)
    for after in (
        stored(before, NOW),
        failed(before, "timeout", NOW, lowest),
        send_now(before),
        receipt(before, says(ReceiptKind.RECEIVED), DESKS[0], NOW),
        receipt(before, says(ReceiptKind.OPENED), DESKS[0], NOW),
        receipt(before, says(ReceiptKind.ACTED), DESKS[0], NOW),
    ):
        assert after.state is state or after.state in TRANSITIONS[state]
        assert rank.index(after.state) >= rank.index(state)
    lost = missing(before, NOW)
    assert lost.state is (OutboxState.SEALED if state is OutboxState.STORED else state)


@pytest.mark.parametrize("state", [OutboxState.SEALED, OutboxState.STORED, OutboxState.RECEIVED])
def test_a_receipt_counts_even_when_the_relays_answer_was_lost(state: OutboxState) -> None:
    assert receipt(in_state(state), says(ReceiptKind.OPENED), DESKS[0], NOW).state is OutboxState.OPENED
    received = receipt(in_state(state), says(ReceiptKind.RECEIVED), DESKS[0], NOW)
    assert not is_due(received, NOW + DAY)


@pytest.mark.parametrize("kind", list(ReceiptKind))
def test_a_false_receipt_changes_nothing(kind: ReceiptKind) -> None:
    for proof in (b"\x0f" * 32, b"\x04" * 32 if kind is ReceiptKind.RECEIVED else b"\x03" * 32):
        with pytest.raises(OutboxError):
            receipt(in_state(OutboxState.STORED), says(kind, proof), DESKS[0], NOW)


def test_two_distinct_desks_when_the_policy_wants_two() -> None:
    entry = meta(needed=2)
    entry = receipt(entry, says(ReceiptKind.OPENED), DESKS[0], NOW)
    entry = receipt(entry, says(ReceiptKind.OPENED), DESKS[0], NOW)
    assert entry.state is OutboxState.RECEIVED
    assert entry.opened_by == DESKS[:1]
    entry = receipt(entry, says(ReceiptKind.OPENED), DESKS[1], NOW)
    assert entry.state is OutboxState.OPENED


def test_fifty_failures_never_drop_an_entry() -> None:
    entry, now = meta(), NOW
    for _ in range(50):
        assert is_due(entry, now)
        entry = failed(entry, "timeout", now, secrets.randbelow)
        assert now < entry.next_try <= now + MAX_BACKOFF
        now = entry.next_try
    assert entry.attempts == 50
    assert entry.last_reason == "timeout"
    after = stored(entry, now)
    assert (after.state, after.attempts, after.last_reason) == (OutboxState.STORED, 0, "")


def test_back_off_grows_has_jitter_and_a_ceiling() -> None:
    floors = [backoff(n, lowest) for n in range(20)]
    ceilings = [backoff(n, highest) for n in range(20)]
    assert floors[:4] == [15, 30, 60, 120]
    assert ceilings[:4] == [30, 60, 120, 240]
    assert floors == sorted(floors)
    assert max(ceilings) == MAX_BACKOFF == backoff(10**6, highest)


def test_what_is_not_urgent_waits_a_random_while() -> None:
    assert scheduled(meta(), NOW, highest).next_try == NOW + MAX_DELAY
    assert scheduled(meta(urgent=True), NOW, highest).next_try == NOW
    waiting = scheduled(meta(), NOW, highest)
    assert not is_due(waiting, NOW)
    assert is_due(send_now(waiting), NOW)


def test_waiting_ends_at_its_time() -> None:
    entry = failed(meta(), "busy", NOW, lowest)
    assert not is_due(entry, entry.next_try - 1)
    assert is_due(entry, entry.next_try)


@pytest.mark.parametrize("jump", [-YEAR, YEAR, -NOW, 12 * YEAR])
def test_a_clock_that_jumps_never_holds_a_record(jump: int) -> None:
    entry = failed(scheduled(meta(), NOW, highest), "busy", NOW, highest)
    assert is_due(entry, NOW + jump)


@pytest.mark.parametrize("state", [OutboxState.STORED, OutboxState.RECEIVED])
def test_what_nobody_opened_in_30_days_is_offered_again(state: OutboxState) -> None:
    entry = in_state(state)
    assert not is_due(entry, NOW + REOFFER_AFTER - 1)
    assert is_due(entry, NOW + REOFFER_AFTER)
    again = stored(entry, NOW + REOFFER_AFTER)
    assert again.state is state
    assert not is_due(again, NOW + REOFFER_AFTER + DAY)
    tried = failed(entry, "timeout", NOW + REOFFER_AFTER, highest)
    assert not is_due(tried, NOW + REOFFER_AFTER + 1)


def test_an_offer_dated_in_the_future_by_a_wrong_clock_is_repeated() -> None:
    assert is_due(meta(state=OutboxState.STORED, offered_at=NOW + YEAR), NOW)


@pytest.mark.parametrize("state", [OutboxState.STORED, OutboxState.RECEIVED])
def test_what_a_restored_relay_lost_is_offered_again_at_once(state: OutboxState) -> None:
    assert is_due(missing(in_state(state), NOW + 5), NOW + 5)


@pytest.mark.parametrize("state", [OutboxState.OPENED, OutboxState.ERASED])
def test_what_is_opened_is_never_offered_again(state: OutboxState) -> None:
    assert not is_due(in_state(state), NOW + 10 * YEAR)
    assert not is_due(missing(in_state(state), NOW), NOW)


def test_a_new_token_changes_nothing_else() -> None:
    entry = failed(meta(), "unknown_token", NOW, lowest)
    assert replace(with_token(entry, b"\x09" * 32), drop_token=entry.drop_token) == entry


def test_an_entry_survives_the_outbox_file() -> None:
    entry = failed(meta(urgent=True, needed=2, opened_by=DESKS), "timeout", NOW, highest)
    assert OutboxMeta.from_bytes(entry.to_bytes()) == entry
    assert len(entry.to_bytes()) < 1000


@pytest.mark.parametrize(
    "change", [{"state": "lost"}, {"seq": 0}, {"urgent": 1}, {"extra": 1}, {"env_hash": "00"}]
)
def test_a_damaged_entry_is_an_error(change: dict[str, canonical.Value]) -> None:
    value = canonical.loads_object(meta().to_bytes()) | change
    with pytest.raises(CanonicalError):
        OutboxMeta.from_bytes(canonical.dumps(value))


def test_no_token_or_proof_in_a_repr() -> None:
    text = repr(meta())
    for secret in (b"\x02" * 32, b"\x03" * 32, b"\x04" * 32):
        assert repr(secret)[2:-1] not in text


def test_the_relays_own_word_replaces_the_back_off_and_never_exceeds_its_maximum() -> None:
    mine = meta()
    for wait, least, most in (
        (600, 600, 900),
        (MAX_RETRY_AFTER, 3600, 5400),
        (10**9, MAX_BACKOFF, MAX_BACKOFF),
    ):
        for jitter in (lambda n: 0, lambda n: n - 1):
            assert least <= failed(mine, "full", NOW, jitter, wait).next_try - NOW <= most
    assert is_due(failed(mine, "full", NOW, lambda n: n - 1, 10**9), NOW + MAX_BACKOFF)
