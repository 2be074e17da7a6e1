"""A real desk and a real relay in one process, and a device that is played by the test with `sync` alone."""

import atexit
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import Any

import httpx

from fieldapp.assets import default_instrument
from fieldapp.codec import contact_body, identity_body, safe_contact_body, screening_body
from fieldapp.domain.contact import (
    Channel,
    ContactEvent,
    ContactRules,
    Direction,
    Outcome,
    SafeContact,
    contact_alarm,
)
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import (
    FinishChoice,
    FinishKind,
    Identity,
    Mode,
    Screening,
    start_screening,
)
from fieldapp.services.desk.centre import Centre, create_centre, open_centre
from fieldapp.services.desk.ceremony import CentrePlan, KeyCeremony
from fieldapp.services.settings import Work
from fieldapp.vault import FLOOR
from sync import enrolment as protocol
from sync import receipts
from sync.canonical import dumps
from sync.certificate import verify_certificate
from sync.client import CentreClient, RelayClient, quarter_of
from sync.code import EnrolmentCode
from sync.envelope import GENESIS, Header, Reader, Sealed, open_body, seal, verify_body_hash, verify_signature
from sync.errors import EnvelopeRejected
from sync.keys import DevicePrekeys, choose_prekey, week_of
from sync.primitives import SigningKey
from sync.protocol import MsgType, Withheld
from sync.receipts import ReceiptItem, ReceiptKind
from sync.relay.app import register_centre
from sync.tokens import TokenRefill
from sync.trust import TrustedState
from tests.relay.harness import HOST, FakeClock, Relay, relay, run

NOW = 1_800_000_000
PASSPHRASE = "obviously made up desk passphrase"
ADDRESS = f"https://{HOST}"

__all__ = ["ADDRESS", "NOW", "PASSPHRASE", "run"]


class DeskClock:
    """The relay's clock, as the services want it."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def now(self) -> int:
        return int(self._clock.now)

    def local(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now, UTC).replace(tzinfo=None)


class Switch(httpx.AsyncBaseTransport):
    """A network that can be cut, or answered by something else, at any call."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self.answer: Callable[[httpx.Request], httpx.Response | None] = lambda _request: None
        self.requests: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        instead = self.answer(request)
        return instead if instead is not None else await self._inner.handle_async_request(request)

    def off(self) -> None:
        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("made-up cut", request=request)

        self.answer = refuse

    def on(self) -> None:
        self.answer = lambda _request: None

    def refuse(self, part: str, status: int = 500) -> None:
        self.answer = lambda request: httpx.Response(status) if part in request.url.path else None


