"""The desk's own chain: what people at it decide, sealed and signed like everything else that is kept (PROTOCOL.md, 9).

An event is sealed to the registrar and to the roles that read by default, numbered and linked to the one before, and
kept with the keys that open it: `book.ledger` is rebuilt from these envelopes as it is from those of devices.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fieldapp.services.desk.envelopes import join_envelope, split_envelope
from fieldapp.services.desk.records import vault_id
from fieldapp.services.kinds import Kind
from sync.envelope import GENESIS, Header, OpenedHeader, Reader, open_body, reopen, seal, verify_signature
from sync.gap_closed import GapClosed
from sync.keys import choose_prekey, prekey_time, week_of
from sync.primitives import BoxKeyPair, random_bytes
from sync.protocol import MsgType

if TYPE_CHECKING:
    from fieldapp.services.desk.book import DeskBook


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """One sealed event of this desk, and when it was made (seconds)."""

    envelope: bytes = field(repr=False)
    at: int
    opened: OpenedHeader

    kind = Kind.OWN_EVENT

    @property
    def vault_id(self) -> bytes:
        """One for each number of the desk's chain."""
        return vault_id(self.kind, self.opened.header.seq.to_bytes(8, "little"))

    @property
    def gap_closed(self) -> GapClosed | None:
        """What it explains, if it closes a gap; EnvelopeRejected when its body is not in that form."""
        if self.opened.header.msg_type is not MsgType.GAP_CLOSED:
            return None
        return GapClosed.from_bytes(open_body(self.opened))

    def to_bytes(self) -> bytes:
        """Encode: a line of canonical JSON with the two keys, then the envelope."""
        keys = {"k_b": (self.opened.k_b or b"").hex(), "k_h": self.opened.k_h.hex()}
        return join_envelope({"at": self.at, **keys, "v": 1}, self.envelope)

    @classmethod
    def from_bytes(cls, data: bytes) -> "OwnEvent":
        """Read what `to_bytes` made; CanonicalError or EnvelopeRejected when it is damaged."""
        fields, envelope = split_envelope(data)
        opened = reopen(envelope, fields.binary("k_h", 32), fields.binary("k_b", 32))
        event = cls(envelope, fields.number("at"), opened)
        _ = event.gap_closed  # an event that cannot be read is damaged, and is shown as such
        return event


def seal_event(book: "DeskBook", msg_type: MsgType, body: bytes) -> OwnEvent:
    """Seal the next event of this desk; to be committed before the book's turn ends. SealRefused, nothing made."""
    trust, identity = book.trust, book.identity
    directory, now = trust.directory, book.clock.now()
    at = prekey_time(now, directory.issued, 0)
    last = max(book.events, key=lambda event: event.opened.header.seq, default=None)
    header = Header(
        msg_type=msg_type,
        sender_id=identity.desk_id,
        centre_id=trust.centre_id,
        seq=last.opened.header.seq + 1 if last else 1,
        dir_version=trust.version,
        prev_hash=last.opened.hash if last else GENESIS,
        dir_hash=trust.dir_hash,
        record_id=random_bytes(16),
        rec_ver=1,
        flags=0,
        week=week_of(at),
        next_prekey=BoxKeyPair.from_secret(identity.prekey_secret).public,
    )
    readers = [
        choose_prekey(directory.roles[role], at).pk for role in sorted(directory.policy.intake_roles())
    ]
    registrar = choose_prekey(directory.registrar, at).pk
    sealed = seal(header, body, registrar=registrar, recipients=readers, key=identity.signing)
    # Opened with the roles' own keys, as any member of them would: what could not be read later is not kept.
    live = [prekey for keys in book.role_keys for prekey in keys.ring.live()]
    opened = Reader(live).open_header(sealed.envelope)
    verify_signature(opened, identity.signing.public)
    return OwnEvent(sealed.envelope, now, opened)
