"""Rotations of the root, in any order of keys, thresholds and signers: taken exactly when both quorums signed."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import DirectoryRejected
from sync.primitives import SigningKey
from sync.root import Root, sign_root, verify_chain
from sync.signed import SignedDocument, parse_row
from sync.signing import Proposal
from sync.trust import TrustedState, make_blob, update
from tests.unit.sync.made_up import NOW, make_centre

EXAMPLES = 2000 if os.environ.get("FIELDAPP_LONG") else 60
KEYS = [SigningKey.from_seed(bytes([n]) * 32) for n in range(1, 7)]
"""Six people; each holds one key, used for root and directory alike in these tests."""

holders = st.lists(st.sampled_from(range(6)), min_size=1, max_size=4, unique=True)
steps = st.lists(
    st.tuples(holders, st.integers(1, 4), st.sets(st.sampled_from(range(6)))), min_size=1, max_size=5
)


def root_of(people: list[int], threshold: int, previous: Root | None) -> Root:
    publics = [KEYS[n].public for n in people]
    if previous is None:
        return Root.first(
            threshold=threshold,
            root_keys=publics,
            dir_threshold=1,
            dir_keys=publics,
            command_keys=[],
            expires=NOW,
        )
    return previous.next(
        threshold=threshold, root_keys=publics, dir_threshold=1, dir_keys=publics, expires=NOW
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(first=holders, chain=steps)
def test_a_chain_is_taken_exactly_when_every_step_has_both_quorums(
    first: list[int], chain: list[tuple[list[int], int, set[int]]]
) -> None:
    root = root_of(first, 1, None)
    containers = [sign_root(root, [KEYS[first[0]]])]
    people, sound = first, True
    for following, wanted, signers in chain:
        threshold = min(wanted, len(following))
        newer = root_of(following, threshold, root)
        able = [n for n in signers if n in {*following, *people}]
        if not able:
            return
        sound = sound and len(signers & set(following)) >= threshold
        sound = sound and len(signers & set(people)) >= root.threshold
        containers.append(sign_root(newer, [KEYS[n] for n in able], root))
        root, people = newer, following
    row = parse_row(b"".join(containers))
    if sound:
        assert verify_chain(row, root.centre_id)[-1] == root
        for i in range(1, len(row)):  # a chain with one link less, or two exchanged, is none
            broken = [*row[:i], *row[i + 1 :]]
            if i < len(row) - 1:
                with pytest.raises(DirectoryRejected):
                    verify_chain(broken, root.centre_id)
        if len(row) > 2:
            with pytest.raises(DirectoryRejected):
                verify_chain([row[0], row[2], row[1], *row[3:]], root.centre_id)
    else:
        with pytest.raises(DirectoryRejected) as caught:
            verify_chain(row, root.centre_id)
        assert caught.value.reason == "threshold"


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(
    old=holders,
    old_need=st.integers(1, 4),
    new=holders,
    new_need=st.integers(1, 4),
    visits=st.lists(st.sampled_from(range(6)), max_size=10),
)
def test_a_proposal_is_complete_exactly_when_a_reader_takes_it(
    old: list[int], old_need: int, new: list[int], new_need: int, visits: list[int]
) -> None:
    """Whoever comes, in any order and however often: nothing is published early, and nobody is counted twice."""
    state = state_of(old, min(old_need, len(old)))
    publics, need = [KEYS[n].public for n in new], min(new_need, len(new))
    root = state.root.next(
        threshold=need, root_keys=publics, dir_threshold=need, dir_keys=publics, expires=NOW + 5
    )
    directory = replace(state.directory, v=2, prev_hash=state.dir_hash, root_v=2, issued=NOW + 1)
    proposal = Proposal.of(state, directory, root)
    came: set[int] = set()
    for person in visits:
        if person not in {*old, *new}:
            with pytest.raises(DirectoryRejected):
                proposal.signed_by(KEYS[person], KEYS[person])
            continue
        proposal = proposal.with_signatures(proposal.signed_by(KEYS[person], KEYS[person]))
        came.add(person)
    enough = len(came & set(new)) >= need and len(came & set(old)) >= state.root.threshold
    assert proposal.complete is enough
    assert [tally.have for tally in proposal.tallies] == [len(came & set(g)) for g in (new, new, old)]
    if enough:
        assert update(state, proposal.blob()).root == root
    else:
        with pytest.raises(DirectoryRejected):
            proposal.blob()
        if came:  # and what it would have published is refused by every reader
            assert_no_reader_takes(state, proposal)


CENTRE = make_centre()


def state_of(people: list[int], threshold: int) -> TrustedState:
    keys = [KEYS[n] for n in people]
    publics = [key.public for key in keys]
    root = Root.first(
        threshold=threshold,
        root_keys=publics,
        dir_threshold=threshold,
        dir_keys=publics,
        command_keys=[],
        expires=NOW,
    )
    directory = replace(CENTRE.directory, centre_id=root.centre_id)
    document = SignedDocument.sign(2, directory.to_bytes(), publics, keys)
    return TrustedState.pin(root.centre_id, make_blob([sign_root(root, keys)], document.to_bytes()))


def assert_no_reader_takes(state: TrustedState, proposal: Proposal) -> None:
    roots = [document.to_bytes() for document in parse_row(state.blob)[:-1]]
    early = make_blob(roots, b"".join(document.to_bytes() for document in proposal.signed))
    with pytest.raises(DirectoryRejected):
        update(state, early)
