"""Cases and discreet contact: aliases, safe-contact rules, logged contacts and the alarms that they raise.

A case begins with a screening or on its own. Its rules stay on the device as long as the worker needs them; every
logged contact and every change of the rules is also filed for the centre. What is only half logged or half changed is
kept by `services.unfinished` until then. The centre may change the rules too: when the worker has changed them meanwhile,
both stand beside each other until the worker chooses, and the more careful counts.
"""

from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import cast

from fieldapp.codec import case_contact_body, contact_body, parse_safe_contact_body
from fieldapp.domain.attachment import Attachment
from fieldapp.domain.contact import (
    Channel,
    ContactAlarm,
    ContactEvent,
    ContactState,
    Direction,
    Outcome,
    SafeContact,
    SeenBy,
    contact_alarm,
    contact_state,
    missed_check_in,
)
from fieldapp.domain.unfinished import OpenContact, OpenRules, Unfinished
from fieldapp.errors import CodecError, ContactError
from fieldapp.services.filed import Filed, What
from fieldapp.services.filing import Book, Damaged
from fieldapp.services.kinds import Kind
from fieldapp.services.unfinished import UnfinishedWork
from fieldapp.vault.vault import Transaction
from sync.canonical import Value, dumps
from sync.downstream import RulesUpdate, rules_hash
from sync.primitives import blake


@dataclass(frozen=True, slots=True)
class CentreRules:
    """Rules that the centre sent: their version there, when (seconds), who, and whether the worker has to choose.

    `contact` is kept while it is `open`; afterwards it is in the case, or was put aside. `applied`: `rules_hash` of what
    replaced the worker's rules, b"" when nothing did. `taken_at`: when this device heard of them.
    """

    version: int
    at: int
    role: str
    open: bool = False
    contact: SafeContact | None = field(default=None, repr=False)
    applied: bytes = b""
    taken_at: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """One person whom this worker is in touch with. Id 16 bytes; `opened` in seconds; an alias, never a name."""

    id: bytes
    alias: str
    opened: int
    contact: SafeContact | None = field(default=None, repr=False)
    rules_version: int = 0
    withheld: int = 0
    """Who must not see this, as `sync.protocol.Withheld`: what was said at the screening holds for the whole case."""
    from_centre: CentreRules | None = field(default=None, repr=False)
    """What the centre said last about reaching this person."""

    @property
    def in_question(self) -> SafeContact | None:
        """What the centre says and this worker has not accepted or put aside yet; None when there is no question."""
        return self.from_centre.contact if self.from_centre and self.from_centre.open else None


@dataclass(frozen=True, slots=True)
class Entry:
    """What the worker taps when logging a contact; `next_safe` is local wall time."""

    outcome: Outcome
    direction: Direction = Direction.OUT
    channel: Channel = Channel.CALL
    seen_by: SeenBy = SeenBy.UNKNOWN
    next_safe: datetime | None = None
    note: str = field(default="", repr=False)
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RemovedCase:
    """A case that was taken off the device with what was open about it, as long as that can be taken back."""

    case: Case
    unfinished: tuple[Unfinished, ...] = field(repr=False)


