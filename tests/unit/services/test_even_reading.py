"""Through the gate every passphrase and every search reads as much, beside the derivation as far as that is possible."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fieldapp.services import contents, even_reading
from fieldapp.services.gate import Gate
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, ForcedWords, SlotKind, UnlockAttempt, WrongPassphrase, even, unlock
from fieldapp.vault.attempts import AttemptRecord
from tests.fakes.clock import FixedClock
from tests.fakes.keystore import MemoryKeystore
from tests.session.field_harness import no_network
from tests.unit.services.conftest import PASSPHRASE, screen
from tests.unit.services.test_locked_sender import SECOND, WIPE

pytestmark = pytest.mark.anyio

WRONG = "some wrong words that might be a sentence"


@pytest.fixture
def keystore() -> MemoryKeystore:
    return MemoryKeystore()


@pytest.fixture
async def device(tmp_path: Path, keystore: MemoryKeystore, clock: FixedClock) -> AsyncIterator[Gate]:
    """A locked device with three records in the first notebook, none in the second, and both words."""
    gate = Gate(tmp_path / "device", keystore, clock, SystemIds(), no_network, calibrated=lambda: FLOOR)
    notebook = await gate.create(PASSPHRASE, Settings())
    for _ in range(3):
        await screen(notebook)
    await gate.lock()
    vault = unlock(gate.shelf.folder, PASSPHRASE, keystore, now=clock.now())
    ForcedWords(vault).set(SlotKind.OPEN, PASSPHRASE, SECOND, clock.now())
    ForcedWords(vault).set(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, clock.now(), other=SECOND)
    vault.lock()
    yield gate
    await gate.shut()


async def test_every_answer_has_read_as_many_records(device: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(even, "CELLS", 20)
    read = {"for nothing": 0, "for the worker": 0}
    of_a_record, for_nothing = contents._read, even_reading.Filed.from_bytes

    def counted(*args: object) -> None:
        read["for the worker"] += 1
        read["for nothing"] -= args[0].kind == contents.Kind.FILED  # type: ignore[attr-defined]
        of_a_record(*args)  # type: ignore[arg-type]

    def parsed(data: bytes) -> object:
        read["for nothing"] += 1
        return for_nothing(data)

    monkeypatch.setattr(contents, "_read", counted)
    monkeypatch.setattr(even_reading.Filed, "from_bytes", parsed)
    found = {}
    for name, word in {"first": PASSPHRASE, "second": SECOND, "wrong": WRONG, "wipe": WIPE}.items():
        read.update({"for nothing": 0, "for the worker": 0})
        try:
            notebook = await device.unlock(word)
            assert len(notebook.book.filed) == (3 if name == "first" else 0)
        except WrongPassphrase:
            assert name == "wrong"
        found[name] = read["for nothing"] + read["for the worker"]
        await device.lock()
    for name, word in {"tried": WRONG, "never tried": "dentist"}.items():
        read.update({"for nothing": 0, "for the worker": 0})
        assert await device.search(word) is None
        found[f"search, {name}"] = read["for nothing"] + read["for the worker"]
    assert found == dict.fromkeys(found, 20)


async def test_what_needs_no_passphrase_is_read_beside_the_derivation(
    device: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the other to have begun: one after the other they would wait in vain."""
    stretch, prepare = UnlockAttempt.stretch, UnlockAttempt.prepare
    begun, met = threading.Barrier(2), []

    def stretching(self: UnlockAttempt, passphrase: str) -> bytes:
        met.append(begun.wait(20))
        return stretch(self, passphrase)

    def preparing(self: UnlockAttempt) -> None:
        if len(met) < 2:  # `finish` asks once more, and finds it done
            met.append(begun.wait(20))
        prepare(self)

    monkeypatch.setattr(UnlockAttempt, "stretch", stretching)
    monkeypatch.setattr(UnlockAttempt, "prepare", preparing)
    notebook = await device.unlock(PASSPHRASE)
    assert (len(notebook.book.filed), sorted(met)) == (3, [0, 1])


async def test_the_key_store_hears_of_it_behind_the_notebook_also_when_that_is_locked_at_once(
    device: Gate, keystore: MemoryKeystore
) -> None:
    with pytest.raises(WrongPassphrase):
        await device.unlock(WRONG)
    assert AttemptRecord.unpack(keystore.values["att"]).failures == 1
    await device.unlock(PASSPHRASE)
    await device.lock()
    assert AttemptRecord.unpack(keystore.values["att"]).failures == 0
    await device.unlock(WIPE)
    in_use = keystore.values["ds2"]
    await device.lock()
    assert keystore.values["ds"] == in_use
    with pytest.raises(WrongPassphrase):
        await device.unlock(PASSPHRASE)
