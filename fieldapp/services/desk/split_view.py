"""Devices that were shown another directory than the centre published (security: section 4).

Every signed header names the version and hash of the directory by which it was sealed. One that this centre never
published can only come from somebody who holds enough directory keys and shows this device a world of its own. The
header alone tells, so this is seen by a desk that may read no body, and also when the body does not open.
"""

from dataclasses import dataclass

from fieldapp.services.desk.book import DeskBook


@dataclass(frozen=True, slots=True)
class SplitView:
    """A device with a directory that is not ours: its id (16 bytes) and name, the version and hash that it named."""

    device_id: bytes
    device: str
    version: int
    dir_hash: bytes
    arrived_at: int


def split_views(book: DeskBook) -> tuple[SplitView, ...]:
    """Return the first sign of each split view, one for each device and directory, oldest first."""
    ours = {(trust.version, trust.dir_hash) for trust in book.published}
    strange = [
        (arrival.arrived_at, arrival.header)
        for arrival in book.all_arrivals
        if arrival.header is not None and (arrival.header.dir_version, arrival.header.dir_hash) not in ours
    ]
    found: dict[tuple[bytes, int, bytes], SplitView] = {}
    for at, header in sorted(strange, key=lambda pair: pair[0]):
        device = book.device(header.sender_id)
        name = device.name if device else header.sender_id.hex()[:8]
        view = SplitView(header.sender_id, name, header.dir_version, header.dir_hash, at)
        found.setdefault((view.device_id, view.version, view.dir_hash), view)
    return tuple(found.values())
