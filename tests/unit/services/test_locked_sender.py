"""What is sealed still reaches the centre: while locked, behind a second notebook, and after a wipe."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore, OutboxFile, SlotKind, WrongPassphrase
from sync.client import CentreClient, RelayClient
from sync.outbox import OutboxMeta, OutboxState
from sync.protocol import MsgType
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio

SECOND = "harmless sextant walnut copper ninety"
WIPE = "goodbye marble anchor violet thirty"


@pytest.fixture
async def gate(tmp_path: Path, network: Switchable, clock: FixedClock) -> AsyncIterator[Gate]:
    from fieldapp.services.settings import Settings

    gate = Gate(
        tmp_path / "device",
        NoKeystore(),
        clock,
        SystemIds(),
        lambda relay: RelayClient(relay, transport=network, monotonic=clock.now),
        calibrated=lambda: FLOOR,
        locked_sending=True,
    )
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    yield gate
    await gate.shut()


def states(gate: Gate) -> list[OutboxState]:
    with OutboxFile.open(gate.shelf.folder, bytes(32)) as box:
        return [OutboxMeta.from_bytes(entry.meta).state for entry in box.entries()]


async def waiting(notebook: Notebook, network: Switchable, clock: FixedClock) -> int:
    """File a record while there is no network; returns how many envelopes it is."""
    network.off()
    await screen(notebook)
    network.on()
    clock.advance(3600)
    return len(notebook.book.on_the_way)


async def test_what_waits_is_sent_while_locked_and_the_notebook_knows_it(
    gate: Gate,
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    network: Switchable,
    clock: FixedClock,
) -> None:
    count = await waiting(notebook, network, clock)
    await gate.lock()
    assert gate._sender
    network.off()
    assert await gate._sender.once() == 0
    network.on()
    assert await gate._sender.once() == count
    assert await gate._sender.once() == 0
    assert set(states(gate)) == {OutboxState.STORED}
    assert MsgType.SCREENING in [one.header.msg_type for one in await centre.pull(desk)]
    opened = await gate.unlock(PASSPHRASE)
    assert gate._sender._task is None
    assert {meta.state for _, meta in opened.book.on_the_way} == {OutboxState.STORED}
    assert opened.delivery.waiting == 0


@pytest.mark.parametrize("how", ["wipe", "erase", "second"])
async def test_after_a_wipe_nothing_opens_and_the_sealed_outbox_still_drains(
    how: str,
    gate: Gate,
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    network: Switchable,
    clock: FixedClock,
) -> None:
    await notebook.book.set_word(SlotKind.OPEN, PASSPHRASE, SECOND)
    await notebook.book.set_word(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, SECOND)
    count = await waiting(notebook, network, clock)
    if how == "erase":
        await notebook.book.erase()
    before = len(network.requests)
    second = await gate.unlock({"wipe": WIPE, "erase": PASSPHRASE, "second": SECOND}[how])
    assert second.book.is_second
    assert (second.book.filed, second.book.on_the_way, second.book.damaged) == ((), (), [])
    await second.delivery.once()
    await second.delivery.send_now()
    assert len(network.requests) == before, "a second notebook touches no network"
    assert gate._sender
    assert gate._sender._task, "the sender goes on behind it"
    assert await gate._sender.once() == count
    assert MsgType.SCREENING in [one.header.msg_type for one in await centre.pull(desk)]
    await gate.lock()
    for word in (PASSPHRASE, SECOND):
        if how == "wipe":
            with pytest.raises(WrongPassphrase):
                await gate.unlock(word)


async def test_a_relay_that_refuses_or_is_silent_costs_no_record(
    gate: Gate,
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    network: Switchable,
    clock: FixedClock,
) -> None:
    count = await waiting(notebook, network, clock)
    await gate.lock()
    assert gate._sender
    for status in (500, 403, 404):
        network.instead = lambda request, status=status: httpx.Response(status)
        assert await gate._sender.once() == 0
        clock.advance(8 * 3600)
    assert set(states(gate)) == {OutboxState.SEALED}
    network.on()
    assert await gate._sender.once() == count


async def test_a_gate_that_does_not_send_while_locked_has_no_sender(
    tmp_path: Path, clock: FixedClock
) -> None:
    gate = Gate(tmp_path, NoKeystore(), clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR)
    gate.send_while_locked()
    assert gate._sender is None
    await gate.shut()
