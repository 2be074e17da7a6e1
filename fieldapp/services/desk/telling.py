"""What people at a desk tell a device: messages, changed contact rules, its policy, and that there is a new directory.

Everything is sealed and kept in one transaction, then sent until the relay has it. A device that is offline hears it when
it comes back, within 45 days; what has a version is sent again as a whole with the next change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from fieldapp.codec import case_contact_body, parse_safe_contact_body
from fieldapp.domain.contact import SafeContact
from fieldapp.errors import FieldappError, InputError
from fieldapp.services.desk.book import DeskBook
from fieldapp.services.desk.downstream import seal_for_device
from fieldapp.services.desk.records import DeskRecord, EnrolledDevice
from fieldapp.services.desk.said import CaseRules, Said, Told
from sync.canonical import Value
from sync.downstream import MAX_TEXT, DevicePolicy, DirectoryNotice, Message, Rekey, RulesUpdate, rules_hash
from sync.errors import CanonicalError, SealRefused
from sync.protocol import MsgType

ROLE: Final = "Intake"
"""Who speaks, as the device shows it beside the desk's name."""


class UnknownDevice(FieldappError):
    """There is no such device."""

    advice = "Look at the list of devices again."


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a change of contact rules is for: the device that works on the case, and what this desk knows of it.

    `seen` are the worker's last rules that arrived here (None for none), `base` is their hash, `sent` what we sent last.
    """

    device_id: bytes
    case_id: bytes
    seen: SafeContact | None
    base: bytes
    sent: CaseRules | None


class Telling:
    """Everything that this desk says to devices besides receipts and tokens."""

    def __init__(self, book: DeskBook, wake: Callable[[], None] = lambda: None) -> None:
        """Tell the devices of `book`; `wake` is called when there is something to be sent."""
        self._book = book
        self._wake = wake

    def said_to(self, device_id: bytes) -> Sequence[Said]:
        """Return the messages to a device, the newest first."""
        mine = [said for said in self._book.said if said.device_id == device_id]
        return sorted(mine, key=lambda said: -said.seq)

    async def message(self, device_id: bytes, text: str, about: bytes = b"") -> None:
        """Send a short text to the worker of a device. InputError when it is empty, too long or holds odd characters."""
        now = self._book.clock.now()
        try:
            body = Message(now, ROLE, text.strip(), about).to_bytes()
        except CanonicalError:
            raise InputError(f"A message has 1 to {MAX_TEXT} plain characters.") from None
        async with self._book.turn:
            by = self._book.identity.desk_name
            said = Said(device_id, self._device(device_id).down_seq + 1, now, by, text.strip(), about)
            await self._say(device_id, MsgType.MESSAGE, body, said)

    async def change_rules(self, reach: Reach, contact: SafeContact) -> None:
        """Send changed contact rules for a case to the device that works on it."""
        body = cast(Mapping[str, Value], case_contact_body(reach.case_id, contact))
        async with self._book.turn:
            before = self.reach(reach.device_id, reach.case_id)
            # Over all devices: one that enrolled anew has another id, and still holds the case with its versions.
            versions = (rules.version for rules in self._book.case_rules if rules.case_id == reach.case_id)
            version = max(versions, default=0) + 1
            now, by = self._book.clock.now(), self._book.identity.desk_name
            update = RulesUpdate(reach.case_id, version, before.base, now, ROLE, body)
            kept = CaseRules(reach.device_id, reach.case_id, version, now, by, body)
            await self._say(reach.device_id, MsgType.SAFE_CONTACT_UPDATE, update.to_bytes(), kept)

    def reach(self, device_id: bytes, case_id: bytes) -> Reach:
        """Return what is known about reaching the person of a case that a device works on."""
        arrived = [
            (arrival.opened.header.seq, arrival.body)
            for arrival in self._book.received
            if arrival.opened is not None
            and arrival.opened.header.sender_id == device_id
            and arrival.opened.header.msg_type is MsgType.SAFE_CONTACT
            and arrival.body.get("id") == case_id.hex()
        ]
        sent = next(
            (r for r in self._book.case_rules if (r.device_id, r.case_id) == (device_id, case_id)), None
        )
        if not arrived:
            return Reach(device_id, case_id, None, b"", sent)
        _, newest = max(arrived, key=lambda pair: pair[0])
        return Reach(device_id, case_id, parse_safe_contact_body(newest)[1], rules_hash(newest), sent)

    async def set_policy(self, device_id: bytes, policy: DevicePolicy) -> None:
        """Give a device a policy of its own; its version is set here, above the last one."""
        async with self._book.turn:
            told = self._book.told(device_id)
            numbered = replace(policy, version=told.policy + 1)
            await self._say(
                device_id, MsgType.POLICY, numbered.to_bytes(), replace(told, policy=numbered.version)
            )

    async def rekey(self, device_id: bytes) -> None:
        """Let a device announce a new prekey at once, when somebody may have read what was sent to it."""
        async with self._book.turn:
            await self._say(device_id, MsgType.REKEY, Rekey(self._book.clock.now()).to_bytes())

    async def announce(self) -> None:
        """Tell every device of a directory that came after its first: it fetches that at its next contact."""
        version = self._book.trust.version
        if version == 1:
            return
        notice = DirectoryNotice(version, self._book.trust.dir_hash).to_bytes()
        for device in self._book.devices:
            told = self._book.told(device.device_id)
            if told.directory < version:
                async with self._book.turn:
                    await self._announce(device.device_id, notice, replace(told, directory=version))

    async def _announce(self, device_id: bytes, notice: bytes, told: Told) -> None:
        try:
            await self._say(device_id, MsgType.DIRECTORY, notice, told)
        except SealRefused:
            await self._book.write([told])  # a device without a usable prekey looks once a day by itself

    async def _say(self, device_id: bytes, msg_type: MsgType, body: bytes, *also: DeskRecord) -> None:
        device, waiting = seal_for_device(self._book, self._device(device_id), msg_type, body)
        await self._book.write([device, waiting, *also])
        self._wake()

    def _device(self, device_id: bytes) -> EnrolledDevice:
        device = self._book.device(device_id)
        if device is None:
            raise UnknownDevice("There is no such device.")
        return device
