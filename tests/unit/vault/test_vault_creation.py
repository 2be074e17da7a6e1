"""Creating a vault: all or nothing, never over another one, and with or without a keystore."""

import os
from pathlib import Path

import pytest

from fieldapp.vault import (
    FLOOR,
    KdfParameters,
    KeystoreUnavailable,
    NoKeystore,
    NoVault,
    OutboxFile,
    StorageFailed,
    Vault,
    VaultDamaged,
    VaultError,
    VaultExists,
    create,
    exists,
    unlock,
)
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE


def test_a_new_vault_is_empty_and_private(vault: Vault, directory: Path) -> None:
    assert (vault.records(), vault.damaged, vault.room, vault.generation) == ([], [], 1023, 1)
    assert (vault.altered, bool(vault.rollback), vault.read_only) == (0, False, False)
    if os.name != "nt":
        assert directory.stat().st_mode & 0o077 == 0


def test_a_vault_is_never_overwritten(vault: Vault, directory: Path, keystore: MemoryKeystore) -> None:
    vault.lock()
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    values = dict(keystore.values)
    with pytest.raises(VaultExists):
        create(directory, "other", keystore, FLOOR, now=NOW)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    assert keystore.values == values


@pytest.mark.parametrize("parameters", [KdfParameters(8 * 1024, 1), KdfParameters(32 * 1024, 2)])
def test_cheap_parameters_are_not_accepted(directory: Path, parameters: KdfParameters) -> None:
    with pytest.raises(ValueError, match="cost"):
        create(directory, PASSPHRASE, MemoryKeystore(), parameters, now=NOW)
    assert not directory.exists()


@pytest.mark.parametrize("cells", [0, 1, 1023, 1025, 24_576 + 1024])
def test_a_partition_is_whole_blocks(directory: Path, cells: int) -> None:
    with pytest.raises(ValueError, match="cells"):
        create(directory, PASSPHRASE, MemoryKeystore(), FLOOR, now=NOW, partition_cells=cells)


def test_a_larger_partition_works(directory: Path) -> None:
    keystore = MemoryKeystore()
    create(directory, PASSPHRASE, keystore, FLOOR, now=NOW, partition_cells=2048).lock()
    vault = unlock(directory, PASSPHRASE, keystore, now=NOW)
    assert vault.room == 2047
    with vault.transaction(NOW) as tx:
        for number in range(2047):
            tx.put(number.to_bytes(16, "little"), 1, b"x")
    vault.lock()
    vault = unlock(directory, PASSPHRASE, keystore, now=NOW)
    assert (len(vault.records()), vault.damaged, vault.altered) == (2047, [], 0)
    vault.lock()


def test_without_a_keystore_the_passphrase_alone_protects(directory: Path) -> None:
    create(directory, PASSPHRASE, NoKeystore(), FLOOR, now=NOW).lock()
    vault = unlock(directory, PASSPHRASE, NoKeystore(), now=NOW)
    assert vault.outbox_key == bytes(32)
    vault.lock()
    with OutboxFile.open(directory, bytes(32)) as box:
        assert box.damaged == []


@pytest.mark.parametrize("name", ["ds", "bk"])
def test_a_keystore_that_forgets_at_once_stops_the_creation(directory: Path, name: str) -> None:
    class Forgetful(MemoryKeystore):
        def set(self, key: str, value: bytes) -> None:
            if key != name:
                super().set(key, value)

    with pytest.raises(KeystoreUnavailable):
        create(directory, PASSPHRASE, Forgetful(), FLOOR, now=NOW)
    assert not exists(directory)
    assert list(directory.iterdir()) == []


def test_nothing_there_is_no_vault(directory: Path, keystore: MemoryKeystore) -> None:
    assert not exists(directory)
    with pytest.raises(NoVault):
        unlock(directory, PASSPHRASE, keystore, now=NOW)


def test_cells_without_a_header_are_somebodys_records(
    vault: Vault, directory: Path, keystore: MemoryKeystore
) -> None:
    vault.lock()
    (directory / "v.hdr").unlink()
    cells = (directory / "v.db").read_bytes()
    with pytest.raises(VaultDamaged):
        unlock(directory, PASSPHRASE, keystore, now=NOW)
    with pytest.raises(VaultExists):
        create(directory, PASSPHRASE, keystore, FLOOR, now=NOW)
    assert (directory / "v.db").read_bytes() == cells


class _StopAt(Exception):
    """The power fails here."""


def _count_steps(monkeypatch: pytest.MonkeyPatch, stop_at: int) -> list[str]:
    """Raise after `stop_at` changes of the directory or its files: writes of cells, fsyncs, renames."""
    from fieldapp.vault import creation, header

    seen: list[str] = []

    def wrap(module: object, name: str) -> None:
        real = getattr(module, name)

        def step(*args: object, **named: object) -> object:
            if len(seen) == stop_at:
                raise _StopAt
            seen.append(name)
            return real(*args, **named)

        monkeypatch.setattr(module, name, step)

    wrap(creation, "create_cells")
    wrap(creation, "_write_cells")
    wrap(creation, "_sync")
    wrap(header, "write_all")
    wrap(Path, "rename")
    return seen


def test_a_creation_cut_at_any_step_leaves_nothing_or_a_vault(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    for stop_at in range(100):
        target, keystore = directory / str(stop_at), MemoryKeystore()
        with monkeypatch.context() as patch:
            seen = _count_steps(patch, stop_at)
            try:
                create(target, PASSPHRASE, keystore, FLOOR, now=NOW).lock()
            except _StopAt:
                pass
            else:
                break
        outcomes.append(exists(target))
        if exists(target):
            unlock(target, PASSPHRASE, keystore, now=NOW).lock()
        else:
            with pytest.raises(NoVault):
                unlock(target, PASSPHRASE, keystore, now=NOW)
            create(target, PASSPHRASE, keystore, FLOOR, now=NOW).lock()
            assert sorted(path.name for path in target.iterdir()) == ["v.box", "v.db", "v.hdr"]
    assert seen.count("rename") == 3
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {False, True}


def test_a_folder_that_cannot_be_made_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(VaultError) as caught:
        create(tmp_path / "file" / "data", PASSPHRASE, MemoryKeystore(), FLOOR, now=NOW)
    assert isinstance(caught.value, StorageFailed)
