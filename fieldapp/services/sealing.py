"""Sealing records for the centre: who may read which part, in which order, under which keys.

Pure: it turns the present state of a device (membership, directory, chain, tokens) and the bodies of a record into
envelopes and the next state. Nothing is signed or counted unless the caller commits both in one transaction, so a seq
is never used twice. Several records can be sealed one after the other before one commit.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.errors import CodecError, FieldappError
from fieldapp.services.filed import Filed, Part
from fieldapp.services.membership import Membership
from fieldapp.vault.errors import OutboxFull, OutboxUnavailable, RecordTooLarge, VaultFull
from fieldapp.vault.outbox_file import OutboxEntry
from fieldapp.vault.root import ChainState
from sync.envelope import Header, Sealed, seal
from sync.errors import SyncError
from sync.keys import choose_prekey, prekey_time, week_of
from sync.outbox import MAX_DELAY, Jitter, OutboxMeta, OutboxState, scheduled
from sync.primitives import random_bytes
from sync.protocol import MsgType, Withheld
from sync.trust import TrustedState

STATES: Final = tuple(OutboxState)
"""The order gives the number of a state in the sealed outbox."""
NO_RECORD: Final = bytes(16)
"""Stands in the sealed outbox in place of a record's id: a cover, or a report of the device itself."""
TOKENS_FOR_RECORDS: Final = 12
"""Drop tokens that covers and files never use: four screenings of three parts."""


class NoDropToken(FieldappError):
    """There are not enough single-use tokens left to send this; the record stays on the device."""

    def diagnostics(self) -> str:
        """Say that the record stays and what to do."""
        return "This record stays here until the centre sends new upload passes. If it is urgent, call the centre."


class SealedCopyLost(FieldappError):
    """The sealed copy of a record is damaged, and its content was dropped from here when it was sealed."""

    def diagnostics(self) -> str:
        """Say that only a call helps."""
        return "The sealed copy of this record is damaged and its content is gone from here. Call the centre."


CANNOT_SEAL: Final = (
    NoDropToken,
    OutboxFull,
    OutboxUnavailable,
    VaultFull,
    RecordTooLarge,
    CodecError,
    SyncError,
)
"""Why one record may have to wait unsealed; it says so, is tried again, and holds up no other."""


@dataclass(frozen=True, slots=True)
class Body:
    """One compartment of a record: the type of its envelope and its canonical bytes."""

    msg_type: MsgType
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Piece:
    """What is sealed of a file: the body of a chunk, and where it belongs. `index` may be `filed.WITHDRAWAL`."""

    file_id: bytes
    index: int
    data: bytes = field(repr=False)
    size_class: int | None = 3
    """All pieces look alike, also the short last one."""


