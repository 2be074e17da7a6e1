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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from fieldapp.services import listening
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
from sync.keys import LivePrekey, choose_prekey
from sync.outbox import OutboxMeta, OutboxState
from sync.primitives import SigningKey
from sync.protocol import DAY, MsgType, SenderKind
from sync.receipts import ReceiptKind
from sync.trust import TrustedState, update
from tests.fakes.centre import ScriptedCentre

NOW = 1_795_000_000
RECORDS = 6
SCHEDULES = 20_000 if os.environ.get("FIELDAPP_LONG") else 2_000
STEPS = 20
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
        self.seq_by_bytes = {one.envelope: one.seq for one in self.entries}
        self.said = {
            (kind, arrived.opened.hash): self.centre.receipt([arrived], kind)
            for arrived in map(self.centre.open, self.envelopes)
            for kind in (ReceiptKind.RECEIVED, ReceiptKind.OPENED)
        }
        self.forged = [forgery for envelope in self.envelopes for forgery in self._altered(envelope)]
        self.lies = self._lies()
        self.blobs = self._blobs()
        directory = self.centre.directory
        names = ("registrar", *directory.policy.intake_roles(()))
        wanted = {choose_prekey(directory.roles[name], NOW).pk for name in names}
        self.prekeys = [
            key for ring in self.centre.rings.values() for key in ring.live() if key.pair.public in wanted
        ]
        self.reader = RememberingReader(self.prekeys)
        self.certificate = Certificate(
            SenderKind.DEVICE, self.centre.root.centre_id, self.member.device_id, self.member.signing.public,
            self.member.prekeys.current, NOW, "police", (),
        )  # fmt: skip

    def _altered(self, envelope: bytes) -> list[bytes]:
        """What a relay can make of an envelope: every region flipped, cut, and continued with another one's bytes."""
        flipped = []
        for at in (5, 40, 60, 100, 130, 300, 1020, 1200, 1360, len(envelope) - 1):
            copy = bytearray(envelope)
            copy[at] ^= 0x10
            flipped.append(bytes(copy))
        other = self.envelopes[(self.envelopes.index(envelope) + 1) % RECORDS]
        spliced = [envelope[:at] + other[at:] for at in (120, 232, 1016, 1352)]
        return [*flipped, *spliced, envelope[:-1], envelope[:1000], envelope + bytes(8), b""]

    def _lies(self) -> list[bytes]:
        """Receipts that nobody may believe: false proofs under the desk's signature, and true ones of a stranger."""
        arrived = [self.centre.open(envelope) for envelope in self.envelopes]
        stranger = b"s" * 16, SigningKey.generate()
        thief = self.centre.desk_id, SigningKey.generate()
        lies = []
        for one in arrived:
            received = receipts.received_proof(one.opened.k_h, one.opened.hash)
            lies.append(self.centre.receipt([one], ReceiptKind.OPENED, proof=received))
            lies.append(self.centre.receipt([one], ReceiptKind.OPENED, proof=bytes(32)))
            lies += [self.centre.receipt([one], ReceiptKind.OPENED, desk=desk) for desk in (stranger, thief)]
        return lies

    def _blobs(self) -> list[bytes]:
        """Directory 1 and 2 of this centre, and what it never signed: another centre's, cut, altered."""
        first, second = self.centre.blob, self.centre.with_another_desk(b"2" * 16, SigningKey.generate())
        self.genuine = (first, second)
        altered = bytearray(second)
        altered[len(second) // 2] ^= 1
        return [first, second, ScriptedCentre("https://relay.example", NOW).blob, second[:-1], bytes(altered)]


class RememberingReader(Reader):
    """Opens the same bytes once, and gives the same object for them."""

    def __init__(self, prekeys: Sequence[LivePrekey], slots: Sequence[int] = range(8)) -> None:
        super().__init__(prekeys, slots)
        self.open_header = remembered(super().open_header)  # type: ignore[method-assign]


def remembered(pure: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what a pure function returned or raised: thousands of schedules ask it for the same envelopes.

    What is opened is known by its identity, which `RememberingReader` keeps.
    """
    known: dict[object, tuple[Any, Exception | None]] = {}

    def ask(*args: Any) -> Any:
        key = tuple(id(arg) if isinstance(arg, OpenedHeader) else arg for arg in args)
        if key not in known:
            try:
                known[key] = pure(*args), None
            except (EnvelopeRejected, DirectoryRejected) as error:
                known[key] = None, error
        value, error = known[key]
        if error:
            raise error.with_traceback(None)
        return value

    return ask


class Desk:
    """The centre: it judges, commits, and answers."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.ledger = ChainLedger()
        self.inbox: list[bytes] = []
        self.opened: set[bytes] = set()
        lookups = Lookups(
            certificate=lambda sender: story.certificate if sender == story.member.device_id else None,
            ledger=lambda sender: self.ledger,
            revoked_from=lambda sender: None,
            directory=lambda v, h: story.first.directory if h == story.first.dir_hash else None,
        )
        self.intake = Intake(story.first.centre_id, story.prekeys, story.prekeys, lookups, lambda *_: None)
        self.intake._likely = self.intake._all = story.reader

    def receive(self, envelope: bytes) -> list[bytes]:
        """Take an envelope in; returns the receipts to send."""
        genuine = envelope in self.story.seq_by_bytes
        match self.intake.receive(envelope):
            case Accepted(opened=opened):
                assert genuine, "something that the device never sealed was accepted"
                assert opened.hash not in self.inbox, "delivered twice"
                self.ledger.record(opened.header.seq, opened.hash, opened.header.prev_hash)
                self.inbox.append(opened.hash)
                return [self.story.said[ReceiptKind.RECEIVED, opened.hash]]
            case Duplicate(opened=opened):
                assert opened.hash in self.inbox
                kinds = [ReceiptKind.RECEIVED, *[ReceiptKind.OPENED] * (opened.hash in self.opened)]
                return [self.story.said[kind, opened.hash] for kind in kinds]
            case Quarantined() | Counted():
                assert not genuine, "a record was held back"
        return []

    def open(self, env_hash: bytes) -> bytes:
        """A person opens what arrived."""
        self.opened.add(env_hash)
        return self.story.said[ReceiptKind.OPENED, env_hash]


class Device:
    """The device without its vault: the outbox and what receipts do to it."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.entries: Entries = {}
        self.filed: dict[bytes, Filed] = {}
        self.trust: TrustedState = story.first
        self.now = NOW

    def file(self) -> None:
        if len(self.filed) < RECORDS:
            record, envelope = self.story.filed[len(self.filed)], self.story.entries[len(self.filed)]
            self.filed = {**self.filed, record.record_id: record}
            self.entries = {
                **self.entries,
                envelope.entry_id: (envelope, OutboxMeta.from_bytes(envelope.meta)),
            }

    def push(self, offer: Callable[[bytes], bool]) -> None:
        """Offer what is due, urgent first, as the sync loop does."""
        due = [pair for pair in self.entries.values() if outbox.is_due(pair[1], self.now)]
        for envelope, meta in sorted(due, key=lambda pair: (not pair[1].urgent, pair[1].seq)):
            meta = outbox.missing(meta, self.now) if meta.offered_at else meta
            taken = offer(envelope.envelope)
            meta = (
                outbox.stored(meta, self.now)
                if taken
                else outbox.failed(meta, "server_error", self.now, lambda n: 0)
            )
            updated = entry(envelope.entry_id, envelope.record_id, meta, envelope.envelope)
            self.entries = {**self.entries, envelope.entry_id: (updated, meta)}

    def hear(self, envelopes: list[bytes]) -> None:
        news = listen(envelopes, self.story.member, self.trust)
        effect = effect_of(news.receipts, self.entries, self.filed, keep=1, now=self.now)
        self.filed = {**self.filed, **effect.filed}
        entries = {**self.entries, **effect.under_way}
        self.entries = {key: pair for key, pair in entries.items() if key not in effect.gone}

    def update(self, blob: bytes) -> None:
        try:
            self.trust = update(self.trust, blob)
        except DirectoryRejected:
            return


class Schedule:
    """One run, from a seed."""

    def __init__(self, story: Story, seed: int) -> None:
        self.story, self.dice = story, random.Random(seed)
        self.device, self.desk = Device(story), Desk(story)
        self.box: list[bytes] = []
        self.shard: list[bytes] = []
        self.backup: tuple[list[bytes], list[bytes]] = ([], [])

    def run(self) -> None:
        steps = [self.file, self.push, self.push, self.deliver, self.deliver, self.deliver, self.open, self.hear,
                 self.hear, self.keep_a_backup, self.restore, self.serve_a_directory, self.wait]  # fmt: skip
        for _ in range(STEPS):
            self.dice.choice(steps)()
            self.check()
        self.behave()

    # --- What the relay and the others do --------------------------------------------------------------

    def file(self) -> None:
        self.device.file()

    def push(self) -> None:
        def offer(envelope: bytes) -> bool:
            stores, says_so = self.dice.random() < 0.6, self.dice.random() < 0.6
            if stores:
                self.box.append(envelope)
            return says_so  # a lie, a refusal, or an answer that was lost

        self.device.push(offer)

    def deliver(self) -> None:
        """Hand the desk anything in any order: what came, once more what came long ago, and what was altered."""
        pool = self.box + self.dice.sample(self.story.forged, 2)
        for envelope in self.dice.sample(pool, self.dice.randint(1, min(3, len(pool)))):
            self.shard += self.desk.receive(envelope)

    def open(self) -> None:
        if self.desk.inbox:
            self.shard.append(self.desk.open(self.dice.choice(self.desk.inbox)))

    def hear(self) -> None:
        pool = self.shard + self.dice.sample(self.story.lies, 2)
        self.device.hear(self.dice.sample(pool, self.dice.randint(1, min(6, len(pool)))))

    def keep_a_backup(self) -> None:
        self.backup = [*self.box], [*self.shard]

    def restore(self) -> None:
        self.box, self.shard = [*self.backup[0]], [*self.backup[1]]

    def serve_a_directory(self) -> None:
        before = self.device.trust.version
        self.device.update(self.dice.choice(self.story.blobs))
        assert self.device.trust.version >= before

    def wait(self) -> None:
        self.device.now += self.dice.choice((60, 3600, DAY, 31 * DAY, -400 * DAY))

    def behave(self) -> None:
        """An honest relay and a working centre, for as long as the device waits before it offers again."""
        while len(self.device.filed) < RECORDS:
            self.file()
        while self.device.entries and self.device.now < NOW + 10_000 * DAY:
            self.device.now += 31 * DAY
            self.device.push(lambda envelope: not self.box.append(envelope))
            said = [
                receipt for envelope in dict.fromkeys(self.box) for receipt in self.desk.receive(envelope)
            ]
            said += [self.desk.open(env_hash) for env_hash in self.desk.inbox]
            self.device.hear([*dict.fromkeys(said)])
            self.check()
        assert sorted(self.desk.inbox) == sorted(self.story.seq_of), "not everything arrived exactly once"
        assert self.desk.ledger.missing == ()
        assert self.device.entries == {}
        assert all(record.opened_at and record.content is None for record in self.device.filed.values())

    # --- What must hold after every step ---------------------------------------------------------------

    def check(self) -> None:
        arrived = {self.story.seq_of[env_hash] for env_hash in self.desk.inbox}
        missing = {n for gap in self.desk.ledger.missing for n in range(gap.first, gap.last + 1)}
        assert missing == set(range(1, max(arrived, default=0))) - arrived, (
            "the registrar does not name what is missing"
        )
        assert self.device.trust.blob in self.story.genuine
        for record in self.device.filed.values():
            (part,) = record.parts
            assert not record.opened_at or part.env_hash in self.desk.opened, "a false OPENED"
        on_the_way = {meta.env_hash: meta.state for _, meta in self.device.entries.values()}
        for record in self.device.filed.values():
            (part,) = record.parts
            assert part.env_hash in on_the_way or record.opened_at, "the device gave something up"
        for env_hash, state in on_the_way.items():
            assert state is not OutboxState.RECEIVED or env_hash in self.desk.inbox, "a false RECEIVED"


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    story = Story()
    with pytest.MonkeyPatch.context() as patch:
        ears = RememberingReader(story.member.prekeys.live(), (1,))
        patch.setattr(listening, "Reader", lambda prekeys, slots: ears)
        for module in (listening, intake_module):
            for name in ("verify_signature", "verify_body_hash", "open_body"):
                patch.setattr(module, name, remembered(getattr(module, name)))
        patch.setattr(TrustedState, "pin", remembered(TrustedState.pin))
        yield story


@pytest.mark.parametrize("batch", range(SCHEDULES // BATCH))
def test_whatever_the_relay_does_each_record_arrives_once_or_is_missed_by_name(
    story: Story, batch: int
) -> None:
    run_all(story, range(batch * BATCH, (batch + 1) * BATCH))


def run_all(story: Story, seeds: range) -> None:
    for seed in seeds:
        try:
            Schedule(story, seed).run()
        except Exception as error:
            raise AssertionError(f"schedule {seed}") from error


def believe_every_receipt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "match", lambda item, expected: True)


def forget_the_chain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ChainLedger, "record", lambda *_: None)


def let_a_gap_hold_back(patch: pytest.MonkeyPatch) -> None:
    from sync.chain import ChainOutcome

    real = Intake._judge_chain

    def judge(self: Intake, opened: OpenedHeader) -> object:
        verdict = real(self, opened)
        if verdict.outcome is ChainOutcome.GAP:
            raise EnvelopeRejected(intake_module.Reason.FORK)
        return verdict

    patch.setattr(Intake, "_judge_chain", judge)


def give_up_what_was_stored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "REOFFER_AFTER", 10**9)


@pytest.mark.parametrize(
    "plant", [believe_every_receipt, forget_the_chain, let_a_gap_hold_back, give_up_what_was_stored]
)
def test_the_search_finds_what_it_is_for(
    story: Story, plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        run_all(story, range(100))
