"""Which of our own modules a phone needs: whatever the field app imports, directly or not.

A file that nobody imports there never gets in, so the desk, the relay and the demo stay out without being named. They
are named all the same: an import that would bring one of them is an error here, not a surprise on a phone.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fieldapp.errors import InputError

ENTRY: Final = "fieldapp.bootstrap"
"""The composition root of the field app."""

OWN: Final = ("fieldapp", "sync")
"""The packages that are ours; everything else is a dependency."""

DESKTOP_ONLY: Final = frozenset(
    {"fieldapp.host.loopback", "fieldapp.host.desktop_keystore", "fieldapp.host.secret_service"}
)
"""Imported by the entry on a desktop only, inside a function: left out, with all that only it would bring."""

FORBIDDEN: Final = (
    "fieldapp.desk",
    "fieldapp.services.desk",
    "fieldapp.demo",
    "fieldapp.stage",
    "sync.relay",
)
"""Never on a phone."""


def modules(root: Path, entry: str = ENTRY) -> dict[str, Path]:
    """Return every own module that `entry` needs, by dotted name, with its file below `root`; packages included.

    Imports inside functions count, those below ``if TYPE_CHECKING`` do not. InputError when a forbidden one is among
    them, or when an own module has no file.
    """
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in found or name in DESKTOP_ONLY:
            continue
        if name.startswith(FORBIDDEN):
            raise InputError(f"{name} would get onto a phone.")
        file = _file(root, name)
        if file is None:
            raise InputError(f"{name} has no file.")
        found[name] = file
        waiting += [parent for parent in _parents(name) if parent not in found]
        waiting += _imports(root, name, file)
    return dict(sorted(found.items()))


def _file(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:n]) for n in range(1, len(parts)))


def _imports(root: Path, name: str, file: Path) -> Iterator[str]:
    """Yield the own modules that a file imports; ``from package import name`` may mean a module or a value."""
    for node in _run_time_nodes(ast.parse(file.read_bytes(), filename=name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_own(alias.name))
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise InputError(f"{name} imports relative to itself.")
            if _is_own(node.module):
                yield node.module
                inner = (f"{node.module}.{alias.name}" for alias in node.names)
                yield from (module for module in inner if _file(root, module))


def _is_own(name: str) -> bool:
    return name.split(".")[0] in OWN


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from _run_time_nodes(child)
