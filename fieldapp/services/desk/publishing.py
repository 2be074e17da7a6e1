"""What a centre tells its relay: which desk reads which box, tokens, and the signed directory.

Everything is idempotent and is done again until the relay has it: a centre can be created with no network. The operator
of the relay must have registered the centre's first key before (`fieldapp-relay centre add`).
"""

from contextlib import suppress
from dataclasses import replace
from typing import Final, Literal

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.records import Published
from fieldapp.services.desk.tokens import POOLED_BATCHES, Tokens
from sync.answers import Refusal
from sync.client import CentreClient, DeskAccess
from sync.errors import DirectoryRejected, RelayRefused
from sync.trust import TrustedState, update

MOST_MISSED: Final = 64
"""Versions that a desk asks for one by one when it was put back to an older copy."""


class Publishing:
    """Brings the relay up to date with this centre."""

    def __init__(self, book: DeskBook, client: CentreClient, tokens: Tokens) -> None:
        self._book = book
        self._client = client
        self._tokens = tokens

    @property
    def done(self) -> bool:
        """Whether the relay has the newest directory."""
        return self._book.identity.published >= self._book.trust.version

    async def publish(self, *, again: bool = False) -> None:
        """Register desk, tokens and directory unless that is done; `again`: the relay lost something.

        RelayUnreachable, or RelayRefused(unauthorized) as long as the operator has not registered this centre.
        """
        if self.done and not again:
            return
        identity, trust = self._book.identity, self._book.trust
        await self._client.put_desks([DeskAccess(identity.signing.public, True, (identity.box,))])
        await self._tokens.stock(POOLED_BATCHES)
        if again:
            await self._tokens.register_again()
        await self._client.put_directory(trust.version, trust.blob)
        async with self._book.turn:  # not before: whoever wants to read a record must not wait for the relay
            await self._book.write([replace(self._book.identity, published=trust.version)])

    async def catch_up(self) -> None:
        """Take in versions that this centre has published and this vault does not know: it was put back to an older copy.

        Else devices that follow them would look as if somebody had shown them another directory, and the key holders'
        vaults would refuse the next one. Only what the directory's keys have signed counts, as at a device; what does
        not fit ours changes nothing here, and shows by the devices that name it. RelayUnreachable, RelayRefused.
        """
        state = self._book.trust
        newest = await self._newer(state, "latest")
        if newest is state:
            return
        found = []
        for version in range(max(state.version + 1, newest.version - MOST_MISSED), newest.version):
            following = await self._newer(state, version)
            if following is not state:
                found.append(Published(following))
                state = following
        async with self._book.turn:
            identity = replace(self._book.identity, published=newest.version)
            await self._book.write([*found, Published(newest), identity])

    async def _newer(self, state: TrustedState, version: int | Literal["latest"]) -> TrustedState:
        """Return what the relay has under this version if it follows `state`, else `state` itself."""
        with suppress(DirectoryRejected):
            try:
                blob = await self._client.published_directory(version)
            except RelayRefused as error:
                if error.reason != Refusal.NOT_FOUND:
                    raise
            else:
                return await self._book.worker.run(update, state, blob)
        return state
