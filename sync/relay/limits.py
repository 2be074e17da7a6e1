"""Limits that only the relay needs, its day and quarter arithmetic, its hash, and the rate limiter.

Sizes are bytes, times are seconds unless a name says otherwise. Sources: security.md, section 6.
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Callable
from typing import Final

from sync import protocol

Clock = Callable[[], float]
"""Seconds since 1970 (UTC); injected, so that tests can let 45 days pass."""

KEY_SIZE: Final = 32
HASH_SIZE: Final = 32
MAX_DIRECTORY: Final = 1024 * 1024
"""A directory blob, with the root documents that it may carry."""
MAX_DESKS: Final = 256
MAX_DROPS_PER_COMMIT: Final = 256
LOOK_UP_PAUSE: Final = 0.01
COMMIT_PAUSE: Final = 0.02
"""Seconds between two batches under load: nothing beside a phone's round trip."""
ITEM_DAYS: Final = protocol.ITEM_LIFETIME // protocol.DAY
USED_TOKEN_DAYS: Final = ITEM_DAYS + 1
"""A used token outlives its item, so that a late retry is recognised as one."""
SHARD_QUARTERS: Final = 1
DIRECTORY_QUARTERS: Final = 4
ENVELOPE_LENGTHS: Final = frozenset(protocol.ENVELOPE_SIZES.values())

_HOUR: Final = 3600
_IPV4_PREFIX: Final = 24
_IPV6_PREFIX: Final = 48
_MAX_BUCKETS: Final = 100_000


def personal_hash(person: bytes, message: bytes, key: bytes = b"") -> bytes:
    """Return H(person, key, message), 32 bytes: BLAKE2b as in security.md, section 0."""
    return hashlib.blake2b(message, digest_size=HASH_SIZE, key=key, person=person).digest()


def token_hash(token: bytes) -> bytes:
    """Return the only form in which the relay keeps a drop or read token."""
    return personal_hash(b"fs token", token)


def day_number(now: float) -> int:
    """Return whole days since 1970-01-01 (UTC): the finest time that the relay writes down about an item."""
    return int(now // protocol.DAY)


def quarter_number(now: float) -> int:
    """Return whole quarters of 13 weeks since 1970-01-01 (UTC): the period of a read token."""
    return int(now // protocol.QUARTER)


def address_prefix(address: str) -> str:
    """Return the /24 or /48 network of `address`; one shared prefix for what is not an IP address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    length = _IPV4_PREFIX if parsed.version == 4 else _IPV6_PREFIX
    return str(ipaddress.ip_network((parsed, length), strict=False))


class RateLimiter:
    """One token bucket for each address prefix, in memory only, forgotten with its key every hour.

    Buckets are keyed by H(hourly random key, prefix): not even a memory image names a client after the hour.
    """

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._hour = -1
        self._key = b""
        self._buckets: dict[bytes, tuple[float, float]] = {}

    def retry_after(self, address: str) -> int:
        """Count one request from `address`; return 0 when it may go on, else the whole seconds to wait."""
        now = self._clock()
        self._forget_old(now)
        bucket = personal_hash(b"fs rate", address_prefix(address).encode(), self._key)
        level, since = self._buckets.get(bucket, (self._capacity, now))
        level = min(self._capacity, level + max(0.0, now - since) * self._per_second)
        allowed = level >= 1
        self._buckets[bucket] = (level - 1 if allowed else level, now)
        return 0 if allowed else int((1 - level) / self._per_second) + 1

    def _forget_old(self, now: float) -> None:
        hour = int(now // _HOUR)
        if hour != self._hour or len(self._buckets) >= _MAX_BUCKETS:
            self._hour, self._key = hour, secrets.token_bytes(32)
            self._buckets.clear()
