"""What receipts do to the envelopes on their way and to the filed records. Pure.

Nothing is believed without its proof: OPENED and ACTED count only with a value that nobody can make who did not open
the body, also for a record whose envelopes are long gone from the outbox.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fieldapp.services.contents import Entries
from fieldapp.services.filed import Filed
from fieldapp.services.sealing import entry
from fieldapp.vault.outbox_file import OutboxEntry
from sync import outbox
from sync.errors import OutboxError
from sync.outbox import OutboxMeta
from sync.primitives import same
from sync.receipts import ReceiptItem, ReceiptKind


@dataclass(slots=True)
class Effect:
    """The new state of what changes: envelopes still on their way, those to be removed, records."""

    under_way: dict[bytes, tuple[OutboxEntry, OutboxMeta]] = field(default_factory=dict)
    gone: set[bytes] = field(default_factory=set)
    filed: dict[bytes, Filed] = field(default_factory=dict)


def effect_of(
    receipts: Iterable[tuple[bytes, ReceiptItem]],
    entries: Entries,
    filed: Mapping[bytes, Filed],
    *,
    keep: int,
    now: int,
) -> Effect:
    """Apply (desk id, statement) pairs to the present state. `keep` is the policy for plaintext, `now` seconds."""
    effect = Effect()
    by_hash = {meta.env_hash: (envelope, meta) for envelope, meta in entries.values()}
    owners = {part.env_hash: record_id for record_id, record in filed.items() for part in record.parts}
    for desk_id, item in receipts:
        if item.env_hash in by_hash:
            envelope, meta = by_hash[item.env_hash]
            try:
                by_hash[item.env_hash] = envelope, outbox.receipt(meta, item, desk_id, now)
            except OutboxError:
                continue  # a proof that is not true changes nothing
            _move(effect, envelope, by_hash[item.env_hash][1])
        owner = owners.get(item.env_hash)
        if owner is not None:
            record = effect.filed.get(owner, filed[owner])
            opened = by_hash[item.env_hash][1].may_erase if item.env_hash in by_hash else False
            changed = _told(record, item, opened=opened, keep=keep, now=now)
            if changed is not record:
                effect.filed[owner] = changed
    return effect


def _move(effect: Effect, envelope: OutboxEntry, meta: OutboxMeta) -> None:
    if meta.may_erase:
        outbox.erased(meta)
        effect.under_way.pop(envelope.entry_id, None)
        effect.gone.add(envelope.entry_id)
    else:
        updated = entry(envelope.entry_id, envelope.record_id, meta, envelope.envelope)
        effect.under_way[envelope.entry_id] = updated, meta


def _told(record: Filed, item: ReceiptItem, *, opened: bool, keep: int, now: int) -> Filed:
    """Return the record after one statement about one of its parts, or the same one when nothing changes."""
    part = next(part for part in record.parts if part.env_hash == item.env_hash)
    if opened and not part.opened:
        record = record.with_opened(item.env_hash, now)
        if record.opened_at and keep < 2:
            record = record.without_content()
    if item.kind is ReceiptKind.ACTED and not record.acted_at and same(item.proof, part.opened_proof):
        record = replace(record, acted_at=item.at)
    return record
