"""The rotated key: everything is there under the new one, nothing opens under the old one, and no cut loses a record."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fieldapp.vault import (
    ForcedWords,
    StorageFailed,
    Vault,
    VaultDamaged,
    VaultReadOnly,
    WrongPassphrase,
    WrongRecoveryCode,
    finish_rekey,
    rekey,
)
from fieldapp.vault.cells import RecordCipher
from fieldapp.vault.guard import HeaderGuard
from fieldapp.vault.slots import SlotState
from fieldapp.vault.store import Blobs, CellStore
from tests.faults import forced_driver as device_of
from tests.faults.forced_driver import (
    FIRST,
    NEW_SHEET,
    NOW,
    OLD_SHEET,
    OPEN,
    SECOND,
    WIPE,
    WIPES,
    A,
    FileKeystore,
    look,
    opened,
    recovered,
    untouched,
)

LATER = NOW + 10**6
Device = Path
Open = Callable[..., Vault]


pytestmark = pytest.mark.usefixtures("quick_argon2id")


@pytest.fixture
def device(made_device: Path, tmp_path: Path) -> Device:
    """A locked device with a record in each notebook, an entry on its way, both words and a sheet."""
    return shutil.copytree(made_device, tmp_path / "device")


@pytest.fixture
def open_(device: Device) -> Iterator[Open]:
    """Unlock the device; whatever was opened is locked at the end."""
    vaults: list[Vault] = []

    def again(word: str = FIRST, now: int = LATER) -> Vault:
        for vault in vaults:
            vault.lock()
        vaults.append(recovered(device, word) if word in device_of.SHEETS else opened(device, word, now=now))
        return vaults[-1]

    yield again
    for vault in vaults:
        vault.lock()


def cells_of(vault: Vault) -> dict[int, bytes | None]:
    return vault.opened.store.read(part=vault.opened.content.part)


def opens_under(vault: Vault, vmk: bytes, epoch: int) -> int:
    """How many cells of the notebook open under a key."""
    content, count = vault.opened.content, 0
    cipher = RecordCipher(vmk, content.vault_id, epoch)
    for n, blob in cells_of(vault).items():
        with suppress(VaultDamaged):
            count += bool(cipher.open(n, blob or b""))
    return count


def failing_write(monkeypatch: pytest.MonkeyPatch, *, after: bool = False) -> None:
    """Let writes of whole partitions fail, before or after they are done."""
    real = CellStore.write

    def write(self: CellStore, cells: Blobs, box_cells: Blobs = ()) -> None:
        cells = list(cells)
        if after or len(cells) < 1000:
            real(self, cells, box_cells)
        if len(cells) >= 1000:
            raise StorageFailed("made up")

    monkeypatch.setattr(CellStore, "write", write)


def test_everything_is_there_under_a_key_of_its_own_and_every_cell_is_written_anew(
    device: Device, open_: Open
) -> None:
    before = look(device)
    vault = open_()
    old, cells, room, generation = vault.opened.content, cells_of(vault), vault.room, vault.generation
    rekey(vault, FIRST, NEW_SHEET, NOW)
    new = vault.opened.content
    assert (new.vault_id, new.part, new.kind, new.state) == (old.vault_id, old.part, old.kind, 0)
    assert (new.epoch, new.vmk_next) == (old.epoch + 1, bytes(32))
    assert new.vmk != old.vmk
    assert not set(cells.values()) & set(cells_of(vault).values())
    assert (opens_under(vault, old.vmk, 0), opens_under(vault, new.vmk, 1)) == (0, 3)
    assert (vault.room, vault.generation, vault.altered) == (room, generation + 1, 0)
    vault.lock()
    assert look(device) == {word: before[word] for word in (FIRST, SECOND, WIPE)} | {
        NEW_SHEET: before[OLD_SHEET]
    }
    with open_().transaction(NOW) as tx:
        tx.put(b"z" * 16, 1, b"after")
    assert sorted(record.payload for record in open_().records()) == [b"after", b"kept"]


def test_the_words_stay_set_and_can_be_changed_afterwards(open_: Open, device: Device) -> None:
    vault = open_()
    rekey(vault, FIRST, NEW_SHEET, NOW)
    words = ForcedWords(vault)
    assert (words.is_set(OPEN), words.is_set(WIPES)) == (True, True)
    words.set(OPEN, FIRST, "new words", NOW, other=WIPE)
    vault.change_passphrase(FIRST, "changed words", NOW)
    vault.lock()
    assert open_("new words").records()[0].payload == b"plausible"
    rekey(open_("changed words"), "changed words", OLD_SHEET, NOW)
    assert open_("changed words").opened.content.epoch == 2
    with pytest.raises(WrongPassphrase):
        open_(FIRST)


def test_only_the_passphrase_of_the_first_notebook_rotates_its_key(open_: Open, device: Device) -> None:
    before = look(device)
    for word in ("a wrong one", SECOND, WIPE):
        vault = open_()
        with pytest.raises(WrongPassphrase):
            rekey(vault, word, NEW_SHEET, NOW + 10**5)
    with pytest.raises(WrongRecoveryCode):
        rekey(open_(), FIRST, "no code", NOW)
    with pytest.raises(VaultReadOnly):
        rekey(open_(SECOND), SECOND, NEW_SHEET, NOW)
    open_().lock()
    assert look(device) == before


def test_a_rolled_back_notebook_keeps_its_key(open_: Open, device: Device) -> None:
    old = (device / "data" / "v.db").read_bytes()
    vault = open_()
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"newer")
    vault.lock()
    (device / "data" / "v.db").write_bytes(old)
    with pytest.raises(VaultReadOnly):
        rekey(open_(), FIRST, NEW_SHEET, NOW)


def test_a_full_disk_leaves_the_old_key_and_the_old_sheet(
    open_: Open, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, vault = look(device), open_()
    key = vault.opened.content
    with monkeypatch.context() as patch:
        failing_write(patch)
        with pytest.raises(StorageFailed):
            rekey(vault, FIRST, NEW_SHEET, NOW)
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
    assert open_().opened.content == key
    open_().lock()
    assert look(device) == before
    rekey(open_(), FIRST, NEW_SHEET, NOW)
    assert open_().opened.content.epoch == 1


def test_a_fault_that_is_reported_after_the_commit_is_no_failure(
    open_: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_()
    with monkeypatch.context() as patch:
        failing_write(patch, after=True)
        rekey(vault, FIRST, NEW_SHEET, NOW)
    assert [record.payload for record in open_(NEW_SHEET).records()] == [b"kept"]


def test_a_disk_that_neither_writes_nor_reads_locks_and_the_next_unlock_goes_on(
    open_: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = open_()
    with monkeypatch.context() as patch:
        failing_write(patch)
        patch.setattr(CellStore, "read_one", lambda *_: None)
        with pytest.raises(StorageFailed):
            rekey(vault, FIRST, NEW_SHEET, NOW)
    assert vault.is_locked
    vault = open_()
    assert (vault.opened.content.state, vault.opened.content.epoch) == (SlotState.REKEYING, 0)
    finish_rekey(vault)
    assert (vault.opened.content.state, vault.opened.content.epoch) == (SlotState.NORMAL, 1)


def interrupted(open_: Open, monkeypatch: pytest.MonkeyPatch, *, cells: bool) -> None:
    """Cut a rotation off before its cells are written, or after them."""

    class Cut(Exception):
        pass

    def cut(*_args: object) -> None:
        raise Cut

    vault, real, calls = open_(), HeaderGuard.set_slots, []

    def set_slots(self: HeaderGuard, slots: dict[int, bytes]) -> None:
        if calls and cells:
            raise Cut
        calls.append(1)
        real(self, slots)

    with monkeypatch.context() as patch:
        patch.setattr(HeaderGuard, "set_slots", set_slots)
        if not cells:
            patch.setattr(CellStore, "write", cut)
        with pytest.raises(Cut):
            rekey(vault, FIRST, NEW_SHEET, NOW)
    vault.opened.store.close()


@pytest.mark.parametrize("cells", [False, True])
@pytest.mark.parametrize("word", [FIRST, NEW_SHEET])
def test_what_a_power_cut_left_opens_with_either_key_and_is_brought_to_its_end(
    open_: Open, device: Device, monkeypatch: pytest.MonkeyPatch, word: str, *, cells: bool
) -> None:
    interrupted(open_, monkeypatch, cells=cells)
    vault = open_(word)
    assert vault.opened.content.epoch == int(cells)
    with vault.transaction(NOW) as tx:
        tx.put(b"z" * 16, 1, b"before the end")
    finish_rekey(vault)
    assert (vault.opened.content.state, vault.opened.content.epoch) == (SlotState.NORMAL, 1)
    vault.lock()
    vault = open_(FIRST if word == FIRST else "recovered words")
    assert sorted(record.payload for record in vault.records()) == [b"before the end", b"kept"]
    if (
        word == FIRST
    ):  # nobody could write the sheet's slot once more: it holds both keys, and opens all the same
        vault.lock()
        with untouched(device):
            vault = recovered(device, NEW_SHEET)
            assert (vault.opened.content.epoch, len(vault.records())) == (1, 2)
            vault.lock()
        # It holds the key of the time before as well; the next rotation takes that away.
        vault = open_()
        rekey(vault, FIRST, OLD_SHEET, NOW)
        vault.lock()
        assert set(look(device)) == {FIRST, SECOND, WIPE, OLD_SHEET}


def test_a_lost_root_cell_in_mid_rotation_hides_no_record(
    open_: Open, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(open_, monkeypatch, cells=True)
    import sqlite3

    part = open_().opened.content.part
    open_().lock()
    connection = sqlite3.connect(device / "data" / "v.db")
    connection.execute("UPDATE cell SET b = ? WHERE n = ?", (bytes(4040), part))
    connection.commit()
    connection.close()
    vault = open_()
    assert (vault.read_only, [record.payload for record in vault.records()]) == (True, [b"kept"])
    finish_rekey(vault)


def test_cells_that_do_not_open_stay_as_they_are_and_are_still_shown(open_: Open, device: Device) -> None:
    vault = open_()
    place = vault.opened.partition.pool.places[A].cells[0]
    with vault.transaction(NOW) as tx:
        tx.put(b"z" * 16, 1, b"whole")
    vault.lock()
    import sqlite3

    connection = sqlite3.connect(device / "data" / "v.db")
    connection.execute("UPDATE cell SET b = ? WHERE n = ?", (b"?" * 4040, place))
    connection.commit()
    connection.close()
    vault = open_()
    damaged, altered = vault.damaged, vault.altered
    assert damaged
    rekey(vault, FIRST, NEW_SHEET, NOW)
    assert vault.opened.store.read_one(place) == b"?" * 4040
    vault = open_()
    assert (vault.damaged, [record.payload for record in vault.records()]) == (damaged, [b"whole"])
    assert (altered, vault.altered) == (LATER, LATER)


def test_an_old_header_over_the_new_cells_opens_nothing_and_the_right_one_opens_again(
    open_: Open, device: Device
) -> None:
    old = (device / "data" / "v.hdr").read_bytes()
    rekey(open_(), FIRST, NEW_SHEET, NOW)
    open_().lock()
    new = (device / "data" / "v.hdr").read_bytes()
    (device / "data" / "v.hdr").write_bytes(old)
    vault = open_()
    assert (vault.rollback.header, vault.read_only, vault.records()) == (True, True, [])
    vault.lock()
    (device / "data" / "v.hdr").write_bytes(new)
    assert [record.payload for record in open_().records()] == [b"kept"]


def test_a_device_put_back_to_before_the_rotation_is_a_rollback(open_: Open, device: Device) -> None:
    kept = {name: (device / "data" / name).read_bytes() for name in ("v.hdr", "v.db", "v.box")}
    rekey(open_(), FIRST, NEW_SHEET, NOW)
    open_().lock()
    for name, data in kept.items():
        (device / "data" / name).write_bytes(data)
    vault = open_()
    assert (vault.rollback.header, vault.rollback.records, vault.read_only) == (True, True, True)
    assert [record.payload for record in vault.records()] == [b"kept"]


def test_the_outbox_and_its_key_are_not_touched(open_: Open, device: Device) -> None:
    box, key = (device / "data" / "v.box").read_bytes(), FileKeystore(device / "keys").get("bk")
    rekey(open_(), FIRST, NEW_SHEET, NOW)
    open_().lock()
    assert (device / "data" / "v.box").read_bytes()[100:] == box[100:]
    assert FileKeystore(device / "keys").get("bk") == key


def test_a_sheet_of_another_release_state_in_a_second_notebook_is_refused(open_: Open) -> None:
    """No release rotates the key of a second notebook: its id would no longer say what it is."""
    from dataclasses import replace

    from fieldapp.vault import UnsupportedVault

    vault = open_(SECOND)
    files = vault.opened
    files.guard.rewrap(
        files.index, replace(files.content, state=SlotState.REKEYING, vmk_next=b"k" * 32), files.stretched
    )
    with pytest.raises(UnsupportedVault):
        open_(SECOND)


def test_a_sheet_that_does_not_open_from_the_disk_changes_nothing(
    open_: Open, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, vault = look(device), open_()
    with monkeypatch.context() as patch:
        patch.setattr(HeaderGuard, "seal_sheet", lambda *_: {0: bytes(176)})
        with pytest.raises(VaultDamaged):
            rekey(vault, FIRST, NEW_SHEET, NOW)
    assert (vault.opened.content.state, vault.opened.content.epoch) == (SlotState.NORMAL, 0)
    vault.lock()
    assert look(device) == before
