"""What the last look at the relay showed, on a device and at a desk."""

from enum import StrEnum


class Network(StrEnum):
    """What the last look at the relay showed."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    OFFLINE = "offline"
    PORTAL = "portal"
    """Something else answers in the relay's place: a login page of a public network, or a wrong certificate."""