class Sealer:
    """Seals for one device at one moment. `entries` and the new state are committed together, or not at all."""

    def __init__(
        self,
        membership: Membership,
        trust: TrustedState,
        chain: ChainState,
        tokens: Sequence[bytes],
        now: int,
        *,
        opened_by: int = 1,
        chance: Jitter = secrets.randbelow,
    ) -> None:
        """Seal at `now` with this state; `opened_by` desks must open what is sealed before it may be erased."""
        self.membership = membership.announcing(now)
        self.chain = chain
        self.tokens = tuple(tokens)
        self.entries: list[OutboxEntry] = []
        self._trust = trust
        self._now = now
        self._opened_by = max(opened_by, trust.directory.policy.opened_by)
        self._chance = chance

    def seal(self, record: Filed, bodies: Sequence[Body]) -> Filed:
        """Seal every part of a record; returns it with its parts. NoDropToken or SealRefused: nothing was sealed.

        All parts get the same first moment of sending: apart they would tell that they belong together.
        """
        delay = self._chance(MAX_DELAY + 1)
        envelopes = [
            _Envelope(body.msg_type, body.data, record.record_id, record.version, record.withheld)
            for body in bodies
        ]
        sealed = self._all(envelopes, record.record_id, delay, urgent=record.urgent)
        parts = zip(bodies, sealed, strict=True)
        return replace(
            record,
            parts=(
                *(Part(body.msg_type, one.hash, one.opened_proof) for body, one in parts),
                *record.chunk_parts,
            ),
            sealed_at=self._now,
        )

    def pieces(self, record: Filed, pieces: Sequence[Piece]) -> Filed:
        """Seal pieces of a record's files, to be sent at once; returns it with these parts too. As `seal`."""
        envelopes = [
            _Envelope(
                MsgType.CHUNK, one.data, record.record_id, record.version, record.withheld, one.size_class
            )
            for one in pieces
        ]
        sealed = self._all(envelopes, record.record_id, 0, urgent=False)
        parts = tuple(
            Part(MsgType.CHUNK, one.hash, one.opened_proof, file_id=piece.file_id, index=piece.index)
            for piece, one in zip(pieces, sealed, strict=True)
        )
        return replace(record, parts=(*record.parts, *parts))

    def cover(self, size_class: int) -> None:
        """Seal one cover of this size: a member of the chain like every other, with nothing in it. NoDropToken."""
        empty = _Envelope(MsgType.COVER, b"", random_bytes(16), 1, 0, size_class)
        self._all([empty], NO_RECORD, 0, urgent=False)

    def report(self, data: bytes) -> None:
        """Seal a report of the device itself, to be sent at once. NoDropToken."""
        said = _Envelope(MsgType.DEVICE_REPORT, data, random_bytes(16), 1, 0)
        self._all([said], NO_RECORD, 0, urgent=True)

    def _all(
        self, envelopes: Sequence["_Envelope"], owner: bytes, delay: int, *, urgent: bool
    ) -> list[Sealed]:
        """Seal all of these one after the other, or none."""
        if len(envelopes) > len(self.tokens):
            raise NoDropToken("not enough drop tokens")
        before = (self.chain, self.tokens, len(self.entries))
        try:
            return [self._one(envelope, owner, delay, urgent=urgent) for envelope in envelopes]
        except Exception:
            self.chain, self.tokens, kept = before
            del self.entries[kept:]
            raise

    def _one(self, envelope: "_Envelope", owner: bytes, delay: int, *, urgent: bool) -> Sealed:
        directory = self._trust.directory
        at = prekey_time(self._now, directory.issued, self.membership.centre_time)
        readers = directory.policy.intake_roles(Withheld(envelope.withheld).names())
        header = Header(
            msg_type=envelope.msg_type,
            sender_id=self.membership.device_id,
            centre_id=self._trust.centre_id,
            seq=self.chain.next_seq,
            dir_version=self._trust.version,
            prev_hash=self.chain.head,
            dir_hash=self._trust.dir_hash,
            record_id=envelope.record_id,
            rec_ver=envelope.version,
            flags=envelope.withheld,
            week=week_of(at),
            next_prekey=self.membership.prekeys.current,
        )
        sealed = seal(
            header,
            envelope.data,
            registrar=choose_prekey(directory.registrar, at).pk,
            recipients=[choose_prekey(directory.roles[role], at).pk for role in readers],
            key=self.membership.signing,
            size_class=envelope.size_class,
        )
        self._enqueue(sealed, owner, delay, urgent=urgent)
        return sealed

    def _enqueue(self, sealed: Sealed, owner: bytes, delay: int, *, urgent: bool) -> None:
        directory = self._trust.directory
        token, *rest = self.tokens
        meta = OutboxMeta(
            env_hash=sealed.hash,
            seq=self.chain.next_seq,
            drop_token=token,
            box=self.membership.box,
            relay=directory.relay.url,
            pin=directory.relay.pin,
            received_proof=sealed.received_proof,
            opened_proof=sealed.opened_proof,
            urgent=urgent,
            needed=self._opened_by,
        )
        planned = scheduled(meta, self._now, lambda _: delay)
        self.entries.append(entry(random_bytes(16), owner, planned, sealed.envelope))
        self.tokens = tuple(rest)
        self.chain = ChainState(self.chain.next_seq + 1, sealed.hash)


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What differs from one envelope to the next."""

    msg_type: MsgType
    data: bytes = field(repr=False)
    record_id: bytes
    version: int
    withheld: int
    size_class: int | None = None


def entry(entry_id: bytes, record_id: bytes, meta: OutboxMeta, envelope: bytes) -> OutboxEntry:
    """Make the outbox entry that carries `meta` and the envelope's bytes, which never change again."""
    return OutboxEntry(
        entry_id=entry_id,
        record_id=record_id,
        seq=meta.seq,
        state=STATES.index(meta.state),
        envelope=envelope,
        envelope_hash=meta.env_hash,
        meta=meta.to_bytes(),
    )
