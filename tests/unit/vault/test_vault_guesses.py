"""Erasing at so many wrong passphrases, when the centre wishes it: never by itself, and not a guess too early."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldapp.vault import (
    FLOOR,
    NoKeystore,
    OutboxFile,
    StorageFailed,
    UnlockAttempt,
    UnlockDelayed,
    Vault,
    VaultDamaged,
    WrongPassphrase,
    create,
    finish_wipe,
    unlock,
)
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.guard import WIPE_AFTER
from fieldapp.vault.store import CellStore
from tests.faults import forced_driver as device_of
from tests.faults.forced_driver import (
    ENTRY,
    FIRST,
    NOW,
    SECOND,
    SHEETS,
    FileKeystore,
    look,
    opened,
    recovered,
)

DAY = 24 * 3600
LIMIT = 10


pytestmark = pytest.mark.usefixtures("quick_argon2id")


@pytest.fixture
def device(made_device: Path, tmp_path: Path) -> Path:
    """A locked device whose centre wishes it to be erased at the tenth wrong passphrase."""
    device = shutil.copytree(made_device, tmp_path / "device")
    vault = opened(device, FIRST)
    vault.set_wipe_after(LIMIT)
    vault.lock()
    return device


def guess(device: Path, count: int, *, begin: int = 0) -> None:
    """Type a wrong passphrase `count` times, an hour and more between them."""
    for n in range(begin, begin + count):
        with pytest.raises(WrongPassphrase):
            opened(device, f"guess {n}", now=NOW + (n + 1) * 4000)


def counted(device: Path, count: int) -> None:
    """Let so many wrong passphrases have been counted: what `guess` leaves, without its work."""
    FileKeystore(device / "keys").set("att", AttemptRecord(count).pack())


def cells(vault: Vault) -> set[bytes | None]:
    return set(vault.opened.store.read().values())


def test_it_is_off_until_a_centre_wishes_it(made_device: Path, tmp_path: Path) -> None:
    device = shutil.copytree(made_device, tmp_path / "device")
    counted(device, LIMIT * 3)
    guess(device, 1)
    vault = opened(device, FIRST, now=NOW + DAY * 10)
    assert [record.payload for record in vault.records()] == [b"kept"]
    vault.lock()


def test_one_guess_too_many_erases_everything_but_what_is_on_its_way(device: Path) -> None:
    before = look(device)
    assert FIRST in before
    guess(device, LIMIT - 1)
    vault = opened(device, FIRST, now=NOW + DAY * 10)
    old = cells(vault)
    vault.lock()
    # The right one took back five of them.
    guess(device, 5, begin=300)
    vault = opened(device, "the last guess", now=NOW + DAY * 30)
    assert (vault.is_second, vault.records(), vault.read_only, vault.damaged) == (True, [], False, [])
    assert not vault.rollback
    with vault.transaction(NOW) as tx:
        tx.put(b"n" * 16, 1, b"plausible")
    finish_wipe(vault)
    assert not cells(vault) & old
    vault.lock()
    assert {word: shown for word, shown in look(device).items() if word != "the last guess"} == {}
    with OutboxFile.open(device / "data", FileKeystore(device / "keys").get("bk") or b"") as box:
        assert box.entries() == [ENTRY]
    vault = opened(device, "the last guess", now=NOW + DAY * 31)
    assert [record.payload for record in vault.records()] == [b"plausible"]
    vault.lock()
    counted(device, LIMIT * 2)
    guess(device, 1, begin=1000)  # what is left is not erased once more


def test_the_right_passphrase_opens_also_after_the_last_guess_but_one_and_the_sheet_always(
    device: Path,
) -> None:
    counted(device, LIMIT - 2)
    guess(device, 1)
    opened(device, FIRST, now=NOW + DAY * 20).lock()
    counted(device, LIMIT - 2)
    guess(device, 1, begin=600)
    opened(device, SECOND, now=NOW + DAY * 40).lock()
    recovered(device, SHEETS[0]).lock()


def test_the_count_survives_kills_clocks_and_restored_files(device: Path) -> None:
    kept = (device / "data" / "v.hdr").read_bytes()
    store = FileKeystore(device / "keys")
    for n in range(3):  # the power is cut while the passphrase is stretched
        UnlockAttempt.begin(device / "data", store, NOW + n).abandon()
    (device / "data" / "v.hdr").write_bytes(kept)
    guess(device, 3, begin=100)
    (device / "data" / "v.hdr").write_bytes(kept)
    with pytest.raises(UnlockDelayed):  # a clock that goes back begins the delay again, and counts nothing
        opened(device, "a guess with another clock", now=NOW - 10 * 365 * DAY)
    for clock in (NOW, NOW + DAY):  # the seventh and the eighth
        with pytest.raises(WrongPassphrase):
            opened(device, "a guess with another clock", now=clock)
    guess(device, 1, begin=1000)
    vault = opened(device, "the last guess", now=NOW + 100 * DAY)
    assert vault.is_second
    assert not vault.records()
    vault.lock()


@pytest.mark.parametrize("held", [b"", b"\1", b"\2" * 8, None])
def test_a_key_store_that_says_nothing_of_it_erases_nothing(device: Path, held: bytes | None) -> None:
    store = FileKeystore(device / "keys")
    if held is None:
        store.delete(WIPE_AFTER)
    else:
        store.set(WIPE_AFTER, held)
    counted(device, LIMIT)
    guess(device, 1)
    opened(device, FIRST, now=NOW + 30 * DAY).lock()


def test_a_key_store_that_fails_erases_nothing(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FileKeystore.get

    def failing(self: FileKeystore, name: str) -> bytes | None:
        if name == WIPE_AFTER:
            raise OSError("made up")
        return real(self, name)

    monkeypatch.setattr(FileKeystore, "get", failing)
    counted(device, LIMIT)
    guess(device, 1)
    vault = opened(device, FIRST, now=NOW + 30 * DAY)
    vault.set_wipe_after(12)
    vault.lock()


def test_without_a_key_store_it_is_not_promised_and_not_done(tmp_path: Path) -> None:
    vault = create(tmp_path / "data", FIRST, NoKeystore(), FLOOR, now=NOW)
    vault.set_wipe_after(LIMIT)
    vault.lock()
    for n in range(LIMIT):
        with pytest.raises(WrongPassphrase):
            unlock(tmp_path / "data", f"guess {n}", NoKeystore(), now=NOW + (n + 1) * 4000)
    unlock(tmp_path / "data", FIRST, NoKeystore(), now=NOW + 30 * DAY).lock()


def test_it_can_be_withdrawn_and_a_second_notebook_neither_sets_nor_ends_it(device: Path) -> None:
    store = FileKeystore(device / "keys")
    second = opened(device, SECOND)
    second.set_wipe_after(0)
    second.lock()
    assert store.get(WIPE_AFTER) == LIMIT.to_bytes(4, "little") + bytes(4)
    first = opened(device, FIRST)
    first.set_wipe_after(0)
    first.lock()
    assert store.get(WIPE_AFTER) is None


def test_guesses_from_before_the_centre_wished_it_erase_nothing(made_device: Path, tmp_path: Path) -> None:
    device = shutil.copytree(made_device, tmp_path / "device")
    counted(device, LIMIT + 7)
    vault = opened(device, FIRST, now=NOW + DAY)
    vault.set_wipe_after(LIMIT)
    vault.lock()
    count = FileKeystore(device / "keys").get("att") or b""
    assert AttemptRecord.unpack(count).failures == LIMIT + 2
    counted(device, LIMIT + 2 + LIMIT - 2)
    guess(device, 1, begin=100)
    vault = opened(device, "the last guess", now=NOW + 10 * DAY)
    assert vault.is_second
    vault.lock()


def test_a_key_store_that_kept_an_older_count_erases_nothing_after_the_right_passphrase(device: Path) -> None:
    opened(device, FIRST, now=NOW + DAY).lock()
    counted(device, LIMIT - 1)  # it had refused the write of the success
    vault = opened(device, FIRST, now=NOW + DAY + 10)
    vault.set_wipe_after(LIMIT)
    vault.lock()
    guess(device, 1, begin=100)
    opened(device, FIRST, now=NOW + 10 * DAY).lock()


def test_what_is_garbled_is_written_anew(device: Path) -> None:
    store = FileKeystore(device / "keys")
    held = store.get(WIPE_AFTER)
    store.set(WIPE_AFTER, b"?")
    vault = opened(device, FIRST)
    vault.set_wipe_after(LIMIT)
    assert store.get(WIPE_AFTER) == held
    store.set(WIPE_AFTER, b"?")
    vault.set_wipe_after(0)
    assert store.get(WIPE_AFTER) is None
    vault.lock()


def test_a_new_vault_inherits_nothing_of_the_one_before(device: Path) -> None:
    shutil.rmtree(device / "data")
    store = FileKeystore(device / "keys")
    create(device / "data", FIRST, store, FLOOR, now=NOW).lock()
    assert store.get(WIPE_AFTER) is None


def test_a_right_passphrase_that_meets_damage_is_no_guess(
    device: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_args: object, **_more: object) -> None:
        raise VaultDamaged("made up")

    with monkeypatch.context() as patch:
        patch.setattr(CellStore, "read", damaged)
        for n in range(LIMIT):
            with pytest.raises(VaultDamaged):
                opened(device, FIRST, now=NOW + n)
    with pytest.raises(WrongPassphrase):
        opened(device, "one slip", now=NOW + LIMIT)
    opened(device, FIRST, now=NOW + DAY).lock()


def test_what_is_searched_for_counts_and_never_erases(device: Path) -> None:
    counted(device, LIMIT - 1)
    for n in range(2):
        attempt = UnlockAttempt.begin(device / "data", FileKeystore(device / "keys"), NOW + (n + 1) * DAY)
        with pytest.raises(WrongPassphrase):
            attempt.finish(attempt.stretch("a sentence in the notes"), NOW + (n + 1) * DAY, erases=False)
    vault = opened(device, FIRST, now=NOW + 10 * DAY)
    assert vault.records()
    vault.lock()


def cut(*_args: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", [(CellStore, "write"), (CellStore, "detach")])
def test_a_power_cut_after_the_header_is_finished_at_the_next_start(
    device: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[type, str]
) -> None:
    vault = opened(device, FIRST)
    old = cells(vault)
    vault.lock()
    counted(device, LIMIT - 1)
    with monkeypatch.context() as patch:
        patch.setattr(*place, cut)
        with pytest.raises(KeyboardInterrupt):
            opened(device, "the last guess", now=NOW + 30 * DAY)
    with pytest.raises(WrongPassphrase):
        opened(device, FIRST, now=NOW + 40 * DAY)
    vault = opened(device, "the last guess", now=NOW + 50 * DAY)
    finish_wipe(vault)
    assert (vault.read_only, cells(vault) & old) == (False, set())
    vault.lock()


def test_a_full_disk_does_not_stop_it(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., None] = CellStore.write

    def full(self: CellStore, some: object, box: object = ()) -> None:
        if len(list(some)) > 100:  # type: ignore[call-overload]
            raise StorageFailed("made up")
        real(self, some, box)

    counted(device, LIMIT - 1)
    monkeypatch.setattr(CellStore, "write", full)
    vault = opened(device, "the last guess", now=NOW + 30 * DAY)
    assert (vault.is_second, vault.read_only, vault.records()) == (True, False, [])
    with pytest.raises(StorageFailed):
        finish_wipe(vault)
    vault.lock()
    monkeypatch.undo()
    device_of.replace_argon2id(monkeypatch.setattr)
    with pytest.raises(WrongPassphrase):
        opened(device, FIRST, now=NOW + 40 * DAY)


def test_what_a_key_store_says_of_another_vault_neither_erases_nor_stops_one_that_was_made_without(
    device: Path, tmp_path: Path
) -> None:
    """The key store came later, and remembers a vault that was there before."""
    folder, store = tmp_path / "plain" / "data", FileKeystore(device / "keys")
    create(folder, FIRST, NoKeystore(), FLOOR, now=NOW).lock()
    store.set("seq", (10**6).to_bytes(8, "little"))
    counted(device, LIMIT)
    with pytest.raises(WrongPassphrase):
        unlock(folder, "a guess", store, now=NOW)
    for payload in (b"one", b"two"):
        vault = unlock(folder, FIRST, store, now=NOW + 30 * DAY)
        assert (bool(vault.rollback), vault.read_only) == (False, False)
        with vault.transaction(NOW) as tx:
            tx.put(payload.ljust(16), 1, payload)
        vault.lock()
