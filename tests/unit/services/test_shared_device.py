"""Several workers on one device: nobody's login touches what another one keeps (failure story 19)."""

from pathlib import Path

import pytest

from fieldapp.domain.screening import Mode
from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.services.shelf import MOST_NOTEBOOKS, Shelf, ShelfFull
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore, UnlockDelayed, WrongPassphrase
from sync.client import CentreClient, RelayClient
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.fakes.keystore import MemoryKeystore
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio

OTHER = "other made-up words for a test device only"


def files(folder: Path) -> dict[str, bytes]:
    """Everything that notebook 1 keeps: its files lie in the data folder itself."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


async def test_work_that_waits_survives_the_login_of_a_colleague_byte_for_byte(
    gate: Gate, tmp_path: Path, network: Switchable, centre: ScriptedCentre, desk: CentreClient
) -> None:
    folder = tmp_path / "device"
    assert gate.notebook
    mine = gate.notebook
    await mine.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    network.off()
    queued = await screen(mine)
    draft = await mine.screenings.begin(Mode.OFFICER, language="nl")
    await mine.screenings.save(draft)
    await gate.lock()
    before = files(folder)

    gate.shelf.begin_another()
    theirs = await gate.create(OTHER, Settings())
    await theirs.delivery.stop()
    assert theirs.book.filed == ()
    assert theirs.screenings.unfinished == ()
    await theirs.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    network.on()
    their_own = await screen(theirs)
    await theirs.delivery.once()
    assert theirs.book.stage(their_own) is Stage.STORED
    for wrong in (PASSPHRASE, "made up and wrong"):
        with pytest.raises(WrongPassphrase):
            await gate.unlock(wrong)
    theirs = await gate.unlock(OTHER)
    await theirs.delivery.stop()
    await gate.lock()
    assert files(folder) == before

    gate.shelf.choose(1)
    mine = await gate.unlock(PASSPHRASE)
    await mine.delivery.stop()
    assert [record.record_id for record in mine.book.filed] == [queued.record_id]
    assert [unfinished.id for unfinished in mine.screenings.unfinished] == [draft.id]
    await mine.delivery.send_now()
    await mine.delivery.once()
    assert mine.book.stage(queued) is Stage.STORED
    arrived = {a.header.record_id for a in await centre.pull(desk)}
    assert arrived == {queued.record_id, their_own.record_id}


async def test_wrong_passphrases_for_one_notebook_delay_no_other(gate: Gate) -> None:
    await gate.lock()
    gate.shelf.begin_another()
    await gate.create(OTHER, Settings())
    await gate.lock()
    for _ in range(5):
        with pytest.raises(WrongPassphrase):
            await gate.unlock("made up and wrong")
    with pytest.raises(UnlockDelayed):
        await gate.unlock(OTHER)
    gate.shelf.choose(1)
    assert await gate.unlock(PASSPHRASE)


async def test_a_single_data_folder_opens_as_it_always_did_and_nothing_moves(
    gate: Gate, tmp_path: Path
) -> None:
    await gate.lock()
    before = files(tmp_path / "device")
    again = Shelf(tmp_path / "device", NoKeystore())
    assert (again.notebooks, again.chosen, again.folder) == ((1,), 1, tmp_path / "device")
    assert {path.name for path in (tmp_path / "device").iterdir()} == set(before)
    assert files(tmp_path / "device") == before


async def test_a_device_holds_at_most_four_and_what_was_only_begun_leaves_nothing(
    gate: Gate, tmp_path: Path
) -> None:
    shelf = gate.shelf
    shelf.begin_another()
    assert gate.is_new
    shelf.choose(1)
    assert shelf.notebooks == (1,)
    assert [path for path in (tmp_path / "device").iterdir() if path.is_dir()] == []
    for _ in range(1, MOST_NOTEBOOKS):
        shelf.begin_another()
        await gate.create(OTHER, Settings())
    assert shelf.notebooks == (1, 2, 3, 4)
    with pytest.raises(ShelfFull):
        shelf.begin_another()
    shelf.choose(7)
    assert shelf.chosen == 4


async def test_the_key_store_keeps_the_notebooks_apart(
    tmp_path: Path, clock: FixedClock, network: Switchable
) -> None:
    keystore = MemoryKeystore()

    def relays(url: str) -> RelayClient:
        return RelayClient(url, transport=network)

    gate = Gate(tmp_path / "guarded", keystore, clock, SystemIds(), relays, calibrated=lambda: FLOOR)
    await gate.create(PASSPHRASE, Settings())
    first = dict(keystore.values)
    gate.shelf.begin_another()
    await gate.create(OTHER, Settings())
    second = {name for name in keystore.values if name not in first}
    assert second
    assert all(name.startswith("2.") for name in second)
    assert keystore.values["2.ds"] != keystore.values["ds"]
    for number, words in ((1, PASSPHRASE), (2, OTHER)):
        gate.shelf.choose(number)
        assert await gate.unlock(words)
    await gate.shut()
