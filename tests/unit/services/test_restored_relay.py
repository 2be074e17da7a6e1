"""Failure story 22 at the device: a relay that was restored from a backup gets again what it lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from fieldapp.services.filed import Stage
from fieldapp.services.notebook import Notebook
from sync.client import CentreClient
from sync.receipts import ReceiptKind
from sync.relay.app import create_app, declare_restored
from sync.relay.settings import RelaySettings
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import Switchable, screen

pytestmark = pytest.mark.anyio


async def heard_once(notebook: Notebook, centre: ScriptedCentre, desk: CentreClient) -> None:
    """One record that the centre received and said so: the device has a cursor in its shard."""
    await screen(notebook)
    await notebook.delivery.once()
    arrived = await centre.pull(desk)
    await desk.post(3, centre.receipt(arrived, ReceiptKind.RECEIVED))
    await notebook.delivery.once()
    assert notebook.book.membership
    assert notebook.book.membership.cursor


def drops(network: Switchable) -> list[bytes]:
    return [body for request, body in network.requests if "/v1/drop/" in request]


async def test_what_was_lost_is_stored_again_with_the_tokens_it_had(
    notebook: Notebook,
    network: Switchable,
    centre: ScriptedCentre,
    desk: CentreClient,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    await heard_once(notebook, centre, desk)
    copy = tmp_path / "restored.db"
    with closing(sqlite3.connect(tmp_path / "relay.db")) as now, closing(sqlite3.connect(copy)) as then:
        now.backup(then)
    network.requests.clear()
    record = await screen(notebook)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    lost, left = drops(network), notebook.book.tokens_left
    assert lost
    await declare_restored(str(copy))
    app = create_app(RelaySettings(str(copy), frozenset({"relay.example"})), clock=clock.now)
    async with app.router.lifespan_context(app):
        network.inner = httpx.ASGITransport(app)
        restored = centre.client(network.inner)
        kept = (await restored.box(centre.box)).envelopes
        network.requests.clear()
        await notebook.delivery.once()
        await notebook.delivery.once()
        assert sorted(drops(network)) == sorted(lost)  # of the rest the receipts were not lost
        assert notebook.book.tokens_left == left
        assert notebook.book.stage(record) is Stage.STORED
        assert sorted((await restored.box(centre.box)).envelopes) == sorted([*kept, *lost])
        await restored.aclose()


async def test_a_relay_that_lost_nothing_stores_nothing_twice(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, tmp_path: Path
) -> None:
    await heard_once(notebook, centre, desk)
    record = await screen(notebook)
    await notebook.delivery.once()
    held, left = (await desk.box(centre.box)).envelopes, notebook.book.tokens_left
    await declare_restored(str(tmp_path / "relay.db"))
    network.requests.clear()
    await notebook.delivery.once()
    await notebook.delivery.once()
    assert drops(network)
    assert set(drops(network)) <= set(held)
    assert (await desk.box(centre.box)).envelopes == held
    assert notebook.book.tokens_left == left
    assert notebook.book.stage(record) is Stage.STORED
    network.requests.clear()
    await notebook.delivery.once()
    assert drops(network) == []
