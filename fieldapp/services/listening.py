"""Reading what desks send to this device: receipts and tokens, from a shard that holds everybody's messages.

Pure: envelopes in, statements out. An envelope that is not for this device, or not signed by a desk of the trusted
directory, changes nothing. The order of arrival does not matter: a relay that reorders, or a desk that was put back to
an older state, must not make a receipt disappear. A receipt that comes twice says the same twice; tokens count once.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from fieldapp.services.membership import Heard, Membership
from sync import receipts
from sync.directory import DeskEntry
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
    a desk that only a newer directory knows; fetch that and listen again before the cursor moves on.
    """

    receipts: list[tuple[bytes, ReceiptItem]] = field(default_factory=list)
    drop_tokens: list[bytes] = field(default_factory=list, repr=False)
    read_tokens: dict[int, bytes] = field(default_factory=dict, repr=False)
    refills: list[bytes] = field(default_factory=list)
    heard: dict[bytes, Heard] = field(default_factory=dict)
    centre_time: int = 0
    newer_directory: bool = False


def listen(envelopes: Iterable[bytes], membership: Membership, trust: TrustedState) -> News:
    """Open what is for this device, check it, and collect what it says."""
    news = News(heard=dict(membership.heard))
    reader = Reader(membership.prekeys.live(), slots=(1,))
    for envelope in envelopes:
        try:
            opened = reader.open_header(envelope)
            desk = _sender(opened, trust, news)
            _take(opened, desk, news, membership.refills)
        except EnvelopeRejected:
            continue  # most of a shard is for other devices; what is forged must not hinder the rest
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


def _take(opened: OpenedHeader, desk: DeskEntry, news: News, known: Collection[bytes]) -> None:
    body = open_body(opened)
    match opened.header.msg_type:
        case MsgType.RECEIPT:
            items = receipts.decode(body)
            news.receipts.extend((desk.id, item) for item in items)
            news.centre_time = max(news.centre_time, *(item.at for item in items))
        case MsgType.TOKENS if opened.hash not in (*known, *news.refills):
            refill = TokenRefill.from_bytes(body)
            news.refills.append(opened.hash)
            news.drop_tokens.extend(refill.drop)
            news.read_tokens.update({token.quarter: token.token for token in refill.read})
            news.centre_time = max(news.centre_time, refill.at)
        case _:
            pass  # a later release of the centre may say more than this one understands
    last = news.heard.get(desk.id)
    if last is None or opened.header.seq > last.seq:
        news.heard[desk.id] = Heard(opened.header.seq, opened.hash)
