"""From a passphrase to the key-encryption key: Argon2id, its cost, and the calibration of that cost.

    KEK = H("fsv1 kek", key=Argon2id(passphrase, salt, t, m), msg = ds | hdr_uuid)

The passphrase is the UTF-8 of its NFKC form, inner spaces kept. The cost is chosen once, at creation, on the device
itself; a header that asks for less than the floor or more than the ceiling is refused (a downgrade, or an attempt to
exhaust the memory). The floor follows the vault's specification: 32 MiB with 3 passes, or 46 MiB with 2.
"""

import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fieldapp.vault.errors import StorageFailed, VaultDamaged
from sync.errors import PrimitiveError
from sync.primitives import argon2id, blake, random_bytes

SALT_SIZE: Final = 16
MIB: Final = 1024
"""KiB in a MiB."""
CEILING_KIB: Final = 512 * MIB
MAX_PASSES: Final = 16
"""Not from the specification: bounds the time that a forged header can cost."""
TARGET_SECONDS: Final = 0.9


@dataclass(frozen=True, slots=True)
class KdfParameters:
    """The cost of one Argon2id run: memory in KiB and passes; one lane always."""

    memory_kib: int
    passes: int

    def is_legal(self) -> bool:
        """Tell whether a vault may use this cost: not below the floor, not above the ceiling."""
        if not 32 * MIB <= self.memory_kib <= CEILING_KIB:
            return False
        least = 2 if self.memory_kib >= 46 * MIB else 3
        return least <= self.passes <= MAX_PASSES

    def check(self) -> None:
        """Raise VaultDamaged for a cost that no release of this product ever writes."""
        if not self.is_legal():
            raise VaultDamaged("key derivation outside its limits")


FLOOR: Final = KdfParameters(32 * MIB, 3)
DESK: Final = KdfParameters(256 * MIB, 3)
"""What a desk uses: a computer of the centre, not a phone."""
CANDIDATES: Final = (
    KdfParameters(128 * MIB, 3),
    KdfParameters(64 * MIB, 3),
    KdfParameters(64 * MIB, 2),
    KdfParameters(46 * MIB, 2),
    FLOOR,
)


def stopwatch(parameters: KdfParameters) -> float:
    """Run Argon2id once with a throw-away passphrase; seconds. MemoryError when the device has not enough memory."""
    salt = random_bytes(SALT_SIZE)
    start = time.perf_counter()
    try:
        argon2id(b"calibration", salt, passes=parameters.passes, memory_kib=parameters.memory_kib)
    except PrimitiveError:
        raise MemoryError from None
    return time.perf_counter() - start


def calibrate(measure: Callable[[KdfParameters], float] = stopwatch) -> KdfParameters:
    """Return the strongest cost that takes at most 0.9 s here, and the floor when none does.

    `measure` gives seconds, or raises MemoryError. Only the listed candidates are ever returned, so the answer is
    legal on every device, however small or slow it is.
    """
    for candidate in CANDIDATES[:-1]:
        try:
            if measure(candidate) <= TARGET_SECONDS:
                return candidate
        except MemoryError:
            continue
    return FLOOR


def passphrase_bytes(passphrase: str) -> bytes:
    """Return the bytes that are stretched: the UTF-8 of the NFKC form. No trimming: spaces are part of it."""
    return unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")


def stretch(passphrase: str, salt: bytes, parameters: KdfParameters) -> bytes:
    """Run Argon2id: 32 bytes. Slow on purpose, safe in any thread; StorageFailed when the memory is not there."""
    parameters.check()
    try:
        return argon2id(
            passphrase_bytes(passphrase), salt, passes=parameters.passes, memory_kib=parameters.memory_kib
        )
    except PrimitiveError:
        raise StorageFailed("not enough memory for the key derivation") from None


def key_encryption_key(stretched: bytes, device_secret: bytes, header_id: bytes) -> bytes:
    """Bind a stretched passphrase to the device and to this header: the 32-byte KEK."""
    return blake(b"fsv1 kek", device_secret + header_id, key=stretched)
