"""The second notebook, the wipe passphrase and erasing in need: what opens what, and what nothing opens any more."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fieldapp.vault import (
    FLOOR,
    ForcedWords,
    NoKeystore,
    OutboxEntry,
    OutboxFile,
    OutboxFull,
    PassphraseTaken,
    Recovery,
    SlotKind,
    StorageFailed,
    Vault,
    VaultDamaged,
    VaultFull,
    VaultReadOnly,
    WrongOtherWord,
    WrongPassphrase,
    WrongRecoveryCode,
    create,
    erase,
    finish_wipe,
    new_code,
    unlock,
)
from fieldapp.vault.cells import CELL_SIZE, RecordCipher
from fieldapp.vault.header import valid_copies
from fieldapp.vault.kdf import key_encryption_key, stretch
from fieldapp.vault.slots import SlotState, open_slots
from fieldapp.vault.store import Blobs, CellStore
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE

SECOND, WIPE = "second made up words", "wiping made up words"
A, B = b"a" * 16, b"b" * 16
ENTRY = OutboxEntry(b"e" * 16, A, 1, 0, b"\xee" * 4096, b"h" * 32, b"{}")
Reopen = Callable[..., Vault]
OPEN, WIPES = SlotKind.OPEN, SlotKind.WIPE_THEN_OPEN


@dataclass
class Device:
    """A locked device with a record in each notebook, an entry on its way, and both words."""

    directory: Path
    keystore: MemoryKeystore


@pytest.fixture(scope="module")
def device_template(tmp_path_factory: pytest.TempPathFactory) -> Device:
    directory, keystore = tmp_path_factory.mktemp("second") / "data", MemoryKeystore()
    vault = create(directory, PASSPHRASE, keystore, FLOOR, now=NOW)
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
        tx.enqueue(ENTRY)
    ForcedWords(vault).set(OPEN, PASSPHRASE, SECOND, NOW)
    ForcedWords(vault).set(WIPES, PASSPHRASE, WIPE, NOW, other=SECOND)
    vault.lock()
    second = unlock(directory, SECOND, keystore, now=NOW)
    with second.transaction(NOW) as tx:
        tx.put(B, 1, b"plausible")
    second.lock()
    return Device(directory, keystore)


@pytest.fixture
def device(device_template: Device, directory: Path, keystore: MemoryKeystore) -> Device:
    shutil.copytree(device_template.directory, directory)
    keystore.values.update(device_template.keystore.values)
    return Device(directory, keystore)


@pytest.fixture
def opened() -> Iterator[list[Vault]]:
    vaults: list[Vault] = []
    yield vaults
    for vault in vaults:
        vault.lock()


def payloads(vault: Vault) -> list[bytes]:
    return sorted(record.payload for record in vault.records())


def opens(
    directory: Path, keystore: MemoryKeystore, passphrase: str, now: int = NOW + 100_000
) -> list[bytes]:
    """Return what a passphrase shows, in a copy that leaves the files as they are; [] for nothing."""
    copy = directory.with_name("looked-at")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    try:
        vault = unlock(copy, passphrase, MemoryKeystore(dict(keystore.values)), now=now)
    except WrongPassphrase:
        return []
    try:
        assert (vault.damaged, vault.altered, bool(vault.rollback)) == ([], 0, False)
        return payloads(vault) or [b"empty"]
    finally:
        vault.lock()


def keys_in_header(device: Device, passphrase: str) -> tuple[bytes, bytes, int]:
    """Return VMK, vault id and epoch behind a passphrase, read from the header alone."""
    secret = device.keystore.values["ds"]
    header = next(iter(valid_copies((device.directory / "v.hdr").read_bytes(), secret).values()))
    kek = key_encryption_key(stretch(passphrase, header.salt, header.parameters), secret, header.header_id)
    found = open_slots(kek, header.slots, header.fixed)
    assert found is not None
    return found[1].vmk, found[1].vault_id, found[1].epoch


def test_each_passphrase_opens_its_own_notebook(device: Device) -> None:
    assert opens(device.directory, device.keystore, PASSPHRASE) == [b"kept"]
    assert opens(device.directory, device.keystore, SECOND) == [b"plausible"]


def test_the_second_passphrase_reaches_nothing_of_the_first_under_any_key(device: Device) -> None:
    import sqlite3

    connection = sqlite3.connect(device.directory / "v.db")
    blobs = dict(connection.execute("SELECT n, b FROM cell"))
    connection.close()
    first = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    part = first.opened.content.part
    first.lock()
    for word in (SECOND, WIPE):
        cipher = RecordCipher(*keys_in_header(device, word))
        for n in range(part, 2048, 2):
            with pytest.raises(VaultDamaged):
                cipher.open(n, blobs[n])
        cipher.open(1 - part, blobs[1 - part])


def test_a_second_notebook_has_no_outbox_and_leaves_it_to_the_sender(
    device: Device, opened: list[Vault]
) -> None:
    vault = unlock(device.directory, SECOND, device.keystore, now=NOW)
    opened.append(vault)
    assert vault.is_second
    assert (vault.outbox(), vault.outbox_damaged, vault.outbox_room) == ([], [], 0)
    assert vault.outbox_key != device.keystore.values["bk"]
    with pytest.raises(OutboxFull), vault.transaction(NOW) as tx:
        tx.enqueue(ENTRY)
    with OutboxFile.open(device.directory, device.keystore.values["bk"]) as box:
        assert box.entries() == [ENTRY]
    vault.lock()
    first = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    opened.append(first)
    assert (first.is_second, first.outbox()) == (False, [ENTRY])


def test_a_second_notebook_never_takes_the_place_of_the_first(device: Device, opened: list[Vault]) -> None:
    vault = unlock(device.directory, SECOND, device.keystore, now=NOW)
    opened.append(vault)
    for kind in SlotKind:
        assert not ForcedWords(vault).is_set(kind)
        with pytest.raises(VaultReadOnly):
            ForcedWords(vault).set(kind, SECOND, "third made up words", NOW)
        with pytest.raises(VaultReadOnly):
            ForcedWords(vault).remove(kind, SECOND, NOW)
    vault.change_passphrase(SECOND, "changed", NOW)
    sheet = new_code()
    vault.set_recovery("changed", sheet, NOW)
    vault.lock()
    assert opens(device.directory, device.keystore, PASSPHRASE) == [b"kept"]
    recovery = Recovery.begin(device.directory, device.keystore)
    recovery.open(sheet)
    recovered = recovery.finish("recovered", NOW)
    opened.append(recovered)
    assert payloads(recovered) == [b"plausible"]
    recovered.lock()
    assert opens(device.directory, device.keystore, PASSPHRASE) == [b"kept"]
    assert opens(device.directory, device.keystore, "changed") == []
    again = Recovery.begin(device.directory, device.keystore)
    with pytest.raises(WrongRecoveryCode):
        again.open(sheet)
    again.abandon()


def test_the_wipe_passphrase_itself_opens_no_setting(device: Device, opened: list[Vault]) -> None:
    vault = unlock(device.directory, SECOND, device.keystore, now=NOW)
    opened.append(vault)
    for wrong in (WIPE, PASSPHRASE):
        with pytest.raises(WrongPassphrase):
            vault.change_passphrase(wrong, "changed", NOW)


def test_the_wipe_passphrase_leaves_nothing_that_opens_and_the_outbox_whole(
    device: Device, opened: list[Vault]
) -> None:
    first = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    sheet = new_code()
    first.set_recovery(PASSPHRASE, sheet, NOW)
    content = first.opened.content
    first.lock()
    before = (device.directory / "v.db").read_bytes()
    vault = unlock(device.directory, WIPE, device.keystore, now=NOW)
    opened.append(vault)
    assert payloads(vault) == [b"plausible"]
    finish_wipe(vault)
    assert vault.opened.content.state is SlotState.NORMAL
    vault.lock()
    for word in (PASSPHRASE, SECOND):
        assert opens(device.directory, device.keystore, word) == []
    recovery = Recovery.begin(device.directory, device.keystore)
    with pytest.raises(WrongRecoveryCode):
        recovery.open(sheet)
    recovery.abandon()
    assert opens(device.directory, device.keystore, WIPE) == [b"plausible"]
    # Even with the old key: every cell of the first notebook was overwritten.
    cipher = RecordCipher(content.vmk, content.vault_id, content.epoch)
    store = unlock(device.directory, WIPE, device.keystore, now=NOW)
    opened.append(store)
    for n, blob in store.opened.store.read(part=content.part).items():
        assert blob is not None
        assert blob not in before
        with pytest.raises(VaultDamaged):
            cipher.open(n, blob)
    store.lock()
    assert device.keystore.values["ds2"] != device.keystore.values["ds"], "a fresh one lies ready"
    with OutboxFile.open(device.directory, device.keystore.values["bk"]) as box:
        assert box.entries() == [ENTRY]


def test_a_wipe_cut_before_the_overwriting_is_finished_at_the_next_start(
    device: Device, opened: list[Vault]
) -> None:
    first = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    part = first.opened.content.part
    first.lock()
    before = unlock(device.directory, WIPE, device.keystore, now=NOW)
    cells = before.opened.store.read(part=part)
    before.lock()  # the power fails here
    assert opens(device.directory, device.keystore, PASSPHRASE) == []
    vault = unlock(device.directory, WIPE, device.keystore, now=NOW)
    opened.append(vault)
    assert vault.opened.content.state is SlotState.WIPING
    assert vault.opened.store.read(part=part) == cells
    finish_wipe(vault)
    assert not set(vault.opened.store.read(part=part).values()) & set(cells.values())
    finish_wipe(vault)  # nothing more to do
    vault.lock()
    again = unlock(device.directory, WIPE, device.keystore, now=NOW)
    opened.append(again)
    assert again.opened.content.state is SlotState.NORMAL


@pytest.mark.parametrize("words", [(), (OPEN,), (OPEN, WIPES)])
def test_erasing_needs_no_passphrase_and_leaves_the_second_notebook(
    device: Device, opened: list[Vault], words: tuple[SlotKind, ...]
) -> None:
    if not words:  # nothing was ever set: a fresh device
        shutil.rmtree(device.directory)
        device.keystore.values.clear()
        vault = create(device.directory, PASSPHRASE, device.keystore, FLOOR, now=NOW)
        with vault.transaction(NOW) as tx:
            tx.put(A, 1, b"kept")
            tx.enqueue(ENTRY)
    else:
        vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
        for kind in set(SlotKind) - set(words):
            ForcedWords(vault).remove(kind, PASSPHRASE, NOW)
    part = vault.opened.content.part
    before = set(vault.opened.store.read(part=part).values())
    erase(vault, NOW)
    assert vault.is_locked
    expected = [b"plausible"] if words else [b"empty"]
    assert opens(device.directory, device.keystore, PASSPHRASE) == expected
    for word in (SECOND, WIPE):
        assert opens(device.directory, device.keystore, word) == []
    after = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    opened.append(after)
    assert after.is_second
    assert after.opened.content.state is SlotState.NORMAL
    assert not set(after.opened.store.read(part=part).values()) & before
    with after.transaction(NOW) as tx:
        tx.put(A, 1, b"works again")
    with OutboxFile.open(device.directory, device.keystore.values["bk"]) as box:
        assert box.entries() == [ENTRY]


def test_erasing_the_second_notebook_does_not_touch_the_first(device: Device) -> None:
    erase(unlock(device.directory, SECOND, device.keystore, now=NOW), NOW, copied=[B])
    assert opens(device.directory, device.keystore, SECOND) == [b"plausible"]
    erase(unlock(device.directory, SECOND, device.keystore, now=NOW), NOW)
    assert opens(device.directory, device.keystore, SECOND) == [b"empty"]
    assert opens(device.directory, device.keystore, PASSPHRASE) == [b"kept"]


def test_damage_does_not_stop_an_erasure(device: Device) -> None:
    """The first notebook goes although nothing of the other half can be read; so does the second one without its root."""
    shutil.rmtree(device.directory)
    device.keystore.values.clear()
    vault = create(device.directory, PASSPHRASE, device.keystore, FLOOR, now=NOW)
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
    part = vault.opened.content.part
    before = set(vault.opened.store.read(part=part).values())
    vault.lock()
    _break_pages(device.directory, 1 - part)
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    store = vault.opened.store
    with pytest.raises(VaultDamaged):
        store.read(part=1 - part)
    erase(vault, NOW)
    assert vault.is_locked
    with pytest.raises(VaultDamaged):  # the second notebook, which is not there; never the first one
        unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    store = CellStore(device.directory / "v.db")
    assert not set(store.read(part=part).values()) & before
    store.close()


@pytest.mark.parametrize("copied", [(), (B,)])
def test_a_second_notebook_without_its_root_is_emptied_all_the_same(
    device: Device, copied: tuple[bytes, ...]
) -> None:
    second = unlock(device.directory, SECOND, device.keystore, now=NOW)
    part = second.opened.content.part
    second.opened.store.write([(part, bytes(CELL_SIZE))])
    second.lock()
    second = unlock(device.directory, SECOND, device.keystore, now=NOW)
    assert payloads(second) == [b"plausible"]
    before = set(second.opened.store.read(part=part).values())
    erase(second, NOW, copied=copied)
    assert opens(device.directory, device.keystore, SECOND) == ([b"plausible"] if copied else [b"empty"])
    assert opens(device.directory, device.keystore, PASSPHRASE) == [b"kept"]
    store = CellStore(device.directory / "v.db")
    assert not set(store.read(part=part).values()) & before
    store.close()


def _break_pages(directory: Path, part: int) -> None:
    """Make the pages of all cells of one half unreadable to SQLite."""
    path = directory / "v.db"
    store = CellStore(path)
    cells = store.read(part=part)
    store.close()
    data = bytearray(path.read_bytes())
    for blob in cells.values():
        assert blob
        data[data.index(blob[:64]) // 4096 * 4096] = 0
    path.write_bytes(data)


def test_a_word_that_opens_something_is_refused_and_a_new_one_replaces_the_old(
    device: Device, opened: list[Vault]
) -> None:
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    opened.append(vault)
    words = ForcedWords(vault)
    for word in (PASSPHRASE, WIPE):
        with pytest.raises(PassphraseTaken):
            words.set(OPEN, PASSPHRASE, word, NOW, other=WIPE)
    with pytest.raises(PassphraseTaken):
        words.set(WIPES, PASSPHRASE, SECOND, NOW, other=SECOND)
    with pytest.raises(PassphraseTaken):
        vault.change_passphrase(PASSPHRASE, WIPE, NOW)
    for other in ("", "wrong", PASSPHRASE):
        with pytest.raises(WrongOtherWord):
            words.set(OPEN, PASSPHRASE, "changed", NOW + 10_000, other=other)
    with pytest.raises(WrongPassphrase):
        words.set(OPEN, SECOND, "changed", NOW + 20_000, other=WIPE)
    with pytest.raises(ValueError, match="empty"):
        words.set(OPEN, PASSPHRASE, "", NOW)
    words.set(OPEN, PASSPHRASE, "changed", NOW + 30_000, other=WIPE)
    vault.lock()
    assert opens(device.directory, device.keystore, SECOND) == []
    assert opens(device.directory, device.keystore, "changed") == [b"plausible"]
    assert opens(device.directory, device.keystore, WIPE) == [b"plausible"]


def test_a_word_that_is_removed_opens_nothing_and_its_notebook_comes_back_with_a_new_one(
    device: Device, opened: list[Vault]
) -> None:
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    opened.append(vault)
    words = ForcedWords(vault)
    assert words.is_set(OPEN)
    assert words.is_set(WIPES)
    with pytest.raises(WrongPassphrase):
        words.remove(OPEN, "wrong", NOW)
    words.remove(OPEN, PASSPHRASE, NOW)
    words.remove(WIPES, PASSPHRASE, NOW)
    assert not words.is_set(OPEN)
    assert not words.is_set(WIPES)
    for word in (SECOND, WIPE):
        assert opens(device.directory, device.keystore, word) == []
    words.set(OPEN, PASSPHRASE, "changed", NOW)
    assert opens(device.directory, device.keystore, "changed") == [b"plausible"]
    assert opens(device.directory, device.keystore, PASSPHRASE) == [b"kept"]


def test_what_the_first_remembers_of_the_second_is_no_record(device: Device, opened: list[Vault]) -> None:
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    opened.append(vault)
    assert [record.record_id for record in vault.records()] == [A]
    assert vault.records(255) == []


def test_after_a_recovery_the_words_are_not_set_and_can_be_set_again(
    device: Device, opened: list[Vault]
) -> None:
    first = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    sheet = new_code()
    first.set_recovery(PASSPHRASE, sheet, NOW)
    first.lock()
    recovery = Recovery.begin(device.directory, device.keystore)
    recovery.open(sheet)
    vault = recovery.finish("recovered", NOW)
    opened.append(vault)
    words = ForcedWords(vault)
    assert not words.is_set(OPEN)
    assert not words.is_set(WIPES)
    assert opens(device.directory, device.keystore, SECOND) == []
    words.set(OPEN, "recovered", SECOND, NOW)
    assert opens(device.directory, device.keystore, SECOND) == [b"plausible"]
    assert opens(device.directory, device.keystore, "recovered") == [b"kept"]


def test_a_keystore_that_refuses_does_not_stop_a_wipe(device: Device, opened: list[Vault]) -> None:
    device.keystore.read_only = True
    vault = unlock(device.directory, WIPE, device.keystore, now=NOW)
    opened.append(vault)
    finish_wipe(vault)
    vault.lock()
    device.keystore.read_only = False
    assert opens(device.directory, device.keystore, PASSPHRASE) == []
    assert opens(device.directory, device.keystore, WIPE) == [b"plausible"]


def test_without_a_keystore_all_of_it_works(tmp_path: Path) -> None:
    directory, nothing = tmp_path / "plain", NoKeystore()
    vault = create(directory, PASSPHRASE, nothing, FLOOR, now=NOW)
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
    ForcedWords(vault).set(OPEN, PASSPHRASE, SECOND, NOW)
    ForcedWords(vault).set(WIPES, PASSPHRASE, WIPE, NOW, other=SECOND)
    vault.lock()
    for word, shown in ((SECOND, []), (PASSPHRASE, [b"kept"]), (WIPE, []), (WIPE, [])):
        vault = unlock(directory, word, nothing, now=NOW)
        assert payloads(vault) == shown
        finish_wipe(vault)
        vault.lock()
    for word in (PASSPHRASE, SECOND):
        with contextlib.suppress(WrongPassphrase):
            unlock(directory, word, nothing, now=NOW).lock()
            pytest.fail("opens")


@pytest.mark.parametrize(("words", "refusals"), [(False, 99), (True, 99), (False, 1)])
def test_a_full_disk_does_not_stop_an_erasure(
    words: bool, refusals: int, device: Device, opened: list[Vault], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite needs room for a journal; the header, by which everything is closed, is written in place."""
    if not words:
        shutil.rmtree(device.directory)
        device.keystore.values.clear()
        vault = create(device.directory, PASSPHRASE, device.keystore, FLOOR, now=NOW)
        with vault.transaction(NOW) as tx:
            tx.put(A, 1, b"kept")
    else:
        vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    before = set(vault.opened.store.read(part=vault.opened.content.part).values())
    part = vault.opened.content.part

    real, left = CellStore.write, refusals

    def full(store: CellStore, cells: Blobs) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise StorageFailed("full")
        real(store, cells)

    with monkeypatch.context() as patch:
        patch.setattr(CellStore, "write", full)
        with pytest.raises(StorageFailed) if refusals > 1 else contextlib.nullcontext():
            erase(vault, NOW)
    assert vault.is_locked
    assert opens(device.directory, device.keystore, PASSPHRASE) == ([b"plausible"] if words else [b"empty"])
    after = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    opened.append(after)
    assert (after.is_second, after.read_only) == (True, False)
    finish_wipe(after)
    assert not set(after.opened.store.read(part=part).values()) & before