class Contacts:
    """All cases of one unlocked device."""

    def __init__(
        self, book: Book, unfinished: UnfinishedWork, holidays: Collection[date] = frozenset()
    ) -> None:
        self._book = book
        self._unfinished = unfinished
        self._holidays = holidays
        self._cases: dict[bytes, Case] = {}
        for body in book.stored(Kind.CASE).values():
            try:
                case = _read_case(body)
                self._cases[case.id] = case
            except (CodecError, KeyError, TypeError, ValueError):
                book.damaged.append(Damaged(Kind.CASE))

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases, the newest first."""
        return tuple(sorted(self._cases.values(), key=lambda case: case.opened, reverse=True))

    def case(self, case_id: bytes) -> Case | None:
        """Return one case."""
        return self._cases.get(case_id)

    def is_by_centre(self, case: Case) -> bool:
        """Tell whether the present rules of a case are the centre's."""
        applied = case.from_centre.applied if case.from_centre else b""
        return bool(applied) and applied == _rules_hash(case)

    def history(self, case_id: bytes) -> tuple[Filed, ...]:
        """Return what was filed about a case, the newest first."""
        return tuple(record for record in self._book.filed if record.case_id == case_id)

    def state(self, case: Case, at: datetime | None = None) -> ContactState:
        """Tell whether contact is safe at `at` (local wall time), by default now.

        If it is not, the number stays hidden and `next_safe` may say when. While the worker and the centre say different
        things, contact is safe only when both say so.
        """
        moment = at or self._book.clock.local()
        rules = case.contact.rules if case.contact else None
        own = contact_state(rules, moment, self._holidays)
        if case.in_question is None:
            return own
        theirs = contact_state(case.in_question.rules, moment, self._holidays)
        stricter = own if not own.may_call else theirs
        return stricter if stricter.may_call else ContactState(stricter.permission)

    def wall_time(self, at: int) -> datetime:
        """Return a moment in epoch seconds as local wall time, as rules and windows are written."""
        return self._book.clock.local() - timedelta(seconds=self._book.clock.now() - at)

    def alarm(self, case: Case) -> ContactAlarm | None:
        """Return the strongest alarm of a case: its logged contacts, or a check-in that is overdue."""
        return contact_alarm(self._events(case), self._overdue(case))

    async def open_case(self, case_id: bytes, alias: str, contact: SafeContact | None = None) -> Case:
        """Begin a case: after a screening with its id and alias, or on its own with new ones."""
        screening = self._book.record(case_id)
        withheld = screening.withheld if screening else 0
        case = Case(case_id, alias, self._book.clock.now(), contact, 1 if contact else 0, withheld)
        await self._save(case)
        return case

    async def set_rules(self, case: Case, contact: SafeContact, *, begun: OpenRules | None = None) -> Case:
        """Keep new safe-contact rules here and file them for the centre, in one transaction.

        What was `begun` is replaced by the filed record in the same transaction: it has its id.
        """
        case = self._cases.get(case.id, case)  # the centre may have said something meanwhile
        answered = self._answered(case, begun)
        changed = replace(case, contact=contact, rules_version=case.rules_version + 1, from_centre=answered)
        body = cast(Mapping[str, Value], case_contact_body(case.id, contact))
        record = Filed(
            record_id=begun.id if begun else self._book.ids.new_id(),
            case_id=case.id,
            what=What.RULES,
            alias=case.alias,
            at=self._book.clock.now(),
            level="",
            band="",
            withheld=case.withheld,
            version=changed.rules_version,
            content=body,
        )
        payload = _case_bytes(changed)
        await self._book.file(record, lambda tx: tx.put(_record_id(case.id), Kind.CASE, payload))
        self._cases = {**self._cases, case.id: changed}
        if begun:
            self._unfinished.drop([begun])
        self._book.changes.ring()
        return changed

    def _answered(self, case: Case, begun: OpenRules | None) -> CentreRules | None:
        """Return the centre's word after the worker set rules: answered, unless it came while these were being typed."""
        said = case.from_centre
        if said is None or begun is None or said.taken_at < begun.started:
            return replace(said, open=False, contact=None) if said else None
        theirs = case.in_question or (case.contact if self.is_by_centre(case) else None)
        return replace(said, open=theirs is not None, contact=theirs, applied=b"")

    async def take(self, update: RulesUpdate) -> None:
        """Take in what the centre says about a case of this device, once. VaultError: it is to be said again.

        It replaces the rules if the worker has not changed them since the centre saw them; else both are kept. An older
        version, a case that is not here, and rules that cannot be read change nothing.
        """
        case = self._cases.get(update.case_id)
        if case is None or (case.from_centre and update.version <= case.from_centre.version):
            return
        try:
            named, contact = parse_safe_contact_body(dict(update.contact))
        except CodecError:
            return
        if named != case.id:
            return
        seen = {update.base, case.from_centre.applied if case.from_centre else b""}
        own = _rules_hash(case)
        conflict = case.in_question is not None or bool(own and own not in seen and case.contact != contact)
        said = CentreRules(
            update.version,
            update.at,
            update.role,
            open=conflict,
            contact=contact if conflict else None,
            applied=b"" if conflict else rules_hash(update.contact),
            taken_at=self._book.clock.now(),
        )
        await self._save(replace(case, from_centre=said, contact=case.contact if conflict else contact))

    async def log(
        self, case: Case, entry: Entry, *, begun: OpenContact | None = None
    ) -> tuple[Filed, ContactAlarm | None]:
        """Log one contact and file it; returns it with the alarm that it raises in the light of the case.

        The contact was now, or when its log was `begun`: that is replaced by the filed record in the same transaction,
        which has its id. ContactError when the number was hidden then and no reason is given (product: screen 5).
        Contacts that the person began need none.
        """
        at = begun.started if begun else self._book.clock.now()
        hidden = not self.state(case, self.wall_time(at)).may_call
        if entry.direction is Direction.OUT and hidden and not entry.reason.strip():
            raise ContactError("Say why contact was made although it was not a safe moment.")
        event = ContactEvent(
            id=begun.id if begun else self._book.ids.new_id(),
            case_id=case.id,
            alias=case.alias,
            at=at,
            outcome=entry.outcome,
            direction=entry.direction,
            channel=entry.channel,
            seen_by=entry.seen_by,
            next_safe=entry.next_safe,
            note=entry.note,
            reason=entry.reason,
        )
        overdue = entry.outcome is not Outcome.REACHED_SAFE and self._overdue(case)
        alarm = contact_alarm([*self._events(case), event], overdue)
        record = Filed(
            record_id=event.id,
            case_id=case.id,
            what=What.CONTACT,
            alias=case.alias,
            at=event.at,
            level=alarm.level.code if alarm else "",
            band=alarm.band.code if alarm else "",
            outcome=entry.outcome.value,
            withheld=case.withheld,
            content=cast(Mapping[str, Value], contact_body(event, alarm)),
        )
        attachments = self._unfinished.attachments

        def file(files: tuple[Attachment, ...]) -> Awaitable[Filed]:
            with_files = replace(record, attachments=files)
            return self._book.file(with_files, attachments.filing(with_files, files))

        filed = await attachments.file_with(event.id, file)
        attachments.forget_list(event.id)
        if begun:
            self._unfinished.drop([begun])
        return filed, alarm

    async def close_case(self, case: Case) -> RemovedCase:
        """Take a case off this device with what is open about it; `restore` takes that back."""
        begun = self._unfinished.about(case.id)

        def remove(tx: Transaction) -> None:
            tx.erase(_record_id(case.id))
            self._unfinished.erase(tx, begun)

        await self._book.commit(remove)
        self._unfinished.drop(begun)
        self._cases = {key: c for key, c in self._cases.items() if key != case.id}
        self._book.changes.ring()
        return RemovedCase(case, begun)

    async def restore(self, removed: RemovedCase) -> None:
        """Put back a case that was just closed."""
        for begun in removed.unfinished:
            await self._unfinished.save(begun)
        await self._save(removed.case)

    def forget(self) -> None:
        """Drop everything that was read: the notebook is being locked."""
        self._cases = {}

    async def _save(self, case: Case) -> None:
        payload = _case_bytes(case)
        await self._book.commit(lambda tx: tx.put(_record_id(case.id), Kind.CASE, payload))
        self._cases = {**self._cases, case.id: case}
        self._book.changes.ring()

    def _overdue(self, case: Case) -> bool:
        now, local = self._book.clock.now(), self._book.clock.local()
        safe = [r.at for r in self.history(case.id) if r.outcome == Outcome.REACHED_SAFE.value]
        last_safe = local - timedelta(seconds=now - max(safe)) if safe else None
        return missed_check_in(case.contact.rules if case.contact else None, last_safe, local)

    def _events(self, case: Case) -> list[ContactEvent]:
        """The contacts of a case, oldest first, as far as the stubs tell: what matters for an alarm is kept."""
        records = [r for r in reversed(self.history(case.id)) if r.what is What.CONTACT and r.outcome]
        return [
            ContactEvent(
                r.record_id, case.id, case.alias, r.at, Outcome(r.outcome), Direction.OUT, Channel.OTHER
            )
            for r in records
        ]


