"""The registrar's judgement: gaps alarm, late arrivals close them, forks never pass."""

import pytest

from sync.chain import ChainLedger, ChainOutcome, Gap, Link
from sync.errors import CanonicalError
from sync.header import GENESIS
from sync.primitives import blake


def made_up_hash(seq: int, branch: bytes = b"") -> bytes:
    return GENESIS if seq == 0 else blake(b"made up", seq.to_bytes(8, "little") + branch)


def arrive(ledger: ChainLedger, *seqs: int) -> list[ChainOutcome]:
    return [ledger.record(seq, made_up_hash(seq), made_up_hash(seq - 1)).outcome for seq in seqs]


def test_in_order() -> None:
    ledger = ChainLedger()
    assert arrive(ledger, 1, 2, 3) == [ChainOutcome.IN_ORDER] * 3
    assert ledger.highest == 3
    assert ledger.missing == ()


def test_a_gap_is_named_and_late_arrivals_close_it() -> None:
    ledger = ChainLedger()
    assert arrive(ledger, 1, 5) == [ChainOutcome.IN_ORDER, ChainOutcome.GAP]
    assert ledger.missing == (Gap(2, 4),)
    assert arrive(ledger, 3) == [ChainOutcome.GAP]
    assert ledger.missing == (Gap(2, 2), Gap(4, 4))
    assert arrive(ledger, 4, 2) == [ChainOutcome.GAP, ChainOutcome.IN_ORDER]
    assert ledger.missing == ()


def test_a_missing_beginning_is_a_gap() -> None:
    ledger = ChainLedger()
    assert arrive(ledger, 3) == [ChainOutcome.GAP]
    assert ledger.missing == (Gap(1, 2),)


def test_the_same_envelope_again_is_a_duplicate() -> None:
    ledger = ChainLedger()
    assert arrive(ledger, 1, 2, 2, 1) == [
        ChainOutcome.IN_ORDER,
        ChainOutcome.IN_ORDER,
        ChainOutcome.DUPLICATE,
        ChainOutcome.DUPLICATE,
    ]


@pytest.mark.parametrize("seq", [1, 2, 3])
def test_the_same_seq_with_another_hash_is_a_fork(seq: int) -> None:
    ledger = ChainLedger()
    arrive(ledger, 1, 2, 3)
    assert ledger.record(seq, b"\x0f" * 32, made_up_hash(seq - 1)).outcome is ChainOutcome.FORK
    assert arrive(ledger, seq) == [ChainOutcome.DUPLICATE]


@pytest.mark.parametrize(("seq", "falls_back"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_fork_below_the_end_is_a_fall_back_and_one_at_the_end_is_not(seq: int, falls_back: bool) -> None:
    ledger = ChainLedger()
    arrive(ledger, 1, 2, 3)
    assert ledger.falls_back(seq, made_up_hash(seq - 1)) is falls_back
    assert not ledger.falls_back(seq, b"\x0f" * 32)


def test_a_range_is_explained_when_every_number_of_it_is() -> None:
    ledger = ChainLedger()
    arrive(ledger, 1, 9)
    ledger.close_gap(Gap(2, 4))
    ledger.close_gap(Gap(5, 12))
    assert ledger.is_explained(Gap(3, 11))
    assert not ledger.is_explained(Gap(3, 13))
    assert (ledger.link(9), ledger.link(2)) == (Link(9, made_up_hash(9), made_up_hash(8)), None)


def test_a_prev_that_differs_from_the_known_one_is_a_fork() -> None:
    ledger = ChainLedger()
    arrive(ledger, 1)
    assert ledger.record(2, made_up_hash(2), b"\x0f" * 32).outcome is ChainOutcome.FORK
    assert ledger.highest == 1


def test_a_late_arrival_that_the_next_one_does_not_name_is_a_fork() -> None:
    ledger = ChainLedger()
    arrive(ledger, 1, 3)
    other = made_up_hash(2, b"other")
    assert ledger.record(2, other, made_up_hash(1)).outcome is ChainOutcome.FORK
    assert arrive(ledger, 2) == [ChainOutcome.IN_ORDER]


def test_the_first_envelope_names_nothing_before_it() -> None:
    assert ChainLedger().record(1, made_up_hash(1), b"\x0f" * 32).outcome is ChainOutcome.FORK


def test_judging_alone_changes_nothing() -> None:
    ledger = ChainLedger()
    assert ledger.judge(1, made_up_hash(1), GENESIS).outcome is ChainOutcome.IN_ORDER
    assert ledger.highest == 0


def test_an_explained_gap_is_no_longer_missing_but_may_still_be_filled() -> None:
    ledger = ChainLedger()
    arrive(ledger, 1, 9)
    ledger.close_gap(Gap(3, 5))
    assert ledger.missing == (Gap(2, 2), Gap(6, 8))
    ledger.close_gap(Gap(1, 100))
    assert ledger.missing == ()
    assert arrive(ledger, 4) == [ChainOutcome.IN_ORDER]


def test_an_absurd_seq_costs_nothing() -> None:
    ledger = ChainLedger()
    assert arrive(ledger, 1, (1 << 53) - 1) == [ChainOutcome.IN_ORDER, ChainOutcome.GAP]
    assert ledger.missing == (Gap(2, (1 << 53) - 2),)


def test_a_ledger_survives_the_vault_and_is_rebuilt_from_envelopes() -> None:
    ledger = ChainLedger()
    arrive(ledger, 1, 4)
    ledger.close_gap(Gap(2, 2))
    again = ChainLedger.from_bytes(ledger.to_bytes())
    assert (again.highest, again.missing, again.to_bytes()) == (4, (Gap(3, 3),), ledger.to_bytes())
    rebuilt = ChainLedger([Link(seq, made_up_hash(seq), made_up_hash(seq - 1)) for seq in (4, 1)])
    assert rebuilt.missing == (Gap(2, 3),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"closed":[],"links":[[1]]}',
        b'{"closed":[[1,"a"]],"links":[]}',
        b'{"closed":[],"links":1}',
    ],
)
def test_a_damaged_ledger_is_an_error(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        ChainLedger.from_bytes(data)
