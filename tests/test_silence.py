"""Nothing of ours writes on a terminal, into a log or a clipboard, or draws chances from Python's random, by any name.

`ruff` sees the plain forms (``print``, ``import random``). This sees what would pass there: another name, a stream, a
logger of its own, an import by a text, an attribute by a text.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SPEAKS = {
    "fieldapp/__main__.py": "the commands",
    "fieldapp/bootstrap.py": "the address of the app",
    "fieldapp/demo/world.py": "the address of the demo's page",
    "fieldapp/kit/boundary.py": "where something failed, and the class of the error",
    "fieldapp/kit/logs.py": "silences the others",
    "fieldapp/host/process.py": "the class of an error that nobody caught",
    "fieldapp/services/desk/page_program.py": "a program of its own, whose answer is a picture",
    "fieldapp/stage/wheels.py": "a command",
    "sync/client.py": "silences the client's loggers",
}
"""The only modules that may speak, and of what."""
SPEAKING = frozenset(
    {"logging", "warnings", "traceback", "pprint", "syslog", "pdb", "faulthandler", "structlog"}
)
STREAMS = frozenset(
    {"stdout", "stderr", "__stdout__", "__stderr__", "echo", "secho", "print_exc", "breakpoint"}
)
NEVER = frozenset({"random", "pickle", "shelve", "pyperclip"})
CLIPBOARD = frozenset({"clipboard", "set_clipboard", "get_clipboard", "Clipboard"})


def imported(node: ast.AST) -> set[str]:
    """Return the first parts of what a node imports, also by a text."""
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]}
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
        "import_module",
        "__import__",
    ):
        return {str(word.value).split(".")[0] for word in node.args if isinstance(word, ast.Constant)}
    return set()


def named(node: ast.AST) -> set[str]:
    """Return the names that a node reaches for: an attribute, an import, or a text in `getattr` and the like."""
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.ImportFrom):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (
        "getattr",
        "attrgetter",
        "vars",
    ):
        return {str(word.value) for word in node.args if isinstance(word, ast.Constant)}
    return set()


def offences(tree: ast.AST, *, may_speak: bool = False) -> Iterator[str]:
    """Yield what a module reaches for and must not."""
    for node in ast.walk(tree):
        if imported(node) & NEVER or named(node) & CLIPBOARD:
            yield f"line {node.lineno}: never"  # type: ignore[attr-defined]
        if not may_speak and (imported(node) & SPEAKING or named(node) & (STREAMS | {"print"})):
            yield f"line {node.lineno}: speaks"  # type: ignore[attr-defined]


def modules() -> dict[str, Path]:
    files = [*(ROOT / "fieldapp").rglob("*.py"), *(ROOT / "sync").rglob("*.py")]
    named_ = {file.relative_to(ROOT).as_posix(): file for file in sorted(files)}
    return {name: file for name, file in named_.items() if not name.startswith("sync/relay/")}


def test_nothing_speaks_but_these_few() -> None:
    found = [
        f"{name} {offence}"
        for name, file in modules().items()
        for offence in offences(ast.parse(file.read_text("utf-8")), may_speak=name in SPEAKS)
    ]
    assert found == []


def test_every_module_that_may_speak_does() -> None:
    silent = [name for name in SPEAKS if not list(offences(ast.parse((ROOT / name).read_text("utf-8"))))]
    assert silent == []


@pytest.mark.parametrize(
    "code",
    [
        "print(x)",
        "say = print",
        "import sys\nsys.stderr.write(x)",
        "from sys import stdout as out",
        "import sys as s\ns.__stderr__.write(x)",
        "import logging\nlogging.info(x)",
        "from logging import getLogger",
        "import importlib\nimportlib.import_module('logging')",
        "from importlib import import_module\nimport_module('traceback')",
        "import traceback\ntraceback.print_exc()",
        "import warnings\nwarnings.warn(x)",
        "from click import echo",
        "getattr(sys, 'stdout')",
        "import builtins\nbuiltins.print(x)",
        "getattr(builtins, 'print')(x)",
        "from pprint import pprint",
        "breakpoint()",
        "from random import choice",
        "import random as chance",
        "__import__('random')",
        "import pickle",
        "page.clipboard.set(x)",
        "getattr(page, 'clipboard')",
        "from flet import Clipboard",
        "ft.Clipboard()",
    ],
)
def test_the_lint_sees_each_offence(code: str) -> None:
    assert list(offences(ast.parse(code)))


@pytest.mark.parametrize(
    "code", ["import secrets", "x.prints", "import_module('flet_camera')", "errors.append(x)", "t('Print')"]
)
def test_it_leaves_what_says_nothing(code: str) -> None:
    assert not list(offences(ast.parse(code)))
