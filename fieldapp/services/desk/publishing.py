"""What a centre tells its relay: which desk reads which box, tokens, and the signed directory.

Everything is idempotent and is done again until the relay has it: a centre can be created with no network. The operator
of the relay must have registered the centre's first key before (`fieldapp-relay centre add`).
"""

from dataclasses import replace

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.tokens import POOLED_BATCHES, Tokens
from sync.client import CentreClient, DeskAccess


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
