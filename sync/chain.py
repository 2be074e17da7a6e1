"""The registrar's judgement of a sender's chain (PROTOCOL.md, section 9).

Every sender numbers its envelopes 1, 2, 3 ... and each names the hash of the one before. So a lost, held-back or
exchanged envelope shows, also to someone who can read no body. The chain is judged apart from content: a gap alarms
and holds nothing back; only a fork quarantines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from sync import canonical
from sync.canonical import Value
from sync.errors import CanonicalError
from sync.fields import Fields
from sync.header import GENESIS


class ChainOutcome(Enum):
    """What an envelope does to its sender's chain."""

    IN_ORDER = "in_order"
    GAP = "gap"
    DUPLICATE = "duplicate"
    FORK = "fork"


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing sequence numbers `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, and what is missing from the chain once this envelope is counted (ascending)."""

    outcome: ChainOutcome
    missing: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """One envelope of a chain: its number, its chain hash and the hash of the one before (32 bytes each)."""

    seq: int
    hash: bytes
    prev_hash: bytes


class ChainLedger:
    """All envelopes of one sender that passed signature and body hash. Rebuilt from stored envelopes or bytes."""

    def __init__(self, links: Iterable[Link] = (), closed: Iterable[Gap] = ()) -> None:
        self._links = {link.seq: link for link in links}
        self._closed = tuple(closed)

    @property
    def highest(self) -> int:
        """The highest seq seen, 0 before the first. A revocation takes effect from the next one."""
        return max(self._links, default=0)

    @property
    def missing(self) -> tuple[Gap, ...]:
        """What is missing below the highest seq and was not explained by `close_gap`, ascending."""
        known = sorted(self._links)
        gaps = (Gap(a + 1, b - 1) for a, b in zip([0, *known], known, strict=False) if b - a > 1)
        return tuple(part for gap in gaps for part in self._open_parts(gap))

    def judge(self, seq: int, env_hash: bytes, prev_hash: bytes) -> Verdict:
        """Judge an envelope without counting it.

        Fork: the seq is taken by another hash, or a neighbour that is already known contradicts (its hash is not
        this prev_hash, or its prev_hash is not this hash). A late arrival that fits closes its gap.
        """
        known = self._links.get(seq)
        if known is not None:
            same_envelope = (known.hash, known.prev_hash) == (env_hash, prev_hash)
            return Verdict(ChainOutcome.DUPLICATE if same_envelope else ChainOutcome.FORK, self.missing)
        if self._contradicts(seq, env_hash, prev_hash):
            return Verdict(ChainOutcome.FORK, self.missing)
        missing = ChainLedger([*self._links.values(), Link(seq, env_hash, prev_hash)], self._closed).missing
        return Verdict(ChainOutcome.GAP if missing else ChainOutcome.IN_ORDER, missing)

    def is_explained(self, gap: Gap) -> bool:
        """Tell whether a person explained every number of a range, also one beyond the highest."""
        return not self._open_parts(gap)

    def link(self, seq: int) -> Link | None:
        """Return the envelope that counts under a number, None when it never came."""
        return self._links.get(seq)

    def falls_back(self, seq: int, prev_hash: bytes) -> bool:
        """Tell whether a fork continues an older state of the chain: its sender was put back to it, or copied there.

        It fits the envelope before it, although the chain had already gone on beyond it. A fork at the very end can
        be this as well, or two envelopes made side by side: the chain cannot tell.
        """
        before = self._links.get(seq - 1)
        fits = prev_hash == (before.hash if before else GENESIS if seq == 1 else None)
        return fits and seq < self.highest

    def record(self, seq: int, env_hash: bytes, prev_hash: bytes) -> Verdict:
        """Judge an envelope and count it, unless it is a duplicate or a fork (of which both are kept elsewhere)."""
        verdict = self.judge(seq, env_hash, prev_hash)
        if verdict.outcome in (ChainOutcome.IN_ORDER, ChainOutcome.GAP):
            self._links[seq] = Link(seq, env_hash, prev_hash)
        return verdict

    def close_gap(self, gap: Gap) -> None:
        """Note that a person explained a gap (event `gap_closed`); the envelopes are still accepted if they come."""
        self._closed = (*self._closed, gap)

    def copy(self) -> "ChainLedger":
        """Return another ledger with the same envelopes, to try something out."""
        return ChainLedger(self._links.values(), self._closed)

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON: about 145 bytes an envelope."""
        rows: list[Value] = [
            [link.seq, link.hash.hex(), link.prev_hash.hex()] for link in self._links.values()
        ]
        closed: list[Value] = [[gap.first, gap.last] for gap in self._closed]
        return canonical.dumps({"closed": closed, "links": rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> "ChainLedger":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data)
        links = [_link(row) for row in fields.items("links", 1 << 20)]
        return cls(links, (_gap(row) for row in fields.items("closed")))

    def _contradicts(self, seq: int, env_hash: bytes, prev_hash: bytes) -> bool:
        if seq == 1:
            before: bytes | None = GENESIS
        else:
            before = self._links[seq - 1].hash if seq - 1 in self._links else None
        after = self._links.get(seq + 1)
        return (before is not None and before != prev_hash) or (
            after is not None and after.prev_hash != env_hash
        )

    def _open_parts(self, gap: Gap) -> tuple[Gap, ...]:
        """Cut the explained ranges out of a gap."""
        parts: tuple[Gap, ...] = (gap,)
        for closed in self._closed:
            parts = tuple(
                piece
                for part in parts
                for piece in (
                    Gap(part.first, min(part.last, closed.first - 1)),
                    Gap(max(part.first, closed.last + 1), part.last),
                )
                if piece.first <= piece.last
            )
        return parts


def _link(row: Value) -> Link:
    fields = _columns(row, "seq", "hash", "prev_hash")
    return Link(fields.number("seq", 1), fields.binary("hash", 32), fields.binary("prev_hash", 32))


def _gap(row: Value) -> Gap:
    fields = _columns(row, "first", "last")
    return Gap(fields.number("first", 1), fields.number("last", 1))


def _columns(row: Value, *names: str) -> Fields:
    if not isinstance(row, list) or len(row) != len(names):
        raise CanonicalError("row expected")
    return Fields(dict(zip(names, row, strict=True)))
