"""What the benches ran on: enough to compare two runs, nothing that tells whose machine it is."""

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sync.primitives import random_bytes

_WRITES: Final = 100
_WRITE_SIZE: Final = 8192


def describe(folder: Path) -> dict[str, str]:
    """Return the machine, the versions that matter, and how long the disk below `folder` takes to keep 8 KiB."""
    durable = disk_floor(folder)
    return {
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "PyNaCl": f"{version('pynacl')}, with the libsodium of its wheel",
        "SQLite": sqlite3.sqlite_version,
        "Flet": version("flet"),
        "disk, 8 KiB overwritten + fdatasync": f"{durable * 1e6:.0f} us",
    }


def disk_floor(folder: Path) -> float:
    """Return the seconds of one durable overwrite of 8 KiB, the median of 100."""
    path = folder / "floor"
    path.write_bytes(random_bytes(_WRITE_SIZE))
    descriptor = os.open(path, os.O_RDWR)
    seconds = []
    try:
        for _ in range(_WRITES):
            data = random_bytes(_WRITE_SIZE)
            start = time.perf_counter()
            os.pwrite(descriptor, data, 0)
            os.fdatasync(descriptor)
            seconds.append(time.perf_counter() - start)
    finally:
        os.close(descriptor)
        path.unlink()
    return statistics.median(seconds)


def _processor() -> str:
    """The model's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )
