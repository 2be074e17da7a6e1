"""What a later release changes in stored records, with made-up steps: no stored form has changed since the first one."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.vault import ForcedWords, StorageFailed, Vault, VaultDamaged, migrate
from fieldapp.vault.cells import MAX_FRAGMENTS, PAYLOAD_SIZE
from fieldapp.vault.migration import STEPS, Step
from fieldapp.vault.pool import Staged
from fieldapp.vault.store import CellStore
from tests.faults.forced_driver import FIRST, MADE_UP_STEPS, NOW, OPEN, opened
from tests.vectors.device import golden

ID = b"z" * 16


pytestmark = pytest.mark.usefixtures("quick_argon2id")


@pytest.fixture
def vault(made_device: Path, tmp_path: Path) -> Iterator[Vault]:
    """A notebook with the record "kept" of kind 1, and the memory of the second notebook."""
    shutil.copytree(made_device, tmp_path / "device")
    found = opened(tmp_path / "device", FIRST)
    yield found
    found.lock()


def payloads(vault: Vault) -> list[bytes]:
    return sorted(record.payload for record in vault.records())


def test_no_stored_form_has_changed_yet_and_nothing_is_written(vault: Vault) -> None:
    generation = vault.generation
    assert STEPS == ()
    assert migrate(vault, NOW) == 0
    assert vault.generation == generation


def test_a_device_that_skipped_a_release_is_led_through_every_step_once_in_one_transaction(
    vault: Vault, tmp_path: Path
) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(ID, 1, b"form 2 of the release before")
        tx.put(b"y" * 16, 2, b"of another kind", flags=7)
    generation = vault.generation
    assert migrate(vault, NOW, MADE_UP_STEPS) == 2
    assert vault.generation == generation + 1
    assert payloads(vault) == [b"form 3 kept", b"form 3 of the release before", b"of another kind"]
    assert migrate(vault, NOW, MADE_UP_STEPS) == 0
    assert ForcedWords(vault).is_set(OPEN)
    vault.lock()
    again = opened(tmp_path / "device", FIRST)
    assert payloads(again) == [b"form 3 kept", b"form 3 of the release before", b"of another kind"]
    assert (again.altered, again.damaged) == (0, [])
    again.lock()


def unreadable(_payload: bytes) -> bytes:
    raise ValueError("made up")


@pytest.mark.parametrize(
    "step",
    [
        Step(1, lambda payload: payload == b"kept", unreadable),
        Step(1, unreadable, lambda payload: payload),  # type: ignore[arg-type]
        Step(1, lambda payload: payload == b"kept", lambda payload: payload),
        Step(1, lambda payload: payload == b"kept", lambda payload: payload + bytes(PAYLOAD_SIZE)),
        Step(1, lambda payload: payload == b"kept", lambda payload: bytes(MAX_FRAGMENTS * PAYLOAD_SIZE)),
    ],
)
def test_a_record_that_a_step_cannot_convert_stays_and_holds_up_no_other(vault: Vault, step: Step) -> None:
    with vault.transaction(NOW) as tx:
        tx.put(ID, 2, b"other")
    other = Step(2, lambda payload: payload == b"other", lambda _: b"newer")
    assert migrate(vault, NOW, (step, other)) == 1
    assert payloads(vault) == [b"kept", b"newer"]


def test_a_full_disk_leaves_everything_in_the_older_form(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise StorageFailed("made up")

    with monkeypatch.context() as patch:
        patch.setattr(CellStore, "write", refuse)
        with pytest.raises(StorageFailed):
            migrate(vault, NOW, MADE_UP_STEPS)
    assert payloads(vault) == [b"kept"]
    assert migrate(vault, NOW, MADE_UP_STEPS) == 1


def test_nothing_is_written_when_a_record_would_be_missing_or_another(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, generation = Staged.all, vault.generation
    for wrong in (
        lambda staged: real(staged)[1:],
        lambda staged: [replace(record, payload=b"?") for record in real(staged)],
        lambda staged: [*real(staged), replace(real(staged)[0], record_id=ID)],
    ):
        monkeypatch.setattr(Staged, "all", wrong)
        with pytest.raises(VaultDamaged):
            migrate(vault, NOW, MADE_UP_STEPS)
    assert (payloads(vault), vault.generation) == ([b"kept"], generation)


def test_a_notebook_that_was_put_back_is_not_migrated(vault: Vault, tmp_path: Path) -> None:
    vault.lock()
    cells = tmp_path / "device" / "data" / "v.db"
    old = cells.read_bytes()
    newer = opened(tmp_path / "device", FIRST)
    with newer.transaction(NOW) as tx:
        tx.put(ID, 1, b"newer")
    newer.lock()
    cells.write_bytes(old)
    back = opened(tmp_path / "device", FIRST)
    assert (migrate(back, NOW, MADE_UP_STEPS), payloads(back)) == (0, [b"kept"])
    back.lock()


@pytest.mark.anyio
async def test_the_services_migrate_before_they_read(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldapp.services import filing
    from fieldapp.services.settings import Settings

    older = Settings(language="fr").to_bytes().replace(b'"v":1', b'"v":0').replace(b'"language"', b'"lingua"')
    with vault.transaction(NOW) as tx:
        tx.put(ID, 1, older)
    step = Step(
        1,
        lambda payload: b'"v":0' in payload,
        lambda payload: payload.replace(b'"v":0', b'"v":1').replace(b'"lingua"', b'"language"'),
    )
    monkeypatch.setattr(filing, "migrate", lambda vault, now: migrate(vault, now, (step,)))
    notebook = await golden.notebook_of(vault)
    assert notebook.book.settings.language == "fr"
    await notebook.book.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
