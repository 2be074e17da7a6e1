"""Nobody learns from the files or from the work of an unlock which passphrases a device has, or which one was typed."""

import contextlib
import itertools
import os
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from fieldapp.vault import (
    FLOOR,
    ForcedWords,
    SlotKind,
    UnlockAttempt,
    UnlockDelayed,
    WrongPassphrase,
    create,
    erase,
    finish_wipe,
    unlock,
    unlocking,
)
from fieldapp.vault import guard as guard_module
from fieldapp.vault import keystore as keys
from fieldapp.vault import slots as slots_module
from fieldapp.vault.attempts import AttemptRecord
from fieldapp.vault.header import HeaderFile
from fieldapp.vault.store import CellStore
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE
from tests.unit.vault.test_vault_records import entry
from tests.unit.vault.test_vault_second import SECOND, WIPE, Device, device, device_template
from tests.unit.vault.test_vault_secrecy import shape

__all__ = ["device", "device_template"]

OUTCOMES = {"first": PASSPHRASE, "second": SECOND, "wipe": WIPE, "wrong": "some wrong words"}


class Counting:
    """Counts what an unlock does: derivations, slot trials, reads, writes and fsyncs of files, statements of SQLite."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.done: Counter[str] = Counter()
        self._count(patch, unlocking, "stretch")
        self._count(patch, slots_module, "same")
        self._count(patch, slots_module, "aead_open")
        self._count(patch, guard_module, "open_slots")
        self._count(patch, HeaderFile, "read")
        self._count(patch, os, "write")
        self._count(patch, os, "fsync")
        for name in ("read", "read_one", "write", "attach", "fill"):
            self._count(patch, CellStore, name)
        real = unlocking.CellStore.__init__

        def traced(store: CellStore, path: Path) -> None:
            real(store, path)
            store._connection.set_trace_callback(self._statement)

        patch.setattr(CellStore, "__init__", traced)

    def _statement(self, sql: str) -> None:
        if not sql.startswith(("PRAGMA", "DETACH", "ATTACH")):
            self.done[sql.replace("% 2 = 1", "% 2 = 0")] += 1

    def _count(self, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        real = getattr(owner, name)

        def counted(*args: object, **kwargs: object) -> object:
            self.done[name] += 1
            return real(*args, **kwargs)

        patch.setattr(owner, name, counted)


def pretended(directory: Path, passphrase: str, keystore: MemoryKeystore, *, counts: bool = False) -> None:
    attempt = UnlockAttempt.search(directory, keystore, NOW + 1, counts=counts)
    assert not attempt.counted
    attempt.decline(attempt.stretch(passphrase))


def test_a_pretended_attempt_costs_the_work_of_a_real_one_opens_nothing_and_is_not_counted(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    attempt = UnlockAttempt.search(device.directory, device.keystore, NOW, counts=False)
    attempt._guard._store_attempts(AttemptRecord(failures=5, not_before=NOW + 30, last_wall=NOW))
    attempt.abandon()
    for name in ("real", "pretended", "right, but pretended", "right, but too early"):
        copy = shutil.copytree(device.directory, device.directory.with_name(name))
        keystore = MemoryKeystore(dict(device.keystore.values))
        passphrase = OUTCOMES["first" if name.startswith("right") else "wrong"]
        before = keystore.values[keys.ATTEMPTS]
        with monkeypatch.context() as patch:
            counting = Counting(patch)
            counting._count(patch, keys, "recall")
            with contextlib.suppress(WrongPassphrase):
                if name == "real":
                    unlock(copy, passphrase, keystore, now=NOW + 31)
                else:
                    pretended(copy, passphrase, keystore, counts=name.endswith("early"))
            found[name] = dict(counting.done)
        assert (keystore.values[keys.ATTEMPTS] == before) == (name != "real")
    assert [name for name, work in found.items() if work != found["real"]] == []


def test_a_pretended_attempt_takes_no_count_back(device: Device) -> None:
    """Also when an older header was put back: the keystore's larger record stays."""
    header = (device.directory / "v.hdr").read_bytes()
    for _ in range(5):
        with pytest.raises(WrongPassphrase):
            unlock(device.directory, OUTCOMES["wrong"], device.keystore, now=NOW + 1)
    (device.directory / "v.hdr").write_bytes(header)
    pretended(device.directory, OUTCOMES["wrong"], device.keystore)
    with pytest.raises(UnlockDelayed):
        unlock(device.directory, OUTCOMES["first"], device.keystore, now=NOW + 2)


