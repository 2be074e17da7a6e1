"""From a desk to its devices: receipts and tokens, sealed in the transaction that they report, then sent.

Every desk has one chain of envelopes to every device. Sealed envelopes wait in the vault, so a crash or a relay that
does not answer delays a receipt and never loses it. A relay may get one twice: the device knows its number. What only
this desk could say again is kept for as long as the relay keeps it (`services.desk.repair`).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.envelopes import Outgoing, Posted
from fieldapp.services.desk.records import DeskRecord, EnrolledDevice
from sync import receipts
from sync.answers import Refusal
from sync.certificate import verify_certificate
from sync.client import CentreClient
from sync.envelope import Header, OpenedHeader, Sealed, seal
from sync.errors import RelayRefused, SealRefused
from sync.keys import choose_prekey, prekey_time, week_of
from sync.primitives import BoxKeyPair, SigningKey
from sync.protocol import MsgType
from sync.receipts import ReceiptItem, ReceiptKind, opened_proof, received_proof

_STOP: Final = frozenset({Refusal.CAPTIVE_PORTAL, Refusal.BUSY, Refusal.SERVER, Refusal.UNAUTHORIZED})
"""Answers that say nothing about one envelope: the rest need not be tried now."""

KEPT_FREE: Final = 512
"""Cells of the vault that copies of what was sent must leave free for records."""


def statement(kind: ReceiptKind, opened: OpenedHeader, at: int) -> ReceiptItem:
    """Return the receipt for an envelope that this desk opened; its proof can be made with its keys only."""
    if kind is ReceiptKind.RECEIVED:
        proof = received_proof(opened.k_h, opened.hash)
    else:
        if opened.k_b is None:
            raise ValueError("a body that was not opened")
        proof = opened_proof(opened.k_b, opened.hash)
    return ReceiptItem(kind, opened.hash, proof, at)


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks to a device, and the end of that sender's chain to it; `prekey` (public) or zeros for none."""

    sender_id: bytes
    key: SigningKey
    seq: int
    prev: bytes
    prekey: bytes = bytes(32)


def seal_for_device(
    book: DeskBook, device: EnrolledDevice, msg_type: MsgType, body: bytes, *, kept: bool = True
) -> tuple[EnrolledDevice, Outgoing]:
    """Seal a body as the next envelope of this desk's chain to `device`; returns what to commit together.

    `kept`: the device cannot know that it is missing, so it stays here when it has been sent.
    SealRefused when there is no prekey by which the device can be reached.
    """
    identity = book.identity
    prekey = BoxKeyPair.from_secret(identity.prekey_secret).public
    voice = Voice(identity.desk_id, identity.signing, device.down_seq, device.down_prev, prekey)
    sealed = seal_as(book, voice, device, msg_type, body)
    waiting = Outgoing(device.device_id, device.shard, device.down_seq + 1, sealed.envelope, msg_type, kept)
    return replace(device, down_seq=waiting.seq, down_prev=sealed.hash), waiting


def seal_as(book: DeskBook, voice: Voice, device: EnrolledDevice, msg_type: MsgType, body: bytes) -> Sealed:
    """Seal a body as the next envelope of `voice` to `device`; SealRefused."""
    trust = book.trust
    at = prekey_time(book.clock.now(), trust.directory.issued, 0)
    header = Header(
        msg_type=msg_type,
        sender_id=voice.sender_id,
        centre_id=trust.centre_id,
        seq=voice.seq + 1,
        dir_version=trust.version,
        prev_hash=voice.prev,
        dir_hash=trust.dir_hash,
        record_id=device.device_id,
        rec_ver=1,
        flags=0,
        week=week_of(at),
        next_prekey=voice.prekey,
    )
    return _seal(book, device, header, body, choose_prekey(trust.directory.registrar, at).pk, voice.key)


def _seal(
    book: DeskBook, device: EnrolledDevice, header: Header, body: bytes, registrar: bytes, key: SigningKey
) -> Sealed:
    """Seal to the prekey that the device announced last; to the first one if that cannot be used."""
    try:
        return seal(header, body, registrar=registrar, recipients=[device.next_prekey], key=key)
    except SealRefused as error:
        if error.reason not in ("prekey", "recipients"):
            raise
    trust = book.trust
    certificate = verify_certificate(device.certificate, trust.centre_id, trust.directory.enrol_keys)
    return seal(header, body, registrar=registrar, recipients=[certificate.first_prekey], key=key)


def seal_receipts(
    book: DeskBook,
    devices: Mapping[bytes, EnrolledDevice],
    statements: Mapping[bytes, Sequence[ReceiptItem]],
) -> list[DeskRecord]:
    """Seal statements for several devices (by device id), as few envelopes as possible; returns what to commit.

    A device that cannot be reached gets none, and that holds nobody else up. RECEIVED and OPENED are said again when the
    device offers again what it did not hear of; ACTED comes when it has nothing left to offer, so that is kept.
    """
    records: list[DeskRecord] = []
    for device_id, device in devices.items():
        items = list(statements.get(device_id, ()))
        waiting: list[Outgoing] = []
        current = device
        try:
            for start in range(0, len(items), receipts.MAX_ITEMS):
                batch = items[start : start + receipts.MAX_ITEMS]
                kept = any(item.kind is ReceiptKind.ACTED for item in batch)
                body = receipts.encode(batch)
                current, envelope = seal_for_device(book, current, MsgType.RECEIPT, body, kept=kept)
                waiting.append(envelope)
        except SealRefused:
            current, waiting = device, []
        records += [current, *waiting]
    return records


class Sender:
    """Gives what waits to the relay."""

    def __init__(self, book: DeskBook, client: CentreClient) -> None:
        self._book = book
        self._client = client
        self._turn = asyncio.Lock()

    async def flush(self) -> None:
        """Post everything that waits, each device's in order. RelayUnreachable or RelayRefused: the rest waits on.

        An envelope that the relay does not take holds back only those to the same device.
        """
        async with self._turn:
            held: set[bytes] = set()
            for item in self._book.outgoing:
                if item.device_id not in held and not await self._post(item):
                    held.add(item.device_id)

    async def _post(self, item: Outgoing) -> bool:
        try:
            mark = await self._client.post(item.shard, item.envelope)
        except RelayRefused as error:
            if error.reason in _STOP:
                raise
            return False
        now, room = self._book.clock.now(), self._book.room > KEPT_FREE
        kept = [Posted(item, now)] if item.kept and room else []
        progress = replace(self._book.progress, mark=mark, mark_shard=item.shard)
        await self._book.write([*kept, progress], [item])
        return True


def by_id(devices: Iterable[EnrolledDevice]) -> dict[bytes, EnrolledDevice]:
    """Index devices by their id."""
    return {device.device_id: device for device in devices}
