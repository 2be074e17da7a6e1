"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime

START = 1_795_000_000
"""A Wednesday morning in November 2026."""


class FixedClock:
    """Implements `fieldapp.domain.ids.Clock`."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def local(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC).replace(tzinfo=None)

    def advance(self, seconds: int) -> None:
        self.at += seconds