def test_a_word_for_a_fresh_second_notebook_leaves_no_other_word_that_opens_a_lost_one(
    device: Device, opened: list[Vault]
) -> None:
    """What the first one remembers of the second was damaged: the wipe passphrase would open cells that are gone."""
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    opened.append(vault)
    del vault.opened.partition.pool.places[vault.opened.content.vault_id]
    ForcedWords(vault).set(OPEN, PASSPHRASE, SECOND, NOW)
    assert not ForcedWords(vault).is_set(WIPES)
    vault.lock()
    assert opens(device.directory, device.keystore, SECOND) == [b"empty"]
    assert opens(device.directory, device.keystore, WIPE) == []


def test_without_a_keystore_a_sheet_typed_as_passphrase_changes_nothing(
    tmp_path: Path, opened: list[Vault]
) -> None:
    """It opens there; a new sheet made with it would lie over the passphrase itself."""
    directory, nothing, sheet = tmp_path / "plain", NoKeystore(), new_code()
    vault = create(directory, PASSPHRASE, nothing, FLOOR, now=NOW)
    vault.set_recovery(PASSPHRASE, sheet, NOW)
    vault.lock()
    vault = unlock(directory, sheet, nothing, now=NOW)
    opened.append(vault)
    with pytest.raises(WrongPassphrase):
        vault.set_recovery(sheet, new_code(), NOW)
    with pytest.raises(WrongPassphrase):
        vault.change_passphrase(sheet, "changed", NOW)
    vault.lock()
    unlock(directory, PASSPHRASE, nothing, now=NOW).lock()


