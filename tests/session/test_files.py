"""Files on both screens: added quietly, explained, cancelled; shown from memory and never kept open."""

import asyncio
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import flet as ft
import flet_audio
import pytest

from fieldapp.codec import attachments_field, screening_body
from fieldapp.desk.parts import files, reading
from fieldapp.desk.parts.playing import Player
from fieldapp.desk.parts.reading import Reader
from fieldapp.desk.shown import ShownFile
from fieldapp.desk.state import DeskState
from fieldapp.desk.state import Screen as DeskScreen
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.domain.triage import Band
from fieldapp.kit.interface import Interface
from fieldapp.services.chunking import piece_id
from fieldapp.services.desk import pages as drawing
from fieldapp.services.media import prepare
from fieldapp.services.media.pictures import shape_of
from fieldapp.services.settings import Work
from fieldapp.ui.parts import picking
from fieldapp.ui.state import Screen
from sync.canonical import dumps
from sync.chunk import chunk_body, split, withdrawal_body
from sync.protocol import MsgType
from tests.browser.screening_app import PASSPHRASE
from tests.fakes import documents, media
from tests.fakes.fake_flet import walk
from tests.session.desk_harness import Desk, open_desk
from tests.session.field_harness import open_field
from tests.session.screening_device import device, steady_finger
from tests.unit.centre.desk import screening

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures(steady_finger.__name__)]
__all__ = ["steady_finger"]
HeldT = TypeVar("HeldT")


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[bytes | None]:
    """What the system's file dialog answers, one after the other."""
    answers: list[bytes | None] = []

    async def pick() -> bytes | None:
        return answers.pop(0)

    monkeypatch.setattr(picking, "pick_file", pick)
    return answers


