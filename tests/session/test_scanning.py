"""Scanning the centre's code on the enrolment screen, with a camera that this test plays, and a real relay and centre."""

import asyncio
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flet as ft
import flet_camera
import httpx
import pytest

from fieldapp.services.membership import Standing
from fieldapp.services.settings import Work
from fieldapp.ui.parts import camera as cameras
from fieldapp.ui.state import Screen
from sync.client import RelayClient
from tests.fakes.capture import PlayedCamera
from tests.fakes.frames import code_picture, jpeg
from tests.session.field_harness import Field, StillClock, open_field
from tests.unit.centre.desk import NOW, World, in_world

pytestmark = pytest.mark.anyio
UNUSABLE = "The camera cannot be used, or was not allowed. Type the code."
NO_CODE = jpeg(code_picture("HELLO WORLD"))


async def to_the_camera(app: Field) -> None:
    app.state.go(Screen.ENROL)
    await app.screen.settle()
    await app.screen.press("enrol-scan")
    await app.screen.settle()


async def show(app: Field, frame: bytes) -> None:
    (shown,) = app.screen.find(flet_camera.Camera)
    event = {"width": 640, "height": 480, "format": "yuv420", "encoded_format": "jpeg", "bytes": frame}
    await app.screen.fire(shown, "stream_image", event)


@pytest.mark.parametrize("where", ["phone", "browser"])
def test_a_scanned_code_leads_to_the_same_digits(
    where: str, tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    said = platform
    if where == "browser":
        said |= {"web": True, "platform": ft.PagePlatform.LINUX}
        camera.streams = False

    async def body(world: World) -> None:
        network = httpx.ASGITransport(app=world.relay.app)
        async with open_field(
            tmp_path / "phone",
            relays=lambda url: RelayClient(url, transport=network),
            clock=StillClock(datetime.fromtimestamp(NOW)),
        ) as app:
            begun = await world.centre.devices.begin("Made-up phone", "police", Work.OFFICER)
            code = jpeg(code_picture(begun.qr_text))
            camera.pictures = [NO_CODE, b"made up", code]
            await to_the_camera(app)
            if where == "phone":
                await app.screen.wait_for(lambda: "start_image_stream" in camera.called)
                for frame in (NO_CODE, b"made up", code):
                    await show(app, frame)
            await app.screen.wait_for(lambda: bool(app.state.open.enrolling.digits))
            assert await world.centre.devices.poll(begun)
            await app.screen.wait_for(lambda: begun.digits[0] in app.screen.texts())
            assert app.state.open.enrolling.standing is Standing.PENDING
            assert app.screen.find(flet_camera.Camera) == [], "the camera is let go"
            (opened,) = [how for name, how in camera.calls if name == "initialize"]
            assert opened[0][0].name == "back"
            assert opened[1] == {"enable_audio": False}
            assert ("take_picture" in camera.called) is (where == "browser"), "a phone would write a file"

    in_world(tmp_path, body)


@pytest.mark.parametrize("trouble", ["none", "refused", "no frames"])
async def test_without_a_usable_camera_one_line_says_so_and_the_code_is_typed(
    trouble: str, tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    camera.found = [] if trouble == "none" else camera.found
    camera.pictures = [NO_CODE]
    camera.refused, camera.streams = trouble == "refused", trouble != "no frames"
    async with open_field(tmp_path) as app:
        await to_the_camera(app)
        await app.screen.wait_for(lambda: UNUSABLE in app.screen.texts())
        assert "take_picture" not in camera.called
        assert app.screen.find(flet_camera.Camera) == []
        assert app.screen.find(ft.TextField, label="Code")
        await app.screen.press("enrol-scan")
        await app.screen.wait_for(lambda: camera.called.count("get_available_cameras") == 2)


async def test_leaving_covering_and_locking_let_the_camera_go(
    tmp_path: Path, camera: PlayedCamera, platform: dict[str, Any]
) -> None:
    async with open_field(tmp_path) as app:
        await to_the_camera(app)
        await app.screen.wait_for(lambda: "start_image_stream" in camera.called)
        await app.screen.press("enrol-type")
        await app.screen.settle()
        assert app.screen.find(flet_camera.Camera) == []
        assert app.screen.find(ft.TextField, label="Code")
        await app.screen.press("enrol-scan")
        await app.screen.wait_for(lambda: camera.called.count("start_image_stream") == 2)
        assert any("viewfinder" in repr(task) for task in asyncio.all_tasks())
        (shown,) = app.screen.find(flet_camera.Camera)
        scanner: Any = shown.on_stream_image.__self__  # type: ignore[union-attr]
        await app.press("cover")
        assert app.gate.notebook is None
        assert app.screen.find(flet_camera.Camera) == []
        await app.screen.wait_for(lambda: not any("viewfinder" in repr(task) for task in asyncio.all_tasks()))
        scanner._keep(SimpleNamespace(bytes=NO_CODE))
        assert scanner._latest == b"", "a frame that was on its way"


@pytest.mark.parametrize("without", ["package", "platform"])
async def test_no_camera_is_offered_where_there_can_be_none(
    without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: dict[str, Any]
) -> None:
    said = platform
    if without == "package":
        monkeypatch.setattr(cameras, "_cameras", lambda: None)
    else:
        said["platform"] = ft.PagePlatform.WINDOWS
    async with open_field(tmp_path) as app:
        app.state.go(Screen.ENROL)
        await app.screen.settle()
        assert "enrol-scan" not in app.screen.identifiers()
        assert app.screen.find(ft.TextField, label="Code")