def test_a_notice_that_is_understood_in_the_second_notebook_goes_on_in_the_first(
    device: Device, opened: list[Vault]
) -> None:
    """Each notebook ends it for itself, for good; a header that is put back once more shows in both again."""
    clock = NOW + 1000
    header = device.directory / "v.hdr"

    def told(words: str) -> tuple[bool, Vault]:
        nonlocal clock
        clock += 1000
        vault = unlock(device.directory, words, device.keystore, now=clock)
        opened.append(vault)
        return vault.rollback.header, vault

    def understood_by(words: str) -> None:
        shown, vault = told(words)
        assert shown
        before = payloads(vault)
        vault.acknowledge_rollback(clock)
        assert (bool(vault.rollback), vault.read_only) == (False, False)
        vault.lock()
        shown, vault = told(words)
        assert (shown, payloads(vault)) == (False, before), "it has ended there"
        vault.lock()

    old = header.read_bytes()
    for _ in range(2):
        told(PASSPHRASE)[1].lock()
        header.write_bytes(old)
        understood_by(SECOND)
        for _ in range(2):
            shown, first = told(PASSPHRASE)
            assert shown, "the first notebook is told, however often"
            first.lock()
        understood_by(PASSPHRASE)
        shown, second = told(SECOND)
        assert not shown
        second.lock()


