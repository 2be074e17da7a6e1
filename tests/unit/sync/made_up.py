"""Made-up centres, senders and readers for the protocol's tests."""

from dataclasses import dataclass, field

from sync.directory import DeskEntry, Directory, Phone, Policy, Relay, Role, sign_directory
from sync.envelope import (
    Header,
    Reader,
    check_centre,
    open_body,
    parse_body,
    verify_body_hash,
    verify_recipients,
    verify_signature,
)
from sync.keys import LivePrekey, PrekeyRing, SlotRole
from sync.primitives import BoxKeyPair, SigningKey
from sync.protocol import MsgType
from sync.root import Root, sign_root
from sync.trust import make_blob

NOW = 1_800_000_000
CENTRE_ID = b"MADE-UP-CENTRE-1"
BODY = b'{"note":"obviously made up"}'


def header(**changes: object) -> Header:
    values: dict[str, object] = {
        "msg_type": MsgType.SCREENING,
        "sender_id": b"MADE-UP-DEVICE-1",
        "centre_id": CENTRE_ID,
        "seq": 1,
        "dir_version": 1,
        "prev_hash": bytes(32),
        "dir_hash": b"\xd1" * 32,
        "record_id": b"MADE-UP-RECORD-1",
        "rec_ver": 1,
        "flags": 0,
        "week": 2976,
        "next_prekey": b"\x4e" * 32,
    }
    return Header(**(values | changes))  # type: ignore[arg-type]


@dataclass
class Parties:
    """A sender, a registrar and three content recipients."""

    sender: SigningKey = field(default_factory=SigningKey.generate)
    registrar: BoxKeyPair = field(default_factory=BoxKeyPair.generate)
    content: list[BoxKeyPair] = field(default_factory=lambda: [BoxKeyPair.generate() for _ in range(3)])

    @property
    def content_pks(self) -> list[bytes]:
        return [pair.public for pair in self.content]

    def reader(self, *, registrar: bool = False, content: tuple[int, ...] = (0,)) -> Reader:
        prekeys = [LivePrekey(SlotRole.CONTENT, self.content[i]) for i in content]
        if registrar:
            prekeys.append(LivePrekey(SlotRole.REGISTRAR, self.registrar))
        return Reader(prekeys)

    def receive(self, envelope: bytes, reader: Reader | None = None) -> bytes:
        """Go through every step of the receiver's order that needs no directory and no chain."""
        opened = (reader or self.reader()).open_header(envelope)
        check_centre(opened, CENTRE_ID)
        verify_signature(opened, self.sender.public)
        verify_body_hash(opened)
        body = open_body(opened)
        parse_body(body)
        verify_recipients(opened, self.registrar.public, self.content_pks)
        return body


@dataclass
class Centre:
    """A centre with root, directory and prekeys; threshold 1 unless told otherwise."""

    root_keys: list[SigningKey]
    dir_keys: list[SigningKey]
    root: Root
    directory: Directory
    rings: dict[str, PrekeyRing]
    enrol_key: SigningKey
    root_container: bytes

    @property
    def blob(self) -> bytes:
        return make_blob([self.root_container], self.signed(self.directory))

    def signed(self, directory: Directory, signers: int | None = None) -> bytes:
        return sign_directory(directory, self.root, self.dir_keys[: signers or self.root.dir_threshold])


def make_centre(keys: int = 1, threshold: int = 1) -> Centre:
    root_keys = [SigningKey.generate() for _ in range(keys)]
    dir_keys = [SigningKey.generate() for _ in range(keys)]
    enrol_key, desk_key = SigningKey.generate(), SigningKey.generate()
    root = Root.first(
        threshold=threshold,
        root_keys=[key.public for key in root_keys],
        dir_threshold=threshold,
        dir_keys=[key.public for key in dir_keys],
        command_keys=[],
        expires=NOW + 10_000_000,
    )
    rings = {
        role_id: PrekeyRing.generate(SlotRole.REGISTRAR if role_id == "registrar" else SlotRole.CONTENT, NOW)
        for role_id in ("registrar", "police", "welfare")
    }
    roles = {
        role_id: Role(f"Made-up {role_id}", "Made-up agency", *ring.published(NOW))
        for role_id, ring in rings.items()
    }
    directory = Directory(
        v=1,
        centre_id=root.centre_id,
        prev_hash=bytes(32),
        root_v=1,
        issued=NOW,
        expires=NOW + 1_000_000,
        min_suite=1,
        roles=roles,
        enrol_keys=(enrol_key.public,),
        policy=Policy(1, 0, 1, 40, {"default": ("police", "welfare"), "police": ("welfare",)}),
        desks=(DeskEntry(b"MADE-UP-DESK-001", "Made-up desk", desk_key.public),),
        devices_revoked=(),
        relay=Relay("https://relay.example"),
        phones=(Phone("duty", "Made-up duty", "000 00 00 01"),),
    )
    container = sign_root(root, root_keys[:threshold])
    return Centre(root_keys, dir_keys, root, directory, rings, enrol_key, container)
