"""The same hostile relay as in `test_adversarial_relay`, against a whole device: vault, book, delivery and client.

Fewer schedules, because every step is on a disk; FIELDAPP_LONG=1 plays hundreds. The relay answers as it likes over
HTTP: errors, portals, lies, old pages, forged receipts, unknown cursors, foreign directories. The device is locked and
unlocked in between, and killed in the middle of nothing: whatever it confirmed is in its vault.
"""

import asyncio
import os
import random
import shutil
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.notebook import Notebook
from fieldapp.services.worker import StorageWorker
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, NoKeystore, UnlockAttempt, Vault, create
from sync.answers import BINARY, JSON, PAGE_MAGIC
from sync.chain import ChainLedger, ChainOutcome
from sync.client import RelayClient
from sync.errors import EnvelopeRejected
from sync.primitives import SigningKey
from sync.protocol import DAY
from sync.receipts import ReceiptKind
from tests.fakes.centre import Arrived, ScriptedCentre
from tests.fakes.clock import START, FixedClock

SCHEDULES = 300 if os.environ.get("FIELDAPP_LONG") else 6
STEPS = 32
URL = "https://relay.example"
PASSPHRASE = "made-up words for a test device only"
SEND = FinishChoice(FinishKind.SEND)


@dataclass(frozen=True)
class Template:
    """An enrolled device, and its centre."""

    folder: Path
    stretched: bytes
    centre: ScriptedCentre
    blobs: list[bytes]


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        device = Path(folder) / "device"
        centre = ScriptedCentre(URL, START)
        vault = create(device, PASSPHRASE, NoKeystore(), FLOOR, now=START)

        async def join() -> None:
            book = await DeviceBook.open(vault, StorageWorker(), FixedClock(), SystemIds())
            await book.join(centre.member(), centre.trust, [struct.pack("<I28x", n) for n in range(400)])
            await book.close()

        asyncio.run(join())
        first = centre.blob
        second = centre.with_another_desk(b"2" * 16, SigningKey.generate())
        attempt = UnlockAttempt.begin(device, NoKeystore(), START)
        stretched = attempt.stretch(PASSPHRASE)
        attempt.finish(stretched, START).lock()
        yield Template(
            device, stretched, centre, [first, second, ScriptedCentre(URL, START).blob, second[:-1]]
        )


