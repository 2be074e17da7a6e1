"""The recovery sheet: it opens what a forgotten passphrase or a lost keystore closed, and nothing else does."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.vault import (
    CODE_LENGTH,
    FLOOR,
    ChainState,
    KeystoreUnavailable,
    NoKeystore,
    NoVault,
    OutboxEntry,
    Recovery,
    StorageFailed,
    UnlockDelayed,
    Vault,
    VaultBusy,
    VaultDamaged,
    WrongPassphrase,
    WrongRecoveryCode,
    create,
    grouped,
    new_code,
    read_code,
    typed,
    unlock,
)
from fieldapp.vault.header import COPY_SIZE, HeaderFile, parse_unchecked
from fieldapp.vault.sheet import ALPHABET, place_of
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE

A = b"a" * 16
ENTRY = OutboxEntry(b"e" * 16, A, 1, 0, b"\xee" * 4096, b"h" * 32, b"{}")
NEW = "other made up words"
Reopen = Callable[..., Vault]


@pytest.fixture
def code(vault: Vault) -> str:
    """A vault with a record, an entry on its way and a sheet; locked."""
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
        tx.enqueue(ENTRY)
        tx.set_chain(ChainState(2, b"c" * 32))
    sheet = new_code()
    vault.set_recovery(PASSPHRASE, grouped(sheet).lower(), NOW)
    vault.lock()
    return sheet


@pytest.fixture
def recover(directory: Path, keystore: MemoryKeystore) -> Iterator[Callable[..., Vault]]:
    opened: list[Vault] = []

    def run(code: str, passphrase: str = NEW) -> Vault:
        recovery = Recovery.begin(directory, keystore)
        try:
            recovery.open(code)
        except BaseException:
            recovery.abandon()
            raise
        opened.append(recovery.finish(passphrase, NOW + 20))
        return opened[-1]

    yield run
    for vault in opened:
        vault.lock()


def whole(vault: Vault) -> bool:
    record = vault.get(A)
    return (
        record is not None
        and record.payload == b"kept"
        and vault.outbox() == [ENTRY]
        and vault.chain.next_seq == 2
        and not vault.rollback
        and not vault.damaged
    )


def test_a_forgotten_passphrase_is_replaced_and_nothing_is_lost(
    code: str, recover: Callable[..., Vault], reopen: Reopen
) -> None:
    vault = recover(code)
    assert whole(vault)
    vault.lock()
    assert whole(reopen(NEW))
    with pytest.raises(WrongPassphrase):
        reopen(PASSPHRASE)


def test_a_sheet_that_was_used_no_longer_opens(code: str, recover: Callable[..., Vault]) -> None:
    recover(code).lock()
    with pytest.raises(WrongRecoveryCode):
        recover(code)


@pytest.mark.parametrize("lost", [("ds",), ("ds", "bk", "iid", "seq", "att", "gen0", "gen1")])
def test_a_keystore_that_forgot_everything_is_filled_again(
    code: str,
    recover: Callable[..., Vault],
    reopen: Reopen,
    keystore: MemoryKeystore,
    lost: tuple[str, ...],
) -> None:
    before = keystore.values["ds"]
    for name in lost:
        keystore.delete(name)
    with pytest.raises(KeystoreUnavailable):
        reopen()
    vault = recover(code)
    assert whole(vault)
    key = vault.outbox_key
    vault.lock()
    assert keystore.values["ds"] != before
    assert keystore.values["bk"] == key
    assert keystore.values["ds2"] not in (before, keystore.values["ds"])
    assert whole(reopen(NEW))


def test_a_keystore_of_another_installation_does_not_hinder(
    code: str, recover: Callable[..., Vault], reopen: Reopen, keystore: MemoryKeystore, tmp_path: Path
) -> None:
    create(tmp_path / "other", PASSPHRASE, keystore, FLOOR, now=NOW).lock()
    with pytest.raises(KeystoreUnavailable):
        reopen()
    recover(code).lock()
    assert whole(reopen(NEW))


def test_a_keystore_that_refuses_leaves_everything_as_it_was(
    code: str, directory: Path, recover: Callable[..., Vault], reopen: Reopen, keystore: MemoryKeystore
) -> None:
    files = {path.name: path.read_bytes() for path in directory.iterdir()}
    keystore.read_only = True
    with pytest.raises(KeystoreUnavailable):
        recover(code)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    keystore.read_only = False
    vault = reopen()
    assert whole(vault)
    vault.lock()
    recover(code)


def test_without_a_keystore_it_works_as_well(tmp_path: Path) -> None:
    directory = tmp_path / "plain"
    vault = create(directory, PASSPHRASE, NoKeystore(), FLOOR, now=NOW)
    sheet = new_code()
    vault.set_recovery(PASSPHRASE, sheet, NOW)
    vault.lock()
    recovery = Recovery.begin(directory, NoKeystore())
    with pytest.raises(WrongRecoveryCode):
        recovery.open(PASSPHRASE)  # this way knows no delays: it must not try passphrases
    recovery.open(sheet)
    recovery.finish(NEW, NOW).lock()
    unlock(directory, NEW, NoKeystore(), now=NOW).lock()


def test_a_wrong_code_changes_and_counts_nothing(
    code: str, directory: Path, recover: Callable[..., Vault], reopen: Reopen, keystore: MemoryKeystore
) -> None:
    before = (directory / "v.hdr").read_bytes(), dict(keystore.values)
    other = ALPHABET[(ALPHABET.index(code[0]) + 1) % 32] + code[1:]
    for wrong in (other, new_code()):
        with pytest.raises(WrongRecoveryCode):
            recover(wrong)
    assert ((directory / "v.hdr").read_bytes(), keystore.values) == before
    assert whole(reopen())


def test_delays_do_not_hold_up_who_has_the_sheet(
    code: str, recover: Callable[..., Vault], reopen: Reopen
) -> None:
    for n in range(6):
        with pytest.raises((WrongPassphrase, UnlockDelayed)):
            reopen("wrong words", now=NOW + n)
    with pytest.raises(UnlockDelayed):
        reopen(now=NOW + 7)
    recover(code).lock()
    assert whole(reopen(NEW, now=NOW + 8))


def test_a_changed_passphrase_keeps_the_sheet_good(
    code: str, recover: Callable[..., Vault], reopen: Reopen
) -> None:
    vault = reopen()
    vault.change_passphrase(PASSPHRASE, "in between", NOW)
    vault.lock()
    assert whole(recover(code))


def test_a_new_sheet_replaces_the_old_one(code: str, recover: Callable[..., Vault], reopen: Reopen) -> None:
    vault = reopen()
    second = new_code()
    vault.set_recovery(PASSPHRASE, second, NOW)
    vault.lock()
    with pytest.raises(WrongRecoveryCode):
        recover(code)
    assert whole(recover(second))


def test_only_who_knows_the_passphrase_makes_a_sheet(
    code: str, recover: Callable[..., Vault], reopen: Reopen
) -> None:
    vault = reopen()
    with pytest.raises(WrongPassphrase):
        vault.set_recovery("wrong words", new_code(), NOW)
    with pytest.raises(WrongRecoveryCode):
        vault.set_recovery(PASSPHRASE, "no code", NOW)
    vault.lock()
    assert whole(recover(code))


def test_a_sheet_costs_one_slot_and_moves_no_other(vault: Vault, directory: Path) -> None:
    def slots() -> tuple[bytes, ...]:
        return parse_unchecked((directory / "v.hdr").read_bytes()[:COPY_SIZE]).slots

    before = slots()
    vault.set_recovery(PASSPHRASE, new_code(), NOW)
    first = slots()
    changed = [n for n in range(8) if first[n] != before[n]]
    assert len(changed) == 1
    vault.set_recovery(PASSPHRASE, new_code(), NOW)
    assert [n for n in range(8) if slots()[n] != first[n]] == changed


def test_every_passphrase_slot_has_a_place_of_its_own_for_its_sheet() -> None:
    assert sorted(place_of(n) for n in range(8)) == list(range(8))
    assert all(place_of(n) != n and place_of(place_of(n)) == n for n in range(8))


@pytest.mark.parametrize("copies", [(0,), (1,), (0, 1)])
def test_a_header_whose_mac_is_gone_still_opens_with_the_sheet(
    code: str, directory: Path, recover: Callable[..., Vault], reopen: Reopen, copies: tuple[int, ...]
) -> None:
    data = bytearray((directory / "v.hdr").read_bytes())
    for copy in copies:
        data[copy * COPY_SIZE + 4064 : (copy + 1) * COPY_SIZE] = bytes(32)
    (directory / "v.hdr").write_bytes(data)
    recover(code).lock()
    assert whole(reopen(NEW))


@pytest.mark.parametrize("copy", [0, 1])
def test_one_copy_is_enough(
    code: str, directory: Path, recover: Callable[..., Vault], reopen: Reopen, copy: int
) -> None:
    data = bytearray((directory / "v.hdr").read_bytes())
    data[copy * COPY_SIZE : (copy + 1) * COPY_SIZE] = bytes(COPY_SIZE)
    (directory / "v.hdr").write_bytes(data)
    recover(code).lock()
    assert whole(reopen(NEW))


def test_a_forged_seq_leaves_room_for_the_next(
    code: str, directory: Path, recover: Callable[..., Vault], reopen: Reopen
) -> None:
    header = parse_unchecked((directory / "v.hdr").read_bytes()[:COPY_SIZE])
    forged = replace(header, seq=2**63 - 1).pack(bytes(32))
    (directory / "v.hdr").write_bytes(forged + forged)
    recover(code).lock()
    assert whole(reopen(NEW))


def test_without_any_header_it_says_so(code: str, directory: Path, recover: Callable[..., Vault]) -> None:
    (directory / "v.hdr").write_bytes(bytes(2 * COPY_SIZE))
    with pytest.raises(VaultDamaged):
        recover(code)
    (directory / "v.hdr").unlink()
    with pytest.raises(NoVault):
        recover(code)


def test_an_open_vault_is_not_recovered(code: str, recover: Callable[..., Vault], reopen: Reopen) -> None:
    reopen()
    with pytest.raises(VaultBusy):
        recover(code)


class Cut(BaseException):
    """The power is gone."""


class CuttingKeystore(MemoryKeystore):
    """Loses power before the change number `left`."""

    left: int | None = None

    def _check(self, *, changing: bool = False) -> None:
        super()._check(changing=changing)
        if changing and self.left is not None:
            if self.left == 0:
                raise Cut
            self.left -= 1


@pytest.mark.parametrize("where", ["keystore", "before", "torn", "after"])
@pytest.mark.parametrize("number", range(4))
def test_a_power_cut_leaves_the_old_door_or_the_new_one(
    code: str,
    directory: Path,
    keystore: MemoryKeystore,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    number: int,
) -> None:
    held = CuttingKeystore(dict(keystore.values))
    real, written = HeaderFile._write, 0

    def write(self: HeaderFile, copy: int, header: object, secret: bytes) -> None:
        nonlocal written
        if written == number and where in ("before", "torn"):
            if where == "torn":
                data = header.pack(secret)[:2000]  # type: ignore[attr-defined]
                with (directory / "v.hdr").open("r+b") as file:
                    file.seek(copy * COPY_SIZE)
                    file.write(data)
            raise Cut
        real(self, copy, header, secret)  # type: ignore[arg-type]
        if written == number and where == "after":
            raise Cut
        written += 1

    recovery = Recovery.begin(directory, held)
    recovery.open(code)
    monkeypatch.setattr(HeaderFile, "_write", write)
    if where == "keystore":
        held.left = number
    try:
        recovery.finish(NEW, NOW + 20).lock()
    except Cut:
        recovery.abandon()
    monkeypatch.setattr(HeaderFile, "_write", real)
    after = MemoryKeystore(held.values)
    opens = []
    for words in (PASSPHRASE, NEW):
        copy = shutil.copytree(directory, directory.with_name(words.replace(" ", "-")))
        try:
            vault = unlock(copy, words, MemoryKeystore(dict(after.values)), now=NOW + 10_000)
        except WrongPassphrase:
            continue
        assert whole(vault)
        vault.lock()
        opens.append(words)
    assert len(opens) == 1
    if opens == [PASSPHRASE]:
        again = Recovery.begin(directory, after)
        again.open(code)
        vault = again.finish(NEW, NOW + 30)
        assert whole(vault)
        vault.lock()
    unlock(directory, NEW, after, now=NOW + 40_000).lock()


def test_a_full_disk_says_so_and_the_old_door_stays(
    code: str, recover: Callable[..., Vault], reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise StorageFailed("header cannot be written")

    with monkeypatch.context() as patch:
        patch.setattr(HeaderFile, "_write", refuse)
        with pytest.raises(StorageFailed):
            recover(code)
    assert whole(reopen())


def test_codes_are_read_as_people_type_them() -> None:
    code = new_code()
    assert len(code) == CODE_LENGTH == 26
    assert set(code) <= set(ALPHABET)
    assert new_code() != code
    assert re.fullmatch(r"(\w{5} ){4}\w{6}", grouped(code))
    assert read_code(grouped(code).lower().replace(" ", " - ")) == code
    assert typed("o0 iI-lL") == "001111"
    for wrong in (code[:-1], code + "0", code[:-1] + "U", code[:-1] + "\u0660", ""):
        with pytest.raises(WrongRecoveryCode):
            read_code(wrong)
