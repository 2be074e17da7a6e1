"""Measure the goals: ``python -m bench.run [--only P1] [--rounds 5] [--short] [--json]``.

Prints medians with least and greatest, and what is compared with the goal, taken inside each round (see
`bench.harness`). It never fails on time; it fails when a cell did not do its work.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

if __name__ == "__main__":  # run as a file: the packages lie one folder up
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import (
    machine,
    p1_save,
    p2_unlock,
    p3_tap,
    p4_envelope,
    p5_peers,
    p5_relay,
    p6_link,
    p8_postgres,
    p9_passphrases,
    p10_cover,
)
from bench.harness import Bench, Cell, Kind, Result, Spread, run

BENCHES: Final[Mapping[str, Callable[..., Bench | None]]] = {
    "P1": p1_save.bench,
    "P2": p2_unlock.bench,
    "P2w": p2_unlock.bench_with_words,
    "P2k": p2_unlock.bench_with_keystore,
    "P3": p3_tap.bench,
    "P3s": p3_tap.bench_in_process,
    "P3w": p3_tap.bench_with_words,
    "P4": p4_envelope.bench,
    "P5": p5_relay.bench,
    "P5p": p5_relay.bench_pull,
    "P5c": p5_peers.bench,
    "P6": p6_link.bench,
    "P8": p8_postgres.bench,
    "P8t": p8_postgres.bench_processes,
    "P9": p9_passphrases.bench,
    "P9p": p9_passphrases.bench_processor,
    "P9u": p9_passphrases.bench_unequal,
    "P9g": p9_passphrases.bench_answers,
    "P10": p10_cover.bench,
    "P10b": p10_cover.bench_in_browser,
    "P10s": p10_cover.bench_search,
}

MISSING: Final = {"P5c": "node with the peer's packages in FIELDAPP_BENCH_NODE"}
"""What a bench needs that is not there when it is skipped; chromium for all others."""


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice(list(BENCHES)), help="Only this goal; may be repeated."
)
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Rounds that count.")
@click.option("--short", is_flag=True, help="One small round: shows that everything works, measures nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure on the disk of this folder instead of the system's temporary one.",
)
def main(only: tuple[str, ...], rounds: int, short: bool, as_json: bool, folder: Path | None) -> None:
    """Measure the goals of bench/README.md, each against a floor in the same run."""
    with tempfile.TemporaryDirectory(dir=folder) as directory:
        described = machine.describe(Path(directory))
    results: list[Result] = []
    skipped: list[str] = []
    for name in only or tuple(BENCHES):
        bench = BENCHES[name](short=short)
        if bench is None:
            skipped.append(f"{name} skipped: there is no {MISSING.get(name, 'chromium')}")
            continue
        results.append(asyncio.run(run(bench, 1 if short else rounds, folder)))
        if not as_json:
            click.echo(table(results[-1]))
    if as_json:
        click.echo(
            json.dumps({"machine": described, "results": [plain(r) for r in results], "skipped": skipped})
        )
        return
    click.echo("\n".join([*skipped, *(f"{name}: {value}" for name, value in described.items())]))


def table(result: Result) -> str:
    """Return one bench as readable lines."""
    bench = result.bench
    lines = [
        f"{bench.id}  {bench.title}: goal {bench.goal.words}, {verdict(result)}",
        f"    {len(result.kept)} rounds of {bench.repeats}, {result.dropped} dropped, "
        f"canary {Spread.of(one.canary for one in result.kept).median * 1e6:.1f} us",
    ]
    for cell in bench.cells:
        compared = "" if cell.kind is Kind.FLOOR else _compared(result, cell)
        lines.append(
            f"    {cell.kind:6}{cell.name:38}{_milliseconds(result.seconds(cell)):>28}{compared:>30}"
        )
        lines += [f"{'':12}{part:32}{_milliseconds(s):>28}" for part, s in result.parts(cell).items()]
        lines += [f"{'':12}{name:32}{spread.median:>25.3f}" for name, spread in result.counts(cell).items()]
    return "\n".join([*lines, ""])


def verdict(result: Result) -> str:
    """Say whether the median of everything that is ours reaches the goal."""
    ours = [cell for cell in result.bench.cells if cell.kind is Kind.OURS]
    return (
        "met" if all(result.bench.goal.met(result.against_floor(cell).median) for cell in ours) else "MISSED"
    )


def plain(result: Result) -> dict[str, Any]:
    """Return one bench as plain values, in seconds."""
    return {
        "id": result.bench.id,
        "goal": result.bench.goal.words,
        "verdict": verdict(result),
        "rounds": len(result.kept),
        "dropped": result.dropped,
        "canary": [one.canary for one in result.kept],
        "cells": [_plain_cell(result, cell) for cell in result.bench.cells],
    }


def _plain_cell(result: Result, cell: Cell) -> dict[str, Any]:
    return {
        "name": cell.name,
        "kind": cell.kind.value,
        "seconds": _plain_spread(result.seconds(cell)),
        "against_floor": _plain_spread(result.against_floor(cell)),
        "parts": {part: _plain_spread(spread) for part, spread in result.parts(cell).items()},
        "counts": {name: _plain_spread(spread) for name, spread in result.counts(cell).items()},
    }


def _plain_spread(spread: Spread) -> dict[str, float]:
    return {"median": spread.median, "min": spread.least, "max": spread.most}


def _compared(result: Result, cell: Cell) -> str:
    spread = result.against_floor(cell)
    if result.bench.goal.ratio:
        return f"{spread.median:.2f} x ({spread.least:.2f} to {spread.most:.2f})"
    return f"+ {_milliseconds(spread)}"


def _milliseconds(spread: Spread) -> str:
    low, middle, high = (value * 1000 for value in (spread.least, spread.median, spread.most))
    return f"{middle:.3f} ms ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
