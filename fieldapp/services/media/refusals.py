"""Why a file cannot be added. The words for people are the screen's."""

from enum import StrEnum

from fieldapp.errors import AttachmentError


class Refused(StrEnum):
    """One reason each; nothing was kept of the file."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    """It says that it is of an allowed kind, and cannot be read as one."""
    KIND = "kind"
    """Not of an allowed kind, whatever its name says."""
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    """The record has as many files, or as much of them, as one may have."""
    NO_ROOM = "no_room"
    """The device has no room for more files until those before were opened at the centre."""


class FileRefused(AttachmentError):
    """A file is not added, for one of the reasons of `Refused`."""

    def __init__(self, reason: Refused) -> None:
        super().__init__(f"The file cannot be added: {reason.value}.")
        self.reason = reason
