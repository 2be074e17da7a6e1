"""How other systems lost records between device and server (`docs/failure-stories.md`).

Stories of the same kind stand in `test_delivery`: an odd answer never counts as stored (3), an answer lost after the
commit makes one record (4), fifty failures then success (25).
"""

import base64
import secrets

import httpx
import pytest

from fieldapp.services.filed import Stage
from fieldapp.services.notebook import Notebook
from sync.answers import Refusal
from sync.client import CentreClient, RelayClient
from sync.protocol import DAY
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import URL, Switchable, screen

pytestmark = pytest.mark.anyio


async def stored(centre: ScriptedCentre, desk: CentreClient) -> list[bytes]:
    return list((await desk.box(centre.box)).envelopes)


async def test_other_bytes_of_the_same_length_are_never_taken_for_the_record(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    """Story 5: "already complete", because something of the same length was there."""
    record = await screen(notebook)
    mine = {entry.envelope for entry, _ in notebook.book.on_the_way}
    stranger = RelayClient(URL, transport=network.inner)
    for entry, meta in notebook.book.on_the_way:
        await stranger.drop(meta.box, meta.drop_token, secrets.token_bytes(len(entry.envelope)))
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.SEALED
    assert notebook.book.last_reason(record) == Refusal.CONFLICT
    clock.advance(DAY)
    await notebook.delivery.once()
    assert notebook.book.stage(record) is Stage.STORED
    assert mine <= set(await stored(centre, desk))
    await stranger.aclose()


async def test_a_record_that_the_relay_forbids_stays_readable_says_why_and_goes_when_it_may(
    notebook: Notebook, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    """Story 20: edits outside the server's idea of who may write were refused, and nobody was told."""
    refused, fine = await screen(notebook), await screen(notebook)
    entries = [entry for entry, _ in notebook.book.on_the_way if entry.record_id == refused.record_id]
    forbidden = {entry.envelope for entry in entries}
    used: set[str] = set()

    def forbid(request: httpx.Request) -> httpx.Response:
        body = request.read()
        if request.url.path.startswith("/v1/drop") and body not in forbidden:
            return httpx.Response(201, json={"id": "00" * 16})
        used.add(request.headers.get("authorization", ""))
        return httpx.Response(403, json={"error": "forbidden"})

    network.instead = forbid
    for attempt in range(1, 8):
        await notebook.delivery.once()
        assert notebook.book.stage(refused) is Stage.SEALED
        assert notebook.book.last_reason(refused) == Refusal.UNKNOWN_TOKEN
        kept = notebook.book.record(refused.record_id)
        assert kept
        assert kept.content == refused.content  # to be read, and read out on the telephone
        assert len(used) <= attempt * len(forbidden) + 1
        clock.advance(DAY)
    assert notebook.book.stage(fine) is Stage.STORED
    network.on()
    await notebook.delivery.once()
    assert notebook.book.stage(refused) is Stage.STORED
    assert forbidden <= set(await stored(centre, desk))
    last = {meta.drop_token for entry, meta in notebook.book.on_the_way if entry.envelope in forbidden}
    tokens = {base64.urlsafe_b64decode(text.removeprefix("Drop ") + "==") for text in used if "Drop" in text}
    assert not last & tokens  # it went by another credential than any that was refused
