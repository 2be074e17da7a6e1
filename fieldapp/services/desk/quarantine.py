"""What failed a check: kept with its bytes and its reason, never dropped, never mixed with the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.envelopes import Arrival


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One envelope that failed the check `reason`. `text_key` names the sentence that explains it.

    `proven`: an enrolled sender signed it; only then are sender, `msg_type` (its name in lower case) and `seq` known.
    """

    hash: bytes
    reason: str
    text_key: str
    arrived_at: int
    size: int
    proven: bool
    device: str = ""
    agency: str = ""
    msg_type: str = ""
    seq: int = 0


class Quarantine:
    """The list beside the inbox."""

    def __init__(self, book: DeskBook) -> None:
        self._book = book

    def rows(self) -> tuple[QuarantineRow, ...]:
        """Return everything that is kept aside, what somebody signed first, the newest first."""
        rows = map(self._row, self._book.quarantined)
        return tuple(sorted(rows, key=lambda row: (not row.proven, -row.arrived_at, row.hash)))

    @property
    def counted(self) -> Mapping[str, int]:
        """How many arrivals nobody known vouched for, by reason: noise, or somebody who tries."""
        return self._book.progress.counted

    def original(self, env_hash: bytes) -> bytes | None:
        """Return the bytes of an envelope in quarantine, for whoever examines it."""
        arrival = self._book.arrival(env_hash)
        return arrival.envelope if arrival and arrival.reason else None

    def _row(self, arrival: Arrival) -> QuarantineRow:
        row = QuarantineRow(
            hash=arrival.hash,
            reason=arrival.reason,
            text_key=f"quarantine.{arrival.reason}",
            arrived_at=arrival.arrived_at,
            size=len(arrival.envelope),
            proven=arrival.opened is not None,
        )
        header = arrival.header
        if header is None:
            return row
        device = self._book.device(header.sender_id)
        return QuarantineRow(
            row.hash,
            row.reason,
            row.text_key,
            row.arrived_at,
            row.size,
            proven=True,
            device=device.name if device else "",
            agency=device.agency if device else "",
            msg_type=header.msg_type.name.lower(),
            seq=header.seq,
        )