async def test_files_are_added_named_refused_and_removed_before_a_screening_ends(
    tmp_path: Path, chosen: list[bytes | None]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await app.tap("new-screening", "alone-yes")
        app.state.go(Screen.FINISH)
        await app.session.settle(30)
        assert "Photo" not in app.session.texts()
        await app.tap("add-file")
        assert any("documents may hold more" in text for text in app.session.texts())
        await app.session.fill("A few words, optional", "the front door")
        chosen.append(media.picture())
        await app.tap("choose-file")
        await app.session.wait_for(lambda: bool(app.state.open.attachments.of(app.screening.id)))
        await app.session.settle(30)
        (photo,) = app.state.open.attachments.of(app.screening.id)
        assert photo.label == "the front door"
        assert any(text.startswith("Photo, ") for text in app.session.texts())

        for data, words in (
            (None, ""),
            (b"MZ program", "This kind of file cannot be added."),
            (b"", "This file cannot be read."),
            (media.pdf(1_100_000), "This file is too large."),
        ):
            chosen.append(data)
            await app.tap("add-file", "choose-file")
            if words:
                await app.session.wait_for(lambda words=words: words in "\n".join(app.session.texts()))
            await app.tap("add-file")
        chosen.append(media.pdf())
        await app.tap("add-file", "choose-file")
        await app.session.wait_for(lambda: len(app.state.open.attachments.of(app.screening.id)) == 2)
        await app.session.settle(30)
        assert any("It may still hold a name or a place." in text for text in app.session.texts())

        await app.tap("finish-advice_without_identity")
        assert any("are erased here" in text for text in app.session.texts())
        await app.tap(f"drop-{photo.id.hex()[:8]}")
        assert len(app.state.open.attachments.of(app.screening.id)) == 1


async def test_a_file_chosen_before_a_lock_is_kept_in_no_notebook_opened_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device(tmp_path) as app:
        await app.tap("new-screening", "alone-yes")
        app.state.go(Screen.RESULT)
        await app.session.settle(30)

        async def pick() -> bytes:
            await app.state.presence.lock()
            await app.state.unlock(PASSPHRASE)
            return media.picture()

        monkeypatch.setattr(picking, "pick_file", pick)
        await app.tap("add-file", "choose-file")
        (draft,) = app.state.open.screenings.unfinished
        assert app.state.open.attachments.of(draft.id) == ()


async def test_whoever_sends_while_a_file_is_made_ready_sends_it_too(
    tmp_path: Path, chosen: list[bytes | None]
) -> None:
    async with device(tmp_path) as app:
        await app.tap("new-screening", "alone-yes")
        app.state.go(Screen.RESULT)
        await app.session.settle(30)
        chosen.append(media.picture())
        await app.tap("add-file")
        choosing = asyncio.create_task(app.session.press("choose-file"))
        await app.session.wait_for(lambda: chosen == [])
        await app.tap("send")
        await choosing
        (record,) = app.state.open.screenings.finished
        assert len(record.attachments) == 1


@pytest.mark.parametrize("answer", ["answer-no", "answer-yes"])
async def test_an_officer_adds_a_file_on_the_result_below_whom_to_call_and_sends_it(
    answer: str, tmp_path: Path, chosen: list[bytes | None]
) -> None:
    async with device(tmp_path) as app:
        await app.to_questions()
        order = app.screening.order
        for number, key in enumerate(order[: order.index("S02") + 1], 1):
            await app.session.wait_for(lambda number=number: f"{number} of 20" in app.session.texts())
            await app.tap(answer if key == "S02" else "answer-no")
            await app.session.wait_for(lambda key=key: key in app.screening.answers)
        await app.tap("finish-now", "contact-next", "withhold-next")
        assert app.shows(Screen.RESULT)
        is_now = app.screening.effective[1] is Band.NOW
        assert is_now is (answer == "answer-yes"), "somebody must be called at once"
        shown = app.session.identifiers()
        assert shown.index("do-not") < shown.index("add-file"), "below what helps first"
        chosen.append(media.picture())
        await app.tap("add-file", "choose-file")
        await app.session.wait_for(lambda: bool(app.state.open.attachments.of(app.screening.id)))
        await app.session.settle(30)
        texts = app.session.texts()
        assert any(text.startswith("Photo, ") for text in texts)
        assert not any("are erased here" in text for text in texts), "an officer's files are sent"
        await app.tap("send")
        assert app.shows(Screen.DONE)
        (record,) = app.state.open.screenings.finished
        assert [file.media for file in record.attachments] == ["image/jpeg"]


async def test_outreach_adds_files_where_it_chooses_and_not_on_the_result(tmp_path: Path) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await app.tap("new-screening", "alone-yes")
        app.state.go(Screen.RESULT)
        await app.session.settle(30)
        assert "add-file" not in app.session.identifiers()
        await app.tap("finish")
        assert "add-file" in app.session.identifiers()


async def test_a_file_that_comes_after_a_lock_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await app.tap("new-screening", "alone-yes")
        app.state.go(Screen.FINISH)
        await app.session.settle(30)

        async def pick() -> bytes:
            await app.state.presence.lock()
            return media.picture()

        monkeypatch.setattr(picking, "pick_file", pick)
        await app.tap("add-file", "choose-file")
        assert app.state.place.screen is Screen.LOCK
        assert app.state.notebook is None


async def test_when_somebody_may_look_on_nothing_is_explained(tmp_path: Path) -> None:
    async with device(tmp_path) as app:
        await app.tap("new-screening", "alone-yes")
        app.state.quiet = True
        app.state.go(Screen.FINISH)
        await app.session.settle(30)
        await app.tap("add-file")
        texts = "\n".join(app.session.texts())
        assert "Add a file" in texts
        assert "recording" not in texts.lower()
        assert "camera" not in texts


async def test_a_sent_record_says_how_far_its_files_are_and_lets_them_be_cancelled(tmp_path: Path) -> None:
    async with open_field(tmp_path) as app:
        notebook = app.state.open
        draft = await notebook.screenings.begin(Mode.OUTREACH, language="en")
        file = await notebook.attachments.add(draft.id, prepare(media.pdf(150_000)), "the letter")
        record = await notebook.screenings.finish(draft, FinishChoice(FinishKind.SEND))
        app.state.go(Screen.RECORD, record.record_id)
        await app.screen.settle()
        said = "\n".join(app.screen.texts())
        assert "the letter" in said
        assert "0 of 3 parts sent" in said
        await notebook.book.commit(lambda tx: tx.erase(piece_id(file.id, 1)))  # as a damaged cell does
        notebook.book.changes.ring()
        await app.screen.settle()
        assert any("damaged on this device and cannot be sent" in text for text in app.screen.texts())
        await app.press(f"drop-{file.id.hex()[:8]}")
        assert "the letter" not in "\n".join(app.screen.texts())
        kept = notebook.book.record(record.record_id)
        assert kept
        assert kept.attachments == ()


async def arrived(app: Desk, data: bytes, pieces: int | None = None, *, withdrawn: bool = False) -> str:
    """Send a record with one file, of which only the first `pieces` have come; returns a part of its identifiers."""
    (name,) = await arrived_together(app, data, pieces=pieces, withdrawn=withdrawn)
    return name


async def arrived_together(
    app: Desk, *everything: bytes, pieces: int | None = None, withdrawn: bool = False
) -> list[str]:
    """Send a record with several files, as `arrived`."""
    sender, made = await app.device(), screening("heron basalt")
    prepared = [prepare(data) for data in everything]
    listed = [one.listed(bytes((15 - n,)) * 16, "the letter") for n, one in enumerate(prepared)]
    body = dumps({**screening_body(made), **attachments_field(listed)})  # type: ignore[dict-item]
    envelopes = [sender.seal(MsgType.SCREENING, made.id, body).envelope]
    for file, one in zip(listed, prepared, strict=True):
        for index, piece in list(enumerate(split(one.data)))[:pieces]:
            sent = chunk_body(file.id, index, file.size, file.hash, piece)
            envelopes.append(sender.seal(MsgType.CHUNK, made.id, sent).envelope)
        if withdrawn:
            envelopes.append(sender.seal(MsgType.CHUNK, made.id, withdrawal_body(file.id)).envelope)
    await app.arrive(sender, *envelopes)
    return [file.id.hex()[:8] for file in listed]


@pytest.mark.usefixtures("made_up_centre")
async def test_the_desk_shows_a_picture_from_memory_and_forgets_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as app:
        name = await arrived(app, media.picture())
        assert "1 file" in app.said
        await app.read("heron basalt")
        assert "the letter" in app.said
        assert not app.screen.find(ft.Image)
        await app.press(f"show-{name}")
        (image,) = app.screen.find(ft.Image)
        assert isinstance(image.src, bytes)
        assert image.src.startswith(b"\xff\xd8")
        await app.press(f"hide-{name}")
        assert not app.screen.find(ft.Image)
        await app.press(f"show-{name}")
        await app.lock()
        assert app.at(DeskScreen.LOCK)
        assert not app.screen.find(ft.Image)


@pytest.mark.usefixtures("made_up_centre")
async def test_the_desk_says_what_is_missing_or_cancelled(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "missing") as app:
        await arrived(app, media.pdf(150_000), 1)
        assert "still on the way" in app.said
        await app.read("heron basalt")
        assert "2 of 3 parts are still on the way." in app.said
    async with open_desk(tmp_path / "cancelled") as app:
        await arrived(app, media.pdf(150_000), 1, withdrawn=True)
        await app.read("heron basalt")
        assert "2 of 3 parts will not come" in app.said


LETTER = documents.document("one", "two", "three")


@asynccontextmanager
async def showing(path: Path, data: bytes) -> AsyncIterator[Desk]:
    """Run a desk at a record whose one file is shown."""
    async with open_desk(path) as app:
        name = await arrived(app, data)
        await app.read("heron basalt")
        assert "save-copy" not in app.screen.identifiers()
        await app.press(f"show-{name}")
        yield app


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the pages that were drawn, or could not be: cheaper to look at than the screen."""
    numbers: list[int] = []

    async def watched(document: bytes, number: int) -> drawing.Page:
        try:
            return await drawing.draw(document, number)
        finally:
            numbers.append(number)

    monkeypatch.setattr(reading, "draw", watched)
    return numbers


def held_by_components(app: Desk, kind: type[HeldT]) -> list[HeldT]:
    """Return what components on the screen were given of a kind."""
    given = (arg for one in walk(app.screen.page) for arg in getattr(one, "args", ()))
    return [arg for arg in given if isinstance(arg, kind)]


def pages(app: Desk) -> list[bytes]:
    return [image.src for image in app.screen.find(ft.Image) if isinstance(image.src, bytes)]


def sounds(app: Desk) -> list[flet_audio.Audio]:
    """Return what the client was given to play and was not told to let go."""
    held = [control for control in walk(app.screen.page) if isinstance(control, flet_audio.Audio)]
    assert [control for control in held if app.screen.session.index.get(control._i) is not control] == []
    return held


@pytest.mark.usefixtures("made_up_centre")
async def test_a_document_is_read_page_by_page_with_buttons_and_arrow_keys(
    tmp_path: Path, drawn: list[int]
) -> None:
    async with showing(tmp_path, LETTER) as app:
        await app.until(lambda: drawn == [0])
        assert "Page 1 of 3" in app.said
        (first,) = pages(app)
        assert shape_of(first) == (1448, 2048)
        await app.press("page-next")
        await app.until(lambda: drawn == [0, 1])
        assert "Page 2 of 3" in app.said
        await app.screen.key("Arrow Right")
        await app.until(lambda: drawn == [0, 1, 2])
        assert "Page 3 of 3" in app.said
        assert pages(app) != [first]
        await app.screen.key("Arrow Right")  # there is no page 4
        await app.screen.key("Arrow Left")
        await app.until(lambda: drawn == [0, 1, 2, 1])
        await app.press("page-size")
        assert app.screen.find(ft.Image)[0].width == 1400

        await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        assert pages(app) == []
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        await app.until(lambda: drawn == [0, 1, 2, 1, 1])
        assert "Page 2 of 3" in app.said, "where it was left"

        assert "save-copy" not in app.screen.identifiers()
        await app.press("want-copy")
        assert "A copy on this computer is not encrypted" in app.said
        assert "save-copy" in app.screen.identifiers()


async def test_a_page_that_fails_after_a_veil_still_leads_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = ShownFile(bytes(16), LETTER)
    before = Reader(shown)
    await before.look()
    before.forward()
    monkeypatch.setattr(drawing, "program", lambda: ["/made/up/python"])
    await before.look()
    assert (before.why, before.pages) == (drawing.Why.FAILED, 3)
    after = Reader(shown)  # what comes back after the veil
    await after.look()
    assert (after.why, after.pages, after.drawn) == (drawing.Why.FAILED, 3, 1)
    after.back()
    assert after.number == 0


@pytest.mark.parametrize("large", [False, True])
async def test_a_page_of_absurd_shape_leaves_room_for_what_is_below_it(large: bool) -> None:
    page = await drawing.draw(documents.document("x", box=b"0 0 1 1000000000"), 0)
    (image,) = [
        one
        for one in walk(reading._picture(Interface(), page, "", large=large))  # type: ignore[arg-type]
        if isinstance(one, ft.Image)
    ]
    assert image.fit is ft.BoxFit.CONTAIN
    assert 0 < (image.height or 0) <= 3 * reading.LARGE


@pytest.mark.usefixtures("made_up_centre")
async def test_the_buttons_that_turn_pages_have_room_for_their_words_on_a_phone(
    tmp_path: Path, drawn: list[int]
) -> None:
    async with showing(tmp_path, LETTER) as app:
        await app.until(lambda: drawn == [0])
        assert together(app, "page-back", "page-next") == [ft.Row]
        await app.screen.resize(412)
        assert together(app, "page-back", "page-next") == [ft.Column]


def together(app: Desk, *names: str) -> list[type]:
    """Return how things on the screen are arranged that stand side by side, or one below the other."""
    return [
        type(one)
        for one in app.screen.find(ft.Row) + app.screen.find(ft.Column)
        if [[mark.identifier for mark in app.screen.find(ft.Semantics, child)] for child in one.controls]
        == [[name] for name in names]
    ]


def test_a_recording_that_is_something_else_is_not_given_to_the_browser() -> None:
    for lie in (
        b"#EXTM3U\n#EXTINF:1,\nhttp://made-up.invalid/a\n",
        b"<html>",
        media.picture(),
        b"\x1aE\xdf\xa3",
    ):
        assert Player(ShownFile(bytes(16), lie), "audio/mpeg").fails
    tagged_aac = b"ID3\x04\0\0\0\0\0\0\xff\xf1P\x80" + media.noise(900)
    for true in (media.wav(), media.mp3(), media.flac(), media.mp4(), media.ogg(), tagged_aac):
        prepared = prepare(true)
        assert not Player(ShownFile(bytes(16), prepared.data), prepared.media).fails


def assert_nothing_is_held(app: Desk, state: DeskState, shown: ShownFile) -> None:
    held = [one for one in walk(app.screen.page) if isinstance(one, ft.Image | flet_audio.Audio)]
    assert held == []
    assert (state.file, shown.data, state._turns) == (None, b"", None)


@pytest.mark.usefixtures("made_up_centre")
async def test_nothing_of_a_page_or_a_sound_is_held_afterwards(tmp_path: Path, drawn: list[int]) -> None:
    async with open_desk(tmp_path) as app:
        letter, voice = await arrived_together(app, LETTER, media.wav(8000))
        await app.read("heron basalt")
        for name in (voice, letter, voice):  # each in place of the one before
            drawn.clear()
            await app.press(f"show-{name}")
            if name == letter:
                await app.until(lambda: drawn == [0])
            assert (len(pages(app)), len(sounds(app))) == ((1, 0) if name == letter else (0, 1))
            assert (app.state._turns is None) == (name == voice)
        await app.press(f"hide-{voice}")
        for name, end in (
            (voice, f"hide-{voice}"),
            (letter, "to-inbox"),
            (voice, "cover"),
            (letter, "cover"),
        ):
            drawn.clear()
            await app.press(f"show-{name}")
            if name == letter:
                await app.until(lambda: drawn == [0])
            state, shown = app.state, app.state.file
            assert shown
            assert state.record
            await state.show_file(state.record.row.key, shown.id)  # what is shown already stays as it is
            await app.rest()
            assert (len(pages(app)), len(sounds(app))) == ((1, 0) if name == letter else (0, 1))
            await app.press(end)
            assert_nothing_is_held(app, state, shown)
            if (name, end) == (letter, "cover"):
                break
            if end == "cover":
                await app.unlock()
            if not end.startswith("hide"):
                await app.read("heron basalt")


@pytest.mark.usefixtures("made_up_centre")
@pytest.mark.parametrize("data", [LETTER, media.wav(8000)], ids=["document", "sound"])
async def test_nothing_of_them_is_held_when_the_connection_is_lost(
    tmp_path: Path, data: bytes, drawn: list[int]
) -> None:
    async with showing(tmp_path, data) as app:
        await app.until(lambda: bool(drawn or data != LETTER))
        assert pages(app) or sounds(app)
        state, shown, readers = app.state, app.state.file, held_by_components(app, Reader)
        assert shown
        assert len(readers) == (data == LETTER)
        await app.screen.disconnect()
        await app.until(lambda: state.ended)
        assert_nothing_is_held(app, state, shown)
        assert [reader for reader in readers if reader.page] == []


@pytest.mark.usefixtures("made_up_centre")
async def test_a_file_that_is_not_shown_says_why_and_offers_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: list[int]
) -> None:
    async def refuse(*_: object) -> None:
        raise RuntimeError("NotSupportedError: made up")

    monkeypatch.setattr(flet_audio.Audio, "resume", refuse)
    cases = (
        (documents.locked(), "This document is locked with a password."),
        (b"#!AMR\n" + media.noise(900), "This recording does not play here."),
        (media.ogg(), "This recording does not play here."),
        (media.picture(), "This picture cannot be shown safely."),
    )
    async with open_desk(tmp_path) as app:
        names = await arrived_together(app, *(data for data, _ in cases))
        await app.read("heron basalt")
        monkeypatch.setattr(files, "shape_of", lambda _: None)
        for name, (_, words) in zip(names, cases, strict=True):
            drawn.clear()
            await app.press(f"show-{name}")
            if name == names[0]:
                await app.until(lambda: bool(drawn))
            if name == names[2]:
                await app.press("sound-play")
            assert words in app.said
            assert (pages(app), sounds(app)) == ([], [])
            assert "A copy on this computer is not encrypted" in app.said
            assert "save-copy" in app.screen.identifiers()
        monkeypatch.setattr(drawing, "program", lambda: None)
        drawn.clear()
        await app.press(f"show-{names[0]}")
        await app.until(lambda: bool(drawn))
        assert "Documents cannot be drawn safely on this computer." in app.said
        assert "save-copy" in app.screen.identifiers()


@pytest.mark.usefixtures("made_up_centre")
async def test_a_page_that_is_being_drawn_is_given_up_when_the_connection_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = tmp_path / "process"
    code = f"import os, pathlib, time; pathlib.Path({str(begun)!r}).write_text(str(os.getpid())); time.sleep(600)"
    monkeypatch.setattr(drawing, "program", lambda: [sys.executable, "-I", "-c", code])
    monkeypatch.setattr(reading, "draw", partial(drawing.draw, seconds=600))  # it does not end by itself
    async with showing(tmp_path / "desk", LETTER) as app:
        await app.until(lambda: begun.exists() and bool(begun.read_text()))
        await app.until(lambda: "The page is being drawn" in app.said)
        await app.screen.disconnect()  # Flet draws nothing any more, and so takes nothing off the screen
        process = int(begun.read_text())

        def is_gone() -> bool:
            try:
                os.kill(process, 0)
            except ProcessLookupError:
                return True
            return False

        await app.until(is_gone)


@pytest.mark.usefixtures("made_up_centre")
async def test_a_recording_is_played_paused_and_moved_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    for name in ("resume", "pause", "seek"):

        async def ask(_audio: object, *how: object, name: str = name) -> None:
            asked.append((name, *how))

        monkeypatch.setattr(flet_audio.Audio, name, ask)
    async with showing(tmp_path, media.wav(8000)) as app:
        (audio,) = sounds(app)
        assert audio.src == "data:audio/wav;name=sound.x;base64," + b64encode(app.state.file.data).decode()  # type: ignore[union-attr]
        assert "0:00" in app.screen.texts(), "how long it is, the browser says when it has it"
        await app.screen.fire(
            audio, "duration_change", {"duration": ft.Duration(minutes=2, milliseconds=4200)}
        )
        await app.press("sound-play")
        await app.screen.fire(audio, "state_change", {"state": "playing"})
        await app.screen.fire(audio, "position_change", {"position": 65_000})
        assert "1:05 of 2:05" in app.said
        assert "Pause" in app.screen.texts()
        await app.press("sound-back")
        (player,) = held_by_components(app, Player)
        for tap in (player.on, player.on, player.toggle):
            await tap()
        await app.screen.fire(audio, "state_change", {"state": "paused"})
        for _ in range(6):
            await player.on()
        assert player.second == player.length == 125
        await player.back()
        await player.toggle()
        moved = [("seek", 1000 * second) for second in (55, 65, 75, 85, 95, 105, 115, 125, 125, 115)]
        assert asked == [("resume",), *moved[:3], ("pause",), *moved[3:], ("resume",)]
        await app.screen.fire(audio, "state_change", {"state": "completed"})
        assert player.second == 0
        await app.screen.fire(audio, "position_change", {"position": 9_000})
        await app.screen.lifecycle(ft.AppLifecycleState.INACTIVE)
        assert sounds(app) == []
        await app.screen.lifecycle(ft.AppLifecycleState.RESUME)
        await app.rest()
        (audio,) = sounds(app)
        asked.clear()
        await app.screen.fire(audio, "position_change", {"position": 0})
        await app.screen.fire(audio, "duration_change", {"duration": ft.Duration(minutes=2)})
        assert "0:09 of 2:00" in app.said, "where it was left"
        assert asked == [("seek", 9_000)]


def test_each_reason_has_words_of_its_own() -> None:
    state = Interface()
    said = [reading._why_words(state, why) for why in drawing.Why]  # type: ignore[arg-type]
    assert len(set(said)) == len(drawing.Why)
    assert all(words.endswith(".") for words in said)
