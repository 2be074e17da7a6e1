"""The device vault: every record encrypted on the disk, from the first tap, in files that show nothing.

`create` makes one, `unlock` (or `UnlockAttempt`, in steps) opens one, `Vault` holds the records and changes them in
transactions, `OutboxFile` lets the sender go on while the vault is locked. The files are v.hdr (keys, under the
passphrase), v.db (records in equal cells) and v.box (sealed envelopes); the formats are in the module docstrings of
`header`, `slots`, `cells`, `root`, `outbox_file` and `generation`.
"""

from fieldapp.vault.cells import MAX_RECORD_SIZE, Record
from fieldapp.vault.creation import create, exists
from fieldapp.vault.errors import (
    KeystoreUnavailable,
    NoVault,
    OutboxFull,
    OutboxUnavailable,
    RecordTooLarge,
    StorageFailed,
    UnknownRecord,
    UnlockDelayed,
    UnsupportedVault,
    VaultBusy,
    VaultDamaged,
    VaultError,
    VaultExists,
    VaultFull,
    VaultLocked,
    VaultReadOnly,
    WrongPassphrase,
)
from fieldapp.vault.kdf import DESK, FLOOR, KdfParameters, calibrate
from fieldapp.vault.keystore import Keystore, NoKeystore
from fieldapp.vault.outbox_file import MAX_ENTRY_SIZE, OutboxEntry, OutboxFile
from fieldapp.vault.pool import DamagedCells
from fieldapp.vault.root import ChainState
from fieldapp.vault.unlocking import UnlockAttempt, unlock
from fieldapp.vault.vault import Rollback, Transaction, Vault

__all__ = [
    "DESK",
    "FLOOR",
    "MAX_ENTRY_SIZE",
    "MAX_RECORD_SIZE",
    "ChainState",
    "DamagedCells",
    "KdfParameters",
    "Keystore",
    "KeystoreUnavailable",
    "NoKeystore",
    "NoVault",
    "OutboxEntry",
    "OutboxFile",
    "OutboxFull",
    "OutboxUnavailable",
    "Record",
    "RecordTooLarge",
    "Rollback",
    "StorageFailed",
    "Transaction",
    "UnknownRecord",
    "UnlockAttempt",
    "UnlockDelayed",
    "UnsupportedVault",
    "Vault",
    "VaultBusy",
    "VaultDamaged",
    "VaultError",
    "VaultExists",
    "VaultFull",
    "VaultLocked",
    "VaultReadOnly",
    "WrongPassphrase",
    "calibrate",
    "create",
    "exists",
    "unlock",
]
