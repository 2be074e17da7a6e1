"""A damaged cell is one damaged row: shown, never reused, and everything else works. No file is ever deleted."""

import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldapp.vault import OutboxFile, Vault, VaultDamaged, VaultReadOnly
from tests.unit.vault.conftest import NOW
from tests.unit.vault.test_vault_records import entry

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16
Reopen = Callable[..., Vault]


def blob_of(path: Path, n: int) -> bytes:
    connection = sqlite3.connect(path)
    try:
        found: bytes = connection.execute("SELECT b FROM cell WHERE n = ?", (n,)).fetchone()[0]
        return found
    finally:
        connection.close()


def page_of(path: Path, n: int) -> int:
    """The offset of the page that holds cell `n`."""
    return path.read_bytes().index(blob_of(path, n)) // 4096 * 4096


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x20
    path.write_bytes(data)


def cell_of(vault: Vault, record_id: bytes) -> int:
    return vault._open().partition.pool.places[record_id].cells[0]


def part_of(vault: Vault) -> int:
    return vault._open().content.part


@pytest.fixture
def filled(vault: Vault) -> Vault:
    """Two small records and one of three cells."""
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"first")
        tx.put(B, 1, b"second")
        tx.put(C, 1, b"third" * 2000)
    return vault


def test_a_flipped_byte_costs_one_record_and_nothing_else(
    filled: Vault, reopen: Reopen, directory: Path
) -> None:
    n, path = cell_of(filled, A), directory / "v.db"
    filled.lock()
    start = path.read_bytes().index(blob_of(path, n))
    whole = path.read_bytes()
    for step in range(12):
        path.write_bytes(whole)
        flip(path, start + secrets.randbelow(4040))
        again = reopen(now=NOW + step)
        assert {record.record_id for record in again.records()} == {B, C}
        assert [(entry.cells, entry.record_id) for entry in again.damaged] == [((n,), None)]
        again.lock()


def test_a_damaged_cell_is_never_given_away(filled: Vault, reopen: Reopen, directory: Path) -> None:
    n, room = cell_of(filled, A), filled.room
    filled.lock()
    flip(directory / "v.db", page_of(directory / "v.db", n) + 2000)
    again = reopen()
    assert again.room == room
    with again.transaction(NOW) as tx:
        for number in range(room):
            tx.put(number.to_bytes(16, "big"), 1, b"x")
    again.lock()
    assert [entry.cells for entry in reopen().damaged] == [(n,)]


def test_a_lost_fragment_names_its_record_and_a_new_version_can_be_put(
    filled: Vault, reopen: Reopen, directory: Path
) -> None:
    cells = filled._open().partition.pool.places[C].cells
    filled.lock()
    flip(directory / "v.db", page_of(directory / "v.db", cells[1]) + 2000)
    again = reopen()
    assert again.get(C) is None
    assert {(entry.cells, entry.record_id) for entry in again.damaged} == {
        ((cells[1],), None),
        ((cells[0], cells[2]), C),
    }
    with again.transaction(NOW) as tx:
        assert tx.put(C, 1, b"written anew").version == 2
    again.lock()
    found = reopen().get(C)
    assert found is not None
    assert found.payload == b"written anew"


@pytest.mark.parametrize("offset", [0, 1, 3, 5, 8, 9, 40, 56])
def test_damage_to_the_page_itself_costs_one_record(
    filled: Vault, reopen: Reopen, directory: Path, offset: int
) -> None:
    """Bytes of the page that belong to SQLite: type, cell count, content start, cell pointer, record header."""
    n = cell_of(filled, A)
    filled.lock()
    flip(directory / "v.db", page_of(directory / "v.db", n) + offset)
    again = reopen()
    assert {B, C} <= {record.record_id for record in again.records()}
    for row in again.damaged:
        assert row.cells == (n,)
    with again.transaction(NOW) as tx:
        tx.put(B, 1, b"the rest works")


