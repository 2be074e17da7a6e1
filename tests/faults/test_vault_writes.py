"""A disk that refuses, tears or fills up: the old state or the new one, never neither, and never a wrong answer.

SQLite's own writes are failed in a child process whose files may not grow (RLIMIT_FSIZE stops its journal anywhere),
and statement by statement.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fieldapp.vault import FLOOR, ChainState, NoKeystore, OutboxEntry, StorageFailed, Vault, create, unlock
from fieldapp.vault import header as header_module
from fieldapp.vault.store import CellStore

PASSPHRASE, NOW = "made up words for a test", 1_800_000_000
A, B = b"a" * 16, b"b" * 16
ENTRY = OutboxEntry(b"e" * 16, A, 1, 0, b"\xee" * 4096, b"h" * 32, b"{}")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("template") / "data"
    vault = create(directory, PASSPHRASE, NoKeystore(), FLOOR, now=NOW)
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"old")
    vault.lock()
    return directory


@pytest.fixture
def directory(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "data")


def opened(directory: Path) -> Vault:
    return unlock(directory, PASSPHRASE, NoKeystore(), now=NOW)


def seal(vault: Vault) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 2, b"new")
        tx.put(B, 1, b"another")
        tx.enqueue(ENTRY)
        tx.set_chain(ChainState(2, b"c" * 32))


def state(vault: Vault) -> str:
    """Return "old" or "new", and fail for anything in between."""
    found = {record.record_id: record.payload for record in vault.records()}
    assert (vault.damaged, vault.outbox_damaged, vault.altered) == ([], [], 0)
    if vault.chain.next_seq == 1:
        assert (found, vault.outbox()) == ({A: b"old"}, [])
        return "old"
    assert (found, vault.outbox()) == ({A: b"new", B: b"another"}, [ENTRY])
    return "new"


CHILD = """
import resource, signal, sys
from pathlib import Path
from fieldapp.vault import StorageFailed
from tests.faults import test_vault_writes as case

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
vault = case.opened(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    case.seal(vault)
except StorageFailed:
    print("refused", "locked" if vault.is_locked else case.state(vault))
else:
    print("done", case.state(vault))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if vault.is_locked:
    vault = case.opened(Path(sys.argv[1]))
if case.state(vault) == "old":
    case.seal(vault)
print(case.state(vault))
vault.lock()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("limit", [0, 600, 5000, 13_000, 4_000_000])
def test_a_disk_that_fills_up_refuses_and_works_again_later(directory: Path, limit: int) -> None:
    """When not even the rollback can be written the vault locks, and the next unlock plays the journal back."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(directory), str(limit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first in ("refused old", "refused locked", "done new")
    assert last == "new"
    if limit < 5000:
        assert first == "refused old"
    vault = opened(directory)
    assert state(vault) == "new"
    vault.lock()


@pytest.mark.parametrize("fail_at", range(8))
def test_a_write_that_fails_changes_nothing_in_memory_or_on_the_disk(
    directory: Path, fail_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail the n-th statement of the transaction."""
    import sqlite3

    vault = opened(directory)
    store = vault._open().store
    real = store._connection
    statements = 0

    class Failing:
        in_transaction = property(lambda _self: real.in_transaction)

        def execute(self, sql: str, *args: object) -> sqlite3.Cursor:
            nonlocal statements
            if sql == "ROLLBACK" or sql.startswith("SELECT"):
                return real.execute(sql, *args)  # type: ignore[arg-type]
            statements += 1
            if statements == fail_at + 1:
                raise sqlite3.OperationalError("disk I/O error")
            return real.execute(sql, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_connection", Failing())
    if fail_at < 7:
        with pytest.raises(StorageFailed):
            seal(vault)
        monkeypatch.undo()
        assert state(vault) == "old"
        seal(vault)
    else:
        seal(vault)
        monkeypatch.undo()
    assert state(vault) == "new"
    vault.lock()
    vault = opened(directory)
    assert state(vault) == "new"
    vault.lock()


def test_a_fault_reported_after_the_commit_is_not_a_lost_save(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = CellStore.write

    def late(self: CellStore, *args: object) -> None:
        real(self, *args)  # type: ignore[arg-type]
        raise StorageFailed("after the fact")

    vault = opened(directory)
    monkeypatch.setattr(CellStore, "write", late)
    seal(vault)
    monkeypatch.undo()
    assert state(vault) == "new"
    vault.lock()
    vault = opened(directory)
    assert state(vault) == "new"
    vault.lock()


def test_a_disk_that_neither_writes_nor_reads_locks_the_vault(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: CellStore, *_args: object) -> None:
        raise StorageFailed("gone")

    vault = opened(directory)
    monkeypatch.setattr(CellStore, "write", refuse)
    monkeypatch.setattr(CellStore, "read_one", lambda *_: None)
    with pytest.raises(StorageFailed):
        seal(vault)
    monkeypatch.undo()
    assert vault.is_locked
    vault = opened(directory)
    assert state(vault) == "old"
    vault.lock()


@pytest.mark.parametrize("allowed", [0, 1, 100, 4095, 4096, 4097, 6000, 8191])
def test_an_unlock_on_a_full_disk_fails_and_the_next_one_works(
    directory: Path, allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = allowed
    real = header_module.write_all

    def cut(descriptor: int, data: bytes) -> None:
        nonlocal left
        part, left = data[:left], max(0, left - len(data))
        real(descriptor, part)
        if len(part) < len(data):
            raise OSError(28, "no space left")

    monkeypatch.setattr(header_module, "write_all", cut)
    with pytest.raises(StorageFailed):
        opened(directory)
    monkeypatch.undo()
    vault = opened(directory)
    assert state(vault) == "old"
    vault.lock()
