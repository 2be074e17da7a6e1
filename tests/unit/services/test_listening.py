"""What counts as said by the centre: each check of the receiver's order, one at a time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from fieldapp.services.listening import News, listen
from fieldapp.services.membership import Membership
from sync import receipts
from sync.envelope import GENESIS, Header, seal
from sync.keys import choose_prekey, week_of
from sync.primitives import BoxKeyPair, SigningKey
from sync.protocol import MsgType
from sync.receipts import ReceiptItem, ReceiptKind
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import START

ITEM = ReceiptItem(ReceiptKind.OPENED, b"h" * 32, b"p" * 32, START)
Change = Callable[[Header], Header]


@pytest.fixture
def centre() -> ScriptedCentre:
    return ScriptedCentre("https://relay.example", START)


@pytest.fixture
def member(centre: ScriptedCentre) -> Membership:
    return centre.member()


def said(
    centre: ScriptedCentre,
    member: Membership,
    *,
    change: Change = lambda header: header,
    key: SigningKey | None = None,
    slot: int = 1,
    body: bytes | None = None,
) -> bytes:
    """Seal a receipt to this device; `slot` is where its prekey ends up (2: after another reader's)."""
    header = Header(
        MsgType.RECEIPT, centre.desk_id, centre.root.centre_id, 1, 1, GENESIS, centre.trust.dir_hash,
        b"r" * 16, 1, 0, week_of(START), bytes(32),
    )  # fmt: skip
    mine = member.prekeys.current
    others = [BoxKeyPair.generate().public for _ in range(64)]
    before = [pk for pk in others if pk < mine][: slot - 1]
    return seal(
        change(header),
        body if body is not None else receipts.encode([ITEM]),
        registrar=choose_prekey(centre.directory.registrar, START).pk,
        recipients=[*before, mine],
        key=key or centre.desk_key,
    ).envelope


def heard(centre: ScriptedCentre, member: Membership, *envelopes: bytes) -> News:
    return listen(envelopes, member, centre.trust)


def test_a_true_receipt_is_heard_whatever_stands_around_it(
    centre: ScriptedCentre, member: Membership
) -> None:
    good = said(centre, member)
    noise = [
        b"",
        good[:-1],
        good[:100],
        bytes(len(good)),
        said(centre, ScriptedCentre("https://r.example", 1).member()),
    ]
    assert heard(centre, member, *noise, good, *noise).receipts == [(centre.desk_id, ITEM)]


REFUSED: dict[str, Change] = {
    "another centre": lambda header: replace(header, centre_id=b"x" * 16),
    "nobody's desk": lambda header: replace(header, sender_id=b"x" * 16),
    "a type that no desk has": lambda header: replace(header, msg_type=MsgType.SCREENING),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_for_us_from_one_of_our_desks_is_not_heard(
    name: str, centre: ScriptedCentre, member: Membership
) -> None:
    news = heard(centre, member, said(centre, member, change=REFUSED[name]))
    assert (news.receipts, news.heard, news.centre_time, news.newer_directory) == ([], {}, 0, False)


def test_a_forged_signature_and_a_changed_body_are_not_heard(
    centre: ScriptedCentre, member: Membership
) -> None:
    forged = said(centre, member, key=SigningKey.generate())
    good = said(centre, member)
    changed = good[:-1] + bytes((good[-1] ^ 1,))
    assert heard(centre, member, forged, changed).receipts == []


def test_a_desk_cannot_swap_the_body_that_it_signed(centre: ScriptedCentre, member: Membership) -> None:
    """Whoever knows the body key (another reader) could encrypt another text: the signed hash forbids it."""
    from sync.envelope import BODY_OFFSET, NONCE_B_OFFSET, OUTER_SIZE, Reader
    from sync.primitives import aead_seal

    good = said(centre, member)
    opened = Reader(member.prekeys.live(), slots=(1,)).open_header(good)
    assert opened.k_b
    nonce = good[NONCE_B_OFFSET : NONCE_B_OFFSET + 24]
    other = receipts.encode([replace(ITEM, env_hash=b"o" * 32)])
    room = len(good) - BODY_OFFSET - 16 - 4
    padded = len(other).to_bytes(4, "little") + other.ljust(room, b"\0")
    swapped = good[:BODY_OFFSET] + aead_seal(opened.k_b, nonce, padded, good[:OUTER_SIZE])
    assert heard(centre, member, swapped).receipts == []


def test_only_the_slot_of_the_device_is_tried(centre: ScriptedCentre, member: Membership) -> None:
    mine = member.prekeys.current
    while mine < b"\x08" * 32:  # so that another reader's prekey stands before it
        member = centre.member()
        mine = member.prekeys.current
    assert heard(centre, member, said(centre, member, slot=2)).receipts == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"items":[],"v":1}', b'{"items":[{}],"v":1}', b"\xff" * 100])
def test_a_body_out_of_its_form_hinders_nobody(
    body: bytes, centre: ScriptedCentre, member: Membership
) -> None:
    odd, good = said(centre, member, body=body), said(centre, member)
    assert heard(centre, member, odd, good).receipts == [(centre.desk_id, ITEM)]


def test_a_desk_that_only_a_newer_directory_knows_is_asked_for(
    centre: ScriptedCentre, member: Membership
) -> None:
    newer = said(centre, member, change=lambda h: replace(h, sender_id=b"n" * 16, dir_version=2))
    assert heard(centre, member, newer).newer_directory
