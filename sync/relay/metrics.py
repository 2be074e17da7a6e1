"""What an operator may see of the traffic: counts and sizes by day and status class, and nothing else.

There is no box, centre, token, address or path in them, no time finer than a day and no size of a single request, so
they say of a busy day only that it was busy. They are off unless a file is named; the file has the text format of
Prometheus' textfile collector, is replaced as a whole, and holds the last seven days of this one process.
"""

import asyncio
import datetime
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync.relay.limits import Clock, day_number

DAYS: Final = 7

_EPOCH: Final = datetime.date(1970, 1, 1)
_NAMES: Final = ("requests", "received_bytes", "sent_bytes")

_log = logging.getLogger("fieldapp.relay")


@dataclass(slots=True)
class _Count:
    requests: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0


class Metrics:
    """Counts of one process, in memory, by (day number, status class)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: dict[tuple[int, int], _Count] = {}

    def count(self, status: int, received: int, sent: int) -> None:
        """Add one answered request with the bytes of its body and of its answer's."""
        today = day_number(self._clock())
        if (today, status // 100) not in self._counts:
            self._counts = {key: count for key, count in self._counts.items() if key[0] > today - DAYS}
        count = self._counts.setdefault((today, status // 100), _Count())
        count.requests += 1
        count.received_bytes += received
        count.sent_bytes += sent

    def text(self) -> str:
        """Return everything as Prometheus text."""
        lines = []
        for name in _NAMES:
            lines.append(f"# TYPE fieldapp_relay_{name} gauge")
            for (day, status), count in sorted(self._counts.items()):
                date = (_EPOCH + datetime.timedelta(days=day)).isoformat()
                labels = f'day="{date}",status="{status}xx"'
                lines.append(f"fieldapp_relay_{name}{{{labels}}} {getattr(count, name)}")
        return "\n".join([*lines, ""])

    def write(self, path: Path) -> None:
        """Replace the file; OSError."""
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_text(self.text(), encoding="utf-8")
        part.replace(path)

    async def run(self, path: Path, pause: float) -> NoReturn:
        """Write the file for ever, `pause` seconds apart; a disk that refuses stops nothing."""
        while True:
            try:
                await asyncio.to_thread(self.write, path)
            except OSError:
                _log.warning("the metrics file cannot be written")
            await asyncio.sleep(pause)


class Counting:
    """ASGI middleware around everything: counts what is answered."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection event."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = received = sent = 0

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counting_send(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counting_receive, counting_send)
        finally:
            if status:
                self._metrics.count(status, received, sent)
