"""The real clock and the real source of chance."""

from __future__ import annotations

import secrets
import time
from datetime import datetime


class SystemClock:
    """The device's clock (implements ``fieldapp.domain.ids.Clock``)."""

    def now(self) -> int:
        """Return the time in epoch seconds."""
        return int(time.time())

    def local(self) -> datetime:
        """Return the local wall time, without a time zone."""
        return datetime.now()


class SystemIds:
    """The operating system's random source (implements ``fieldapp.domain.ids.Ids``)."""

    def new_id(self) -> bytes:
        """Return 16 random bytes."""
        return secrets.token_bytes(16)

    def below(self, limit: int) -> int:
        """Return a uniformly random integer from 0 to before ``limit``."""
        return secrets.randbelow(limit)
