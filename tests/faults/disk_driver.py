"""Does every change of a device with a disk that fails at every call in turn, and tells what was left.

    python -m tests.faults.disk_driver FOLDER

Reads one line per change on standard input: its name, the step between the calls that are tried ("1": every one), and
perhaps a defect to plant. Answers with one JSON line: how many calls the change makes, how many cases were tried, and
what was wrong.

Each case is a fork of this process that opens a copy of the same device, does the change, and dies or is refused in
the middle. Then this process opens what is left, as the next start of the app would.
"""

import asyncio
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fieldapp.domain.attachment import PIECE_SIZE
from fieldapp.domain.instrument import Answer
from fieldapp.domain.screening import FinishChoice, FinishKind, Mode
from fieldapp.services.chunking import piece_id, pieces_of
from fieldapp.services.filed import Filed
from fieldapp.services.keeping import DeviceBook
from fieldapp.services.kinds import Kind
from fieldapp.services.listening import News
from fieldapp.services.media import Prepared
from fieldapp.services.media import prepare as made_ready
from fieldapp.services.membership import Membership
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings, Work
from fieldapp.services.worker import StorageWorker
from fieldapp.system import SystemIds
from fieldapp.vault import (
    FLOOR,
    NoKeystore,
    UnlockAttempt,
    Vault,
    VaultError,
    WrongPassphrase,
    create,
    even,
    exists,
)
from fieldapp.vault import vault as vault_module
from fieldapp.vault.kdf import stretch
from sync import outbox
from sync.client import RelayClient
from sync.receipts import ReceiptItem, ReceiptKind
from sync.trust import TrustedState, update
from tests.fakes import media
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.faults.disk import DEADLY, DIED, REFUSALS, Disk, Fault, library

PASSPHRASE = "made-up words for a test device only"
ANOTHER = "other made-up words for the same device"
CLOCK = FixedClock()
SEND = FinishChoice(FinishKind.SEND)
SETTINGS = Settings(work=Work.OUTREACH, language="nl")

PASSPHRASES: list[bytes] = []
"""The stretched passphrases that a device may have, the first one first."""

State = dict[str, Any]
Change = Callable[[Notebook], Awaitable[object]]


vault_module.stretch = cache(stretch)
"""Argon2id is slow and no part of what fails here: what this process has stretched its forks know."""
even.CELLS = 0
"""Nor are cells that are opened for nothing."""


def unlock(folder: Path, stretched: Sequence[bytes]) -> Vault:
    """Open with the first of these stretched passphrases that does."""
    first, *others = stretched
    try:
        return UnlockAttempt.begin(folder, NoKeystore(), CLOCK.now()).finish(first, CLOCK.now())
    except WrongPassphrase:
        if not others:
            raise
    return unlock(folder, others)


def opens(vault: Vault, stretched: bytes) -> bool:
    try:
        return bool(vault._open().guard.open(stretched))
    except WrongPassphrase:
        return False


def prepared(pieces: int) -> Prepared:
    """A made-up document of so many pieces."""
    return made_ready(media.pdf(pieces * PIECE_SIZE - 500))


async def notebook_of(vault: Vault) -> Notebook:
    return Notebook(await DeviceBook.open(vault, StorageWorker(), CLOCK, SystemIds()), RelayClient)


def state_of(notebook: Notebook) -> State:
    """Everything that a worker or the centre could notice, without what is random."""
    book = notebook.book
    return {
        "drafts": {s.id.hex(): len(s.answers) for s in notebook.screenings.unfinished},
        "filed": {r.record_id.hex(): [book.stage(r).name, r.content is not None] for r in book.filed},
        "queue": [[meta.seq, meta.state.value, bool(meta.offered_at)] for _, meta in book.on_the_way],
        "next": book._vault.chain.next_seq,
        "tokens": book.tokens_left,
        "cursor": book.membership.cursor if book.membership else "",
        "directory": book.trust.version if book.trust else 0,
        "settings": [book.settings.work.value, book.settings.language],
        "device": book.membership.device_id.hex() if book.membership else "",
        "files": {
            s.id.hex(): sorted(len(file.pieces) for file in notebook.attachments.of(s.id))
            for s in notebook.screenings.unfinished
        },
        "pieces": [
            len(book._vault.records(Kind.PIECE)),
            # Sorted: records of one second stand in the order of their random ids.
            *sorted([len(r.unsealed_pieces), len(r.withdrawn)] for r in book.filed if r.attachments),
        ],
        "opens": [opens(book._vault, stretched) for stretched in PASSPHRASES],
    }


