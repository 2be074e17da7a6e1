"""The outbox as an explicit state machine (PROTOCOL.md, section 10). Pure: no clock, no network, no storage.

    SEALED --stored--> STORED --received--> RECEIVED --opened--> OPENED --erased--> ERASED

Receipts may overtake each other (an answer of the relay was lost, but the centre's receipt came), so `received` and
`opened` act from every earlier state and never move backwards. Only OPENED permits erasure. Nothing is ever given up:
after fifty failures an entry is still due, and what no person opened within 30 days is offered again, same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from sync import canonical
from sync.errors import CanonicalError, OutboxError
from sync.fields import Fields, hex_list
from sync.protocol import DAY, REOFFER_AFTER, TOKEN_SIZE
from sync.receipts import Expected, ReceiptItem, ReceiptKind, match

FIRST_BACKOFF: Final = 30
"""Seconds after the first failure; doubled after each further one."""
MAX_BACKOFF: Final = 6 * 3600
MAX_DELAY: Final = 1800
"""Longest random delay before a record that is not urgent is first sent: it blurs when it was made."""

Jitter = Callable[[int], int]
"""A function like `secrets.randbelow`: a number from 0 to n - 1 that nobody can predict."""


class OutboxState(StrEnum):
    """How far an envelope has come, as far as this device has proof."""

    SEALED = "sealed"
    STORED = "stored"
    RECEIVED = "received"
    OPENED = "opened"
    ERASED = "erased"


TRANSITIONS: Final[dict[OutboxState, frozenset[OutboxState]]] = {
    OutboxState.SEALED: frozenset({OutboxState.STORED, OutboxState.RECEIVED, OutboxState.OPENED}),
    OutboxState.STORED: frozenset({OutboxState.SEALED, OutboxState.RECEIVED, OutboxState.OPENED}),
    OutboxState.RECEIVED: frozenset({OutboxState.OPENED}),
    OutboxState.OPENED: frozenset({OutboxState.ERASED}),
    OutboxState.ERASED: frozenset(),
}
"""Every step there is. STORED to SEALED: the relay no longer has it."""

_RANK: Final = tuple(OutboxState)
_FIELDS: Final = (
    "attempts",
    "box",
    "drop_token",
    "env_hash",
    "last_reason",
    "needed",
    "next_try",
    "offered_at",
    "opened_by",
    "opened_proof",
    "pin",
    "received_proof",
    "relay",
    "seq",
    "state",
    "urgent",
)


@dataclass(frozen=True, slots=True)
class OutboxMeta:
    """All that sending an envelope needs beside its bytes, so that a locked vault can still send.

    Times in seconds. `needed`: distinct desks that must open it before it counts as OPENED (the policy at sealing).
    `offered_at`: when the relay last took it, 0 if never. `seq` orders the sending; clocks do not.
    """

    env_hash: bytes
    seq: int
    drop_token: bytes = field(repr=False)
    box: str
    relay: str
    pin: str
    received_proof: bytes = field(repr=False)
    opened_proof: bytes = field(repr=False)
    urgent: bool = False
    needed: int = 1
    state: OutboxState = OutboxState.SEALED
    attempts: int = 0
    next_try: int = 0
    offered_at: int = 0
    last_reason: str = ""
    opened_by: tuple[bytes, ...] = ()

    @property
    def expected(self) -> Expected:
        """What a receipt for this envelope must carry."""
        return Expected(self.env_hash, self.received_proof, self.opened_proof)

    @property
    def may_erase(self) -> bool:
        """Whether a person at the centre has provably opened it: the only licence to erase."""
        return self.state is OutboxState.OPENED

    def to_bytes(self) -> bytes:
        """Encode as canonical JSON for a cell of the sealed outbox."""
        return canonical.dumps(
            {
                "attempts": self.attempts,
                "box": self.box,
                "drop_token": self.drop_token.hex(),
                "env_hash": self.env_hash.hex(),
                "last_reason": self.last_reason,
                "needed": self.needed,
                "next_try": self.next_try,
                "offered_at": self.offered_at,
                "opened_by": hex_list(self.opened_by),
                "opened_proof": self.opened_proof.hex(),
                "pin": self.pin,
                "received_proof": self.received_proof.hex(),
                "relay": self.relay,
                "seq": self.seq,
                "state": self.state.value,
                "urgent": self.urgent,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "OutboxMeta":
        """Read what `to_bytes` made; CanonicalError when it is damaged."""
        fields = Fields.parse(data).exactly(*_FIELDS)
        try:
            state = OutboxState(fields.text("state"))
        except ValueError:
            raise CanonicalError("state") from None
        return cls(
            env_hash=fields.binary("env_hash", 32),
            seq=fields.number("seq", 1),
            drop_token=fields.binary("drop_token", TOKEN_SIZE),
            box=fields.text("box"),
            relay=fields.text("relay"),
            pin=fields.text("pin"),
            received_proof=fields.binary("received_proof", 32),
            opened_proof=fields.binary("opened_proof", 32),
            urgent=fields.flag("urgent"),
            needed=fields.number("needed", 1),
            state=state,
            attempts=fields.number("attempts"),
            next_try=fields.number("next_try"),
            offered_at=fields.number("offered_at"),
            last_reason=fields.text("last_reason"),
            opened_by=fields.binaries("opened_by", 16),
        )


# --- Events ------------------------------------------------------------------------------------------------


def scheduled(meta: OutboxMeta, now: int, jitter: Jitter) -> OutboxMeta:
    """Plan the first attempt: at once when urgent, else after a random delay of up to 30 minutes."""
    delay = 0 if meta.urgent else jitter(MAX_DELAY + 1)
    return replace(meta, next_try=now + delay)


def send_now(meta: OutboxMeta) -> OutboxMeta:
    """The worker asked: no delay, and no waiting after failures."""
    return replace(meta, urgent=True, next_try=0)


def failed(meta: OutboxMeta, reason: str, now: int, jitter: Jitter, wait: int = 0) -> OutboxMeta:
    """An attempt failed for `reason` (a word of RelayRefused): wait longer, never give up.

    `wait`: the seconds that the relay asked for; they count instead of our own, blurred and bounded by MAX_BACKOFF.
    """
    pause = min(wait + jitter(wait // 2 + 1), MAX_BACKOFF) if wait else backoff(meta.attempts, jitter)
    return replace(
        meta,
        attempts=meta.attempts + 1,
        next_try=now + pause,
        last_reason=reason,
    )


def stored(meta: OutboxMeta, now: int) -> OutboxMeta:
    """The relay took it (201, or 200 for bytes that it already had)."""
    meta = replace(meta, attempts=0, next_try=0, offered_at=now, last_reason="")
    return _moved(meta, OutboxState.STORED) if meta.state is OutboxState.SEALED else meta


def missing(meta: OutboxMeta, now: int) -> OutboxMeta:
    """The relay or the registrar does not have it: offer the same bytes again, at once."""
    if meta.state in (OutboxState.OPENED, OutboxState.ERASED):
        return meta
    meta = replace(meta, attempts=0, next_try=now, offered_at=0)
    return _moved(meta, OutboxState.SEALED) if meta.state is OutboxState.STORED else meta


def receipt(meta: OutboxMeta, item: ReceiptItem, desk_id: bytes, now: int) -> OutboxMeta:
    """A receipt signed by `desk_id` came; OutboxError when its proof is not true for this envelope."""
    if not match(item, meta.expected):
        raise OutboxError("the proof of a receipt is not true")
    meta = replace(meta, offered_at=meta.offered_at or now)  # the relay had it, even if its answer was lost
    if item.kind is ReceiptKind.RECEIVED:
        return _forward(meta, OutboxState.RECEIVED)
    opened_by = meta.opened_by if desk_id in meta.opened_by else (*meta.opened_by, desk_id)
    enough = len(opened_by) >= meta.needed
    meta = replace(meta, opened_by=opened_by)
    return _forward(meta, OutboxState.OPENED if enough else OutboxState.RECEIVED)


def erased(meta: OutboxMeta) -> OutboxMeta:
    """The plaintext is gone; OutboxError unless the entry is OPENED."""
    return _moved(meta, OutboxState.ERASED)


def moved(meta: OutboxMeta, relay: str, pin: str, now: int) -> OutboxMeta:
    """The centre's relay is elsewhere now: send the same bytes there, unless a receipt shows that they have arrived."""
    meta = replace(meta, relay=relay, pin=pin)
    if meta.state is OutboxState.STORED:
        return missing(meta, now)
    return replace(meta, attempts=0, last_reason="") if meta.state is OutboxState.SEALED else meta


