"""Everything that can go wrong between a device and its centre, as one tree.

    SyncError
      PrimitiveError            a libsodium call refused its input (internal: each boundary wraps it once)
      CanonicalError            bytes are not the canonical JSON of PROTOCOL.md, section 2
      SealRefused(reason)       an envelope cannot be made: no recipient, too long; the record stays a draft
      EnvelopeRejected(reason)  an envelope failed one of the receiver's checks
      DirectoryRejected(reason) a root, directory or certificate cannot be trusted
      EnrolmentFailed(reason)   a code, a hello or an answer of enrolment is not usable
      CarriedRejected(reason)   a file is no carried copy of sealed envelopes, or not a whole one
      OutboxError               an outbox entry was asked to make a step that does not exist
      RelayRefused(reason)      the relay, or something that poses as it, gave an answer that is not a success
      RelayUnreachable          no answer at all: no network, no name, no handshake

No message carries a key, a name or any content: a message may end up in a log or on a screen.
"""


class SyncError(Exception):
    """Root of the tree. `diagnostics()` is a plain sentence for a person; `str()` is for the log."""

    def diagnostics(self) -> str:
        """One plain sentence: what happened and what is safe."""
        return "Something went wrong while exchanging data with the centre. What you recorded is still here."


class PrimitiveError(SyncError):
    """A libsodium call refused: a wrong key, a damaged text, a point of low order, a wrong length."""


class CanonicalError(SyncError):
    """Bytes are not canonical JSON (PROTOCOL.md, section 2)."""


class _Reasoned(SyncError):
    """An error with one machine-readable reason, a short lower-case word from PROTOCOL.md."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SealRefused(_Reasoned):
    """An envelope cannot be made for `reason`; nothing was encrypted and nothing may be sent or dropped."""

    def diagnostics(self) -> str:
        """Say that the record stays a draft."""
        return f"This could not be sealed ({self.reason}). It stays on this device as a draft."


class EnvelopeRejected(_Reasoned):
    """An envelope failed the check named by `reason`; nothing of it was used."""

    def diagnostics(self) -> str:
        """Say that the record is kept aside, and why."""
        return f"A record failed a check ({self.reason}). It is kept aside and was not used."


class DirectoryRejected(_Reasoned):
    """A root, directory or certificate failed the check named by `reason`; the previous one stays in force."""

    def diagnostics(self) -> str:
        """Say that the last good directory stays in force."""
        return f"A new address list of the centre failed a check ({self.reason}). The last good one is still used."


class EnrolmentFailed(_Reasoned):
    """Enrolment cannot go on for `reason`; nothing was changed, the records made so far stay on the device."""

    def diagnostics(self) -> str:
        """Say that one can try again."""
        return f"Enrolment did not work ({self.reason}). Nothing was lost; ask the centre for a new code."


class CarriedRejected(_Reasoned):
    """A file that was carried by hand is no copy of sealed envelopes, or not a whole one; nothing of it was used."""

    def diagnostics(self) -> str:
        """Say that the file is of no use, and that the device still has the record."""
        return "This file is no sealed copy, or only a part of one. Nothing was used; the device still has the record."


class OutboxError(SyncError):
    """An outbox entry was asked to make a step that its state does not have."""


class RelayRefused(_Reasoned):
    """The relay, or something that poses as it (a captive portal), gave an answer that is not a success.

    `retry_after` is how many seconds the relay asks to wait, 0 when it did not say.
    """

    def __init__(self, reason: str, retry_after: int = 0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after

    def diagnostics(self) -> str:
        """Say that the record stays."""
        return f"The relay did not accept this ({self.reason}). It stays here and is tried again."


class RelayUnreachable(SyncError):
    """There was no answer at all: no network, no name, no handshake, a cut connection."""

    def diagnostics(self) -> str:
        """Say that there is no network."""
        return "No network. What you recorded is safe on this device and is sent later."
