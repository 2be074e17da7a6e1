"""How things are compared on a machine that is never quiet.

A round opens every cell of a bench in a fresh directory and then runs one operation of each, in shuffled order, again
and again, so that whatever disturbs the machine disturbs all of them alike. Before and after, a canary (AEAD of 2 KB)
tells how fast the machine is just now: a round in which it took more than 1.15 times the best is dropped, and counted.
What counts are ratios of the medians inside one round, never absolute times.
"""

import gc
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sync.primitives import KEY_SIZE, NONCE_SIZE, aead_seal, random_bytes

CANARY_LIMIT: Final = 1.15
"""A round counts as long as its canary took at most so many times the best of the run."""
CANARY_SIZE: Final = 2048
MOST_ATTEMPTS: Final = 3
"""Rounds that are tried at most, as a multiple of those that are wanted."""


class Kind(StrEnum):
    """What a cell is for."""

    FLOOR = "floor"
    """What the goal is a ratio to."""
    OURS = "ours"
    PEER = "peer"
    """Another way to do the same, for comparison."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell in one round: seconds for one operation, the parts of it that were timed inside, and what was counted."""

    seconds: float
    parts: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, float] = field(default_factory=dict)


Operation = Callable[[], Awaitable[Sample]]
"""Does the work once, times it, and asserts what can be asserted at once."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to measure: `open` sets up in an empty directory; leaving it asserts that the work was done."""

    name: str
    kind: Kind
    open: Callable[[Path], AbstractAsyncContextManager[Operation]]


@dataclass(frozen=True, slots=True)
class Goal:
    """Ours against the floor: at most `ratio` times it, or at most `extra` seconds more."""

    ratio: float = 0.0
    extra: float = 0.0

    @property
    def words(self) -> str:
        """The goal as a reader says it."""
        return f"<= {self.ratio:.2f} x floor" if self.ratio else f"<= floor + {self.extra * 1000:.0f} ms"

    def value(self, ours: float, floor: float) -> float:
        """Return what is compared with the goal: a ratio, or seconds."""
        return ours / floor if self.ratio else ours - floor

    def met(self, value: float) -> bool:
        """Tell whether `value` reaches the goal."""
        return value <= (self.ratio or self.extra)


@dataclass(frozen=True, slots=True)
class Bench:
    """One goal with everything that is measured for it."""

    id: str
    title: str
    goal: Goal
    cells: Sequence[Cell]
    repeats: int
    """Operations of each cell in one round; the sample of the round is their median."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round: the slower of its two canaries in seconds, and a sample of each cell by name."""

    canary: float
    samples: Mapping[str, Sample]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of some numbers."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Summarise at least one number."""
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1])


@dataclass(frozen=True, slots=True)
class Result:
    """A bench that has run: the rounds that count, and how many were dropped."""

    bench: Bench
    kept: Sequence[Round]
    dropped: int

    def seconds(self, cell: Cell) -> Spread:
        """Return how long one operation of a cell took."""
        return Spread.of(one.samples[cell.name].seconds for one in self.kept)

    def against_floor(self, cell: Cell) -> Spread:
        """Return what is compared with the goal, taken inside each round."""
        floor = next(other for other in self.bench.cells if other.kind is Kind.FLOOR)
        return Spread.of(
            self.bench.goal.value(one.samples[cell.name].seconds, one.samples[floor.name].seconds)
            for one in self.kept
        )

    def parts(self, cell: Cell) -> dict[str, Spread]:
        """Return how long each part of an operation took."""
        names = self.kept[0].samples[cell.name].parts
        return {name: Spread.of(one.samples[cell.name].parts[name] for one in self.kept) for name in names}

    def counts(self, cell: Cell) -> dict[str, Spread]:
        """Return what was counted in an operation."""
        names = self.kept[0].samples[cell.name].counts
        return {name: Spread.of(one.samples[cell.name].counts[name] for one in self.kept) for name in names}


async def run(bench: Bench, rounds: int, folder: Path | None = None) -> Result:
    """Run a bench until `rounds` rounds count, at most three times as many; `folder` says on which disk.

    When too many were disturbed the result holds those that count, at least one: the one with the best canary.
    """
    done: list[Round] = []
    while len(_kept(done)) < rounds and len(done) < MOST_ATTEMPTS * rounds:
        with tempfile.TemporaryDirectory(dir=folder) as directory:
            done.append(await _round(bench, Path(directory)))
    kept = _kept(done)[:rounds]
    return Result(bench, kept, len(done) - len(kept))


async def _round(bench: Bench, directory: Path) -> Round:
    async with AsyncExitStack() as stack:
        operations = {}
        for number, cell in enumerate(bench.cells):
            own = directory / str(number)
            own.mkdir()
            operations[cell.name] = await stack.enter_async_context(cell.open(own))
        os.sync()
        gc.collect()
        samples: dict[str, list[Sample]] = {name: [] for name in operations}
        before = canary()
        for _ in range(bench.repeats):
            for name in shuffled(list(operations)):
                samples[name].append(await operations[name]())
        slower = max(before, canary())
    return Round(slower, {name: _median(found) for name, found in samples.items()})


def _median(samples: Sequence[Sample]) -> Sample:
    names = {name: None for sample in samples for name in sample.parts}
    return Sample(
        statistics.median(sample.seconds for sample in samples),
        {name: statistics.median(sample.parts.get(name, 0.0) for sample in samples) for name in names},
        {name: statistics.median(one.counts[name] for one in samples) for name in samples[0].counts},
    )


def _kept(rounds: Sequence[Round]) -> list[Round]:
    best = min((one.canary for one in rounds), default=0.0)
    return [one for one in rounds if one.canary <= CANARY_LIMIT * best]


def shuffled(names: Sequence[str]) -> list[str]:
    """Return the names in a random order."""
    return secrets.SystemRandom().sample(names, len(names))


def canary() -> float:
    """Return the seconds of one AEAD of 2 KB, the median of 200 batches of 20."""
    key, nonce, plaintext = random_bytes(KEY_SIZE), random_bytes(NONCE_SIZE), bytes(CANARY_SIZE)
    batches = [timed(lambda: aead_seal(key, nonce, plaintext, b""), 20) for _ in range(200)]
    return statistics.median(batches)


def timed(call: Callable[[], object], count: int = 1) -> float:
    """Return the seconds of one call, on average over `count`."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


class Stopwatch:
    """Times methods from inside a running operation; `take` gives the seconds since the last `take`, by part."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}

    @contextmanager
    def on(self, part: str, owner: Any, *names: str) -> Iterator[None]:
        """Count the time in these attributes of `owner` (a class or module) as `part`, for the block."""
        originals = {name: vars(owner)[name] for name in names}
        for name, original in originals.items():
            setattr(owner, name, self._timing(part, original))
        try:
            yield
        finally:
            for name, original in originals.items():
                setattr(owner, name, original)

    def _timing(self, part: str, original: Any) -> Any:
        inner = original.__func__ if isinstance(original, classmethod) else original

        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                self._spent[part] = self._spent.get(part, 0.0) + time.perf_counter() - start

        return classmethod(call) if isinstance(original, classmethod) else call

    def take(self) -> dict[str, float]:
        """Return the seconds of each part since the last call."""
        spent, self._spent = self._spent, {}
        return spent


def require(holds: bool, words: str) -> None:
    """Stop a bench whose work was not done: its times mean nothing."""
    if not holds:
        raise AssertionError(words)


def readable(directory: Path, word: bytes) -> bool:
    """Tell whether `word` stands readable in any file below `directory`."""
    return any(word in path.read_bytes() for path in directory.rglob("*") if path.is_file())