class Relay(httpx.AsyncBaseTransport):
    """A relay under the power of a die; `honest` ends that."""

    def __init__(self, dice: random.Random, blobs: list[bytes]) -> None:
        self.dice, self.blobs = dice, blobs
        self.honest = False
        self.box: list[bytes] = []
        self.shard: list[bytes] = []
        self.lies: list[bytes] = []
        self.tokens: dict[str, set[bytes]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        if not self.honest and self.dice.random() < 0.1:
            return self._trouble()
        if "/drop/" in request.url.path:
            return self._drop(request.headers["authorization"], body)
        if "/shard/" in request.url.path:
            return self._page(request.url.params.get("after", ""))
        blob = self.blobs[1] if self.honest else self.dice.choice(self.blobs)
        return httpx.Response(200, content=blob, headers={"content-type": BINARY})

    def _trouble(self) -> httpx.Response:
        if self.dice.random() < 0.3:
            raise httpx.ReadError("cut")
        status = self.dice.choice((200, 302, 403, 404, 429, 500, 503, 507))
        return httpx.Response(status, text="<html>Welcome to our guest network</html>")

    def _drop(self, token: str, body: bytes) -> httpx.Response:
        self.tokens.setdefault(token, set()).add(body)
        if self.honest or self.dice.random() < 0.7:
            self.box.append(body)
        if not self.honest and self.dice.random() < 0.3:
            status, word = self.dice.choice(((403, "forbidden"), (409, "conflict"), (500, "internal")))
            return httpx.Response(status, json={"error": word}, headers={"content-type": JSON})
        return httpx.Response(201, json={"id": "00" * 16}, headers={"content-type": JSON})

    def _page(self, after: str) -> httpx.Response:
        """Every item once, the cursor counts them; or else anything."""
        if self.honest:
            start = int(after, 16) if after and int(after, 16) <= len(self.shard) else 0
            items = self.shard[start : start + 20]
            end = start + len(items)
        else:
            true = self.dice.sample(self.shard, self.dice.randint(0, min(3, len(self.shard))))
            items = [*true, *self.lies]
            end = self.dice.randint(0, len(self.shard))
            if self.dice.random() < 0.1:
                gone = {"error": "cursor_unknown"}
                return httpx.Response(410, json=gone, headers={"content-type": JSON})
        cursor = end.to_bytes(16, "big") if items else bytes.fromhex(after or "00" * 16)
        ids = [bytes(16)] * (len(items) - 1) + [cursor]
        rows = (
            struct.pack("<16sII", one, 7, len(item)) + item for one, item in zip(ids, items, strict=False)
        )
        more = self.honest and end < len(self.shard)
        head = struct.pack("<4sBBH16s", PAGE_MAGIC, more, 0, len(items), cursor)
        return httpx.Response(200, content=head + b"".join(rows), headers={"content-type": BINARY})


class Centre:
    """The desk: it judges what the relay hands over, and a person opens some of it."""

    def __init__(self, centre: ScriptedCentre) -> None:
        self.centre, self.ledger = centre, ChainLedger()
        self.inbox: dict[bytes, Arrived] = {}
        self.opened: set[bytes] = set()

    def take(self, envelope: bytes) -> list[bytes]:
        """Judge one envelope; returns the receipts for it."""
        try:
            arrived = self.centre.open(envelope)
        except EnvelopeRejected:
            return []
        header, env_hash = arrived.header, arrived.opened.hash
        verdict = self.ledger.record(header.seq, env_hash, header.prev_hash)
        assert verdict.outcome is not ChainOutcome.FORK, "a number was used twice"
        self.inbox[env_hash] = arrived
        said = [self.centre.receipt([arrived], ReceiptKind.RECEIVED)]
        return said + ([self.open(env_hash)] if env_hash in self.opened else [])

    def open(self, env_hash: bytes) -> bytes:
        self.opened.add(env_hash)
        return self.centre.receipt([self.inbox[env_hash]], ReceiptKind.OPENED)


class Schedule:
    """One run of one device."""

    def __init__(self, template: Template, seed: int) -> None:
        self.template, self.dice = template, random.Random(seed)
        self.relay = Relay(self.dice, template.blobs)
        self.desk = Centre(template.centre)
        self.clock = FixedClock()
        self.work = template.folder.parent / "work"
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(template.folder, self.work)
        self.confirmed: set[bytes] = set()

    async def run(self) -> None:
        await self.unlock()
        weights = {
            self.file: 2,
            self.sync: 5,
            self.deliver: 3,
            self.open: 1,
            self.lie: 2,
            self.restart: 1,
            self.wait: 2,
        }
        steps = [step for step, weight in weights.items() for _ in range(weight)]
        for _ in range(STEPS):
            await self.dice.choice(steps)()
            self.check()
        await self.behave()
        await self.lock()

    async def unlock(self) -> None:
        now = self.clock.now()
        vault: Vault = UnlockAttempt.begin(self.work, NoKeystore(), now).finish(self.template.stretched, now)
        book = await DeviceBook.open(vault, StorageWorker(), self.clock, SystemIds())
        self.notebook = Notebook(book, lambda relay: RelayClient(relay, transport=self.relay))

    async def lock(self) -> None:
        await self.notebook.lock()

    async def restart(self) -> None:
        await self.lock()
        await self.unlock()

    async def file(self) -> None:
        screening = await self.notebook.screenings.begin(Mode.OFFICER, language="en")
        record = await self.notebook.screenings.finish(screening.with_answer("S02", Answer.YES), SEND)
        self.confirmed.add(record.record_id)

    async def sync(self) -> None:
        await self.notebook.delivery.once()

    async def deliver(self) -> None:
        for envelope in self.dice.sample(self.relay.box, min(2, len(self.relay.box))):
            at = self.dice.randrange(len(envelope))
            broken = envelope[:at] + bytes([envelope[at] ^ 1]) + envelope[at + 1 :]
            known = len(self.desk.inbox)
            if self.dice.random() < 0.3:
                try:
                    self.template.centre.open(broken)
                except EnvelopeRejected:
                    continue
                raise AssertionError("altered bytes were accepted")
            self.relay.shard += self.desk.take(envelope)
            assert len(self.desk.inbox) <= known + 1

    async def open(self) -> None:
        if self.desk.inbox:
            self.relay.shard.append(self.desk.open(self.dice.choice(list(self.desk.inbox))))

    async def lie(self) -> None:
        """Forge OPENED for something that arrived and nobody opened: with another proof, and under another key."""
        closed = [one for env_hash, one in self.desk.inbox.items() if env_hash not in self.desk.opened]
        if closed:
            one, centre = self.dice.choice(closed), self.template.centre
            thief = centre.desk_id, SigningKey.generate()
            self.relay.lies.append(centre.receipt([one], ReceiptKind.OPENED, proof=bytes(32)))
            self.relay.lies.append(centre.receipt([one], ReceiptKind.OPENED, desk=thief))

    async def wait(self) -> None:
        self.clock.advance(self.dice.choice((600, 7 * 3600, 31 * DAY)))

    def check(self) -> None:
        book = self.notebook.book
        assert {record.record_id for record in book.filed} == self.confirmed, "a confirmed record is gone"
        for record in book.filed:
            told = {part.env_hash for part in record.parts if part.opened}
            assert told <= self.desk.opened, "a false OPENED"
        assert not book.damaged
        assert book.trust
        assert book.trust.blob in self.template.blobs[:2]
        assert all(len(bodies) == 1 for bodies in self.relay.tokens.values()), "a token for two envelopes"
        seqs = [meta.seq for _, meta in book.on_the_way]
        assert len(set(seqs)) == len(seqs)

    async def behave(self) -> None:
        """Let everybody do what they should; all that was confirmed is opened, each number once."""
        await self.file()
        self.relay.honest = True
        for _ in range(12):
            self.clock.advance(31 * DAY)
            await self.sync()
            for envelope in dict.fromkeys(self.relay.box):
                self.relay.shard += self.desk.take(envelope)
            self.relay.box.clear()
            self.relay.shard += [self.desk.open(env_hash) for env_hash in self.desk.inbox]
            await self.sync()
            self.check()
            if not self.notebook.book.on_the_way:
                break
        assert self.notebook.book.on_the_way == (), "something never drained"
        assert {one.header.record_id for one in self.desk.inbox.values()} == self.confirmed
        seqs = sorted(one.header.seq for one in self.desk.inbox.values())
        assert seqs == list(range(1, len(seqs) + 1)), "a number is missing or twice"


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_whatever_the_relay_answers_every_confirmed_record_is_opened_once(
    template: Template, seed: int
) -> None:
    asyncio.run(Schedule(template, seed).run())
