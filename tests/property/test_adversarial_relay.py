"""A relay that does what it likes between a device and its centre: nothing is lost, doubled or forged unnoticed.

Thousands of seeded schedules over the real sealing, outbox, receipts, directory and intake; only the vaults are left
out (`test_adversarial_device` has them). In each the relay drops, duplicates, reorders, swaps, truncates, alters,
replays, delays, forges receipts, serves old and foreign directories and is put back to a backup. After every step:

- a record is at the centre at most once, as the device sealed it, and at once when it arrives, whatever came before;
- OPENED on the device was said by a desk that had opened it; the directory in force is one that the centre signed;
- what is missing is named: by the registrar, if a later one came, and by the device, which does not show OPENED.

Then the relay behaves for a while: everything arrives exactly once and is opened. A failure names its seed.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import pytest

from fieldapp.services.contents import Entries
from fieldapp.services.filed import Filed, What
from fieldapp.services.hearing import effect_of
from fieldapp.services.listening import listen
from fieldapp.services.sealing import Body, Sealer, entry
from fieldapp.vault import ChainState
from sync import intake as intake_module
from sync import outbox, receipts
from sync.certificate import Certificate
from sync.chain import ChainLedger
from sync.envelope import OpenedHeader, Reader
from sync.errors import DirectoryRejected, EnvelopeRejected
from sync.intake import Accepted, Counted, Duplicate, Intake, Lookups, Quarantined
from sync.keys import choose_prekey
from sync.outbox import OutboxMeta, OutboxState
from sync.primitives import SigningKey
from sync.protocol import DAY, MsgType, SenderKind
from sync.receipts import ReceiptItem, ReceiptKind
from sync.trust import TrustedState, update
from tests.fakes.centre import Arrived, ScriptedCentre

NOW = 1_795_000_000
RECORDS = 8
SCHEDULES = 20_000 if os.environ.get("FIELDAPP_LONG") else 2_000
STEPS = 24
BATCH = 500


@dataclass
class Story:
    """What is sealed once and then sent through every schedule: a chain of records, and all that can be said of them."""

    centre: ScriptedCentre = field(default_factory=lambda: ScriptedCentre("https://relay.example", NOW))

    def __post_init__(self) -> None:
        self.member = self.centre.member()
        self.first = self.centre.trust
        sealer = Sealer(self.member, self.first, ChainState(), [bytes([n]) * 32 for n in range(RECORDS)], NOW)
        self.filed: list[Filed] = []
        for n in range(RECORDS):
            band = "NOW" if n % 3 == 2 else "PLANNED"
            record = Filed(bytes([n]) * 16, bytes(16), What.SCREENING, f"made up {n}", NOW + n, "", band)
            body = Body(MsgType.SCREENING, b'{"note":"made up %d"}' % n)
            self.filed.append(sealer.seal(record, [body]))
        self.entries = sealer.entries
        self.envelopes = [one.envelope for one in self.entries]
        self.seq_of = {one.envelope_hash: one.seq for one in self.entries}
        self.said = {
            (kind, arrived.opened.hash): self.centre.receipt([arrived], kind)
            for arrived in map(self.centre.open, self.envelopes)
            for kind in (ReceiptKind.RECEIVED, ReceiptKind.OPENED)
        }
        self.forged = [forgery for envelope in self.envelopes for forgery in self._forgeries(envelope)]
        self.blobs = [self.centre.blob, self.centre.with_another_desk(b"2" * 16, SigningKey.generate().public_key())]
