"""A chain in any order of arrival, with losses and duplicates: what is missing is known exactly, nothing forks."""

from hypothesis import given
from hypothesis import strategies as st

from sync.chain import ChainLedger, ChainOutcome
from sync.header import GENESIS
from sync.primitives import blake

LENGTH = 12
HASHES = [GENESIS, *(blake(b"made up", bytes([seq])) for seq in range(1, LENGTH + 1))]


@given(st.lists(st.integers(1, LENGTH), max_size=40))
def test_any_order_of_arrival(arrivals: list[int]) -> None:
    ledger, seen = ChainLedger(), set[int]()
    for seq in arrivals:
        verdict = ledger.record(seq, HASHES[seq], HASHES[seq - 1])
        assert (verdict.outcome is ChainOutcome.DUPLICATE) == (seq in seen)
        assert verdict.outcome is not ChainOutcome.FORK
        seen.add(seq)
        missing = {n for gap in verdict.missing for n in range(gap.first, gap.last + 1)}
        assert missing == set(range(1, max(seen))) - seen
        assert (verdict.outcome is ChainOutcome.IN_ORDER) <= (not missing)
    assert ChainLedger.from_bytes(ledger.to_bytes()).missing == ledger.missing


@given(st.permutations(range(1, LENGTH + 1)), st.integers(1, LENGTH))
def test_an_exchanged_envelope_is_found_once_its_neighbours_are_there(order: list[int], forged: int) -> None:
    ledger, outcomes = ChainLedger(), []
    for seq in order:
        env_hash = b"\x0f" * 32 if seq == forged else HASHES[seq]
        outcomes.append(ledger.record(seq, env_hash, HASHES[seq - 1]).outcome)
    found = ChainOutcome.FORK in outcomes
    assert found == (forged < LENGTH)  # the very last one has no successor that could contradict
