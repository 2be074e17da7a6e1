"""The field app on a phone: its vault is bound to the phone's key store, which answers through the page."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import flet as ft
import pytest

from fieldapp import bootstrap
from fieldapp.config import Config
from fieldapp.host.phone_keystore import PageGone, PhoneKeys
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.ui.state import Screen
from fieldapp.vault import FLOOR, Keystore, KeystoreUnavailable, NoKeystore, UnlockAttempt
from fieldapp.vault.header import HeaderFile
from fieldapp.vault.keystore import recall
from fieldapp.vault.system_keystore import ID_FILE, SystemKeystore
from tests.fakes.fake_flet import FakeSession
from tests.fakes.phone import FakePhone, options
from tests.session.field_harness import PASSPHRASE, Field, StillClock, no_network
from tests.session.test_recovery import NEW, make_a_sheet, open_with, said

pytestmark = pytest.mark.anyio

Main = Callable[[ft.Page], Any]


class Device:
    """A phone with its files and its key store; each `start` is a new process of the app."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.phone = FakePhone()
        self.clock = StillClock()
        self.gates: list[Gate] = []

    def gate(self, config: Config, keystore: Keystore, *, model: str | None = None) -> Gate:
        self.gates.append(
            Gate(
                config.data_dir,
                keystore,
                self.clock,
                SystemIds(),
                no_network,
                calibrated=lambda: FLOOR,
                locked_sending=True,
                model=model,
            )
        )
        return self.gates[-1]

    @asynccontextmanager
    async def start(self) -> AsyncIterator[Field]:
        main = bootstrap.phone_app(Config(self.folder))
        async with self.page(main) as app:
            yield app
        await self.gates[-1].shut()

    @asynccontextmanager
    async def page(self, main: Main) -> AsyncIterator[Field]:
        async with FakeSession(main, extension=self.phone) as screen:
            yield Field(screen, self.gates[-1], self.clock)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device(tmp_path / "private")
    monkeypatch.setattr(bootstrap, "guarded_gate", made.gate)
    return made


async def rest(app: Field) -> None:
    """Wait for the storage thread, whose calls to the key store need turns of the loop."""
    await app.rest()
    await app.rest()


async def set_up(device: Device) -> str:
    """Set the phone up, with an unfinished screening and a sheet, and end the app; returns the sheet's code."""
    if not _MADE:
        async with device.start() as app:
            await app.state.create(PASSPHRASE, Settings())
            await app.screen.settle()
            await app.press("back", "new-screening", "alone-yes", "back", "back")
            code = await make_a_sheet(app)
        _MADE.append((device.files(), dict(device.phone.values), code))
    files, values, code = _MADE[0]
    device.folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (device.folder / name).write_bytes(data)
    device.phone.values = dict(values)
    return code


_MADE: list[tuple[dict[str, bytes], dict[str, str], str]] = []
"""The files, the entries and the sheet's code of a phone that was set up once for this module."""


