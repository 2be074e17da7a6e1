"""The device vault: every record encrypted on the disk, from the first tap, in files that show nothing.

`create` makes one, `unlock` (or `UnlockAttempt`, in steps) opens one, `Recovery` does so with the code on paper,
`Vault` holds the records and changes them in transactions, `OutboxFile` lets the sender go on while the vault is
locked. `ForcedWords` sets the second and the wipe passphrase, `erase` makes a notebook unreadable for good, `rekey`
rotates its key. The files are v.hdr (keys, under the passphrase), v.db (records in equal cells) and v.box (sealed
envelopes); the formats are in the module docstrings of `header`, `slots`, `sheet`, `second`, `cells`, `root`,
`outbox_file` and `generation`.
"""

from fieldapp.vault.cells import MAX_RECORD_SIZE, Record
from fieldapp.vault.creation import create, exists
from fieldapp.vault.errors import (
    KeystoreUnavailable,
    NoVault,
    OutboxFull,
    OutboxUnavailable,
    PassphraseTaken,
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
    WrongOtherWord,
    WrongPassphrase,
    WrongRecoveryCode,
)
from fieldapp.vault.forced import ForcedWords, erase, finish_wipe
from fieldapp.vault.kdf import DESK, FLOOR, KdfParameters, calibrate
from fieldapp.vault.keystore import Keystore, NoKeystore
from fieldapp.vault.migration import migrate
from fieldapp.vault.outbox_file import MAX_ENTRY_SIZE, OutboxEntry, OutboxFile
from fieldapp.vault.pool import DamagedCells
from fieldapp.vault.recovery import Recovery
from fieldapp.vault.root import ChainState
from fieldapp.vault.rotation import finish_rekey, rekey
from fieldapp.vault.sheet import CODE_LENGTH, grouped, new_code, read_code, typed
from fieldapp.vault.slots import SlotKind
from fieldapp.vault.system_keystore import SystemKeystore, TextStore, device_keystore
from fieldapp.vault.unlocking import UnlockAttempt, unlock
from fieldapp.vault.vault import Rollback, Transaction, Vault

__all__ = [
    "CODE_LENGTH",
    "DESK",
    "FLOOR",
    "MAX_ENTRY_SIZE",
    "MAX_RECORD_SIZE",
    "ChainState",
    "DamagedCells",
    "ForcedWords",
    "KdfParameters",
    "Keystore",
    "KeystoreUnavailable",
    "NoKeystore",
    "NoVault",
    "OutboxEntry",
    "OutboxFile",
    "OutboxFull",
    "OutboxUnavailable",
    "PassphraseTaken",
    "Record",
    "RecordTooLarge",
    "Recovery",
    "Rollback",
    "SlotKind",
    "StorageFailed",
    "SystemKeystore",
    "TextStore",
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
    "WrongOtherWord",
    "WrongPassphrase",
    "WrongRecoveryCode",
    "calibrate",
    "create",
    "device_keystore",
    "erase",
    "exists",
    "finish_rekey",
    "finish_wipe",
    "grouped",
    "migrate",
    "new_code",
    "read_code",
    "rekey",
    "typed",
    "unlock",
]
