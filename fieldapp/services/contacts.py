"""Cases and discreet contact: aliases, safe-contact rules, logged contacts and the alarms that they raise.

A case begins with a screening or on its own. Its rules stay on the device as long as the worker needs them; every
logged contact and every change of the rules is also filed for the centre. What is only half logged or half changed is
kept by `services.unfinished` until then. The centre may change the rules too: when the worker has changed them meanwhile,
both stand beside each other until the worker chooses, and the more careful counts.
"""

from collections.abc import Awaitable, Collection, Mapping
from dataclasses import replace
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
    contact_alarm,
    contact_state,
    missed_check_in,
)
from fieldapp.domain.unfinished import OpenContact, OpenRules
from fieldapp.errors import CodecError, ContactError
from fieldapp.services.case_file import (
    Case,
    CentreRules,
    Entry,
    RemovedCase,
    case_bytes,
    read_case,
    record_id_of,
    rules_hash_of,
)
from fieldapp.services.filed import Filed, What
from fieldapp.services.filing import Book, Damaged
from fieldapp.services.kinds import Kind
from fieldapp.services.unfinished import UnfinishedWork
from fieldapp.vault.vault import Transaction
from sync.canonical import Value
from sync.downstream import RulesUpdate, rules_hash


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
                case = read_case(body)
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
        return bool(applied) and applied == rules_hash_of(case)

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
        payload = case_bytes(changed)
        await self._book.file(record, lambda tx: tx.put(record_id_of(case.id), Kind.CASE, payload))
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
        own = rules_hash_of(case)
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
        for one in begun:
            await self._unfinished.attachments.settling(one.id)

        def remove(tx: Transaction) -> None:
            tx.erase(record_id_of(case.id))
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
        payload = case_bytes(case)
        await self._book.commit(lambda tx: tx.put(record_id_of(case.id), Kind.CASE, payload))
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
