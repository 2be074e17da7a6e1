"""What the centre does with an envelope from the relay, in the receiver's order (PROTOCOL.md, section 5.4).

    length, class, magic -> slots -> commitment -> header -> centre -> certificate -> type -> signature
    -> revocation -> body hash -> chain -> commitment -> body -> padding -> canonical form -> schema -> recipients

Up to the signature nobody known vouches for the bytes: a failure is `Counted`. From there on an enrolled sender stands
behind them: a failure is `Quarantined`, kept and shown. The chain is judged apart from content: a gap holds nothing
back, only a fork quarantines. Nothing here is stored: whoever calls commits first and answers afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sync.canonical import Value
from sync.certificate import Certificate
from sync.chain import ChainLedger, ChainOutcome, Verdict
from sync.directory import Directory
from sync.envelope import (
    Header,
    OpenedHeader,
    Reader,
    check_centre,
    open_body,
    parse_body,
    verify_body_hash,
    verify_recipients,
    verify_signature,
)
from sync.errors import EnvelopeRejected
from sync.keys import LivePrekey, SlotRole, prekey_of_week
from sync.protocol import ALLOWED_TYPES, MsgType, Reason, Withheld

_RAW_BODIES: Final = frozenset({MsgType.CHUNK, MsgType.COVER})
"""Types whose body is no JSON: part of a file, or padding."""
_BOTH_ROLES: Final = frozenset(SlotRole)

Body = dict[str, Value]
Validate = Callable[[Header, Body], None]
"""Checks a body against its schema; raises EnvelopeRejected(schema)."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """All checks passed. `body` is empty for chunks and covers."""

    opened: OpenedHeader
    sender: Certificate
    verdict: Verdict
    body: Body = field(repr=False)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A known sender signed it and it failed the check `reason`: to be kept and shown.

    `verdict` is None when the failure came before the chain was judged.
    """

    reason: Reason
    opened: OpenedHeader
    sender: Certificate
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Counted:
    """Nobody known vouches for these bytes: they failed the check `reason` before or at the signature."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same bytes as before: nothing new, and to be acknowledged again."""

    opened: OpenedHeader
    sender: Certificate


Result = Accepted | Quarantined | Counted | Duplicate


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the centre knows, as functions, so that the intake needs no storage.

    `certificate` by sender id; `ledger` by sender id; `revoked_from` by sender id; `directory` by version and hash
    (a device may still hold an older version: every version that was ever published must be found).
    """

    certificate: Callable[[bytes], Certificate | None]
    ledger: Callable[[bytes], ChainLedger]
    revoked_from: Callable[[bytes], int | None]
    directory: Callable[[int, bytes], Directory | None]


class Intake:
    """Judges envelopes for one desk of one centre."""

    def __init__(
        self,
        centre_id: bytes,
        prekeys: Sequence[LivePrekey],
        likely: Sequence[LivePrekey],
        lookups: Lookups,
        validate: Validate,
    ) -> None:
        """Open with `prekeys`; `likely` is a part of them (this week's) that is tried first, only to be quick."""
        self._centre_id = centre_id
        self._own = frozenset(prekey.pair.public for prekey in prekeys)
        self._likely = Reader(likely)
        self._all = Reader(prekeys)
        self._known = lookups
        self._validate = validate

    def receive(self, envelope: bytes) -> Result:
        """Judge one envelope; never raises for what is in it."""
        try:
            opened, sender = self._attributed(envelope)
        except EnvelopeRejected as error:
            return Counted(Reason(error.reason))
        verdict: Verdict | None = None
        try:
            self._check_revocation(opened)
            verify_body_hash(opened)
            verdict = self._judge_chain(opened)
            if verdict.outcome is ChainOutcome.DUPLICATE:
                return Duplicate(opened, sender)
            return Accepted(opened, sender, verdict, self._content(opened))
        except EnvelopeRejected as error:
            return Quarantined(Reason(error.reason), opened, sender, verdict)

    def _attributed(self, envelope: bytes) -> tuple[OpenedHeader, Certificate]:
        """Return the header and who provably signed it; every failure up to here is only counted."""
        opened = self._open(envelope)
        check_centre(opened, self._centre_id)
        sender = self._known.certificate(opened.header.sender_id)
        if sender is None or sender.centre_id != self._centre_id:
            raise EnvelopeRejected(Reason.UNKNOWN_SENDER)
        if opened.header.msg_type not in ALLOWED_TYPES[sender.kind]:
            raise EnvelopeRejected(Reason.TYPE_NOT_ALLOWED)
        verify_signature(opened, sender.sign_pk)
        return opened, sender

    def _open(self, envelope: bytes) -> OpenedHeader:
        try:
            opened = self._likely.open_header(envelope)
            if opened.roles == _BOTH_ROLES:
                return opened
        except EnvelopeRejected as error:
            if error.reason != Reason.NOT_FOR_US:
                raise
        return self._all.open_header(envelope)

    def _check_revocation(self, opened: OpenedHeader) -> None:
        from_seq = self._known.revoked_from(opened.header.sender_id)
        if from_seq is not None and opened.header.seq >= from_seq:
            raise EnvelopeRejected(Reason.REVOKED)

    def _judge_chain(self, opened: OpenedHeader) -> Verdict:
        header = opened.header
        verdict = self._known.ledger(header.sender_id).judge(header.seq, opened.hash, header.prev_hash)
        if verdict.outcome is ChainOutcome.FORK:
            raise EnvelopeRejected(Reason.FORK)
        return verdict

    def _content(self, opened: OpenedHeader) -> Body:
        data = open_body(opened)
        body = {} if opened.header.msg_type in _RAW_BODIES else parse_body(data)
        self._validate(opened.header, body)
        self._check_recipients(opened)
        return body

    def _check_recipients(self, opened: OpenedHeader) -> None:
        """Recompute from the sender's own directory version to whom it had to be sealed, and that it was.

        A version or hash that the centre never published is a split view. A prekey of ours that is named as a
        recipient and did not open its slot was cheated of the content.
        """
        header = opened.header
        directory = self._known.directory(header.dir_version, header.dir_hash)
        if directory is None:
            raise EnvelopeRejected(Reason.RECIPIENTS)
        roles = directory.policy.intake_roles(Withheld(header.flags).names())
        registrar = prekey_of_week(directory.registrar, header.week).pk
        content = [prekey_of_week(directory.roles[role], header.week).pk for role in roles]
        verify_recipients(opened, registrar, content)
        reached = {prekey.pair.public for _, prekey in opened.opened}
        if not self._own.intersection([registrar, *content]) <= reached:
            raise EnvelopeRejected(Reason.RECIPIENTS)
