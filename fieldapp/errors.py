"""Every error that fieldapp raises on purpose.

::

    FieldappError                 something went wrong that we can explain
    ├── InputError                a file or a value given by a person is wrong
    ├── AssetError                a data file that ships with the app is missing or wrong
    │   └── InstrumentError       ... the instrument in particular
    ├── ScreeningError            a change that the screening or its instrument does not allow
    ├── ContactError              a contact or a safe-contact rule that makes no sense
    ├── AttachmentError           a list of files that no record can have
    └── CodecError                a stored or received body does not have the agreed form

The vault adds its own branch in ``fieldapp.vault.errors``. A message names the field that is wrong
and never repeats what was in it: content belongs to the person, not to a traceback.
"""

from __future__ import annotations


class FieldappError(Exception):
    """Root of all errors that fieldapp raises on purpose."""

    advice = ""

    def diagnostics(self) -> str:
        """Say in plain language what happened and, where there is something to do, what to do."""
        message = str(self) or "Something went wrong."
        return f"{message} {self.advice}".rstrip()


class InputError(FieldappError):
    """A file or value that a person gave is wrong; the message is one line that names the field."""


class AssetError(FieldappError):
    """A data file that ships with the app is missing or wrong."""

    advice = "Install the app again; nothing you recorded is lost."


class InstrumentError(AssetError):
    """The instrument's data file is wrong; the message names the table and the key."""


class ScreeningError(FieldappError):
    """The screening, or the instrument that it uses, does not allow this change."""


class ContactError(FieldappError):
    """A contact or a safe-contact rule makes no sense, for example a window without length."""


class AttachmentError(FieldappError):
    """A file, or a list of files, that no record can have."""


class CodecError(FieldappError):
    """A stored or received body does not have the agreed form; the message names the field."""

    advice = "The record is kept as it is, so that it can be looked at."
