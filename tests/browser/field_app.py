"""The field app on an empty folder, for browser tests: a fast vault and no relay."""

import asyncio
import atexit
import base64
import shutil
import tempfile
from collections.abc import Awaitable, Iterator
from pathlib import Path

import flet as ft
import httpx

from fieldapp.assets import default_law
from fieldapp.services.chunking import pieces_of
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.system import SystemClock, SystemIds
from fieldapp.ui.app import field_app
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import RelayClient

FOLDER = Path(tempfile.mkdtemp(prefix="field-app-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def no_network(url: str) -> RelayClient:
    """Make a client that never reaches a relay."""

    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network in this test")

    return RelayClient(url, transport=httpx.MockTransport(unreachable))


GATE = Gate(FOLDER, NoKeystore(), SystemClock(), SystemIds(), no_network, calibrated=lambda: FLOOR)
CAPTURE = True
"""As the program serves it."""
SESSIONS: list[ft.Page] = []
_CHOOSING: list[asyncio.Task[None]] = []
_serve = field_app(GATE, default_law())


async def main(page: ft.Page) -> None:
    """Serve the app, and count who came."""
    SESSIONS.append(page)
    started = _serve(page)
    assert isinstance(started, Awaitable)
    await started


def _files() -> Iterator[str]:
    assert GATE.notebook
    book = GATE.notebook.book
    pieces = {record.record_id: record.payload for record in book._vault.records(Kind.PIECE)}
    for file in book.filed[-1].attachments:
        yield file.media + ":" + base64.b64encode(b"".join(pieces[one] for one in pieces_of([file]))).decode()


def answer(question: str) -> str:
    """Tell the alias of the draft, or how many sessions there were, whether the vault is open, and how many Flet keeps.

    "files" are those of the last finished record, as they are in the vault: media type and content in base64.
    "kept" are the sessions that Flet would give to a client which knows their id. "notes" puts the notes in front of the
    lock, and tells whether they are.
    """
    from flet_web.fastapi import app_manager

    if question == "files":
        return " ".join(_files())
    if question == "alias":
        assert GATE.notebook
        return GATE.notebook.screenings.unfinished[0].alias
    if question == "notes":
        _CHOOSING.append(asyncio.create_task(GATE.front.choose()))
        return str(GATE.front.chosen)
    kept = len(app_manager._FletAppManager__sessions)
    return f"{len(SESSIONS)} {int(GATE.notebook is not None)} {kept}"
