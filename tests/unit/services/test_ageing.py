"""What time does to records: sealed anew after 60 days, plaintext kept for some days, offered again after 30."""

from dataclasses import replace

import pytest

from fieldapp.services.filed import Filed, Stage
from fieldapp.services.gate import Gate
from fieldapp.services.notebook import Notebook
from sync.client import CentreClient
from sync.directory import sign_directory
from sync.protocol import DAY, QUARTER, MsgType
from sync.receipts import ReceiptKind
from sync.trust import TrustedState, make_blob
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, screen
from tests.unit.services.test_from_the_centre import policy, say

pytestmark = pytest.mark.anyio


async def answer(notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, kind: ReceiptKind) -> None:
    await desk.post(3, centre.receipt(await centre.pull(desk), kind))
    await notebook.delivery.once()


def now(notebook: Notebook, record: Filed) -> Filed:
    found = notebook.book.record(record.record_id)
    assert found
    return found


async def test_what_nobody_opened_in_sixty_days_is_sealed_anew_with_the_next_numbers(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    await answer(notebook, centre, desk, ReceiptKind.RECEIVED)
    before = now(notebook, record)
    clock.advance(60 * DAY - 1)
    await notebook.delivery.once()
    assert now(notebook, record) == before
    clock.advance(1)
    await notebook.delivery.once()
    anew = now(notebook, record)
    assert {part.env_hash for part in anew.parts}.isdisjoint(part.env_hash for part in before.parts)
    assert (anew.version, anew.sealed_at) == (before.version + 1, clock.now())
    arrived = await centre.pull(desk)
    newest = [one.header for one in arrived if one.header.rec_ver == 2]
    assert [header.record_id for header in newest] == [record.record_id] * 2, "the same record: it supersedes"
    assert {header.seq for header in newest} == {3, 4}
    week = {one.header.week for one in arrived if one.header.rec_ver == 1}
    assert week.isdisjoint(header.week for header in newest), "to the prekeys of now"
    clock.advance(DAY)
    await notebook.delivery.once()
    assert now(notebook, record) == anew, "once in sixty days"


async def test_a_record_that_is_opened_or_has_no_plaintext_is_not_sealed_anew(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    await say(centre, desk, notebook, MsgType.POLICY, policy(1, keep=2, keep_days=365))
    opened = await screen(notebook)
    await notebook.delivery.once()
    await answer(notebook, centre, desk, ReceiptKind.OPENED)
    await say(centre, desk, notebook, MsgType.POLICY, policy(2, keep=0))
    dropped = await screen(notebook)
    clock.advance(61 * DAY)
    await notebook.delivery.once()
    assert [now(notebook, record).version for record in (opened, dropped)] == [1, 1]


async def test_plaintext_stays_for_the_days_of_the_policy_after_it_was_opened(
    notebook: Notebook, gate: Gate, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    await say(centre, desk, notebook, MsgType.POLICY, policy(1, keep=2, keep_days=5))
    record = await screen(notebook)
    await notebook.delivery.once()
    clock.advance(30 * DAY)
    await notebook.delivery.once()
    assert now(notebook, record).content, "whatever the clock says: nobody has opened it"
    await answer(notebook, centre, desk, ReceiptKind.OPENED)
    clock.advance(5 * DAY - 1)
    await notebook.delivery.once()
    assert now(notebook, record).content
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    clock.advance(1)
    await notebook.delivery.once()
    assert now(notebook, record).content is None
    assert notebook.book.stage(record) is Stage.OPENED


async def test_a_stricter_policy_drops_what_was_kept_longer(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    await say(centre, desk, notebook, MsgType.POLICY, policy(1, keep=2, keep_days=365))
    opened = await screen(notebook)
    await notebook.delivery.once()
    await answer(notebook, centre, desk, ReceiptKind.OPENED)
    waiting = await screen(notebook)
    assert now(notebook, opened).content
    await say(centre, desk, notebook, MsgType.POLICY, policy(2, keep=1))
    await notebook.delivery.once()
    assert now(notebook, opened).content is None
    assert now(notebook, waiting).content


async def test_write_only_drops_plaintext_only_while_the_centre_is_heard(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    before = await screen(notebook)
    await say(centre, desk, notebook, MsgType.POLICY, policy(1, keep=0))
    await notebook.delivery.once()
    assert now(notebook, before).content is None, "the policy holds for what is sealed already"
    assert now(notebook, await screen(notebook)).content is None
    clock.advance(14 * DAY + 1)
    late = await screen(notebook)
    assert now(notebook, late).content, "the centre is silent: it may never arrive"
    await notebook.delivery.once()
    assert now(notebook, late).content


async def test_the_same_bytes_are_offered_again_after_thirty_days(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    record = await screen(notebook)
    await notebook.delivery.once()
    before = {one.opened.hash for one in await centre.pull(desk)}
    clock.advance(30 * DAY)
    await notebook.delivery.once()
    assert {one.opened.hash for one in await centre.pull(desk)} == before
    assert len(await centre.pull(desk)) == 4, "offered under fresh tokens"
    assert now(notebook, record).version == 1


async def test_what_waits_for_a_relay_that_the_centre_left_goes_out_unchanged_to_the_new_one(
    notebook: Notebook, centre: ScriptedCentre, clock: FixedClock
) -> None:
    record = await screen(notebook)
    sent = {entry.envelope for entry, _ in notebook.book.on_the_way}
    relay = replace(centre.directory.relay, url="https://moved.example", pin="ab" * 32)
    moved = replace(centre.directory, v=2, prev_hash=centre.trust.dir_hash, relay=relay)
    blob = make_blob([centre.signed_root], sign_directory(moved, centre.root, [centre.dir_key]))
    await notebook.book.save_trust(TrustedState.pin(centre.root.centre_id, blob))
    await notebook.book.tidy()
    metas = [meta for _, meta in notebook.book.on_the_way]
    assert {(meta.relay, meta.pin) for meta in metas} == {("https://moved.example", "ab" * 32)}
    assert {entry.envelope for entry, _ in notebook.book.on_the_way} == sent
    assert notebook.book.stage(record) is Stage.SEALED


async def test_an_old_clock_seals_nothing_anew_and_a_jump_ahead_only_once(
    notebook: Notebook, centre: ScriptedCentre, clock: FixedClock
) -> None:
    record = await screen(notebook)
    clock.advance(-QUARTER)
    await notebook.book.seal_waiting()
    assert now(notebook, record).version == 1
    clock.advance(20 * QUARTER)
    await notebook.book.seal_waiting()
    clock.advance(-19 * QUARTER)
    await notebook.book.seal_waiting()
    assert now(notebook, record).version == 2
