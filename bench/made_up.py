"""Made-up screenings for the benches, as long as real ones, and the device that holds them."""

from pathlib import Path
from typing import Final

import httpx

from fieldapp.assets import default_instrument, handover_words
from fieldapp.domain.ids import handover_pair
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode, Screening, start_screening
from fieldapp.services.gate import Gate
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, ForcedWords, KdfParameters, NoKeystore, SlotKind, unlock
from sync.client import RelayClient
from tests.fakes.clock import START, FixedClock

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


def device(directory: Path, cost: KdfParameters = FLOOR) -> Gate:
    """Return the gate of a device without network and keystore; its clock stands still."""
    return Gate(directory, NoKeystore(), FixedClock(), SystemIds(), _no_network, calibrated=lambda: cost)


def set_words(directory: Path) -> None:
    """Set a second and a wipe passphrase in a locked vault. Slow: Argon2id several times."""
    vault = unlock(directory, PASSPHRASE, NoKeystore(), now=START)
    ForcedWords(vault).set(SlotKind.OPEN, PASSPHRASE, SECOND, START)
    ForcedWords(vault).set(SlotKind.WIPE_THEN_OPEN, PASSPHRASE, WIPE, START, other=SECOND)
    vault.lock()


def _no_network(url: str) -> RelayClient:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no network in a bench")

    return RelayClient(url, transport=httpx.MockTransport(refuse))
