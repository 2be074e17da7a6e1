"""The key store of a Linux desktop against a real one: gnome-keyring on a bus of its own."""

import gc
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldapp.host.desktop_keystore import desktop_offer
from fieldapp.vault import FLOOR, KeystoreUnavailable, SystemKeystore, create, device_keystore, unlock
from fieldapp.vault.keystore import recall

if sys.platform != "linux":
    pytest.skip("the Secret Service is a Linux desktop's", allow_module_level=True)

from tests.secret_service import BUS, SecretService, can_run, secret_service

NOW = 1_800_000_000
WORDS = "made up words for a desktop"
FOLDER = "0f" * 16


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretService]:
    if not can_run():
        if os.environ.get("FIELDAPP_BROWSER") == "required":
            pytest.fail("everything is required, but there is no Secret Service: dbus and gnome-keyring")
        pytest.skip("needs a Secret Service: dbus and gnome-keyring")
    with secret_service(tmp_path / "service") as service:
        monkeypatch.setenv(BUS, service.address)
        yield service


@pytest.fixture
def keystore(service: SecretService) -> SystemKeystore:
    offer = desktop_offer()
    assert offer
    return SystemKeystore(offer(FOLDER))


def test_a_vault_is_bound_to_a_real_one(service: SecretService, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    made = device_keystore(folder, desktop_offer())
    assert isinstance(made, SystemKeystore)
    create(folder, WORDS, made, FLOOR, now=NOW).lock()
    vault = unlock(folder, WORDS, device_keystore(folder, desktop_offer()), now=NOW + 10)
    assert vault.is_bound
    vault.lock()


def test_all_calls_use_one_connection_and_one_agreed_key(
    keystore: SystemKeystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agreeing on a key is nearly all that a call cost."""
    import secretstorage

    from fieldapp.host import secret_service

    opened: list[str] = []
    for module, name in ((secret_service, "open_session"), (secretstorage, "dbus_init")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *given, real=real, name=name: (opened.append(name), real(*given))[1]
        )
    # These would be used by the library where a collection or an item has no session yet.
    for module in (secretstorage.collection, secretstorage.item):
        monkeypatch.setattr(module, "open_session", lambda _connection: pytest.fail("one more session"))
    for number in range(5):
        keystore.set("ds", bytes([number]) * 32)
        assert keystore.get("ds") == bytes([number]) * 32
    keystore.delete("ds")
    assert keystore.get("ds") is None
    assert opened == ["dbus_init", "open_session"]


def test_the_librarys_own_backend_reads_the_same_entries(keystore: SystemKeystore) -> None:
    """What an earlier release wrote is found, written over and deleted; and the other way round."""
    from keyring.backends.SecretService import Keyring

    library = Keyring()  # type: ignore[no-untyped-call]
    place = (f"notebook.{FOLDER}.ds", "notebook")
    keystore.set("ds", b"o" * 32)
    text = library.get_password(*place)
    library.set_password(*place, "x" * 88)
    with pytest.raises(ValueError, match="not an entry"):
        keystore.get("ds")
    library.set_password(*place, text)
    assert keystore.get("ds") == b"o" * 32
    keystore.set("ds", b"p" * 32)
    assert library.get_password(*place) != text
    keystore.delete("ds")
    assert library.get_password(*place) is None
    keystore.delete("ds")  # nothing happens


def test_a_service_that_is_started_anew_is_found_again(
    service: SecretService, keystore: SystemKeystore
) -> None:
    keystore.set("ds", b"k" * 32)
    service.stop()
    with pytest.raises(KeystoreUnavailable):
        recall(keystore, "ds", 32)
    service.start()
    assert recall(keystore, "ds", 32) == b"k" * 32
    service.stop()
    service.start()  # between two calls: the connection to the bus is whole, what was agreed on is gone
    keystore.set("ds", b"m" * 32)
    assert recall(keystore, "ds", 32) == b"m" * 32


def test_a_key_ring_that_is_locked_is_one_that_fails_and_works_again(
    service: SecretService, keystore: SystemKeystore
) -> None:
    """Nobody is there to type its password: no answer, nothing lost."""
    keystore.set("ds", b"k" * 32)
    service.lock()
    for _ in range(2):
        with pytest.raises(KeystoreUnavailable):
            recall(keystore, "ds", 32)
    service.stop()
    service.start()
    assert recall(keystore, "ds", 32) == b"k" * 32


def test_a_connection_that_is_given_up_is_closed(service: SecretService, keystore: SystemKeystore) -> None:
    keystore.set("ds", b"k" * 32)
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for _ in range(3):
            service.stop()
            service.start()
            assert keystore.get("ds") == b"k" * 32
        gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
