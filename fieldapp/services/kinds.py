"""What a vault record holds, as the number in its cells (security: a number, so that no name is on disk)."""

from enum import IntEnum


class Kind(IntEnum):
    """Kinds of vault records. Numbers are final: they are on disk."""

    SETTINGS = 1
    DEVICE = 2
    TRUST = 3
    TOKENS = 4
    DRAFT = 5
    FILED = 6
    CASE = 7
    MESSAGE = 8
    DOWNSTREAM = 9
    UNFINISHED = 10
    ATTACHED = 11
    PIECE = 12

    CENTRE = 32
    RECEIVED = 33
    ENROLLED_DEVICE = 34
    PREKEYS = 35
    CURSOR = 36
    QUARANTINED = 37
    LEDGER = 38
    ACKNOWLEDGEMENT = 39
    OUTGOING = 40
    ISSUED = 41
    CHUNK = 42
    RULING = 48
    OWN_EVENT = 49
    CLOSED_ALERT = 50
    SIGNING = 56
    SAID = 60
    CASE_RULES = 61
    TOLD = 62
    WIPE_ORDER = 63
    POSTED = 72
