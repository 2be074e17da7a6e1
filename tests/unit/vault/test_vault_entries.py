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
from fieldapp.vault.header import COPY_SIZE
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE
from tests.unit.vault.test_vault_second import SECOND, WIPE, Device, device, device_template, opens

__all__ = ["device", "device_template"]


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


def test_a_sheet_binds_nothing_to_a_key_store_that_does_not_keep_ds(device: Device) -> None:
    class Forgetful(MemoryKeystore):
        def set(self, name: str, value: bytes) -> None:
            if name != "ds":
                super().set(name, value)

    code = new_code()
    vault = unlock(device.directory, PASSPHRASE, device.keystore, now=NOW)
    vault.set_recovery(PASSPHRASE, code, NOW)
    vault.lock()
    recovery = Recovery.begin(device.directory, Forgetful(device.keystore.values))
    recovery.open(code)
    vault = recovery.finish("words of after the sheet", NOW + 1)
    assert not vault.is_bound
    vault.lock()
    device.keystore.values.clear()
    vault = unlock(device.directory, "words of after the sheet", device.keystore, now=NOW + 2)
    assert [record.payload for record in vault.records()] == [b"kept"]
    vault.lock()
