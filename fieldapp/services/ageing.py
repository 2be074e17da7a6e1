"""What time does to a filed record: when its plaintext goes, and when it is sealed anew. Pure.

Only a record that people at the centre have opened loses its plaintext by time, whatever the clock says: a wrong clock
may let plaintext stay longer, and may never lose a record.
"""

from typing import Final

from fieldapp.services.filed import Filed
from sync.directory import Policy
from sync.protocol import DAY

SEALED_ANEW_AFTER: Final = 60 * DAY
"""A record that nobody opened so long is sealed to the present prekeys (security: section 4), while it still can be."""
CENTRE_SILENT: Final = 14 * DAY
"""Policy keep=0 drops the plaintext at sealing only if the centre was heard within this time (security: section 3)."""


def write_only(policy: Policy, centre_time: int, now: int) -> bool:
    """Tell whether plaintext goes at sealing: never while the centre is silent, for then it may never arrive."""
    return policy.keep == 0 and -DAY < now - centre_time <= CENTRE_SILENT


def kept_too_long(record: Filed, policy: Policy, *, drop_sealed: bool, now: int) -> bool:
    """Tell whether the plaintext of a record must go now.

    `keep` 0 and 1: as soon as all parts are opened, with `drop_sealed` (see `write_only`) also when they are sealed.
    `keep` 2: `keep_days` days after they were opened.
    """
    if record.content is None or not record.sealed:
        return False
    if not record.opened_at:
        return drop_sealed
    days = policy.keep_days if policy.keep == 2 else 0
    return now - record.opened_at >= days * DAY


def sealed_too_long(record: Filed, now: int) -> bool:
    """Tell whether a record is to be sealed anew: 60 days, nobody opened all of it, and its plaintext is still here.

    Prekeys of the centre are destroyed 120 days after their week; the second envelope replaces the first one (same
    record id, next `rec_ver`).
    """
    if record.content is None or not record.sealed or record.opened_at:
        return False
    return now - (record.sealed_at or record.at) >= SEALED_ANEW_AFTER
