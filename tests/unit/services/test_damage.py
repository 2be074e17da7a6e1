"""What is damaged is shown and stays apart: the notebook opens, the rest works, and nothing is called opened."""

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.domain.screening import FinishChoice, FinishKind
from fieldapp.services.filed import Stage
from fieldapp.services.filing import singleton
from fieldapp.services.gate import Gate
from fieldapp.services.kinds import Kind
from fieldapp.services.membership import Standing
from fieldapp.services.notebook import Notebook
from fieldapp.vault.errors import OutboxUnavailable, StorageFailed
from fieldapp.vault.vault import Transaction
from sync.client import CentreClient
from sync.protocol import DAY
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.unit.services.conftest import PASSPHRASE, screen

pytestmark = pytest.mark.anyio


async def reopened(gate: Gate) -> Notebook:
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    return again


async def test_an_outbox_that_does_not_open_leaves_every_record_readable_and_says_so(
    notebook: Notebook,
    gate: Gate,
    tmp_path: Path,
) -> None:
    sent = await screen(notebook)
    await gate.lock()
    (tmp_path / "device" / "v.box").write_bytes(b"not a database")
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    kept = again.book.record(sent.record_id)
    assert kept
    assert kept.content is not None
    assert not again.book.outbox_readable
    assert again.book.damaged
    assert again.book.stage(kept) is Stage.SEALED, "nobody has opened it"
    new = await screen(again)
    assert again.book.stage(new) is Stage.LOCAL
    assert isinstance(again.book.blocked[new.record_id], OutboxUnavailable)
    await again.delivery.once()


async def test_one_entry_that_cannot_be_read_hides_no_other_and_its_record_is_sealed_anew(
    notebook: Notebook,
    gate: Gate,
    centre: ScriptedCentre,
    desk: CentreClient,
) -> None:
    bad, good = await screen(notebook), await screen(notebook)
    broken = next(e for e, _ in notebook.book.on_the_way if e.record_id == bad.record_id)

    def spoil(tx: Transaction) -> None:
        tx.update_entry(replace(broken, meta=b"{}"))

    await notebook.book.commit(spoil)
    again = await reopened(gate)
    assert len(again.book.damaged) == 1
    assert len(again.book.on_the_way) == 3
    assert again.book.stage(good) is Stage.SEALED
    lost = again.book.record(bad.record_id)
    assert lost
    assert again.book.stage(lost) is Stage.SEALED
    await again.delivery.once()
    arrived = await centre.pull(desk)
    assert sorted(a.header.seq for a in arrived) == [2, 3, 4, 5, 6]
    versions = {a.header.rec_ver for a in arrived if a.header.record_id == bad.record_id}
    assert versions == {1, 2}, "the same record, offered as a later version"


@pytest.mark.parametrize("kind", [Kind.DEVICE, Kind.TRUST, Kind.TOKENS, Kind.SETTINGS])
async def test_an_unreadable_record_of_the_device_is_shown_and_the_rest_opens(
    kind: Kind,
    notebook: Notebook,
    gate: Gate,
) -> None:
    record = await screen(notebook)
    await notebook.book.commit(lambda tx: tx.put(singleton(kind), int(kind), b"\xff not readable"))
    again = await reopened(gate)
    assert again.book.record(record.record_id)
    assert len(again.book.damaged) == (kind is not Kind.SETTINGS)
    later = await screen(again)
    assert later.content is not None
    if kind in (Kind.DEVICE, Kind.TRUST):
        assert again.book.standing is Standing.LOCAL


async def test_one_unreadable_record_of_a_hundred_leaves_ninety_nine(gate: Gate) -> None:
    notebook = gate.notebook
    assert notebook

    def fill(tx: Transaction) -> None:
        for n in range(100):
            tx.put(n.to_bytes(16, "big"), Kind.DRAFT, b'{"n":1')

    await notebook.book.commit(fill)
    good = [await screen(notebook) for _ in range(3)]
    again = await reopened(gate)
    assert len(again.book.damaged) == 100
    assert {r.record_id for r in again.book.filed} == {r.record_id for r in good}


async def test_a_disk_that_refuses_does_not_hold_up_the_other_records(
    notebook: Notebook,
    centre: ScriptedCentre,
    desk: CentreClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        await screen(notebook)

    def full(self: object, *args: object) -> None:
        raise StorageFailed("made-up full disk")

    with monkeypatch.context() as patched:
        patched.setattr("fieldapp.vault.store.CellStore.write", full)
        await notebook.delivery.once()
    assert len(await centre.pull(desk)) == 4
    assert {notebook.book.stage(r) for r in notebook.book.filed} == {Stage.SEALED}
    await notebook.delivery.once()
    assert {notebook.book.stage(r) for r in notebook.book.filed} == {Stage.STORED}
    assert len(await centre.pull(desk)) == 4


async def test_write_only_drops_the_content_only_while_the_centre_is_heard(
    gate: Gate, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    notebook = gate.notebook
    assert notebook
    directory = replace(centre.directory, policy=replace(centre.directory.policy, keep=0))
    trust = replace(centre.trust, directory=directory)
    await notebook.book.join(centre.member(), trust, await centre.tokens(desk))
    assert (await screen(notebook)).content is None
    clock.advance(15 * DAY)
    assert (await screen(notebook)).content is not None, "nobody was heard for 14 days"
    clock.at = 0
    assert (await screen(notebook)).content is not None, "a clock that was set back proves nothing"


async def test_a_finished_record_cannot_become_a_draft_again(notebook: Notebook, gate: Gate) -> None:
    from fieldapp.domain.screening import Mode
    from fieldapp.errors import FieldappError

    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    choice = FinishChoice(FinishKind.SEND)
    first = await notebook.screenings.finish(screening, choice)
    with pytest.raises(FieldappError):
        await notebook.screenings.save(screening)
    second = await notebook.screenings.finish(screening, choice)
    assert second == first, "a second tap changes nothing"
    assert len(notebook.book.on_the_way) == len(first.parts)
    again = await reopened(gate)
    assert again.screenings.unfinished == ()
    assert again.book.record(screening.id) == first