def test_a_row_that_claims_the_number_of_another_does_not_hide_it(
    vault: Vault, reopen: Reopen, directory: Path
) -> None:
    with vault.transaction(NOW) as tx:
        for number in range(40):
            tx.put(number.to_bytes(16, "big"), 1, bytes([number]))
    numbers = sorted(n for n in vault._open().partition.pool.used_cells() if n >= 128)  # rowids of two bytes
    victim, liar, path = numbers[0], numbers[-1], directory / "v.db"
    vault.lock()
    page, data = page_of(path, liar), bytearray(path.read_bytes())
    cell = page + int.from_bytes(data[page + 8 : page + 10], "big")
    assert data[cell + 2 : cell + 4] == bytes([liar >> 7 | 0x80, liar & 0x7F])
    data[cell + 2 : cell + 4] = bytes([victim >> 7 | 0x80, victim & 0x7F])
    path.write_bytes(data)
    again = reopen()
    assert [row.cells for row in again.damaged] == [(liar,)]
    assert len(again.records()) == 39


def test_an_older_version_of_one_cell_is_noticed_and_stays_noticed(
    filled: Vault, reopen: Reopen, directory: Path
) -> None:
    n, path = cell_of(filled, A), directory / "v.db"
    filled.lock()
    old = blob_of(path, n)
    again = reopen()
    with again.transaction(NOW) as tx:
        tx.put(A, 1, b"newer")
    assert again.altered == 0
    again.lock()
    path.write_bytes(path.read_bytes().replace(blob_of(path, n), old))
    again = reopen(now=NOW + 77)
    assert again.altered == NOW + 77
    with again.transaction(NOW) as tx:
        tx.put(B, 1, b"x")
    again.lock()
    assert reopen(now=NOW + 99).altered == NOW + 77


def test_a_changed_free_cell_is_noticed(filled: Vault, reopen: Reopen, directory: Path) -> None:
    n = min(filled._open().partition.pool.free)
    filled.lock()
    path = directory / "v.db"
    flip(path, path.read_bytes().index(blob_of(path, n)) + 4039)
    again = reopen()
    assert again.altered
    assert (again.damaged, len(again.records())) == ([], 3)


def test_two_swapped_cells_are_two_damaged_rows(filled: Vault, reopen: Reopen, directory: Path) -> None:
    path, first, second = directory / "v.db", cell_of(filled, A), cell_of(filled, B)
    filled.lock()
    one, two = blob_of(path, first), blob_of(path, second)
    path.write_bytes(path.read_bytes().replace(one, bytes(4040)).replace(two, one).replace(bytes(4040), two))
    again = reopen()
    assert sorted(entry.cells for entry in again.damaged) == sorted([(first,), (second,)])
    assert [record.record_id for record in again.records()] == [C]


def test_without_the_root_cell_records_can_still_be_read(
    filled: Vault, reopen: Reopen, directory: Path
) -> None:
    part, path = part_of(filled), directory / "v.db"
    with filled.transaction(NOW) as tx:
        tx.enqueue(entry())
    filled.lock()
    flip(path, path.read_bytes().index(blob_of(path, part)) + 100)
    before = path.read_bytes()
    again = reopen()
    assert {record.record_id for record in again.records()} == {A, B, C}
    assert [row.cells for row in again.damaged] == [(part,)]
    assert len(again.outbox()) == 1
    assert again.read_only
    for use in (lambda: again.chain, lambda: again.outbox_key, lambda: again.transaction(NOW).__enter__()):
        with pytest.raises(VaultReadOnly):
            use()
    again.lock()
    assert path.read_bytes() == before


def test_damage_to_the_other_partition_is_nobodys_business(
    filled: Vault, reopen: Reopen, directory: Path
) -> None:
    part, path = part_of(filled), directory / "v.db"
    filled.lock()
    flip(path, path.read_bytes().index(blob_of(path, 1 - part)) + 100)
    again = reopen()
    assert (again.damaged, again.altered, len(again.records())) == ([], 0, 3)


