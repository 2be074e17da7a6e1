"""Files on the device: encrypted at once, counted against honest limits, gone with their draft, never lost to a tap."""

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.assets import instrument_for
from fieldapp.codec import parse_screening_body
from fieldapp.domain.attachment import MAX_DEVICE_PIECES, MAX_FILES
from fieldapp.domain.contact import Outcome
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, Screening
from fieldapp.domain.unfinished import OpenContact
from fieldapp.services.case_file import Entry
from fieldapp.services.filed import Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.media import FileRefused, Prepared, Refused, prepare
from fieldapp.services.notebook import Notebook
from sync.client import CentreClient
from sync.outbox import OutboxState
from sync.protocol import ENVELOPE_SIZES
from tests.fakes import media
from tests.fakes.canary import leaks
from tests.fakes.centre import ScriptedCentre
from tests.unit.services.conftest import PASSPHRASE, Switchable

pytestmark = pytest.mark.anyio


def document(pieces: int) -> Prepared:
    return prepare(media.pdf(pieces * 63_488 - 500))


async def begun(notebook: Notebook) -> Screening:
    made = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    made = made.with_answer("G1", Answer.YES)
    await notebook.screenings.save(made)
    return made


def pieces(gate: Gate) -> int:
    assert gate.notebook
    return len(gate.notebook.book._vault.records(Kind.PIECE))


async def again(gate: Gate) -> Notebook:
    await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    return notebook


async def test_a_file_is_there_after_a_lock_and_nothing_of_it_is_readable_on_the_disk(
    gate: Gate, tmp_path: Path
) -> None:
    assert gate.notebook
    made = await begun(gate.notebook)
    (tmp_path / "planted").write_bytes(media.wav() + media.SERIAL.encode())
    assert leaks([media.SERIAL], [tmp_path])
    (tmp_path / "planted").unlink()
    kept = await gate.notebook.attachments.add(made.id, document(2), "  the\nletter ")
    assert kept.label == "the letter"
    notebook = await again(gate)
    assert notebook.attachments.of(made.id) == (kept,)
    assert leaks([media.PLACE, "the letter"], [tmp_path]) == []
    await notebook.attachments.rename(made.id, kept.id, "another word")
    await notebook.attachments.remove(made.id, b"x" * 16)
    notebook = await again(gate)
    (renamed,) = notebook.attachments.of(made.id)
    assert (renamed.label, renamed.pieces) == ("another word", kept.pieces)
    await notebook.attachments.remove(made.id, kept.id)
    assert pieces(gate) == 0
    assert (await again(gate)).attachments.of(made.id) == ()


async def test_too_many_too_much_and_no_room_are_refused_and_keep_what_was_there(gate: Gate) -> None:
    assert gate.notebook
    attachments = gate.notebook.attachments
    first, second, third = [await begun(gate.notebook) for _ in range(3)]

    async def refused(owner: bytes, file: Prepared) -> Refused:
        before, count = attachments.of(owner), pieces(gate)
        with pytest.raises(FileRefused) as error:
            await attachments.add(owner, file)
        assert (attachments.of(owner), pieces(gate)) == (before, count)
        return error.value.reason

    for _ in range(MAX_FILES):
        await attachments.add(first.id, document(1))
    assert await refused(first.id, document(1)) is Refused.TOO_MANY
    await attachments.add(second.id, document(13))
    assert await refused(second.id, document(12)) is Refused.TOO_MANY
    await attachments.add(second.id, document(11))
    assert pieces(gate) == 30 == MAX_DEVICE_PIECES - 2
    assert await refused(third.id, document(3)) is Refused.NO_ROOM
    assert gate.notebook.book._vault.room > 300  # records always find room
    await gate.notebook.screenings.save(third)


async def test_discarding_a_draft_erases_its_files_and_taking_that_back_brings_them_back(gate: Gate) -> None:
    assert gate.notebook
    notebook = gate.notebook
    made = await begun(notebook)
    kept = await notebook.attachments.add(made.id, document(2))
    discarded = await notebook.screenings.discard(made.id)
    assert pieces(gate) == 0
    assert notebook.attachments.of(made.id) == ()
    await notebook.screenings.save(discarded)
    assert notebook.attachments.of(made.id) == (kept,)
    assert pieces(gate) == 2
    await notebook.screenings.discard(made.id)
    notebook = await again(gate)  # locked: it cannot be taken back any more
    assert (pieces(gate), notebook.attachments.of(made.id)) == (0, ())


