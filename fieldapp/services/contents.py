"""What the vault of a device holds, read once at unlocking. One thing that cannot be read never hides another.

However much it is, reading takes as long (`even_reading`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fieldapp.errors import FieldappError
from fieldapp.services.even_reading import read_for_nothing
from fieldapp.services.filed import Filed
from fieldapp.services.kinds import Kind
from fieldapp.services.mail import Letter
from fieldapp.services.membership import Membership
from fieldapp.services.orders import Orders
from fieldapp.services.settings import Settings
from fieldapp.vault.cells import Record
from fieldapp.vault.errors import VaultError
from fieldapp.vault.outbox_file import OutboxEntry
from fieldapp.vault.vault import Vault
from sync.errors import SyncError
from sync.outbox import OutboxMeta
from sync.protocol import TOKEN_SIZE
from sync.trust import TrustedState

Entries = Mapping[bytes, tuple[OutboxEntry, OutboxMeta]]
"""The envelopes on their way, by entry id."""

_UNREADABLE: Final = (SyncError, FieldappError, ValueError, TypeError, KeyError)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A stored record that cannot be read: it is shown, kept as it is, and does not hinder the others.

    `kind` is 0 for cells that do not open and for the sealed outbox.
    """

    kind: int
    cells: tuple[int, ...] = ()


@dataclass(slots=True)
class Contents:
    """Everything but drafts and cases, which have services of their own."""

    settings: Settings = field(default_factory=Settings)
    membership: Membership | None = None
    trust: TrustedState | None = None
    tokens: tuple[bytes, ...] = field(default=(), repr=False)
    filed: dict[bytes, Filed] = field(default_factory=dict)
    entries: dict[bytes, tuple[OutboxEntry, OutboxMeta]] = field(default_factory=dict)
    letters: dict[bytes, Letter] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    damaged: list[Damaged] = field(default_factory=list)
    outbox_readable: bool = True
    """False when v.box does not open at all: then nothing can be sealed, and what was on its way is not known."""


def read_contents(vault: Vault) -> Contents:
    """Read all records and the sealed outbox."""
    found = Contents(damaged=[Damaged(0, damage.cells) for damage in vault.damaged])
    records = vault.records()
    for record in records:
        try:
            _read(record, found)
        except _UNREADABLE:
            found.damaged.append(Damaged(record.kind))
    read_for_nothing(len(records))
    _read_outbox(vault, found)
    return found


def _read_outbox(vault: Vault, found: Contents) -> None:
    try:
        entries = vault.outbox()
        found.damaged += [Damaged(0, damage.cells) for damage in vault.outbox_damaged]
    except VaultError:
        found.outbox_readable = False
        found.damaged.append(Damaged(0))
        return
    for entry in entries:
        try:
            found.entries[entry.entry_id] = (entry, OutboxMeta.from_bytes(entry.meta))
        except _UNREADABLE:
            found.damaged.append(Damaged(0))


def _read(record: Record, found: Contents) -> None:
    match Kind(record.kind):
        case Kind.SETTINGS:
            found.settings = Settings.from_bytes(record.payload)
        case Kind.DEVICE:
            found.membership = Membership.from_bytes(record.payload)
        case Kind.TRUST:
            found.trust = TrustedState.from_bytes(record.payload)
        case Kind.TOKENS:
            found.tokens = _split_tokens(record.payload)
        case Kind.FILED:
            found.filed[record.record_id] = Filed.from_bytes(record.payload)
        case Kind.MESSAGE:
            letter = Letter.from_bytes(record.payload)
            found.letters[letter.id] = letter
        case Kind.DOWNSTREAM:
            found.orders = Orders.from_bytes(record.payload)
        case _:
            pass


def _split_tokens(data: bytes) -> tuple[bytes, ...]:
    if len(data) % TOKEN_SIZE:
        raise ValueError("length of the tokens")
    return tuple(data[i : i + TOKEN_SIZE] for i in range(0, len(data), TOKEN_SIZE))