def faults_of(notebook: Notebook) -> list[str]:
    """What must never be, in whatever state."""
    book, vault, found = notebook.book, notebook.book._vault, []
    if vault.damaged or vault.outbox_damaged or vault.altered or book.damaged:
        found.append("damaged")
    if vault.rollback:
        found.append("looks rolled back")
    queued = [meta for _, meta in book.on_the_way]
    parts = {part.env_hash for record in book.filed for part in record.parts if not part.opened}
    if parts != {meta.env_hash for meta in queued}:
        found.append("sealed and not queued, or queued and not sealed")
    seqs = Counter(meta.seq for meta in queued)
    if max([*seqs.values(), 0]) > 1 or vault.chain.next_seq <= max([*seqs, 0]):
        found.append("a seq twice")
    tokens = Counter([meta.drop_token for meta in queued] + list(book._tokens))
    if max(tokens.values()) > 1:
        found.append("a token twice")
    listed = pieces_of([f for s in notebook.screenings.unfinished for f in notebook.attachments.of(s.id)])
    listed += [
        piece_id(file.id, index)
        for record in book.filed
        for file in record.attachments
        for index in range(len(file.pieces))
        if file.id not in record.withdrawn
    ]
    if {piece.record_id for piece in vault.records(Kind.PIECE)} != set(listed):
        found.append("a piece without its list, or a list without its piece")
    if {s.id for s in notebook.screenings.unfinished} & {r.record_id for r in book.filed}:
        found.append("draft and filed")
    return found


@dataclass(frozen=True)
class World:
    """A device that is in the middle of everything, and what its centre has to say."""

    folder: Path
    news: News
    newer: TrustedState
    anew: Membership

    def changes(self) -> dict[str, Change]:
        def draft(notebook: Notebook) -> Any:
            return notebook.screenings._drafts[min(notebook.screenings._drafts)]

        def first(notebook: Notebook) -> bytes:
            return notebook.book.on_the_way[0][0].entry_id

        def file(notebook: Notebook) -> bytes:
            return notebook.attachments.of(draft(notebook).id)[0].id

        def sent(notebook: Notebook) -> Filed:
            return next(record for record in notebook.book.filed if record.attachments)

        async def cancel(notebook: Notebook) -> None:
            # Without telling the centre, which may come later: that is sealed as "pieces" are.
            book, record = notebook.book, sent(notebook)
            tokens, book._tokens = book._tokens, ()
            try:
                await book.withdraw(record.record_id, record.attachments[0].id)
            finally:
                book._tokens = tokens

        async def header(notebook: Notebook) -> None:
            guard = notebook.book._vault._open().guard
            guard.begin_attempt(CLOCK.now())
            guard.end_attempt(CLOCK.now())

        return {
            "save": lambda n: n.screenings.save(draft(n).with_answer("S03", Answer.NO)),
            "seal": lambda n: n.screenings.finish(draft(n), SEND),
            "attach": lambda n: n.attachments.add(draft(n).id, prepared(2)),
            "grow": lambda n: n.attachments.add(draft(n).id, prepared(3), instead_of=file(n)),
            "detach": lambda n: n.attachments.remove(draft(n).id, file(n)),
            "pieces": lambda n: n.book.seal_chunks(everything=True),
            "cancel": cancel,
            "store": lambda n: n.book.change_meta(first(n), lambda m: outbox.stored(m, CLOCK.now())),
            "token": lambda n: n.book.renew_token(first(n), outbox.send_now),
            "hear": lambda n: n.book.hear("made-up cursor", self.news),
            "directory": lambda n: n.book.save_trust(self.newer),
            "settings": lambda n: n.book.save_settings(SETTINGS),
            # Without the sealing that follows: that is "seal".
            "join": lambda n: n.book._worker.run(
                n.book._join, self.anew, self.newer, tuple(bytes([n]) * 32 for n in range(101, 120))
            ),
            "passphrase": lambda n: n.book.change_passphrase(PASSPHRASE, ANOTHER),
            "header": header,
        }


