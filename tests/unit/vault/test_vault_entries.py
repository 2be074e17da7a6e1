"""Entries of a key store that are damaged, late or never written, beside a header that is damaged or was put back."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from fieldapp.vault import (
    KeystoreUnavailable,
    Recovery,
    UnlockAttempt,
    UnlockDelayed,
    WrongPassphrase,
    erase,
    new_code,
    unlock,
)
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.header import COPY_SIZE, Header, HeaderFile
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE
from tests.unit.vault.test_vault_second import SECOND, WIPE, Device, device, device_template, opens

__all__ = ["device", "device_template"]

NEW = "words of after the sheet"


@pytest.fixture
def with_sheet(device: Device) -> tuple[Device, str]:
    """The device and the code of a sheet of its first notebook."""
    code = new_code()
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    vault.set_recovery(PASSPHRASE, code, NOW)
    vault.lock()
    return device, code


def damage_copy(directory: Path, copy: int, data: bytes = bytes(512)) -> None:
    """Write over the middle of one copy of the header, as a bad sector or a cut in the middle of a write does."""
    with (directory / "v.hdr").open("r+b") as file:
        file.seek(copy * COPY_SIZE + 1024)
        file.write(data)


def wiped_until(device: Device, writes: int) -> None:
    """Wipe, and kill the process after so many writes of the key store behind the answer."""

    class Cut(MemoryKeystore):
        left = writes

        def _check(self, *, changing: bool = False) -> None:
            if changing:
                if not self.left:
                    raise KeyboardInterrupt
                self.left -= 1

    attempt = UnlockAttempt.begin(device.directory, device.keystore, NOW + 1)
    vault = attempt.finish(attempt.stretch(WIPE), NOW + 1)
    cut = Cut(device.keystore.values)
    vault.opened.guard._keystore._keystore = cut
    with suppress(KeyboardInterrupt):
        vault.settle()
    vault.opened.store.close()


@pytest.mark.parametrize("copy", [0, 1])
def test_a_next_secret_that_cannot_be_read_does_not_close_a_vault_with_one_whole_copy(
    device: Device, copy: int
) -> None:
    """The copy is under `ds`, so nothing depends on `ds2`: it must not take the vault away for ever."""
    damage_copy(device.directory, copy)
    device.keystore.values["ds2"] = b"damaged"
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 1)
    assert [record.payload for record in vault.records()] == [b"kept"]
    vault.lock()
    assert len(device.keystore.values["ds2"]) == 32, "another one was made"


def test_a_change_that_was_cut_waits_for_a_next_secret_that_cannot_be_read_now(device: Device) -> None:
    """One copy is under each: until `ds2` answers nobody may take the older one for the only one."""
    before = (device.directory / "v.hdr").read_bytes()
    held = MemoryKeystore(dict(device.keystore.values))
    attempt = UnlockAttempt.begin(device.directory, device.keystore, NOW + 1)
    attempt.finish(attempt.stretch(WIPE), NOW + 1).lock()
    cut = (device.directory / "v.hdr").read_bytes()[:COPY_SIZE] + before[COPY_SIZE:]
    (device.directory / "v.hdr").write_bytes(cut)
    spare = held.values["ds2"]
    held.values["ds2"] = b"damaged"
    with pytest.raises(KeystoreUnavailable):
        unlock(device.directory, PASSPHRASE, held, now=NOW + 2)
    assert (device.directory / "v.hdr").read_bytes() == cut
    held.values["ds2"] = spare
    for word in (PASSPHRASE, SECOND):
        assert opens(device.directory, held, word) == []
    assert opens(device.directory, held, WIPE) == [b"plausible"]


def test_a_key_store_that_loses_ds_without_a_word_never_loses_what_opens_the_header(device: Device) -> None:
    """It confirms `ds` and keeps the older one. `ds2` is then the only place of the secret, at every start."""

    class Forgetful(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name != "ds":
                super().set(name, value)

    keystore = Forgetful(device.keystore.values)
    unlock(device.directory, WIPE, keystore, now=NOW + 1).lock()
    for step in range(3):
        vault = unlock(device.directory, WIPE, keystore, now=NOW + 10 + step)
        assert [record.payload for record in vault.records()] == [b"plausible"]
        vault.lock()


@pytest.mark.parametrize("kept", [b"damaged", b"x" * 32, None])
def test_a_ds_that_is_kept_badly_behind_a_wipe_closes_nothing(device: Device, kept: bytes | None) -> None:
    """`ds2` is still what the header is under, and there is no sheet for what a wipe opens."""
    unlock(device.directory, WIPE, device.keystore, now=NOW + 1).lock()
    secret = device.keystore.values.pop("ds")
    device.keystore.values |= {"ds": kept} if kept else {}
    for step in range(2):
        vault = unlock(device.directory, WIPE, device.keystore, now=NOW + 2 + step)
        assert [record.payload for record in vault.records()] == [b"plausible"]
        vault.lock()
    assert device.keystore.values["ds"] == secret, "and written once more"
    assert device.keystore.values["ds2"] != secret


@pytest.mark.parametrize("by", [WIPE, PASSPHRASE])
def test_a_ds_that_stays_as_it_is_is_not_written(device: Device, by: str) -> None:
    """Where no next secret can be kept a wipe and an erasure keep the one there is: a bad write would close them."""

    class Spoils(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name == "ds2":
                raise OSError("the keystore of this test takes no ds2")
            super().set(name, b"damaged" if name == "ds" else value)

    del device.keystore.values["ds2"]
    keystore = Spoils(device.keystore.values)
    vault = unlock(device.directory, by, keystore, now=NOW + 1)
    if by == PASSPHRASE:
        erase(vault, NOW + 1)
    vault.lock()
    assert opens(device.directory, MemoryKeystore(keystore.values), by) == [b"plausible"]


class CutAfter:
    """In place of the writing of header copies: so many are written, then the process is killed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, copies: int) -> None:
        self.left = copies
        self._write = HeaderFile._write
        monkeypatch.setattr(HeaderFile, "_write", lambda *given: self.write(*given))

    def write(self, file: HeaderFile, copy: int, header: Header, secret: bytes) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self._write(file, copy, header, secret)


