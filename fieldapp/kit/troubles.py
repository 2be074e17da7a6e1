"""What a vault's error says to a person: what happened, what is safe, what to do.

The services raise errors whose own sentences are English and meant for developers and the command line; each application
turns their types into words for a screen in its `words` module. What both share is here. Nothing of a record stands in
any of them.
"""

from dataclasses import dataclass

import flet as ft

from fieldapp.kit.i18n import Translator
from fieldapp.kit.interface import Interface
from fieldapp.kit.notices import error_notice
from fieldapp.vault import errors as vault


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error in three sentences."""

    happened: str
    safe: str
    to_do: str

    def notice(self, ui: Interface) -> ft.Control:
        """Show it calmly."""
        return error_notice(ui, self.happened, self.safe, self.to_do)


def vault_trouble(t: Translator, error: vault.VaultError) -> Trouble:
    """Return the words for an error of the vault."""
    unchanged = t("Nothing was deleted or changed.")
    match error:
        case vault.WrongPassphrase():
            return Trouble(t("That passphrase does not open this."), unchanged, t("Type it once more."))
        case vault.WrongRecoveryCode():
            return Trouble(
                t("That code does not open this."), unchanged, t("Compare it with the newest sheet.")
            )
        case vault.PassphraseTaken():
            # Not what it opens: whoever looks on need not learn that something else is here.
            return Trouble(t("This one cannot be used here."), unchanged, t("Choose another one."))
        case vault.UnlockDelayed():
            return Trouble(t("Too many wrong passphrases."), unchanged, t("Wait a while, then try again."))
        case vault.VaultBusy():
            return Trouble(
                t("This is open in another window or program."),
                unchanged,
                t("Close the other one, then try again."),
            )
        case vault.VaultDamaged() | vault.NoVault():
            return Trouble(
                t("The protected storage is damaged or incomplete."),
                t("Its files were kept as they are."),
                t("Do not set this device up again. Ask the centre's technician."),
            )
        case vault.UnsupportedVault():
            return Trouble(
                t("A newer version of this app wrote the storage."), unchanged, t("Install that version.")
            )
        case vault.VaultReadOnly():
            return Trouble(
                t("The stored records look older than they should."),
                t("They can be read. Nothing new can be saved here."),
                t("Call the centre and enrol this device again."),
            )
        case vault.KeystoreUnavailable():
            return Trouble(
                t("The device's key store does not answer, or has lost what it kept."),
                unchanged,
                t("Restart the device and try again. If that does not help, a recovery sheet opens this."),
            )
        case vault.VaultFull() | vault.OutboxFull():
            return Trouble(
                t("There is no room left."),
                t("What you saved before is safe."),
                t("Connect to a network so that the centre can receive what waits."),
            )
        case vault.RecordTooLarge():
            return Trouble(
                t("This is too long to be saved."), t("What you saved before is safe."), t("Make it shorter.")
            )
        case vault.StorageFailed():
            return Trouble(
                t("The device could not write. It may be full."),
                t("This step was not saved. Everything before it was."),
                t("Make room on the device, then try again."),
            )
        case _:
            return Trouble(t("The protected storage could not do this."), unchanged, t("Try again."))
