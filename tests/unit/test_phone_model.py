"""The one string by which a centre lists a phone's model."""

import dataclasses
from typing import Any

import flet as ft
import pytest

from fieldapp.host.phone_model import ask_model, model_of
from sync.directory import model_name
from tests.fakes.fake_flet import FakeSession

UTSNAME = ft.IosUtsname("iPhone15,2", "made up", "25.0.0", "Darwin", "made up")


TEXTS = (
    "board", "bootloader", "brand", "device", "display", "fingerprint", "hardware", "host", "id", "name", "product",
    "tags", "type", "localized_model", "model", "model_name", "system_name", "system_version", "manufacturer",
)  # fmt: skip
NUMBERS = ("available_ram_size", "free_disk_size", "physical_ram_size", "total_disk_size")
ANDROID_VERSION = {"code_name": "REL", "incremental": "1", "release": "16", "sdk": 36}


def told(kind: type[Any], **said: Any) -> dict[str, Any]:
    """Return something for every field that this kind of information has, and what is said."""
    every: dict[str, Any] = {**dict.fromkeys(TEXTS, "made up"), **dict.fromkeys(NUMBERS, 0), "locales": []}
    names = {field.name for field in dataclasses.fields(kind)}
    lists = {name: [] for name in names if name.startswith("supported_") or name == "system_features"}
    known = {**every, **lists, "is_low_ram_device": False, "is_physical_device": True, **said}
    return {name: value for name, value in known.items() if name in names}


def android(maker: str, model: str, **changes: Any) -> ft.AndroidDeviceInfo:
    said = {"manufacturer": maker, "model": model, "version": None, **changes}
    return ft.AndroidDeviceInfo(**told(ft.AndroidDeviceInfo, **said))


def ios(**changes: Any) -> ft.IosDeviceInfo:
    said = {"is_ios_app_on_mac": False, "utsname": UTSNAME, **changes}
    return ft.IosDeviceInfo(**told(ft.IosDeviceInfo, **said))


@pytest.mark.parametrize(
    ("maker", "model", "name"),
    [
        ("Google", "Pixel 8", "Google Pixel 8"),
        ("samsung", "SM-S911B", "samsung SM-S911B"),
        ("Fairphone", "FAIRPHONE 5", "FAIRPHONE 5"),
        ("", "Pixel 8", "Pixel 8"),
        ("Google", "", ""),
        (" Google ", " Pixel\t 8\n", "Google Pixel 8"),
        ("Cafe\u0301", "1", "Caf\u00e9 1"),
        ("Google", "Pixel\u202e8", ""),
        ("x" * 40, "y" * 40, ""),
    ],
)
def test_android_is_maker_and_model(maker: str, model: str, name: str) -> None:
    assert model_of(android(maker, model)) == name
    assert model_name(name) == name


def test_an_iphone_is_its_machine() -> None:
    assert model_of(ios()) == "iPhone15,2"
    assert model_of(ios(model_name="iPhone 14 Pro")) == "iPhone15,2"


def test_what_is_no_real_phone_has_no_name() -> None:
    assert model_of(android("Google", "sdk_gphone64", is_physical_device=False)) == ""
    assert model_of(ios(is_physical_device=False)) == ""
    assert model_of(ios(is_ios_app_on_mac=True)) == ""
    linux = ft.LinuxDeviceInfo(name="Made up", id="madeup", pretty_name="Made up", locales=[])
    assert model_of(linux) == model_of(None) == ""


@dataclasses.dataclass
class System:
    """A phone that answers what it is."""

    info: object
    error: str | None = None
    methods: frozenset[str] = frozenset({"get_device_info"})

    def answer(
        self, method: str, arguments: dict[str, Any], sent: list[bytes]
    ) -> tuple[object, str | None] | None:
        """Return what the phone says."""
        return self.info, self.error


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("platform", "info", "error", "name"),
    [
        (
            ft.PagePlatform.ANDROID,
            told(ft.AndroidDeviceInfo, manufacturer="Google", model="Pixel 8", version=ANDROID_VERSION),
            None,
            "Google Pixel 8",
        ),
        (
            ft.PagePlatform.IOS,
            told(ft.IosDeviceInfo, is_ios_app_on_mac=False, utsname=dataclasses.asdict(UTSNAME)),
            None,
            "iPhone15,2",
        ),
        (ft.PagePlatform.ANDROID, None, "PlatformException", ""),
        (ft.PagePlatform.ANDROID, {"model": "Pixel 8"}, None, ""),
        (ft.PagePlatform.ANDROID, "made up", None, ""),
        (ft.PagePlatform.LINUX, None, None, ""),
    ],
)
async def test_the_model_is_asked_through_the_page_and_whatever_fails_is_no_name(
    platform: ft.PagePlatform, info: object, error: str | None, name: str
) -> None:
    found: list[str] = []

    async def main(page: ft.Page) -> None:
        page.platform = platform
        found.append(await ask_model(page))

    async with FakeSession(main, extension=System(info, error)) as screen:
        await screen.wait_for(lambda: bool(found))
    assert found == [name]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
