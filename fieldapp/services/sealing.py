"""Sealing records for the centre: who may read which part, in which order, under which keys.

Pure: it turns the present state of a device (membership, directory, chain, tokens) and the bodies of a record into
envelopes and the next state. Nothing is signed or counted unless the caller commits both in one transaction, so a seq
is never used twice. Several records can be sealed one after the other before one commit.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fieldapp.errors import FieldappError
from fieldapp.services.filed import Filed, Part
from fieldapp.services.membership import Membership
from fieldapp.vault.outbox_file import OutboxEntry
from fieldapp.vault.root import ChainState
from sync.envelope import Header, Sealed, seal
from sync.keys import choose_prekey, prekey_time, week_of
from sync.outbox import OutboxMeta, OutboxState, scheduled
from sync.primitives import random_bytes
from sync.protocol import MsgType, Withheld
from sync.trust import TrustedState

STATES: Final = tuple(OutboxState)
"""The order gives the number of a state in the sealed outbox."""


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


@dataclass(frozen=True, slots=True)
class Body:
    """One compartment of a record: the type of its envelope and its canonical bytes."""

    msg_type: MsgType
    data: bytes = field(repr=False)


class Sealer:
    """Seals for one device at one moment. `entries` and the new state are committed together, or not at all."""

    def __init__(
        self,
        membership: Membership,
        trust: TrustedState,
        chain: ChainState,
        tokens: Sequence[bytes],
        now: int,
    ) -> None:
        self.membership = membership.announcing(now)
        self.chain = chain
        self.tokens = tuple(tokens)
        self.entries: list[OutboxEntry] = []
        self._trust = trust
        self._now = now

    def seal(self, record: Filed, bodies: Sequence[Body]) -> Filed:
        """Seal every part of a record; returns it with its parts. NoDropToken or SealRefused: nothing was sealed."""
        if len(bodies) > len(self.tokens):
            raise NoDropToken("not enough drop tokens")
        before = (self.chain, self.tokens, len(self.entries))
        try:
            parts = tuple(self._part(record, body) for body in bodies)
        except Exception:
            self.chain, self.tokens, kept = before
            del self.entries[kept:]
            raise
        return replace(record, parts=parts)

    def _part(self, record: Filed, body: Body) -> Part:
        directory = self._trust.directory
        at = prekey_time(self._now, directory.issued, self.membership.centre_time)
        readers = directory.policy.intake_roles(Withheld(record.withheld).names())
        header = Header(
            msg_type=body.msg_type,
            sender_id=self.membership.device_id,
            centre_id=self._trust.centre_id,
            seq=self.chain.next_seq,
            dir_version=self._trust.version,
            prev_hash=self.chain.head,
            dir_hash=self._trust.dir_hash,
            record_id=record.record_id,
            rec_ver=record.version,
            flags=record.withheld,
            week=week_of(at),
            next_prekey=self.membership.prekeys.current,
        )
        sealed = seal(
            header,
            body.data,
            registrar=choose_prekey(directory.registrar, at).pk,
            recipients=[choose_prekey(directory.roles[role], at).pk for role in readers],
            key=self.membership.signing,
        )
        self._enqueue(record, sealed)
        return Part(body.msg_type, sealed.hash, sealed.opened_proof)

    def _enqueue(self, record: Filed, sealed: Sealed) -> None:
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
            urgent=record.urgent,
            needed=directory.policy.opened_by,
        )
        planned = scheduled(meta, self._now, secrets.randbelow)
        self.entries.append(entry(random_bytes(16), record.record_id, planned, sealed.envelope))
        self.tokens = tuple(rest)
        self.chain = ChainState(self.chain.next_seq + 1, sealed.hash)


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
