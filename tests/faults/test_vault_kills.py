"""SIGKILL at random instants of a process that saves, seals and erases: what it confirmed is there, whole, once.

The child prints one line after each transaction; a line that arrived is a promise. FIELDAPP_LONG=1 runs 500 kills.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from fieldapp.vault import FLOOR, NoKeystore, OutboxFile, Vault, create, unlock, unlocking

KILLS = 500 if os.environ.get("FIELDAPP_LONG") else 25
PASSPHRASE, NOW = "made up words for a test", 1_800_000_000

CHILD = """
import hashlib, secrets, sys
from pathlib import Path
from fieldapp.vault import ChainState, NoKeystore, OutboxEntry, UnlockAttempt

directory, stretched, now = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), int(sys.argv[3])
vault = UnlockAttempt.begin(directory, NoKeystore(), now).finish(stretched, now)
print("open", flush=True)
while True:
    record_id = secrets.token_bytes(16)
    payload = secrets.token_bytes(secrets.choice([40, 3000, 9000]))
    digest = hashlib.sha256(payload).hexdigest()
    with vault.transaction(now) as tx:
        tx.put(record_id, 1, payload)
    print("put", record_id.hex(), digest, flush=True)
    seq = vault.chain.next_seq
    entry = OutboxEntry(secrets.token_bytes(16), record_id, seq, 0, payload, bytes(32), b"{}")
    with vault.transaction(now) as tx:
        tx.put(record_id, 2, payload)
        tx.enqueue(entry)
        tx.set_chain(ChainState(seq + 1, hashlib.sha256(payload).digest()))
    print("seal", record_id.hex(), seq, digest, flush=True)
    if len(vault.records()) > 30:
        victim = next(record for record in vault.records(2) if record.record_id != record_id)
        sent = next(one for one in vault.outbox() if one.record_id == victim.record_id)
        print("erasing", victim.record_id.hex(), flush=True)
        with vault.transaction(now) as tx:
            tx.erase(victim.record_id)
            tx.remove_entry(sent.entry_id)
        print("erased", victim.record_id.hex(), flush=True)
"""


class Promises:
    """What the children confirmed so far."""

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}
        self.digests: dict[str, str] = {}
        self.maybe_gone: set[str] = set()
        self.seqs: dict[int, str] = {}

    def read(self, output: str) -> None:
        for line in output.splitlines(keepends=True):
            if line.endswith("\n"):
                self._read_line(line.split())

    def _read_line(self, words: list[str]) -> None:
        if words[0] == "put":
            self.kinds[words[1]], self.digests[words[1]] = 1, words[2]
        elif words[0] == "seal":
            self.kinds[words[1]] = 2
            assert int(words[2]) not in self.seqs, "a seq was used twice"
            self.seqs[int(words[2])] = words[1]
        elif words[0] == "erasing":
            self.maybe_gone.add(words[1])
        elif words[0] == "erased":
            self.kinds.pop(words[1])

    def check(self, vault: Vault) -> None:
        """Compare with the disk. An unconfirmed transaction may have happened as a whole, never in part."""
        import hashlib

        assert (vault.damaged, vault.outbox_damaged, vault.altered) == ([], [], 0)
        found = {record.record_id.hex(): record for record in vault.records()}
        queued = {one.record_id.hex(): one for one in vault.outbox()}
        for record_id, kind in list(self.kinds.items()):
            if record_id not in found:
                assert record_id in self.maybe_gone
                self.kinds.pop(record_id)
                continue
            assert found[record_id].kind >= kind
            assert hashlib.sha256(found[record_id].payload).hexdigest() == self.digests[record_id]
        sealed = {record_id for record_id, record in found.items() if record.kind == 2}
        assert sealed == set(queued), "a record is sealed and not queued, or queued and not sealed"
        seqs = [one.seq for one in queued.values()]
        assert len(set(seqs)) == len(seqs)
        assert vault.chain.next_seq > max([*seqs, *self.seqs], default=0)
        self.maybe_gone.clear()
        for record_id, one in queued.items():
            self.seqs.setdefault(one.seq, record_id)
            assert self.seqs[one.seq] == record_id
            self.kinds[record_id] = 2
            self.digests[record_id] = hashlib.sha256(found[record_id].payload).hexdigest()


def stretched_once(directory: Path) -> bytes:
    attempt = unlocking.UnlockAttempt.begin(directory, NoKeystore(), NOW)
    try:
        return attempt.stretch(PASSPHRASE)
    finally:
        attempt.abandon()


def test_what_was_confirmed_survives_every_kill(tmp_path: Path) -> None:
    directory, promises = tmp_path / "data", Promises()
    create(directory, PASSPHRASE, NoKeystore(), FLOOR, now=NOW).lock()
    stretched = stretched_once(directory)
    sizes = {path.name: path.stat().st_size for path in directory.iterdir()}
    unlock(directory, PASSPHRASE, NoKeystore(), now=NOW).lock()
    for kill in range(KILLS):
        now = NOW + 7200 * (kill + 1)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(directory), stretched.hex(), str(now)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        assert first == "open\n"
        time.sleep(secrets.randbelow(100) / 1000)
        child.send_signal(signal.SIGKILL)
        promises.read(child.stdout.read())
        child.wait()
        attempt = unlocking.UnlockAttempt.begin(directory, NoKeystore(), now + 3600)
        vault = attempt.finish(stretched, now + 3600)
        promises.check(vault)
        vault.lock()
        # A journal that was not synced yet may stay; it holds what the file holds, and the next write truncates it.
        after = {path.name: path.stat().st_size for path in directory.iterdir()}
        assert after.keys() <= sizes.keys() | {"v.db-journal", "v.box-journal"}
        assert {name: after[name] for name in sizes} == sizes
    assert len(promises.seqs) >= KILLS // 5
    with OutboxFile.open(directory, bytes(32)) as box:
        for entry in box.entries():
            box.remove(entry.entry_id)
        assert (box.entries(), box.room) == ([], 1024)
    assert not (directory / "v.box-journal").exists()
