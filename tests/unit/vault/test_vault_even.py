"""What an unlock asks of the key store and opens of the cells, counted: the same for all, and no more than it needs."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fieldapp.vault import (
    FLOOR,
    ForcedWords,
    KeystoreUnavailable,
    SlotKind,
    StorageFailed,
    UnlockAttempt,
    UnlockDelayed,
    Vault,
    WrongPassphrase,
    cells,
    create,
    erase,
    even,
    finish_wipe,
    partition,
    unlock,
)
from fieldapp.vault import keystore as keys
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.keystore import Opening
from fieldapp.vault.store import BLOCK, CellStore
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE
from tests.unit.vault.test_vault_forced_work import OUTCOMES
from tests.unit.vault.test_vault_second import SECOND, WIPE, Device, device, device_template, opens

__all__ = ["device", "device_template"]

BEFORE_ARGON2ID = ["get ds", "get seq", "get att", "set att"]
MEANWHILE = ["get wpn", "get ds2", "get gen0", "get gen1", "get bk"]
Calls = list[list[str]]


class Recording(MemoryKeystore):
    """Notes every call."""

    def __init__(self, values: dict[str, bytes]) -> None:
        super().__init__(dict(values))
        self.calls: list[str] = []

    def get(self, name: str) -> bytes | None:
        self.calls.append(f"get {name}")
        return super().get(name)

    def set(self, name: str, value: bytes) -> None:
        self.calls.append(f"set {name}")
        super().set(name, value)

    def delete(self, name: str) -> None:
        self.calls.append(f"delete {name}")
        super().delete(name)

    def take(self) -> list[str]:
        taken, self.calls = self.calls, []
        return taken


def copy_of(device: Device, name: str) -> Path:
    return shutil.copytree(device.directory, device.directory.with_name(name))


def calls_of(directory: Path, passphrase: str, keystore: Recording) -> tuple[Calls, Vault | None]:
    """Return the calls before, while and after a passphrase is stretched, until the answer; and what it opened."""
    attempt = UnlockAttempt.begin(directory, keystore, NOW + 1)
    before = keystore.take()
    stretched = attempt.stretch(passphrase)
    assert keystore.calls == []
    attempt.prepare()
    meanwhile, vault = keystore.take(), None
    with suppress(WrongPassphrase):
        vault = attempt.finish(stretched, NOW + 1)
    return [before, meanwhile, keystore.take()], vault


def all_calls(device: Device) -> dict[str, Calls]:
    found = {}
    for outcome, passphrase in OUTCOMES.items():
        keystore = Recording(device.keystore.values)
        found[outcome], vault = calls_of(copy_of(device, outcome), passphrase, keystore)
        assert (vault is None) == (outcome == "wrong")
        if vault:
            vault.lock()
    return found


def test_all_four_passphrases_ask_the_key_store_the_same_and_nothing_between_argon2id_and_the_answer(
    device: Device,
) -> None:
    for calls in all_calls(device).values():
        assert calls == [BEFORE_ARGON2ID, MEANWHILE, []]


def test_so_they_do_where_guesses_erase(device: Device) -> None:
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    vault.set_wipe_after(20)
    vault.lock()
    assert "wpn" in device.keystore.values
    for calls in all_calls(device).values():
        assert calls == [BEFORE_ARGON2ID, MEANWHILE, []]


@pytest.mark.parametrize("held", [{}, {"ds2": b"damaged"}])
def test_so_they_do_in_a_vault_of_an_earlier_release_that_has_no_secret_ready(
    device: Device, held: dict[str, bytes]
) -> None:
    del device.keystore.values["ds2"]
    device.keystore.values |= held
    made = [*MEANWHILE[:2], "set ds2", "get ds2", *MEANWHILE[2:]]
    for calls in all_calls(device).values():
        assert calls == [BEFORE_ARGON2ID, made, []]


def test_so_they_do_after_a_header_was_put_back(device: Device) -> None:
    """Its seq is told before anything is tried: whoever cuts the power at each guess must not let it catch up."""
    old = (device.directory / "v.hdr").read_bytes()
    for _ in range(3):
        unlock(device.directory, PASSPHRASE, device.keystore, now=NOW).lock()
    (device.directory / "v.hdr").write_bytes(old)
    for calls in all_calls(device).values():
        assert calls == [[*BEFORE_ARGON2ID[:3], "set seq", "set att"], MEANWHILE, []]


def test_so_they_do_where_entries_cannot_be_read(device: Device) -> None:
    """Else whoever damages one entry, of the generation of one half or of the wish to erase, tells them apart."""
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    vault.set_wipe_after(20)
    vault.lock()

    class Unreadable(Recording):
        def get(self, name: str) -> bytes | None:
            value = super().get(name)
            if name not in ("ds", "ds2"):
                raise ValueError("not an entry of this name")
            return value

    for outcome, passphrase in OUTCOMES.items():
        keystore = Unreadable(device.keystore.values)
        calls, opened = calls_of(copy_of(device, outcome), passphrase, keystore)
        assert calls == [BEFORE_ARGON2ID, MEANWHILE, []]
        if opened:
            opened.lock()


class Dies(MemoryKeystore):
    """The power fails when something is to be written."""

    def set(self, name: str, value: bytes) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [MemoryKeystore, Dies])
def test_guesses_that_are_cut_off_do_not_hide_that_a_header_was_put_back(
    device: Device, kind: type[MemoryKeystore]
) -> None:
    old = (device.directory / "v.hdr").read_bytes()
    for step in range(3):
        unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + step).lock()
    (device.directory / "v.hdr").write_bytes(old)
    for step in range(10):  # not one of them comes to its end
        with suppress(KeyboardInterrupt):
            held = kind(device.keystore.values)
            UnlockAttempt.begin(device.directory, held, NOW + step * 10_000)._store.close()
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 200_000)
    assert vault.rollback.header
    vault.lock()


def test_the_count_is_in_the_key_store_before_a_passphrase_is_stretched(device: Device) -> None:
    for n in range(1, 4):
        attempt = UnlockAttempt.begin(device.directory, device.keystore, NOW + n)
        assert AttemptRecord.unpack(device.keystore.values["att"]).failures == n
        attempt.abandon()


def test_behind_the_answer_only_what_has_changed_is_written(device: Device) -> None:
    keystore = Recording(device.keystore.values)
    _, vault = calls_of(device.directory, PASSPHRASE, keystore)
    assert vault is not None
    vault.settle()
    assert keystore.take() == ["set seq", "set att"]
    vault.settle()
    assert keystore.take() == []
    vault.lock()
    assert keystore.take() == [], "nothing was saved: the mirror of the generation is as it was"
    _, vault = calls_of(device.directory, PASSPHRASE, keystore)
    assert vault is not None
    with vault.transaction(NOW) as tx:
        tx.put(b"n" * 16, 1, b"new")
    vault.lock()
    assert keystore.take() in (["set seq", "set att", f"set gen{part}"] for part in (0, 1))


def test_what_another_program_writes_is_seen_once_the_vault_is_open(device: Device) -> None:
    """A copy of the folder shares its entries: nothing of them may be held longer than an unlock takes."""
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 1)
    device.keystore.values["att"] = AttemptRecord(9, NOW + 900, NOW, 0).pack()
    with pytest.raises(UnlockDelayed):
        vault.change_passphrase(PASSPHRASE, "other words than those", NOW + 2)
    vault.lock()


def test_a_wipe_that_is_cut_at_the_answer_is_a_wipe(device: Device) -> None:
    """The key store hears of it behind the answer: until then the secret that lies ready opens the new header."""
    attempt = UnlockAttempt.begin(device.directory, device.keystore, NOW + 1)
    vault = attempt.finish(attempt.stretch(WIPE), NOW + 1)
    assert vault.records()
    cut, held = copy_of(device, "cut"), MemoryKeystore(dict(device.keystore.values))
    vault.lock()
    assert held.values["ds"] != held.values["ds2"], "nothing was told yet"
    for word in (PASSPHRASE, SECOND):
        assert opens(cut, held, word) == []
    assert opens(cut, held, WIPE) == [b"plausible"]
    again = unlock(cut, WIPE, held, now=NOW + 100)
    finish_wipe(again)
    header_id = again.opened.guard.header.header_id
    again.lock()
    assert (held.values["iid"], held.values["ds"]) == (header_id, device.keystore.values["ds"])
    assert held.values["ds2"] != held.values["ds"], "a fresh one lies ready for the next"


def test_a_secret_that_only_the_spare_place_holds_is_not_written_over(device: Device) -> None:
    """The key store refuses `ds` behind a wipe; then whoever erases must not take away what opens the header."""

    class Stubborn(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name == "ds":
                raise OSError("the keystore of this test keeps its ds")
            super().set(name, value)

    keystore = Stubborn(device.keystore.values)
    vault = unlock(device.directory, WIPE, keystore, now=NOW + 1)
    in_use = keystore.values["ds2"]
    assert vault.opened.guard._next_secret() == in_use
    assert keystore.values["ds2"] == in_use
    vault.lock()
    assert opens(device.directory, MemoryKeystore(keystore.values), WIPE) == [b"plausible"]


def test_erasing_takes_a_secret_that_was_never_shown_to_a_copy(device: Device) -> None:
    """Not the one that lay ready for long: here nobody holds a stopwatch."""
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 1)
    ready = device.keystore.values["ds2"]
    erase(vault, NOW + 2)
    assert device.keystore.values["ds"] not in (ready, bytes(32))
    assert opens(device.directory, device.keystore, PASSPHRASE) == [b"plausible"]


def test_a_key_store_that_keeps_nothing_more_still_wipes(device: Device) -> None:
    del device.keystore.values["ds2"]
    for outcome, passphrase in OUTCOMES.items():
        keystore = Recording(device.keystore.values)
        keystore.read_only = True
        calls, opened = calls_of(copy_of(device, outcome), passphrase, keystore)
        assert calls == [BEFORE_ARGON2ID, [*MEANWHILE[:2], "set ds2", *MEANWHILE[2:]], []]
        if opened:
            opened.lock()
    device.keystore.read_only = True
    vault = unlock(device.directory, WIPE, device.keystore, now=NOW + 1)
    vault.lock()
    assert opens(device.directory, device.keystore, PASSPHRASE) == []
    assert opens(device.directory, device.keystore, WIPE) == [b"plausible"]


def test_an_opening_asks_once_and_gives_what_is_owed_as_written() -> None:
    store = Recording({"seq": b"1", "bk": b"k"})
    opening = Opening(store)
    assert [opening.get("seq"), opening.get("seq"), opening.get("none"), opening.get("none")] == [
        b"1",
        b"1",
        None,
        None,
    ]
    opening.later("seq", b"2")
    opening.later("bk", None)
    assert (opening.get("seq"), opening.get("bk")) == (b"2", None)
    assert store.take() == ["get seq", "get none"]
    opening.set("seq", b"3")  # what must be durable at once is newer than what is owed
    opening.settle()
    assert (store.take(), store.values) == (["set seq", "delete bk"], {"seq": b"3"})
    opening.later("att", b"4")
    assert (opening.get("att"), opening.get("att"), store.take()) == (
        b"4",
        b"4",
        ["set att", "get att", "get att"],
    )


def test_an_opening_whose_store_fails_says_so_each_time_and_owes_without_a_word() -> None:
    store = MemoryKeystore(broken=True)
    opening = Opening(store)
    with pytest.raises(OSError, match="fails"):
        opening.get("ds")
    with pytest.raises(KeystoreUnavailable, match="did not answer"):  # it is not asked again
        opening.get("ds")
    with pytest.raises(OSError, match="fails"):
        opening.set("ds", b"1")
    with pytest.raises(OSError, match="fails"):
        opening.get("ds")
    opening.later("seq", b"1")
    opening.settle()
    store.broken = False
    assert opening.get("seq") is None


class Work:
    """Counts decryptions of cells, bytes that are hashed over tags, and reads."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: dict[str, int] = {}
        self._count(patch, cells, "aead_open", lambda *_: 1)
        for module in (partition, even):
            self._count(patch, module, "cells_hash", lambda _key, tags: len(tags))
        self._count(patch, CellStore, "read", lambda *_args, **_kwargs: 1)
        self._count(patch, CellStore, "read_one", lambda *_args, **_kwargs: 1)

    def _count(self, patch: pytest.MonkeyPatch, owner: object, name: str, much: Callable[..., int]) -> None:
        real = getattr(owner, name)

        def counted(*args: object, **kwargs: object) -> object:
            self.done[name] = self.done.get(name, 0) + much(*args, **kwargs)
            return real(*args, **kwargs)

        patch.setattr(owner, name, counted)