def test_erasing_the_second_notebook_does_not_end_the_notice_of_the_first(device: Device) -> None:
    old = (device.directory / "v.hdr").read_bytes()
    unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 10).lock()
    (device.directory / "v.hdr").write_bytes(old)
    del (
        device.keystore.values["gen1"],
        device.keystore.values["gen0"],
    )  # then older records are assumed as well
    second = unlock(device.directory, SECOND, device.keystore, now=NOW + 20)
    assert (second.rollback.header, second.rollback.records) == (True, True)
    erase(second, NOW + 20)
    first = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 30)
    assert first.rollback.header
    first.lock()


def test_a_second_notebook_that_was_never_opened_is_no_older_one_when_a_header_is_put_back(
    vault: Vault, directory: Path, keystore: MemoryKeystore
) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"in the language of the first")
    ForcedWords(vault).set(OPEN, PASSPHRASE, SECOND, NOW, copied=[A])
    vault.lock()
    old = (directory / "v.hdr").read_bytes()
    unlock(directory, PASSPHRASE, keystore, now=NOW + 10).lock()
    (directory / "v.hdr").write_bytes(old)
    first = unlock(directory, PASSPHRASE, keystore, now=NOW + 20)
    told = first.rollback
    erased, copy = dict(keystore.values), directory.with_name("erased")
    first.lock()
    shutil.copytree(directory, copy)
    second = unlock(directory, SECOND, keystore, now=NOW + 30)
    assert (second.rollback, payloads(second)) == (told, [b"in the language of the first"])
    assert (told.header, told.records) == (True, False)
    second.lock()
    other = MemoryKeystore(erased)
    first = unlock(copy, PASSPHRASE, other, now=NOW + 30)
    erase(first, NOW + 30, copied=[A])
    fresh = unlock(copy, PASSPHRASE, other, now=NOW + 40)
    assert (fresh.is_second, fresh.read_only) == (True, False)
    fresh.lock()


def test_a_right_passphrase_in_a_notebook_without_room_for_a_word_is_no_guess(vault: Vault) -> None:
    """Else five tries delay the worker, and where guesses erase a slip after nine of them is one too many."""
    with vault.transaction(NOW) as tx:
        for number in range(vault.room):
            tx.put(number.to_bytes(16, "little"), 1, b"kept")
    for step in range(2):
        with pytest.raises(VaultFull):
            ForcedWords(vault).set(OPEN, PASSPHRASE, SECOND, NOW + step)
    assert vault.opened.guard.header.attempts.failures == 0