async def test_a_contact_carries_its_files_and_discarding_its_log_erases_them(
    notebook: Notebook, gate: Gate
) -> None:
    case = await notebook.contacts.open_case(b"c" * 16, "heron basalt")
    logs = [
        OpenContact(bytes((n,)) * 16, case.id, notebook.book.clock.now(), outcome=Outcome.OTHER)
        for n in (1, 2)
    ]
    for log in logs:
        await notebook.unfinished.save(log)
        await notebook.attachments.add(log.id, document(1))
    await notebook.unfinished.discard(logs[0])
    assert pieces(gate) == 1
    await notebook.unfinished.save(logs[0])
    assert pieces(gate) == 2
    filed, _ = await notebook.contacts.log(case, Entry(Outcome.OTHER, reason="made up"), begun=logs[1])
    assert len(filed.attachments) == 1
    assert notebook.attachments.of(logs[1].id) == ()
    await notebook.unfinished.discard(logs[0])
    assert pieces(gate) == 1


async def test_asking_for_advice_without_identity_leaves_the_files_behind(
    notebook: Notebook, gate: Gate
) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(1))
    filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.ADVICE_WITHOUT_IDENTITY))
    assert filed.attachments == ()
    assert pieces(gate) == 0


async def test_a_record_without_files_is_stored_and_sent_as_before(notebook: Notebook) -> None:
    made = await begun(notebook)
    filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    stored = filed.to_bytes()
    assert not any(word in stored for word in (b"attachments", b"part_files", b"withdrawn"))
    assert Filed.from_bytes(stored) == filed


async def test_pieces_come_after_the_record_all_alike_and_four_at_a_time(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, network: Switchable
) -> None:
    made = await begun(notebook)
    file = await notebook.attachments.add(made.id, document(5), "the letter")
    network.off()
    filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    assert Filed.from_bytes(filed.to_bytes()) == filed
    await notebook.book.seal_chunks()
    assert len(filed.unsealed_pieces) == 5  # nothing is sealed before the relay has the record
    assert notebook.delivery.waiting == 1
    network.on()
    await notebook.delivery.send_now()
    await notebook.delivery.once()
    (page,) = [await desk.box(centre.box, "")]
    report = parse_screening_body(centre.open(page.envelopes[0]).body, instrument_for)
    assert report.attachments == (file,)
    network.off()
    await notebook.delivery.once()
    waiting = [e for e, m in notebook.book.on_the_way if m.state is OutboxState.SEALED]
    assert [len(e.envelope) for e in waiting] == [ENVELOPE_SIZES[3]] * 4
    assert notebook.book.stage(filed) is Stage.STORED
    restored = Filed.from_bytes(notebook.book.record(filed.record_id).to_bytes())  # type: ignore[union-attr]
    assert restored == notebook.book.record(filed.record_id)
    assert [index for _, index in restored.unsealed_pieces] == [4]


async def test_a_file_of_a_record_that_is_kept_can_be_taken_out(notebook: Notebook, gate: Gate) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(1))
    until = notebook.book.clock.local().date()
    filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.KEEP_UNTIL, until))
    assert notebook.book.stage(filed) is Stage.KEPT
    changed = await notebook.book.withdraw(filed.record_id, filed.attachments[0].id)
    assert changed
    assert (changed.attachments, changed.withdrawn, pieces(gate)) == ((), (), 0)
    sent = await notebook.screenings.release(filed.record_id, FinishChoice(FinishKind.SEND))
    assert sent.attachments == ()


async def test_a_kept_record_is_sent_with_its_files(notebook: Notebook) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(1))
    until = notebook.book.clock.local().date()
    filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.KEEP_UNTIL, until))
    sent = await notebook.screenings.release(filed.record_id, FinishChoice(FinishKind.SEND))
    assert sent.attachments == filed.attachments
    assert sent.sealed


async def test_where_nothing_may_stay_readable_all_pieces_are_sealed_at_once_and_erased(
    notebook: Notebook, gate: Gate, monkeypatch: pytest.MonkeyPatch, network: Switchable
) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(6))
    network.off()
    monkeypatch.setattr(type(notebook.book), "_write_only", lambda _book, _now: True)
    filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    await notebook.delivery.once()
    sealed = notebook.book.record(filed.record_id)
    assert sealed
    assert (sealed.content, len(sealed.chunk_parts)) == (None, 6)
    assert not notebook.book.may_withdraw(sealed, sealed.attachments[0].id)
    await notebook.delivery.once()
    assert pieces(gate) == 0


async def test_a_record_is_not_opened_while_pieces_of_it_are_not_even_sealed(notebook: Notebook) -> None:
    made = await begun(notebook)
    await notebook.attachments.add(made.id, document(1))
    filed = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    now = notebook.book.clock.now()
    for part in filed.parts:
        filed = filed.with_opened(part.env_hash, now)
    assert all(part.opened for part in filed.parts)
    assert filed.opened_at == 0
    alone = replace(filed, attachments=())
    assert alone.with_opened(alone.parts[0].env_hash, now).opened_at == now