@dataclass
class Device:
    """A device with its chain; seals and drops what the test says."""

    client: RelayClient
    clock: FakeClock
    signing: SigningKey = field(default_factory=SigningKey.generate)
    prekeys: DevicePrekeys = field(default_factory=lambda: DevicePrekeys.generate(NOW))
    device_id: bytes = b""
    trust: TrustedState | None = None
    answer: protocol.Answer | None = None
    tokens: list[bytes] = field(default_factory=list)
    read_tokens: dict[int, bytes] = field(default_factory=dict)
    seq: int = 0
    prev: bytes = GENESIS
    cursor: str = ""
    heard: list[Header] = field(default_factory=list)

    def seal(self, msg_type: MsgType, record_id: bytes, body: bytes, **changes: Any) -> Sealed:
        """Seal the next envelope of the chain; `changes` overwrite header fields, `key`, or to whom it is sealed:
        `roles` of the directory, or the prekeys `registrar` and `recipients` themselves.
        """
        assert self.trust
        roles = changes.pop("roles", None)
        registrar = changes.pop("registrar", None)
        recipients = changes.pop("recipients", None)
        key = changes.pop("key", self.signing)
        directory = self.trust.directory
        now = int(self.clock.now)
        header = Header(
            msg_type=msg_type,
            sender_id=self.device_id,
            centre_id=self.trust.centre_id,
            seq=self.seq + 1,
            dir_version=self.trust.version,
            prev_hash=self.prev,
            dir_hash=self.trust.dir_hash,
            record_id=record_id,
            rec_ver=1,
            flags=0,
            week=week_of(now),
            next_prekey=self.prekeys.current,
        )
        header = replace(header, **changes)
        chosen = roles or directory.policy.intake_roles(Withheld(header.flags).names())
        sealed = seal(
            header,
            body,
            registrar=registrar or choose_prekey(directory.registrar, now).pk,
            recipients=recipients or [choose_prekey(directory.roles[role], now).pk for role in chosen],
            key=key,
        )
        self.seq, self.prev = header.seq, sealed.hash
        return sealed

    async def drop(self, *envelopes: bytes) -> None:
        assert self.answer
        for envelope in envelopes:
            await self.client.drop(self.answer.box, self.tokens.pop(), envelope)

    async def hear(self) -> list[ReceiptItem]:
        """Read the shard; returns all statements of receipts, in order, and takes new tokens."""
        assert self.trust
        assert self.answer
        token = self.read_tokens[quarter_of(self.clock.now)]
        items: list[ReceiptItem] = []
        more = True
        while more:
            page = await self.client.shard(self.answer.shard, self.cursor, token)
            for envelope in page.envelopes:
                items += self._read(envelope)
            self.cursor, more = page.cursor, page.more
        return items

    def _read(self, envelope: bytes) -> list[ReceiptItem]:
        assert self.trust
        try:
            opened = Reader(self.prekeys.live(), slots=(1,)).open_header(envelope)
        except EnvelopeRejected:
            return []
        desk = self.trust.directory.desk(opened.header.sender_id)
        assert desk
        verify_signature(opened, desk.sign_pk)
        verify_body_hash(opened)
        self.heard.append(opened.header)
        body = open_body(opened)
        if opened.header.msg_type is MsgType.TOKENS:
            refill = TokenRefill.from_bytes(body)
            self.tokens += refill.drop
            self.read_tokens |= {t.quarter: t.token for t in refill.read}
            return []
        return list(receipts.decode(body))


@dataclass
class World:
    relay: Relay
    clock: FakeClock
    network: Switch
    centre: Centre
    ceremony: KeyCeremony
    folder: Path

    async def device(self, name: str = "Made-up phone", agency: str = "police") -> Device:
        """Enrol a device: the test plays both the worker and the clerk."""
        enrolment = await self.centre.devices.begin(name, agency, Work.OFFICER)
        device = Device(self.client(), self.clock)
        code = EnrolmentCode.parse(enrolment.qr_text)
        hello = protocol.Hello.make(device.signing.public, device.prekeys.current)
        assert not await self.centre.devices.poll(enrolment)
        await device.client.put_enrolment(protocol.enrol_id(code), "up", protocol.seal_hello(code, hello))
        assert await self.centre.devices.poll(enrolment)
        assert enrolment.digits == protocol.digits(
            code.centre_id, protocol.enrol_id(code), hello.sign_pk, hello.first_prekey
        )
        await self.centre.devices.confirm(enrolment)
        message = await device.client.get_enrolment(protocol.enrol_id(code), "down")
        assert message
        device.answer = protocol.open_answer(code, hello, message)
        device.read_tokens = {t.quarter: t.token for t in device.answer.read_tokens}
        blob = await device.client.directory(device.read_tokens[quarter_of(self.clock.now)])
        device.trust = TrustedState.pin(code.centre_id, blob)
        enrol_keys = device.trust.directory.enrol_keys
        certificate = verify_certificate(device.answer.certificate, code.centre_id, enrol_keys)
        device.device_id = certificate.device_id
        device.tokens = list(device.answer.drop_tokens)
        return device

    def client(self) -> RelayClient:
        return RelayClient(ADDRESS, transport=httpx.ASGITransport(app=self.relay.app))

    def desk_client(self, url: str, key: SigningKey) -> CentreClient:
        return CentreClient(url, key, transport=self.network)

    async def restart(self) -> None:
        """Lock the desk and unlock it again."""
        await self.centre.lock()
        self.centre = await open_centre(
            self.folder, PASSPHRASE, clock=DeskClock(self.clock), client=self.desk_client
        )


