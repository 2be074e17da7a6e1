"""Wrong passphrases cost time: counted before anything is tried, on the disk, whatever happens to the clock."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldapp.vault import UnlockAttempt, UnlockDelayed, Vault, WrongPassphrase, unlock, unlocking
from fieldapp.vault.attempts import AttemptRecord, delay_after
from fieldapp.vault.errors import VaultDamaged
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE


@pytest.fixture
def locked(vault: Vault) -> None:
    vault.lock()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip Argon2id where only the counting matters: every passphrase is then wrong."""
    monkeypatch.setattr(unlocking, "stretch", lambda *_: bytes(32))


def fail(directory: Path, keystore: MemoryKeystore, now: int, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(WrongPassphrase):
            unlock(directory, "wrong", keystore, now=now)


def delay(directory: Path, keystore: MemoryKeystore, now: int) -> int:
    with pytest.raises(UnlockDelayed) as caught:
        unlock(directory, PASSPHRASE, keystore, now=now)
    return caught.value.not_before - now


def test_the_delays_grow_and_stay_at_an_hour() -> None:
    assert [delay_after(n) for n in range(12)] == [0, 0, 0, 0, 0, 30, 60, 300, 900, 3600, 3600, 3600]


def test_a_record_is_32_bytes_and_survives_the_round_trip() -> None:
    record = AttemptRecord(7, NOW + 30, NOW, NOW - 5)
    assert len(record.pack()) == 32
    assert AttemptRecord.unpack(record.pack()) == record
    with pytest.raises(VaultDamaged):
        AttemptRecord.unpack(record.pack()[:-1] + b"\1")


@pytest.mark.usefixtures("locked", "quick")
def test_five_failures_start_the_delay_and_it_survives_a_restart(
    directory: Path, keystore: MemoryKeystore
) -> None:
    fail(directory, keystore, NOW, 5)
    assert delay(directory, keystore, NOW) == 30
    assert delay(directory, keystore, NOW + 29) == 1
    fail(directory, keystore, NOW + 30)
    assert delay(directory, keystore, NOW + 30) == 60


@pytest.mark.usefixtures("locked")
def test_after_the_delay_the_right_passphrase_opens(directory: Path, keystore: MemoryKeystore) -> None:
    fail(directory, keystore, NOW, 5)
    assert delay(directory, keystore, NOW + 1) == 29
    unlock(directory, PASSPHRASE, keystore, now=NOW + 30).lock()
    unlock(directory, PASSPHRASE, keystore, now=NOW + 31).lock()


@pytest.mark.usefixtures("locked", "quick")
def test_a_clock_that_goes_backwards_restarts_the_delay(directory: Path, keystore: MemoryKeystore) -> None:
    fail(directory, keystore, NOW, 5)
    assert delay(directory, keystore, NOW - 100_000) == 30
    assert delay(directory, keystore, NOW - 100_000 + 29) == 1
    fail(directory, keystore, NOW - 100_000 + 30)


@pytest.mark.usefixtures("locked", "quick")
@pytest.mark.parametrize("now", [0, 2**31 + 5, 2**33])
def test_clocks_of_1970_and_after_2038_work(directory: Path, keystore: MemoryKeystore, now: int) -> None:
    fail(directory, keystore, now)


@pytest.mark.usefixtures("locked", "quick")
def test_an_old_header_does_not_bring_the_count_back(directory: Path, keystore: MemoryKeystore) -> None:
    old = (directory / "v.hdr").read_bytes()
    fail(directory, keystore, NOW, 5)
    (directory / "v.hdr").write_bytes(old)
    assert delay(directory, keystore, NOW) == 30


@pytest.mark.usefixtures("locked", "quick")
def test_a_keystore_that_forgets_does_not_bring_the_count_back(
    directory: Path, keystore: MemoryKeystore
) -> None:
    fail(directory, keystore, NOW, 5)
    keystore.delete("att")
    assert delay(directory, keystore, NOW) == 30


@pytest.mark.usefixtures("locked")
def test_the_attempt_is_on_the_disk_before_the_passphrase_is_stretched(
    directory: Path, keystore: MemoryKeystore
) -> None:
    before = (directory / "v.hdr").read_bytes()
    attempt = UnlockAttempt.begin(directory, keystore, NOW)
    during = (directory / "v.hdr").read_bytes()
    attempt.abandon()
    assert AttemptRecord.unpack(before[4032:4064]).failures == 0
    assert AttemptRecord.unpack(during[4032:4064]).failures == 1
    assert AttemptRecord.unpack(during[8128:8160]).failures == 1
    assert AttemptRecord.unpack(keystore.values["att"]).failures == 1


def test_unlocking_often_never_delays(reopen: Callable[..., Vault], vault: Vault) -> None:
    vault.lock()
    for step in range(8):
        reopen(now=NOW + step)


def test_a_success_takes_back_its_own_count_and_five_failures_an_hour() -> None:
    before = AttemptRecord(12, NOW, NOW, 0)
    after = before.succeeded(NOW + 1)
    assert (after.failures, after.lowered) == (7, NOW + 1)
    assert after.succeeded(NOW + 2).failures == 7
    assert after.succeeded(NOW + 3602).failures == 2


def test_a_coerced_second_passphrase_does_not_buy_guesses() -> None:
    """Alternating one guess and one success: the guesses are delayed as if the successes had not been."""
    record, now, guesses = AttemptRecord(), NOW, 0
    while now < NOW + 3600:
        try:
            record.check_delay(now)
        except UnlockDelayed as error:
            now = error.not_before
            continue
        record = record.begun(now)
        guesses += 1
        try:
            record.check_delay(now)
            record = record.succeeded(now)
        except UnlockDelayed:
            pass
    assert guesses <= 15


def test_a_wrong_passphrase_changes_no_record(
    directory: Path, keystore: MemoryKeystore, vault: Vault
) -> None:
    vault.lock()
    before = {name: (directory / name).read_bytes() for name in ("v.db", "v.box")}
    fail(directory, keystore, NOW, 3)
    assert {name: (directory / name).read_bytes() for name in before} == before
