"""Choosing a passphrase: see `fieldapp.kit.passphrase`, which the desk uses too."""

from fieldapp.kit.passphrase import passphrase_chooser, strength_bar

__all__ = ["passphrase_chooser", "strength_bar"]
