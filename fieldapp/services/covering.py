"""Hiding how much is sent, and when (security: section 6). Pure, but for the source of chance.

A *sync* is one contact with the relay at which the device drops something: always one to four envelopes, of which those
that carry nothing are covers. Syncs also happen without content, at random moments. So whoever watches the network
sees that the app is used, and neither whether something was reported nor how much.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final

from sync.outbox import MAX_DELAY, Jitter

MOST_DROPS: Final = 4
"""Drops in one sync. What is urgent beyond that goes with the next one, seconds later."""
IDLE_LEAST: Final = 2 * 3600
IDLE_MORE: Final = 4 * 3600
"""Without content a sync comes 2 to 6 hours after the last one, and up to 30 minutes after unlocking."""


@dataclass(slots=True)
class Covering:
    """When this device drops, and how much, while it is unlocked. `chance` is like `secrets.randbelow`."""

    chance: Jitter = secrets.randbelow
    next_sync: int | None = field(default=None, init=False)
    """When covers are sent although nothing is due, in seconds; None before the first look."""

    def is_time(self, now: int) -> bool:
        """Tell whether a sync without content is due. A clock that was set back delays it by no more than its wait."""
        if self.next_sync is None or self.next_sync - now > IDLE_LEAST + IDLE_MORE:
            self.next_sync = now + self.chance(MAX_DELAY + 1)
        return now >= self.next_sync

    def drops(self, due: int) -> int:
        """Return how many envelopes this sync drops, one to four, when `due` wait to be sent: what is missing are covers.

        What is due goes first and as far as there is room, so that a cover never holds a record up.
        """
        return max(1 + self.chance(MOST_DROPS), min(due, MOST_DROPS))

    def synced(self, now: int) -> None:
        """Note that a sync has taken place: the next one without content comes hours later."""
        self.next_sync = now + IDLE_LEAST + self.chance(IDLE_MORE + 1)

    def sizes(self, count: int) -> list[int]:
        """Return the classes of `count` covers: as records are, mostly small, one in four of class 2."""
        return [2 if self.chance(4) == 0 else 1 for _ in range(count)]