async def prepare(folder: Path) -> World:
    """Make the device: a draft, a record that waits, and one that the relay has and a person has opened."""
    vault = create(folder, PASSPHRASE, NoKeystore(), FLOOR, now=CLOCK.now())
    notebook = await notebook_of(vault)
    book = notebook.book
    centre = ScriptedCentre("https://relay.example", CLOCK.now())
    tokens = tuple(bytes([n]) * 32 for n in range(1, 31))
    await book.join(centre.member(), centre.trust, tokens)
    for _ in range(2):
        screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
        await notebook.screenings.finish(screening.with_answer("S02", Answer.YES), SEND)
    (entry, meta), *_ = book.on_the_way
    await book.change_meta(entry.entry_id, lambda m: outbox.stored(m, CLOCK.now()))
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    await notebook.attachments.add(screening.id, prepared(2))
    await notebook.screenings.finish(screening.with_answer("S02", Answer.YES), SEND)
    screening = await notebook.screenings.begin(Mode.OFFICER, language="en")
    await notebook.screenings.save(screening.with_answer("S01", Answer.YES).with_answer("S02", Answer.NO))
    await notebook.attachments.add(screening.id, prepared(1))
    opened = ReceiptItem(ReceiptKind.OPENED, meta.env_hash, meta.opened_proof, CLOCK.now())
    news = News(
        receipts=[(centre.desk_id, opened)], drop_tokens=[b"new" + bytes(29)], centre_time=CLOCK.now()
    )
    newer = update(centre.trust, centre.with_another_desk(b"2" * 16, centre.desk_key))
    await book.close()
    attempt = UnlockAttempt.begin(folder, NoKeystore(), CLOCK.now())
    PASSPHRASES[:] = [attempt.stretch(words) for words in (PASSPHRASE, ANOTHER)]
    vault = attempt.finish(PASSPHRASES[0], CLOCK.now())
    header = vault._open().guard.header
    for words in (PASSPHRASE, ANOTHER):
        vault_module.stretch(words, header.salt, header.parameters)
    vault.lock()
    return World(folder, news, newer, centre.member())


