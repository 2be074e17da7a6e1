"""Does what belongs to the second notebook, and rotating the key, while disk and key store fail at every call in turn.

    python -m tests.faults.forced_driver FOLDER small|real      one line per operation on standard input: name and step
    python -m tests.faults.forced_driver DEVICE loop LAST       does one thing after the other until it is killed

Each case is a fork that opens a copy of the same device, does the operation, and dies or is refused in the middle. Then
this process looks at what every word opens, as the next start of the app would. Argon2id is replaced by one fast hash:
what is tried here is what happens on the disk.

Whatever writes a whole partition makes some 4,140 calls: it is one transaction over 1024 pages, of which SQLite notes
three things each in its journal, and writes each. As its cache holds less than that, it does so in four turns of notes, a
sync and pages. So a sample takes the first, the middle and the last call of every phase: a run of calls of one kind, or
a header with its syncs. `small` makes partitions, v.box and that cache one sixteenth as large: the same phases, and the
calls within them fewer.
"""

import hashlib
import itertools
import json
import os
import shutil
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from fieldapp.vault import (
    FLOOR,
    ForcedWords,
    KdfParameters,
    OutboxEntry,
    OutboxFile,
    Recovery,
    SlotKind,
    Vault,
    VaultError,
    WrongPassphrase,
    WrongRecoveryCode,
    create,
    erase,
    even,
    finish_rekey,
    finish_wipe,
    kdf,
    migrate,
    recovery,
    rekey,
    unlock,
    unlocking,
)
from fieldapp.vault import creation as creation_module
from fieldapp.vault import store as store_module
from fieldapp.vault import vault as vault_module
from fieldapp.vault.guard import WIPE_AFTER
from fieldapp.vault.migration import Step
from tests.faults.disk import DEADLY, DIED, REFUSALS, Disk, Fault, library

NOW = 1_800_000_000
FIRST, SECOND, WIPE, NEW = "first words", "second words", "wiping words", "new words"
GUESSED = "guessed words"
WORDS = (FIRST, SECOND, WIPE, NEW, GUESSED)
OLD_SHEET, NEW_SHEET = "0" * 26, "1" * 26
SHEETS = (OLD_SHEET, NEW_SHEET)
A, B = b"a" * 16, b"b" * 16
ENTRY = OutboxEntry(b"e" * 16, A, 1, 0, b"\xee" * 4096, b"h" * 32, b"{}")
OPEN, WIPES = SlotKind.OPEN, SlotKind.WIPE_THEN_OPEN

MADE_UP_STEPS = (
    Step(1, lambda payload: not payload.startswith(b"form "), lambda payload: b"form 2 " + payload),
    Step(1, lambda payload: payload.startswith(b"form 2"), lambda payload: b"form 3" + payload[6:]),
)
"""What two later releases might change in records of kind 1."""

State = dict[str, list[str]]
"""What each word and each sheet shows; those that open nothing are absent."""


def quick(passphrase: str, salt: bytes, _parameters: KdfParameters) -> bytes:
    """Stand for Argon2id."""
    return hashlib.blake2b(passphrase.encode() + salt, digest_size=32).digest()


SMALL = 16
"""By how much `small` divides."""


def make_small() -> None:
    """Use small partitions, with a cache that is as much too small for them, in this process."""
    cells = store_module.BLOCK // SMALL
    store_module.BLOCK = creation_module.BLOCK = creation_module.BOX_CELLS = cells  # type: ignore[misc]
    cache = (f"cache_size=-{2000 // SMALL}",)  # SQLite's own are 2000 KiB
    store_module._CONNECTION_SETTINGS += cache  # type: ignore[misc]


