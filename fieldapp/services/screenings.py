"""The officer's and the outreach worker's screenings: begin, answer, interrupt, resume, finish.

    screening = await screenings.begin(Mode.OFFICER, language="en")
    screening = screening.with_answer("S01", Answer.YES)     # pure
    await screenings.save(screening)                         # durable and encrypted when this returns
    record = await screenings.finish(screening, FinishChoice(FinishKind.SEND))

A screening is a draft until `finish`; nothing is sealed before. Everything unfinished is offered back.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import cast

from fieldapp.assets import alias_words, default_instrument, handover_words, instrument_for
from fieldapp.codec import draft_body, parse_draft
from fieldapp.domain.attachment import Attachment
from fieldapp.domain.ids import handover_pair, new_alias
from fieldapp.domain.instrument import Instrument
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, Screening, start_screening
from fieldapp.errors import FieldappError, ScreeningError
from fieldapp.services.attaching import Attachments
from fieldapp.services.filed import Filed, Stage, What
from fieldapp.services.filing import Book, Damaged
from fieldapp.services.kinds import Kind
from fieldapp.services.parts import withheld_flags
from fieldapp.vault.vault import Transaction
from sync.canonical import Value, dumps


class Screenings:
    """All screenings of one unlocked device."""

    def __init__(
        self, book: Book, instrument: Instrument | None = None, attachments: Attachments | None = None
    ) -> None:
        self._book = book
        self._attachments = attachments or Attachments(book)
        self._instrument = instrument or default_instrument()
        self._drafts: dict[bytes, Screening] = {}
        for record_id, body in book.stored(Kind.DRAFT).items():
            try:
                self._drafts[record_id] = parse_draft(body, instrument_for)
            except FieldappError:
                book.damaged.append(Damaged(Kind.DRAFT))

    @property
    def unfinished(self) -> tuple[Screening, ...]:
        """Drafts, the newest first."""
        drafts = (draft for draft in self._drafts.values() if not self._book.record(draft.id))
        return tuple(sorted(drafts, key=lambda s: s.started, reverse=True))

    def draft(self, screening_id: bytes) -> Screening | None:
        """Return one draft as it was last saved."""
        return self._drafts.get(screening_id)

    @property
    def finished(self) -> tuple[Filed, ...]:
        """Finished screenings, the newest first."""
        return tuple(record for record in self._book.filed if record.what is What.SCREENING)

    @property
    def kept(self) -> tuple[Filed, ...]:
        """Finished screenings that the worker keeps on this device by choice."""
        return tuple(record for record in self.finished if self._book.stage(record) is Stage.KEPT)

    async def begin(self, mode: Mode, *, language: str, alias: str = "") -> Screening:
        """Start a screening and save it at once, so that even an empty one survives."""
        screening = start_screening(
            screening_id=self._book.ids.new_id(),
            alias=alias or self.new_alias(),
            instrument=self._instrument,
            at=self._book.clock.now(),
            mode=mode,
        ).with_context(language=language)
        await self.save(screening)
        return screening

    async def save(self, screening: Screening) -> None:
        """Write the draft; when this returns it is encrypted on the disk. VaultError: the former state stays.

        ScreeningError when it was finished meanwhile: what is sealed never becomes a draft again.
        """
        if screening.ended is not None:
            raise FieldappError("A finished screening cannot be saved as a draft.")
        payload = dumps(cast(Value, draft_body(screening)))

        def change(tx: Transaction) -> None:
            if self._book.record(screening.id):
                raise ScreeningError("This screening is finished already.")
            tx.put(screening.id, Kind.DRAFT, payload)
            self._attachments.restore(tx, screening.id)

        await self._book.commit(change)
        self._attachments.restored(screening.id)
        self._drafts = {**self._drafts, screening.id: screening}

    async def discard(self, screening_id: bytes) -> Screening:
        """Erase a draft and return it, so that the screen can offer to take that back with `save`."""
        screening = self._drafts[screening_id]

        def erase(tx: Transaction) -> None:
            tx.erase(screening_id)
            self._attachments.erase(tx, [screening_id])

        await self._attachments.settling(screening_id)
        await self._book.commit(erase)
        self._attachments.dropped(screening_id)
        self._drafts = {key: draft for key, draft in self._drafts.items() if key != screening_id}
        self._book.changes.ring()
        return screening

    async def finish(self, screening: Screening, choice: FinishChoice) -> Filed:
        """End the screening now and file it: sealed in the same transaction where that is possible.

        Raises ScreeningError for a choice that this mode does not have; VaultError when nothing could be written:
        then it still is the draft that it was. Finishing twice gives the first record again.
        """
        pair = handover_pair(self._book.ids, handover_words())
        finished = screening.finished(self._book.clock.now(), choice, pair)

        def file(files: tuple[Attachment, ...]) -> Awaitable[Filed]:
            record = replace(self._record(finished), attachments=files if finished.carries_identity else ())
            return self._book.file(record, self._attachments.filing(record, files))

        record = await self._attachments.file_with(screening.id, file)
        self._attachments.forget_list(screening.id)
        self._drafts = {key: draft for key, draft in self._drafts.items() if key != screening.id}
        return record

    async def release(self, record_id: bytes, choice: FinishChoice) -> Filed:
        """Send a record that was kept, with a new choice; or keep it until another date."""
        record = self._book.record(record_id)
        if record is None or record.content is None or record.sealed:
            raise FieldappError("This record is not kept on the device any more.")
        screening = replace(parse_draft(dict(record.content), instrument_for), finish=choice)
        files = record.attachments if screening.carries_identity else ()
        filed = replace(self._record(screening), attachments=files)
        return await self._book.refile(filed, self._attachments.leaving(record, filed))

    def forget(self) -> None:
        """Drop everything that was read: the notebook is being locked."""
        self._drafts = {}

    def new_alias(self) -> str:
        """Return two random words that no draft and no record of this device has."""
        taken = {draft.alias for draft in self._drafts.values()} | {r.alias for r in self._book.filed}
        return new_alias(self._book.ids, alias_words(), taken)

    def _record(self, screening: Screening) -> Filed:
        level, band = screening.effective
        choice = screening.finish
        kept = choice.until if choice and choice.kind is FinishKind.KEEP_UNTIL else None
        return Filed(
            record_id=screening.id,
            case_id=screening.id,
            what=What.SCREENING,
            alias=screening.alias,
            at=screening.ended or 0,
            level=level.code,
            band=band.code,
            handover=screening.handover or (),
            keep_until=kept,
            withheld=withheld_flags(screening.must_not_see),
            content=cast(Mapping[str, Value], draft_body(screening)),
        )
