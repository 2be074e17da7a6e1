"""Photos and recordings taken inside the app, with a camera and a microphone that this test plays."""

import asyncio
import io
from pathlib import Path
from typing import Any

import flet as ft
import flet_audio_recorder
import flet_camera
import pytest
from PIL import Image

from fieldapp.domain.attachment import Attachment, AttachmentKind
from fieldapp.services.chunking import pieces_of
from fieldapp.services.kinds import Kind
from fieldapp.services.media.voice import HEAD, RATE
from fieldapp.services.settings import Work
from fieldapp.ui.parts import camera as cameras
from fieldapp.ui.parts import microphone as microphones
from fieldapp.ui.state import Screen
from tests.browser.screening_app import PASSPHRASE
from tests.fakes import media
from tests.fakes.capture import PlayedCamera, PlayedMicrophone
from tests.session.screening_device import Device, device

pytestmark = pytest.mark.anyio
NO_CAMERA = "The camera cannot be used, or was not allowed. You can choose a file instead."
NO_MICROPHONE = "The microphone cannot be used, or was not allowed. You can choose a file instead."
SECOND = bytes(range(100, 116)) * (RATE // 8)


async def to_the_files(app: Device) -> None:
    await app.tap("new-screening", "alone-yes")
    app.state.go(Screen.FINISH)
    await app.session.settle(30)
    await app.tap("add-file")


def files(app: Device) -> tuple[Attachment, ...]:
    (draft,) = app.state.open.screenings.unfinished
    return app.state.open.attachments.of(draft.id)


def picture_of(app: Device, file: Attachment) -> Image.Image:
    records = app.state.open.book._vault.records(Kind.PIECE)
    pieces = {record.record_id: record.payload for record in records}
    return Image.open(io.BytesIO(b"".join(pieces[one] for one in pieces_of([file]))))


def is_red(picture: Image.Image, across: float, down: float) -> bool:
    """Tell where the red corner of the made-up picture is."""
    red, green, blue = picture.convert("RGB").getpixel(
        (int(picture.width * across), int(picture.height * down))
    )  # type: ignore[misc]
    return bool(red > 150 and green < 100 and blue < 100)


async def take(app: Device, camera: PlayedCamera, frame: bytes) -> None:
    """Press the button; a phone's camera then sends a frame."""
    begun = camera.called.count("start_image_stream")
    (shown,) = app.session.find(flet_camera.Camera)
    await app.session.wait_for(lambda: "photo-take" in app.session.identifiers())
    await app.session.settle(30)
    pressing = app.session.press("photo-take")
    if camera.streams:
        task = asyncio.create_task(pressing)
        await app.session.wait_for(lambda: camera.called.count("start_image_stream") > begun)
        event = {"width": 640, "height": 480, "format": "yuv420", "encoded_format": "jpeg", "bytes": frame}
        await app.session.fire(shown, "stream_image", event)
        await task
    else:
        camera.pictures = [frame]
        await pressing
    await app.session.wait_for(lambda: "photo-done" in app.session.identifiers())
    await app.session.settle(30)


async def test_a_phones_photo_is_kept_at_once_shown_once_turned_and_taken_again(
    tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.session.fill("A few words, optional", "the front door")
        await app.tap("take-photo")
        await take(app, camera, media.picture((640, 480)))
        (first,) = files(app)
        assert (first.kind, first.label) == (AttachmentKind.PHOTO, "the front door")
        kept = picture_of(app, first)
        assert kept.size == (480, 640), "the sensor lies on its side"
        assert is_red(kept, 0.9, 0.1)
        assert not is_red(kept, 0.1, 0.1)
        assert [image.src for image in app.session.find(ft.Image)] != []
        assert app.session.find(flet_camera.Camera) == [], "the camera is let go"
        (opened,) = [how for name, how in camera.calls if name == "initialize"]
        assert opened[0][0].name == "back"
        assert opened[1] == {"enable_audio": False}
        assert "take_picture" not in camera.called, "a phone would write a file"
        assert camera.called.count("stop_image_stream") == 1

        await app.tap("photo-turn")
        await app.session.wait_for(lambda: picture_of(app, files(app)[0]).size == (640, 480))
        await app.session.settle(30)
        await app.tap("photo-again")
        assert app.session.find(ft.Image) == []
        (still,) = files(app)
        assert still.id == first.id, "until there is another one"
        await take(app, camera, media.picture((320, 200)))
        (second,) = files(app)
        assert second.id == first.id
        assert picture_of(app, second).size == (200, 320)
        await app.tap("photo-done")
        assert app.session.find(ft.Image) == []
        assert any(text.startswith("Photo, ") for text in app.session.texts())
        await app.tap("take-photo")
        await take(app, camera, media.picture())
        assert len(files(app)) == 2
        await app.tap("photo-remove")
        assert files(app) == (second,)


async def test_a_browsers_mirrored_picture_is_put_right(
    tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    platform |= {"web": True, "platform": ft.PagePlatform.LINUX}
    camera.streams = False
    external = flet_camera.CameraDescription("made up", flet_camera.CameraLensDirection.EXTERNAL, 0)
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        for found, mirrored in (([external], True), (camera.found, False)):
            camera.found = found
            await app.tap("take-photo")
            await take(app, camera, media.picture())
            await app.tap("photo-done")
            assert is_red(picture_of(app, files(app)[-1]), 0.9 if mirrored else 0.1, 0.1)


async def test_without_a_usable_camera_one_line_says_so_and_a_file_can_be_chosen(
    tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    camera.refused = True
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.tap("take-photo")
        await app.session.wait_for(lambda: NO_CAMERA in app.session.texts())
        assert app.session.find(flet_camera.Camera) == []
        await app.tap("photo-done")
        assert "choose-file" in app.session.identifiers()
        assert "take_picture" not in camera.called


async def test_covering_takes_camera_and_picture_away_and_loses_nothing(
    tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.tap("take-photo")
        await take(app, camera, media.picture())
        before = len(app.session.client.sent)
        await app.session.press("cover")
        await app.session.settle(30)
        assert app.state.place.screen is Screen.LOCK
        assert app.session.find(ft.Image) == []
        assert app.state.instead is None
        assert not any(b"JFIF" in message for message in app.session.client.sent[before:])
        await app.state.unlock(PASSPHRASE)
        await app.session.settle(30)
        assert len(files(app)) == 1
        app.state.go(Screen.FINISH)
        await app.session.settle(30)
        assert app.session.find(flet_camera.Camera) == []


async def begin_sound(app: Device, microphone: PlayedMicrophone, seconds: int) -> None:
    await app.tap("record-sound", "sound-start")
    await app.session.wait_for(lambda: "sound-stop" in app.session.identifiers())
    await speak(app, microphone, seconds)


async def speak(app: Device, microphone: PlayedMicrophone, seconds: int) -> None:
    assert microphone.recorder is not None
    for _ in range(seconds):
        await app.session.fire(microphone.recorder, "stream", microphone.event(SECOND))


async def test_a_recording_is_seen_growing_stopped_kept_and_removed(
    tmp_path: Path, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.session.fill("A few words, optional", "what she said")
        await app.tap("record-sound")
        assert "It ends by itself after 2:06." in app.session.texts()
        await app.tap("sound-start")
        await speak(app, microphone, 6)
        await app.session.wait_for(lambda: "0:06" in app.session.texts())
        assert "2:00 left" in app.session.texts()
        asked = microphone.recorder.configuration if microphone.recorder else None
        assert asked
        assert (asked.sample_rate, asked.channels) == (RATE, 1)
        assert asked.encoder is flet_audio_recorder.AudioEncoder.PCM16BITS
        (growing,) = files(app)
        assert growing.size >= HEAD + 4 * RATE, "kept while it is recorded"
        await app.tap("sound-stop")
        await app.session.wait_for(lambda: "It is kept, encrypted." in app.session.texts())
        assert microphone.stopped >= 1
        (kept,) = files(app)
        assert (kept.media, kept.size, kept.label) == ("audio/wav", HEAD + 6 * RATE, "what she said")
        await app.tap("sound-done")
        assert any(text.startswith("Recording, ") for text in app.session.texts())
        await begin_sound(app, microphone, 5)
        await app.tap("sound-remove")
        await app.session.wait_for(lambda: files(app) == (kept,))
        assert "choose-file" in app.session.identifiers()


@pytest.mark.parametrize("how", ["cover", "hidden", "idle", "back", "gone"])
async def test_what_was_said_is_kept_whatever_ends_a_recording(
    how: str, tmp_path: Path, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await begin_sound(app, microphone, 3)
        presence = app.state.presence
        match how:
            case "cover":
                await app.session.press("cover")
            case "hidden":
                await app.session.lifecycle(ft.AppLifecycleState.HIDE)
            case "idle":
                presence._active_at -= 175
                await app.session.wait_for(lambda: any("locks in" in text for text in app.session.texts()))
                await app.tap("sound-stay")
                assert presence.seconds_left > 170
                presence._active_at -= 1000
                await speak(app, microphone, 1)  # a microphone is no presence: this comes too late
            case "back":
                await app.tap("back")
            case _:
                await presence.end()
        await app.session.wait_for(lambda: microphone.stopped >= 1)
        if how in ("hidden", "back"):
            await app.session.wait_for(lambda: len(files(app)) == 1)
        else:
            assert app.state.notebook is None
            await app.state.gate.lock()  # waits for a lock that is still under way
            app.state.notebook = await app.state.gate.unlock(PASSPHRASE)
        (kept,) = files(app)
        assert kept.size == HEAD + 3 * RATE


async def test_a_screen_that_is_only_blanked_goes_on_recording(
    tmp_path: Path, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await begin_sound(app, microphone, 2)
        await app.session.lifecycle(ft.AppLifecycleState.INACTIVE)
        await app.session.settle(30)
        assert app.session.texts() == []
        await speak(app, microphone, 2)
        await app.session.lifecycle(ft.AppLifecycleState.RESUME)
        await app.session.wait_for(lambda: "0:04" in app.session.texts())
        await app.tap("sound-stop")
        await app.session.wait_for(lambda: len(files(app)) == 1)
        assert files(app)[0].size == HEAD + 4 * RATE


async def test_without_a_usable_microphone_one_line_says_so(
    tmp_path: Path, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.tap("record-sound")
        for trouble in (RuntimeError("made up"), False):
            microphone.allowed = trouble
            await app.tap("sound-start")
            await app.session.wait_for(lambda: NO_MICROPHONE in app.session.texts())
        assert files(app) == ()
        microphone.allowed = True
        await app.tap("sound-start")
        await app.session.wait_for(lambda: "sound-stop" in app.session.identifiers())
        await app.tap("sound-stop")
        await app.session.wait_for(lambda: "Nothing was heard, and nothing is kept." in app.session.texts())
        await app.tap("sound-done")
        assert "choose-file" in app.session.identifiers()


@pytest.mark.parametrize("way", ["cover", "back"])
async def test_a_microphone_that_is_allowed_after_the_worker_left_is_let_go_at_once(
    way: str, tmp_path: Path, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    microphone.asks = asyncio.Event()
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.tap("record-sound")
        starting = asyncio.create_task(app.session.press("sound-start"))
        await app.session.wait_for(lambda: microphone.recorder is not None)
        await app.session.press(way)
        await app.session.settle(30)
        assert app.state.instead is None
        assert (app.state.place.screen is Screen.LOCK) is (way == "cover")
        before = microphone.stopped
        microphone.asks.set()
        await starting
        await app.session.wait_for(lambda: microphone.stopped > before)


@pytest.mark.parametrize("without", ["packages", "platform"])
async def test_nothing_is_offered_where_there_can_be_none(
    without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: dict[str, Any]
) -> None:
    if without == "packages":
        monkeypatch.setattr(cameras, "_cameras", lambda: None)
        monkeypatch.setattr(microphones, "_recorders", lambda: None)
    else:
        platform["platform"] = ft.PagePlatform.WINDOWS
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        shown = app.session.identifiers()
        assert "choose-file" in shown
        assert not {"take-photo", "record-sound"} & set(shown)


async def test_when_somebody_may_look_on_the_words_are_neutral(
    tmp_path: Path, camera: PlayedCamera, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await app.tap("new-screening", "alone-yes")
        app.state.quiet = True
        app.state.go(Screen.FINISH)
        await app.session.settle(30)
        said: list[str] = []
        await app.tap("add-file")
        said += app.session.texts()
        await app.tap("take-photo")
        said += app.session.texts()
        await take(app, camera, media.picture())
        said += app.session.texts()
        await app.tap("photo-done")
        await app.tap("record-sound")
        said += app.session.texts()
        await app.tap("sound-start")
        await speak(app, microphone, 1)
        said += app.session.texts()
        await app.tap("sound-stop")
        await app.session.wait_for(lambda: "Saved" in app.session.texts())
        said += app.session.texts()
        for word in ("camera", "record", "encrypted", "microphone"):
            assert word not in "\n".join(said).lower()


async def test_a_picture_that_comes_after_a_lock_is_kept_in_no_other_notebook(
    tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    platform |= {"web": True, "platform": ft.PagePlatform.LINUX}
    camera.streams, camera.pictures, camera.develops = False, [media.picture()], asyncio.Event()
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.tap("take-photo")
        await app.session.wait_for(lambda: "photo-take" in app.session.identifiers())
        await app.session.settle(30)
        pressing = asyncio.create_task(app.session.press("photo-take"))
        await app.session.wait_for(lambda: "take_picture" in camera.called)
        await app.session.press("cover")
        await app.session.settle(30)
        await app.state.unlock(PASSPHRASE)
        camera.develops.set()
        await pressing
        await app.session.settle(30)
        assert app.state.open.book._vault.records(Kind.PIECE) == []
        assert files(app) == ()


async def test_a_frame_that_was_late_is_not_the_next_picture(
    tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await app.tap("take-photo")
        (shown,) = app.session.find(flet_camera.Camera)
        await app.session.wait_for(lambda: "photo-take" in app.session.identifiers())
        await app.session.settle(30)
        event = {"width": 640, "height": 480, "format": "yuv420", "encoded_format": "jpeg"}
        for nonsense in (1 << 60, None, "made up"):
            await app.session.fire(shown, "stream_image", event | {"bytes": nonsense})
        assert not app.state.trouble
        await app.session.fire(shown, "stream_image", event | {"bytes": media.picture((320, 200))})
        await take(app, camera, media.picture((640, 480)))
        assert picture_of(app, files(app)[0]).size == (480, 640)


async def test_a_question_of_the_system_that_is_answered_late_ends_no_other_recording(
    tmp_path: Path, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        microphone.asks = asks = asyncio.Event()
        await app.tap("record-sound")
        starting = asyncio.create_task(app.session.press("sound-start"))
        await app.session.wait_for(lambda: microphone.recorder is not None)
        await app.session.press("back")
        await app.session.settle(30)
        microphone.asks = None
        await begin_sound(app, microphone, 3)
        asks.set()
        await starting
        await app.session.settle(30)
        recording = app.state.open.captures.recording
        assert recording
        assert not recording.ended, "this one is on the screen"
        await app.session.press("cover")
        await app.session.settle(30)
        assert recording.ended
        await app.state.unlock(PASSPHRASE)
        assert [file.size for file in files(app)] == [HEAD + 3 * RATE]


async def test_nonsense_from_a_client_ends_no_recording(
    tmp_path: Path, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        await begin_sound(app, microphone, 1)
        assert microphone.recorder
        for sequence, chunk in (
            ("2", SECOND),
            (2, None),
            (2, "made up"),
            (9, "made up"),
            (None, b""),
            (True, b""),
        ):
            event = {"chunk": chunk, "sequence": sequence, "bytes_streamed": 0}
            await app.session.fire(microphone.recorder, "stream", event)
        await speak(app, microphone, 1)
        await app.session.press("cover")
        await app.session.settle(30)
        await app.state.unlock(PASSPHRASE)
        assert [file.size for file in files(app)] == [HEAD + 2 * RATE]


async def test_the_back_gesture_leaves_the_viewfinder_and_not_the_screen_below_it(
    tmp_path: Path, camera: PlayedCamera, microphone: PlayedMicrophone, platform: dict[str, Any]
) -> None:
    async with device(tmp_path, Work.OUTREACH) as app:
        await to_the_files(app)
        for way in ("take-photo", "record-sound"):
            await app.tap(way)
            app.state.set_text_scale(1.0)  # the screen below is drawn anew, as after any change
            app.state.open.book.changes.ring()
            await app.session.settle(30)
            await app.state.press_arrow(app.state.back)
            await app.session.settle(30)
            assert app.state.instead is None
            assert app.shows(Screen.FINISH)
