"""Who steals everything after a prekey has been destroyed opens nothing that was sealed to it."""

import re
from collections.abc import Iterator

from fieldapp.services.filed import Filed, What
from fieldapp.services.sealing import Body, Sealer
from fieldapp.vault import ChainState
from sync.envelope import HCOMMIT_OFFSET, SLOT_SIZE, SLOTS_OFFSET
from sync.errors import PrimitiveError
from sync.primitives import BoxKeyPair, blake, box_open
from sync.protocol import DAY, PREKEY_GRACE, WEEK, MsgType
from tests.fakes.centre import ScriptedCentre

NOW = 1_795_000_000
LATER = NOW + 14 * WEEK + PREKEY_GRACE
"""After the quarter of the last resort key, too."""
SLOTS_IN_USE = 3


def material(state: bytes) -> Iterator[bytes]:
    """Yield every 32 bytes that stand in a state: raw from its start on, and in its hexadecimal, however deep."""
    for run in re.findall(rb"[0-9a-f]{64,}", state):
        decoded = bytes.fromhex(run[: len(run) // 2 * 2].decode())
        yield from (decoded[at : at + 32] for at in range(len(decoded) - 31))
        yield from material(decoded)


def openers(envelope: bytes, state: bytes) -> set[bytes]:
    """Return everything in `state` that opens a slot of `envelope`, or is its header key."""
    slots = [envelope[SLOTS_OFFSET + n * SLOT_SIZE :][:SLOT_SIZE] for n in range(SLOTS_IN_USE)]
    commitment, nonce = envelope[HCOMMIT_OFFSET : HCOMMIT_OFFSET + 32], envelope[8:32]
    found = set()
    for key in set(material(state)):
        if blake(b"fse1 hcommit", nonce, key=key) == commitment:
            found.add(key)
        pair = BoxKeyPair.from_secret(key)
        for slot in slots:
            try:
                box_open(pair, slot)
            except PrimitiveError:
                continue
            found.add(key)
    return found


def test_a_snapshot_of_all_state_opens_nothing_once_the_prekey_is_destroyed() -> None:
    centre = ScriptedCentre("https://relay.example", NOW)
    member = centre.member()
    sealer = Sealer(member, centre.trust, ChainState(), [bytes(32)], NOW)
    record = Filed(b"r" * 16, b"c" * 16, What.SCREENING, "made up", NOW, "HIGH", "NOW")
    filed = sealer.seal(record, [Body(MsgType.SCREENING, b'{"note":"made up"}')])
    (entry,) = sealer.entries

    def everything(now: int) -> bytes:
        """All that device, relay and centre keep: identity, record, outbox entry without its bytes, keys, directory."""
        rings = {name: ring.renewed(now).destroy_expired(now) for name, ring in centre.rings.items()}
        keys = b" ".join(ring.to_bytes() for ring in rings.values())
        return b" ".join(
            (
                sealer.membership.to_bytes(),
                filed.to_bytes(),
                entry.meta,
                keys,
                centre.blob,
                centre.desk_key.seed.hex().encode(),
            )
        )

    assert len(openers(entry.envelope, everything(NOW + DAY))) == SLOTS_IN_USE, (
        "the search finds what opens it"
    )
    assert openers(entry.envelope, everything(LATER)) == set()