def recovered_until(
    device: Device, keystore: MemoryKeystore, code: str, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open with a sheet and choose NEW, and kill the process after so many writes of a copy."""
    recovery = Recovery.begin(device.directory, keystore)
    recovery.open(code)
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        CutAfter(patch, copies)
        recovery.finish(NEW, NOW + 1)


@pytest.mark.parametrize("copies", [1, 2])
def test_a_recovery_that_was_cut_opens_where_ds_cannot_be_read(
    with_sheet: tuple[Device, str], copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sheet was used for it: without `ds2` nothing would open these records any more."""
    device, code = with_sheet

    class Cut(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name != "ds2":
                raise KeyboardInterrupt
            super().set(name, value)

    recovered_until(device, Cut(device.keystore.values), code, copies, monkeypatch)
    device.keystore.values["ds"] = b"damaged"
    vault = unlock(device.directory, NEW, device.keystore, now=NOW + 2)
    assert [record.payload for record in vault.records()] == [b"kept"]
    assert vault.is_bound
    vault.lock()


@pytest.mark.parametrize("copy", [0, 1])
def test_a_recovery_without_the_key_store_that_was_cut_opens_whichever_copy_is_under_zeros(
    with_sheet: tuple[Device, str], copy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key store knows the other copy's id, and lost the secret of it: that one must not decide."""
    device, code = with_sheet
    damage_copy(device.directory, copy)  # so the other one is written first
    unlock(device.directory, PASSPHRASE, device.keystore, now=NOW).lock()

    class Stubborn(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name == "ds":
                raise OSError("the keystore of this test keeps its ds")
            super().set(name, value)

    recovered_until(device, Stubborn(device.keystore.values), code, 3, monkeypatch)
    del device.keystore.values["ds2"]
    vault = unlock(device.directory, NEW, device.keystore, now=NOW + 2)
    assert [record.payload for record in vault.records()] == [b"kept"]
    assert not vault.is_bound
    vault.lock()


def test_a_mirror_that_is_silent_while_a_notebook_is_opened_is_not_written_over(device: Device) -> None:
    """Whatever was put back would else never show: it shows at the next unlock."""
    old = {name: (device.directory / name).read_bytes() for name in ("v.hdr", "v.db")}
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    with vault.transaction(NOW) as tx:
        tx.put(b"n" * 16, 1, b"new")
    vault.lock()
    unlock(
        device.directory, PASSPHRASE, device.keystore, now=NOW
    ).lock()  # one unlock alone would be caught up with
    for name, data in old.items():
        (device.directory / name).write_bytes(data)

    class Late(MemoryKeystore):
        silent = True

        def get(self, name: str) -> bytes | None:
            if self.silent and name in ("seq", "gen0", "gen1"):
                raise TimeoutError
            return super().get(name)

    keystore = Late(device.keystore.values)
    attempt = UnlockAttempt.begin(device.directory, keystore, NOW + 1)
    vault = attempt.finish(attempt.stretch(PASSPHRASE), NOW + 1)
    keystore.silent = False
    vault.settle()
    vault.lock()
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 2)
    assert (vault.rollback.header, vault.rollback.records) == (True, True)
    vault.lock()


def test_a_mirror_that_can_never_be_read_is_written_anew(device: Device) -> None:
    for name in ("seq", "gen0", "gen1"):
        device.keystore.values[name] = b"damaged"
    unlock(device.directory, PASSPHRASE, device.keystore, now=NOW).lock()
    assert len(device.keystore.values["seq"]) == 8
    assert {len(device.keystore.values[name]) for name in ("gen0", "gen1")} == {48, 7}, "one is the other's"


@pytest.mark.parametrize("writes", range(4))
def test_wherever_it_is_cut_behind_a_wipe_the_key_store_learns_whose_header_it_is(
    device: Device, writes: int
) -> None:
    wiped_until(device, writes)
    again = unlock(device.directory, WIPE, device.keystore, now=NOW + 2)
    header_id = again.opened.guard.header.header_id
    again.lock()
    assert device.keystore.values["iid"] == header_id


def test_so_does_a_start_that_is_cut_while_it_ends_what_was_cut_before(device: Device) -> None:
    attempt = UnlockAttempt.begin(device.directory, device.keystore, NOW + 1)
    vault = attempt.finish(attempt.stretch(WIPE), NOW + 1)
    copy = shutil.copytree(device.directory, device.directory.with_name("cut"))
    held = MemoryKeystore(dict(device.keystore.values))
    vault.lock()
    UnlockAttempt.begin(copy, held, NOW + 2)._store.close()  # the process is killed while Argon2id runs
    again = unlock(copy, WIPE, held, now=NOW + 3)
    header_id = again.opened.guard.header.header_id
    again.lock()
    assert held.values["iid"] == header_id


def test_a_header_that_was_put_back_does_not_catch_up_by_being_repaired(device: Device) -> None:
    """A repair raises its seq. While attempts are delayed it costs whoever has the files nothing but another start."""
    old = (device.directory / "v.hdr").read_bytes()
    for step in range(3):
        unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + step).lock()
    (device.directory / "v.hdr").write_bytes(old)
    device.keystore.values["att"] = AttemptRecord(9, NOW + 3600, NOW, 0).pack()
    for step in range(20):
        damage_copy(device.directory, step % 2)
        with pytest.raises(UnlockDelayed):
            unlock(device.directory, "a guess among many others", device.keystore, now=NOW + 60)
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + 4000)
    assert vault.rollback.header
    vault.lock()


@pytest.mark.parametrize("copy", [0, 1])
def test_a_copy_that_is_damaged_is_no_header_that_was_put_back(device: Device, copy: int) -> None:
    for step in range(3):
        damage_copy(device.directory, copy)
        vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW + step)
        assert not vault.rollback
        vault.lock()


