"""The vault against a dictionary: whatever sequence of transactions, crashes of a block and reopenings."""

import secrets
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fieldapp.vault import partition as partition_module
from fieldapp.vault.cells import BoxCipher, RecordCipher
from fieldapp.vault.generation import GenerationMirror
from fieldapp.vault.keystore import Opening
from fieldapp.vault.outbox_file import BOX_CELLS, OutboxEntry, load_box
from fieldapp.vault.partition import Partition
from fieldapp.vault.root import ChainState
from fieldapp.vault.slots import SlotContent
from fieldapp.vault.store import CellStore, create_cells
from fieldapp.vault.vault import OpenFiles, Rollback, Vault
from tests.fakes.keystore import MemoryKeystore

IDS = [bytes([i]) * 16 for i in range(6)]
KEY = b"\x44" * 32
CONTENT = SlotContent(1, 0, b"\x42" * 16, b"\x41" * 32, 0)
ids = st.sampled_from(IDS)


def fresh_files(directory: Path) -> None:
    tags = bytearray()
    cipher = RecordCipher(CONTENT.vmk, CONTENT.vault_id, CONTENT.epoch)

    def fill(n: int) -> bytes:
        blob = cipher.free(n)
        if n % 2 == CONTENT.part and n != CONTENT.part:
            tags.extend(blob[-16:])
        return blob

    create_cells(directory / "v.db", 2048, fill)
    create_cells(directory / "v.box", BOX_CELLS, BoxCipher(KEY).free)
    store = CellStore(directory / "v.db")
    store.write([(CONTENT.part, partition_module.first_root(CONTENT, tags, KEY, 0))])
    store.close()


def opened(directory: Path, keystore: MemoryKeystore) -> Vault:
    """Open without the header, which is not what is tested here and costs an Argon2id."""
    store = CellStore(directory / "v.db")
    store.attach(directory / "v.box")
    partition = Partition.load(CONTENT, store.read(part=CONTENT.part), 1)
    keys = Opening(keystore)
    mirror = GenerationMirror(keys, CONTENT.vmk, CONTENT.vault_id, CONTENT.part)
    assert partition.root is not None
    older = partition.root.generation < (mirror.read() or 0)
    box = load_box(store, partition.root.outbox_key, "box")
    guard = SimpleNamespace(settle=keys.settle)
    return Vault(
        OpenFiles(
            store,
            guard,
            CONTENT,
            partition,
            box,
            mirror,
            Rollback(header=False, records=older),
            0,
            bytes(32),  # type: ignore[arg-type]
        )
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("model")
    fresh_files(directory)
    return directory


class VaultMachine(RuleBasedStateMachine):
    """Every rule is one transaction or one reopening; the model is two dictionaries and a chain."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        shutil.copytree(self.template, self.directory, dirs_exist_ok=True)
        self.keystore = MemoryKeystore()
        self.vault = opened(self.directory, self.keystore)
        self.records: dict[bytes, tuple[int, bytes]] = {}
        self.entries: dict[bytes, OutboxEntry] = {}
        self.chain = ChainState()
        self.size = [path.stat().st_size for path in sorted(self.directory.glob("v.??*"))]

    @rule(record_id=ids, kind=st.integers(1, 3), size=st.sampled_from([0, 40, 3972, 4000, 20_000]))
    def put(self, record_id: bytes, kind: int, size: int) -> None:
        payload = secrets.token_bytes(size)
        with self.vault.transaction(1) as tx:
            tx.put(record_id, kind, payload)
        self.records[record_id] = kind, payload

    @rule(record_id=ids)
    def erase(self, record_id: bytes) -> None:
        if record_id in self.records:
            with self.vault.transaction(1) as tx:
                tx.erase(record_id)
            del self.records[record_id]

    @rule(record_id=ids, size=st.sampled_from([100, 4096, 16_384]))
    def seal(self, record_id: bytes, size: int) -> None:
        seq = self.chain.next_seq
        entry = OutboxEntry(secrets.token_bytes(16), record_id, seq, 0, bytes(size), bytes(32), b"{}")
        following = ChainState(seq + 1, secrets.token_bytes(32))
        with self.vault.transaction(1) as tx:
            tx.put(record_id, 9, b"sealed")
            tx.enqueue(entry)
            tx.set_chain(following)
        self.records[record_id] = 9, b"sealed"
        self.entries[entry.entry_id] = entry
        self.chain = following

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        if not self.entries:
            return
        entry = self.entries[data.draw(st.sampled_from(sorted(self.entries)))]
        with self.vault.transaction(1) as tx:
            if entry.state == 2:
                tx.remove_entry(entry.entry_id)
                del self.entries[entry.entry_id]
            else:
                self.entries[entry.entry_id] = replace(entry, state=entry.state + 1)
                tx.update_entry(self.entries[entry.entry_id])

    @rule(record_id=ids)
    def fail(self, record_id: bytes) -> None:
        with pytest.raises(KeyError), self.vault.transaction(1) as tx:  # noqa: PT012
            tx.put(record_id, 1, b"never")
            tx.set_chain(ChainState(10_000, bytes(32)))
            raise KeyError

    @rule()
    def reopen(self) -> None:
        self.vault.lock()
        self.vault = opened(self.directory, self.keystore)

    @invariant()
    def the_vault_is_the_model(self) -> None:
        found = {record.record_id: (record.kind, record.payload) for record in self.vault.records()}
        assert found == self.records
        assert {entry.entry_id: entry for entry in self.vault.outbox()} == self.entries
        assert self.vault.chain == self.chain
        assert (self.vault.damaged, self.vault.outbox_damaged, self.vault.altered) == ([], [], 0)
        assert not self.vault.read_only
        used = sum(max(1, -(-len(payload) // 3972)) for _, payload in self.records.values())
        assert self.vault.room == 1023 - used

    def teardown(self) -> None:
        self.vault.lock()
        assert [path.stat().st_size for path in sorted(self.directory.glob("v.??*"))] == self.size
        shutil.rmtree(self.directory)


def test_the_vault_behaves_like_a_dictionary(template: Path) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    machine = type("Machine", (VaultMachine,), {"template": template})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
