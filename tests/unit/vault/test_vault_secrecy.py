"""What the files tell somebody who has them and not the passphrase: nothing that depends on what was recorded."""

import contextlib
import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path

import pytest

from fieldapp.vault import FLOOR, Vault, VaultError, create, unlock, unlocking
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE
from tests.unit.vault.test_vault_records import entry

CANARY = b"CANARY-MADE-UP-NAME"


def skeleton(path: Path) -> bytes:
    """Return a digest of every byte of a database that is not inside a cell's blob; the change counters left out.

    A leaf of the table holds one row, whose blob is the end of its page.
    """
    data = path.read_bytes()
    pages = [data[start : start + 4096] for start in range(0, len(data), 4096)]
    kept = [page[:-4040] if number and page[0] == 0x0D else page for number, page in enumerate(pages)]
    return hashlib.sha256(kept[0][:24] + kept[0][28:92] + kept[0][96:] + b"".join(kept[1:])).digest()


def shape(path: Path) -> tuple[int | bytes, ...]:
    connection = sqlite3.connect(path)
    try:
        pragmas = (
            "page_size",
            "page_count",
            "freelist_count",
            "auto_vacuum",
            "user_version",
            "application_id",
        )
        values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
        rows = connection.execute(
            "SELECT count(*), min(length(b)), max(length(b)), max(n) FROM cell"
        ).fetchone()
    finally:
        connection.close()
    return (path.stat().st_size, *values, *rows, skeleton(path))


def found_in(directory: Path, needle: bytes) -> list[str]:
    forms = [needle, needle.decode().encode("utf-16-le"), needle.hex().encode(), needle.lower()]
    return [
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


def test_0_and_900_records_have_the_same_shape(directory: Path) -> None:
    shapes = []
    for count in (0, 900):
        vault = create(directory / str(count), PASSPHRASE, MemoryKeystore(), FLOOR, now=NOW)
        for start in range(0, count, 300):
            with vault.transaction(NOW) as tx:
                for number in range(start, start + 300):
                    tx.put(number.to_bytes(16, "little"), 1 + number % 3, os.urandom(number))
                    if number % 3 == 0:
                        tx.enqueue(entry(number))
        vault.lock()
        files = sorted((directory / str(count)).iterdir())
        assert [path.name for path in files] == ["v.box", "v.db", "v.hdr"]
        shapes.append([shape(files[0]), shape(files[1]), (files[2].stat().st_size,)])
    assert shapes[0] == shapes[1]
    assert shapes[0][1][:4] == (2055 * 4096, 4096, 2055, 0)


def test_both_partitions_look_like_noise(vault: Vault, directory: Path) -> None:
    with vault.transaction(NOW) as tx:
        for number in range(500):
            tx.put(number.to_bytes(16, "little"), 1, bytes(3000))
    vault.lock()
    connection = sqlite3.connect(directory / "v.db")
    blobs = dict(connection.execute("SELECT n, b FROM cell"))
    connection.close()
    for part in (0, 1):
        data = b"".join(blobs[n] for n in range(part, 2048, 2))
        counts = [data.count(bytes([value])) for value in range(256)]
        expected = len(data) / 256
        chi = sum((count - expected) ** 2 / expected for count in counts)
        assert chi < 400  # 255 degrees of freedom: more than 6 standard deviations away


def test_the_real_partition_is_chosen_by_a_coin(directory: Path) -> None:
    parts = set()
    for number in range(40):
        vault = create(directory / str(number), PASSPHRASE, MemoryKeystore(), FLOOR, now=NOW)
        parts.add(vault._open().content.part)
        vault.lock()
        if len(parts) == 2:
            break
    assert parts == {0, 1}


def test_the_change_counter_starts_at_random(directory: Path) -> None:
    counters = []
    for number in range(3):
        create(directory / str(number), PASSPHRASE, MemoryKeystore(), FLOOR, now=NOW).lock()
        for name in ("v.db", "v.box"):
            head = (directory / str(number) / name).read_bytes()[:100]
            assert head[24:28] == head[92:96]
            counters.append(int.from_bytes(head[24:28], "big"))
    assert len({counter >> 8 for counter in counters}) == len(counters)


def test_no_word_of_a_record_is_in_any_file(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("SQLITE_TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    planted = tmp_path / "planted"
    planted.write_bytes(b"..." + CANARY + b"...")
    assert found_in(tmp_path, CANARY) == ["planted"]
    planted.unlink()

    phrase = CANARY.decode() + " passphrase"
    keystore = MemoryKeystore()
    vault = create(directory, phrase, keystore, FLOOR, now=NOW)
    record_id = CANARY[:16]
    for step in ("draft", "changed", "sealed", "erased", "locked", "unlocked"):
        if step in ("draft", "changed"):
            with vault.transaction(NOW) as tx:
                tx.put(record_id, 1, CANARY * 300 + step.encode())
        elif step == "sealed":
            with vault.transaction(NOW) as tx:
                tx.put(record_id, 2, CANARY)
                tx.enqueue(entry(1, envelope=CANARY * 100))
        elif step == "erased":
            with vault.transaction(NOW) as tx:
                tx.erase(record_id)
        elif step == "locked":
            vault.lock()
        else:
            vault = unlock(directory, phrase, keystore, now=NOW)
        assert found_in(tmp_path, CANARY) == [], step
        assert found_in(tmp_path, record_id) == [], step
    vault.lock()


def test_what_was_overwritten_is_gone_from_the_files(vault: Vault, directory: Path) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(b"a" * 16, 1, b"soon erased" * 2000)
    cells = vault._open().partition.pool.places[b"a" * 16].cells
    blobs = [vault._open().store.read_one(n) for n in cells]
    with vault.transaction(NOW) as tx:
        tx.erase(b"a" * 16)
    for blob in blobs:
        assert blob is not None
        for path in directory.iterdir():
            assert blob[:200] not in path.read_bytes(), path.name
    vault.lock()


def test_right_and_wrong_passphrases_cost_the_same_derivations(
    vault: Vault, directory: Path, keystore: MemoryKeystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.lock()
    calls: list[str] = []
    real = unlocking.stretch

    def counted(*args: object) -> bytes:
        calls.append("argon2id")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(unlocking, "stretch", counted)
    for passphrase in (PASSPHRASE, "wrong"):
        calls.clear()
        with contextlib.suppress(VaultError):
            unlock(directory, passphrase, keystore, now=NOW).lock()
        assert calls == ["argon2id"]
