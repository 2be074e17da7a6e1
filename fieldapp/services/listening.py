"""Reading what desks send to this device, from a shard that holds everybody's messages.

Pure: envelopes in, statements out. An envelope that is not for this device, or not signed by a desk of the trusted
directory, changes nothing. The order of arrival does not matter: a relay that reorders, or a desk that was put back to
an older state, must not make a receipt disappear. A receipt that comes twice says the same twice; tokens and messages
count once; policies and rules carry versions. What a trusted desk signed and this program cannot read is counted.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from fieldapp.services.membership import Heard, Membership
from sync import receipts
from sync.directory import DeskEntry
from sync.downstream import DevicePolicy, DirectoryNotice, Message, Rekey, RulesUpdate, WipeOrder
from sync.envelope import (
    OpenedHeader,
    Reader,
    check_centre,
    open_body,
    verify_body_hash,
    verify_signature,
)
from sync.errors import EnvelopeRejected
from sync.protocol import ALLOWED_TYPES, MsgType, Reason, SenderKind
from sync.receipts import ReceiptItem
from sync.tokens import TokenRefill
from sync.trust import TrustedState


@dataclass(slots=True)
class News:
    """What a page of the shard brought. `receipts` are (desk id, statement); `heard` is the end of each desk's chain.

    `refills`: the hashes of the envelopes that brought tokens. `newer_directory`: something for this device came from
    a desk that only a newer directory knows, or a desk said that there is one; fetch that and listen again before the
    cursor moves on. `messages` are (envelope hash, message, name of the desk), `wipes` (order, key that signed it).
    `odd`: envelopes of a desk that this program could not read. `rekey`: announce a new prekey at once.
    """

    receipts: list[tuple[bytes, ReceiptItem]] = field(default_factory=list)
    drop_tokens: list[bytes] = field(default_factory=list, repr=False)
    read_tokens: dict[int, bytes] = field(default_factory=dict, repr=False)
    refills: list[bytes] = field(default_factory=list)
    heard: dict[bytes, Heard] = field(default_factory=dict)
    centre_time: int = 0
    newer_directory: bool = False
    messages: list[tuple[bytes, Message, str]] = field(default_factory=list)
    policies: list[DevicePolicy] = field(default_factory=list)
    rules: list[RulesUpdate] = field(default_factory=list)
    wipes: list[tuple[WipeOrder, bytes]] = field(default_factory=list)
    rekeys: list[bytes] = field(default_factory=list)
    odd: list[bytes] = field(default_factory=list)


def listen(
    envelopes: Iterable[bytes],
    membership: Membership,
    trust: TrustedState,
    handled: Collection[bytes] = (),
) -> News:
    """Open what is for this device, check it, and collect what it says; `handled` had its effect before."""
    news = News(heard=dict(membership.heard))
    reader = Reader(membership.prekeys.live(), slots=(1,))
    known = frozenset((*membership.refills, *handled))
    for envelope in envelopes:
        try:
            opened = reader.open_header(envelope)
            desk = _sender(opened, trust, news)
        except EnvelopeRejected:
            continue  # most of a shard is for other devices; what is forged must not hinder the rest
        if opened.hash in (*news.odd, *news.refills, *news.rekeys) or opened.hash in known:
            continue
        try:
            _take(opened, desk, trust, news)
        except EnvelopeRejected:
            news.odd.append(opened.hash)
            continue
        last = news.heard.get(desk.id)
        if last is None or opened.header.seq > last.seq:
            news.heard[desk.id] = Heard(opened.header.seq, opened.hash)
    return news


def _sender(opened: OpenedHeader, trust: TrustedState, news: News) -> DeskEntry:
    """Return the desk that provably sealed this for us."""
    check_centre(opened, trust.centre_id)
    desk = trust.directory.desk(opened.header.sender_id)
    if desk is None:
        news.newer_directory |= opened.header.dir_version > trust.version
        raise EnvelopeRejected(Reason.UNKNOWN_SENDER)
    if opened.header.msg_type not in ALLOWED_TYPES[SenderKind.DESK]:
        raise EnvelopeRejected(Reason.TYPE_NOT_ALLOWED)
    verify_signature(opened, desk.sign_pk)
    verify_body_hash(opened)
    return desk


def _take(opened: OpenedHeader, desk: DeskEntry, trust: TrustedState, news: News) -> None:
    body = open_body(opened)
    match opened.header.msg_type:
        case MsgType.RECEIPT:
            items = receipts.decode(body)
            news.receipts.extend((desk.id, item) for item in items)
            news.centre_time = max(news.centre_time, *(item.at for item in items))
        case MsgType.TOKENS:
            refill = TokenRefill.from_bytes(body)
            news.refills.append(opened.hash)
            news.drop_tokens.extend(refill.drop)
            news.read_tokens.update({token.quarter: token.token for token in refill.read})
            news.centre_time = max(news.centre_time, refill.at)
        case MsgType.DIRECTORY:
            notice = DirectoryNotice.from_bytes(body)
            news.newer_directory |= notice.version > trust.version
        case MsgType.POLICY:
            news.policies.append(DevicePolicy.from_bytes(body))
        case MsgType.MESSAGE:
            message = Message.from_bytes(body)
            news.messages.append((opened.hash, message, desk.name))
            news.centre_time = max(news.centre_time, message.at)
        case MsgType.SAFE_CONTACT_UPDATE:
            update = RulesUpdate.from_bytes(body)
            news.rules.append(update)
            news.centre_time = max(news.centre_time, update.at)
        case MsgType.WIPE:
            news.wipes.append((WipeOrder.from_bytes(body), desk.sign_pk))
        case MsgType.REKEY:
            news.centre_time = max(news.centre_time, Rekey.from_bytes(body).at)
            news.rekeys.append(opened.hash)
        case MsgType.COVER:
            pass
        case _:
            raise EnvelopeRejected(Reason.SCHEMA)  # not for a device
