"""What a desk does about its own keys, without being asked."""

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.records import RoleKeys
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
