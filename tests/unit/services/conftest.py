"""A device in a temporary folder, a relay in-process on a real SQLite file, and a scripted centre."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import Agency, FinishChoice, FinishKind, Identity, Mode, MustNotSee
from fieldapp.services.filed import Filed
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore
from sync.client import CentreClient, RelayClient
from sync.relay.app import create_app
from sync.relay.settings import RelaySettings
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock

URL = "https://relay.example"
PASSPHRASE = "made-up words for a test device only"


async def screen(notebook: Notebook, *, withhold: frozenset[Agency] = frozenset()) -> Filed:
    screening = await notebook.screenings.begin(Mode.OFFICER, language="nl")
    screening = screening.with_answer("G1", Answer.YES).with_answer("S02", Answer.YES)
    screening = screening.with_identity(Identity(name="Madeup Person"))
    screening = screening.with_must_not_see(MustNotSee(withhold))
    await notebook.screenings.save(screening)
    return await notebook.screenings.finish(screening, FinishChoice(FinishKind.SEND))


class Switchable(httpx.AsyncBaseTransport):
    """The network of a test: the real relay behind it, or whatever the test puts in its place."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.instead: Callable[[httpx.Request], httpx.Response] | None = None
        self.after: Callable[[httpx.Request], None] | None = None
        self.requests: list[tuple[str, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        self.requests.append((f"{request.method} {request.url.path}", body))
        if self.instead:
            return self.instead(request)
        response = await self.inner.handle_async_request(request)
        if self.after:
            await response.aread()
            self.after(request)
        return response

    def off(self) -> None:
        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("no network")

        self.instead = refuse

    def on(self) -> None:
        self.instead = None


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def network(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Switchable]:
    app = create_app(RelaySettings(str(tmp_path / "relay.db"), frozenset({"relay.example"})), clock=clock.now)
    async with app.router.lifespan_context(app):
        yield Switchable(httpx.ASGITransport(app))


@pytest.fixture
async def centre(network: Switchable, tmp_path: Path, clock: FixedClock) -> ScriptedCentre:
    return await ScriptedCentre(URL, clock.now()).register(tmp_path / "relay.db")


@pytest.fixture
async def desk(centre: ScriptedCentre, network: Switchable) -> AsyncIterator[CentreClient]:
    client = centre.client(network.inner)
    await centre.publish(client)
    yield client
    await client.aclose()


@pytest.fixture
async def gate(tmp_path: Path, network: Switchable, clock: FixedClock) -> AsyncIterator[Gate]:
    gate = Gate(
        tmp_path / "device",
        NoKeystore(),
        clock,
        SystemIds(),
        lambda relay: RelayClient(relay, transport=network, monotonic=clock.now),
        calibrated=lambda: FLOOR,
    )
    await gate.create(PASSPHRASE, Settings())
    assert gate.notebook
    await gate.notebook.delivery.stop()  # the tests say when to look for the relay
    yield gate
    await gate.shut()


@pytest.fixture
async def notebook(gate: Gate, centre: ScriptedCentre, desk: CentreClient) -> Notebook:
    """An enrolled device."""
    assert gate.notebook
    await gate.notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    return gate.notebook
