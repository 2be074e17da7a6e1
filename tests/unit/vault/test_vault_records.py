"""Records and transactions: what was put is there after a lock, and a block happens as a whole or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldapp.vault import (
    MAX_ENTRY_SIZE,
    MAX_RECORD_SIZE,
    ChainState,
    OutboxEntry,
    OutboxFile,
    OutboxFull,
    OutboxUnavailable,
    Record,
    RecordTooLarge,
    UnknownRecord,
    UnlockAttempt,
    Vault,
    VaultBusy,
    VaultError,
    VaultFull,
    VaultLocked,
    WrongPassphrase,
    unlock,
)
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE

A, B = b"a" * 16, b"b" * 16
Reopen = Callable[..., Vault]


def entry(number: int = 1, *, state: int = 0, envelope: bytes = b"\xee" * 4096) -> OutboxEntry:
    return OutboxEntry(
        number.to_bytes(16, "little"), A, number, state, envelope, b"h" * 32, b'{"box":"made up"}'
    )


def test_a_record_is_there_after_a_lock(vault: Vault, reopen: Reopen) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 3, b"first", flags=5)
    vault.lock()
    assert reopen().get(A) == Record(A, 3, 5, 1, b"first")


@pytest.mark.parametrize("size", [0, 1, 3971, 3972, 3973, 2 * 3972, MAX_RECORD_SIZE])
def test_every_length_up_to_twenty_cells_survives(vault: Vault, reopen: Reopen, size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    room = vault.room
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, payload)
    assert room - vault.room == max(1, -(-size // 3972))
    vault.lock()
    found = reopen().get(A)
    assert found is not None
    assert found.payload == payload


def test_a_longer_record_is_refused_and_nothing_changes(vault: Vault) -> None:
    generation = vault.generation
    with pytest.raises(RecordTooLarge), vault.transaction(NOW) as tx:  # noqa: PT012
        tx.put(B, 1, b"fits")
        tx.put(A, 1, bytes(MAX_RECORD_SIZE + 1))
    assert (vault.records(), vault.generation) == ([], generation)


def test_a_record_is_rewritten_over_its_own_cells(vault: Vault, directory: Path) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"one")
    room, before = vault.room, (directory / "v.db").read_bytes()
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"two")
    after = (directory / "v.db").read_bytes()
    pages = [at for at in range(0, len(before), 4096) if before[at : at + 4096] != after[at : at + 4096]]
    assert vault.room == room
    assert len(pages) == 2


def test_a_record_grows_shrinks_and_disappears(vault: Vault, reopen: Reopen) -> None:
    room = vault.room
    for size in (10, 30_000, 5_000, 79_000, 1):
        with vault.transaction(NOW) as tx:
            tx.put(A, 1, b"x" * size)
        assert room - vault.room == -(-size // 3972)
    with vault.transaction(NOW) as tx:
        tx.erase(A)
    assert vault.room == room
    vault.lock()
    again = reopen()
    assert (again.records(), again.damaged, again.room) == ([], [], room)


def test_the_version_counts_the_puts(vault: Vault) -> None:
    for expected in (1, 2, 3):
        with vault.transaction(NOW) as tx:
            assert tx.put(A, 1, b"x").version == expected


def test_records_are_listed_by_kind(vault: Vault) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"draft")
        tx.put(B, 2, b"contact")
    assert {record.record_id for record in vault.records()} == {A, B}
    assert [record.record_id for record in vault.records(2)] == [B]


def test_erasing_what_is_not_there_is_an_error(vault: Vault) -> None:
    with pytest.raises(UnknownRecord), vault.transaction(NOW) as tx:
        tx.erase(A)


@pytest.mark.parametrize(
    ("record_id", "kind", "flags"), [(b"short", 1, 0), (A, 0, 0), (A, 256, 0), (A, 1, 65_536)]
)
def test_fields_out_of_range_are_refused(vault: Vault, record_id: bytes, kind: int, flags: int) -> None:
    with pytest.raises(ValueError, match="range"), vault.transaction(NOW) as tx:
        tx.put(record_id, kind, b"", flags=flags)


def test_an_exception_in_the_block_changes_nothing(vault: Vault, directory: Path) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
    before = {name: (directory / name).read_bytes() for name in ("v.db", "v.box")}
    with pytest.raises(KeyError), vault.transaction(NOW) as tx:  # noqa: PT012
        tx.put(A, 1, b"lost")
        tx.put(B, 1, b"lost")
        tx.enqueue(entry())
        tx.set_chain(ChainState(2, b"c" * 32))
        raise KeyError
    assert {name: (directory / name).read_bytes() for name in before} == before
    assert [record.payload for record in vault.records()] == [b"kept"]
    assert (vault.outbox(), vault.chain) == ([], ChainState())


def test_an_empty_block_writes_nothing(vault: Vault) -> None:
    generation = vault.generation
    with vault.transaction(NOW):
        pass
    assert vault.generation == generation


def test_a_full_vault_says_so_and_keeps_what_it_has(vault: Vault, reopen: Reopen) -> None:
    with vault.transaction(NOW) as tx:
        for number in range(vault.room):
            tx.put(number.to_bytes(16, "little"), 1, b"x")
    assert vault.room == 0
    with pytest.raises(VaultFull), vault.transaction(NOW) as tx:
        tx.put(A, 1, b"no room")
    with vault.transaction(NOW) as tx:
        tx.put(bytes(16), 1, b"in place")
    with vault.transaction(NOW) as tx:
        tx.erase((1).to_bytes(16, "little"))
        tx.put(A, 1, b"in the cell that became free")
    vault.lock()
    again = reopen()
    assert (len(again.records()), again.damaged, again.altered) == (1023, [], 0)


def test_a_record_can_come_and_go_within_one_block(vault: Vault, reopen: Reopen) -> None:
    room = vault.room
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"x" * 9000)
        tx.erase(A)
        tx.put(B, 1, b"x" * 9000)
        tx.put(B, 1, b"y")
    assert room - vault.room == 1
    vault.lock()
    again = reopen()
    assert [record.payload for record in again.records()] == [b"y"]
    assert (again.room, again.altered, again.damaged) == (room - 1, 0, [])


def test_the_chain_moves_with_the_record_and_only_forward(vault: Vault, reopen: Reopen) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"sealed")
        tx.enqueue(entry())
        tx.set_chain(ChainState(2, b"c" * 32))
    with pytest.raises(ValueError, match="grows"), vault.transaction(NOW) as tx:
        tx.set_chain(ChainState(2, b"d" * 32))
    vault.lock()
    again = reopen()
    assert again.chain == ChainState(2, b"c" * 32)
    with again.transaction(NOW) as tx:
        tx.set_chain(ChainState())
    assert again.chain == ChainState()


def test_an_outbox_entry_comes_back_whole(vault: Vault, reopen: Reopen) -> None:
    entries = [entry(2, envelope=b"\x02" * 65_536), entry(1), entry(3, envelope=b"")]
    with vault.transaction(NOW) as tx:
        for one in entries:
            tx.enqueue(one)
    vault.lock()
    assert reopen().outbox() == sorted(entries, key=lambda one: one.seq)


def test_an_entry_changes_and_leaves(vault: Vault) -> None:
    room = vault.outbox_room
    with vault.transaction(NOW) as tx:
        tx.enqueue(entry())
    with vault.transaction(NOW) as tx:
        tx.update_entry(entry(state=3))
    assert [one.state for one in vault.outbox()] == [3]
    with vault.transaction(NOW) as tx:
        tx.remove_entry(entry().entry_id)
    assert (vault.outbox(), vault.outbox_room) == ([], room)


def test_entries_are_neither_doubled_nor_made_up(vault: Vault) -> None:
    with vault.transaction(NOW) as tx:
        tx.enqueue(entry())
    with pytest.raises(ValueError, match="taken"), vault.transaction(NOW) as tx:
        tx.enqueue(entry())
    with pytest.raises(UnknownRecord), vault.transaction(NOW) as tx:
        tx.update_entry(entry(2))
    with pytest.raises(RecordTooLarge), vault.transaction(NOW) as tx:
        tx.enqueue(entry(2, envelope=bytes(MAX_ENTRY_SIZE)))


def test_a_full_outbox_keeps_the_record_out_of_the_transaction(vault: Vault) -> None:
    with vault.transaction(NOW) as tx:
        for number in range(vault.outbox_room // 17):
            tx.enqueue(entry(number, envelope=bytes(65_536)))
    with pytest.raises(OutboxFull), vault.transaction(NOW) as tx:  # noqa: PT012
        tx.put(A, 1, b"sealed")
        tx.enqueue(entry(9_999, envelope=bytes(65_536)))
    assert vault.get(A) is None


def test_the_sender_works_while_the_vault_is_locked(vault: Vault, directory: Path, reopen: Reopen) -> None:
    with vault.transaction(NOW) as tx:
        tx.enqueue(entry(1))
        tx.enqueue(entry(2))
    key = vault.outbox_key
    with pytest.raises(VaultBusy):
        OutboxFile.open(directory, key)
    vault.lock()
    with OutboxFile.open(directory, key) as box:
        assert [one.seq for one in box.entries()] == [1, 2]
        box.update(entry(1, state=2))
        box.remove(entry(2).entry_id)
        with pytest.raises(UnknownRecord):
            box.remove(entry(2).entry_id)
    with pytest.raises(VaultLocked):
        box.entries()
    assert [(one.seq, one.state) for one in reopen().outbox()] == [(1, 2)]


def test_unlocking_waits_for_the_sender_to_let_go(vault: Vault, directory: Path, reopen: Reopen) -> None:
    key = vault.outbox_key
    vault.lock()
    with OutboxFile.open(directory, key), pytest.raises(VaultBusy):
        reopen()
    reopen()


def test_a_second_unlock_is_busy(vault: Vault, directory: Path, keystore: MemoryKeystore) -> None:
    header = (directory / "v.hdr").read_bytes()
    with pytest.raises(VaultBusy):
        unlock(directory, PASSPHRASE, keystore, now=NOW)
    assert (directory / "v.hdr").read_bytes() == header
    assert vault.records() == []


def test_after_lock_nothing_is_reachable(vault: Vault) -> None:
    vault.lock()
    vault.lock()
    assert vault.is_locked
    for use in (vault.records, vault.outbox, lambda: vault.chain, lambda: vault.room, lambda: vault.damaged):
        with pytest.raises(VaultLocked):
            use()
    with pytest.raises(VaultLocked), vault.transaction(NOW):
        pass


def test_a_lock_inside_a_block_loses_the_block_and_says_so(vault: Vault, reopen: Reopen) -> None:
    with pytest.raises(VaultLocked), vault.transaction(NOW) as tx:  # noqa: PT012
        tx.put(A, 1, b"x")
        vault.lock()
    assert reopen().records() == []


def test_blocks_do_not_nest(vault: Vault) -> None:
    with vault.transaction(NOW), pytest.raises(RuntimeError), vault.transaction(NOW):
        pass


def test_a_locked_vault_leaves_three_files(vault: Vault, directory: Path) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"x")
        tx.enqueue(entry())
    vault.lock()
    assert sorted(path.name for path in directory.iterdir()) == ["v.box", "v.db", "v.hdr"]


def test_unlocking_in_steps(vault: Vault, directory: Path, keystore: MemoryKeystore) -> None:
    vault.lock()
    attempt = UnlockAttempt.begin(directory, keystore, NOW)
    attempt.finish(attempt.stretch(PASSPHRASE), NOW).lock()
    attempt = UnlockAttempt.begin(directory, keystore, NOW)
    with pytest.raises(WrongPassphrase):
        attempt.finish(attempt.stretch("wrong"), NOW)
    attempt = UnlockAttempt.begin(directory, keystore, NOW)
    attempt.abandon()
    unlock(directory, PASSPHRASE, keystore, now=NOW).lock()


def test_the_passphrase_is_normalised_at_unlock(vault: Vault, reopen: Reopen) -> None:
    vault.change_passphrase(PASSPHRASE, "caf\u00e9", NOW)
    vault.lock()
    reopen("cafe\u0301")


def test_a_new_passphrase_opens_the_same_records_and_the_old_one_nothing(
    vault: Vault, reopen: Reopen, directory: Path
) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
    cells = (directory / "v.db").read_bytes()
    vault.change_passphrase(PASSPHRASE, "another made up one", NOW)
    assert (directory / "v.db").read_bytes() == cells
    vault.lock()
    with pytest.raises(WrongPassphrase):
        reopen(PASSPHRASE)
    assert reopen("another made up one").get(A) is not None


def test_changing_needs_the_old_passphrase_and_counts_attempts(vault: Vault, directory: Path) -> None:
    with pytest.raises(WrongPassphrase):
        vault.change_passphrase("wrong", "new", NOW)
    assert int.from_bytes((directory / "v.hdr").read_bytes()[4032:4036], "little") == 1
    vault.change_passphrase(PASSPHRASE, "new", NOW)


def test_a_change_of_passphrase_leaves_the_other_slots_alone(vault: Vault, directory: Path) -> None:
    before = (directory / "v.hdr").read_bytes()
    vault.change_passphrase(PASSPHRASE, "new", NOW)
    after = (directory / "v.hdr").read_bytes()
    changed = [
        index
        for index in range(8)
        if before[64 + 176 * index : 240 + 176 * index] != after[64 + 176 * index : 240 + 176 * index]
    ]
    assert len(changed) == 1


def test_errors_explain_themselves_without_content(vault: Vault) -> None:
    pending, seen = [VaultError], 0
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        sentence = (kind(0) if kind.__name__ == "UnlockDelayed" else kind("x")).diagnostics()
        assert sentence.endswith(".")
        seen += 1
    assert seen > 15


def test_no_content_shows_in_a_representation(vault: Vault) -> None:
    with vault.transaction(NOW) as tx:
        record = tx.put(A, 1, b"MADE-UP-NAME")
    assert "MADE-UP-NAME" not in repr(record) + repr(vault) + repr(vault.records())
    assert "MADE-UP-NAME" not in repr(entry(envelope=b"MADE-UP-NAME"))


def test_without_its_outbox_file_the_vault_still_works(vault: Vault, reopen: Reopen, directory: Path) -> None:
    vault.lock()
    (directory / "v.box").write_bytes(b"not a database" * 1000)
    again = reopen()
    with again.transaction(NOW) as tx:
        tx.put(A, 1, b"still saved")
    with pytest.raises(OutboxUnavailable):
        again.outbox()
    with pytest.raises(OutboxUnavailable), again.transaction(NOW) as tx:
        tx.enqueue(entry())
    again.lock()
    assert (directory / "v.box").read_bytes() == b"not a database" * 1000
    (directory / "v.box").unlink()
    assert reopen().get(A) is not None
    assert not (directory / "v.box").exists()


def test_a_record_with_a_rest_of_a_damaged_newer_version_is_not_mixed_up_with_it(
    vault: Vault, directory: Path, reopen: Callable[..., Vault]
) -> None:
    """Version 2 lost a fragment and version 1 is whole: what is saved next is version 3, else it would meet that rest."""
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"whole")
    pool = vault.opened.partition.pool
    pool.versions[A] = 2
    with vault.transaction(NOW) as tx:
        assert tx.put(A, 1, b"next").version == 3
