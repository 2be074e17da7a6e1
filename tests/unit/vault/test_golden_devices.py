"""Whole data directories that releases wrote: every passphrase opens them for ever, and everything in them is read."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fieldapp.vault import (
    OutboxFile,
    Recovery,
    Vault,
    WrongPassphrase,
    finish_wipe,
    new_code,
    rekey,
    unlock,
)
from tests.fakes.keystore import MemoryKeystore
from tests.vectors.device import golden

VECTORS = Path(golden.__file__).parent
RELEASES = sorted(path.stem for path in VECTORS.glob("device-*.json"))
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Golden:
    """A copy of the files of one release, which a test may change."""

    folder: Path
    expected: dict[str, Any]
    keystore: MemoryKeystore

    def opened(self, name: str = "passphrase", later: int = 100) -> Vault:
        return unlock(self.folder, self.expected[name], self.keystore, now=self.expected["now"] + later)


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    expected = json.loads((VECTORS / f"{request.param}.json").read_text(encoding="utf-8"))
    keystore = MemoryKeystore({name: bytes.fromhex(held) for name, held in expected["keystore"].items()})
    folder = tmp_path_factory.mktemp("golden") / "data"
    golden.unpack((VECTORS / f"{request.param}.tar.xz").read_bytes(), folder, keystore.values["bk"])
    return Golden(folder, expected, keystore)


@pytest.fixture
def device(release: Golden, tmp_path: Path) -> Golden:
    folder = shutil.copytree(release.folder, tmp_path / "data")
    return Golden(folder, release.expected, MemoryKeystore(dict(release.keystore.values)))


async def test_every_record_is_there_and_is_read_by_the_services(device: Golden) -> None:
    vault = device.opened()
    assert golden.read(vault) == device.expected["read"]
    assert not vault.rollback
    notebook = await golden.notebook_of(vault)
    assert golden.shown(notebook) == device.expected["shown"]
    await notebook.book.close()


async def test_the_second_passphrase_opens_the_second_notebook(device: Golden) -> None:
    vault = device.opened("second")
    assert (vault.is_second, vault.damaged, vault.altered) == (True, [], 0)
    notebook = await golden.notebook_of(vault)
    assert golden.shown(notebook) == device.expected["shown_second"]
    await notebook.book.close()


async def test_the_sheet_opens_it_with_a_key_store_that_lost_everything(device: Golden) -> None:
    device.keystore.values.clear()
    recovery = Recovery.begin(device.folder, device.keystore)
    recovery.open(device.expected["sheet"])
    vault = recovery.finish("made-up words after the recovery", device.expected["now"])
    assert golden.read(vault)["records"] == device.expected["read"]["records"]
    assert golden.read(vault)["outbox"] == device.expected["read"]["outbox"]
    vault.lock()


def test_the_wipe_passphrase_closes_the_first_notebook_for_good_and_the_outbox_stays(device: Golden) -> None:
    vault = device.opened("wipe")
    assert (vault.is_second, vault.damaged) == (True, [])
    finish_wipe(vault)
    vault.lock()
    for name in ("passphrase", "second"):
        with pytest.raises(WrongPassphrase):
            device.opened(name, later=1000)
    with OutboxFile.open(device.folder, device.keystore.values["bk"]) as box:
        assert [entry.seq for entry in box.entries()] == [row[2] for row in device.expected["read"]["outbox"]]


async def test_it_can_be_worked_with_and_its_key_rotated(device: Golden) -> None:
    vault = device.opened()
    rekey(vault, device.expected["passphrase"], new_code(), device.expected["now"] + 200)
    with vault.transaction(device.expected["now"] + 200) as tx:
        tx.put(b"n" * 16, 8, b"of a later release")
    vault.lock()
    vault = device.opened(later=300)
    found = golden.read(vault)
    assert [row for row in found["records"] if row[0] != b"n".hex() * 16] == device.expected["read"][
        "records"
    ]
    assert (found["epoch"], found["outbox"]) == (
        device.expected["read"]["epoch"] + 1,
        device.expected["read"]["outbox"],
    )
    vault.lock()


def test_the_first_release_is_among_them_and_all_are_small() -> None:
    assert RELEASES[0] == "device-1"
    assert all((VECTORS / f"{name}.tar.xz").stat().st_size < 300_000 for name in RELEASES)