@pytest.fixture(scope="module")
def full_device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """A device whose first notebook is full and whose second one is empty, with both words."""
    directory, keystore = tmp_path_factory.mktemp("full") / "data", MemoryKeystore()
    vault = create(directory, PASSPHRASE, keystore, FLOOR, now=NOW)
    ForcedWords(vault).set(SlotKind.OPEN, PASSPHRASE, SECOND, NOW)
    ForcedWords(vault).set(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, NOW, other=SECOND)
    with vault.transaction(NOW) as tx:
        for number in range(vault.room):
            tx.put(number.to_bytes(16, "little"), 1, b"kept")
    assert vault.room == 0
    vault.lock()
    return Device(directory, keystore)


def test_a_full_first_notebook_and_an_empty_second_one_a_wipe_and_a_wrong_word_cost_the_same(
    full_device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(even, "CELLS", BLOCK)
    found, shown = {}, {}
    for outcome, passphrase in {**OUTCOMES, "never tried": OUTCOMES["wrong"]}.items():
        copy = shutil.copytree(full_device.directory, tmp_path / outcome)
        keystore = MemoryKeystore(dict(full_device.keystore.values))
        if outcome == "never tried":
            attempt = UnlockAttempt.search(copy, keystore, NOW + 1, counts=False)
        else:
            attempt = UnlockAttempt.begin(copy, keystore, NOW + 1)
        stretched, vault = attempt.stretch(passphrase), None
        with monkeypatch.context() as patch:
            work = Work(patch)
            with suppress(WrongPassphrase):
                if attempt.counted:
                    vault = attempt.finish(stretched, NOW + 1)
                else:
                    attempt.decline(stretched)
            found[outcome] = work.done
        if vault:
            shown[outcome] = len(vault.records())
            vault.lock()
    assert shown == {"first": BLOCK - 2, "second": 0, "wipe": 0}
    opened = {"aead_open": BLOCK + BLOCK, "cells_hash": (BLOCK - 1) * 16, "read": 2}  # a partition and v.box
    assert found == dict.fromkeys(found, opened)


def test_where_the_key_store_lost_the_outbox_key_they_cost_the_same_as_well(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(even, "CELLS", BLOCK)
    for held in (None, b"x" * 32):
        found = {}
        for outcome, passphrase in OUTCOMES.items():
            copy = copy_of(device, f"{outcome} {held is None}")
            keystore = MemoryKeystore(dict(device.keystore.values))
            keystore.values |= {"bk": held} if held else {}
            if held is None:
                del keystore.values["bk"]
            attempt = UnlockAttempt.begin(copy, keystore, NOW + 1)
            stretched = attempt.stretch(passphrase)
            with monkeypatch.context() as patch:
                work = Work(patch)
                with suppress(WrongPassphrase):
                    attempt.finish(stretched, NOW + 1).lock()
                found[outcome] = work.done
            assert (keystore.values.get("bk") == device.keystore.values["bk"]) == (outcome == "first")
        assert found == dict.fromkeys(found, found["wrong"])


def test_a_box_that_somebody_else_holds_stops_every_passphrase_and_the_right_one_is_no_guess(
    device: Device,
) -> None:
    holder = CellStore(device.directory / "v.box")
    for passphrase, counted in ((OUTCOMES["wrong"], 1), (PASSPHRASE, 0)):
        with pytest.raises(Exception, match="in use"):
            unlock(device.directory, passphrase, device.keystore, now=NOW + 1)
        assert AttemptRecord.unpack(device.keystore.values["att"]).failures == counted
    holder.close()


def test_a_disk_that_refuses_the_end_of_an_attempt_changes_nothing_for_the_key_store(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = UnlockAttempt.begin(device.directory, device.keystore, NOW + 1)
    counted = device.keystore.values["att"]
    stretched = attempt.stretch(PASSPHRASE)

    def full(*_args: object) -> None:
        raise StorageFailed("made up")

    monkeypatch.setattr("fieldapp.vault.header.HeaderFile._write", full)
    with pytest.raises(StorageFailed):
        attempt.finish(stretched, NOW + 1)
    assert device.keystore.values["att"] == counted
    assert keys.recall(device.keystore, keys.ATTEMPTS, 32) == counted
