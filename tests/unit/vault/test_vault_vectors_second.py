"""A vault with a second notebook and a wipe passphrase, as this release wrote it: it must open for ever.

The files are those of `tests/vectors/vault`, with the header and the cells that changed since.
"""

import base64
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from fieldapp.vault import ForcedWords, SlotKind, WrongPassphrase, finish_wipe, unlock
from sync.primitives import blake
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault import test_vault_vectors as first

VECTORS = Path(__file__).parents[2] / "vectors" / "vault_second"
EXPECTED: dict[str, Any] = json.loads((VECTORS / "expected.json").read_text(encoding="utf-8"))
NOW = EXPECTED["unlock_at"] + 100
frozen = first.frozen


@pytest.fixture
def words(frozen: Path) -> Path:
    """The frozen files with the second notebook."""
    shutil.copy(VECTORS / "v.hdr", frozen / "v.hdr")
    connection = sqlite3.connect(frozen / "v.db")
    for n, cell in EXPECTED["cells"].items():
        connection.execute("UPDATE cell SET b = ? WHERE n = ?", (base64.b64decode(cell), int(n)))
    connection.commit()
    connection.close()
    return frozen


@pytest.fixture
def keystore() -> MemoryKeystore:
    return MemoryKeystore({name: bytes.fromhex(value) for name, value in EXPECTED["keystore"].items()})


def test_a_frozen_vault_with_a_second_notebook_opens_with_all_its_words(
    words: Path, keystore: MemoryKeystore
) -> None:
    vault = unlock(words, first.EXPECTED["passphrase"], keystore, now=NOW)
    assert len(vault.records()) == len(first.EXPECTED["records"])
    assert (vault.is_second, vault.altered, bool(vault.rollback)) == (False, 0, False)
    assert all(ForcedWords(vault).is_set(kind) for kind in SlotKind)
    assert len(vault.outbox()) == len(first.EXPECTED["outbox"])
    vault.lock()
    for word in ("second", "wipe"):
        vault = unlock(words, EXPECTED[word], keystore, now=NOW)
        assert [record.payload for record in vault.records()] == [b"plausible"]
        content = vault.opened.content
        assert content.vault_id == blake(b"fsv1 second", b"", key=content.vmk, n=16)
        assert (vault.is_second, vault.altered) == (True, 0)
        finish_wipe(vault)
        vault.lock()
    with pytest.raises(WrongPassphrase):
        unlock(words, first.EXPECTED["passphrase"], keystore, now=NOW)
