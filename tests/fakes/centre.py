"""A centre in a few lines, made of the real protocol parts: for tests of a device against a real relay."""

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import httpx

from fieldapp.services.membership import Membership
from fieldapp.services.notebook import Notebook
from sync import enrolment, receipts
from sync.certificate import Certificate
from sync.client import CentreClient, DeskAccess, token_hash
from sync.code import EnrolmentCode
from sync.directory import DeskEntry, Directory, Policy, Relay, Role, sign_directory
from sync.enrolment import Answer, ReadToken
from sync.envelope import GENESIS, Header, OpenedHeader, Reader, open_body, parse_body, seal, verify_signature
from sync.errors import EnvelopeRejected
from sync.keys import DevicePrekeys, PrekeyRing, SlotRole, choose_prekey, week_of
from sync.primitives import SigningKey
from sync.protocol import QUARTER, MsgType, SenderKind
from sync.receipts import ReceiptItem, ReceiptKind
from sync.relay.app import register_centre
from sync.root import Root, sign_root
from sync.tokens import TokenRefill
from sync.trust import TrustedState, make_blob


@dataclass
class Arrived:
    """One envelope that reached the centre, opened as far as the centre can."""

    opened: OpenedHeader
    body: dict

    @property
    def header(self) -> Header:
        return self.opened.header