@cache
def founded() -> tuple[Path, KeyCeremony]:
    """Make and publish one centre for all tests; each works on a copy of its files."""
    folder = Path(mkdtemp(prefix="made-up-centre-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    ceremonies: list[KeyCeremony] = []

    async def found() -> None:
        clock = FakeClock(NOW)
        async with relay(folder / "relay.db", clock) as served:
            centre, ceremony = await create_centre(
                folder / "desk",
                PASSPHRASE,
                CentrePlan("Made-up centre", HOST),
                key_directories=[folder / "stick"],
                parameters=FLOOR,
                cells=1024,
                clock=DeskClock(clock),
                client=lambda url, key: CentreClient(url, key, transport=Switch(served.app)),
            )
            await register_centre(str(served.path), centre.centre_id, centre.desk_key, "Made-up centre")
            await centre.receiving.once()
            assert centre.publishing.done, centre.receiving.problem
            await centre.lock()
            ceremonies.append(ceremony)

    run(found())
    return folder, ceremonies[0]


def moved(ceremony: KeyCeremony, folder: Path, path: Path) -> KeyCeremony:
    """Return the papers with the key vaults of a copy: a vault remembers what it signed."""
    papers = tuple(replace(p, folder=path / p.folder.relative_to(folder)) for p in ceremony.papers)
    return replace(ceremony, papers=papers)


@asynccontextmanager
async def world(path: Path, template: tuple[Path, KeyCeremony]) -> AsyncIterator[World]:
    """Give a published centre with an open desk, on the Argon2id floor."""
    folder, ceremony = template
    clock = FakeClock(NOW)
    copytree(folder, path, dirs_exist_ok=True)
    async with relay(path / "relay.db", clock) as served:
        network = Switch(served.app)
        centre = await open_centre(
            path / "desk",
            PASSPHRASE,
            clock=DeskClock(clock),
            client=lambda url, key: CentreClient(url, key, transport=network),
        )
        made = World(served, clock, network, centre, moved(ceremony, folder, path), path / "desk")
        try:
            yield made
        finally:
            await made.centre.lock()


def in_world(path: Path, body: Callable[[World], Awaitable[None]]) -> None:
    """Run one test in a world."""
    template = founded()

    async def whole() -> None:
        async with world(path, template) as made:
            await body(made)

    run(whole())


def screening(
    alias: str = "heron basalt", *, now: bool = True, at: int = NOW - 600, **more: Any
) -> Screening:
    """Make a finished screening; with `now` a death threat fires a NOW rule, else nothing was asked but the gate."""
    made = start_screening(
        screening_id=secrets.token_bytes(16),
        alias=alias,
        instrument=default_instrument(),
        at=at - 300,
        mode=Mode.OFFICER,
    )
    made = made.with_answer("G1", Answer.YES)
    if now:
        made = made.with_answer("S02", Answer.YES)
    if more.get("identity"):
        made = made.with_identity(Identity(name="Made-up Name Canary"))
    if more.get("safe_contact"):
        rules = ContactRules(made_at=datetime(2027, 1, 15, 8, 0))
        made = made.with_safe_contact(SafeContact(rules, Channel.CALL, "000 00 00 00"))
    if more.get("continues"):
        made = made.with_continues(more["continues"])
    handover = more.get("handover", ("copper", "meadow"))
    return made.finished(at, FinishChoice(FinishKind.SEND), handover)


def parts(made: Screening) -> list[tuple[MsgType, bytes]]:
    """Return the bodies of a screening with their types."""
    bodies = [
        (MsgType.SCREENING, screening_body(made)),
        (MsgType.IDENTITY, identity_body(made)),
        (MsgType.SAFE_CONTACT, safe_contact_body(made)),
    ]
    return [(kind, dumps(body)) for kind, body in bodies if body is not None]  # type: ignore[arg-type]


def seal_record(device: Device, made: Screening, **changes: Any) -> list[Sealed]:
    return [device.seal(kind, made.id, body, **changes) for kind, body in parts(made)]


def contact(outcome: Outcome = Outcome.NO_ANSWER) -> tuple[bytes, bytes]:
    """Return the id and body of a logged contact."""
    event = ContactEvent(
        secrets.token_bytes(16),
        secrets.token_bytes(16),
        "otter slate",
        NOW - 60,
        outcome,
        Direction.OUT,
        Channel.CALL,
    )
    return event.id, dumps(contact_body(event, contact_alarm([event])))  # type: ignore[arg-type]


def kinds(items: list[ReceiptItem]) -> list[ReceiptKind]:
    return [item.kind for item in items]
