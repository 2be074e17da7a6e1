"""Everything that can go wrong with the device vault, as one tree.

    VaultError
      NoVault               there is no vault in this folder (or only the rest of an interrupted creation)
      VaultExists           a vault is there already; creating never overwrites one
      VaultBusy             another process or session holds the files
      VaultLocked           the vault was locked; unlock it again
      VaultReadOnly         records can be read and not written (a rollback, or the root cell is lost)
      VaultDamaged          a file is not what it must be; it was kept exactly as it is
      UnsupportedVault      a newer release wrote something that this one must not touch
      WrongPassphrase       no slot opens with this passphrase
        WrongOtherWord      the other word, which is asked as well, is not that
      PassphraseTaken       this passphrase is in use on this device already
      WrongRecoveryCode     no slot opens with this code of a recovery sheet
      UnlockDelayed         too many wrong passphrases: try again at `not_before`
      KeystoreUnavailable   the operating system's keystore did not give what belongs to this vault
      RecordTooLarge        a record or an outbox entry needs more than 20 cells
      UnknownRecord         there is no such record or entry
      VaultFull             no free cell left for a record
      OutboxFull            no free cell left for an entry; the record itself can stay in the vault
      OutboxUnavailable     the sealed outbox cannot be opened; records still can be read and written
      StorageFailed         the operating system refused to write; nothing was changed

No message carries a passphrase, a key or content. No error here deletes or overwrites a file.
"""

from fieldapp.errors import FieldappError


class VaultError(FieldappError):
    """Root of the tree. `diagnostics()` is a plain sentence for a person; `str()` is for a developer."""

    def diagnostics(self) -> str:
        """One plain sentence: what happened and what is safe."""
        return "The protected storage could not do this. What was saved before is unchanged."


class NoVault(VaultError):
    """There is no vault in this folder, or only the rest of an interrupted creation."""

    def diagnostics(self) -> str:
        """Say that this device was not set up."""
        return "This device is not set up yet."


class VaultExists(VaultError):
    """A vault is there already: creating never overwrites one."""

    def diagnostics(self) -> str:
        """Say that nothing was overwritten."""
        return "This device is set up already. Nothing was overwritten."


class VaultBusy(VaultError):
    """Another process, or another session of this one, holds the files."""

    def diagnostics(self) -> str:
        """Say what to close."""
        return "The protected storage is in use by another window or program. Close it and try again."


class VaultLocked(VaultError):
    """The vault was locked and its keys are gone; unlock it again."""

    def diagnostics(self) -> str:
        """Say what to do."""
        return "Locked. Unlock to go on; what was saved is still here."


class VaultReadOnly(VaultError):
    """Records can be read and not written, because of a rollback or a lost root cell."""

    def diagnostics(self) -> str:
        """Say that writing is not safe."""
        return (
            "The stored records look older than they should, or are damaged. They can be read, not changed."
        )


class VaultDamaged(VaultError):
    """A file of the vault is not what it must be. It was kept exactly as it is."""

    def diagnostics(self) -> str:
        """Say that the files were kept."""
        return "The protected storage is damaged. Its files were kept as they are; nothing was deleted."


class UnsupportedVault(VaultError):
    """A newer release wrote something that this one must not touch."""

    def diagnostics(self) -> str:
        """Say what to do."""
        return "A newer version of this app wrote these records. Install that version to open them."


class WrongPassphrase(VaultError):
    """No slot of the header opens with this passphrase."""

    def diagnostics(self) -> str:
        """Say it plainly."""
        return "That passphrase does not open this."


class WrongOtherWord(WrongPassphrase):
    """The word that is set beside a new one, and is asked for once more, was typed wrongly."""


class PassphraseTaken(VaultError):
    """The passphrase is in use on this device already; nothing was changed."""

    def diagnostics(self) -> str:
        """Say what to do."""
        return "This passphrase cannot be used for this. Choose another one."


class WrongRecoveryCode(VaultError):
    """No slot opens with this code, or it is not the code of any sheet."""

    def diagnostics(self) -> str:
        """Say what may be wrong."""
        return "That code does not open this. Compare it with the newest sheet, character by character."


class UnlockDelayed(VaultError):
    """Too many wrong passphrases in a row: the next attempt is allowed at `not_before` (Unix seconds)."""

    def __init__(self, not_before: int) -> None:
        super().__init__("too many wrong passphrases")
        self.not_before = not_before

    def diagnostics(self) -> str:
        """Say that waiting helps."""
        return "Too many wrong passphrases. Wait a while and try again; nothing was erased."


class KeystoreUnavailable(VaultError):
    """The keystore gave an error, nothing, or something of another installation. Nothing was erased."""

    def diagnostics(self) -> str:
        """Say that the data is still there."""
        return "This device's key store does not answer as it should. Your records are kept; restart and try again."


class RecordTooLarge(VaultError):
    """A record or an outbox entry needs more than 20 cells of 3972 bytes."""

    def diagnostics(self) -> str:
        """Say that the last saved state stays."""
        return "This record is too long to be saved. Its last saved state is unchanged."


class UnknownRecord(VaultError):
    """There is no record, or no outbox entry, with this id."""


class VaultFull(VaultError):
    """No free cell is left for a record; nothing was changed."""

    def diagnostics(self) -> str:
        """Say what makes room."""
        return (
            "The protected storage is full. Records that the centre has opened can be removed to make room."
        )


class OutboxFull(VaultError):
    """No free cell is left for an entry of the sealed outbox; nothing was changed."""

    def diagnostics(self) -> str:
        """Say that the record stays here."""
        return "Too many records wait to be sent. This one stays on the device until there is room."


class OutboxUnavailable(VaultError):
    """The sealed outbox cannot be opened. It was kept as it is; records can still be read and written."""

    def diagnostics(self) -> str:
        """Say that the record stays here."""
        return "The list of records that wait to be sent cannot be opened. Your records are still here."


class StorageFailed(VaultError):
    """The operating system refused to write (no space, a fault of the disk); nothing was changed."""

    def diagnostics(self) -> str:
        """Say that the last step was not saved."""
        return "The device could not write (is it full?). This step was not saved; everything before it was."
