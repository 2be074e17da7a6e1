"""A vault that the first release wrote, with all its keys: it must open for ever."""

import base64
import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import pytest

from fieldapp.vault import ChainState, OutboxFile, Vault, VaultError, unlock
from fieldapp.vault.cells import Fragment
from fieldapp.vault.header import parse_copy
from sync.primitives import aead_open, blake
from tests.fakes.keystore import MemoryKeystore
from tests.vectors.vault.noise import restore

VECTORS = Path(__file__).parents[2] / "vectors" / "vault"
EXPECTED: dict[str, Any] = json.loads((VECTORS / "expected.json").read_text(encoding="utf-8"))
OUTBOX_KEY = bytes.fromhex(EXPECTED["outbox_key"])


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """The frozen files, in a folder that may be written."""
    shutil.copy(VECTORS / "v.hdr", tmp_path / "v.hdr")
    (tmp_path / "v.db").write_bytes(restore(lzma.decompress((VECTORS / "v.db.xz").read_bytes())))
    box = lzma.decompress((VECTORS / "v.box.xz").read_bytes())
    (tmp_path / "v.box").write_bytes(restore(box, OUTBOX_KEY))
    return tmp_path


@pytest.fixture
def keystore() -> MemoryKeystore:
    return MemoryKeystore({name: bytes.fromhex(value) for name, value in EXPECTED["keystore"].items()})


def opened(frozen: Path, keystore: MemoryKeystore) -> Vault:
    return unlock(frozen, EXPECTED["passphrase"], keystore, now=EXPECTED["unlock_at"])


def test_the_frozen_vault_opens_with_everything_in_it(frozen: Path, keystore: MemoryKeystore) -> None:
    vault = opened(frozen, keystore)
    try:
        records = [
            {
                "record_id": record.record_id.hex(),
                "kind": record.kind,
                "flags": record.flags,
                "version": record.version,
                "payload": base64.b64encode(record.payload).decode(),
            }
            for record in sorted(vault.records(), key=lambda record: record.record_id)
        ]
        outbox = [
            {
                "entry_id": entry.entry_id.hex(),
                "record_id": entry.record_id.hex(),
                "seq": entry.seq,
                "state": entry.state,
                "envelope": base64.b64encode(entry.envelope).decode(),
                "envelope_hash": entry.envelope_hash.hex(),
                "meta": entry.meta.decode(),
            }
            for entry in vault.outbox()
        ]
        chain = ChainState(EXPECTED["chain"]["next_seq"], bytes.fromhex(EXPECTED["chain"]["head"]))
        assert (records, outbox) == (EXPECTED["records"], EXPECTED["outbox"])
        assert (vault.chain, vault.generation, vault.outbox_key) == (
            chain,
            EXPECTED["generation"],
            OUTBOX_KEY,
        )
        assert (vault.damaged, vault.outbox_damaged, vault.altered) == ([], [], 0)
        assert not vault.rollback
    finally:
        vault.lock()


def test_the_frozen_vault_can_still_be_written(frozen: Path, keystore: MemoryKeystore) -> None:
    vault = opened(frozen, keystore)
    with vault.transaction(EXPECTED["unlock_at"]) as tx:
        tx.put(b"n" * 16, 1, b"added by a later release")
    vault.lock()
    vault = opened(frozen, keystore)
    assert len(vault.records()) == len(EXPECTED["records"]) + 1
    vault.lock()


def test_the_frozen_outbox_opens_alone(frozen: Path) -> None:
    with OutboxFile.open(frozen, OUTBOX_KEY) as box:
        assert [entry.seq for entry in box.entries()] == [1, 2]
        assert box.damaged == []


def test_the_frozen_header_opens_only_with_its_keys(frozen: Path, keystore: MemoryKeystore) -> None:
    secret = bytes.fromhex(EXPECTED["keystore"]["ds"])
    data = (frozen / "v.hdr").read_bytes()
    assert parse_copy(data[:4096], secret).slots == parse_copy(data[4096:], secret).slots
    with pytest.raises(VaultError):
        unlock(frozen, EXPECTED["passphrase"] + " ", keystore, now=EXPECTED["unlock_at"])


def test_a_reader_written_from_the_specification_alone_agrees(frozen: Path) -> None:
    """The root cell, opened by hand: key, nonce, AAD and offsets as the format documents them."""
    import sqlite3

    part, vault_id, vmk = (
        EXPECTED["part"],
        bytes.fromhex(EXPECTED["vault_id"]),
        bytes.fromhex(EXPECTED["vmk"]),
    )
    connection = sqlite3.connect(frozen / "v.db")
    blobs = dict(connection.execute("SELECT n, b FROM cell"))
    connection.close()
    epoch = EXPECTED["epoch"].to_bytes(4, "little")
    key = blake(b"fsv1 cell", vault_id + epoch, key=vmk)
    aad = b"FSC1" + vault_id + part.to_bytes(4, "little") + epoch
    plaintext = aead_open(key, blobs[part][:24], blobs[part][24:], aad)
    payload = plaintext[28:]
    assert int.from_bytes(payload[0:8], "little") == EXPECTED["generation"]
    bits = int.from_bytes(payload[16 : 16 + 3072], "little")
    assert bits & 1
    tags = b"".join(blobs[n][-16:] for n in range(part + 2, 2048, 2))
    assert payload[3088:3120] == blake(b"fsv1 cells", tags, key=vmk)
    assert payload[3120:3152].hex() == EXPECTED["chain"]["head"]
    assert int.from_bytes(payload[3152:3160], "little") == EXPECTED["chain"]["next_seq"]
    assert payload[3160:3192] == OUTBOX_KEY
    used = [n for n in range(part, 2048, 2) if bits >> (n // 2) & 1]
    fragments = sum(
        max(1, -(-len(base64.b64decode(record["payload"])) // 3972)) for record in EXPECTED["records"]
    )
    assert len(used) == fragments + 1
    assert Fragment.unpack(plaintext) is not None
