"""A fresh vault per test, at the floor's cost (the product accepts nothing cheaper)."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fieldapp.vault import FLOOR, Vault, create, unlock
from tests.fakes.keystore import MemoryKeystore
from tests.faults import forced_driver

PASSPHRASE = "made up words for a test"
NOW = 1_800_000_000


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def keystore() -> MemoryKeystore:
    return MemoryKeystore()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An empty vault, made once for a module: its folder and what its keystore holds."""
    keystore, directory = MemoryKeystore(), tmp_path_factory.mktemp("template") / "data"
    create(directory, PASSPHRASE, keystore, FLOOR, now=NOW).lock()
    return directory, keystore.values


@pytest.fixture
def vault(
    directory: Path, keystore: MemoryKeystore, template: tuple[Path, dict[str, bytes]]
) -> Iterator[Vault]:
    """A new, unlocked vault: a copy of the template."""
    shutil.copytree(template[0], directory)
    keystore.values.update(template[1])
    made = unlock(directory, PASSPHRASE, keystore, now=NOW)
    yield made
    made.lock()


@pytest.fixture
def reopen(directory: Path, keystore: MemoryKeystore) -> Iterator[Callable[..., Vault]]:
    """Unlock the vault again; whatever was opened is locked at the end of the test."""
    opened: list[Vault] = []

    def again(passphrase: str = PASSPHRASE, *, now: int = NOW + 10) -> Vault:
        for vault in opened:
            vault.lock()
        opened.append(unlock(directory, passphrase, keystore, now=now))
        return opened[-1]

    yield again
    for vault in opened:
        vault.lock()


@pytest.fixture
def quick_argon2id(monkeypatch: pytest.MonkeyPatch) -> None:
    """One fast hash in place of Argon2id, as `made_device` was made with."""
    forced_driver.replace_argon2id(monkeypatch.setattr)


@pytest.fixture(scope="session")
def made_device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A locked device with two notebooks, made once: a folder to copy and leave alone."""
    with pytest.MonkeyPatch.context() as patch:
        forced_driver.replace_argon2id(patch.setattr)
        return forced_driver.template(tmp_path_factory.mktemp("made") / "device")