def test_a_damaged_outbox_cell_is_one_row(filled: Vault, reopen: Reopen, directory: Path) -> None:
    with filled.transaction(NOW) as tx:
        tx.enqueue(entry(1, envelope=b"1" * 100))
        tx.enqueue(entry(2, envelope=b"2" * 100))
    box = filled._open().box
    assert box is not None
    n, key, room = box.places[entry(1).entry_id].cells[0], filled.outbox_key, filled.outbox_room
    filled.lock()
    path = directory / "v.box"
    flip(path, page_of(path, n) + 1000)
    with OutboxFile.open(directory, key) as alone:
        assert [one.seq for one in alone.entries()] == [2]
        assert [row.cells for row in alone.damaged] == [(n,)]
        assert alone.room == room
    again = reopen()
    assert [one.seq for one in again.outbox()] == [2]
    assert [row.cells for row in again.outbox_damaged] == [(n,)]


@pytest.mark.parametrize("size", [0, 1, 100, 4095, 4096, 40_960, 4_000_000, 8_417_279])
def test_a_truncated_file_is_damaged_or_partly_readable_and_kept(
    filled: Vault, reopen: Reopen, directory: Path, size: int
) -> None:
    filled.lock()
    path = directory / "v.db"
    cut = path.read_bytes()[:size]
    path.write_bytes(cut)
    try:
        again = reopen()
    except VaultDamaged:
        pass
    else:
        assert again.damaged or again.altered or again.read_only or len(again.records()) == 3
        again.lock()
    assert path.read_bytes() == cut


def test_rows_that_were_taken_away_are_damaged_rows(filled: Vault, reopen: Reopen, directory: Path) -> None:
    with filled.transaction(NOW) as tx:
        for number in range(600):
            tx.put(number.to_bytes(16, "big"), 1, b"x")
    lost = [n for n in filled._open().partition.pool.used_cells() if n >= 1024]
    filled.lock()
    connection = sqlite3.connect(directory / "v.db", isolation_level=None)
    connection.execute("DELETE FROM cell WHERE n >= 1024")
    connection.execute("VACUUM")
    connection.close()
    again = reopen()
    assert again.altered
    assert {n for row in again.damaged for n in row.cells} >= set(lost)


def test_something_else_in_place_of_the_cells_is_damaged_and_kept(
    vault: Vault, reopen: Reopen, directory: Path
) -> None:
    vault.lock()
    path = directory / "v.db"
    path.write_bytes(b"not a database, and made up" * 1000)
    with pytest.raises(VaultDamaged):
        reopen()
    assert path.read_bytes() == b"not a database, and made up" * 1000
    path.unlink()
    with pytest.raises(VaultDamaged):
        reopen()
    assert not path.exists()


def test_another_database_is_not_taken_for_cells(vault: Vault, reopen: Reopen, directory: Path) -> None:
    vault.lock()
    connection = sqlite3.connect(directory / "v.db")
    connection.execute("CREATE TABLE extra (x)")
    connection.commit()
    connection.close()
    with pytest.raises(VaultDamaged):
        reopen()


def test_flips_in_the_header_of_the_database_never_lose_the_file(
    filled: Vault, reopen: Reopen, directory: Path
) -> None:
    filled.lock()
    path = directory / "v.db"
    whole = path.read_bytes()
    for at in (0, 16, 18, 21, 28, 44, 47, 56, 60, 100, 104, 107, 120):
        flip(path, at)
        damaged = path.read_bytes()
        try:
            reopen(now=NOW + at).lock()
        except VaultDamaged:
            assert len(path.read_bytes()) == len(damaged)
        path.write_bytes(whole)
        for rest in directory.glob("v.db-*"):
            rest.unlink()