def with_token(meta: OutboxMeta, drop_token: bytes) -> OutboxMeta:
    """Take another drop token: the relay refused the old one (403), or used it for other bytes (409)."""
    return replace(meta, drop_token=drop_token)


# --- Questions ---------------------------------------------------------------------------------------------


def backoff(attempts: int, jitter: Jitter) -> int:
    """Return the seconds to wait after the failure number `attempts` + 1: half fixed, half random."""
    ceiling = min(MAX_BACKOFF, FIRST_BACKOFF << min(attempts, 16))
    return ceiling // 2 + jitter(ceiling // 2 + 1)


def is_due(meta: OutboxMeta, now: int) -> bool:
    """Tell whether the bytes should be offered to the relay now.

    A clock that was set back must not hold a record for a year: a wait longer than any back-off counts as over.
    """
    if meta.state in (OutboxState.OPENED, OutboxState.ERASED):
        return False
    if meta.state is not OutboxState.SEALED and -DAY < now - meta.offered_at < REOFFER_AFTER:
        return False
    return now >= meta.next_try or meta.next_try - now > MAX_BACKOFF


def _forward(meta: OutboxMeta, state: OutboxState) -> OutboxMeta:
    """Move to `state` unless the entry is already there or further."""
    return _moved(meta, state) if _RANK.index(meta.state) < _RANK.index(state) else meta


def _moved(meta: OutboxMeta, state: OutboxState) -> OutboxMeta:
    if state not in TRANSITIONS[meta.state]:
        raise OutboxError(f"no step from {meta.state} to {state}")
    return replace(meta, state=state)
