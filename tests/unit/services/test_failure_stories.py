"""How other systems lost or leaked records, played on this one. `docs/failure-stories.md` lists every story's test."""

import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from sync.chain import ChainLedger, ChainOutcome
from sync.client import CentreClient
from sync.errors import SealRefused
from sync.protocol import DAY
from sync.receipts import ReceiptKind
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio


async def test_a_record_that_cannot_be_sealed_is_neither_sent_nor_called_sent(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    """Story 2: encryption was skipped without a word, and the record was "finalized" all the same."""
    good = notebook.book.trust
    assert good
    unusable = {
        name: replace(role, prekeys=tuple(replace(key, pk=bytes(32)) for key in role.prekeys))
        for name, role in good.directory.roles.items()
    }
    notebook.book.trust = replace(good, directory=replace(good.directory, roles=unusable))
    record = await screen(notebook)
    network.requests.clear()
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.LOCAL
    assert isinstance(notebook.book.blocked[record.record_id], SealRefused)
    assert notebook.book.on_the_way == ()
    assert [call for call, _ in network.requests if call.startswith("POST")] == []
    notebook.book.trust = good
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    assert [arrived.header.seq for arrived in await centre.pull(desk)] == [1, 2], (
        "no number was spent in vain"
    )


class Swapping(httpx.AsyncBaseTransport):
    """A relay that keeps other bytes of the same length than it was given."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = bytearray(await request.aread())
        if "/drop/" in request.url.path:
            body[len(body) // 2] ^= 1
        changed = httpx.Request(request.method, request.url, headers=request.headers, content=bytes(body))
        return await self.inner.handle_async_request(changed)


async def test_a_relay_that_keeps_other_bytes_of_the_same_length_is_offered_the_true_ones_again(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    """Story 5: "already complete" was judged by the length alone."""
    record, relay = await screen(notebook), network.inner
    network.inner = Swapping(relay)
    await notebook.delivery.once()
    page = await desk.box(centre.box, "")
    assert len(page.envelopes) == 2
    assert all(centre.rejects(envelope) for envelope in page.envelopes)
    assert notebook.book.stage(record) is Stage.STORED, "all that the relay can make the device believe"
    network.inner = relay
    clock.advance(31 * DAY)
    await notebook.delivery.once()
    page = await desk.box(centre.box, page.cursor)
    arrived = [centre.open(envelope) for envelope in page.envelopes]
    assert {one.header.record_id for one in arrived} == {record.record_id}
    assert len(arrived) == 2


async def test_a_device_put_back_to_an_older_copy_hears_again_what_it_forgot(
    notebook: Notebook,
    gate: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
    clock: FixedClock,
    tmp_path: Path,
) -> None:
    """Story 23: the local store was gone, the cursor was not, and the sync thought that all was well."""
    record = await screen(notebook)
    await notebook.delivery.once()
    await gate.lock()
    shutil.copytree(tmp_path / "device", tmp_path / "copy")
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    await desk.post(3, centre.receipt(await centre.pull(desk), ReceiptKind.OPENED))
    await again.delivery.once()
    assert again.book.stage(record) is Stage.OPENED
    await gate.lock()
    shutil.rmtree(tmp_path / "device")
    shutil.copytree(tmp_path / "copy", tmp_path / "device")
    clock.advance(DAY)
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    assert again.book.stage(record) is Stage.STORED
    await again.delivery.once()
    assert again.book.stage(record) is Stage.OPENED
    assert again.book.on_the_way == ()


async def test_records_are_in_the_order_of_their_numbers_whatever_the_clock_says(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    """Story 32: a clock that was set by hand decided which change won."""
    made = []
    for years in (0, -1, 2, -1):
        clock.advance(years * 365 * DAY)
        made.append((await screen(notebook)).record_id)
        await notebook.delivery.send_now()
        await notebook.delivery.once()
    # In those years the same bytes were offered again, and what nobody had opened was sealed anew as a second version.
    by_number = {one.header.seq: one for one in await centre.pull(desk)}
    arrived = [by_number[seq] for seq in sorted(by_number)]
    assert [one.header.record_id for one in arrived if one.header.rec_ver == 1][::2] == made
    ledger = ChainLedger()
    for one in arrived:
        verdict = ledger.record(one.header.seq, one.opened.hash, one.header.prev_hash)
        assert verdict.outcome is ChainOutcome.IN_ORDER