async def test_what_the_phone_calls_itself_reaches_the_door(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(page: ft.Page) -> str:
        return "Made Up 8"

    monkeypatch.setattr("fieldapp.host.phone_model.ask_model", asked)
    async with device.start() as app:
        assert app.gate.model == "Made Up 8"
        assert not app.gate.pad.digits_first


async def test_a_phone_keeps_the_secret_with_the_only_safe_options(device: Device) -> None:
    async with device.start() as app:
        assert app.gate.has_keystore
        assert not device.phone.values
        assert options(app.screen.client.sent, "android_options")["reset_on_error"] is False
        ios = options(app.screen.client.sent, "ios_options")
        assert ios["accessibility"] == "unlocked_this_device"
        assert not ios.get("synchronizable", False)
    await set_up(device)
    names = {name.rpartition(".")[2] for name in device.phone.values}
    assert names == {"ds", "ds2", "bk", "iid", "seq", "att", "gen0", "gen1"}
    assert {len(text) for text in device.phone.values.values()} == {88}
    assert {name.partition(".")[0] for name in device.phone.values} == {"notebook"}
    assert (device.folder / ID_FILE).exists()
    async with device.start() as app:
        assert app.state.place.screen is Screen.LOCK
        await app.unlock()
        await rest(app)
        assert app.state.open.book.is_bound
        assert len(app.state.open.screenings.unfinished) == 1


@pytest.mark.parametrize("fault", ["decode", "reset text", "forgot", "silent"])
async def test_story_8_an_error_of_the_phones_key_store_erases_nothing(
    device: Device, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    code = await set_up(device)
    held, files = dict(device.phone.values), device.files()
    device.phone.fault = fault
    if fault == "silent":
        monkeypatch.setattr(PhoneKeys, "patience", 0.05)
    async with device.start() as app:
        await app.unlock()
        await app.screen.wait_for(lambda: "Use the recovery sheet" in said(app))
        assert app.state.notebook is None
        assert "Nothing was deleted or changed." in said(app)
        assert device.phone.values == held
        assert device.files() == files
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await rest(app)
        assert len(app.state.open.screenings.unfinished) == 1
    assert held.items() <= device.phone.values.items() or fault in ("reset text", "forgot")
    device.phone.fault = ""
    monkeypatch.undo()
    monkeypatch.setattr(bootstrap, "guarded_gate", device.gate)
    async with device.start() as app:
        await app.unlock(NEW)
        await rest(app)
        assert len(app.state.open.screenings.unfinished) == 1


@pytest.mark.parametrize("fault", ["raises", "decode", "reset text", "forgot"])
async def test_a_phone_whose_key_store_does_not_work_says_so_before_anything_is_written(
    device: Device, fault: str
) -> None:
    device.phone.fault = fault
    async with device.start() as app:
        assert not app.gate.has_keystore
        await app.press("go-on", "go-on")
        assert "This device gives no extra protection of its own" in said(app)
        assert isinstance(app.gate.shelf.keystore, NoKeystore)
    assert not list(device.folder.iterdir())


async def test_what_fails_once_works_again_without_a_restart(device: Device) -> None:
    await set_up(device)
    device.phone.fault = "raises"
    async with device.start() as app:
        await app.unlock()
        await app.screen.wait_for(lambda: "Use the recovery sheet" in said(app))
        device.phone.fault = ""
        await app.unlock()
        await rest(app)
        assert app.state.open.book.is_bound


async def test_a_new_page_takes_over_and_the_older_one_is_not_asked_any_more(device: Device) -> None:
    """Android makes the app's window anew whenever it likes; the process and its key store go on."""
    main = bootstrap.phone_app(Config(device.folder))
    async with device.page(main) if device.gates else FakeSession(main, extension=device.phone) as first:
        assert len(device.gates) == 1
        async with device.page(main) as second:
            assert len(device.gates) == 1
            await second.state.create(PASSPHRASE, Settings())
            await rest(second)
            assert second.state.open.book.is_bound
            methods = [message for message in first.client.sent if b"att" in message]
            assert not methods
    await device.gates[-1].shut()


async def test_the_new_secret_is_confirmed_before_the_header_depends_on_it(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await set_up(device)
    async with device.start() as app:
        supersede, seen = HeaderFile.supersede, []

        def spy(self: HeaderFile, header: Any, secret: bytes, old: Any) -> Any:
            (name,) = (name for name in device.phone.values if name.endswith(".ds2"))
            seen.append(device.phone.calls[-2:] == [("set", name), ("get", name)])
            return supersede(self, header, secret, old)

        monkeypatch.setattr(HeaderFile, "supersede", spy)
        await open_with(app, code)
        await app.screen.wait_for(lambda: app.state.notebook is not None)
        await rest(app)
    assert seen == [True]
    in_use, ready = (
        next(text for name, text in device.phone.values.items() if name.endswith(entry))
        for entry in (".ds", ".ds2")
    )
    assert in_use != ready


async def test_the_outbox_key_is_at_hand_while_the_phones_own_lock_is_on(device: Device) -> None:
    await set_up(device)
    async with device.start() as app:
        assert await app.gate.sends_locked()
        device.phone.fault = "raises"
        assert await app.gate.sends_locked()
        with pytest.raises(KeystoreUnavailable):
            await app.gate._worker.run(
                UnlockAttempt.begin, device.folder, app.gate.shelf.keystore, device.clock.now()
            )


async def test_nothing_that_was_kept_stands_in_an_error(device: Device) -> None:
    await set_up(device)
    async with device.start() as app:
        device.phone.fault = "raises"
        keystore = app.gate.shelf.keystore
        assert isinstance(keystore, SystemKeystore)
        with pytest.raises(KeystoreUnavailable) as caught:
            await asyncio.to_thread(recall, keystore, "ds", 32)
        assert str(caught.value) == "keystore failed: RuntimeError"


async def test_without_a_page_there_is_nothing_to_ask() -> None:
    with pytest.raises(PageGone):
        await asyncio.to_thread(PhoneKeys().offer("00").get, "ds")


async def test_nothing_follows_a_call_that_is_not_answered_until_another_page_is_there(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late write must never come after a newer one."""
    monkeypatch.setattr(PhoneKeys, "patience", 0.05)
    keys = PhoneKeys()
    store = keys.offer("00")

    async def main(page: ft.Page) -> None:
        keys.attach(page)

    device.phone.fault = "silent"
    async with FakeSession(main, extension=device.phone):
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(store.set, "seq", "older")
        device.phone.fault = ""
        with pytest.raises(PageGone):
            await asyncio.to_thread(store.set, "seq", "newer")
        assert [method for method, _ in device.phone.calls] == ["set"]
        async with FakeSession(main, extension=device.phone):
            monkeypatch.setattr(PhoneKeys, "patience", 10.0)
            await asyncio.to_thread(store.set, "seq", "newest")
            assert await asyncio.to_thread(store.get, "seq") == "newest"


async def test_a_page_that_comes_in_the_middle_of_a_call_is_asked_all_the_same(
    device: Device,
) -> None:
    """The call before belongs to the page that went: it may never be answered."""
    keys, loop = PhoneKeys(), asyncio.get_running_loop()
    store = keys.offer("00")

    async def attach(page: ft.Page) -> None:
        keys.attach(page)

    async with FakeSession(attach, extension=device.phone) as session:

        def question(storage: object) -> Any:
            asyncio.run_coroutine_threadsafe(attach(session.page), loop).result()
            return asyncio.Event().wait()

        keys.patience = 0.05
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(keys.ask, question)
        keys.patience = 10.0
        await asyncio.to_thread(store.set, "seq", "newer")
        assert await asyncio.to_thread(store.get, "seq") == "newer"
