"""The same reading for every unlock: as many records are read as a partition has cells, whatever was typed.

A full notebook's records take some 25 ms to read before home is shown, an empty second notebook's none. What is missing
is read from one made-up record, and so is everything after a wrong passphrase (see `fieldapp.vault.even`).
"""

from functools import cache
from typing import Final

from fieldapp.services.filed import Filed, What
from fieldapp.vault import even

_LETTERS_OF_A_NOTE: Final = 500


def read_for_nothing(known: int = 0) -> None:
    """Read a made-up record as often as there are cells more than the `known` records that were read; hold them all."""
    data = _made_up()
    _ = [Filed.from_bytes(data) for _ in range(even.CELLS - known)]


@cache
def _made_up() -> bytes:
    """Return a finished screening that waits for enrolment, as long as most: some 1,250 bytes."""
    answers = {f"s{number:02}": ("no", "yes", "unknown")[number % 3] for number in range(1, 21)}
    record = Filed(
        record_id=bytes(16),
        case_id=bytes(16),
        what=What.SCREENING,
        alias="nobody",
        at=1,
        level="LOW",
        band="NONE",
        handover=("no", "words"),
        content={"answers": {**answers}, "notes": {"s01": "x" * _LETTERS_OF_A_NOTE}, "v": 1},
    )
    return record.to_bytes()