def _record_id(case_id: bytes) -> bytes:
    """The vault record of a case. A case has the id of the screening that opened it, which is a record of its own."""
    return blake(b"fsv1 case", case_id, n=16)


def _case_bytes(case: Case) -> bytes:
    contact = None if case.contact is None else case_contact_body(case.id, case.contact)
    return dumps(
        cast(
            Value,
            {
                "alias": case.alias,
                "case_id": case.id.hex(),
                "contact": contact,
                "from_centre": None if case.from_centre is None else _centre_body(case.id, case.from_centre),
                "opened": case.opened,
                "rules_version": case.rules_version,
                "v": 1,
                "withheld": case.withheld,
            },
        )
    )


def _rules_hash(case: Case) -> bytes:
    """Return what the centre names these rules by; b"" when there are none."""
    if case.contact is None:
        return b""
    return rules_hash(cast(Mapping[str, Value], case_contact_body(case.id, case.contact)))


def _centre_body(case_id: bytes, said: CentreRules) -> dict[str, object]:
    return {
        "applied": said.applied.hex(),
        "at": said.at,
        "contact": None if said.contact is None else case_contact_body(case_id, said.contact),
        "open": said.open,
        "role": said.role,
        "taken_at": said.taken_at,
        "version": said.version,
    }


def _read_centre(body: object) -> CentreRules | None:
    if not isinstance(body, Mapping):  # a case of an early release, or one that the centre said nothing about
        return None
    contact = body["contact"]
    return CentreRules(
        version=int(str(body["version"])),
        at=int(str(body["at"])),
        role=str(body["role"]),
        open=body["open"] is True,
        contact=None if contact is None else parse_safe_contact_body(contact)[1],
        applied=bytes.fromhex(str(body["applied"])),
        taken_at=int(str(body["taken_at"])),
    )


def _read_case(body: Mapping[str, object]) -> Case:
    contact = body["contact"]
    return Case(
        id=bytes.fromhex(str(body["case_id"])),
        alias=str(body["alias"]),
        opened=int(str(body["opened"])),
        contact=None if contact is None else parse_safe_contact_body(contact)[1],
        rules_version=int(str(body["rules_version"])),
        withheld=int(str(body["withheld"])),
        from_centre=_read_centre(body.get("from_centre")),
    )
