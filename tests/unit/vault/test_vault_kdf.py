"""From passphrase to key: known answers of the specification, limits, calibration."""

import pytest

from fieldapp.vault.errors import StorageFailed, VaultDamaged
from fieldapp.vault.kdf import (
    CANDIDATES,
    FLOOR,
    KdfParameters,
    calibrate,
    key_encryption_key,
    passphrase_bytes,
    stretch,
)
from fieldapp.vault.slots import commitment

SALT = bytes(range(16))
HEADER_ID = bytes(range(0x10, 0x20))


def test_known_answers_from_passphrase_to_commitment() -> None:
    stretched = stretch("correct horse battery staple", SALT, KdfParameters(65_536, 3))
    assert stretched.hex() == "0d1a3c6523c8f06e4e0af9c515aa5b5448cfebd6838f2d52c3d8b6ef8ddc3c2e"
    kek = key_encryption_key(stretched, b"\xd5" * 32, HEADER_ID)
    assert kek.hex() == "64f7abec9fb2c60ac74635728d9fdd2d0ac1f5bf7a08b18a01b7e626e89cdc5f"
    assert commitment(kek, 3).hex() == "037480abbab299c9f32c8b851f5aa5e4"


def test_a_passphrase_is_normalised_and_never_trimmed() -> None:
    assert passphrase_bytes("cafe\u0301") == passphrase_bytes("caf\u00e9") == "café".encode()
    assert passphrase_bytes("\uff41") == b"a"
    assert passphrase_bytes(" two  spaces ") == b" two  spaces "


def test_every_script_and_even_a_lone_surrogate_can_be_typed() -> None:
    assert passphrase_bytes("كلمة سر") != passphrase_bytes("كلمة")
    assert passphrase_bytes("\ud800")


@pytest.mark.parametrize(
    ("memory_mib", "passes"),
    [(31, 3), (8, 100), (32, 2), (45, 2), (46, 1), (64, 1), (513, 3), (4096, 3), (64, 17)],
)
def test_a_cost_outside_the_limits_is_refused(memory_mib: int, passes: int) -> None:
    parameters = KdfParameters(memory_mib * 1024, passes)
    assert not parameters.is_legal()
    with pytest.raises(VaultDamaged):
        stretch("anything", SALT, parameters)


@pytest.mark.parametrize(
    "parameters", [*CANDIDATES, KdfParameters(256 * 1024, 3), KdfParameters(512 * 1024, 3)]
)
def test_every_cost_that_the_product_chooses_is_legal(parameters: KdfParameters) -> None:
    assert parameters.is_legal()


def test_a_fast_device_gets_the_strongest_cost() -> None:
    assert calibrate(lambda _: 0.9) == CANDIDATES[0]


def test_a_slower_device_gets_the_first_cost_within_the_time() -> None:
    seconds = {128 * 1024: 1.8, 64 * 1024: 0.8, 46 * 1024: 0.4}
    assert calibrate(lambda p: seconds[p.memory_kib]) == KdfParameters(64 * 1024, 3)


def test_a_device_of_64_mb_gets_a_legal_cost() -> None:
    def measure(parameters: KdfParameters) -> float:
        if parameters.memory_kib > 40 * 1024:
            raise MemoryError
        return 0.5

    assert calibrate(measure) == FLOOR


def test_a_hopelessly_slow_device_still_gets_the_floor() -> None:
    assert calibrate(lambda _: 60.0) == FLOOR


def test_calibration_measures_on_this_machine() -> None:
    assert calibrate() in CANDIDATES


def test_too_little_memory_is_not_a_wrong_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldapp.vault import kdf
    from sync.errors import PrimitiveError

    def refuse(*_args: object, **_named: object) -> bytes:
        raise PrimitiveError("memory")

    monkeypatch.setattr(kdf, "argon2id", refuse)
    with pytest.raises(StorageFailed):
        stretch("anything", SALT, FLOOR)