@pytest.mark.parametrize("writes", range(4))
def test_wherever_it_is_cut_behind_a_wipe_guesses_erase_the_second_notebook_never(
    device: Device, writes: int
) -> None:
    """What a centre wished of the first notebook ends with it: nobody could withdraw it from the second one."""
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    vault.set_wipe_after(10)
    vault.lock()
    wiped_until(device, writes)
    unlock(device.directory, WIPE, device.keystore, now=NOW + 2).lock()
    device.keystore.values["att"] = AttemptRecord(10).pack()
    with pytest.raises(WrongPassphrase):
        unlock(device.directory, "a guess among many others", device.keystore, now=NOW + 3)
    assert opens(device.directory, device.keystore, WIPE) == [b"plausible"]


def test_a_key_store_that_refuses_ds_for_ever_closes_nothing_after_a_wipe(device: Device) -> None:
    """There is no sheet for what a wipe opens: where `ds2` can be read it is enough."""

    class Stubborn(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name == "ds":
                raise OSError("the keystore of this test keeps its ds")
            super().set(name, value)

    keystore = Stubborn(device.keystore.values)
    unlock(device.directory, WIPE, keystore, now=NOW + 1).lock()
    for step in range(3):
        vault = unlock(device.directory, WIPE, keystore, now=NOW + 10 + step)
        assert [record.payload for record in vault.records()] == [b"plausible"]
        vault.lock()
    erase(unlock(device.directory, WIPE, keystore, now=NOW + 20), NOW + 20)
    unlock(device.directory, WIPE, keystore, now=NOW + 21).lock()


def test_a_sheet_binds_nothing_to_a_key_store_that_does_not_keep_ds(with_sheet: tuple[Device, str]) -> None:
    class Forgetful(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name != "ds":
                super().set(name, value)

    device, code = with_sheet
    recovery = Recovery.begin(device.directory, Forgetful(device.keystore.values))
    recovery.open(code)
    vault = recovery.finish(NEW, NOW + 1)
    assert not vault.is_bound
    vault.lock()
    device.keystore.values.clear()
    vault = unlock(device.directory, NEW, device.keystore, now=NOW + 2)
    assert [record.payload for record in vault.records()] == [b"kept"]
    vault.lock()
