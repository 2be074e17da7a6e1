"""What a later release changes in stored records: from an older form to its own, in one transaction, once.

    STEPS: none yet, because no stored form has changed since the first release
    migrate(vault, now)          # after unlocking, before anything is read; returns how many records it changed

A step names a kind of record, recognises its older form, and converts it. All steps run over all records in memory, one
after the other, so that a device that skipped two releases is led through both. Then the records that
would be there are compared with those that were: none more, none less, none changed but as its step said. Only then is
everything written, in one transaction: after a power cut all have the older form or all have the newer one.

A record that a step cannot convert, or that would need more cells than it has, stays exactly as it is and holds up no
other; whoever reads it shows that it cannot be read. So a full vault can always be migrated, and a step that makes a
record larger must come with a reader of both forms.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from fieldapp.errors import FieldappError
from fieldapp.vault.cells import Record, split
from fieldapp.vault.errors import VaultDamaged
from fieldapp.vault.vault import Vault
from sync.errors import SyncError

_UNREADABLE: Final = (SyncError, FieldappError, ValueError, TypeError, KeyError)


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one form: `is_older` recognises a payload that `convert` makes newer. Both are pure.

    Both may raise what a reader of stored records raises. What `convert` returns is not older any more.
    """

    kind: int
    is_older: Callable[[bytes], bool]
    convert: Callable[[bytes], bytes]


STEPS: Final[tuple[Step, ...]] = ()
"""In the order of the releases. A step that was released never goes away."""


def migrate(vault: Vault, now: int, steps: Iterable[Step] = STEPS) -> int:
    """Bring every record to its present form; returns how many changed. Nothing is changed in a read-only vault.

    StorageFailed (no room on the disk), VaultDamaged (what would be written is not what was there): nothing has changed,
    everything is there in the older form.
    """
    steps = tuple(steps)
    if not steps or vault.read_only:
        return 0
    before = {record.record_id: record for record in vault.opened.partition.pool.records}
    after = {record_id: _converted(record, steps) for record_id, record in before.items()}
    changed = [record_id for record_id, record in after.items() if record != before[record_id]]
    with vault.transaction(now) as tx:
        for record_id in changed:
            record = after[record_id]
            tx.put(record_id, record.kind, record.payload, flags=record.flags)
        if _contents(tx.records.all()) != _contents(after.values()):
            raise VaultDamaged("other records after a migration")
    return len(changed)


def _converted(record: Record, steps: tuple[Step, ...]) -> Record:
    found = record
    for step in steps:
        if step.kind != found.kind:
            continue
        try:
            if step.is_older(found.payload):
                found = replace(found, payload=step.convert(found.payload))
                if step.is_older(found.payload):
                    return record
        except _UNREADABLE:
            return record
    return found if len(split(found)) <= len(split(record)) else record


def _contents(records: Iterable[Record]) -> dict[bytes, tuple[int, int, bytes]]:
    return {record.record_id: (record.kind, record.flags, record.payload) for record in records}
