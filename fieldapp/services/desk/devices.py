"""The centre's devices: enrol one in person, list them, let one wait, withdraw one.

    enrolment = await devices.begin("Made-up phone", "police", Work.OFFICER)   # shows code and QR
    while not await devices.poll(enrolment): ...                               # the phone says hello
    enrolment.digits                                                           # compared on both screens
    await devices.confirm(enrolment)                                           # the clerk says that they are equal

The code alone decides nothing: whoever holds it can say hello, but only what the clerk confirms gets a certificate.
"""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from fieldapp.errors import FieldappError
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.records import EnrolledDevice
from fieldapp.services.desk.rulings import Ruling, RulingKind, unpublished
from fieldapp.services.desk.tokens import Draw, Tokens
from fieldapp.services.settings import Work
from sync import enrolment as protocol
from sync.certificate import Certificate
from sync.chain import Gap
from sync.client import CentreClient
from sync.code import EnrolmentCode
from sync.enrolment import Answer, Hello
from sync.primitives import random_bytes
from sync.protocol import ENROLMENT_LIFETIME, SenderKind


class EnrolmentState(StrEnum):
    """Where an enrolment stands."""

    WAITING = "waiting"
    """The code is shown; no device has said hello."""
    COMPARE = "compare"
    """A device said hello: compare the digits."""
    DONE = "done"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class EnrolmentNotReady(FieldappError):
    """The enrolment is over, or no device has said hello yet."""

    advice = "Start again with a new code."


@dataclass(slots=True)
class Enrolment:
    """One device on its way in, good for 15 minutes. Kept in memory only.

    `digits` are empty until the device has said hello, `device` and `answer` until the clerk has confirmed.
    """

    name: str
    agency: str
    work: Work
    code: EnrolmentCode = field(repr=False)
    expires_at: int
    state: EnrolmentState = EnrolmentState.WAITING
    digits: tuple[str, ...] = ()
    hello: Hello | None = field(default=None, repr=False)
    device: EnrolledDevice | None = field(default=None, repr=False)
    answer: bytes = field(default=b"", repr=False)

    @property
    def typed(self) -> tuple[str, str]:
        """The two halves of the code in groups of five characters (the last of six), to be read aloud."""
        return self.code.typed()

    @property
    def qr_text(self) -> str:
        """The text of the QR code: everything, the relay's host included."""
        return self.code.qr_text()

    @property
    def relay_host(self) -> str:
        """What is typed apart from the code: the host, with its port if there is one."""
        return urlsplit(self.code.relay).netloc


