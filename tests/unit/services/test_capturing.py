"""What is taken inside the app: on the disk while it is made, ended by a lock and kept, never a plain file."""

import asyncio
import math
import threading
from array import array
from pathlib import Path

import pytest

from fieldapp.domain.attachment import MAX_FILE_SIZE, Attachment
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, Screening
from fieldapp.domain.unfinished import OpenContact
from fieldapp.errors import AttachmentError
from fieldapp.services import capturing
from fieldapp.services.capturing import MOST_BYTES, MOST_WAITING, Recording
from fieldapp.services.chunking import pieces_of
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.media import FileRefused, Prepared, Refused, prepare
from fieldapp.services.media.voice import HEAD, RATE
from fieldapp.services.notebook import Notebook
from fieldapp.vault.errors import StorageFailed, VaultError
from tests.fakes import media
from tests.fakes.canary import leaks
from tests.unit.services.conftest import PASSPHRASE

pytestmark = pytest.mark.anyio
SECOND = array("h", [round(9_000 * math.sin(n / 5)) for n in range(RATE)]).tobytes()


async def begun(notebook: Notebook) -> Screening:
    made = await notebook.screenings.begin(Mode.OUTREACH, language="en")
    made = made.with_answer("G1", Answer.YES)
    await notebook.screenings.save(made)
    return made


def stored(notebook: Notebook, file: Attachment) -> bytes:
    pieces = {record.record_id: record.payload for record in notebook.book._vault.records(Kind.PIECE)}
    return b"".join(pieces[one] for one in pieces_of([file]))


async def say(recording: Recording, seconds: int, first: int = 1) -> None:
    for second in range(seconds):
        recording.take(first + second, SECOND)
        if recording._keeping is not None:
            await recording._keeping


async def test_a_recording_is_on_the_disk_before_it_has_ended(gate: Gate, tmp_path: Path) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id, "at the door")
    await say(recording, 3)
    assert notebook.attachments.of(made.id) == (), "not before some seconds are there"
    await say(recording, 20, first=4)
    (kept,) = notebook.attachments.of(made.id)
    assert kept.label == "at the door"
    assert prepare(stored(notebook, kept)).media == "audio/wav"
    assert kept.size >= HEAD + 20 * RATE
    # The program is killed here: nothing of the recording writes any more.
    recording._dropped = True
    await gate.lock()
    assert (await gate.unlock(PASSPHRASE)).attachments.of(made.id) == (kept,)
    assert not list(tmp_path.rglob("*.wav"))


async def test_only_pieces_that_grew_are_written_anew(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id)
    await say(recording, 24)
    (before,) = notebook.attachments.of(made.id)
    written: list[bytes] = []
    put = notebook.book.commit

    async def watched(change, then=None):  # type: ignore[no-untyped-def]
        def noted(tx):  # type: ignore[no-untyped-def]
            real = tx.put
            tx.put = lambda one, kind, data: (written.append(one), real(one, kind, data))[1]
            return change(tx)

        return await put(noted, then)

    notebook.book.commit = watched  # type: ignore[method-assign]
    await say(recording, 4, first=25)
    (after,) = notebook.attachments.of(made.id)
    assert after.id == before.id
    assert len(after.pieces) == 4
    ids = pieces_of([after])
    assert ids[0] in written, "its head says how long it is"
    assert ids[1] not in written
    assert ids[2] not in written
    assert ids[3] in written


async def test_locking_in_the_middle_keeps_what_was_said_until_then(gate: Gate, tmp_path: Path) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id)
    ended: list[bool] = []
    recording.on_end = lambda: ended.append(True)
    await say(recording, 6)
    recording.take(7, SECOND)
    recording.take(9, SECOND)  # the one before it is still on its way
    await gate.lock()
    assert ended == [True], "the microphone is let go"
    assert recording._voice.samples == 0
    recording.take(8, SECOND)
    notebook = await gate.unlock(PASSPHRASE)
    (kept,) = notebook.attachments.of(made.id)
    assert kept.size == HEAD + 8 * RATE
    assert notebook.captures.recording is None
    record = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    assert record.attachments == (kept,)
    assert leaks([SECOND[:64].hex(), bytes(stored(notebook, kept)[HEAD : HEAD + 64]).hex()], [tmp_path]) == []


