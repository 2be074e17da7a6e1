"""What a desk does about its own keys, without being asked."""

import contextlib

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.records import RoleKeys
from fieldapp.services.desk.signing import ClockDoubtful, Signing
from sync.keys import destruction_time


async def destroy_old_prekeys(book: DeskBook) -> None:
    """Overwrite private prekeys whose time ended 120 days ago: who steals keys later cannot open what came before.

    A clock that jumps ahead destroys nothing that was still planned to be used. VaultError: tried again later.
    """
    async with book.turn:
        now = destruction_time(book.clock.now(), book.trust.directory.issued)
        shorter = [RoleKeys(keys.role_id, keys.ring.destroy_expired(now)) for keys in book.role_keys]
        changed = [keys for keys in shorter if keys not in book.role_keys]
        if changed:
            await book.write(changed)


async def ask_for_signatures(book: DeskBook) -> None:
    """Draft the next directory eight weeks before the prekeys run out, so that only signatures are missing.

    With a clock that is far ahead nothing is drafted: a person is asked about the date. VaultError: tried again later.
    """
    signing = Signing(book, lambda: None)
    if signing.prekeys_due and signing.proposal is None:
        with contextlib.suppress(ClockDoubtful):
            await signing.renew()