class DeviceState(StrEnum):
    """How a device stands with the centre."""

    ENROLLED = "enrolled"
    FORKED = "forked"
    """Two envelopes had one number: the device was copied or put back to an older state."""
    SUSPENDED = "suspended"
    """It shall seal nothing until somebody here decides; what comes from it is shown with a mark."""
    REVOKED = "revoked"
    """Withdrawn for good: what it seals from now on is quarantined."""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device. Times in seconds, 0 for never; `gaps` are numbers that never arrived.

    `decided_at` and `decided_by`: the last ruling of a person, if there was one. `published`: the signed directory says
    the same, so that the device hears of it. `revoked_from`: the first number that is no longer trusted, 0 for none.
    """

    device_id: bytes
    name: str
    agency: str
    work: str
    state: DeviceState
    enrolled_at: int
    last_seen: int
    highest_seq: int
    gaps: tuple[Gap, ...]
    tokens_left: int
    decided_at: int = 0
    decided_by: str = ""
    published: bool = True
    revoked_from: int = 0


class UnknownDevice(FieldappError):
    """There is no such device."""

    advice = "Look at the list of devices again."


class AlreadyRevoked(FieldappError):
    """A device that was withdrawn stays so: it is enrolled anew, as another device."""

    advice = "Enrol it again with a new code."


class Devices:
    """Enrolment, list and standing of devices."""

    def __init__(self, book: DeskBook, client: CentreClient, tokens: Tokens) -> None:
        self._book = book
        self._client = client
        self._tokens = tokens

    def rows(self) -> tuple[DeviceRow, ...]:
        """Return all devices by name."""
        return tuple(sorted(map(self._row, self._book.devices), key=lambda row: (row.name, row.device_id)))

    def row(self, device_id: bytes) -> DeviceRow | None:
        """Return one device, None when there is none."""
        device = self._book.device(device_id)
        return self._row(device) if device else None

    @property
    def unpublished(self) -> bool:
        """Whether something was decided that no signed directory says yet: the devices do not know it."""
        return unpublished(self._book.trust.directory, self._book.rulings)

    async def suspend(self, device_id: bytes) -> None:
        """Let a device wait, as when it is lost: counts here at once. AlreadyRevoked, UnknownDevice, VaultError."""
        await self._rule(device_id, RulingKind.SUSPENDED)

    async def resume(self, device_id: bytes) -> None:
        """Take a suspension back; errors as `suspend`."""
        await self._rule(device_id, RulingKind.TRUSTED)

    async def revoke(self, device_id: bytes) -> None:
        """Withdraw a device for good, from the highest number seen + 1 on; errors as `suspend`."""
        await self._rule(device_id, RulingKind.REVOKED)

    async def _rule(self, device_id: bytes, kind: RulingKind) -> None:
        book = self._book
        async with book.turn:
            device = book.device(device_id)
            if device is None:
                raise UnknownDevice("There is no such device.")
            if book.revoked_from(device_id) is not None:
                raise AlreadyRevoked("This device was withdrawn before.")
            # What the desk once saw and lost is not to be refused when it is offered again.
            highest = max(book.ledger(device_id).highest, device.prekey_seq)
            from_seq = highest + 1 if kind is RulingKind.REVOKED else 0
            ruling = Ruling(device_id, kind, book.clock.now(), book.identity.desk_name, from_seq)
            await book.write([ruling])

    async def begin(self, name: str, agency: str, work: Work) -> Enrolment:
        """Make a code and open its mailboxes at the relay; RelayUnreachable, RelayRefused."""
        trust = self._book.trust
        code = EnrolmentCode.generate(trust.centre_id, trust.directory.relay.url)
        await self._client.open_enrolment(protocol.enrol_id(code))
        return Enrolment(name, agency, work, code, self._book.clock.now() + ENROLMENT_LIFETIME)

    async def poll(self, enrolment: Enrolment) -> bool:
        """Look once whether a device said hello; True when there are digits to compare.

        EnrolmentFailed when the hello is not in its form: somebody else used this code. Begin again.
        """
        if enrolment.state is EnrolmentState.WAITING:
            if self._book.clock.now() >= enrolment.expires_at:
                enrolment.state = EnrolmentState.EXPIRED
                return False
            meeting = protocol.enrol_id(enrolment.code)
            message = await self._client.get_enrolment(meeting, "up")
            if message is None or enrolment.state is not EnrolmentState.WAITING:
                return False
            hello = protocol.open_hello(enrolment.code, message)
            enrolment.digits = protocol.digits(
                self._book.trust.centre_id, meeting, hello.sign_pk, hello.first_prekey
            )
            enrolment.hello, enrolment.state = hello, EnrolmentState.COMPARE
        return enrolment.state is EnrolmentState.COMPARE

    def cancel(self, enrolment: Enrolment) -> None:
        """Give up: the digits differ, or nobody came. Nothing was signed; the code is worth nothing any more."""
        if enrolment.state is not EnrolmentState.DONE:
            enrolment.state = EnrolmentState.CANCELLED

    async def confirm(self, enrolment: Enrolment) -> None:
        """The clerk saw the same digits on both screens: sign the certificate and answer the device.

        The device is known here before it can send anything. RelayUnreachable or RelayRefused: call again, the answer
        stays the same. EnrolmentNotReady when there is nothing to confirm.
        """
        _hello_of(enrolment)
        if enrolment.device is None:
            async with self._tokens.turn():
                hello = _hello_of(
                    enrolment
                )  # somebody may have given up while the relay was asked for tokens
                if enrolment.device is None:
                    await self._admit(enrolment, hello)
        await self._client.put_enrolment(protocol.enrol_id(enrolment.code), "down", enrolment.answer)
        enrolment.state = EnrolmentState.DONE

    async def _admit(self, enrolment: Enrolment, hello: Hello) -> None:
        trust, identity = self._book.trust, self._book.identity
        now = self._book.clock.now()
        certificate = Certificate(
            kind=SenderKind.DEVICE,
            centre_id=trust.centre_id,
            device_id=random_bytes(16),
            sign_pk=hello.sign_pk,
            first_prekey=hello.first_prekey,
            not_before=now,
            agency=enrolment.agency,
            roles=(enrolment.work.value,),
        )
        draw = self._tokens.draw()
        device = EnrolledDevice(
            device_id=certificate.device_id,
            name=enrolment.name,
            agency=enrolment.agency,
            work=enrolment.work.value,
            certificate=certificate.sign(identity.signing),
            shard=secrets.randbelow(trust.directory.shards),
            enrolled_at=now,
            issued=len(draw.drop),
            read_until=draw.read_until,
            next_prekey=hello.first_prekey,
        )
        answer = protocol.seal_answer(enrolment.code, self._answer(device, draw, hello, now))
        await self._book.write([device, draw.pool, self._tokens.issue(device.device_id, draw)])
        enrolment.device, enrolment.answer = device, answer

    def _answer(self, device: EnrolledDevice, draw: Draw, hello: Hello, now: int) -> Answer:
        trust = self._book.trust
        return Answer(
            nonce=hello.nonce,
            certificate=device.certificate,
            dir_version=trust.version,
            dir_hash=trust.dir_hash,
            drop_tokens=draw.drop,
            read_tokens=draw.read,
            shard=device.shard,
            box=self._book.identity.box,
            centre_time=now,
        )

    def _row(self, device: EnrolledDevice) -> DeviceRow:
        book, ledger = self._book, self._book.ledger(device.device_id)
        ruling = book.ruling(device.device_id)
        decided = [ruling] if ruling else []
        return DeviceRow(
            device_id=device.device_id,
            name=device.name,
            agency=device.agency,
            work=device.work,
            state=self._state(device),
            enrolled_at=device.enrolled_at,
            last_seen=device.last_seen,
            highest_seq=ledger.highest,
            gaps=ledger.missing,
            tokens_left=max(0, device.issued - ledger.highest),
            decided_at=ruling.at if ruling else 0,
            decided_by=ruling.by if ruling else "",
            published=not unpublished(book.trust.directory, decided),
            revoked_from=book.revoked_from(device.device_id) or 0,
        )

    def _state(self, device: EnrolledDevice) -> DeviceState:
        if self._book.revoked_from(device.device_id) is not None:
            return DeviceState.REVOKED
        if self._book.is_suspended(device.device_id):
            return DeviceState.SUSPENDED
        return DeviceState.FORKED if device.forked else DeviceState.ENROLLED


def _hello_of(enrolment: Enrolment) -> Hello:
    """Return what the clerk confirms; EnrolmentNotReady when there is nothing, or not any more."""
    if enrolment.hello is None or enrolment.state not in (EnrolmentState.COMPARE, EnrolmentState.DONE):
        raise EnrolmentNotReady("There is nothing to confirm.")
    return enrolment.hello