def replace_argon2id(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Use `quick` in this process; a test gives `monkeypatch.setattr`, so that it ends with the test.

    Cells that are opened for nothing are left out as well: they touch neither disk nor key store.
    """
    put(even, "CELLS", 0)
    for module in (kdf, unlocking, vault_module, recovery):
        put(module, "stretch", quick)


class FileKeystore:
    """A key store that outlives its process: each value is a file, replaced whole. With a `disk` it fails like one."""

    def __init__(self, folder: Path, disk: Disk | None = None) -> None:
        self._folder, self._disk = folder, disk

    def get(self, name: str) -> bytes | None:
        """Return the value or None."""
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def set(self, name: str, value: bytes) -> None:
        """Store a value."""
        self._strike()
        self._folder.mkdir(exist_ok=True)
        new = self._folder / f"{name}.new"
        new.write_bytes(value)
        new.replace(self._folder / name)

    def delete(self, name: str) -> None:
        """Forget a value."""
        self._strike()
        with suppress(FileNotFoundError):
            (self._folder / name).rename(self._folder / "forgotten")

    def _strike(self) -> None:
        if self._disk is not None and self._disk._strikes("keystore"):
            raise OSError("made-up fault")


def opened(device: Path, word: str, disk: Disk | None = None, now: int = NOW + 1) -> Vault:
    """Unlock the device with a word."""
    return unlock(device / "data", word, FileKeystore(device / "keys", disk), now=now)


def one_guess_erases(device: Path) -> None:
    """Leave the centre's wish in the key store."""
    FileKeystore(device / "keys").set(WIPE_AFTER, struct.pack("<II", 1, 0))


def recovered(device: Path, code: str) -> Vault:
    """Open the device with a sheet."""
    attempt = Recovery.begin(device / "data", FileKeystore(device / "keys"))
    try:
        attempt.open(code)
    except WrongRecoveryCode:
        attempt.abandon()
        raise
    return attempt.finish("recovered words", NOW + 10**6)


def template(device: Path, *, words: bool = True) -> Path:
    """Make a device with a record and an entry on its way; with `words` also a sheet, both words and a second record."""
    device.mkdir(parents=True)
    vault = create(
        device / "data",
        FIRST,
        FileKeystore(device / "keys"),
        FLOOR,
        now=NOW,
        partition_cells=store_module.BLOCK,
    )
    with vault.transaction(NOW) as tx:
        tx.put(A, 1, b"kept")
        tx.enqueue(ENTRY)
    if words:
        vault.set_recovery(FIRST, OLD_SHEET, NOW)
        ForcedWords(vault).set(OPEN, FIRST, SECOND, NOW)
        ForcedWords(vault).set(WIPES, FIRST, WIPE, NOW, other=SECOND)
        vault.lock()
        vault = opened(device, SECOND)
        with vault.transaction(NOW) as tx:
            tx.put(B, 1, b"plausible")
    vault.lock()
    return device


@contextmanager
def untouched(device: Path) -> Iterator[None]:
    """Put everything back afterwards: looking counts attempts, the wipe passphrase wipes, a sheet writes a new header."""
    held = {path: path.read_bytes() for folder in ("data", "keys") for path in (device / folder).iterdir()}
    try:
        yield
    finally:
        for path in [path for folder in ("data", "keys") for path in (device / folder).iterdir()]:
            if path not in held:
                path.unlink()
        for path, value in held.items():
            if not path.exists() or path.read_bytes() != value:
                path.write_bytes(value)


def look(device: Path) -> State:
    """Tell what each word shows. What is not whole fails."""
    state: State = {}
    for word in (*WORDS, *SHEETS):
        with untouched(device), suppress(WrongPassphrase, WrongRecoveryCode):
            (device / "keys" / WIPE_AFTER).unlink(missing_ok=True)  # looking is no guess
            vault = recovered(device, word) if word in SHEETS else opened(device, word, now=NOW + 10**6)
            try:
                assert (vault.damaged, vault.altered, bool(vault.rollback)) == ([], 0, False), word
                assert vault.is_second or vault.outbox() == [ENTRY], word
                state[word] = sorted(record.payload.decode() for record in vault.records())
            finally:
                vault.lock()
    with OutboxFile.open(device / "data", FileKeystore(device / "keys").get("bk") or b"") as box:
        assert box.entries() == [ENTRY], "the sealed outbox"
    return state


# --- A disk that fails ---------------------------------------------------------------------------------------


def set_second(vault: Vault) -> None:
    ForcedWords(vault).set(OPEN, FIRST, NEW, NOW, other=WIPE if ForcedWords(vault).is_set(WIPES) else "")


def set_wipe(vault: Vault) -> None:
    ForcedWords(vault).set(WIPES, FIRST, NEW, NOW, other=SECOND if ForcedWords(vault).is_set(OPEN) else "")


OPERATIONS: dict[str, tuple[str, bool, Callable[[Vault], object]]] = {
    "set-second": (FIRST, False, set_second),
    "set-wipe": (FIRST, False, set_wipe),
    "set-again": (FIRST, True, set_second),
    "remove": (FIRST, True, lambda vault: ForcedWords(vault).remove(OPEN, FIRST, NOW)),
    "passphrase": (FIRST, True, lambda vault: vault.change_passphrase(FIRST, NEW, NOW)),
    "rekey": (FIRST, True, lambda vault: rekey(vault, FIRST, NEW_SHEET, NOW)),
    "migrate": (FIRST, True, lambda vault: migrate(vault, NOW, MADE_UP_STEPS)),
    "wipe": (WIPE, True, finish_wipe),
    "guess": (GUESSED, True, finish_wipe),
    "erase": (FIRST, True, lambda vault: erase(vault, NOW)),
    "erase-plain": (FIRST, False, lambda vault: erase(vault, NOW)),
}
"""The word to open with, whether the device has a second notebook already, and what is done.

Before `guess` the centre's wish is there that one wrong passphrase erases everything.
"""
BY_OPENING: Final = ("wipe", "guess")
"""Of these, unlocking is itself the operation."""


def phases_of(names: Sequence[str]) -> list[range]:
    """Split the calls of an operation: runs of one kind, of which a header's own writes, syncs and renames are one."""
    kinds = ["own" if name.startswith("own") else name for name in names]
    found, begin = [], 0
    for _, run in itertools.groupby(kinds):
        length = len(list(run))
        found.append(range(begin, begin + length))
        begin += length
    return found


def places_of(names: Sequence[str]) -> list[int]:
    """Return the first, the middle and the last call of every phase."""
    return sorted({at for run in phases_of(names) for at in (run[0], run[len(run) // 2], run[-1])})


class Case:
    """One operation on copies of one device."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.word, words, self.operation = OPERATIONS[name]
        self.base = folder / ("words" if words else "plain")
        if not self.base.exists():
            template(self.base, words=words)
        self.work = folder / "work"
        self.old = look(self.base)
        first = opened(self.base, FIRST)
        self.part = None if name == "guess" else first.opened.content.part
        self.cells = set(first.opened.store.read(part=self.part).values())
        first.lock()
        code, said = self._run(None, 0)
        assert code == 0, said
        self.calls: int = said["calls"]
        self.names: list[str] = said["names"]
        self.new = look(self.work)
        self.allowed = [self.old, self.new, *self._between()]
        self.outcomes: set[str] = set()

    def _between(self) -> list[State]:
        """What a header shows between its two copies (docs/known-limits.md).

        The older copy opens with its sheet until the next start, beside what the newer one opens.
        """
        if self.name in ("rekey", "wipe", "guess", "erase"):
            return [self.new | {sheet: self.old[sheet] for sheet in SHEETS if sheet in self.old}]
        return []

    def try_at(self, fault: Fault, at: int) -> list[str]:
        """Return what is wrong after `fault` at call number `at`."""
        code, said = self._run(fault, at)
        wrong = [said["wrong"]] if "wrong" in said else []
        if fault in DEADLY and code != DIED:
            wrong.append(f"ended with {code}")
        try:
            left = look(self.work)
            self.outcomes |= {"old"} if left == self.old else {"new"}
            if left not in self.allowed:
                wrong.append(f"neither old nor new: {left}")
            elif said.get("refused") is False and left != self.new:
                wrong.append("what was confirmed is gone")
            self._go_on(left)
            if look(self.work) != self.new:
                wrong.append(f"the next one does not work: {look(self.work)}")
            wrong += self._remains()
        except (VaultError, AssertionError) as error:
            wrong.append(f"{type(error).__name__}: {error}")
        return wrong

    def _go_on(self, left: State) -> None:
        """Do what the next start does, and the operation itself if it was not done."""
        word = self.word if self.word in left or self.name == "guess" else NEW
        vault = opened(self.work, word, now=NOW + 2 * 10**6)
        finish_wipe(vault)
        finish_rekey(vault)
        if left == self.old:
            self.operation(vault)
        vault.lock()
        # A torn copy of the header may open with its sheet: only until it is repaired, and then nothing was done.
        if left not in (self.old, self.new) and look(self.work) == self.old:
            vault = opened(self.work, word, now=NOW + 3 * 10**6)
            self.operation(vault)
            vault.lock()

    def _remains(self) -> list[str]:
        """After a wipe, an erasure or a rotation no cell of the first notebook is there any more as it was.

        After a guess too many none of either notebook.
        """
        if self.name not in ("wipe", "guess", "rekey") and not self.name.startswith("erase"):
            return []
        vault = opened(self.work, self.word, now=NOW + 4 * 10**6)
        finish_wipe(vault)
        found = set(vault.opened.store.read(part=self.part).values()) & self.cells
        vault.lock()
        return [f"{len(found)} cells of before are still there"] if found else []

    def _run(self, fault: Fault | None, at: int) -> tuple[int, dict[str, Any]]:
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.base, self.work)
        if self.name == "guess":
            one_guess_erases(self.work)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            disk = Disk()
            try:
                said = self._doomed(disk, fault, at)
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

    def _doomed(self, disk: Disk, fault: Fault | None, at: int) -> dict[str, Any]:
        sqlite = library()
        assert sqlite
        disk.install(sqlite)
        refused = False
        vault: Vault | None = None
        if self.name not in BY_OPENING:
            vault = opened(self.work, self.word, disk)
        disk.arm(fault, at)
        try:
            vault = vault or opened(self.work, self.word, disk)
            self.operation(vault)
        except VaultError:
            refused = True
        names = disk.names.copy()
        if fault is not Fault.POWER:
            disk.mend()
            if vault:
                vault.lock()
        return {"refused": refused, "calls": len(names), "names": names if fault is None else []}


FAULTS: Final = (*DEADLY, *REFUSALS)


def every_place(case: Case, step: int) -> list[tuple[Fault, int]]:
    """Return every fault at every place, and at every `step`-th call between them."""
    places = places_of(case.names)
    return [
        (fault, at)
        for number, fault in enumerate(FAULTS)
        for at in sorted({*places, *range(step * number // len(FAULTS), case.calls, step)})
    ]


def sample(case: Case) -> list[tuple[Fault, int]]:
    """Return one fault at every place, by turns, and every fault with every kind of call at least once."""
    tried: Counter[tuple[str, Fault]] = Counter()
    found = []
    places = places_of(case.names)
    for at in places:
        kind = case.names[at]
        fault = min(FAULTS, key=lambda one: (tried[kind, one], FAULTS.index(one)))
        tried[kind, fault] += 1
        found.append((fault, at))
    for kind in sorted(set(case.names)):
        at = next(at for at in reversed(places) if case.names[at] == kind)
        found += [(fault, at) for fault in FAULTS if not tried[kind, fault]]
    return found


def try_everything(case: Case, step: int) -> dict[str, Any]:
    """Try every fault at every place and `step`-th call, or the `sample` for step 0; and a power cut after the last."""
    wrong = []
    chosen = every_place(case, step) if step else sample(case)
    chosen.append((Fault.POWER, case.calls))
    for fault, at in chosen:
        wrong += [f"{fault} at {at}: {what}" for what in case.try_at(fault, at)]
    return {
        "operation": case.name,
        "calls": case.calls,
        "phases": len(phases_of(case.names)),
        "tried": len(chosen),
        "wrong": wrong,
        "outcomes": sorted(case.outcomes),
    }


# --- A process that is killed --------------------------------------------------------------------------------

ROUND = ("save", "rekey", "set-new", "unset-wipe", "save", "set-second", "rekey-back", "set-wipe", "save")


def after(state: State, step: str) -> State:
    """Return what a step makes of a state."""
    first, second = state[FIRST], ["plausible"]
    match step:
        case "save":
            saved = sorted([*first, f"saved {len(first)}"])
            return state | dict.fromkeys({FIRST, *SHEETS} & state.keys(), saved)
        case "set-new":
            return {word: shown for word, shown in state.items() if word != SECOND} | {NEW: second}
        case "set-second":
            return {word: shown for word, shown in state.items() if word != NEW} | {SECOND: second}
        case "unset-wipe":
            return {word: shown for word, shown in state.items() if word != WIPE}
        case "set-wipe":
            return state | {WIPE: second}
        case "rekey" | "rekey-back":
            old, new = SHEETS if step == "rekey" else SHEETS[::-1]
            return {word: shown for word, shown in state.items() if word != old} | {new: first}
        case "erase":
            return {FIRST: second}
        case "guess":
            return {GUESSED: []}
        case _:
            return {WIPE: second}


def do(device: Path, vault: Vault, step: str) -> None:
    """Take one step."""
    words = ForcedWords(vault)
    match step:
        case "save":
            count = len(vault.records())
            with vault.transaction(NOW) as tx:
                tx.put(count.to_bytes(16, "little"), 1, f"saved {count}".encode())
        case "set-new":
            words.set(OPEN, FIRST, NEW, NOW, other=WIPE)
        case "set-second":
            words.set(OPEN, FIRST, SECOND, NOW)
        case "unset-wipe":
            words.remove(WIPES, FIRST, NOW)
        case "set-wipe":
            words.set(WIPES, FIRST, WIPE, NOW, other=SECOND)
        case "rekey":
            rekey(vault, FIRST, NEW_SHEET, NOW)
        case "rekey-back":
            rekey(vault, FIRST, OLD_SHEET, NOW)
        case "erase":
            erase(vault, NOW)
        case _:
            vault.lock()
            if step == "guess":
                one_guess_erases(device)
            vault = opened(device, GUESSED if step == "guess" else WIPE)
            finish_wipe(vault)
            vault.lock()


def loop(device: Path, last: str) -> None:
    """Say and do one thing after the other for ever; or, with a `last` that ends the notebook, save and do that."""
    vault = opened(device, FIRST)
    print("open", flush=True)
    for step in ("save", last) if last else itertools.cycle(ROUND):
        print("begin", step, flush=True)
        do(device, vault, step)
        print("done", step, flush=True)


def main() -> None:
    """Answer line after line, or do one thing after the other."""
    folder = Path(sys.argv[1])
    if sys.argv[2] == "loop":
        loop(folder, sys.argv[3])
        return
    if sys.argv[2] == "small":
        make_small()
    for line in sys.stdin:
        name, step = line.split()
        print(json.dumps(try_everything(Case(folder, name), int(step))), flush=True)


if __name__ == "__main__":
    replace_argon2id()
    main()
