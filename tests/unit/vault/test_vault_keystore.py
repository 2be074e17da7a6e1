"""A keystore that fails, forgets or belongs to somebody else never costs a record, and a rollback is seen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldapp.vault import FLOOR, KeystoreUnavailable, Vault, VaultDamaged, VaultReadOnly, create, unlock
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE

A = b"a" * 16
Reopen = Callable[..., Vault]


def put(vault: Vault, payload: bytes) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, payload)


@pytest.mark.parametrize("fault", ["raises", "forgot", "foreign", "odd length", "odd type"])
def test_a_faulty_keystore_wipes_nothing(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen, tmp_path: Path, fault: str
) -> None:
    put(vault, b"kept")
    vault.lock()
    good, files = dict(keystore.values), {path.name: path.read_bytes() for path in directory.iterdir()}
    if fault == "raises":
        keystore.broken = True
    elif fault == "forgot":
        keystore.values.clear()
    elif fault == "foreign":
        create(tmp_path / "other", PASSPHRASE, keystore, FLOOR, now=NOW).lock()
    elif fault == "odd length":
        keystore.values["ds"] = b"short"
    else:
        keystore.values["ds"] = "x" * 32  # type: ignore[assignment]
    with pytest.raises(KeystoreUnavailable):
        reopen()
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    keystore.broken, keystore.values = False, good
    found = reopen().get(A)
    assert found is not None
    assert found.payload == b"kept"


def test_a_keystore_that_cannot_be_written_does_not_stop_an_officer(
    vault: Vault, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    vault.lock()
    keystore.read_only = True
    again = reopen()
    put(again, b"saved")
    again.lock()
    assert not reopen().rollback


@pytest.mark.parametrize("instead", [None, b"odd length", b"x" * 32])
def test_a_lost_outbox_key_is_given_back(
    vault: Vault, keystore: MemoryKeystore, reopen: Reopen, instead: bytes | None
) -> None:
    key = vault.outbox_key
    vault.lock()
    keystore.delete("bk")
    if instead:
        keystore.set("bk", instead)
    reopen()
    assert keystore.values["bk"] == key


def test_lost_mirrors_are_unknown_and_not_a_rollback(
    vault: Vault, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    vault.lock()
    for name in ("gen0", "gen1", "seq", "att"):
        keystore.delete(name)
    assert not reopen().rollback


def test_garbage_in_a_mirror_is_unknown(vault: Vault, keystore: MemoryKeystore, reopen: Reopen) -> None:
    vault.lock()
    keystore.values |= {"gen0": b"?" * 48, "gen1": b"?", "seq": b"?", "att": b"?" * 32}
    assert not reopen().rollback


def test_restored_cells_are_a_rollback_and_read_only(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    put(vault, b"old")
    vault.lock()
    old = (directory / "v.db").read_bytes()
    vault = reopen()
    for _ in range(3):
        put(vault, b"new")
    vault.lock()
    (directory / "v.db").write_bytes(old)
    for _ in range(2):
        vault = reopen()
        assert vault.rollback.records
        assert vault.read_only
        assert [record.payload for record in vault.records()] == [b"old"]
        with pytest.raises(VaultReadOnly):
            put(vault, b"refused")
        vault.lock()
    vault = reopen()
    keystore.read_only = True  # the power fails before the keystore hears of it
    with vault.transaction(NOW, anew=True) as tx:
        tx.put(A, 1, b"enrolled anew")
    vault.lock()
    keystore.read_only = False
    vault = reopen()
    assert not vault.rollback.records
    put(vault, b"after enrolling anew")
    vault.lock()
    vault = reopen()
    assert not vault.rollback.records
    assert [record.payload for record in vault.records()] == [b"after enrolling anew"]


def test_a_restored_header_is_a_rollback(vault: Vault, directory: Path, reopen: Reopen) -> None:
    vault.lock()
    old = (directory / "v.hdr").read_bytes()
    for step in range(5):
        reopen(now=NOW + step).lock()
    (directory / "v.hdr").write_bytes(old)
    again = reopen()
    assert again.rollback.header
    assert not again.rollback.records


def test_both_restored_without_the_keystore_is_seen(vault: Vault, directory: Path, reopen: Reopen) -> None:
    vault.lock()
    old = {name: (directory / name).read_bytes() for name in ("v.hdr", "v.db", "v.box")}
    vault = reopen()
    put(vault, b"x")
    vault.lock()
    for name, data in old.items():
        (directory / name).write_bytes(data)
    again = reopen()
    assert (again.rollback.header, again.rollback.records) == (True, True)


def test_the_keystore_learns_of_a_sealing_at_once(vault: Vault, keystore: MemoryKeystore) -> None:
    from tests.unit.vault.test_vault_records import entry

    before = [keystore.values["gen0"], keystore.values["gen1"]]
    put(vault, b"draft")
    assert [keystore.values["gen0"], keystore.values["gen1"]] == before
    with vault.transaction(NOW) as tx:
        tx.enqueue(entry())
    after = [keystore.values["gen0"], keystore.values["gen1"]]
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_the_vault_belongs_to_this_device(vault: Vault, directory: Path) -> None:
    vault.lock()
    stranger = MemoryKeystore({"ds": b"\1" * 32, "bk": b"\1" * 32})
    with pytest.raises(VaultDamaged):
        unlock(directory, PASSPHRASE, stranger, now=NOW)
