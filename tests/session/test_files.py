"""Files on both screens: added quietly, explained, cancelled; shown from memory and never kept open."""

from pathlib import Path

import flet as ft
import pytest

from fieldapp.codec import attachments_field, screening_body
from fieldapp.desk.state import Screen as DeskScreen
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.chunking import piece_id
from fieldapp.services.media import prepare
from fieldapp.services.settings import Work
from fieldapp.ui.parts import picking
from fieldapp.ui.state import Screen
from sync.canonical import dumps
from sync.chunk import chunk_body, split, withdrawal_body
from sync.protocol import MsgType
from tests.fakes import media
from tests.session.desk_harness import Desk, open_desk
from tests.session.field_harness import open_field
from tests.session.screening_device import device
from tests.unit.centre.desk import screening

pytestmark = pytest.mark.anyio


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
    sender, made = await app.device(), screening("heron basalt")
    prepared = prepare(data)
    file = prepared.listed(b"\x0f" * 16, "the letter")
    body = dumps({**screening_body(made), **attachments_field([file])})  # type: ignore[dict-item]
    envelopes = [sender.seal(MsgType.SCREENING, made.id, body).envelope]
    for index, piece in list(enumerate(split(prepared.data)))[:pieces]:
        sent = chunk_body(file.id, index, file.size, file.hash, piece)
        envelopes.append(sender.seal(MsgType.CHUNK, made.id, sent).envelope)
    if withdrawn:
        envelopes.append(sender.seal(MsgType.CHUNK, made.id, withdrawal_body(file.id)).envelope)
    await app.arrive(sender, *envelopes)
    return file.id.hex()[:8]


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
async def test_the_desk_says_what_is_missing_cancelled_or_leaves_this_app(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "missing") as app:
        await arrived(app, media.pdf(150_000), 1)
        assert "still on the way" in app.said
        await app.read("heron basalt")
        assert "2 of 3 parts are still on the way." in app.said
    async with open_desk(tmp_path / "cancelled") as app:
        await arrived(app, media.pdf(150_000), 1, withdrawn=True)
        await app.read("heron basalt")
        assert "2 of 3 parts will not come" in app.said
    async with open_desk(tmp_path / "whole") as app:
        name = await arrived(app, media.pdf(150_000))
        await app.read("heron basalt")
        assert "save-copy" not in app.screen.identifiers()
        await app.press(f"show-{name}")
        assert "A copy on this computer is not encrypted" in app.said
        assert "save-copy" in app.screen.identifiers()
