"""The connections of one unlocked device: a client for each relay, what the last look showed, and who wants another."""

import asyncio
import contextlib
from collections.abc import Callable

from fieldapp.services.network import Network
from sync.client import RelayClient
from sync.directory import Relay

RelayFactory = Callable[[Relay], RelayClient]
"""Makes the client for a relay; the demo and the tests give it another transport."""


class Connections:
    """The clients that were needed so far. `network` is what the last look at the relay showed."""

    def __init__(self, relays: RelayFactory) -> None:
        self.network = Network.UNKNOWN
        self._relays = relays
        self._clients: dict[Relay, RelayClient] = {}

    def to(self, relay: Relay) -> RelayClient:
        """Return the client of a relay; ValueError when its address or pin is none."""
        if relay not in self._clients:
            self._clients[relay] = self._relays(relay)
        return self._clients[relay]

    def ask_again(self) -> None:
        """Forget what relays said about waiting: a person wants to send now."""
        for client in self._clients.values():
            client.ask_again()

    async def close(self) -> None:
        """Close all of them; the next call opens new ones."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()


class Bell:
    """Makes the sync loop look now. Whoever is at something long sees by `rung` that it rang meanwhile."""

    def __init__(self) -> None:
        self.rung = 0
        self._look = asyncio.Event()

    def ring(self) -> None:
        """Look now, and do not finish first what is long and can wait."""
        self.rung += 1
        self._look.set()

    def again(self) -> None:
        """Look once more when this look is over."""
        self._look.set()

    def hush(self) -> None:
        """Begin a look: what rang before is being answered."""
        self._look.clear()

    async def wait(self, seconds: float) -> None:
        """Return when it rings, or after so many seconds."""
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the bell.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._look.wait()