class Case:
    """One change, with any fault, on copies of the device."""

    def __init__(self, world: World, name: str, plant: str) -> None:
        self.name, self.plant = name, plant
        self.world = world
        self.change = world.changes()[name]
        self.work = world.folder.parent / "work"
        self.old = asyncio.run(self._left(None))[0]
        _, clean = self._run(None, 0)
        self.new, self.calls = clean["state"], clean["calls"]
        assert clean["refused"] is False, clean

    def sample(self, step: int, number: int, faults: int) -> list[int]:
        """Return the calls at which the fault `number` of so many is tried."""
        return list(range(step * number // faults, self.calls, step))

    def try_at(self, fault: Fault, at: int) -> list[str]:
        """Return what is wrong after `fault` at call number `at`."""
        code, said = self._run(fault, at)
        if "wrong" in said:
            return [said["wrong"]]
        wrong = list(said.get("faults", []))
        if fault in DEADLY:
            if code != DIED:
                wrong.append(f"ended with {code}")
        elif said["state"] not in (self.old, self.new, "locked"):
            wrong.append(f"refused, and neither old nor new: {said['state']}")
        elif said["again"] != (self.new if said["state"] != "locked" else "locked"):
            wrong.append(f"does not work again: {said['again']}")
        confirmed = said.get("refused") is False or said.get("again") == self.new
        return wrong + self._judge_what_is_left(confirmed=confirmed)

    def _judge_what_is_left(self, *, confirmed: bool) -> list[str]:
        try:
            found, wrong = asyncio.run(self._left(self.change))
        except VaultError as error:
            return [f"does not open: {error!r}"]
        left, again = found["left"], found["again"]
        if left not in (self.old, self.new):
            wrong.append(f"neither old nor new: {left}")
        if confirmed and left != self.new:
            wrong.append("what was confirmed is gone")
        if again != self.new:
            wrong.append(f"the next one does not work: {again}")
        return wrong

    async def _left(self, change: Change | None) -> tuple[State, list[str]]:
        """Open what is on the disk, as the next start does; do what is missing."""
        if change is None:
            shutil.copytree(self.world.folder, self.work, dirs_exist_ok=True)
        notebook = await notebook_of(unlock(self.work, PASSPHRASES))
        try:
            left, wrong = state_of(notebook), faults_of(notebook)
            if change is None:
                return left, wrong
            if left == self.old:
                await change(notebook)
            again = state_of(notebook)
            return {"left": left, "again": again}, wrong + faults_of(notebook)
        finally:
            await notebook.book.close()

    def _run(self, fault: Fault | None, at: int) -> tuple[int, State]:
        """Do the change in a process of its own; returns its exit code and what it said."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.world.folder, self.work)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            disk = Disk()
            try:
                said = asyncio.run(self._doomed(disk, fault, at))
            except BaseException as error:  # the parent must see it
                said = {"wrong": f"{type(error).__name__}: {error}"}
            disk.mend()
            disk.really_write(writing, json.dumps(said).encode())
            if fault is Fault.POWER:
                disk.lose_power()
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            heard = file.read()
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), json.loads(heard or "{}")

    async def _doomed(self, disk: Disk, fault: Fault | None, at: int) -> State:
        sqlite = library()
        assert sqlite
        disk.install(sqlite)
        vault = unlock(self.work, PASSPHRASES)
        PLANTS[self.plant](vault)
        notebook = await notebook_of(vault)
        disk.arm(fault, at)
        refused = False
        try:
            await self.change(notebook)
        except VaultError:
            refused = True
        calls = disk.calls
        if fault is Fault.POWER:
            return {"refused": refused}
        disk.mend()
        if vault.is_locked:
            return {"refused": True, "state": "locked", "again": "locked", "calls": calls}
        state, wrong = state_of(notebook), faults_of(notebook)
        if state == self.old:
            await self.change(notebook)
        again = state_of(notebook)
        wrong += faults_of(notebook)
        return {"refused": refused, "state": state, "again": again, "faults": wrong, "calls": calls}


def unsafe(setting: str) -> Callable[[Vault], None]:
    """Return a planted defect: SQLite set otherwise than the vault sets it."""

    def plant(vault: Vault) -> None:
        for schema in ("main", "box"):
            vault._open().store._connection.execute(f"PRAGMA {schema}.{setting}").fetchall()

    return plant


def apart(vault: Vault) -> None:
    """Plant a defect: the two files are committed one after the other."""
    store = vault._open().store
    whole = store.write

    def write(cells: Any, box_cells: Any = ()) -> None:
        whole(cells)
        whole((), box_cells)

    store.write = write  # type: ignore[method-assign]


PLANTS: dict[str, Callable[[Vault], None]] = {
    "": lambda vault: None,
    "apart": apart,
    "no-journal": unsafe("journal_mode=OFF"),
    "no-fsync": unsafe("synchronous=OFF"),
}


class Creation(Case):
    """Making a vault: none is there afterwards and one can be made, or it is there and opens."""

    def __init__(self, world: World, name: str, plant: str) -> None:
        self.name, self.plant, self.world = name, plant, world
        self.work = world.folder.parent / "work"
        _, clean = self._run(None, 0)
        self.calls = clean["calls"]

    def sample(self, step: int, number: int, faults: int) -> list[int]:
        """Look closely at the end, where the files get their names; before that it is cell after cell."""
        last = max(0, self.calls - 24)
        return [n for n in super().sample(step, number, faults) if n < last] + [
            n for n in range(last, self.calls) if step == 1 or n % faults == number
        ]

    def try_at(self, fault: Fault, at: int) -> list[str]:
        code, said = self._run(fault, at)
        if "wrong" in said:
            return [said["wrong"]]
        if fault in DEADLY and code != DIED:
            return [f"ended with {code}"]
        try:
            if not exists(self.work):
                if said.get("refused") is False:
                    return ["what was confirmed is gone"]
                self._create().lock()
            vault = UnlockAttempt.begin(self.work, NoKeystore(), CLOCK.now())
            opened = vault.finish(vault.stretch(PASSPHRASE), CLOCK.now())
        except VaultError as error:
            return [f"neither there nor gone: {error!r}"]
        wrong = [opened.records(), opened.damaged, opened.outbox_damaged, opened.outbox(), opened.altered]
        opened.lock()
        return [f"not a new vault: {wrong}"] if any(wrong) else []

    def _create(self) -> Vault:
        return create(self.work, PASSPHRASE, NoKeystore(), FLOOR, now=CLOCK.now())

    async def _doomed(self, disk: Disk, fault: Fault | None, at: int) -> State:
        shutil.rmtree(self.work)
        sqlite = library()
        assert sqlite
        disk.install(sqlite)
        disk.arm(fault, at)
        refused = False
        try:
            self._create().lock()
        except VaultError:
            refused = True
        return {"refused": refused, "calls": disk.calls}


def try_everything(case: Case, step: int) -> State:
    """Try every fault at every `step`-th call, and a power cut after the last one."""
    wrong, tried = [], 0
    faults = (*DEADLY, *REFUSALS)
    for number, fault in enumerate(faults):
        # The faults of a sample meet different calls; the power is cut after the last one as well.
        sample = case.sample(step, number, len(faults))
        for at in sample + [case.calls] * (fault is Fault.POWER):
            tried += 1
            wrong += [f"{fault} at {at}: {what}" for what in case.try_at(fault, at)]
    return {"change": case.name, "calls": case.calls, "tried": tried, "wrong": wrong}


def main() -> None:
    """Answer line after line."""
    world = asyncio.run(prepare(Path(sys.argv[1]) / "device"))
    for line in sys.stdin:
        name, step, *plant = line.split()
        kind = Creation if name == "create" else Case
        print(json.dumps(try_everything(kind(world, name, *plant or ("",)), int(step))), flush=True)


if __name__ == "__main__":
    main()
