"""A keystore that fails, forgets or belongs to somebody else never costs a record, and a rollback is seen."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fieldapp.vault import (
    FLOOR,
    KeystoreUnavailable,
    Recovery,
    Vault,
    VaultDamaged,
    VaultReadOnly,
    WrongPassphrase,
    create,
    new_code,
    unlock,
)
from fieldapp.vault.keystore import forget, recall, remember
from tests.fakes.keystore import MemoryKeystore
from tests.unit.vault.conftest import NOW, PASSPHRASE

A = b"a" * 16
Reopen = Callable[..., Vault]


def put(vault: Vault, payload: bytes) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, payload)


@pytest.mark.parametrize("fault", ["raises", "forgot", "foreign", "odd length", "odd type"])
def test_a_faulty_keystore_wipes_nothing(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen, tmp_path: Path, fault: str
) -> None:
    put(vault, b"kept")
    vault.lock()
    good, files = dict(keystore.values), {path.name: path.read_bytes() for path in directory.iterdir()}
    if fault == "raises":
        keystore.broken = True
    elif fault == "forgot":
        keystore.values.clear()
    elif fault == "foreign":
        create(tmp_path / "other", PASSPHRASE, keystore, FLOOR, now=NOW).lock()
    elif fault == "odd length":
        keystore.values["ds"] = b"short"
    else:
        keystore.values["ds"] = "x" * 32  # type: ignore[assignment]
    with pytest.raises(KeystoreUnavailable):
        reopen()
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    keystore.broken, keystore.values = False, good
    found = reopen().get(A)
    assert found is not None
    assert found.payload == b"kept"


def test_a_keystore_that_cannot_be_written_does_not_stop_an_officer(
    vault: Vault, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    vault.lock()
    keystore.read_only = True
    again = reopen()
    put(again, b"saved")
    again.lock()
    assert not reopen().rollback


@pytest.mark.parametrize("instead", [None, b"odd length", b"x" * 32])
def test_a_lost_outbox_key_is_given_back(
    vault: Vault, keystore: MemoryKeystore, reopen: Reopen, instead: bytes | None
) -> None:
    key = vault.outbox_key
    vault.lock()
    keystore.delete("bk")
    if instead:
        keystore.set("bk", instead)
    reopen()
    assert keystore.values["bk"] == key


class NeverForgets(MemoryKeystore):
    """Refuses every deletion."""

    def delete(self, name: str) -> None:
        raise OSError("the keystore of this test deletes nothing")


@pytest.mark.parametrize("finished", [True, False])
def test_a_key_store_that_deletes_nothing_still_ends_a_change_of_the_secret(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen, finished: bool
) -> None:
    """The power failed while the secret was exchanged: a rest of that must not keep the records closed."""
    put(vault, b"kept")
    vault.lock()
    right = keystore.values["ds"]
    if finished:  # the header is under the new secret already
        keystore.values |= {"ds2": right, "ds": b"o" * 32}
    else:
        keystore.values["ds2"] = b"n" * 32
    again = unlock(directory, PASSPHRASE, NeverForgets(keystore.values), now=NOW)
    assert again.get(A)
    again.lock()
    assert keystore.values["ds"] == right
    reopen().lock()
    assert keystore.values["ds2"] != right, "what lies ready for the next header has never been in use"


def test_what_a_key_store_was_given_or_says_hangs_on_no_error() -> None:
    """A screen keeps the error that it shows: with it would stay every frame below, and what stood in them."""
    for ask in (
        lambda held: remember(held, "ds", b"k" * 32),
        lambda held: recall(held, "ds", 32),
        lambda held: forget(held, "ds"),
    ):
        with pytest.raises(KeystoreUnavailable) as caught:
            ask(MemoryKeystore(broken=True))
        assert caught.value.__context__ is None
        assert caught.value.__cause__ is None


def test_lost_mirrors_are_unknown_and_not_a_rollback(
    vault: Vault, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    vault.lock()
    for name in ("gen0", "gen1", "seq", "att"):
        keystore.delete(name)
    assert not reopen().rollback


def test_garbage_in_a_mirror_is_unknown(vault: Vault, keystore: MemoryKeystore, reopen: Reopen) -> None:
    vault.lock()
    keystore.values |= {"gen0": b"?" * 48, "gen1": b"?", "seq": b"?", "att": b"?" * 32}
    assert not reopen().rollback


def test_restored_cells_are_a_rollback_and_read_only(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    put(vault, b"old")
    vault.lock()
    old = (directory / "v.db").read_bytes()
    vault = reopen()
    for _ in range(3):
        put(vault, b"new")
    vault.lock()
    (directory / "v.db").write_bytes(old)
    for _ in range(2):
        vault = reopen()
        assert vault.rollback.records
        assert vault.read_only
        assert [record.payload for record in vault.records()] == [b"old"]
        with pytest.raises(VaultReadOnly):
            put(vault, b"refused")
        vault.lock()
    vault = reopen()
    keystore.read_only = True  # the power fails before the keystore hears of it
    with vault.transaction(NOW, anew=True) as tx:
        tx.put(A, 1, b"enrolled anew")
    vault.lock()
    keystore.read_only = False
    vault = reopen()
    assert not vault.rollback.records
    put(vault, b"after enrolling anew")
    vault.lock()
    vault = reopen()
    assert not vault.rollback.records
    assert [record.payload for record in vault.records()] == [b"after enrolling anew"]


def test_a_restored_header_is_a_rollback(vault: Vault, directory: Path, reopen: Reopen) -> None:
    vault.lock()
    old = (directory / "v.hdr").read_bytes()
    for step in range(5):
        reopen(now=NOW + step).lock()
    (directory / "v.hdr").write_bytes(old)
    again = reopen()
    assert again.rollback.header
    assert not again.rollback.records


def test_a_restored_header_shows_at_every_start_until_somebody_was_told(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    """Each attempt raises the seq: some guesses later an older header would look like the newest one."""
    vault.lock()
    old = (directory / "v.hdr").read_bytes()
    reopen().lock()
    (directory / "v.hdr").write_bytes(old)
    for step in range(4):
        with suppress(WrongPassphrase):
            reopen("a wrong one", now=NOW + 100 * step)
    for step in range(3):
        again = reopen(now=NOW + 10_000 + step)
        assert (again.rollback.header, again.rollback.records, again.read_only) == (True, False, False)
        put(again, b"work goes on")
    known = keystore.values["seq"]
    again.acknowledge_rollback(NOW)
    assert not again.rollback
    assert keystore.values["seq"] > known
    assert not reopen(now=NOW + 20_000).rollback
    (directory / "v.hdr").write_bytes(old)
    assert reopen(now=NOW + 30_000).rollback.header


def test_an_acknowledged_header_is_above_everything_the_keystore_has_seen(
    vault: Vault, directory: Path, reopen: Reopen
) -> None:
    vault.lock()
    old = (directory / "v.hdr").read_bytes()
    for step in range(5):
        reopen(now=NOW + step).lock()
    newest = (directory / "v.hdr").read_bytes()
    (directory / "v.hdr").write_bytes(old)
    reopen(now=NOW + 100).acknowledge_rollback(NOW)
    reopen(now=NOW + 200).lock()
    (directory / "v.hdr").write_bytes(newest)
    assert reopen(now=NOW + 300).rollback.header


def test_whoever_enrols_anew_ends_both(vault: Vault, directory: Path, reopen: Reopen) -> None:
    vault.lock()
    old = {name: (directory / name).read_bytes() for name in ("v.hdr", "v.db", "v.box")}
    vault = reopen()
    put(vault, b"x")
    vault.lock()
    for name, data in old.items():
        (directory / name).write_bytes(data)
    vault = reopen()
    with pytest.raises(VaultReadOnly):
        vault.acknowledge_rollback(NOW)
    with vault.transaction(NOW, anew=True) as tx:
        tx.put(A, 1, b"enrolled anew")
    assert not vault.rollback
    assert not reopen().rollback


@pytest.mark.parametrize("back", [("v.db",), ("v.hdr",), ("v.hdr", "v.db"), ("v.hdr", "v.db", "v.box")])
def test_noticing_a_rollback_destroys_nothing_and_the_right_files_open_again(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen, back: tuple[str, ...]
) -> None:
    put(vault, b"old")
    vault.lock()
    old = {name: (directory / name).read_bytes() for name in back}
    vault = reopen()
    put(vault, b"new")
    vault.lock()
    new, held = {path.name: path.read_bytes() for path in directory.iterdir()}, dict(keystore.values)
    for name, data in old.items():
        (directory / name).write_bytes(data)
    vault = reopen()
    assert (vault.rollback.header, vault.rollback.records) == ("v.hdr" in back, "v.db" in back)
    assert [record.payload for record in vault.records()] == [b"old" if "v.db" in back else b"new"]
    vault.lock()
    if "v.db" in back:  # not a byte of the cells, whoever looks
        assert (directory / "v.db").read_bytes()[4096:] == old["v.db"][4096:]
    for name, data in new.items():
        (directory / name).write_bytes(data)
    keystore.values |= {"att": held["att"]}
    vault = reopen(now=NOW + 5000)
    assert not vault.rollback.records
    assert [record.payload for record in vault.records()] == [b"new"]


def test_an_older_keystore_lags_and_is_no_rollback(
    vault: Vault, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    vault.lock()
    old = dict(keystore.values)
    put(reopen(), b"new")
    reopen().lock()
    keystore.values = old
    vault = reopen()
    assert (bool(vault.rollback), [record.payload for record in vault.records()]) == (False, [b"new"])


def test_a_keystore_of_before_a_recovery_opens_nothing_and_destroys_nothing(
    vault: Vault, directory: Path, keystore: MemoryKeystore, reopen: Reopen
) -> None:
    code = new_code()
    vault.set_recovery(PASSPHRASE, code, NOW)
    put(vault, b"kept")
    vault.lock()
    old = dict(keystore.values)
    recovery = Recovery.begin(directory, keystore)
    recovery.open(code)
    recovery.finish("words after the recovery", NOW).lock()
    files, held = {path.name: path.read_bytes() for path in directory.iterdir()}, dict(keystore.values)
    keystore.values = dict(old)
    with pytest.raises(KeystoreUnavailable):
        reopen("words after the recovery")
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == files
    assert keystore.values == old
    keystore.values = held
    assert [record.payload for record in reopen("words after the recovery").records()] == [b"kept"]


def test_both_restored_without_the_keystore_is_seen(vault: Vault, directory: Path, reopen: Reopen) -> None:
    vault.lock()
    old = {name: (directory / name).read_bytes() for name in ("v.hdr", "v.db", "v.box")}
    vault = reopen()
    put(vault, b"x")
    vault.lock()
    for name, data in old.items():
        (directory / name).write_bytes(data)
    again = reopen()
    assert (again.rollback.header, again.rollback.records) == (True, True)


def test_the_keystore_learns_of_a_sealing_at_once(vault: Vault, keystore: MemoryKeystore) -> None:
    from tests.unit.vault.test_vault_records import entry

    before = [keystore.values["gen0"], keystore.values["gen1"]]
    put(vault, b"draft")
    assert [keystore.values["gen0"], keystore.values["gen1"]] == before
    with vault.transaction(NOW) as tx:
        tx.enqueue(entry())
    after = [keystore.values["gen0"], keystore.values["gen1"]]
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_the_vault_belongs_to_this_device(vault: Vault, directory: Path) -> None:
    vault.lock()
    stranger = MemoryKeystore({"ds": b"\1" * 32, "bk": b"\1" * 32})
    with pytest.raises(VaultDamaged):
        unlock(directory, PASSPHRASE, stranger, now=NOW)
