"""What the last look at the relay showed, on a device and at a desk."""

from enum import StrEnum

from sync.answers import IN_BETWEEN
from sync.errors import RelayRefused


class Network(StrEnum):
    """What the last look at the relay showed."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    OFFLINE = "offline"
    PORTAL = "portal"
    """Something else answers in the relay's place: a login page of a public network, or a wrong certificate."""


def network_of(error: RelayRefused) -> Network:
    """Tell what an answer that is no success shows of the network."""
    return Network.PORTAL if error.reason in IN_BETWEEN else Network.ONLINE
