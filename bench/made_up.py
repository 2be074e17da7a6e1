"""Made-up screenings for the benches, as long as real ones, and the device that holds them."""

import time
from pathlib import Path
from typing import Final

import httpx

from fieldapp.assets import default_instrument, handover_words
from fieldapp.domain.ids import handover_pair
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, Screening, start_screening
from fieldapp.services.gate import Gate
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, ForcedWords, KdfParameters, Keystore, NoKeystore, SlotKind, unlock
from sync.client import RelayClient
from tests.fakes.clock import START, FixedClock
from tests.fakes.keystore import MemoryKeystore

PASSPHRASE: Final = "made up canoe lantern gravel sixty"
SECOND: Final = "harmless sextant walnut copper ninety"
"""Opens the second notebook, where one is set."""
WIPE: Final = "goodbye marble anchor violet thirty"
ALIAS: Final = "Madeup Canaryword"
"""What must be readable nowhere."""


def answered(alias: str = ALIAS) -> Screening:
    """Return a screening with twenty answers and a note, not finished yet."""
    screening = start_screening(
        screening_id=SystemIds().new_id(),
        alias=alias,
        instrument=default_instrument(),
        at=START,
        mode=Mode.OFFICER,
    ).with_context(language="en")
    for number, item in enumerate(screening.instrument.by_id):
        screening = screening.with_answer(item, (Answer.NO, Answer.YES, Answer.UNKNOWN)[number % 3])
    return screening


def finished(alias: str = ALIAS) -> Screening:
    """Return a finished screening that is to be sent."""
    pair = handover_pair(SystemIds(), handover_words())
    return answered(alias).finished(START + 170, FinishChoice(FinishKind.SEND), pair)


class SlowKeystore(MemoryKeystore):
    """A key store that takes `seconds` for every call, as one behind a message bus does."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def _check(self, *, changing: bool = False) -> None:
        if self.seconds:
            time.sleep(self.seconds)
        super()._check(changing=changing)


def device(directory: Path, cost: KdfParameters = FLOOR, keystore: Keystore | None = None) -> Gate:
    """Return the gate of a device without network, and without a key store but for `keystore`; its clock stands still."""
    held = keystore or NoKeystore()
    return Gate(directory, held, FixedClock(), SystemIds(), _no_network, calibrated=lambda: cost)


def set_words(directory: Path, keystore: Keystore | None = None) -> None:
    """Set a second and a wipe passphrase in a locked vault. Slow: Argon2id several times."""
    vault = unlock(directory, PASSPHRASE, keystore or NoKeystore(), now=START)
    ForcedWords(vault).set(SlotKind.OPEN, PASSPHRASE, SECOND, START)
    ForcedWords(vault).set(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, START, other=SECOND)
    vault.lock()


def _no_network(url: str) -> RelayClient:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network in a bench")

    return RelayClient(url, transport=httpx.MockTransport(refuse))