async def test_chunks_in_any_order_make_the_same_recording(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    parts = [SECOND[at : at + 1000] for at in range(0, 8000, 1000)]
    files = []
    for order in (range(8), (1, 0, 3, 2, 7, 6, 5, 4)):
        recording = notebook.captures.begin(made.id)
        for index in order:
            recording.take(index + 1, parts[index])
        await recording.end()
        assert recording.file
        files.append(stored(notebook, recording.file))
    assert files[0] == files[1]


async def test_it_ends_by_itself_when_there_is_no_room_and_is_kept(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id)
    assert 126 < recording.seconds_left < 127
    for second in range(1, 131):
        recording.take(second, SECOND)
        if second % 20 == 0 and recording._keeping:
            await recording._keeping
    assert recording._ending
    await recording._ending
    (kept,) = notebook.attachments.of(made.id)
    assert kept.size == MAX_FILE_SIZE
    assert recording.seconds_left == 0
    # A record has room for 24 pieces, a device for 32.
    assert 60 < notebook.captures.begin(made.id).seconds_left < 64
    await say(notebook.captures.recording or recording, 64)
    await notebook.captures.settle()
    with pytest.raises(FileRefused) as refused:
        notebook.captures.begin(made.id)
    assert refused.value.reason is Refused.TOO_MANY
    other = await begun(notebook)
    assert notebook.captures.begin(other.id).seconds_left > 60
    await notebook.attachments.add(other.id, prepare(media.pdf(500_000)))
    with pytest.raises(FileRefused) as refused:
        notebook.captures.begin(other.id)
    assert refused.value.reason is Refused.NO_ROOM


async def test_a_disk_that_fails_ends_it_and_keeps_what_was_kept_before(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id)
    ended: list[bool] = []
    recording.on_end = lambda: ended.append(True)
    await say(recording, 8)
    kept = recording.file
    assert kept

    async def failing(*_: object, **__: object) -> None:
        raise StorageFailed("made up")

    monkeypatch.setattr(notebook.attachments, "add", failing)
    await say(recording, 5, first=9)
    assert isinstance(recording.trouble, StorageFailed)
    assert recording.ended
    assert ended == [True]
    assert notebook.attachments.of(made.id) == (kept,)
    await gate.lock()
    assert gate.notebook is None


async def test_a_removed_recording_leaves_nothing(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id)
    await say(recording, 5)
    recording.take(6, SECOND)
    await recording.remove()
    assert notebook.attachments.of(made.id) == ()
    assert notebook.book._vault.records(Kind.PIECE) == []
    await gate.lock()
    assert (await gate.unlock(PASSPHRASE)).attachments.of(made.id) == ()


async def test_a_photo_that_was_taken_at_the_moment_of_a_lock_is_kept(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    taking = asyncio.create_task(notebook.captures.photo(made.id, media.picture(), "the door"))
    await asyncio.sleep(0)
    taking.cancel()  # the screen that waits for it goes away
    await gate.lock()
    (kept,) = (await gate.unlock(PASSPHRASE)).attachments.of(made.id)
    assert kept.label == "the door"


async def test_a_picture_taken_again_takes_the_place_of_the_one_before(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    first, _ = await notebook.captures.photo(made.id, media.picture((1800, 1200)))
    other = await notebook.attachments.add(made.id, prepare(media.pdf()))
    second, shown = await notebook.captures.photo(
        made.id, media.picture((300, 200)), turns=1, instead_of=first.id
    )
    assert notebook.attachments.of(made.id) == (second, other)
    assert second.id == first.id
    assert stored(notebook, second) == shown.data
    assert len(notebook.book._vault.records(Kind.PIECE)) == 2


async def test_a_record_that_is_sent_waits_for_the_photo_and_the_recording_that_are_being_kept(
    gate: Gate,
) -> None:
    notebook = gate.notebook
    assert notebook
    made, other = await begun(notebook), await begun(notebook)
    elsewhere = notebook.captures.begin(other.id)
    elsewhere.take(1, SECOND)
    recording = notebook.captures.begin(made.id)
    assert elsewhere.ended
    await say(recording, 5)
    recording.take(6, SECOND)
    taking = asyncio.create_task(notebook.captures.photo(made.id, media.picture(), "the door"))
    choosing = asyncio.create_task(notebook.captures.file(made.id, media.pdf(), "the letter"))
    await asyncio.sleep(0)
    record = await notebook.screenings.finish(made, FinishChoice(FinishKind.SEND))
    await asyncio.gather(taking, choosing)
    assert {file.label for file in record.attachments} == {"", "the door", "the letter"}
    (sound,) = [file for file in record.attachments if not file.label]
    assert sound.size == HEAD + 6 * RATE
    assert recording.ended


async def test_what_is_discarded_takes_along_a_photo_that_is_being_kept(gate: Gate) -> None:
    """Kept after its record was gone, it would lie on the device where nobody sees it, for ever."""
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    taking = asyncio.create_task(notebook.captures.photo(made.id, media.picture(), "the door"))
    await asyncio.sleep(0)
    await notebook.screenings.discard(made.id)
    file, _ = await taking
    assert notebook.attachments.of(made.id) == ()
    assert notebook.book._vault.records(Kind.PIECE) == []
    await notebook.screenings.save(made)
    assert notebook.attachments.of(made.id) == (file,), "and taking it back brings it back"


async def test_an_open_contact_that_is_discarded_takes_it_along_too(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    case = await notebook.contacts.open_case(bytes(16), "made up")
    for discard in ("discard", "close"):
        log = OpenContact(notebook.book.ids.new_id(), case.id, notebook.book.clock.now())
        await notebook.unfinished.save(log)
        taking = asyncio.create_task(notebook.captures.photo(log.id, media.picture()))
        await asyncio.sleep(0)
        if discard == "discard":
            await notebook.unfinished.discard(log)
        else:
            await notebook.contacts.close_case(case)
        await taking
        assert notebook.attachments.of(log.id) == ()
        assert notebook.book._vault.records(Kind.PIECE) == []


async def test_a_second_recording_and_forgetting_end_the_first_and_a_lock_still_keeps_it(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    ended: list[int] = []
    for number in (1, 2):
        recording = notebook.captures.begin(made.id)
        recording.on_end = lambda number=number: ended.append(number)  # type: ignore[misc]
        recording.take(1, SECOND)
        if number == 2:
            notebook.captures.forget()
    await gate.lock()
    assert ended == [1, 2], "no microphone goes on for a recording that nobody sees"
    with pytest.raises(AttachmentError):
        notebook.captures.begin(made.id)
    notebook = await gate.unlock(PASSPHRASE)
    assert [file.size for file in notebook.attachments.of(made.id)] == [HEAD + RATE] * 2


async def test_a_chunk_that_never_comes_holds_up_neither_keeping_nor_memory(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id)
    for sequence in (0, -3, *range(2, 52)):
        recording.take(sequence, SECOND)
        if recording._keeping is not None:
            await recording._keeping
    assert len(recording._waiting) <= MOST_WAITING
    assert recording.kept_seconds >= 40, "kept while it is made"
    before = recording.seconds
    recording.take(1, SECOND)
    recording.take(52, bytes(MOST_BYTES + 2))
    assert recording.seconds == before, "too late, or more than a microphone gives at once"
    await recording.end()
    assert recording.kept_seconds == 50


async def test_whatever_fails_while_keeping_the_microphone_is_let_go(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    recording = notebook.captures.begin(made.id)
    ended: list[bool] = []
    recording.on_end = lambda: ended.append(True)

    async def failing(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(notebook.attachments, "add", failing)
    for second in range(1, 6):
        recording.take(second, SECOND)
    assert recording._keeping
    await asyncio.wait({recording._keeping})
    assert ended == [True]
    await gate.lock()
    assert recording._voice.samples == 0


async def test_a_lock_does_not_wait_for_a_file_that_was_chosen(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    ready = threading.Event()

    def slow(data: bytes) -> Prepared:
        ready.wait(10)
        return prepare(data)

    monkeypatch.setattr(capturing, "prepare", slow)
    choosing = asyncio.create_task(notebook.captures.file(made.id, media.pdf()))
    await asyncio.sleep(0)
    await gate.lock()
    assert not choosing.done()
    opened = await gate.unlock(PASSPHRASE)
    ready.set()
    with pytest.raises(VaultError):
        await choosing
    assert opened.attachments.of(made.id) == ()
    assert opened.book._vault.records(Kind.PIECE) == []


async def test_a_photo_that_comes_after_its_record_was_discarded_is_not_kept(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook
    made = await begun(notebook)
    await notebook.screenings.discard(made.id)
    with pytest.raises(AttachmentError):
        await notebook.captures.photo(made.id, media.picture())
    assert notebook.book._vault.records(Kind.PIECE) == []
    await notebook.screenings.save(made)
    file, _ = await notebook.captures.photo(made.id, media.picture())
    assert notebook.attachments.of(made.id) == (file,)
    case = await notebook.contacts.open_case(bytes(16), "made up")
    log = OpenContact(notebook.book.ids.new_id(), case.id, notebook.book.clock.now())
    await notebook.unfinished.save(log)
    await notebook.unfinished.discard(log)
    with pytest.raises(AttachmentError):
        await notebook.captures.photo(log.id, media.picture())
    await notebook.unfinished.save(log)
    await notebook.captures.photo(log.id, media.picture())
