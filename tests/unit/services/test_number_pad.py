"""What is known, while locked, of how a notebook is opened: a hint for the keyboard, never a lock."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fieldapp.services.number_pad import DIGITS, ENTRY, LETTERS, NumberPad
from fieldapp.services.shelf import Shelf
from fieldapp.services.worker import StorageWorker
from fieldapp.vault import KeystoreUnavailable, WrongPassphrase
from tests.fakes.keystore import MemoryKeystore

pytestmark = pytest.mark.anyio


@pytest.fixture
async def worker() -> AsyncIterator[StorageWorker]:
    made = StorageWorker()
    yield made
    made.close()


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A device of two workers."""
    for folder in (tmp_path, tmp_path / "2"):
        folder.mkdir(exist_ok=True)
        (folder / "v.hdr").write_bytes(bytes(8192))
    return tmp_path


async def test_each_notebook_has_its_own_and_all_are_read_once(two: Path, worker: StorageWorker) -> None:
    keystore = MemoryKeystore({ENTRY: DIGITS})
    shelf = Shelf(two, keystore)
    pad = NumberPad(shelf, worker, possible=True)
    assert (pad.digits_first, pad.tried) == (False, True), "not asked yet: letters, and a PIN is tried"
    await pad.read()
    assert (pad.digits_first, pad.tried) == (True, True)
    shelf.choose(2)
    assert (pad.digits_first, pad.tried) == (False, False)
    await pad.choose(digits=True)
    assert keystore.values == {ENTRY: DIGITS, f"2.{ENTRY}": DIGITS}
    keystore.broken = True
    await pad.read()
    assert pad.digits_first, "nothing is asked again"


@pytest.mark.parametrize("held", [b"\x00", b"\x07", b"", b"\x01\x01"])
async def test_what_is_none_shows_letters_and_lets_a_pin_be_tried(
    two: Path, worker: StorageWorker, held: bytes
) -> None:
    pad = NumberPad(Shelf(two, MemoryKeystore({ENTRY: held})), worker, possible=True)
    await pad.read()
    assert (pad.digits_first, pad.tried) == (False, True)


async def test_a_key_store_that_answers_later_is_asked_again(two: Path, worker: StorageWorker) -> None:
    keystore = MemoryKeystore({ENTRY: DIGITS}, broken=True)
    pad = NumberPad(Shelf(two, keystore), worker, possible=True)
    await pad.read()
    assert (pad.digits_first, pad.tried) == (False, True)
    keystore.broken = False
    await pad.read()
    assert pad.digits_first


async def test_where_no_pin_is_possible_nothing_is_asked_or_written(two: Path, worker: StorageWorker) -> None:
    keystore = MemoryKeystore({ENTRY: DIGITS}, broken=True)
    pad = NumberPad(Shelf(two, keystore), worker, possible=False)
    await pad.read()
    await pad.forget()
    async with pad.changing(digits=False):
        assert (pad.digits_first, pad.tried) == (False, False)
    with pytest.raises(KeystoreUnavailable):
        await pad.choose(digits=True)


async def fail(pad: NumberPad, keystore: MemoryKeystore, error: Exception) -> None:
    async with pad.changing(digits=True):
        assert keystore.values[ENTRY] == DIGITS, "before it is in force"
        raise error


@pytest.mark.parametrize("before", [None, DIGITS, LETTERS])
async def test_a_change_that_certainly_failed_leaves_it_and_another_one_leaves_numbers_tried(
    two: Path, worker: StorageWorker, before: bytes | None
) -> None:
    keystore = MemoryKeystore({ENTRY: before} if before else {})
    pad = NumberPad(Shelf(two, keystore), worker, possible=True)
    await pad.read()
    for error, left in ((WrongPassphrase("no slot"), before), (OSError("full"), before or LETTERS)):
        with pytest.raises(type(error)):
            await fail(pad, keystore, error)
        assert keystore.values.get(ENTRY) == left


async def test_a_passphrase_in_its_place_is_noted_only_when_it_is_in_force(
    two: Path, worker: StorageWorker
) -> None:
    keystore = MemoryKeystore({ENTRY: DIGITS})
    pad = NumberPad(Shelf(two, keystore), worker, possible=True)
    await pad.read()
    with pytest.raises(OSError, match="full"):
        async with pad.changing(digits=False):
            raise OSError("full")
    assert keystore.values[ENTRY] == DIGITS
    async with pad.changing(digits=False):
        assert keystore.values[ENTRY] == DIGITS
    assert keystore.values[ENTRY] == LETTERS
    await pad.forget()
    assert (keystore.values, pad.tried) == ({}, False)
