"""Reading what desks send to this device: receipts and tokens, from a shard that holds everybody's messages.

Pure: envelopes in, statements out. An envelope that is not for this device, not signed by a desk of the trusted
directory, or older than what this desk said before, changes nothing.
"""

from collections.abc import Iterable, Mapping
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
    """What a page of the shard brought. `receipts` are (desk id, statement); `heard` is the end of each desk's chain."""

    receipts: list[tuple[bytes, ReceiptItem]] = field(default_factory=list)
    drop_tokens: list[bytes] = field(default_factory=list)
    read_tokens: dict[int, bytes] = field(default_factory=dict)
    heard: dict[bytes, Heard] = field(default_factory=dict)
    centre_time: int = 0


def listen(envelopes: Iterable[bytes], membership: Membership, trust: TrustedState) -> News:
    """Open what is for this device, check it, and collect what it says."""
    news = News()
    reader = Reader(membership.prekeys.live(), slots=(1,))
    for envelope in envelopes:
        try:
            opened, desk = _verified(envelope, reader, trust)
            if _is_new(opened, desk, {**membership.heard, **news.heard}):
                _take(opened, desk, news)
        except EnvelopeRejected:
            continue  # most of a shard is for other devices; what is forged must not hinder the rest
    return news


def _verified(envelope: bytes, reader: Reader, trust: TrustedState) -> tuple[OpenedHeader, DeskEntry]:
    opened = reader.open_header(envelope)
    check_centre(opened, trust.centre_id)
    desk = trust.directory.desk(opened.header.sender_id)
    if desk is None:
        raise EnvelopeRejected(Reason.UNKNOWN_SENDER)
    if opened.header.msg_type not in ALLOWED_TYPES[SenderKind.DESK]:
        raise EnvelopeRejected(Reason.TYPE_NOT_ALLOWED)
    verify_signature(opened, desk.sign_pk)
    verify_body_hash(opened)
    return opened, desk


def _is_new(opened: OpenedHeader, desk: DeskEntry, heard: Mapping[bytes, Heard]) -> bool:
    last = heard.get(desk.id)
    return last is None or opened.header.seq > last.seq


def _take(opened: OpenedHeader, desk: DeskEntry, news: News) -> None:
    body = open_body(opened)
    match opened.header.msg_type:
        case MsgType.RECEIPT:
            items = receipts.decode(body)
            news.receipts.extend((desk.id, item) for item in items)
            news.centre_time = max(news.centre_time, *(item.at for item in items))
        case MsgType.TOKENS:
            refill = TokenRefill.from_bytes(body)
            news.drop_tokens.extend(refill.drop)
            news.read_tokens.update({token.quarter: token.token for token in refill.read})
            news.centre_time = max(news.centre_time, refill.at)
        case _:
            pass  # a later release of the centre may say more than this one understands
    news.heard[desk.id] = Heard(opened.header.seq, opened.hash)
