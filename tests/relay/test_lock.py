"""The relay is installed from docs/relay.lock: versions and hashes as everywhere else, and all that it imports."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_IMPORTED = """
import sys
import importlib.metadata
import psycopg
import sync.relay.__main__
import sync.relay.check
import sync.relay.selftest
import sync.relay.server
owners = importlib.metadata.packages_distributions()
for name in {module.partition(".")[0] for module in sys.modules}:
    print(*owners.get(name, ()))
"""
_WHERE_PRESENT = {"fieldapp", "pygments", "rich", "watchfiles"}
"""The project itself, and what click and uvicorn use only where it happens to be installed."""


def locked(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Return version and hashes of each package of a lock file."""
    found = {}
    for block in re.split(r"\n(?=\S)", path.read_text("utf-8")):
        head = re.match(r"([a-z0-9.-]+)==([^ \\]+)", block)
        if head:
            found[head[1]] = (head[2], frozenset(re.findall(r"--hash=(\S+)", block)))
    return found


def test_the_relay_has_the_versions_and_hashes_of_everything_else() -> None:
    relay, everything = locked(ROOT / "docs/relay.lock"), locked(ROOT / "requirements.lock")
    assert {"pynacl", "sqlalchemy", "uvicorn"} <= relay.keys()
    assert {name: everything.get(name) for name in relay} == relay


def test_all_that_the_relay_imports_is_locked_for_it() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    needed = {name.lower().replace("_", "-") for name in told.stdout.split()} - _WHERE_PRESENT
    assert "sqlalchemy" in needed
    assert needed <= locked(ROOT / "docs/relay.lock").keys()