def test_all_four_passphrases_cost_the_same_work(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for outcome, passphrase in OUTCOMES.items():
        copy = shutil.copytree(device.directory, device.directory.with_name(outcome))
        keystore = MemoryKeystore(dict(device.keystore.values))
        with monkeypatch.context() as patch:
            counting = Counting(patch)
            try:
                vault = unlock(copy, passphrase, keystore, now=NOW + 1)
            except WrongPassphrase:
                vault = None
            found[outcome] = dict(counting.done)
        if vault:
            vault.lock()
    assert found["first"]["stretch"] == found["first"]["open_slots"] == found["first"]["aead_open"] == 1
    assert (found["first"]["same"], found["first"]["fsync"], found["first"]["write"]) == (8, 4, 4)
    assert found["second"] == found["first"]
    assert found["wipe"] == found["first"]
    assert found["wrong"] == found["first"]


def statistics(data: bytes) -> float:
    """Return chi squared of all bytes against even chances: 255 degrees of freedom."""
    expected, counts = len(data) / 256, Counter(data)
    return sum((counts[value] - expected) ** 2 / expected for value in range(256))


def test_0_1_and_900_records_with_and_without_a_second_notebook_and_after_a_wipe_look_the_same(
    directory: Path,
) -> None:
    shapes, cells = set(), itertools.count()
    for count, second, gone in (
        (0, False, ""),
        (1, True, ""),
        (900, False, ""),
        (900, True, ""),
        (900, True, "wipe"),
        (900, False, "erase"),
    ):
        where, keystore = directory / str(next(cells)), MemoryKeystore()
        vault = create(where, PASSPHRASE, keystore, FLOOR, now=NOW)
        for start in range(0, count, 300):
            with vault.transaction(NOW) as tx:
                for number in range(start, min(count, start + 300)):
                    tx.put(number.to_bytes(16, "little"), 1, bytes(number))
                    if number % 300 == 0:
                        tx.enqueue(entry(number))
        if second:
            ForcedWords(vault).set(SlotKind.OPEN, PASSPHRASE, SECOND, NOW)
            ForcedWords(vault).set(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, NOW, other=SECOND)
            vault.lock()
            vault = unlock(where, WIPE if gone == "wipe" else SECOND, keystore, now=NOW)
            with vault.transaction(NOW) as tx:
                tx.put(b"p" * 16, 1, bytes(3000))
            finish_wipe(vault)
        if gone == "erase":
            erase(vault, NOW)
        vault.lock()
        files = sorted(where.iterdir())
        assert [path.name for path in files] == ["v.box", "v.db", "v.hdr"]
        shapes.add((shape(files[0]), shape(files[1]), files[2].stat().st_size))
        connection = sqlite3.connect(where / "v.db")
        blobs = dict(connection.execute("SELECT n, b FROM cell"))
        connection.close()
        for part in (0, 1):
            cells_of = b"".join(blobs[n] for n in range(part, len(blobs), 2))
            assert statistics(cells_of) < 400  # more than 6 standard deviations away
        header = files[2].read_bytes()
        for copy in (header[:4096], header[4096:]):  # slots and filler: nothing but noise, whatever is set
            assert statistics(copy[64:4032]) < 400
        assert header[8:16] != header[4104:4112]
        assert header[16:4032] == header[4112:8128]
    assert len(shapes) == 1


def test_an_unlock_that_finds_the_outbox_broken_costs_the_same_too(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    (device.directory / "v.box").write_bytes(b"no database")
    found = {}
    for outcome, passphrase in OUTCOMES.items():
        copy = shutil.copytree(device.directory, device.directory.with_name(outcome))
        with monkeypatch.context() as patch:
            counting = Counting(patch)
            with contextlib.suppress(WrongPassphrase):
                unlock(copy, passphrase, MemoryKeystore(dict(device.keystore.values)), now=NOW + 1).lock()
            found[outcome] = dict(counting.done)
    assert found["second"] == found["wipe"] == found["wrong"] == found["first"]
