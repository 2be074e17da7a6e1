"""Every refusal of PROTOCOL.md, section 6.4, reached once through the door that devices use, and no other word."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sync.directory import Directory, directory_hash
from sync.errors import DirectoryRejected
from sync.keys import PrekeyRing
from sync.primitives import SigningKey
from sync.protocol import DOC_DIRECTORY, WEEK
from sync.root import Root, sign_root
from sync.signed import SignedDocument
from sync.signing import Proposal
from sync.trust import TrustedState, make_blob, update
from tests.unit.sync.made_up import NOW, make_centre
from tests.unit.sync.test_protocol_document import TEXT, rows, word

CENTRE = make_centre(3, 2)
STATE = TrustedState.pin(CENTRE.root.centre_id, CENTRE.blob)


def following(**changed: object) -> Directory:
    values = {"v": 2, "prev_hash": STATE.dir_hash, "issued": NOW + 1, **changed}
    return replace(CENTRE.directory, **values)  # type: ignore[arg-type]


def published(directory: Directory, *, signers: int = 2) -> bytes:
    """Sign as a quorum of corrupt key holders would: without the publisher's own check."""
    keys = CENTRE.dir_keys[:signers]
    signed = SignedDocument.sign(DOC_DIRECTORY, directory.to_bytes(), CENTRE.root.dir_keys, keys)
    return make_blob([CENTRE.root_container], signed.to_bytes())


def rotated(**changed: object) -> TrustedState:
    """Return the state after a lawful rotation to one new key."""
    key = SigningKey.generate()
    root = replace(successor(key), **changed)  # type: ignore[arg-type]
    directory = following(root_v=2, v=3)
    container = sign_root(root, [key, *CENTRE.root_keys[:2]], CENTRE.root)
    signed = SignedDocument.sign(DOC_DIRECTORY, directory.to_bytes(), [key.public], [key])
    return update(STATE, make_blob([CENTRE.root_container, container], signed.to_bytes()))


def successor(key: SigningKey) -> Root:
    return CENTRE.root.next(
        threshold=1,
        root_keys=[key.public],
        dir_threshold=1,
        dir_keys=[key.public],
        expires=NOW + 9 * WEEK,
    )


def with_role(**changed: object) -> Directory:
    roles = CENTRE.directory.roles
    return following(roles=roles | {"police": replace(roles["police"], **changed)})  # type: ignore[arg-type]


def _with_another_last_byte(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


REFUSALS: dict[str, Callable[[], object]] = {
    "container": lambda: update(STATE, STATE.blob + b"x"),
    "document": lambda: update(STATE, _with_document(b'{"v": 1}')),
    "signature": lambda: update(STATE, _with_another_last_byte(published(following()))),
    "threshold": lambda: update(STATE, published(following(), signers=1)),
    "signer": lambda: Proposal.of(STATE, following()).signed_by(*_strangers()[:2]),
    "centre": lambda: update(STATE, make_centre().blob),
    "root_chain": lambda: update(rotated(), rotated().blob),
    "root_version": lambda: update(STATE, published(following(root_v=2))),
    "min_suite": lambda: update(STATE, published(following(min_suite=2))),
    "prekeys": lambda: update(STATE, published(with_role(last_resort=_zero()))),
    "intake": lambda: update(STATE, published(following(policy=replace(CENTRE.directory.policy, intake={})))),
    "rollback": lambda: update(update(STATE, published(following())), STATE.blob),
    "split_view": lambda: update(STATE, published(following(v=1, prev_hash=bytes(32)))),
    "prev_hash": lambda: update(STATE, published(following(prev_hash=bytes(32)))),
}


def _strangers() -> list[SigningKey]:
    return [SigningKey.generate() for _ in range(3)]


def _zero() -> object:
    return replace(CENTRE.directory.roles["police"].last_resort, pk=bytes(32))


def _with_document(document: bytes) -> bytes:
    signed = SignedDocument.sign(DOC_DIRECTORY, document, CENTRE.root.dir_keys, CENTRE.dir_keys[:2])
    return make_blob([CENTRE.root_container], signed.to_bytes())


def test_the_table_has_these_reasons() -> None:
    assert {word(row[0]) for row in rows(TEXT, "### 6.4", "`DirectoryRejected`")} == set(REFUSALS)


@pytest.mark.parametrize("reason", REFUSALS)
def test_each_is_refused_for_its_reason_and_nothing_changes(reason: str) -> None:
    before = (STATE.version, STATE.dir_hash, STATE.blob)
    with pytest.raises(DirectoryRejected) as caught:
        REFUSALS[reason]()
    assert caught.value.reason == reason
    assert (STATE.version, STATE.dir_hash, STATE.blob) == before


def test_a_root_that_was_left_behind_never_comes_back() -> None:
    """After a rotation, the former quorum together can do nothing any more."""
    state = rotated()
    by_the_former = published(following(v=9, prev_hash=bytes(32)))
    with pytest.raises(DirectoryRejected) as caught:
        update(state, by_the_former)
    assert caught.value.reason == "rollback"


def test_a_device_that_slept_through_years_follows_step_by_step_or_at_once() -> None:
    at_once = by_step = STATE
    ring = PrekeyRing.generate(CENTRE.rings["police"].role, NOW)
    directory = CENTRE.directory
    for year in range(1, 6):
        now = NOW + year * 52 * WEEK
        ring = ring.renewed(now)
        prekeys, last_resort = ring.published(now)
        roles = directory.roles | {
            "police": replace(directory.roles["police"], prekeys=prekeys, last_resort=last_resort)
        }
        directory = replace(
            directory, v=year + 1, prev_hash=directory_hash(directory.to_bytes()), issued=now, roles=roles
        )
        by_step = update(by_step, published(directory))
    assert update(at_once, by_step.blob) == by_step


@pytest.mark.parametrize("now", [0, NOW - 400_000_000, 2_145_916_800, 1 << 40])
def test_no_clock_makes_a_good_directory_refused_or_a_bad_one_taken(now: int) -> None:
    """Expiry only warns, and what is judged does not depend on a clock at all."""
    newer = update(STATE, published(following()))
    assert isinstance(newer.expired(now), bool)
    assert newer.expires_soon(now) is (max(now, newer.directory.issued) >= newer.expires - 30 * 86_400)