@dataclass
class ScriptedCentre:
    """Registrar and intake in one hand; `relay_url` is where devices send."""

    relay_url: str
    now: int
    desk_key: SigningKey = field(default_factory=SigningKey.generate)
    desk_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    box: str = field(default_factory=lambda: secrets.token_hex(16))
    downstream_seq: int = 0
    downstream_prev: bytes = GENESIS

    def __post_init__(self) -> None:
        root_key, self.dir_key = SigningKey.generate(), SigningKey.generate()
        self.root = Root.first(
            threshold=1,
            root_keys=[root_key.public],
            dir_threshold=1,
            dir_keys=[self.dir_key.public],
            command_keys=[self.desk_key.public],
            expires=self.now + 10**8,
        )
        self.rings = {
            "registrar": PrekeyRing.generate(SlotRole.REGISTRAR, self.now),
            "intake": PrekeyRing.generate(SlotRole.CONTENT, self.now),
            "police": PrekeyRing.generate(SlotRole.CONTENT, self.now),
        }
        self.directory = Directory(
            v=1,
            centre_id=self.root.centre_id,
            prev_hash=bytes(32),
            root_v=1,
            issued=self.now,
            expires=self.now + 10**8,
            min_suite=1,
            roles={
                name: Role(name, "centre" if name != "police" else "police", *ring.published(self.now))
                for name, ring in self.rings.items()
            },
            enrol_keys=(self.desk_key.public,),
            policy=Policy(1, 0, 1, 40, {"default": ("intake", "police"), "police": ("intake",)}),
            desks=(DeskEntry(self.desk_id, "Desk", self.desk_key.public),),
            devices_revoked=(),
            relay=Relay(self.relay_url),
            phones=(),
        )
        signed = sign_directory(self.directory, self.root, [self.dir_key])
        self.signed_root = sign_root(self.root, [root_key])
        self.blob = make_blob([self.signed_root], signed)
        self.trust = TrustedState.pin(self.root.centre_id, self.blob)
        self.reader = Reader([prekey for ring in self.rings.values() for prekey in ring.live()])
        self.members: dict[bytes, Membership] = {}
        self.newest_prekey: dict[bytes, bytes] = {}
        self.read_token = secrets.token_bytes(32)

    async def register(self, database: Path) -> Self:
        """Make the relay with this database know the centre."""
        await register_centre(str(database), self.root.centre_id, self.desk_key.public, "Made-up centre")
        return self

    def client(self, transport: httpx.AsyncBaseTransport | None = None) -> CentreClient:
        return CentreClient(self.relay_url, self.desk_key, transport=transport)

    async def publish(self, client: CentreClient) -> None:
        await client.put_desks([DeskAccess(self.desk_key.public, True, (self.box,))])
        await client.put_directory(1, self.blob)
        quarter = self.now // QUARTER
        hashed = token_hash(self.read_token)
        await client.change_tokens(read={hashed: quarter})

    async def tokens(self, client: CentreClient, count: int = 100) -> tuple[bytes, ...]:
        made = tuple(secrets.token_bytes(32) for _ in range(count))
        await client.change_tokens(drop=[token_hash(token) for token in made])
        return made

    def certify(self, sign_pk: bytes, first_prekey: bytes) -> tuple[bytes, bytes]:
        device_id = secrets.token_bytes(16)
        certificate = Certificate(
            SenderKind.DEVICE, self.root.centre_id, device_id, sign_pk, first_prekey, self.now, "police", ()
        )
        return device_id, certificate.sign(self.desk_key)

    def member(self) -> Membership:
        """A device that is enrolled already, without the exchange."""
        signing, prekeys = SigningKey.generate(), DevicePrekeys.generate(self.now)
        device_id, certificate = self.certify(signing.public, prekeys.current)
        membership = Membership(
            device_id, signing, prekeys, certificate, self.box, 3, "", self.now,
            {self.now // QUARTER: self.read_token},
        )  # fmt: skip
        self.members[device_id] = membership
        return membership

    async def answer(self, client: CentreClient, code: EnrolmentCode) -> tuple[str, ...]:
        """Do what a clerk does: read the hello, confirm the digits, answer. Returns the digits."""
        meeting = enrolment.enrol_id(code)
        message = await client.get_enrolment(meeting, "up")
        assert message is not None
        hello = enrolment.open_hello(code, message)
        device_id, certificate = self.certify(hello.sign_pk, hello.first_prekey)
        answer = Answer(
            nonce=hello.nonce,
            certificate=certificate,
            dir_version=1,
            dir_hash=self.trust.dir_hash,
            drop_tokens=await self.tokens(client, 40),
            read_tokens=(ReadToken(self.now // QUARTER, self.read_token),),
            shard=3,
            box=self.box,
            centre_time=self.now,
        )
        await client.put_enrolment(meeting, "down", enrolment.seal_answer(code, answer))
        self.newest_prekey[device_id] = hello.first_prekey
        return enrolment.digits(self.root.centre_id, meeting, hello.sign_pk, hello.first_prekey)

    async def pull(self, client: CentreClient) -> list[Arrived]:
        """Everything in the box, opened; what does not open fails the test."""
        found: list[Arrived] = []
        cursor, more = "", True
        while more:
            page = await client.box(self.box, cursor)
            found.extend(self.open(envelope) for envelope in page.envelopes)
            cursor, more = page.cursor, page.more
        return found

    def open(self, envelope: bytes) -> Arrived:
        opened = self.reader.open_header(envelope)
        sender = self.members.get(opened.header.sender_id)
        if sender is not None:
            verify_signature(opened, sender.signing.public)
        self.newest_prekey[opened.header.sender_id] = opened.header.next_prekey
        data = open_body(opened)
        return Arrived(opened, {} if opened.header.msg_type is MsgType.CHUNK else parse_body(data))

    def receipt(
        self,
        arrived: list[Arrived],
        kind: ReceiptKind,
        *,
        proof: bytes | None = None,
        seq: int | None = None,
        desk: tuple[bytes, SigningKey] | None = None,
    ) -> bytes:
        """Seal one receipt envelope to the device that sent `arrived`, from `desk` (by default the first one)."""
        items = []
        for one in arrived:
            assert one.opened.k_b is not None
            true = (
                receipts.received_proof(one.opened.k_h, one.opened.hash)
                if kind is ReceiptKind.RECEIVED
                else receipts.opened_proof(one.opened.k_b, one.opened.hash)
            )
            items.append(ReceiptItem(kind, one.opened.hash, proof or true, self.now))
        to = self.newest_prekey[arrived[0].header.sender_id]
        return self.downstream(MsgType.RECEIPT, receipts.encode(items), to, seq=seq, desk=desk)

    def tokens_for(self, notebook: Notebook, refill: TokenRefill, *, seq: int | None = None) -> bytes:
        """Seal new tokens to this device."""
        assert notebook.book.membership
        to = notebook.book.membership.prekeys.current
        return self.downstream(MsgType.TOKENS, refill.to_bytes(), to, seq=seq)

    def downstream(
        self,
        msg_type: MsgType,
        body: bytes,
        to: bytes,
        *,
        seq: int | None = None,
        desk: tuple[bytes, SigningKey] | None = None,
    ) -> bytes:
        desk_id, key = desk or (self.desk_id, self.desk_key)
        self.downstream_seq += 1
        at, seq = self.now, seq or self.downstream_seq
        # A number out of turn names a predecessor that this device has never seen.
        prev = self.downstream_prev if (seq == 1) == (self.downstream_prev == GENESIS) else b"p" * 32
        header = Header(
            msg_type, desk_id, self.root.centre_id, seq, self.trust.version,
            prev, self.trust.dir_hash, secrets.token_bytes(16), 1, 0, week_of(at), bytes(32),
        )  # fmt: skip
        registrar = choose_prekey(self.directory.registrar, at).pk
        sealed = seal(header, body, registrar=registrar, recipients=[to], key=key)
        self.downstream_prev = sealed.hash
        return sealed.envelope

    def with_another_desk(self, desk_id: bytes, key: SigningKey) -> bytes:
        """Sign directory 2 with one more desk and return what is published."""
        desks = (*self.directory.desks, DeskEntry(desk_id, "Desk 2", key.public))
        self.directory = replace(
            self.directory, v=2, prev_hash=self.trust.dir_hash, issued=self.now + 1, desks=desks
        )
        signed = sign_directory(self.directory, self.root, [self.dir_key])
        self.blob = make_blob([self.signed_root], signed)
        self.trust = TrustedState.pin(self.root.centre_id, self.blob)
        return self.blob

    def rejects(self, envelope: bytes) -> str:
        """The reason for which this centre does not open an envelope."""
        try:
            self.open(envelope)
        except EnvelopeRejected as error:
            return error.reason
        raise AssertionError("it was opened")
