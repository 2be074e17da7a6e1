"""The one file of an open record that is shown: its bytes in memory, and where in it somebody is."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class ShownFile:
    """A file that was put together and verified; `let_go` drops its bytes and stops what still uses them.

    `page` (from 0), `pages` (0 if unknown) and `second` outlive a veil, which takes everything off for a while.
    """

    id: bytes
    data: bytes = field(repr=False)
    page: int = 0
    pages: int = 0
    second: int = 0
    stop: Callable[[], None] | None = field(default=None, repr=False)
    """What drops a page, ends the drawing of one or a sound that plays."""

    def let_go(self) -> None:
        """Forget the bytes. Idempotent."""
        stop, self.stop, self.data = self.stop, None, b""
        if stop is not None:
            stop()
