"""The composition root: the one place that knows every part, and puts the field app together.

    vault + services (Gate)  ->  screens (ui.app.field_app)  ->  a browser on this machine, or the phone itself

On a phone Flet embeds Python and `FLET_PLATFORM` is set; on a desktop the same app is served through the loopback
guard. The desk and the demo are put together in `fieldapp.desk` and `fieldapp.demo` from the same pieces.
"""

import asyncio
import contextlib
import os
import signal
import sys
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import flet as ft

from fieldapp.assets import default_law
from fieldapp.config import Config
from fieldapp.errors import InputError
from fieldapp.host.process import leave_nothing
from fieldapp.kit.boundary import record_failure
from fieldapp.kit.logs import DebugLoggingError, pin_loggers, refuse_debug_logging
from fieldapp.services.connections import RelayFactory
from fieldapp.services.covering import Covering
from fieldapp.services.gate import Gate
from fieldapp.system import SystemClock, SystemIds
from fieldapp.ui.app import field_app
from fieldapp.vault import Keystore, device_keystore
from sync.client import RelayClient

if TYPE_CHECKING:
    from fieldapp.host.loopback import Served

Main = Callable[[ft.Page], object]


def field_gate(config: Config, relays: RelayFactory = RelayClient) -> Gate:
    """Make the door of the desktop whose data is in `config.data_dir`; InputError when that is not a folder."""
    from fieldapp.host.desktop_keystore import desktop_offer  # not on a phone: it has no such library

    check_folder(config.data_dir)
    return guarded_gate(config, device_keystore(config.data_dir, desktop_offer()), relays)


def guarded_gate(
    config: Config, keystore: Keystore, relays: RelayFactory = RelayClient, *, model: str | None = None
) -> Gate:
    """Make the door of the device whose data is in `config.data_dir`, with this key store or with `NoKeystore`.

    `model` is what a phone calls itself: see `Gate`.
    """
    return Gate(
        config.data_dir,
        keystore,
        SystemClock(),
        SystemIds(),
        relays,
        covering=Covering(),
        locked_sending=True,
        model=model,
    )


def run_field(config: Config) -> None:
    """Run the field app until it is told to stop."""
    prepare()
    if os.environ.get("FLET_PLATFORM"):
        main = phone_app(config)
        try:
            ft.run(main)
        except Exception as error:
            # Flet's own start would write it, with its message, into a file and onto the screen.
            record_failure("the app", error)
            sys.exit(1)
        return
    gate = field_gate(config)
    asyncio.run(serve_until_stopped(config, field_app(gate, default_law()), gate.shut, capture=True))


def phone_app(config: Config) -> Callable[[ft.Page], Awaitable[None]]:
    """Return Flet's `main` of a phone, whose key store is asked through the page: the door is made with the first one.

    InputError as `check_folder`.
    """
    from fieldapp.host.phone_keystore import PhoneKeys
    from fieldapp.host.phone_model import ask_model

    check_folder(config.data_dir)
    keys, turn = PhoneKeys(), asyncio.Lock()
    made: list[Callable[[ft.Page], Awaitable[None]]] = []

    async def main(page: ft.Page) -> None:
        keys.attach(page)
        async with turn:
            if not made:
                keystore = await asyncio.to_thread(device_keystore, config.data_dir, keys.offer)
                gate = guarded_gate(config, keystore, model=await ask_model(page))
                made.append(field_app(gate, default_law()))
        await made[0](page)

    return main


def prepare() -> None:
    """Hold all that could write what a person said or a key (logs, dumps, crash reports), before anything else runs.

    InputError while the environment asks for a log.
    """
    leave_nothing()
    try:
        refuse_debug_logging()
    except DebugLoggingError as error:
        raise InputError(str(error)) from None
    pin_loggers()


def check_folder(folder: Path, option: str = "--data-dir") -> None:
    """Make the data folder if there is none yet; InputError, naming `option`, when nothing can be kept in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{option}: this is a file, a folder is needed.") from None
    except OSError as error:
        raise InputError(f"{option}: this folder cannot be made: {error.strerror}.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{option}: this folder cannot be written.")


async def serve_until_stopped(
    config: Config,
    main: Main,
    shut: Callable[[], Awaitable[None]],
    *,
    capture: bool = False,
    sound: bool = False,
) -> None:
    """Serve one app on this machine, open it, and shut it in order when Ctrl-C or a stop signal comes."""
    async with stop_signal() as stopped, served(main, config.port, shut, capture=capture, sound=sound) as app:
        print(app.url, flush=True)  # noqa: T201
        if config.browser:
            open_browser(app.url)
        await stopped.wait()


@contextlib.asynccontextmanager
async def served(
    main: Main,
    port: int,
    shut: Callable[[], Awaitable[None]],
    *,
    capture: bool = False,
    sound: bool = False,
) -> AsyncIterator["Served"]:
    """Serve `main` on 127.0.0.1 for as long as the block runs, then lock; InputError when the port is taken.

    With `capture` the page may ask for the camera and the microphone; with `sound` it may play a recording.
    """
    from fieldapp.host.loopback import serve  # not on a phone: it needs Flet's web server

    try:
        app = await serve(main, port, capture=capture, sound=sound)
    except OSError as error:
        raise InputError(f"--port: cannot listen on 127.0.0.1:{port}: {error.strerror}.") from None
    try:
        yield app
    finally:
        await app.stop()
        await shut()


@contextlib.asynccontextmanager
async def stop_signal() -> AsyncIterator[asyncio.Event]:
    """Give an event that Ctrl-C and SIGTERM set, in place of an exception in the middle of a write."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    try:
        yield stopped
    finally:
        with contextlib.suppress(NotImplementedError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def open_browser(url: str) -> None:
    """Open an address where there is a browser; the address is printed all the same."""
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(url)
