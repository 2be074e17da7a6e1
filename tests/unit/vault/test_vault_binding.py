"""A vault and the key store of its system: made with one, without one, with one that comes, goes, lies or is silent."""

import base64
import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.vault import (
    FLOOR,
    ForcedWords,
    KdfParameters,
    KeystoreUnavailable,
    NoKeystore,
    Recovery,
    SlotKind,
    Vault,
    VaultDamaged,
    WrongPassphrase,
    create,
    new_code,
    unlock,
    unlocking,
)
from fieldapp.vault import guard as guards
from fieldapp.vault import recovery as recovery_module
from fieldapp.vault.header import COPY_SIZE, Header, HeaderFile
from fieldapp.vault.kdf import stretch
from fieldapp.vault.keystore import DEVICE_KEY, GENERATION, recall
from fieldapp.vault.system_keystore import (
    ID_FILE,
    MAX_VALUE,
    PROBE,
    SystemKeystore,
    device_keystore,
    pack,
    unpack,
    works,
)
from sync.primitives import blake
from tests.fakes.keystore import MemoryKeystore, MemoryTexts
from tests.unit.vault.conftest import NOW, PASSPHRASE

A = b"a" * 16
NEW = "another made up sentence for tests"


def put(vault: Vault, payload: bytes) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, payload)


def payload(vault: Vault) -> bytes:
    found = vault.get(A)
    assert found is not None
    return found.payload


@pytest.fixture(scope="module")
def plain_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A vault made without a key store, with a record and a sheet; and the sheet's code."""
    folder, code = tmp_path_factory.mktemp("plain") / "data", new_code()
    vault = create(folder, PASSPHRASE, NoKeystore(), FLOOR, now=NOW)
    put(vault, b"kept")
    vault.set_recovery(PASSPHRASE, code, NOW)
    vault.lock()
    return folder, code


@pytest.fixture
def plain(plain_template: tuple[Path, str], tmp_path: Path) -> Path:
    return shutil.copytree(plain_template[0], tmp_path / "plain")


# --- A vault that was made without a key store ---------------------------------------------------------


@pytest.mark.parametrize("store", ["empty", "silent", "garbage", "foreign", "cannot be written"])
def test_a_vault_made_without_a_key_store_opens_whatever_one_says_now(
    plain: Path, template: tuple[Path, dict[str, bytes]], store: str
) -> None:
    keystore = MemoryKeystore()
    if store == "silent":
        keystore.broken = True
    elif store == "garbage":
        keystore.values = dict.fromkeys(("ds", "ds2", "bk", "iid", "seq", "att", "gen0", "gen1"), b"?")
    elif store == "foreign":
        keystore.values = dict(template[1])
    elif store == "cannot be written":
        keystore.read_only = True
    for _ in range(2):
        vault = unlock(plain, PASSPHRASE, keystore, now=NOW + 10)
        assert payload(vault) == b"kept"
        assert not vault.is_bound
        assert not vault.rollback
        vault.lock()
    assert payload(unlock(plain, PASSPHRASE, NoKeystore(), now=NOW + 20)) == b"kept"


def test_a_key_store_that_comes_later_learns_the_outbox_key_and_sees_a_rollback(plain: Path) -> None:
    keystore = MemoryKeystore()
    vault = unlock(plain, PASSPHRASE, keystore, now=NOW + 10)
    assert keystore.values["bk"] == vault.outbox_key
    assert "ds" not in keystore.values
    vault.lock()
    old = (plain / "v.db").read_bytes()
    vault = unlock(plain, PASSPHRASE, keystore, now=NOW + 20)
    put(vault, b"newer")
    vault.lock()
    (plain / "v.db").write_bytes(old)
    vault = unlock(plain, PASSPHRASE, keystore, now=NOW + 30)
    assert vault.rollback.records
    vault.lock()


def test_a_sheet_binds_it_to_the_key_store_of_today(plain: Path, plain_template: tuple[Path, str]) -> None:
    keystore = MemoryKeystore()
    recovery = Recovery.begin(plain, keystore)
    recovery.open(plain_template[1])
    vault = recovery.finish(NEW, NOW + 10)
    assert vault.is_bound
    assert payload(vault) == b"kept"
    vault.lock()
    vault = unlock(plain, NEW, keystore, now=NOW + 20)
    assert vault.is_bound
    vault.lock()
    with pytest.raises(KeystoreUnavailable):
        unlock(plain, NEW, MemoryKeystore(), now=NOW + 30)


@pytest.mark.parametrize("was_bound", [False, True])
def test_a_key_store_that_fails_for_ever_at_any_call_of_a_recovery_costs_nobody_the_notebook(
    plain: Path,
    plain_template: tuple[Path, str],
    template: tuple[Path, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    was_bound: bool,
) -> None:
    """Before the new header the sheet opens; after it the new passphrase, with nothing that the key store had."""
    start, code, values = plain, plain_template[1], dict[str, bytes]()
    if was_bound:
        start, values = tmp_path / "bound", dict(template[1])
        shutil.copytree(template[0], start)
        vault = unlock(start, PASSPHRASE, MemoryKeystore(values), now=NOW)
        put(vault, b"kept")
        vault.set_recovery(PASSPHRASE, code, NOW)
        vault.lock()
    known, once = HeaderFile(start / "v.hdr").unchecked()[0].salt, cache(stretch)

    def quick(words: str, salt: bytes, cost: KdfParameters) -> bytes:  # many headers are made here
        return once(words, salt, cost) if salt == known else blake(b"test", words.encode(), key=salt)

    monkeypatch.setattr(recovery_module, "stretch", quick)
    monkeypatch.setattr(unlocking, "stretch", quick)
    ends = set()
    for calls in range(40):
        folder, keystore = shutil.copytree(start, tmp_path / str(calls)), FailingAfter(calls, values)
        recovery = Recovery.begin(folder, keystore)
        recovery.open(code)
        try:
            vault = recovery.finish(NEW, NOW)
        except KeystoreUnavailable:
            assert which_opens(folder, keystore.values) == PASSPHRASE
            recovery = Recovery.begin(folder, NoKeystore())
            recovery.open(code)
            recovery.finish(NEW, NOW).lock()
            ends.add("the sheet")
            continue
        bound = vault.is_bound
        vault.lock()
        assert which_opens(folder, keystore.values) == NEW
        if bound:
            ends.add("with it")
            break
        assert which_opens(folder, {}) == NEW
        ends.add("without it")
    else:
        raise AssertionError("it never came to its end")
    assert ends == {"the sheet", "with it", "without it"}


@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("where", ["before", "torn", "after"])
def test_a_cut_while_a_recovery_leaves_out_a_key_store_that_failed_leaves_the_new_passphrase(
    plain: Path, plain_template: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, number: int, where: str
) -> None:
    keystore, real, written = FailingAfter(2), HeaderFile._write, 0

    def write(self: HeaderFile, copy: int, header: Header, secret: bytes) -> None:
        nonlocal written
        if written == number and where == "torn":
            with (plain / "v.hdr").open("r+b") as file:
                file.seek(copy * COPY_SIZE)
                file.write(header.pack(secret)[:2000])
        if written == number and where != "after":
            raise KeyboardInterrupt
        real(self, copy, header, secret)
        if written == number:
            raise KeyboardInterrupt
        written += 1

    recovery = Recovery.begin(plain, keystore)
    recovery.open(plain_template[1])
    monkeypatch.setattr(HeaderFile, "_write", write)
    with pytest.raises(KeyboardInterrupt):
        recovery.finish(NEW, NOW)
    monkeypatch.setattr(HeaderFile, "_write", real)
    assert which_opens(plain, keystore.values) == NEW


class FailingAfter(MemoryKeystore):
    """Answers so many calls and then raises."""

    def __init__(self, calls: int, values: dict[str, bytes] | None = None) -> None:
        super().__init__(dict(values or {}))
        self.left = calls

    def _check(self, *, changing: bool = False) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError("no answer")


def which_opens(folder: Path, values: dict[str, bytes]) -> str:
    for words in (PASSPHRASE, NEW):
        try:
            vault = unlock(folder, words, MemoryKeystore(dict(values)), now=NOW + 10_000)
        except WrongPassphrase:
            continue
        assert payload(vault) == b"kept"
        vault.lock()
        return words
    raise AssertionError("nothing opens")


def test_wiping_a_vault_made_without_a_key_store_asks_no_key_store(plain: Path) -> None:
    vault = unlock(plain, PASSPHRASE, NoKeystore(), now=NOW + 10)
    words = ForcedWords(vault)
    words.set(SlotKind.OPEN, PASSPHRASE, "second made up words", NOW + 10)
    words.set(
        SlotKind.WIPE_THEN_OPEN, PASSPHRASE, "third made up words", NOW + 10, other="second made up words"
    )
    vault.lock()
    keystore = MemoryKeystore()
    vault = unlock(plain, "third made up words", keystore, now=NOW + 20)
    assert vault.is_second
    vault.lock()
    assert not {"ds", "ds2", "iid"} & keystore.values.keys()
    with pytest.raises(WrongPassphrase):
        unlock(plain, PASSPHRASE, keystore, now=NOW + 30)
    unlock(plain, "third made up words", NoKeystore(), now=NOW + 40).lock()


def test_a_bound_vault_whose_header_was_put_under_zeros_is_damaged_and_left_alone(
    vault: Vault, directory: Path, reopen: Callable[..., Vault]
) -> None:
    vault.lock()
    good = (directory / "v.hdr").read_bytes()
    copies = (good[:4064], good[COPY_SIZE : COPY_SIZE + 4064])
    forged = b"".join(copy + blake(b"fsv1 hmac", copy, key=bytes(32)) for copy in copies)
    (directory / "v.hdr").write_bytes(forged)
    with pytest.raises(VaultDamaged):
        reopen()
    assert (directory / "v.hdr").read_bytes() == forged
    (directory / "v.hdr").write_bytes(good)
    reopen()


def test_a_bound_vault_says_so(vault: Vault) -> None:
    assert vault.is_bound


# --- Entries of a system's key store -------------------------------------------------------------------


@given(st.binary(max_size=MAX_VALUE), st.sampled_from(["ds", "2.ds", "gen0", PROBE]))
def test_every_entry_has_one_size_and_comes_back(value: bytes, name: str) -> None:
    text = pack(name, value)
    assert len(text) == 88
    assert unpack(name, text) == value


def test_an_entry_looks_like_this_for_ever() -> None:
    text = "ASAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHwAAAAAAAAAAAAAAAAAAAAAAAAAAAABcmif99LpQAg=="
    assert pack("ds", bytes(range(32))) == text
    raw = base64.b64decode(text)
    oracle = hashlib.blake2b(b"ds" + raw[:56], digest_size=32, person=b"fsv1 ks entry".ljust(16, b"\0"))
    assert raw[56:] == oracle.digest()[:8]


@pytest.mark.parametrize("at", range(0, 64, 3))
def test_a_damaged_entry_is_an_error_and_no_key(at: int) -> None:
    raw = bytearray(base64.b64decode(pack("ds", b"k" * 32)))
    raw[at] ^= 1
    with pytest.raises(ValueError):
        unpack("ds", base64.b64encode(raw).decode())


@pytest.mark.parametrize("text", ["", "not base64 §", "AAAA", "A" * 88, pack("bk", b"k" * 32)])
def test_what_is_no_entry_of_this_name_is_an_error_that_says_nothing_of_it(text: str) -> None:
    keystore = SystemKeystore(MemoryTexts({"ds": text}))
    with pytest.raises(KeystoreUnavailable) as caught:
        recall(keystore, DEVICE_KEY, 32)
    assert str(caught.value) == "keystore failed: ValueError"


def test_all_that_a_vault_keeps_fits(template: tuple[Path, dict[str, bytes]]) -> None:
    assert set(GENERATION) < template[1].keys()
    for name, value in template[1].items():
        assert unpack(f"4.{name}", pack(f"4.{name}", value)) == value


# --- Which key store a folder has ----------------------------------------------------------------------


class Offered:
    """A system's key store, as `device_keystore` opens it."""

    def __init__(self) -> None:
        self.texts = MemoryTexts()
        self.asked: list[str] = []

    def __call__(self, folder_id: str) -> MemoryTexts:
        self.asked.append(folder_id)
        return self.texts


def test_a_folder_keeps_its_name_in_the_key_store(tmp_path: Path) -> None:
    offered = Offered()
    for _ in range(3):
        assert isinstance(device_keystore(tmp_path, offered), SystemKeystore)
    assert len(set(offered.asked)) == 1
    assert bytes.fromhex(offered.asked[0]) == (tmp_path / ID_FILE).read_bytes()
    assert not offered.texts.values
    assert [path.name for path in tmp_path.iterdir()] == [ID_FILE]


class ForgetfulTexts(MemoryTexts):
    def set(self, name: str, text: str) -> None:
        pass


class StubbornTexts(MemoryTexts):
    def delete(self, name: str) -> None:
        pass


class LyingTexts(MemoryTexts):
    def get(self, name: str) -> str | None:
        return "?" if name in self.values else None


@pytest.mark.parametrize(
    "texts", [None, MemoryTexts(broken=True), ForgetfulTexts(), StubbornTexts(), LyingTexts()]
)
def test_where_no_key_store_keeps_what_it_is_given_there_is_none(
    tmp_path: Path, texts: MemoryTexts | None
) -> None:
    offer = None if texts is None else lambda folder_id: texts
    keystore = device_keystore(tmp_path, offer)
    assert isinstance(keystore, NoKeystore)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("gone", ["raises", "not installed", "id damaged", "id emptied", "id unreadable"])
def test_a_key_store_that_is_gone_is_never_taken_for_none(tmp_path: Path, gone: str) -> None:
    offered = Offered()
    folder = tmp_path / "data"
    folder.mkdir()
    keystore = device_keystore(folder, offered)
    create(folder, PASSPHRASE, keystore, FLOOR, now=NOW).lock()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    if gone == "raises":
        offered.texts.broken = True
    elif gone == "id damaged":
        (folder / ID_FILE).write_bytes(b"short")
    elif gone == "id emptied":
        (folder / ID_FILE).write_bytes(b"")
    elif gone == "id unreadable":
        (folder / ID_FILE).unlink()
        (folder / ID_FILE).mkdir()
    later = device_keystore(folder, None if gone == "not installed" else offered)
    with pytest.raises(KeystoreUnavailable):
        unlock(folder, PASSPHRASE, later, now=NOW + 10)
    for name in ("v.hdr", "v.db", "v.box"):
        assert (folder / name).read_bytes() == before[name]
    offered.texts.broken = False
    if gone.startswith("id"):
        shutil.rmtree(folder / ID_FILE, ignore_errors=True)
        (folder / ID_FILE).write_bytes(before[ID_FILE])
    unlock(folder, PASSPHRASE, device_keystore(folder, offered), now=NOW + 20).lock()


def test_a_folder_whose_id_was_lost_needs_the_sheet_and_is_not_damaged(tmp_path: Path) -> None:
    offered = Offered()
    create(tmp_path / "data", PASSPHRASE, first_keystore(tmp_path / "data", offered), FLOOR, now=NOW).lock()
    (tmp_path / "data" / ID_FILE).unlink()
    stranger = device_keystore(tmp_path / "data", lambda folder_id: MemoryTexts())
    with pytest.raises(KeystoreUnavailable):
        unlock(tmp_path / "data", PASSPHRASE, stranger, now=NOW)


def first_keystore(folder: Path, offered: Offered) -> SystemKeystore:
    folder.mkdir()
    keystore = device_keystore(folder, offered)
    assert isinstance(keystore, SystemKeystore)
    return keystore


@pytest.mark.parametrize("call", [1, 2])
def test_a_full_disk_leaves_no_key_store_and_no_half_an_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Where the id may not be durable, nothing may depend on it."""
    real, calls = os.fsync, iter(range(1, 10))

    def fsync(descriptor: int) -> None:
        if next(calls) == call:
            raise OSError("no space")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert isinstance(device_keystore(tmp_path, Offered()), NoKeystore)
    assert [path.name for path in tmp_path.iterdir()] == ([] if call == 1 else [ID_FILE])


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("answers", [True, False])
def test_two_that_start_for_the_first_time_at_once_keep_one_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool, answers: bool
) -> None:
    """A key store asks for its password, the app is opened once more, and then both go on."""
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", no_link)
    stores: dict[str, MemoryTexts] = {}
    begun: list[str] = []

    def offer(folder_id: str) -> MemoryTexts:
        return stores.setdefault(folder_id, MemoryTexts())

    def slow(folder_id: str) -> MemoryTexts:
        if not begun:
            begun.append(folder_id)
            device_keystore(tmp_path, offer)
            return MemoryTexts(broken=not answers)
        return offer(folder_id)

    device_keystore(tmp_path, slow).set("ds", b"k" * 32)
    assert device_keystore(tmp_path, offer).get("ds") == b"k" * 32


def no_link(self: Path, target: Path) -> None:
    raise PermissionError("this file system has no links")


def test_a_probe_leaves_nothing(keystore: MemoryKeystore) -> None:
    assert works(keystore)
    assert not keystore.values


def test_the_guard_reads_no_key_store_that_it_does_not_need(plain: Path) -> None:
    assert guards.HeaderGuard(plain, MemoryKeystore(broken=True)).is_unguarded
